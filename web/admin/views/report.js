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
export const merged = (reports) =>
  reports.reduce((one, other) => ({
    ...one,
    ...Object.fromEntries(SUMS.map((key) => [key, added(one[key], other[key])])),
    scores: { ...one.scores, bins: added(one.scores.bins, other.scores.bins) },
    deliveries_capped: one.deliveries_capped || other.deliveries_capped,
  }));

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
