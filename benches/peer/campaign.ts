// Campaign cache: reads a campaign from KV and prepares its schema, its conditions as functions, its texts with their
// digests. A copy is kept for a minute; the last good one serves while KV fails.
import * as z from 'zod/mini';
import da from '../../texts/da.json';
import en from '../../texts/en.json';
import sv from '../../texts/sv.json';
import { sha256Hex } from './crypto';
import { lengths, submissionSchema } from './fields';
import { MAX_BODY_BYTES, MAX_FIELDS } from './intake';
import { type Campaign, CampaignFile, type Field, type File, Slug, type When } from './model';
import { condition } from './qualify';

/** A correction reaches every isolate in about the time that KV itself takes to spread it. */
const FRESH_MS = 60_000;
const DAY_MS = 86_400_000;
/** A field that people do not see. */
const HONEYPOT = 'contact_website';

const languages: Record<string, Record<string, string>> = { da, en, sv };
/** The texts of forms and chats. */
const SHOWN = /^(chat|download|error|form)\./;

const shelf = new Map<string, { readMs: number; campaign: Campaign }>();

/** Returns the campaign of that id, or `undefined` if there is none. Not a promise while the copy is fresh. */
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

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one object, key by key.
async function ready(file: File, env: Env): Promise<Campaign> {
  const purposes = await Promise.all(
    file.purpose.map(async (purpose) => ({ ...purpose, text_sha256: await sha256Hex(purpose.text) })),
  );
  const { controller, qualify } = file;
  const first = (kind: Field['kind']) => file.field.find((field) => field.kind === kind)?.name;
  const language = file.language in languages ? file.language : 'en';
  const texts = Object.entries(languages[language] ?? en).filter(([key]) => SHOWN.test(key));
  const required = purposes.filter((purpose) => purpose.required).map(({ id }) => id);
  const destinations = await Promise.all(
    file.destination.map(async ({ name, url, secret, needs = required, when, forward_at = -Infinity }) => {
      const receiver = (await sha256Hex(url)).slice(0, 16);
      return { name, url, secret, needs, when: conditions(when), forwardAt: forward_at, receiver };
    }),
  );
  const criteria = JSON.stringify({
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
  });
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
    criteria: `${criteria.slice(0, -1)},"token":{"field":"leadhook_token","value":"`,
  };
}

const conditions = (when: When | When[] | undefined) => [when ?? []].flat().map(condition);
