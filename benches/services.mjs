// A process of its own for what goes with the Workers under test: their runtimes, and the webhook
// sink. It does not wait for what measures, nor the other way round. remote.mjs starts it, and calls
// the functions of `services`.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { send } from '../tests/e2e/http.mjs';
import { World } from '../tests/e2e/world.mjs';
import { benchCampaign, publish, TARGETS } from './targets.mjs';

const KV = fileURLToPath(new URL('kv.mjs', import.meta.url));

const worlds = new Map();
const copies = [];

/** By target: the distinct webhook-ids that arrived, and when the last one did. */
const heard = new Map();

const services = {
  /** Starts a target in a world of its own, with its campaign published. */
  start: (name) => startWorld(name, { kvModule: KV }),

  /** Instead of the world that it has: one whose KV outlives the runtime. */
  async startForColdStarts(name) {
    await worlds.get(name).stop();
    return startWorld(name, {});
  },

  /** Ends the runtime and forgets what the ledger stored; KV keeps the campaign. */
  async forget(name) {
    const world = worlds.get(name);
    await world.kill();
    fs.rmSync(world.state, { recursive: true, force: true });
    fs.mkdirSync(world.state);
  },

  stop: (name) => worlds.get(name).stop(),

  heard(name) {
    // Nobody reads what a Worker logs, and it would grow for the whole run.
    worlds.get(name).stdout = '';
    const { ids, lastAtMs } = heard.get(name);
    return { distinct: ids.size, lastAtMs };
  },

  /** How much the target's KV holds. */
  remembered: async (name) => (await send(worlds.get(name).kvUrl, 'GET', '/')).json,
};

async function startWorld(name, options) {
  const target = TARGETS.find((target) => target.name === name);
  const world = await World.start({ main: alone(target.main), ...options });
  const hook = `/${encodeURIComponent(name)}`;
  worlds.set(name, world);
  heard.set(name, { hook, ids: new Set(), lastAtMs: 0 });
  await publish(target, world, benchCampaign({ url: `http://127.0.0.1:${sink.address().port}${hook}` }));
  return { url: world.url, pid: world.pid, folder: world.folder };
}

// It only counts: conformance.mjs is what looks at webhooks.
const sink = http.createServer((request, response) => {
  const target = [...heard.values()].find(({ hook }) => hook === request.url);
  target.ids.add(request.headers['webhook-id']);
  target.lastAtMs = Date.now();
  request.resume();
  response.writeHead(204).end();
});
await new Promise((done) => sink.listen(0, '127.0.0.1', done));

process.on('message', async ({ call, name, args }) => {
  try {
    process.send({ call, value: await services[name](...args) });
  } catch (error) {
    process.send({ call, error: error.stack });
  }
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => process.exit(1));
process.on('exit', () => copies.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** A copy of a Worker without its neighbours: Leadhook's build folder holds the other Workers too. */
function alone(main) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-bench-'));
  copies.push(folder);
  const filter = (file) => path.basename(file) !== 'bench';
  fs.cpSync(path.dirname(main), folder, { recursive: true, filter });
  return path.join(folder, path.basename(main));
}
