// Random secrets: the Worker's own, and one for each destination that a campaign names.
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const key = () => `k1:${randomBytes(32).toString("base64")}`;

export const OWN_SECRETS = {
  LEADHOOK_PEPPERS: key,
  LEADHOOK_SEALING_KEYS: key,
  LEADHOOK_ADMIN_TOKEN: () => randomBytes(24).toString("base64url"),
};

export const newWebhookSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

// The names of the destinations' secrets in a folder of campaign files.
export function destinationSecrets(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".toml"));
  const names = files.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return [...text.matchAll(/^\s*secret\s*=\s*"([A-Z][A-Z0-9_]*)"/gm)].map((match) => match[1]);
  });
  return [...new Set(names)];
}

// Adds what is missing to a file of NAME=value lines; what stands in it is kept.
export function fillDevVars(file, campaigns) {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const has = (name) => new RegExp(`^\\s*${name}\\s*=`, "m").test(text);
  const wanted = { LEADHOOK_ENV: () => "dev", ...OWN_SECRETS };
  for (const name of destinationSecrets(campaigns)) wanted[name] = newWebhookSecret;
  const lines = Object.entries(wanted)
    .filter(([name]) => !has(name))
    .map(([name, make]) => `${name}="${make()}"\n`);
  if (lines.length === 0) return;
  writeFileSync(file, text + (text === "" || text.endsWith("\n") ? "" : "\n") + lines.join(""));
  chmodSync(file, 0o600);
  console.log(`${file}: ${lines.length} random values added`);
}
