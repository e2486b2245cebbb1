// The campaign of the tests, as JSON, and people who fill it in.

const TEXTS = {
  newsletter: 'Yes, send me news and offers from Example AB by e-mail.',
  calls: 'You may call me about my enquiry.',
};
export const NEWSLETTER_TEXT = TEXTS.newsletter;

/** A campaign with one destination; `changes` replaces whole top-level keys. */
export function campaign(id, receiver, changes = {}) {
  return {
    id,
    title: `The guide ${id}`,
    origins: ['https://www.example.com', 'https://shop.example.com'],
    thanks_url: 'https://www.example.com/thanks',
    default_country: 'SE',
    language: 'en',
    time_zone: 'Europe/Stockholm',
    controller: {
      name: 'Example AB',
      email: 'privacy@example.com',
      privacy_notice: 'https://www.example.com/privacy',
      privacy_notice_version: '2026-10',
    },
    field: [
      { name: 'email', kind: 'email', label: 'E-mail', required: true },
      { name: 'phone', kind: 'phone', label: 'Phone' },
      { name: 'name', kind: 'text', label: 'Name', min_length: 2, max_length: 60 },
      { name: 'company_size', kind: 'choice', choices: ['1-10', '11-50', '51-200', '201+'] },
      { name: 'seats', kind: 'number', min: 1, max: 5000 },
      { name: 'wants_demo', kind: 'boolean' },
      { name: 'country', kind: 'country' },
      { name: 'website', kind: 'url' },
    ],
    purpose: [
      { id: 'newsletter', text: TEXTS.newsletter, version: '2026-11', required: true, channel: 'email' },
      { id: 'calls', text: TEXTS.calls, version: '2026-11', channel: 'phone' },
    ],
    // Repeats are answered by the ledger, so that the counters are exact.
    dedupe: { remember_in_kv: false },
    score: [
      { rule: 'large company', points: 30, when: { field: 'company_size', is_one_of: ['51-200', '201+'] } },
      { rule: 'paid search', points: 10, when: { attribution: 'utm_source', is: 'google' } },
      { rule: 'left a number', points: 15, when: { field: 'phone', present: true } },
      { rule: 'free mail', points: -5, when: { about: 'email_kind', is: 'free' } },
    ],
    qualify: { warm: 20, hot: 40 },
    destination: [{ name: 'crm', url: receiver.url, secret: 'CRM_WEBHOOK_SECRET' }],
    ...changes,
  };
}

let people = 0;

/** A new person's valid answers. Every address and number of the tests is one that `leaks.mjs` can find. */
export function person(changes = {}) {
  people += 1;
  return {
    email: `p${process.pid}.${people}@example.org`,
    name: 'Ada Lovelace',
    consent: { newsletter: true },
    ...changes,
  };
}

let numbers = 5;

/** One of the mobile numbers that Sweden keeps free for fiction, as people write them. */
export function phoneNumber() {
  numbers += 1;
  const last = String(numbers).padStart(2, '0');
  return { written: `070-174 06 ${last}`, e164: `+467017406${last}` };
}

/** The same answers as a form sends them. */
export function asForm({ consent = {}, ...fields }) {
  const entries = Object.entries(fields).map(([name, value]) => [name, String(value)]);
  for (const [purpose, value] of Object.entries(consent)) {
    entries.push([`consent.${purpose}`, value === true ? 'on' : value]);
  }
  return entries;
}
