// Tables that src/contact/phone/ reads in place: writes plans.bin, the numbering plans of rlibphonenumber (Google's
// libphonenumber, Apache-2.0), and characters.bin, the digits and signs of the Unicode table that it is built with.
// `make lists` runs it, after a change of the crate's version.
//
//   node scripts/phone-plans.mjs [--check]
//
// plans.bin, all numbers little-endian:
//
//   3 × u16      the numbers of plans, masks and changes
//   plans        22 bytes each, by country code, the main one of a code first
//   masks        u32 each: bit n is set where n more digits may follow
//   changes      8 bytes each, what becomes of a number that begins so: whether nothing may follow; how many digits
//                go, how many after them stay, how many then go; up to four digits that come first
//   automata     the rest: nodes, whose entries stand one after another
//
// An entry is a path of digit sets and what stands at its end. Each set takes two bytes: digits 2 to 9 in the first;
// digits 0 and 1, then whether the entry is its node's last, then in five bits what follows. An entry whose first
// set is empty says what holds of a number that ends at its node.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

// The ways to go on after a digit set.
const PATH = 0; // another one
const REFERENCE = 1; // i16, the node's distance from here
const VALUE = 2; // u8, which mask or change
const NODE = 3; // a node
const SHORT_VALUE = 4; // the value itself, in what is left of the bits
const NONE = 0xffff;

// Field numbers of the crate's resources/phonemetadata.proto.
const METADATA = { collection: 1, general: 1, mobile: 3, pattern: 2, lengths: 9, localLengths: 10 };
// fixed_line, mobile, toll_free, premium_rate, shared_cost, personal_number, voip, pager, uan, voicemail: the types
// that make a number valid.
const TYPES = new Set([2, 3, 4, 5, 6, 7, 8, 21, 25, 28]);
const FIELDS = {
  9: 'region',
  10: 'code',
  11: 'abroad',
  15: 'home',
  16: 'rule',
  18: 'mobileIsFixed',
  22: 'isMain',
  23: 'leading',
};

function readVarint(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    // Only the low 32 bits matter; a negative number takes ten bytes and stays negative.
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

/** Yields the fields of a message: their numbers and their contents, a number or bytes. */
function* fields(bytes) {
  for (let at = 0; at < bytes.length; ) {
    let tag, length, content;
    [tag, at] = readVarint(bytes, at);
    if ((tag & 7) === 0) {
      [content, at] = readVarint(bytes, at);
    } else if ((tag & 7) === 2) {
      [length, at] = readVarint(bytes, at);
      content = bytes.subarray(at, at + length);
      at += length;
    } else {
      throw new Error(`unexpected wire type in tag ${tag}`);
    }
    yield { number: tag >>> 3, content };
  }
}

function description(bytes) {
  const all = [...fields(bytes)];
  const numbers = (wanted) => all.filter(({ number }) => number === wanted).map(({ content }) => content);
  return {
    pattern: numbers(METADATA.pattern)[0]?.toString(),
    lengths: numbers(METADATA.lengths),
    localLengths: numbers(METADATA.localLengths),
  };
}

function region(bytes) {
  const plan = { types: [] };
  for (const { number, content } of fields(bytes)) {
    if (number === METADATA.general) plan.general = description(content);
    else if (TYPES.has(number)) plan.types.push({ number, ...description(content) });
    else if (number in FIELDS) plan[FIELDS[number]] = Buffer.isBuffer(content) ? content.toString() : content;
  }
  // The mobile pattern is not read where it is the one of fixed lines. -1 is the length of what does not exist.
  plan.types = plan.types.filter(
    ({ number, pattern, lengths }) =>
      pattern !== undefined && !lengths.includes(-1) && !(plan.mobileIsFixed && number === METADATA.mobile),
  );
  return plan;
}

// ---- Patterns as programs of a machine that follows all readings at once, the preferred one first.

/** Compiles `^(?:…)$`, the form of all patterns of the crate, into instructions. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the functions of a grammar share its state.
function compile(pattern) {
  const [, source] = pattern.match(/^\^\(\?:(.*)\)\$$/);
  const program = [];
  const add = (instruction) => program.push(instruction) - 1;
  let at = 0;
  let groups = 0;
  const refuse = () => {
    throw new Error(`cannot read ${pattern} at ${at}`);
  };

  function alternatives() {
    const all = [sequence()];
    while (source[at] === '|') {
      at++;
      all.push(sequence());
    }
    return () => {
      const ends = [];
      const last = all.length - 1;
      for (const one of all.slice(0, last)) {
        const split = add({ either: program.length + 1 });
        one();
        ends.push(add({}));
        program[split].or = program.length;
      }
      all[last]();
      for (const end of ends) program[end].goto = program.length;
    };
  }

  function sequence() {
    const parts = [];
    while (at < source.length && source[at] !== '|' && source[at] !== ')') parts.push(repeated());
    return () => {
      for (const part of parts) part();
    };
  }

  function repeated() {
    const part = single();
    const [written, least, comma, most] = source.slice(at).match(/^(?:\?|\{(\d+)(,)?(\d+)?\})/) ?? [];
    if ('*+'.includes(source[at] ?? ' ') || (comma && !most)) refuse();
    if (written === undefined) return part;
    at += written.length;
    const from = written === '?' ? 0 : Number(least);
    const to = written === '?' ? 1 : Number(most ?? least);
    return () => {
      for (let count = 0; count < from; count++) part();
      const splits = [];
      for (let count = from; count < to; count++) {
        splits.push(add({ either: program.length + 1 }));
        part();
      }
      for (const split of splits) program[split].or = program.length;
    };
  }

  function single() {
    const char = source[at++];
    if (char === '$') return () => add({ end: true });
    if (char === '\\' && source[at++] === 'd') return () => add({ digits: 0x3ff });
    if (/\d/.test(char)) return () => add({ digits: 1 << char });
    if (char === '[') {
      const [written] = source.slice(at).match(/^(?:\d-\d|\d)+\]/) ?? refuse();
      at += written.length;
      let digits = 0;
      for (const [, from, to = from] of written.matchAll(/(\d)(?:-(\d))?/g)) {
        for (let digit = Number(from); digit <= Number(to); digit++) digits |= 1 << digit;
      }
      return () => add({ digits });
    }
    if (char !== '(') refuse();
    const isGroup = !source.startsWith('?:', at);
    if (!isGroup) at += 2;
    const group = isGroup ? ++groups : 0;
    const inside = alternatives();
    if (source[at++] !== ')') refuse();
    if (!isGroup) return inside;
    return () => {
      add({ saves: 2 * group });
      inside();
      add({ saves: 2 * group + 1 });
    };
  }

  const whole = alternatives();
  if (at !== source.length) refuse();
  whole();
  add({ match: true });
  return program;
}

/**
 * Returns the readings that are under way, in order of preference. `until`: those behind the first that is at its end
 * are given up ('match', or 'end' where no digit follows), or none ('all').
 */
function follow(program, readings, depth, until) {
  const reached = new Set();
  const underWay = [];
  const visit = ({ at, groups }) => {
    if (reached.has(at)) return false;
    reached.add(at);
    const { either, or, goto, saves, end, match, digits } = program[at];
    if (either !== undefined) return visit({ at: either, groups }) || visit({ at: or, groups });
    if (goto !== undefined) return visit({ at: goto, groups });
    if (saves !== undefined)
      return visit({ at: at + 1, groups: Object.assign([...groups], { [saves]: depth }) });
    if (end && until !== 'end') underWay.push({ at, groups, digits: 0 });
    if (end) return until === 'end' && visit({ at: at + 1, groups });
    underWay.push({ at, groups, digits: digits ?? 0, match });
    return match === true && until !== 'all';
  };
  readings.some(visit);
  return underWay;
}

const START = [{ at: 0, groups: [] }];
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const taking = (digit, readings) =>
  readings.filter(({ digits }) => (digits >> digit) & 1).map(({ at, groups }) => ({ at: at + 1, groups }));

// ---- Automata. A node is {values, next}; what is equal is one node. A leaf has a value and nothing behind it.

const nodes = new Map();
function node(values, next) {
  const isLast = next.every((to) => to === undefined);
  if (isLast && values.length === 0) return undefined;
  const key = JSON.stringify([values, next.map((to) => to?.id)]);
  if (!nodes.has(key))
    nodes.set(key, { id: nodes.size, values, next, isLeaf: isLast && values.length === 1 });
  return nodes.get(key);
}

/** Returns a node of whole numbers. One that goes on with any digits at all is a leaf with their possible counts. */
function whole(ends, next) {
  const [first] = next;
  const isAny = next.every((to) => to === first) && (first === undefined || first.isLeaf);
  const mask = (ends ? 1 : 0) | (isAny && first !== undefined ? first.values[0].mask << 1 : 0);
  return node(mask === 0 ? [] : [{ mask }], isAny ? DIGITS.map(() => undefined) : next);
}

/**
 * Returns the automaton of the numbers that match the first pattern and, if there are more, one of the others, each in one
 * of its lengths.
 */
function numbers(...descriptions) {
  const programs = descriptions.map(({ pattern }) => compile(pattern));
  const fits = ({ lengths }, depth) => lengths.length === 0 || lengths.includes(depth);
  const memory = new Map();
  const build = (depth, from) => {
    const all = from.map((readings, index) => follow(programs[index], readings, depth, 'all'));
    const [general, ...types] = all;
    if (general.length === 0 || (types.length > 0 && types.every(({ length }) => length === 0)))
      return undefined;
    const key = JSON.stringify([depth, all.map((readings) => readings.map(({ at }) => at))]);
    if (!memory.has(key)) {
      const matches = (readings) => readings.some(({ match }) => match);
      const ends = all.map((readings, index) => matches(readings) && fits(descriptions[index], depth));
      const next = DIGITS.map((digit) =>
        build(
          depth + 1,
          all.map((readings) => taking(digit, readings)),
        ),
      );
      memory.set(key, whole(ends[0] && (types.length === 0 || ends.includes(true, 1)), next));
    }
    return memory.get(key);
  };
  return build(
    0,
    programs.map(() => START),
  );
}

/** Returns the beginnings of numbers that match the pattern, and their changes: without a rule, the match is removed. */
function beginnings(pattern, rule) {
  if (pattern === undefined) return undefined;
  const program = compile(pattern);
  const [, inserted, group] = rule?.match(/^(\d{0,4})\$(\d)$/) ?? [];
  if (rule !== undefined && group === undefined) throw new Error(`cannot read the rule ${rule}`);
  const change = (readings, depth) => {
    const match = readings.find(({ match }) => match);
    if (match === undefined) return undefined;
    const length = (of) => match.groups[2 * of + 1] - match.groups[2 * of];
    const isKept = rule !== undefined && (length(2) > 0 || (length(1) > 0 && match.groups[4] === undefined));
    if (!isKept) return [depth, 0, 0, ''];
    const [start, end] = match.groups.slice(2 * group);
    return end === depth ? [start, 0, 0, inserted] : [start, end - start, depth - end, inserted];
  };
  const memory = new Map();
  const build = (depth, from) => {
    if (from.length === 0) return undefined;
    const key = JSON.stringify([depth, from]);
    if (!memory.has(key)) memory.set(key, built(depth, from));
    return memory.get(key);
  };
  const built = (depth, from) => {
    const open = follow(program, from, depth, 'match');
    const goesOn = change(open, depth);
    const ends = change(follow(program, from, depth, 'end'), depth);
    const values = goesOn === undefined ? [] : [{ isEnd: false, change: goesOn }];
    // Whoever reads takes the last one that holds.
    if (ends !== undefined && String(ends) !== String(goesOn)) values.push({ isEnd: true, change: ends });
    return node(
      values,
      DIGITS.map((digit) => build(depth + 1, taking(digit, open))),
    );
  };
  return build(0, START);
}

// ---- The file.

const branches = ({ next }) => {
  const sets = new Map();
  next.forEach((to, digit) => {
    if (to) sets.set(to, (sets.get(to) ?? 0) | (1 << digit));
  });
  // What goes on comes last: it may follow without a reference.
  return [...sets].sort(([one], [other]) => other.isLeaf - one.isLeaf);
};

/** Returns the values of all reachable nodes, each as often as it is to be written. */
function values(roots) {
  const all = [];
  const seen = new Set();
  const visit = (from) => {
    if (seen.has(from)) return;
    seen.add(from);
    all.push(...from.values);
    for (const [to] of branches(from)) to.isLeaf ? all.push(...to.values) : visit(to);
  };
  roots.forEach(visit);
  return all;
}

/** Returns the values of one kind, the most frequent first. */
function table(kind, all) {
  const counts = new Map();
  for (const value of all.filter((value) => kind in value)) {
    const key = JSON.stringify(value);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
}

/** Returns the nodes as bytes, and the place where each one begins. */
function automata(roots, placeOf) {
  const bytes = [];
  const begins = new Map();
  const references = [];
  const set = (digits, isLast, kind) =>
    bytes.push(digits >> 2, (digits & 3) | (isLast ? 4 : 0) | (kind << 3));
  const setWithValue = (digits, isLast, value) => {
    const place = placeOf(value);
    set(digits, isLast, place + SHORT_VALUE < 32 ? place + SHORT_VALUE : VALUE);
    if (place + SHORT_VALUE >= 32) bytes.push(place);
  };
  const write = (from) => {
    if (begins.has(from)) return;
    begins.set(from, bytes.length);
    const all = branches(from);
    const following = [];
    from.values.forEach((value, index) => {
      setWithValue(0, all.length === 0 && index === from.values.length - 1, value);
    });
    all.forEach(([to, digits], index) => {
      let isLast = index === all.length - 1;
      const mayFollow = isLast;
      // A node with one way out, and nothing to say, is a part of the path.
      while (to.values.length === 0 && branches(to).length === 1) {
        set(digits, isLast, PATH);
        isLast = false;
        [[to, digits]] = branches(to);
      }
      if (to.isLeaf) {
        setWithValue(digits, isLast, to.values[0]);
      } else if (mayFollow && !begins.has(to)) {
        set(digits, isLast, NODE);
        following.unshift(to);
      } else {
        set(digits, isLast, REFERENCE);
        references.push([bytes.push(0, 0) - 2, to]);
        following.push(to);
      }
    });
    following.forEach(write);
  };
  roots.filter(Boolean).forEach(write);
  const buffer = Buffer.from(bytes);
  for (const [at, to] of references) buffer.writeInt16LE(begins.get(to) - at, at);
  return { buffer, begins };
}

function plansFile(metadata) {
  const plans = [...fields(metadata)]
    .filter(({ number }) => number === METADATA.collection)
    .map(({ content }) => region(content))
    .sort((one, other) => one.code - other.code || (other.isMain ?? 0) - (one.isMain ?? 0));
  const roots = plans.map(({ abroad, home, rule, leading, general, types }) => [
    beginnings(abroad),
    beginnings(home, rule),
    beginnings(leading),
    numbers({ ...general, lengths: [] }),
    numbers(general, ...types),
  ]);
  const all = values(roots.flat().filter(Boolean));
  const [masks, changes] = [table('mask', all), table('change', all)];
  const placeOf = (value) => ('mask' in value ? masks : changes).indexOf(JSON.stringify(value));
  const { buffer, begins } = automata(roots.flat(), placeOf);

  const bits = (lengths) => lengths.reduce((mask, length) => mask | (1 << length), 0);
  const planRows = plans.map(({ region, code, general }, index) => {
    const row = Buffer.alloc(22);
    row.write(region === '001' ? '--' : region, 'latin1');
    row.writeUInt16LE(code, 2);
    roots[index].forEach((root, place) => {
      row.writeUInt16LE(root ? begins.get(root) : NONE, 4 + 2 * place);
    });
    row.writeUInt32LE(bits(general.lengths), 14);
    row.writeUInt32LE(bits(general.localLengths), 18);
    return row;
  });
  const maskRows = masks.map((key) => {
    const row = Buffer.alloc(4);
    row.writeUInt32LE(JSON.parse(key).mask);
    return row;
  });
  const changeRows = changes.map((key) => {
    const { isEnd, change } = JSON.parse(key);
    const [goes, stays, thenGoes, first] = change;
    return Buffer.concat([Buffer.from([isEnd ? 1 : 0, goes, stays, thenGoes]), Buffer.from(first)], 8);
  });
  const head = Buffer.alloc(6);
  [planRows, maskRows, changeRows].forEach((rows, index) => {
    head.writeUInt16LE(rows.length, 2 * index);
  });
  return Buffer.concat([head, ...planRows, ...maskRows, ...changeRows, buffer]);
}

/**
 * Returns characters.bin: u8, the number of scripts with digits, and u24 each, big-endian, their zeros. Then the ranges
 * of characters that may end a text without being part of a number: neither letters nor digits. Each is its distance
 * from the one before and its length, seven bits a byte, the last of a number without the highest.
 */
function charactersFile(unicodeData) {
  const zeros = [];
  const ranges = [];
  let first;
  for (const line of unicodeData.trim().split('\n')) {
    const [hex, name, category, , , , decimal] = line.split(';');
    const code = parseInt(hex, 16);
    if (category === 'Nd' && decimal === '0') zeros.push(code);
    if (name.endsWith(', First>')) first = code;
    if (/^[LN]/.test(category) || name.endsWith(', First>')) continue;
    const from = name.endsWith(', Last>') ? first : code;
    const last = ranges.at(-1);
    if (last?.end === from) last.end = code + 1;
    else ranges.push({ from, end: code + 1 });
  }
  const varint = (number) => [
    ...(number > 0x7f ? varint(number >> 7).map((byte) => byte | 0x80) : []),
    number & 0x7f,
  ];
  return Buffer.from([
    zeros.length,
    ...zeros.flatMap((code) => [code >> 16, (code >> 8) & 0xff, code & 0xff]),
    ...ranges.flatMap(({ from, end }, index) => {
      const before = ranges[index - 1]?.end ?? 0;
      return [...varint(from - before), ...varint(end - from)];
    }),
  ]);
}

const { packages } = JSON.parse(
  execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], { maxBuffer: 1 << 28 }),
);
const read = (name, path) =>
  readFileSync(join(dirname(packages.find((one) => one.name === name).manifest_path), path));
const files = {
  plans: plansFile(read('rlibphonenumber', 'src/generated/metadata/metadata.bin')),
  characters: charactersFile(read('uniprops-gen', 'assets/UnicodeData.txt').toString()),
};
for (const [name, content] of Object.entries(files)) {
  const file = new URL(`../src/contact/phone/${name}.bin`, import.meta.url);
  if (process.argv.includes('--check')) {
    if (content.equals(readFileSync(file))) continue;
    console.error(`src/contact/phone/${name}.bin: not what the crate says. Run make lists.`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, content);
    console.log(`${name}.bin: ${content.length} bytes`);
  }
}
