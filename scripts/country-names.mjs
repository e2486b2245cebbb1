// Writes src/base/country_names.txt: how countries are called in the languages that there are texts in, for what
// runs without a JavaScript runtime. By the CLDR that comes with Node (Unicode License v3).
//
//   node scripts/country-names.mjs

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const codes = [...readFileSync('src/base/country.rs', 'utf8').matchAll(/\*b"([A-Z]{2})"/g)].map(
  ([, code]) => code,
);
const languages = readdirSync('texts')
  .map((file) => file.slice(0, 2))
  .sort();
const names = languages.map((language) => new Intl.DisplayNames([language], { type: 'region' }));
const lines = codes.map((code) => [code, ...names.map((named) => named.of(code))].join('\t'));
writeFileSync('src/base/country_names.txt', [['', ...languages].join('\t'), ...lines, ''].join('\n'));
