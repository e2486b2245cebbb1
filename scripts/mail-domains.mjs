// Lists of mail domains: writes src/contact/disposable.bin, free_mail.bin and mail_domains.txt, which names their
// sources. To be run again whenever one of the pinned packages changes; `--check` fails if the files are not what this
// writes.
//
//   node scripts/mail-domains.mjs [--check]

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { domainToASCII, fileURLToPath } from 'node:url';
import { getPublicSuffix } from 'tldts';

const require = createRequire(import.meta.url);
const DISPOSABLE = 'disposable-email-domains-js';
const FREE = 'email-providers';
const FOLDER = new URL('../src/contact/', import.meta.url);

/** Bits of a domain's SHA-256 that name its bucket, and bits that are kept in it: src/contact/mail_domains.rs. */
const BUCKET_BITS = 14;
const REST_BITS = 16;

/**
 * Privacy relays and mail services that protect their users: a person who reads mail stands behind
 * each address. Never disposable, whatever a list says; anyone can have one, so it is free mail.
 */
const RELAYS = {
  'addy.io': 'addy.io addymail.com anonaddy.com anonaddy.me',
  'Apple Hide My Email': 'icloud.com me.com privaterelay.appleid.com',
  'Blur and IronVest': 'opayq.com',
  Cloaked: 'cloaked.id',
  'DuckDuckGo Email Protection': 'duck.com',
  Fastmail: 'fastmail.com fastmail.fm',
  'Firefox Relay': 'mozmail.com relay.firefox.com',
  HEY: 'hey.com',
  Hushmail: 'hushmail.com',
  Mailbox: 'mailbox.org',
  Mailfence: 'mailfence.com',
  Posteo: 'posteo.de posteo.net',
  Proton: 'pm.me proton.me protonmail.ch protonmail.com',
  'Proton Pass': 'passfwd.com passinbox.com passmail.com passmail.net',
  Riseup: 'riseup.net',
  SimpleLogin:
    '8alias.com 8shield.net aleeas.com dralias.com silomails.com simplelogin.co simplelogin.com ' +
    'simplelogin.fr simplelogin.io slmail.me slmails.com',
  StartMail: 'startmail.com',
  Tuta: 'keemail.me tuta.com tuta.io tutamail.com tutanota.com tutanota.de',
};

/** Providers for private persons that the package lacks: those common in the Nordic countries above all. */
const PROVIDERS = `
  bredband.net broadpark.no comhem.se elisanet.fi glocalnet.net gmx.ch home.se hotmail.dk hotmail.fi
  hotmail.no hotmail.se jubii.dk kolumbus.fi live.dk live.fi live.no live.se luukku.com mail.dk ofir.dk
  online.no outlook.dk passagen.se saunalahti.fi simnet.is sohu.com spray.no spray.se start.no
  stofanet.dk suomi24.fi swipnet.se welho.com yahoo.dk yahoo.fi yahoo.no yahoo.se ziggo.nl zohomail.com
  zohomail.eu`;

/**
 * On the package's list, but an employer's domain, whose staff write from it, or nobody's: taking a
 * business for a private person costs a lead its score. Read out of the package's `common.json`, the
 * listed domains with a large site of their own; universities and authorities go by their suffix.
 */
const EMPLOYERS = `
  albawaba.com alibaba.com ancestry.com aver.com blackplanet.com bt.com dailypioneer.com discovery.com
  dnsmadeeasy.com doityourself.com easypost.com facebook.com games.com hamptonroads.com hidemyass.com
  homestead.com ivillage.com kansascity.com law.com looksmart.com masrawy.com medscape.com mydomain.com
  name.com oath.com onmilwaukee.com parrot.com sfgov.net singpost.com space.com swissinfo.org
  techspot.com telstra.com unican.es webindia123.com
  example.com example.net example.org test.com test.de www.com`;
const INSTITUTION = /(^|\.)(ac|edu|gov|mil)(\.[a-z]{2})?$/;

const words = (text) => text.trim().split(/\s+/);
const relays = Object.values(RELAYS).flatMap(words);
const read = (file) => JSON.parse(readFileSync(require.resolve(file), 'utf8'));
const isPublicSuffix = (domain) => getPublicSuffix(domain, { allowPrivateDomains: true }) === domain;

/** Returns domains as they are looked up, without those that a whole country or many customers share. */
function clean(domains) {
  const ascii = domains
    .filter((domain) => !domain.includes('@'))
    .map((domain) => domainToASCII(domain.toLowerCase()));
  return [...new Set(ascii)].filter((domain) => domain.includes('.') && !isPublicSuffix(domain)).sort();
}

/** Yields a domain and those that it lies in. */
function* upwards(domain) {
  for (let rest = domain; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1)) yield rest;
}

/** Returns both lists as texts, sorted. */
export function lists() {
  const kept = new Set(relays);
  const disposable = clean(read(`${DISPOSABLE}/dist/dict/disposable_email_blocklist.json`)).filter(
    (domain) => !kept.has(domain),
  );
  const thrownAway = new Set(disposable);
  const employers = new Set(words(EMPLOYERS));
  const isFree = (domain) =>
    !employers.has(domain) &&
    !INSTITUTION.test(domain) &&
    ![...upwards(domain)].some((one) => thrownAway.has(one));
  const free = clean([...read(`${FREE}/all.json`), ...words(PROVIDERS), ...relays]).filter(isFree);
  return { disposable, free };
}

function place(salt, domain) {
  const first = createHash('sha256').update(Buffer.of(salt)).update(domain).digest().readUInt32BE(0);
  return { bucket: first >>> (32 - BUCKET_BITS), rest: (first >>> (32 - BUCKET_BITS - REST_BITS)) & 0xffff };
}

/** Packs domains: the salt, the size of each bucket, a byte each, and then the rests of all, in order. */
function pack(salt, domains) {
  const buckets = Array.from({ length: 1 << BUCKET_BITS }, () => new Set());
  for (const { bucket, rest } of domains.map((domain) => place(salt, domain))) buckets[bucket].add(rest);
  const rests = buckets.flatMap((bucket) => [...bucket].sort((left, right) => left - right));
  if (buckets.some((bucket) => bucket.size > 255))
    throw new Error('a bucket holds more than its byte can say');
  const bytes = Buffer.alloc(1 + buckets.length + 2 * rests.length);
  bytes[0] = salt;
  bytes.set(
    buckets.map((bucket) => bucket.size),
    1,
  );
  for (const [at, rest] of rests.entries()) bytes.writeUInt16BE(rest, 1 + buckets.length + 2 * at);
  const holds = (domain) => buckets[place(salt, domain).bucket].has(place(salt, domain).rest);
  return { bytes, holds };
}

/**
 * Packs both lists under the first salt with which no two names are taken for each other that must not be:
 * a private person's mailbox for a disposable one, or what is no free mail for free mail.
 */
function packBoth({ disposable, free }) {
  const employers = words(EMPLOYERS);
  for (let salt = 0; salt <= 255; salt += 1) {
    const packed = { disposable: pack(salt, disposable), free: pack(salt, free) };
    const wrong =
      [...free, ...employers].some((domain) => [...upwards(domain)].some(packed.disposable.holds)) ||
      [...disposable, ...employers].some(packed.free.holds);
    if (!wrong) return packed;
  }
  throw new Error('hashes collide under every salt: more bits are needed');
}

function provenance({ disposable, free }) {
  const source = (name) => {
    const { version, license } = read(`${name}/package.json`);
    return `${name} ${version} (npm, ${license})`;
  };
  const oneIn = (count) => Math.round(2 ** (BUCKET_BITS + REST_BITS) / count / 1000) * 1000;
  return `Written by scripts/mail-domains.mjs (\`make lists\`); do not edit.

disposable.bin: ${disposable.length} domains of ${source(DISPOSABLE)}, without privacy relays and public suffixes.
  Another domain is taken for one of them in one of ${oneIn(disposable.length)} cases.
free_mail.bin: ${free.length} domains of ${source(FREE)}, without disposable ones,
  employers, institutions and public suffixes, and with privacy relays and Nordic providers.
  Another domain is taken for one of them in one of ${oneIn(free.length)} cases.
  ${words(readFileSync(require.resolve(`${FREE}/license.md`), 'utf8').split('\n')[0]).join(' ')}.
Public suffixes: ${source('tldts')}, private ones included.
`;
}

function main(check) {
  const both = lists();
  const packed = packBoth(both);
  const files = {
    'disposable.bin': packed.disposable.bytes,
    'free_mail.bin': packed.free.bytes,
    'mail_domains.txt': Buffer.from(provenance(both)),
  };
  const differs = (name) => !files[name].equals(readFileSync(new URL(name, FOLDER)));
  const stale = check ? Object.keys(files).filter(differs) : [];
  if (stale.length > 0) {
    console.error(`src/contact/${stale.join(', ')}: not what the packages say. Run make lists.`);
    process.exit(1);
  }
  if (!check) for (const [name, bytes] of Object.entries(files)) writeFileSync(new URL(name, FOLDER), bytes);
  console.log(
    `${both.disposable.length} disposable and ${both.free.length} free mail domains${check ? ', as the packages say' : ''}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'));
