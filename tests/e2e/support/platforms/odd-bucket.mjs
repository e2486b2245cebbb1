// The built Worker with a bucket that holds a file of an odd type, as whoever uploads to it may name one.
import worker, { Ledger } from './index.js';

export { Ledger };

/** Gives `odd.pdf` a type that no header can carry. */
function oddly(bucket) {
  return {
    head: (key) => bucket.head(key),
    async get(key) {
      const object = await bucket.get(key);
      const odd = { contentType: 'application/pdf; name=✓' };
      return key === 'odd.pdf' ? { ...object, httpMetadata: odd } : object;
    },
  };
}

export default {
  fetch: (request, env, ctx) => worker.fetch(request, { ...env, FILES: oddly(env.FILES) }, ctx),
};
