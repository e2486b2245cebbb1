// Browser of the tests: CHROME, or a chromium on the PATH. Run by itself, this names it or says how to get one. CI needs
// one.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const NO_BROWSER =
  'No chromium: the browser tests are skipped. Install one (Debian: apt-get install chromium)\n' +
  'or name it: make test CHROME=/path/to/chrome';

export function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  if (process.env.CHROME) names.splice(0, names.length, process.env.CHROME);
  const folders = ['', ...process.env.PATH.split(delimiter)];
  return folders
    .flatMap((folder) => names.map((name) => (folder ? join(folder, name) : name)))
    .find(existsSync);
}

if (process.argv[1]?.endsWith('chromium.mjs')) {
  const found = findChromium();
  console.log(found ? `Browser tests use ${found}` : NO_BROWSER);
  if (!found && process.env.CI) process.exit(1);
}
