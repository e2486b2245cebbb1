// Says which browser the tests use, or how to get one. In CI a browser must be there.
import { spawnSync } from "node:child_process";

const names = [process.env.CHROME, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

export function findChromium() {
  return names.filter(Boolean).find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

if (process.argv[1]?.endsWith("chromium.mjs")) {
  const found = findChromium();
  if (found) {
    console.log(`Browser tests use ${found}`);
  } else {
    console.log("No chromium: the browser tests are skipped. Install one (Debian: apt-get install chromium)");
    console.log("or name it: make test CHROME=/path/to/chrome");
    if (process.env.CI) process.exit(1);
  }
}
