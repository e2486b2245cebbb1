// The built Worker on a platform that grants an invocation no more requests to KV and to objects than the
// free plan does. Nothing of the Worker is replaced: what ends is what the platform grants.
import worker, { Ledger } from './index.js';

const MOST_REQUESTS = 50;

/** The bindings of one invocation, and how often it has used them. */
function counted(env) {
  const spent = { requests: 0 };
  const counting = (binding, names) =>
    new Proxy(binding, {
      get(target, name) {
        const value = target[name];
        if (typeof value !== 'function') return value;
        return (...args) => {
          if (names.includes(name)) {
            spent.requests += 1;
            if (spent.requests > MOST_REQUESTS) throw new Error('Too many subrequests.');
          }
          return value.apply(target, args);
        };
      },
    });
  const KV = counting(env.KV, ['get', 'put', 'delete', 'list']);
  return [{ ...env, KV, LEDGER: counting(env.LEDGER, ['get']) }, spent];
}

export default {
  async fetch(request, env, ctx) {
    const [granted, spent] = counted(env);
    if (new URL(request.url).pathname === '/cron') {
      const { at } = await request.json();
      const clock = Date.now;
      Date.now = () => at;
      await worker
        .scheduled({ cron: '*/5 * * * *', scheduledTime: at }, granted, ctx)
        .finally(() => (Date.now = clock));
      return Response.json(spent);
    }
    const answer = await worker.fetch(request, granted, ctx);
    const headers = new Headers(answer.headers);
    headers.set('X-Requests', `${spent.requests}`);
    return new Response(answer.body, { status: answer.status, headers });
  },
};

export { Ledger };
