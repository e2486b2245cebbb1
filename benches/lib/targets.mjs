// Targets of the benchmarks: the Workers, and the way a campaign is published to each.
import path from 'node:path';
import { send } from '../../tests/e2e/support/http.mjs';

const LEADHOOK_MAIN = 'build/index.js';

/**
 * `kind` says how it is published to. `again` is the same build in a second process: where the two
 * differ, it is by noise. `only`: the one operation it takes part in.
 */
export const TARGETS = [
  {
    name: 'floor',
    kind: 'floor',
    says: 'the least that stores, answers, sends and settles a lead, in JavaScript (`floor/`)',
    main: 'target/bench/floor/index.js',
    only: 'fresh',
  },
  {
    name: 'peer',
    kind: 'peer',
    says: 'what Leadhook does with a lead, in TypeScript with Hono, Zod and libphonenumber-js (`peer/`)',
    main: 'target/bench/peer/index.js',
  },
  { name: 'leadhook', kind: 'leadhook', says: 'this repository', main: LEADHOOK_MAIN },
  {
    name: 'leadhook again',
    kind: 'leadhook',
    says: 'the same build a second time',
    main: LEADHOOK_MAIN,
    again: true,
  },
];
export const LEADHOOK = TARGETS.find(({ name }) => name === 'leadhook');

/** Returns a further build of Leadhook as a target, from a folder as `make build` leaves it. */
export const buildTarget = (name, folder) => ({
  name,
  kind: 'leadhook',
  says: 'another build of Leadhook',
  main: path.join(folder, 'index.js'),
});

/** Publishes a campaign. The peer reads campaigns from KV as they are, the floor knows only a receiver. */
export async function publish({ kind }, world, campaign) {
  if (kind === 'leadhook') return world.publish(campaign);
  const [key, body] =
    kind === 'floor'
      ? ['receiver', campaign.destination[0].url]
      : [`campaign:${campaign.id}`, JSON.stringify(campaign)];
  if (world.kv) world.kv.entries.set(key, { body: Buffer.from(body) });
  else await send(world.kvUrl, 'PUT', `/${encodeURIComponent(key)}`, { body });
}
