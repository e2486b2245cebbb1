// A thousand people out of one seed: names in many scripts, addresses as people type them, phone
// numbers of several countries, and some whose names are attacks.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './world.mjs';

/** One JSON string a line, so that control characters can be seen. */
export const HOSTILE = fs
  .readFileSync(path.join(ROOT, 'tests/data/hostile.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** A shorter one may stand in random text. */
const LEAST_WORD_BYTES = 9;
const NAMES = [
  [
    ['Anna', 'Björn', 'Zoë', 'Łukasz', 'Þóra', 'Siân'],
    ' ',
    ['Ångström', 'Strömqvist', 'Müller-Lüdenscheidt', 'Wiśniewska', 'Guðmundsdóttir', 'O’Connor'],
  ],
  [['Екатерина', 'Дмитро', 'Стефан'], ' ', ['Преображенская', 'Шевченко', 'Ђорђевић']],
  [['Ελένη', 'Αλέξανδρος'], ' ', ['Παπαδοπούλου', 'Καζαντζάκης']],
  [['محمد', 'فاطمة'], ' ', ['عبد الرحمن', 'الزهراء']],
  [['שירה', 'אברהם'], ' ', ['בן־גוריון', 'כהן־לוי']],
  [['अनन्या', 'विक्रम'], ' ', ['श्रीवास्तव', 'चट्टोपाध्याय']],
  [['สมชาย', 'กมลวรรณ'], ' ', ['รัตนวิจิตร', 'ศรีสวัสดิ์']],
  [['ნინო', 'გიორგი'], ' ', ['ჯავახიშვილი', 'ბარათაშვილი']],
  [['王', '欧阳', '司马'], '', ['小明明', '芳芳芳', '建國華']],
  [['さくら', 'ひろし'], '　', ['長谷川', '五十嵐']],
  [['김', '남궁'], ' ', ['서연우', '민준호']],
  [['Nguyễn Thị', 'Trần Văn'], ' ', ['Phương Thảo', 'Đức Anh']],
];
const DOMAINS = [
  'example.org',
  'Example.COM',
  'mail.example.net',
  'gmail.com',
  'googlemail.com',
  'bücher.example',
  'пошта.example',
];
/** By country: its code, the national number with `x` for a digit, as people write it. */
const NUMBERS = [
  ['46', '70xxxxxxx', (d) => `0${d.slice(0, 2)}-${d.slice(2, 5)} ${d.slice(5, 7)} ${d.slice(7)}`],
  ['49', '1512xxxxxxx', (d) => `+49 ${d.slice(0, 4)} / ${d.slice(4)}`],
  ['44', '7400xxxxxx', (d) => `+44 (0) ${d.slice(0, 4)} ${d.slice(4)}`],
  ['33', '612xxxxxx', (d) => `0033 ${d[0]} ${d.slice(1).match(/../g).join('.')}`],
  ['1', '212555xxxx', (d) => `+1 (${d.slice(0, 3)}) ${d.slice(3, 6)}-${d.slice(6)}`],
  ['91', '98765xxxxx', (d) => `+91 ${d.slice(0, 5)} ${d.slice(5)}`],
  ['81', '901xxxxxxx', (d) => `+81-${d.slice(0, 2)}-${d.slice(2, 6)}-${d.slice(6)}`],
];

/** Numbers between 0 and 1 that are the same for each seed (mulberry32). */
export function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** People as they type themselves in; `is` holds what is made of that. */
export function crowd(size, roll) {
  const pick = (all) => all[Math.floor(roll() * all.length)];
  return Array.from({ length: size }, (_, at) => {
    const [first, between, last] = pick(NAMES);
    const name = at % 7 === 0 ? HOSTILE[(at / 7) % HOSTILE.length] : `${pick(first)}${between}${pick(last)}`;
    const word = Math.floor(roll() * 36 ** 5)
      .toString(36)
      .padStart(5, 'q');
    const local = `${pick(['vera', 'Olof', 'mei', 'Kofi'])}.${word}${at}`;
    const domain = pick(DOMAINS);
    const [code, pattern, typed] = pick(NUMBERS);
    const digits = pattern.replace(/x/g, () => Math.floor(roll() * 10));
    return {
      email: `${local}${domain.startsWith('g') ? '+spring' : ''}@${domain}`,
      phone: typed(digits),
      name,
      is: {
        email:
          `${local}${domain.startsWith('g') ? '+spring' : ''}@${new URL(`http://${domain}`).host}`.toLowerCase(),
        phone: `+${code}${digits}`,
        local,
      },
    };
  });
}

/** Everything that tells who somebody is, however it was typed or made of that. */
export function identitiesOf({ email, phone, name, is, message }) {
  const { local } = is;
  const said = [
    email,
    is.email,
    email.toLowerCase(),
    local,
    local.toLowerCase(),
    phone,
    is.phone,
    is.phone.slice(1),
    name,
    message,
  ];
  // A hostile text's words are everybody's.
  const words = HOSTILE.includes(name)
    ? []
    : name.split(/\s+/).filter((word) => Buffer.byteLength(word) >= LEAST_WORD_BYTES);
  return [
    ...new Set(
      [...said.filter(Boolean), ...words].flatMap((text) => [text, text.normalize('NFC'), text.trim()]),
    ),
  ].filter((text) => text.length >= 4);
}
