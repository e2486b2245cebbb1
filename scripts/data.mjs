// Facts of data/ for the scripts, the benchmarks and the tests.
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';

const read = (name) => readFileSync(new URL(`../data/${name}`, import.meta.url), 'utf8');

/** The codes of all countries, sorted. */
export const countries = read('countries.txt').trim().split('\n');

/** The limits by their names. */
export const limits = parse(read('limits.toml'));
