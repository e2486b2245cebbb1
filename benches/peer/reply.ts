// Responses. No other module knows HTTP's status codes.
import type { Problem } from './intake';

/** The pause after a fault of ours: long enough for an object to move, short for a person. */
const RETRY_AFTER_S = `${LIMITS.retry_after_s}`;

export function reply(
  status: number,
  body: string,
  headers?: Record<string, string>,
  type = 'application/json',
): Response {
  return new Response(body, {
    status,
    headers: {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
  });
}

/** Returns problem details (RFC 9457). */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers?: Record<string, string>,
  errors?: Problem[],
): Response {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, errors });
  return reply(status, body, headers, 'application/problem+json');
}

export const invalid = (errors: Problem[], headers: Record<string, string>) =>
  problem(
    422,
    'The submission is not valid',
    'Correct the listed fields and send it again.',
    headers,
    errors,
  );

export const notFound = (headers?: Record<string, string>) =>
  problem(404, 'Not found', 'There is nothing at this address.', headers);

export const notAllowed = (allow: string, headers?: Record<string, string>) =>
  problem(405, 'Method not allowed', `This address answers ${allow}.`, { ...headers, allow });

/** Returns the response to a fault. Nothing of it is shown. */
export const unavailable = (headers?: Record<string, string>) => {
  const retry = { ...headers, 'retry-after': RETRY_AFTER_S };
  return problem(503, 'Not available now', 'Please try again: the same post counts once.', retry);
};
