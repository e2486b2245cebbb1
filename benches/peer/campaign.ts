// A campaign as it lies in KV → a Campaign that is ready to serve: its schema, its conditions as
// functions, its texts with their digests. Kept for a minute; the last good copy serves when KV fails.
import * as z from 'zod/mini';
import da from '../../texts/da.json';
import en from '../../texts/en.json';
import sv from '../../texts/sv.json';
import { sha256Hex } from './crypto';
import { lengths, submissionSchema } from './fields';
import { MAX_BODY_BYTES, MAX_FIELDS, isAttribution } from './intake';
import { type Condition, condition } from './qualify';

/** A correction reaches every isolate in about the time that KV itself takes to spread it. */
const FRESH_MS = 60_000;
const DAY_MS = 86_400_000;
/** A field that people do not see. */
const HONEYPOT = 'contact_website';

const languages: Record<string, Record<string, string>> = { da, en, sv };
/** Of a language's texts those that a form or a chat shows. */
const SHOWN = /^(chat|download|error|form)\./;

const Slug = z.string().check(z.regex(/^(?!-)[a-z0-9-]{1,64}(?<!-)$/));
const Address = z
  .string()
  .check(z.regex(/^(https:\/\/|http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/])/));
const Count = z.number().check(z.int(), z.nonnegative());
const Value = z.union([z.string(), z.number(), z.boolean()]);

const When = z
  .strictObject({
    field: z.optional(z.string()),
    attribution: z.optional(z.string().check(z.refine(isAttribution))),
    about: z.optional(z.enum(['country', 'email_kind'])),
    is: z.optional(Value),
    is_one_of: z.optional(z.array(Value).check(z.minLength(1))),
    is_none_of: z.optional(z.array(Value).check(z.minLength(1))),
    at_least: z.optional(z.number()),
    at_most: z.optional(z.number()),
    present: z.optional(z.boolean()),
  })
  .check(
    // One subject and one test.
    z.refine((when) => Object.keys(when).length === 2),
    z.refine((when) => ['field', 'attribution', 'about'].filter((subject) => subject in when).length === 1),
  );
const Whens = z.optional(z.union([When, z.array(When).check(z.minLength(1))]));

const Field = z.strictObject({
  name: z.string().check(
    z.regex(/^[a-z][a-z0-9_]{0,63}$/),
    z.refine((name) => !isAttribution(name) && name !== 'consent'),
  ),
  label: z.optional(z.string()),
  kind: z.enum(['email', 'phone', 'text', 'choice', 'number', 'boolean', 'country', 'url']),
  required: z._default(z.boolean(), false),
  min_length: z.optional(Count),
  max_length: z.optional(Count),
  min: z.optional(z.number()),
  max: z.optional(z.number()),
  choices: z.optional(z.array(z.string()).check(z.minLength(1))),
});

const Purpose = z.strictObject({
  id: Slug,
  text: z.string().check(z.minLength(1)),
  version: z.string().check(z.minLength(1)),
  required: z._default(z.boolean(), false),
  channel: z._default(z.string(), 'email'),
  category: z._default(z.string(), 'marketing'),
  retention_days: z.optional(Count),
});

const CampaignFile = z
  .strictObject({
    id: Slug,
    title: z.string(),
    ledger: z.optional(Slug),
    origins: z._default(z.array(z.string()), []),
    thanks_url: z.optional(Address),
    default_country: z.optional(z.enum(COUNTRIES)),
    language: z._default(z.string(), 'en'),
    time_zone: z.optional(z.string()),
    unknown_fields: z._default(z.literal('ignore'), 'ignore'),
    controller: z.strictObject({
      name: z.string().check(z.minLength(1)),
      email: z.string().check(z.includes('@')),
      privacy_notice: Address,
      privacy_notice_version: z.optional(z.string()),
      address: z.optional(z.string()),
      phone: z.optional(z.string()),
      country: z.optional(z.string()),
    }),
    field: z
      .array(Field)
      .check(z.refine((fields) => fields.some(({ kind }) => kind === 'email' || kind === 'phone'))),
    purpose: z._default(z.array(Purpose), []),
    dedupe: z.prefault(
      z.strictObject({
        window_days: z._default(Count, 180),
        by: z._default(z.array(z.enum(['email', 'phone'])).check(z.minLength(1)), ['email']),
        on_repeat: z._default(z.literal('ignore'), 'ignore'),
        remember_in_kv: z._default(z.boolean(), true),
        fold_gmail: z._default(z.boolean(), true),
      }),
      {},
    ),
    score: z._default(
      z.array(
        z.strictObject({ rule: z.string(), points: z.number().check(z.int()), when: z.nonoptional(Whens) }),
      ),
      [],
    ),
    qualify: z.prefault(
      z.strictObject({
        warm: z._default(z.number(), 20),
        hot: z._default(z.number(), 60),
        mql: z.optional(z.number()),
        sql: z.optional(z.number()),
        forward_at: z.optional(z.number()),
      }),
      {},
    ),
    destination: z._default(
      z.array(
        z.strictObject({
          name: Slug,
          url: Address,
          secret: z.string().check(z.regex(/^(?!LEADHOOK_)[A-Z][A-Z0-9_]{0,63}$/)),
          needs: z.optional(z.array(z.string())),
          when: Whens,
          forward_at: z.optional(z.number()),
        }),
      ),
      [],
    ),
  })
  .check(
    z.refine(({ purpose, destination }) => {
      const purposes = new Set(purpose.map(({ id }) => id));
      return destination.every(({ needs = [] }) => needs.every((need) => purposes.has(need)));
    }),
    z.refine(({ field, score, destination }) => {
      const fields = new Set<string | undefined>([undefined, ...field.map(({ name }) => name)]);
      return [...score, ...destination].every(({ when = [] }) =>
        [when].flat().every((one) => fields.has(one.field)),
      );
    }),
  );

type File = z.output<typeof CampaignFile>;
export type Field = z.output<typeof Field>;
export type When = z.output<typeof When>;

export interface Purpose extends z.output<typeof Purpose> {
  text_sha256: string;
}

export interface Destination {
  name: string;
  url: string;
  secret: string;
  needs: string[];
  when: Condition[];
  forwardAt: number;
  /** What it is known by across campaigns: its address as a digest, for an address may hold a token. */
  receiver: string;
}

export interface Campaign {
  id: string;
  ledger: string;
  origins: string[];
  language: string;
  country: File['default_country'];
  fields: Field[];
  purposes: Purpose[];
  /** What a submission's id starts from: the campaign and the wordings in force. */
  identity: string;
  schema: ReturnType<typeof submissionSchema>['schema'];
  details: ReturnType<typeof submissionSchema>['details'];
  /** Everything declared, and whether the last of several values counts: of boxes, as frameworks send them. */
  lastCounts: Map<string, boolean>;
  /** The first field of each kind that says who or where the person is. */
  contact: { email?: string; phone?: string; country?: string };
  windowMs: number;
  by: ('email' | 'phone')[];
  rememberInKv: boolean;
  foldGmail: boolean;
  rules: { rule: string; points: number; when: Condition[]; because: string }[];
  thresholds: { warm: number; hot: number; mql: number; sql: number; forwardAt: number };
  destinations: Destination[];
  notice: { url: string; version?: string; sha256: string };
  /** What a form or a chatbot needs to be right the first time, as JSON: up to the form's token, which comes last. */
  criteria: string;
}

const shelf = new Map<string, { readMs: number; campaign: Campaign }>();

/** The campaign of that id; undefined where there is none. Not a promise where the copy is fresh. */
export function findCampaign(env: Env, id: string): Campaign | undefined | Promise<Campaign | undefined> {
  const kept = shelf.get(id);
  return kept && Date.now() - kept.readMs < FRESH_MS ? kept.campaign : read(env, id, kept?.campaign);
}

async function read(env: Env, id: string, kept?: Campaign): Promise<Campaign | undefined> {
  // KV refuses keys that are too long; an id that no campaign can have is nobody's.
  if (!z.safeParse(Slug, id).success) return undefined;
  try {
    const stored = await env.KV.get(`campaign:${id}`);
    // KV caches misses: what has been read is not taken back by one.
    if (stored === null) return kept;
    const file = CampaignFile.parse(JSON.parse(stored));
    if (env.LEADHOOK_ENV !== 'dev' && file.destination.some(({ url }) => url.startsWith('http:'))) {
      throw new Error('the campaign has addresses for development only');
    }
    const campaign = await ready(file, env);
    shelf.set(id, { readMs: Date.now(), campaign });
    return campaign;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

async function ready(file: File, env: Env): Promise<Campaign> {
  const purposes = await Promise.all(
    file.purpose.map(async (purpose) => ({ ...purpose, text_sha256: await sha256Hex(purpose.text) })),
  );
  const { controller, qualify } = file;
  const first = (kind: Field['kind']) => file.field.find((field) => field.kind === kind)?.name;
  const language = file.language in languages ? file.language : 'en';
  const texts = Object.entries(languages[language]!).filter(([key]) => SHOWN.test(key));
  const required = purposes.filter((purpose) => purpose.required).map(({ id }) => id);
  const destinations = await Promise.all(
    file.destination.map(async ({ name, url, secret, needs = required, when, forward_at = -Infinity }) => {
      const receiver = (await sha256Hex(url)).slice(0, 16);
      return { name, url, secret, needs, when: conditions(when), forwardAt: forward_at, receiver };
    }),
  );
  return {
    id: file.id,
    ledger: file.ledger ?? file.id,
    origins: file.origins,
    language: file.language,
    country: file.default_country,
    fields: file.field,
    purposes,
    identity: JSON.stringify([file.id, purposes.map(({ id, version }) => [id, version])]),
    ...submissionSchema(file.field, purposes, file.default_country),
    lastCounts: new Map([
      ...file.field.map(({ name, kind }) => [name, kind === 'boolean'] as const),
      ...purposes.map(({ id }) => [`consent.${id}`, true] as const),
    ]),
    contact: { email: first('email'), phone: first('phone'), country: first('country') },
    windowMs: file.dedupe.window_days * DAY_MS,
    by: file.dedupe.by,
    rememberInKv: file.dedupe.remember_in_kv,
    foldGmail: file.dedupe.fold_gmail,
    rules: file.score.map(({ rule, points, when }) => {
      const all = conditions(when);
      return { rule, points, when: all, because: all.map(({ because }) => because).join(' and ') };
    }),
    thresholds: {
      warm: qualify.warm,
      hot: qualify.hot,
      mql: qualify.mql ?? qualify.warm,
      sql: qualify.sql ?? qualify.hot,
      forwardAt: qualify.forward_at ?? -Infinity,
    },
    destinations,
    notice: {
      url: controller.privacy_notice,
      ...(controller.privacy_notice_version && { version: controller.privacy_notice_version }),
      sha256: await sha256Hex(JSON.stringify(controller, Object.keys(controller).sort())),
    },
    criteria:
      JSON.stringify({
        campaign: file.id,
        title: file.title,
        language: file.language,
        endpoint: `${env.LEADHOOK_PUBLIC_URL?.replace(/\/+$/, '') ?? ''}/c/${file.id}`,
        default_country: file.default_country ?? null,
        fields: file.field.map((field) => {
          const { name, kind, required, label = name, choices, min, max } = field;
          return { name, kind, required, label, choices, min, max, ...lengths(field) };
        }),
        double_opt_in: false,
        purposes: purposes.map(({ id, required, text, version, text_sha256, channel, category }) => ({
          id,
          field: `consent.${id}`,
          required,
          text,
          version,
          text_sha256,
          channel,
          category,
        })),
        controller: controller.name,
        privacy_notice: controller.privacy_notice,
        limits: { body_bytes: MAX_BODY_BYTES, fields: MAX_FIELDS },
        thanks_url: file.thanks_url ?? null,
        thanks: null,
        magnet: null,
        turnstile: null,
        attribution: { remember_days: null },
        texts_language: language,
        texts: Object.fromEntries(texts),
        honeypot: file.field.some(({ name }) => name === HONEYPOT) ? null : HONEYPOT,
      }).slice(0, -1) + ',"token":{"field":"leadhook_token","value":"',
  };
}

const conditions = (when: When | When[] | undefined) => [when ?? []].flat().map(condition);
