// Names of countries for programs without a JavaScript runtime, in the languages of texts/: writes
// src/base/country_names.txt, from the CLDR that comes with Node (Unicode License v3).
//
//   node scripts/country-names.mjs

import { readdirSync, writeFileSync } from 'node:fs';
import { countries } from './data.mjs';

const languages = readdirSync('texts')
  .map((file) => file.slice(0, 2))
  .sort();
const names = languages.map((language) => new Intl.DisplayNames([language], { type: 'region' }));
const lines = countries.map((code) => [code, ...names.map((named) => named.of(code))].join('\t'));
writeFileSync('src/base/country_names.txt', [['', ...languages].join('\t'), ...lines, ''].join('\n'));
