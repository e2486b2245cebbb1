// Lead of a submission, as the ledger is asked to admit it: the person in keyed hashes, the consents, the decision, and
// the lead itself, sealed.
import { type Keys, fingerprint, idempotencyTag, randomId, seal, submissionId } from './crypto';
import type { Submission } from './intake';
import type { Campaign } from './model';
import { type Score, type Target, decide, factsOf, score } from './qualify';

/** A source is a word of the marketer's. */
const SOURCE = /^(?!(?:\D*\d){5})[a-z][a-z0-9_-]{0,31}$/;
/** Words of an answer that may be somebody's name. */
const MAX_NAME_WORDS = 4;
const NOT_A_LETTER = /[^\p{L}\p{N}]+/gu;

export interface ConsentRecord {
  purpose: string;
  granted: boolean;
  version: string;
  version_shown: string;
  text_sha256: string;
  language: string;
  channel: string;
  category: string;
  retention_days?: number;
  notice: Campaign['notice'];
  at: string;
  page?: string;
  method: Submission['method'];
}

/** A lead as its webhook has it, but for the `lead_id`, which the ledger knows. */
export interface Lead {
  campaign: string;
  contact: Submission['contact'];
  answers: Submission['answers'];
  attribution: Submission['attribution'];
  consent: ConsentRecord[];
  score: Score;
  submitted_at: string;
}

/** The person, and the submission's own id. */
export interface Identity {
  submissionId: string;
  /** Under the pepper that writes, the first identifier first. */
  tags: string[];
  /** The fingerprints under every pepper. */
  recognising: string[];
  idempotencyTag: string | null;
}

/** The message to the ledger. Nothing in it says who the person is but keyed hashes. */
export interface Admission extends Identity {
  campaign: string;
  source: string;
  windowMs: number;
  /** The lead's id, where the person is new. */
  leadId: string;
  /** Destinations that want it; none where it is to be held. */
  to: Target[];
  because: string;
  granted: string[];
  payload: Uint8Array;
  consent: Uint8Array;
}

export async function identify(
  { contact, answers, choices }: Submission,
  campaign: Campaign,
  keys: Keys,
  idempotencyKey: string | null,
): Promise<Identity> {
  const chosen = choices.map(({ purpose, granted, shown }) => [purpose, granted, shown]);
  const content =
    campaign.identity + JSON.stringify([contact.email, contact.phone, answers, chosen, idempotencyKey]);
  const prints = (kind: 'email' | 'phone', canonical: string | undefined) =>
    canonical === undefined ? [] : keys.fingerprints.map((key) => fingerprint(key, kind, canonical));
  const [id, tag, emails, phones] = await Promise.all([
    submissionId(keys, content),
    idempotencyKey === null ? null : idempotencyTag(keys, campaign.id, idempotencyKey),
    Promise.all(prints('email', contact.email && canonicalEmail(contact.email, campaign.foldGmail))),
    Promise.all(prints('phone', contact.phone)),
  ]);
  // The kinds that the campaign lists, or, where the post has none of these, those that it has.
  const listed = [
    ...(campaign.by.includes('email') ? emails : []),
    ...(campaign.by.includes('phone') ? phones : []),
  ];
  const recognising = listed.length ? listed : [...emails, ...phones];
  const tags = [emails[0], phones[0]].filter((tag) => tag !== undefined);
  return { submissionId: id, idempotencyTag: tag, tags, recognising };
}

export async function admission(
  submission: Submission,
  campaign: Campaign,
  keys: Keys,
  identity: Identity,
  nowMs: number,
): Promise<Admission> {
  const { contact, answers, attribution, choices } = submission;
  const at = new Date(nowMs).toISOString();
  const facts = factsOf(campaign, submission, submission.phoneCountry);
  const granted = choices.filter((choice) => choice.granted).map(({ purpose }) => purpose);
  const result = score(campaign, facts);
  const { to, because } = decide(campaign, facts, result.total, granted);
  const consent = records(submission, campaign, at);
  const lead: Lead = {
    campaign: campaign.id,
    contact,
    answers,
    attribution,
    consent,
    score: result,
    submitted_at: at,
  };
  const [payload, sealedConsent] = await Promise.all([
    seal(keys, `payload/${identity.submissionId}`, JSON.stringify(lead)),
    seal(keys, `consent/${identity.submissionId}`, JSON.stringify(consent)),
  ]);
  return {
    ...identity,
    campaign: campaign.id,
    source: sourceOf(submission),
    windowMs: campaign.windowMs,
    leadId: `lead_${randomId()}`,
    to,
    because,
    granted,
    payload,
    consent: sealedConsent,
  };
}

function records(
  { choices, attribution, method }: Submission,
  campaign: Campaign,
  at: string,
): ConsentRecord[] {
  const { language, notice } = campaign;
  return campaign.purposes.map(({ id, version, text_sha256, channel, category, retention_days }, index) => {
    const { granted = false, shown = null } = choices[index] ?? {};
    return {
      purpose: id,
      granted,
      version,
      version_shown: shown ?? 'unstated',
      text_sha256,
      language,
      channel,
      category,
      retention_days,
      notice,
      at,
      page: attribution.page_url,
      method,
    };
  });
}

/** Folds the spellings of a Gmail address, all of them one mailbox; elsewhere dots and tags may tell people apart. */
function canonicalEmail(address: string, foldGmail: boolean): string {
  if (!foldGmail || !/@(gmail|googlemail)\.com$/.test(address)) return address;
  const local = address.slice(0, address.indexOf('@'));
  return `${(local.split('+', 1)[0] || local).replaceAll('.', '')}@gmail.com`;
}

/**
 * Returns the source as counters have it: `utm_source` if it is a plain word, else `other`; `direct` if there is none.
 * Counters lie unsealed: nothing that the visitor also gave as an answer gets in.
 */
function sourceOf({ attribution, answers, contact }: Submission): string {
  const source = attribution.utm_source?.toLowerCase();
  if (source === undefined) return 'direct';
  if (!SOURCE.test(source)) return 'other';
  const letters = (text: string) => text.replace(NOT_A_LETTER, '');
  const told = [...Object.values(answers), contact.email].some((answer) => {
    if (typeof answer !== 'string' || answer.split(/\s+/, MAX_NAME_WORDS + 1).length > MAX_NAME_WORDS)
      return false;
    const text = answer.toLowerCase();
    return (
      letters(text).includes(letters(source)) ||
      text.split(NOT_A_LETTER).some((part) => part.length > 2 && source.includes(part))
    );
  });
  return told ? 'other' : source;
}
