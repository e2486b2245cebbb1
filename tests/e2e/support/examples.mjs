// The example campaigns and landing pages.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { serveWorld } from './origin.mjs';
import { ROOT } from './world.mjs';

/** An example campaign as `leadhook check --json` prints it, its destinations turned to receivers by name. */
export function exampleCampaign(id, receivers) {
  const cli = process.env.LEADHOOK_CLI ?? path.join(ROOT, 'target/release/leadhook');
  const file = path.join(ROOT, 'examples/campaigns', `${id}.toml`);
  const printed = execFileSync(cli, ['check', file, '--json'], { encoding: 'utf8' });
  const campaign = JSON.parse(printed);
  for (const destination of campaign.destination) destination.url = receivers[destination.name].url;
  return campaign;
}

/** Addresses that the Worker answers, and not a file. */
const OF_THE_WORKER = /^\/(c|d|f|confirm|withdraw)\//;
/** Pages that need nothing inline, and nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'";

/** The example landing pages. */
export const PAGES = path.join(ROOT, 'examples/pages');

/** Serves a world that has the example pages, each under a strict policy. `world` is a function. */
export const servePages = (world) =>
  serveWorld(world, (url) => (OF_THE_WORKER.test(url) ? {} : { 'Content-Security-Policy': POLICY }));
