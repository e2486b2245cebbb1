// What Leadhook has to reach (`bound`), and what it is to reach (`aim`).
import { ratio, spread } from './statistics.mjs';

const AIMS = [
  { what: 'fresh: requests/s, leadhook ÷ peer', least: 1, aim: 1.3, of: ofPeer('fresh', 'rps') },
  { what: 'repeat: requests/s, leadhook ÷ peer', least: 1, aim: 1.2, of: ofPeer('repeat', 'rps') },
  { what: 'invalid: requests/s, leadhook ÷ peer', least: 1, aim: 1.2, of: ofPeer('invalid', 'rps') },
  { what: 'fresh: CPU of a delivered lead, leadhook ÷ peer', most: 0.9, of: ofPeer('fresh', 'cpuMs') },
  {
    what: 'cold start, leadhook ÷ peer',
    most: 1,
    of: ({ once }) => ratio(once.leadhook.coldStartsMs, once.peer.coldStartsMs),
  },
  { what: 'wasm, kB gzip', most: 400, digits: 1, of: ({ once }) => spread([once.leadhook.size.wasm]) },
];

function ofPeer(operation, key) {
  return ({ measured }) => {
    const [own, peers] = ['leadhook', 'peer'].map((name) => measured[operation][name].full.map((run) => run[key]));
    return ratio(own, peers);
  };
}

/** Each with what was measured, and by how much it was reached: below 0 where it was missed. */
export function judged(results) {
  return AIMS.map(({ of, digits = 2, ...bounds }) => {
    const measured = of(results);
    const { least, most, aim } = bounds;
    return {
      ...bounds,
      digits,
      measured,
      reachedBy: most === undefined ? measured.median - least : most - measured.median,
      aimReachedBy: aim && measured.median - aim,
    };
  });
}
