// Size of the Worker's wasm. Fails if it is above the maximum.
//
//   node scripts/size.mjs MAX_GZIP_KB

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BYTES_PER_KB = 1000;
const max = Number(process.argv[2]);
const wasm = readFileSync(new URL('../build/index_bg.wasm', import.meta.url));
const gzip = gzipSync(wasm, { level: 9 }).length / BYTES_PER_KB;
console.log(
  `build/index_bg.wasm: ${(wasm.length / BYTES_PER_KB).toFixed(0)} KB, ${gzip.toFixed(1)} KB gzip (at most ${max})`,
);
if (!(gzip <= max)) {
  console.error(`The Worker's wasm is larger than ${max} KB gzip.`);
  process.exit(1);
}
