// The funnel: six numbers, each a part of the one before, and in words what was lost between two.
import { card } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count, plural, share } from '../ui/format.js';

const STEPS = [
  ['received', 'Received', 'submissions read'],
  ['valid', 'Valid', 'every field valid'],
  ['consented', 'Consented', 'with the required consent'],
  ['new', 'New', 'first seen, or updated while held'],
  ['qualified', 'Qualified', 'forwarded, at once or later'],
  ['delivered', 'Delivered', 'confirmed by every destination'],
];

const ENDED = 'expired, withdrawn or erased';
/** The rest of a step. A known person who gets something new is a lead already. */
const RESTS = { new: `from known people, or ${ENDED}`, qualified: ENDED, delivered: ENDED };

/**
 * Returns what was lost at each step: `[number, one, many]`. Some states also hold posts of known people, which are not
 * of the funnel's later steps: no more is named than what was lost.
 */
function losses({ funnel, states, repeats, kv_repeats: kvRepeats }) {
  const of = (name) => states[name] ?? 0;
  const named = {
    valid: [[funnel.received - funnel.valid, 'rejected']],
    consented: [[funnel.valid - funnel.consented, 'without consent']],
    new: [
      [repeats + kvRepeats, 'repeat', 'repeats'],
      [of('duplicate'), 'duplicate', 'duplicates'],
      [of('suppressed'), 'suppressed'],
      [of('quarantined'), 'quarantined'],
      [of('discarded'), 'discarded'],
      [of('unconfirmed'), 'unconfirmed'],
    ],
    qualified: [[of('held'), 'held']],
    delivered: [
      [of('pending'), 'pending'],
      [of('dead'), 'dead'],
    ],
  };
  const before = Object.fromEntries(STEPS.map(([name], at) => [name, STEPS[at - 1]?.[0]]));
  for (const [name, list] of Object.entries(named)) {
    let left = Math.max(0, funnel[before[name]] - funnel[name]);
    for (const loss of list) {
      loss[0] = Math.min(loss[0], left);
      left -= loss[0];
    }
    list.push([left, RESTS[name] ?? 'for other reasons']);
  }
  return named;
}

const textOf = ([number, one, many = one]) => `${count(number)} ${number === 1 ? one : many}`;

export function funnelCard(report) {
  const { funnel, refused } = report;
  const lost = losses(report);
  const part = (name) => (funnel.received > 0 ? funnel[name] / funnel.received : 0);
  const steps = STEPS.map(([name, title, meaning], at) => {
    const before = STEPS[at - 1]?.[0];
    const next = STEPS[at + 1]?.[0];
    const texts = (lost[name] ?? []).filter(([number]) => number > 0).map(textOf);
    return h(
      'li',
      { class: 'step', vars: { part: part(name), next: next ? part(next) : part(name) }, 'data-step': name },
      h(
        'div',
        { class: 'step-head' },
        h('span', { class: 'step-name', title: meaning }, title),
        h('span', { class: 'step-number' }, count(funnel[name])),
        h(
          'span',
          { class: 'step-share' },
          before ? `${share(funnel[name], funnel[before])} of ${before}` : meaning,
        ),
      ),
      h(
        'div',
        { class: 'step-picture', 'aria-hidden': 'true' },
        h('div', { class: 'step-bar' }),
        next && h('div', { class: 'step-fall' }),
      ),
      before &&
        h(
          'ul',
          { class: 'step-lost', 'aria-label': `Lost before ${name}` },
          texts.length
            ? texts.map((text) => h('li', {}, text))
            : h('li', { class: 'nothing' }, 'nothing lost'),
        ),
    );
  });
  const throttled = refused?.throttled ?? 0;
  return card(
    'Funnel',
    {
      class: 'full',
      note:
        throttled > 0
          ? `${plural(throttled, 'more submission was', 'more submissions were')} rate limited and not read`
          : null,
    },
    h('ol', { class: 'funnel' }, steps),
  );
}
