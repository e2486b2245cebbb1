// The built Worker on a platform that grants an event of an object no more requests than the free plan does. Whether
// the platform counts by event or since the last one began it does not say: both are counted. `GET /most` says the
// most of either.
import { AsyncLocalStorage } from 'node:async_hooks';
import worker, { Ledger as Built } from './index.js';

const MOST_REQUESTS = 50;
let most = 0;
let last;
const events = new AsyncLocalStorage();

const begin = (step) => {
  last = { made: 0 };
  return events.run(last, step);
};
const spend = () => {
  for (const event of new Set([last, events.getStore()])) {
    if (event === undefined) continue;
    event.made += 1;
    most = Math.max(most, event.made);
    if (event.made > MOST_REQUESTS) throw new Error('Too many subrequests.');
  }
};

const fetchOutside = globalThis.fetch;
globalThis.fetch = async (...args) => {
  spend();
  return fetchOutside(...args);
};

export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/most') return Response.json({ most });
    return worker.fetch(request, env, ctx);
  },
  scheduled: worker.scheduled,
};

export class Ledger extends Built {
  answer(...args) {
    return begin(() => super.answer(...args));
  }

  alarm() {
    return begin(() => super.alarm());
  }
}
