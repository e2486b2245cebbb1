// Intake: from bytes to a submission, or to all its problems at once. No problem holds anything that was submitted.
import type * as z from 'zod/mini';
import { type Choice, type Phone, REPEATED } from './fields';
import { type Campaign, isAttribution } from './model';

/** The memory and the time that a stranger can take are bounded before anything is parsed. */
export const MAX_BODY_BYTES = LIMITS.body_bytes;
export const MAX_FIELDS = LIMITS.body_fields;
/** Characters of an attribution value; what is longer is cut, for attribution never rejects. */
const MAX_ATTRIBUTION = 500;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const lenient = new TextDecoder();

export type Method = 'form' | 'json';

export interface Submission {
  contact: { email?: string; phone?: string };
  phoneCountry: string | undefined;
  /** By field; the contact's two fields are not among them. */
  answers: Record<string, unknown>;
  attribution: Record<string, string>;
  choices: Choice[];
  method: Method;
}

export interface Problem {
  field: string;
  code: string;
  detail: string;
}

/** A body that could not be read as fields: their mistake, in words of ours. */
export class Malformed extends Error {}

interface Given {
  values: Record<string, unknown>;
  attribution: Record<string, string>;
}

/** Returns the encoding of a body, or `undefined` if nothing here reads it. */
export function methodOf(contentType: string | null): Method | undefined {
  if (contentType === 'application/json') return 'json';
  const [essence = '', ...parameters] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '');
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset)) return undefined;
  if (essence === 'application/x-www-form-urlencoded') return 'form';
  return /^(application\/json|[^/]+\/[^/]+\+json)$/.test(essence) ? 'json' : undefined;
}

/** Returns the declared fields of a body and its attribution. Unknown fields are counted and dropped. */
export function fieldsOf(body: ArrayBuffer, method: Method, { lastCounts }: Campaign): Given {
  const values: Given['values'] = {};
  const attribution: Given['attribution'] = {};
  let count = 0;
  const add = (name: string, value: unknown) => {
    if (++count > MAX_FIELDS) throw new Malformed('It has too many fields.');
    const last = lastCounts.get(name);
    if (last !== undefined) {
      values[name] = last || values[name] === undefined || values[name] === value ? value : REPEATED;
    } else if (isAttribution(name)) {
      if (typeof value === 'string' && !Object.hasOwn(attribution, name)) attribution[name] = value;
    } else if (name.includes('\0')) throw new Malformed("A field's name holds a NUL character.");
  };
  if (method === 'form') {
    for (const [name, value] of new URLSearchParams(lenient.decode(body))) add(name, value);
    return { values, attribution };
  }
  const addJson = (name: string, value: unknown) => {
    if (value === null) return;
    if (!Array.isArray(value)) add(name, value);
    else if (value.some((item) => typeof item === 'object' && item !== null)) add(name, value);
    else for (const item of value) addJson(name, item);
  };
  for (const [name, value] of Object.entries(object(body))) {
    if (name === 'consent' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [purpose, choice] of Object.entries(value)) addJson(`consent.${purpose}`, choice);
    } else addJson(name, value);
  }
  return { values, attribution };
}

function object(body: ArrayBuffer): object {
  let root: unknown;
  try {
    root = JSON.parse(strict.decode(body));
  } catch {
    throw new Malformed('The body is not valid JSON.');
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw new Malformed('The JSON must be an object.');
  }
  return root;
}

/** Checks decoded fields against the campaign. */
export function accept(given: Given, method: Method, campaign: Campaign): Submission | Problem[] {
  const { values } = given;
  for (const name in values) {
    const value = values[name];
    // A field that was left empty was not answered.
    if (typeof value === 'string') values[name] = value.trim() || undefined;
  }
  // Issues as they are raised: finishing them, as safeParse does, costs more than raising them.
  const run = campaign.schema._zod.run({ value: values, issues: [] }, { async: false });
  const { value: accepted, issues } = run as z.core.ParsePayload<Record<string, unknown>>;
  const { email, phone } = campaign.contact;
  const nobody = (!email || values[email] === undefined) && (!phone || values[phone] === undefined);
  if (issues.length || nobody) return problems(issues, nobody, campaign);

  const submission: Submission = {
    contact: {},
    phoneCountry: undefined,
    answers: {},
    attribution: attributionOf(given),
    choices: campaign.purposes.map(({ id }) => accepted[`consent.${id}`] as Choice),
    method,
  };
  for (const { name, kind } of campaign.fields) {
    const value = accepted[name];
    if (value === undefined) continue;
    if (name === email) submission.contact.email = value as string;
    else if (name === phone) {
      submission.contact.phone = (value as Phone).e164;
      submission.phoneCountry = (value as Phone).country;
    } else submission.answers[name] = kind === 'phone' ? (value as Phone).e164 : value;
  }
  return submission;
}

/** Returns the problems in the campaign's order: fields, that nobody can be reached, consents. */
function problems(issues: z.core.$ZodRawIssue[], nobody: boolean, campaign: Campaign): Problem[] {
  const all = issues.map((issue) => {
    const field = String(issue.path?.[0]);
    const error = issue.inst?._zod.def.error as z.core.$ZodErrorMap | undefined;
    const code = String(issue.message ?? error?.(issue));
    return { field, code, detail: campaign.details.get(`${field} ${code}`) ?? 'is not valid' };
  });
  const contacts = campaign.fields
    .filter(({ kind }) => kind === 'email' || kind === 'phone')
    .map(({ name }) => name);
  if (!nobody || !contacts[0] || all.some(({ field }) => contacts.includes(field))) return all;
  const detail = 'an e-mail address or a phone number is required';
  const behindFields = all.findIndex(({ field }) => field.startsWith('consent.'));
  const at = behindFields < 0 ? all.length : behindFields;
  return all.toSpliced(at, 0, { field: contacts[0], code: 'required', detail });
}

function attributionOf({ attribution }: Given): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name in attribution) {
    let text = attribution[name]?.trim() ?? '';
    // Query and fragment of an address may hold anything: a token, an e-mail address.
    if (name === 'page_url' || name === 'referrer') text = text.split(/[?#]/, 1)[0] ?? '';
    if (text.length > MAX_ATTRIBUTION) text = [...text].slice(0, MAX_ATTRIBUTION).join('');
    if (text) all[name] = text;
  }
  return all;
}
