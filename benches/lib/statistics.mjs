// Statistics over the runs of a benchmark.

/** Returns median, minimum and maximum. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** Divides round by round, so that both values were measured one right after the other. */
export function ratio(values, others) {
  return spread(values.map((value, round) => value / others[round]));
}

/** Returns a percentile of pairs of a value and its count, in any order. */
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
