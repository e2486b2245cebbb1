// Peer of the comparison: a Worker in TypeScript that does the same work under the same guarantees, with Hono, Zod and
// libphonenumber-js. Of Leadhook it has no admin API and so no replay, no multipart, no pages and redirects for
// browsers, no counts of rejections, no `unknown_fields = "refuse"` and `on_repeat = "update"`, no jurisdiction, no cron
// and no retention sweep. It gives forms their texts in the campaign's language alone, and their token and hidden field,
// by which it judges nobody: it looks for no abuse signals. Nor does it keep a history of consents, or lists.
import { type Context, Hono } from 'hono';
import { findCampaign } from './campaign';
import { formToken, keysOf } from './crypto';
import { MAX_BODY_BYTES, Malformed, type Problem, accept, fieldsOf, methodOf } from './intake';
import { admission, identify } from './lead';
import { log, logFault } from './log';
import type { Campaign } from './model';
import { invalid, notAllowed, notFound, problem, reply, unavailable } from './reply';
import { recentOf, remember } from './seen';

export { Ledger } from './ledger';

/** A structured string (RFC 8941) or the bare text that most clients send. */
const IDEMPOTENCY_KEY = /^\s*("?)([\x21\x23-\x5b\x5d-\x7e]{1,255})\1\s*$/;

const BAD_KEY: Problem = {
  field: 'Idempotency-Key',
  code: 'idempotency_key_invalid',
  detail: 'must be 1 to 255 visible ASCII characters',
};
const REUSED_KEY: Problem = {
  field: 'Idempotency-Key',
  code: 'idempotency_key_reused',
  detail: 'was used for another submission within the last 24 hours',
};

type Call = Context<{ Bindings: Env }>;
type Headers = Record<string, string>;

const app = new Hono<{ Bindings: Env }>();
app.post('/c/:campaign', (call) => endpoint(call, submit));
app.get('/c/:campaign', (call) => endpoint(call, criteria));
app.options('/c/:campaign', (call) => endpoint(call, preflight));
app.all('/c/:campaign', (call) => endpoint(call, (_, __, cors) => notAllowed('GET, POST, OPTIONS', cors)));
app.get('/healthz', () => reply(200, '{"status":"ok"}'));
app.all('/healthz', () => notAllowed('GET'));
app.notFound(() => notFound());
app.onError((error) => {
  logFault('worker', error);
  return unavailable();
});

export default { fetch: app.fetch };

async function endpoint(
  call: Call,
  answer: (call: Call, campaign: Campaign, cors: Headers) => Response | Promise<Response>,
): Promise<Response> {
  const cors: Headers = { vary: 'Origin' };
  const id = call.req.param('campaign') ?? '';
  try {
    const campaign = await findCampaign(call.env, id);
    if (!campaign) return notFound(cors);
    const origin = call.req.raw.headers.get('origin');
    if (origin !== null && campaign.origins.includes(origin)) cors['access-control-allow-origin'] = origin;
    return await answer(call, campaign, cors);
  } catch (error) {
    logFault(id, error);
    return unavailable(cors);
  }
}

/** Returns the acceptance criteria. They are the same for everybody but for the form's token. */
async function criteria({ env }: Call, campaign: Campaign, cors: Headers): Promise<Response> {
  const token = await formToken(await keysOf(env, campaign.ledger), campaign.id);
  return reply(200, `${campaign.criteria}${token}"}}`, cors);
}

/** Answers a CORS preflight (Fetch standard). */
function preflight(_: Call, __: Campaign, cors: Headers): Response {
  const headers =
    cors['access-control-allow-origin'] === undefined
      ? cors
      : {
          ...cors,
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers': 'Content-Type, Idempotency-Key',
          'access-control-max-age': '86400',
        };
  return new Response(null, { status: 204, headers });
}

async function submit(
  { req: { raw: request }, env, executionCtx }: Call,
  campaign: Campaign,
  cors: Headers,
): Promise<Response> {
  const nowMs = Date.now();
  const decided = (outcome: string, more: object) =>
    log({ event: 'submission', outcome, campaign: campaign.id, ...more, ms: Date.now() - nowMs });
  const refused = (code: string, status: number, title: string, detail: string) => {
    decided('refused', { code });
    return problem(status, title, detail, cors);
  };
  const rejected = (problems: Problem[]) => {
    decided('rejected', { problems: problems.map(({ field, code }) => `${field}:${code}`) });
    return invalid(problems, cors);
  };

  const body = await bodyOf(request);
  if (!body)
    return refused('too_large', 413, 'The body is too large', `At most ${MAX_BODY_BYTES} bytes are read.`);
  const method = methodOf(request.headers.get('content-type'));
  if (!method) {
    const read = 'This address reads application/x-www-form-urlencoded and application/json, in UTF-8.';
    return refused('media_type', 415, 'Unsupported media type', read);
  }
  let given: ReturnType<typeof fieldsOf>;
  try {
    given = fieldsOf(body, method, campaign);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return refused('malformed', 400, 'The body is malformed', error.message);
  }
  const submission = accept(given, method, campaign);
  const header = request.headers.get('idempotency-key');
  const idempotencyKey = header === null ? null : IDEMPOTENCY_KEY.exec(header)?.[2];
  if (idempotencyKey === undefined)
    return rejected([...(Array.isArray(submission) ? submission : []), BAD_KEY]);
  if (Array.isArray(submission)) return rejected(submission);

  const keys = await keysOf(env, campaign.ledger);
  const identity = await identify(submission, campaign, keys, idempotencyKey);
  const { submissionId } = identity;
  const accepted = () => reply(202, `{"submission_id":"${submissionId}","status":"accepted"}`, cors);
  // KV never judges: what it does not answer, the ledger does.
  const recent = campaign.rememberInKv ? await recentOf(env, campaign, identity, nowMs) : [];
  if (recent.some(([id]) => id === submissionId)) {
    decided('repeat', { submission_id: submissionId });
    return accepted();
  }
  const admitted = await admission(submission, campaign, keys, identity, nowMs);
  const verdict = await ledger(env, campaign.ledger).admit(admitted);
  if (verdict === 'idempotency_key_reused') return rejected([REUSED_KEY]);
  if (campaign.rememberInKv) executionCtx.waitUntil(remember(env, campaign, identity, recent, nowMs));
  return accepted();
}

/** Returns the body, or `undefined` if it is too large. */
async function bodyOf(request: Request): Promise<ArrayBuffer | undefined> {
  const announced = request.headers.get('content-length');
  if (announced !== null) return Number(announced) > MAX_BODY_BYTES ? undefined : request.arrayBuffer();
  const body = new Uint8Array(MAX_BODY_BYTES);
  let length = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    if (length + chunk.length > MAX_BODY_BYTES) return undefined;
    body.set(chunk, length);
    length += chunk.length;
  }
  return body.buffer.slice(0, length);
}

const objects = new Map<string, DurableObjectId>();

function ledger(env: Env, name: string) {
  let id = objects.get(name);
  if (!id) {
    id = env.LEDGER.idFromName(`v1:${name}`);
    objects.set(name, id);
  }
  return env.LEDGER.get(id);
}
