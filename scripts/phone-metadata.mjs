// Writes src/contact/phone_metadata.bin: the numbering plans of rlibphonenumber (Google's
// libphonenumber, Apache-2.0) without what Leadhook does not read. To be run again whenever the
// crate's version changes; a test of src/contact/phone.rs compares the two.
//
//   node scripts/phone-metadata.mjs

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

// Field numbers of the crate's resources/phonemetadata.proto.
const COLLECTION_METADATA = 1;
const GENERAL_DESC = 1;
const MOBILE = 3;
const SAME_MOBILE_AND_FIXED_LINE = 18;
// fixed_line, mobile, toll_free, premium_rate, shared_cost, personal_number, voip, pager, uan,
// voicemail: the types that make a number valid.
const TYPES = new Set([2, 3, 4, 5, 6, 7, 8, 21, 25, 28]);
// id, country_code, international_prefix, national_prefix_for_parsing,
// national_prefix_transform_rule, main_country_for_code, leading_digits.
const KEPT = new Set([9, 10, 11, 15, 16, SAME_MOBILE_AND_FIXED_LINE, 22, 23]);
const PATTERN = 2;
const POSSIBLE_LENGTH = 9;
const POSSIBLE_LENGTH_LOCAL_ONLY = 10;

const VARINT = 0;
const BYTES = 2;

function readVarint(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    // Only the low 32 bits matter; a negative number takes ten bytes and stays as they are.
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

/** The fields of a message: number, the whole field's bytes, and the content of a nested one. */
function* fields(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    let tag, length, content;
    [tag, at] = readVarint(bytes, at);
    if ((tag & 7) === VARINT) {
      [content, at] = readVarint(bytes, at);
    } else if ((tag & 7) === BYTES) {
      [length, at] = readVarint(bytes, at);
      content = bytes.subarray(at, (at += length));
    } else {
      throw new Error(`unexpected wire type in tag ${tag}`);
    }
    yield { number: tag >>> 3, raw: bytes.subarray(start, at), content };
  }
}

function nested(number, content) {
  const prefix = [];
  for (let rest of [(number << 3) | BYTES, content.length]) {
    for (; rest > 0x7f; rest >>>= 7) prefix.push((rest & 0x7f) | 0x80);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), content]);
}

/** A description's pattern and lengths. Lengths of local numbers are read of the general one alone. */
function description(number, bytes) {
  const kept = [...fields(bytes)].filter(
    (field) =>
      field.number === PATTERN ||
      field.number === POSSIBLE_LENGTH ||
      (field.number === POSSIBLE_LENGTH_LOCAL_ONLY && number === GENERAL_DESC),
  );
  // Without a pattern no number is of the type, just as without a description.
  const used = number === GENERAL_DESC || kept.some((field) => field.number === PATTERN);
  return used ? [nested(number, Buffer.concat(kept.map((field) => field.raw)))] : [];
}

function region(bytes) {
  const all = [...fields(bytes)];
  // The mobile pattern is not read where it is the one of fixed lines.
  const one = all.some((field) => field.number === SAME_MOBILE_AND_FIXED_LINE && field.content === 1);
  const reduced = all.flatMap(({ number, raw, content }) => {
    if (number === GENERAL_DESC) return description(number, content);
    if (KEPT.has(number)) return [raw];
    if (!TYPES.has(number) || (one && number === MOBILE)) return [];
    return description(number, content);
  });
  return Buffer.concat(reduced);
}

const metadata = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
  maxBuffer: 1 << 28,
});
const crate = JSON.parse(metadata).packages.find(({ name }) => name === 'rlibphonenumber');
const full = readFileSync(join(dirname(crate.manifest_path), 'src/generated/metadata/metadata.bin'));
const reduced = [...fields(full)]
  .filter(({ number }) => number === COLLECTION_METADATA)
  .map(({ number, content }) => nested(number, region(content)));
const out = new URL('../src/contact/phone_metadata.bin', import.meta.url);
writeFileSync(out, Buffer.concat(reduced));
console.log(`${crate.name} ${crate.version}: ${full.length} bytes, reduced to ${Buffer.concat(reduced).length}`);
