// What is compared: the Workers, the campaign that each of them serves, and the requests it gets.
import { campaign } from '../tests/e2e/campaigns.mjs';
import { send } from '../tests/e2e/http.mjs';

export const CAMPAIGN = 'bench';
const SEATS = 5000;
const LEADHOOK = 'build/index.js';

/**
 * A floor stores the body of a fresh lead, whatever the operation. `again` is the same build in a
 * second process: where the two differ, it is by noise. `only`: the one operation it takes part in.
 */
export const TARGETS = [
  {
    name: 'floor-js',
    says: 'one row stored by a Durable Object, in JavaScript',
    main: 'target/bench/floor-js/index.js',
    floor: true,
    only: 'fresh',
  },
  { name: 'floor-rust', says: 'the same in Rust', main: 'target/bench/floor-rust/index.js', floor: true },
  {
    name: 'peer',
    says: 'what Leadhook does, in TypeScript with Hono, Zod and libphonenumber-js',
    main: 'target/bench/hono/index.js',
  },
  { name: 'leadhook', says: 'this repository', main: LEADHOOK },
  { name: 'leadhook again', says: 'the same build a second time', main: LEADHOOK, again: true },
];

/** Each ratio is taken within a round, between runs that are neighbours in time. */
export const RATIOS = [
  ['leadhook', 'peer'],
  ['leadhook', 'floor-rust'],
  ['peer', 'floor-rust'],
  ['floor-rust', 'floor-js'],
  ['leadhook', 'leadhook again'],
];

/** The campaign of every target; repeats are remembered in KV, as by default. */
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

/** Publishes as the target does it. A floor knows no campaigns. */
export async function publish(target, world, campaign) {
  if (target.floor) return;
  if (target.name !== 'peer') return world.publish(campaign);
  const { publishPeer } = await conformanceModule();
  if (world.kv) return publishPeer(world, campaign);
  const entries = new Map();
  await publishPeer({ kv: { entries } }, campaign);
  for (const [key, { body }] of entries) {
    await send(world.kvUrl, 'PUT', `/${encodeURIComponent(key)}`, { body });
  }
}

/** The module that holds peer and Leadhook to the same answers. */
export function conformanceModule() {
  return import('./conformance.mjs').catch((error) => {
    throw new Error(`benches/conformance.mjs is missing or broken: ${error.message}`);
  });
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

/** What the floors do, and what a cold start is measured with. */
export const FRESH = OPERATIONS[0];
