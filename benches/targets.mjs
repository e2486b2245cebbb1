// What is compared: the Workers, the campaign that each of them serves, and the requests it gets.
import path from 'node:path';
import { campaign } from '../tests/e2e/support/campaigns.mjs';
import { send } from '../tests/e2e/support/http.mjs';

export const CAMPAIGN = 'bench';
const SEATS = 5000;
const LEADHOOK_MAIN = 'build/index.js';

/**
 * `kind` says how it is published to. `again` is the same build in a second process: where the two
 * differ, it is by noise. `only`: the one operation it takes part in.
 */
export const TARGETS = [
  {
    name: 'floor',
    kind: 'floor',
    says: 'the least that stores, answers, sends and settles a lead, in JavaScript (`floor.mjs`)',
    main: 'target/bench/floor/index.js',
    only: 'fresh',
  },
  {
    name: 'peer',
    kind: 'peer',
    says: 'what Leadhook does with a lead, in TypeScript with Hono, Zod and libphonenumber-js (`hono/`)',
    main: 'target/bench/hono/index.js',
  },
  { name: 'leadhook', kind: 'leadhook', says: 'this repository', main: LEADHOOK_MAIN },
  {
    name: 'leadhook again',
    kind: 'leadhook',
    says: 'the same build a second time',
    main: LEADHOOK_MAIN,
    again: true,
  },
];
export const LEADHOOK = TARGETS.find(({ name }) => name === 'leadhook');

/** A further build of Leadhook: a folder as `make build` leaves it. */
export const buildTarget = (name, folder) => ({
  name,
  kind: 'leadhook',
  says: 'another build of Leadhook',
  main: path.join(folder, 'index.js'),
});

/**
 * What is divided by what among these targets, where both take part: each Leadhook by what it is measured
 * against. A ratio is taken within a round, between runs that are neighbours in time.
 */
export function ratioPairs(targets) {
  const builds = targets.filter((target) => !TARGETS.includes(target)).map(({ name }) => name);
  return [
    ['leadhook', 'peer'],
    ['leadhook', 'floor'],
    ['peer', 'floor'],
    ['leadhook', 'leadhook again'],
    ...builds.flatMap((name, at) =>
      ['leadhook', 'peer', ...builds.slice(0, at)].map((other) => [name, other]),
    ),
  ];
}

/** The campaign of every target; it uses KV as by default. */
export function benchCampaign(receiver) {
  return campaign(CAMPAIGN, receiver, {
    dedupe: {},
    field: [
      { name: 'email', kind: 'email', label: 'E-mail', required: true },
      { name: 'phone', kind: 'phone', label: 'Phone' },
      { name: 'name', kind: 'text', label: 'Name', min_length: 2, max_length: 60 },
      { name: 'company_size', kind: 'choice', choices: ['1-10', '11-50', '51-200', '201+'] },
      { name: 'seats', kind: 'number', min: 1, max: SEATS },
    ],
  });
}

/** Publishes as the target does it: the peer reads campaigns from KV as they are, the floor knows only a receiver. */
export async function publish({ kind }, world, campaign) {
  if (kind === 'leadhook') return world.publish(campaign);
  const [key, body] =
    kind === 'floor'
      ? ['receiver', campaign.destination[0].url]
      : [`campaign:${campaign.id}`, JSON.stringify(campaign)];
  if (world.kv) world.kv.entries.set(key, { body: Buffer.from(body) });
  else await send(world.kvUrl, 'PUT', `/${encodeURIComponent(key)}`, { body });
}

const REPEATING = 64;
const KNOWN = 500;

let people = 0;

/** Somebody new, with a Swedish mobile number as people write it. */
function newPerson() {
  people += 1;
  const digits = String(people).padStart(7, '0');
  return {
    email: `p${digits}@example.org`,
    phone: `070-${digits.slice(0, 3)} ${digits.slice(3, 5)} ${digits.slice(5)}`,
    name: 'Ada Lovelace',
    company_size: '51-200',
    consent: { newsletter: true },
    utm_source: 'google',
  };
}

const newPeople = (count) => Array.from({ length: count }, newPerson);
const repeating = newPeople(REPEATING);
const known = newPeople(KNOWN);
let contents = 0;

/** Somebody known with answers that they have not given before. */
function knownWithNewAnswers() {
  contents += 1;
  return { ...known[contents % KNOWN], seats: 1 + (Math.floor(contents / KNOWN) % SEATS) };
}

const INVALID = {
  email: 'ada@@example.org',
  phone: '070-1',
  name: 'Ada Lovelace',
  company_size: 'enormous',
  utm_source: 'google',
};

/**
 * `people`: who is posted before, so that they are known; `bodies(count)`: so many bodies of a run,
 * or fewer that it sends `again`; `seconds`: a round's length.
 */
export const OPERATIONS = [
  {
    name: 'fresh',
    says: 'a person whom nobody has seen before',
    status: 202,
    delivers: true,
    bodies: newPeople,
    seconds: 2,
  },
  {
    name: 'repeat',
    says: `the same post once more, by one of ${REPEATING} people`,
    status: 202,
    people: repeating,
    bodies: () => repeating,
    again: true,
    seconds: 1,
  },
  {
    name: 'known',
    says: `one of ${KNOWN} known people with new answers`,
    status: 202,
    people: known,
    bodies: (count) => Array.from({ length: count }, knownWithNewAnswers),
    seconds: 1,
  },
  {
    name: 'invalid',
    says: 'bad e-mail, bad phone, bad choice, no consent: four problems',
    status: 422,
    bodies: () => [INVALID],
    again: true,
    seconds: 1,
  },
  {
    name: 'criteria',
    says: 'what the campaign asks for: `GET /c/{campaign}`',
    status: 200,
    seconds: 1,
  },
];

/** What a cold start is measured with. */
export const FRESH = OPERATIONS[0];

/** A fresh lead with an e-mail address and no phone number. */
export function leadWithoutPhone() {
  const { phone, ...lead } = newPerson();
  return lead;
}
