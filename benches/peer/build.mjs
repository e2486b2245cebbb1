// Build of the peer, into target/bench/peer/index.js. Countries, limits and mail domains are Leadhook's, so that both
// Workers mean the same.
import { fileURLToPath } from 'node:url';
import { bundleWorker } from '../../scripts/bundle.mjs';
import { countries } from '../../scripts/data.mjs';
import { lists } from '../../scripts/mail-domains.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

const { disposable, free } = lists();
await bundleWorker(`${root}benches/peer/index.ts`, `${root}target/bench/peer/index.js`, {
  target: 'esnext',
  define: {
    COUNTRIES: JSON.stringify(countries),
    DISPOSABLE: JSON.stringify(disposable),
    FREE_MAIL: JSON.stringify(free),
  },
});
