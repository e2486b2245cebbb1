// Tables for the terminal and for RESULTS.md. A table is a list of rows, the first of them its head; an empty cell was
// not measured.

/** Above this share of all processors, other load disturbs a run. */
export const DISTURBING = 0.1;

export const percent = (share) => `${(share * 100).toFixed(0)} %`;

const filled = (rows) => rows.map((row) => row.map((cell) => cell || ''));

/** Returns a table for the terminal. */
export function aligned(rows) {
  const table = filled(rows);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const pad = (cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]));
  return `\n${table.map((row) => `  ${row.map(pad).join('  ').trimEnd()}`).join('\n')}`;
}

/** Returns a table in Markdown. `texts`: the number of columns, from the left, that are no numbers. */
export function markdown(rows, texts = 1) {
  const [head, ...body] = filled(rows).map((row) => `| ${row.join(' | ')} |`);
  const rule = `|${rows[0].map((_, column) => (column < texts ? '---' : '---:')).join('|')}|`;
  return [head, rule, ...body].join('\n');
}

/** Joins pairs of a name and a value. */
export const list = (pairs) => pairs.map(([what, which]) => `${what} ${which}`).join(', ');
