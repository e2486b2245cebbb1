// The built Worker on a platform that grants an object no more requests than the free plan does: each call
// and each alarm begins anew, as in the runtime, where an object's events share one context and each tops up
// its limits. `GET /most` says the most that were made from one to the next.
import worker, { Ledger as Built } from './index.js';

const MOST_REQUESTS = 50;
let most = 0;
let made = 0;

const begin = () => {
  made = 0;
};
const spend = () => {
  made += 1;
  most = Math.max(most, made);
  if (made > MOST_REQUESTS) throw new Error('Too many subrequests.');
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
    begin();
    return super.answer(...args);
  }

  alarm() {
    begin();
    return super.alarm();
  }
}
