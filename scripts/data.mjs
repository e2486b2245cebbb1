// The facts of data/, as the scripts, the benchmarks and the tests read them.
import { readFileSync } from 'node:fs';

const read = (name) => readFileSync(new URL(`../data/${name}`, import.meta.url), 'utf8');

/** The codes of all countries, sorted. */
export const countries = read('countries.txt').trim().split('\n');
