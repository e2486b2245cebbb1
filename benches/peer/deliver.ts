// Delivery of one lead to one destination: the signed request, the outcome, and the next attempt.
import { findCampaign } from './campaign';
import { keysOf, open, signed, signingKeys } from './crypto';
import { consents } from './qualify';

/** Standard Webhooks asks for 15 to 30 s; the shorter end gives a hanging receiver's connection back soon. */
export const ATTEMPT_TIMEOUT_MS = LIMITS.attempt_timeout_ms;
/** Reading more would cost more than a new connection. */
const MAX_ANSWER_BYTES = 4_096;
const HOUR_MS = 3_600_000;
/** Waits before the attempts, as Standard Webhooks recommends: three days in all. */
const WAITS_MS = [
  0,
  5_000,
  300_000,
  1_800_000,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
/** In development nobody waits for hours to see a retry. */
const MAX_DEVELOPMENT_WAIT_MS = 5_000;
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS;
/** A publication reaches everyone within KV's minute and an isolate's; until then a destination may seem gone. */
const SPREADING_MS = 3 * 60_000;
/** Waits grow by up to a tenth, so that deliveries that failed together do not return together. */
const JITTER = 0.1;
const SLOW_DOWN = [429, 502, 503, 504];

/** A delivery that waits, as it lies in the outbox. */
export type Delivery = {
  seq: number;
  lead_id: string;
  submission_id: string;
  first_seq: number;
  siblings: number;
  campaign: string;
  destination: string;
  receiver: string;
  event: string;
  granted: string;
  source: string;
  hour: number;
  created_ms: number;
  attempt_count: number;
  attempts: string;
  payload: ArrayBuffer | null;
};

export interface Outcome {
  name: string;
  status?: number;
  retryAfter?: string | null;
}

export type Next = { state: 'delivered' | 'paused' | 'dead' } | { state: 'pending'; dueMs: number };

/** Returns the id of a webhook. It stays the same in every attempt, and begins with its lead's. */
export const webhookId = ({ lead_id, seq }: Delivery) => `msg_${lead_id.slice(5)}_${seq.toString(36)}`;

/** Sends a delivery. Address, secret and needs are those of now, so that a correction heals what waits. */
export async function send(env: Env, delivery: Delivery): Promise<Outcome> {
  const campaign = await Promise.resolve(findCampaign(env, delivery.campaign)).catch(() => undefined);
  if (!campaign) return { name: 'unreadable' };
  const destination = campaign.destinations.find(({ name }) => name === delivery.destination);
  if (!destination) return { name: 'destination_removed' };
  if (!consents(JSON.parse(delivery.granted), destination.needs)) return { name: 'consent_missing' };
  const secret = await signingKeys((env as unknown as Record<string, unknown>)[destination.secret]);
  if (!secret) return { name: 'secret_missing' };
  const { payload } = delivery;
  if (!payload) return { name: 'unreadable' };
  let lead: string;
  try {
    lead = await open(await keysOf(env, campaign.ledger), `payload/${delivery.submission_id}`, payload);
  } catch {
    return { name: 'unreadable' };
  }

  const id = webhookId(delivery);
  const timestamp = String(Math.trunc(Date.now() / 1_000));
  // The lead was sealed as the JSON that is sent, so that it need not be parsed to be put in its envelope.
  const { signatures, body } = await signed(
    secret,
    id,
    timestamp,
    `{"type":"${delivery.event}","timestamp":"${new Date(delivery.created_ms).toISOString()}",` +
      `"data":{"lead_id":"${delivery.lead_id}",${lead.slice(1)}}`,
  );
  const startedMs = Date.now();
  // Not AbortSignal.timeout, whose timers outlive the answers: an object may have 10,000.
  const aborting = new AbortController();
  const timer = setTimeout(() => aborting.abort(), ATTEMPT_TIMEOUT_MS);
  try {
    const response = await fetch(destination.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures,
      },
      body,
      redirect: 'manual',
      signal: aborting.signal,
    });
    // Only the status counts; a short answer is read, so that its connection can be used again.
    const { status, headers } = response;
    const short = Number(headers.get('content-length') ?? Infinity) <= MAX_ANSWER_BYTES;
    await (short ? response.arrayBuffer() : response.body?.cancel())?.catch(() => {});
    return { name: `status ${status}`, status, retryAfter: headers.get('retry-after') };
  } catch {
    return { name: Date.now() - startedMs >= ATTEMPT_TIMEOUT_MS ? 'timed_out' : 'unreachable' };
  } finally {
    clearTimeout(timer);
  }
}

/** Returns what follows the attempt of this number, counted from 1. */
export function next(
  outcome: Outcome,
  attempt: number,
  createdMs: number,
  development: boolean,
  nowMs: number,
): Next {
  const { name, status = 0 } = outcome;
  if (status >= 200 && status < 300) return { state: 'delivered' };
  if (status === 410) return { state: 'paused' };
  const settled = nowMs - createdMs >= (development ? MAX_DEVELOPMENT_WAIT_MS : SPREADING_MS);
  if (settled && (name === 'destination_removed' || name === 'consent_missing')) return { state: 'dead' };
  const waitMs = WAITS_MS[attempt];
  if (waitMs === undefined) return { state: 'dead' };
  const askedMs = SLOW_DOWN.includes(status) ? retryAfterMs(outcome.retryAfter, nowMs) : 0;
  const wantedMs = Math.max(waitMs * (1 + JITTER * Math.random()), askedMs);
  const longestMs = development ? MAX_DEVELOPMENT_WAIT_MS : Infinity;
  return { state: 'pending', dueMs: Math.trunc(nowMs + Math.min(wantedMs, longestMs)) };
}

/** Reads a number of seconds or a date (RFC 9110). */
function retryAfterMs(header: string | null | undefined, nowMs: number): number {
  if (!header) return 0;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Math.min(Math.max(ms || 0, 0), MAX_RETRY_AFTER_MS);
}
