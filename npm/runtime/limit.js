// The binding of a rate limit: so many in a period for each key, counted in this process.

/** The keys that are counted at once. Whoever brings more in a period begins all counts anew. */
const MAX_KEYS = 100_000;

export default function limit({ LIMIT, PERIOD_S }) {
  let period = 0;
  let counts = new Map();
  return {
    async limit({ key }) {
      const now = Math.floor(Date.now() / (PERIOD_S * 1_000));
      if (now !== period || counts.size >= MAX_KEYS) [period, counts] = [now, new Map()];
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count <= LIMIT };
    },
  };
}
