// What many runs come to.

/** @returns {{median, min, max}} */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** Round by round, so that what is divided was measured one right after the other. */
export function ratio(values, others) {
  return spread(values.map((value, round) => value / others[round]));
}

/** A percentile of [value, how often] pairs in any order. */
export function percentile(percent, counted) {
  const sorted = [...counted].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [value, count] of sorted) {
    seen += count;
    if (seen >= (percent / 100) * total) return value;
  }
  throw new Error('there is nothing to take a percentile of');
}
