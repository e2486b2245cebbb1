// Services of a run in a process of their own: the runtimes of the Workers under test, and the webhook sink. It does not
// wait for the process that measures, nor the other way round. services-client.mjs starts it, and calls the functions of
// `services`.
import fs from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { send } from '../../tests/e2e/support/http.mjs';
import { World } from '../../tests/e2e/support/world.mjs';
import { publish } from './targets.mjs';
import { benchCampaign } from './workload.mjs';

const KV = fileURLToPath(new URL('kv.mjs', import.meta.url));

const worlds = new Map();

/** By target: the webhooks that arrived, their distinct ids, and the time of the last one. */
const heard = new Map();

const services = {
  /** Starts a target in a world of its own, with its campaign published. `options`: more of {@link World.start}'s. */
  async start(target, options = {}) {
    const { name, main } = target;
    const world = await World.start({ main, kvModule: KV, ...options });
    const hook = `/${encodeURIComponent(name)}`;
    worlds.set(name, world);
    heard.set(name, { hook, ids: new Set(), webhooks: 0, lastAtMs: 0 });
    await publish(target, world, benchCampaign({ url: `http://127.0.0.1:${sink.address().port}${hook}` }));
    return placeOf(world);
  },

  /** Restarts the runtime alone: KV keeps what it holds. */
  async restart(name) {
    const world = worlds.get(name);
    await world.restart();
    return placeOf(world);
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
    const { ids, webhooks, lastAtMs } = heard.get(name);
    return { distinct: ids.size, webhooks, lastAtMs };
  },

  /** Returns how often the target's KV was read and written: {reads, writes}. */
  kvCalls: async (name) => (await send(worlds.get(name).kvUrl, 'GET', '/')).json,
};

const placeOf = ({ url, pid, kvPid, folder, vars }) => ({ url, pid, kvPid, folder, vars });

// It only counts: conformance.mjs looks at webhooks.
const sink = http.createServer((request, response) => {
  const target = [...heard.values()].find(({ hook }) => hook === request.url);
  target.ids.add(request.headers['webhook-id']);
  target.webhooks += 1;
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
