// Repeat cache in KV: the submissions of a person's last minutes. It answers exact repeats (double clicks, retries,
// floods) without waking the ledger, and judges nothing: stale, empty or refusing, it costs speed.
import type { Identity } from './lead';
import type { Campaign } from './model';

/** Long enough for retries, short enough that a withdrawal is not outlived for long. */
const REPEAT_MS = 10 * 60_000;
/** Submissions of one person that a value holds: the newest count. */
const MAX_REMEMBERED = 8;

/** `[submission id, milliseconds UTC]`, oldest first. */
export type Seen = [string, number][];

const keyOf = (campaign: Campaign, { recognising }: Identity) => `seen:${campaign.ledger}:${recognising[0]}`;

/** Returns the submissions of this person in the last minutes. */
export async function recentOf(
  env: Env,
  campaign: Campaign,
  identity: Identity,
  nowMs: number,
): Promise<Seen> {
  try {
    const seen = await env.KV.get<Seen>(keyOf(campaign, identity), 'json');
    return seen?.filter(([, atMs]) => nowMs - atMs <= REPEAT_MS) ?? [];
  } catch {
    return [];
  }
}

/** Remembers a submission, as a best effort in one try: what KV does not remember, the ledger knows. */
export async function remember(
  env: Env,
  campaign: Campaign,
  identity: Identity,
  recent: Seen,
  nowMs: number,
): Promise<void> {
  const seen = [...recent, [identity.submissionId, nowMs]].slice(-MAX_REMEMBERED);
  const options = { expirationTtl: REPEAT_MS / 1_000 };
  await env.KV.put(keyOf(campaign, identity), JSON.stringify(seen), options).catch(() => {});
}
