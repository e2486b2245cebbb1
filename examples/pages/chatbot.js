// A tiny chatbot. It asks what the campaign asks: GET /c/chatbot-contact says which questions,
// which consents and in which words. A new question in the campaign needs no change here.

import { newKey, send } from './send.js';

const log = document.querySelector('[data-log]');
const form = document.querySelector('[data-answer]');
const choices = document.querySelector('[data-choices]');
const input = form.elements.namedItem('answer');
const INPUT_TYPES = { email: 'email', phone: 'tel', number: 'number', url: 'url' };

start().catch(() => say('Sorry, I cannot answer right now. Please reload the page.'));

async function start() {
  const response = await fetch('/c/chatbot-contact', { headers: { Accept: 'application/json' } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const campaign = await response.json();
  say('Hello! I pass your question to the right person.');

  const answers = {};
  const consent = {};
  for (const field of campaign.fields) await askField(field, answers);
  notice(campaign.privacy_notice);
  for (const purpose of campaign.purposes) {
    if (purpose.channel === 'phone' && !answers.phone) continue;
    if (await askPurpose(purpose, consent)) continue;
    return say('Then I do not pass your question on. Nothing was sent.');
  }
  await deliver(campaign, answers, consent);
}

async function askField(field, answers) {
  const question = field.label ?? field.name;
  for (;;) {
    say(question);
    const options = field.choices ?? (field.kind === 'boolean' ? ['Yes', 'No'] : []);
    const answer = await listen(field, field.required ? options : [...options, 'Skip']);
    delete answers[field.name];
    if (!field.required && (answer === 'Skip' || answer === '')) return;
    if (answer === '') { say('I need an answer to this one.'); continue; }
    answers[field.name] = typed(field.kind, answer);
    return;
  }
}

function typed(kind, answer) {
  if (kind === 'boolean') return answer === 'Yes';
  return kind === 'number' ? Number(answer) : answer;
}

// A consent is a clear yes to the campaign's own words. The version says which words were shown.
// Returns whether the campaign can go on.
async function askPurpose(purpose, consent) {
  say(purpose.text);
  if (await listen({}, ['Yes', 'No']) === 'Yes') consent[purpose.id] = purpose.version;
  return purpose.id in consent || !purpose.required;
}

async function deliver(campaign, answers, consent) {
  const json = { 'Content-Type': 'application/json' };
  let key = newKey();
  for (;;) {
    const body = JSON.stringify({ ...answers, consent, page_url: location.origin + location.pathname });
    const result = await send(campaign.endpoint, body, key, json);
    if (result.accepted) return say('Thank you! We will be in touch soon.');

    const wrong = result.errors.filter(({ field }) => campaign.fields.some(({ name }) => name === field));
    for (const { field, detail } of wrong) {
      say(detail);
      await askField(campaign.fields.find(({ name }) => name === field), answers);
    }
    if (wrong.length > 0) { key = newKey(); continue; } // another content needs another key
    say(result.errors.map(({ detail }) => detail).join(' ') || result.message);
    await listen({}, ['Try again']);
  }
}

// Resolves to what the visitor typed or chose.
function listen(field, options) {
  const mayType = !field.choices && field.kind && field.kind !== 'boolean';
  form.hidden = !mayType;
  input.type = INPUT_TYPES[field.kind] ?? 'text';
  input.autocomplete = { email: 'email', phone: 'tel' }[field.kind] ?? 'off';
  input.maxLength = field.max_length ?? 2000;
  return new Promise((resolve) => {
    const answer = (text) => {
      form.hidden = true;
      choices.replaceChildren();
      form.onsubmit = null;
      input.value = '';
      if (text) add(text, 'visitor');
      resolve(text);
    };
    choices.replaceChildren(...options.map((text) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = text;
      button.onclick = () => answer(text);
      return button;
    }));
    form.onsubmit = (event) => {
      event.preventDefault();
      answer(input.value.trim());
    };
    (mayType ? input : choices.firstElementChild)?.focus();
  });
}

function say(text) {
  add(text, 'bot');
}

function notice(url) {
  const line = add('How we treat your data: ', 'bot');
  const link = document.createElement('a');
  link.href = url;
  link.target = '_blank'; // leaving the page would end the conversation
  link.textContent = 'privacy notice';
  line.append(link);
}

function add(text, who) {
  const line = document.createElement('p');
  line.className = who;
  line.textContent = text;
  log.append(line);
  line.scrollIntoView({ block: 'nearest' });
  return line;
}
