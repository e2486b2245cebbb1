// Reports: the numbers of an overview. A reading has several where there are many ledgers.

/** What is added up of reports about some ledgers each. */
const SUMS = [
  'funnel',
  'accepted',
  'repeats',
  'kv_repeats',
  'states',
  'refused',
  'timeline',
  'sources',
  'rejections',
  'destinations',
  'deliveries_counted',
];

/** Makes one report of several. */
export function merged([first, ...others]) {
  const sum = { ...first };
  for (const other of others) {
    for (const key of SUMS) sum[key] = added(sum[key], other[key]);
    sum.scores = { ...sum.scores, bins: added(sum.scores.bins, other.scores.bins) };
    sum.deliveries_capped ||= other.deliveries_capped;
  }
  return sum;
}

/** Adds numbers, and joins lists. */
function added(one, other) {
  if (Array.isArray(one)) return [...one, ...other];
  if (typeof one === 'number') return one + other;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(
    keys.map((key) => [
      key,
      key in one && key in other ? added(one[key], other[key]) : (one[key] ?? other[key]),
    ]),
  );
}
