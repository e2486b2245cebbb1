// Tables, for the terminal and for RESULTS.md. A table is a list of rows, the first of them its head;
// what is empty was not measured.

/** Above this share of all processors, what others do disturbs a run. */
export const DISTURBING = 0.1;

export const percent = (share) => `${(share * 100).toFixed(0)} %`;

const filled = (rows) => rows.map((row) => row.map((cell) => cell || ''));

/** For the terminal. */
export function aligned(rows) {
  const table = filled(rows);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const pad = (cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]));
  return `\n${table.map((row) => `  ${row.map(pad).join('  ').trimEnd()}`).join('\n')}`;
}

/** `texts`: how many columns, from the left, are no numbers. */
export function markdown(rows, texts = 1) {
  const [head, ...body] = filled(rows).map((row) => `| ${row.join(' | ')} |`);
  const rule = `|${rows[0].map((_, column) => (column < texts ? '---' : '---:')).join('|')}|`;
  return [head, rule, ...body].join('\n');
}

/** Pairs of what and which. */
export const list = (pairs) => pairs.map(([what, which]) => `${what} ${which}`).join(', ');
