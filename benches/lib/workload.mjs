// Workload of the benchmarks: the campaign that each target serves, and the requests it gets.
import { campaign } from '../../tests/e2e/support/campaigns.mjs';

export const CAMPAIGN = 'bench';
const SEATS = 5000;

/** Returns the campaign of every target; it uses KV as by default. */
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

const REPEATING = 64;
const KNOWN = 500;

let people = 0;

/** Returns somebody new, with a Swedish mobile number as people write it. */
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

/** Returns somebody known with answers that they have not given before. */
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

/** The operation of a cold start. */
export const FRESH = OPERATIONS[0];

/** Returns a fresh lead with an e-mail address and no phone number. */
export function leadWithoutPhone() {
  const { phone, ...lead } = newPerson();
  return lead;
}
