// What plain workerd starts: the Worker, its static assets, and the addresses of visitors. Cloudflare starts the Worker
// itself, and does these things.
import { WorkerEntrypoint } from 'cloudflare:workers';
import worker, { Ledger } from './worker.js';

export { Ledger };

/** The header in which the Worker finds the address of a visitor. */
const ADDRESS = 'cf-connecting-ip';

/**
 * Returns a request with the visitor's address as the proxy in front says it: the last one in the header that it sets.
 * What a visitor says of it is dropped.
 */
function withAddress(request, header) {
  if (header === ADDRESS) return request;
  const address = header && request.headers.get(header)?.split(',').at(-1).trim();
  if (!address && !request.headers.has(ADDRESS)) return request;
  const headers = new Headers(request.headers);
  headers.delete(ADDRESS);
  if (address) headers.set(ADDRESS, address);
  return new Request(request, { headers });
}

export default {
  fetch(request, env, ctx) {
    if ((request.method === 'GET' || request.method === 'HEAD') && env.ASSETS.isFirst(request.url)) {
      return env.ASSETS.fetch(request);
    }
    return worker.fetch(withAddress(request, env.ADDRESS_HEADER), env, ctx);
  },
};

/** Rings as Cloudflare's cron does: a ledger whose alarm was lost is woken. */
export class Tick extends WorkerEntrypoint {
  tick() {
    const event = { cron: this.env.CRON, scheduledTime: Date.now() };
    return worker.scheduled(event, this.env, this.ctx);
  }
}
