// Campaign model: the file that is published, and the campaign that the other modules work with.
import * as z from 'zod/mini';

export const isAttribution = (name: string) =>
  name.startsWith('utm_') ||
  name === 'gclid' ||
  name === 'fbclid' ||
  name === 'page_url' ||
  name === 'referrer';

export const Slug = z.string().check(z.regex(/^(?!-)[a-z0-9-]{1,64}(?<!-)$/));
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

export const CampaignFile = z
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

export type File = z.output<typeof CampaignFile>;
export type Field = z.output<typeof Field>;
export type When = z.output<typeof When>;

export interface Purpose extends z.output<typeof Purpose> {
  text_sha256: string;
}

/** The facts that conditions are about. */
export interface Facts {
  /** By field, the contact among them. */
  answers: Record<string, unknown>;
  attribution: Record<string, string>;
  country: string | undefined;
  emailKind: string | undefined;
}

export interface Condition {
  holds(facts: Facts): boolean;
  because: string;
}

export interface Destination {
  name: string;
  url: string;
  secret: string;
  needs: string[];
  when: Condition[];
  forwardAt: number;
  /** Its name across campaigns: a digest of its address, which may hold a token. */
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
  /** The beginning of what a submission's id is made of: the campaign and the wordings in force. */
  identity: string;
  /** Of its submissions. An issue's message is its code. */
  schema: z.ZodMiniObject<Record<string, z.ZodMiniType>>;
  /** The words of an issue, by `{field} {code}`. */
  details: Map<string, string>;
  /** Everything declared, and whether the last of several values counts: of boxes, as frameworks send them. */
  lastCounts: Map<string, boolean>;
  /** The first e-mail, phone and country field. */
  contact: { email?: string; phone?: string; country?: string };
  windowMs: number;
  by: ('email' | 'phone')[];
  rememberInKv: boolean;
  foldGmail: boolean;
  rules: { rule: string; points: number; when: Condition[]; because: string }[];
  thresholds: { warm: number; hot: number; mql: number; sql: number; forwardAt: number };
  destinations: Destination[];
  notice: { url: string; version?: string; sha256: string };
  /** The acceptance criteria as JSON, up to the form's token, which comes last. */
  criteria: string;
}
