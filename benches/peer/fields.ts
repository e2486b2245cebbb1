// Zod schema of a campaign's fields and consents. An issue's message is its code.
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import * as z from 'zod/mini';
import type { Campaign, Field, Purpose } from './model';

const MAX_TEXT = 2_000;
const MAX_URL = 2_048;
/** Longer texts are no number: 15 digits, each with a separator, and an extension fit with room to spare. */
const MAX_PHONE_TEXT = 80;
/** `+` and 15 digits (ITU-T E.164). */
const MAX_E164 = 16;

const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** The HTML standard's grammar without stray dots, in RFC 5321's lengths; the domain has a dot and is no number. */
const EMAIL = new RegExp(
  `^(?=.{3,254}$)(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+(?!(?:\\d+|0x[0-9a-f]*)$)${LABEL}$`,
);
const PLAIN_ADDRESS = /^\p{ASCII}*$/u;
const A_LABEL = /[@.]xn--/;
const NOT_IN_A_DOMAIN = /[^a-z0-9.\-\u0080-\u{10ffff}]/u;
const DECIMAL = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$/;

const countries = new Set<string>(COUNTRIES);
const truths = new Map<unknown, boolean>([
  ['true', true],
  ['on', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['off', false],
  ['no', false],
  ['0', false],
]);

/** The value of a field that was given twice and differently. */
export const REPEATED = Symbol('repeated');

export interface Choice {
  purpose: string;
  granted: boolean;
  /** The version that the form said it showed. */
  shown: string | null;
}

export interface Phone {
  e164: string;
  country: string | undefined;
}

/** Returns the codes of a value of another type; `unreadable` is that of a text that does not say one. */
const typed = (unreadable = 'wrong_type') => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined
      ? 'required'
      : input === REPEATED
        ? 'repeated'
        : typeof input === 'string' || input === Infinity || input === -Infinity
          ? unreadable
          : 'wrong_type',
});

/** The schema of one field, and the words of its codes. */
type Rule = { schema: z.ZodMiniType; details?: Record<string, string> };

const rules: Record<Field['kind'], (field: Field, country: Campaign['country']) => Rule> = {
  email: () => ({
    schema: z.string(typed()).check(z.overwrite(asciiAddress), z.regex(EMAIL, 'invalid_email')),
    details: { invalid_email: 'must be an e-mail address, as in name@example.com' },
  }),
  phone: (_, country) => ({
    schema: z.pipe(
      z.string(typed()),
      z.transform((text: string, context): Phone => {
        const phone = phoneOf(text, country);
        if (phone) return phone;
        context.issues.push({ code: 'custom', message: 'invalid_phone', input: text });
        return z.NEVER;
      }),
    ),
    details: { invalid_phone: 'must be a phone number, best with its country code' },
  }),
  text: ({ min_length: min = 0, max_length: max = MAX_TEXT }) => ({
    schema: z.string(typed()).check(
      z.normalize('NFC'),
      z.refine((text) => text.length >= 2 * min || characters(text) >= min, 'too_short'),
      z.refine((text) => text.length <= max || characters(text) <= max, 'too_long'),
    ),
    details: {
      too_short: `must have at least ${min} characters`,
      too_long: `must have at most ${max} characters`,
    },
  }),
  choice: ({ choices = [] }) => ({
    schema: z.enum(choices, typed('not_a_choice')),
    details: { not_a_choice: `must be one of ${choices.join(', ')}` },
  }),
  number: ({ min = -Infinity, max = Infinity }) => ({
    schema: z.pipe(
      z.transform((value) => (typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value)),
      z.number(typed('invalid_number')).check(z.gte(min, 'too_small'), z.lte(max, 'too_large')),
    ),
    details: {
      invalid_number: 'must be a number, as in 12 or 12.5',
      too_small: `must be at least ${min}`,
      too_large: `must be at most ${max}`,
    },
  }),
  boolean: () => ({
    schema: z.pipe(
      z.transform((value) =>
        typeof value === 'string' ? (truths.get(value.toLowerCase()) ?? value) : value,
      ),
      z.boolean(typed('invalid_boolean')),
    ),
    details: { invalid_boolean: 'must be true or false' },
  }),
  country: () => ({
    schema: z.string(typed()).check(
      z.toUpperCase(),
      z.refine((code) => countries.has(code), 'invalid_country'),
    ),
    details: { invalid_country: 'must be a country by ISO 3166-1, as in SE' },
  }),
  url: ({ max_length: max = MAX_URL }) => ({
    schema: z.string(typed()).check(
      z.refine((text) => text.length <= max || characters(text) <= max, { error: 'too_long', abort: true }),
      z.refine(isWebAddress, 'invalid_url'),
    ),
    details: {
      too_long: `must have at most ${max} characters`,
      invalid_url: 'must be an address, as in https://example.com',
    },
  }),
};

/** Reads `on`, `true` or the version that was shown. */
const consent = ({ id: purpose, version, required }: Purpose) =>
  z.transform((value: unknown, { issues }): Choice => {
    const text = typeof value === 'number' ? String(value) : value;
    const shown = text === version ? version : null;
    const granted = shown !== null || text === true || text === 'on' || text === 'true';
    const refused = text === undefined || text === false || text === 'off' || text === 'false';
    const code =
      typeof text === 'object'
        ? 'wrong_type'
        : !granted && !refused
          ? 'wording_outdated'
          : refused && required
            ? 'consent_required'
            : undefined;
    if (code) issues.push({ code: 'custom', message: code, input: value });
    return { purpose, granted, shown };
  });

/** Returns the schema of a campaign's submissions, and the words of its issues, by `{field} {code}`. */
export function submissionSchema(fields: Field[], purposes: Purpose[], country: Campaign['country']) {
  const shape: Record<string, z.ZodMiniType> = {};
  const details = new Map<string, string>();
  for (const field of fields) {
    const rule = rules[field.kind](field, country);
    shape[field.name] = field.required ? rule.schema : z.optional(rule.schema);
    const all = {
      required: 'is required',
      repeated: 'was given more than once',
      wrong_type: `must be a ${field.kind}`,
      ...rule.details,
    };
    for (const [code, detail] of Object.entries(all)) details.set(`${field.name} ${code}`, detail);
  }
  for (const purpose of purposes) {
    shape[`consent.${purpose.id}`] = consent(purpose);
    for (const code of ['wrong_type', 'wording_outdated']) {
      details.set(`consent.${purpose.id} ${code}`, 'is not the version that is in force');
    }
    details.set(`consent.${purpose.id} consent_required`, 'this consent is required');
  }
  return { schema: z.object(shape), details };
}

/** Returns the lengths that the acceptance criteria state of a field. */
export const lengths = ({ kind, min_length, max_length }: Field) =>
  kind === 'text'
    ? { min_length: min_length ?? 0, max_length: max_length ?? MAX_TEXT }
    : kind === 'url'
      ? { max_length: max_length ?? MAX_URL }
      : {};

/** Returns an address in lower case, a domain of another script as A-labels. A text that is no address stays none. */
function asciiAddress(text: string): string {
  const address = text.toLowerCase();
  if (PLAIN_ADDRESS.test(address) && !A_LABEL.test(address)) return address;
  const composed = address.normalize('NFC');
  const at = composed.indexOf('@') + 1;
  const domain = composed.slice(at);
  if (NOT_IN_A_DOMAIN.test(domain)) return '';
  return composed.slice(0, at) + (URL.parse(`https://${domain}/`)?.hostname ?? '');
}

export function phoneOf(text: string, country: Campaign['country']): Phone | undefined {
  if (text.length > MAX_PHONE_TEXT) return undefined;
  // Of RFC 3966's parameters only a context changes what the number says.
  const [number = '', parameters] = text.split(';', 2);
  if (parameters?.toLowerCase().includes('phone-context')) return undefined;
  const phone = parsePhoneNumberFromString(number, country as CountryCode | undefined);
  if (!phone?.isValid() || phone.number.length > MAX_E164) return undefined;
  return { e164: phone.number, country: phone.country };
}

function isWebAddress(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === 'https:' || protocol === 'http:';
}

/** Counts characters, not UTF-16's halves of them. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
