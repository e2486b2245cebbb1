// A simulated day of a company: a thousand people come, repeat themselves, confirm, withdraw and ask to be
// forgotten, while receivers fail. In the evening nobody can be found on the disk.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { crowd, dice, HOSTILE, identitiesOf } from '../support/crowd.mjs';
import { filesOf } from '../support/disk.mjs';
import { exampleCampaign } from '../support/examples.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { links, Mailbox } from '../support/mailbox.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { Search } from '../support/search.mjs';
import { consentVars, World } from '../support/world.mjs';

const SEED = Number(process.env.LEADHOOK_SEED ?? 20261122);
const PEOPLE = 1000;
const CLIENTS = 16;
/** So many of a hundred deliveries fail at first. */
const FAILURES = 8;
const HELD = 'held';
const NEWS = 'news';
const SHOP = 'shop';
const CAMPAIGNS = ['form', HELD, NEWS, SHOP, 'two'];
const WAYS = ['postForm', 'postJson', 'postMultipart'];

/** The characters that `trim` of Unicode takes off; JavaScript's differs in two. */
const SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
/** A text as it arrives: its lines ended alike, without other control characters than tabs. */
const tidy = (text) =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\t\n])\p{Cc}/gu, '')
    .replace(new RegExp(`^${SPACE}|${SPACE}$`, 'g'), '')
    .normalize('NFC');

let world, crm, erp, mailbox, desk;
const roll = dice(SEED);
const chance = (percent) => roll() * 100 < percent;
const pick = (all) => all[Math.floor(roll() * all.length)];

/** Does something for each, some at a time. */
async function each(all, what) {
  const queue = [...all];
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (queue.length) await what(queue.shift());
    }),
  );
}

function campaigns() {
  const field = [
    { name: 'email', kind: 'email', required: true },
    { name: 'phone', kind: 'phone' },
    { name: 'name', kind: 'text' },
    { name: 'message', kind: 'text' },
    { name: 'company_size', kind: 'choice', choices: ['1-10', '201+'] },
  ];
  const toCrm = { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' };
  const toErp = { name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' };
  const score = [{ rule: 'large', points: 40, when: { field: 'company_size', is: '201+' } }];
  const one = (id, changes) => campaign(id, crm, { field, score, ledger: 'day', dedupe: {}, ...changes });
  const { double_opt_in, destination } = exampleCampaign('newsletter', { crm, mail: mailbox });
  return [
    one('form'),
    one(HELD, { qualify: { forward_at: 40 } }),
    one(NEWS, { double_opt_in, destination }),
    one(SHOP, {
      destination: [toCrm, toErp],
      // biome-ignore lint/suspicious/noThenProperty: a key of campaigns; nobody awaits them
      list: [{ name: 'customers', then: 'existing_customer', send_to: ['erp'] }],
    }),
    one('two', { ledger: 'other', destination: [toCrm, { ...toErp, third_party: true }] }),
  ];
}

describe(`a day (LEADHOOK_SEED=${SEED})`, { timeout: 180_000 }, () => {
  const people = crowd(PEOPLE, roll).map((one, at) => ({
    ...one,
    at,
    campaign: pick(CAMPAIGNS),
    way: pick(WAYS),
    gpc: chance(20),
    message: chance(40) ? pick(HOSTILE) : undefined,
    company_size: chance(50) ? '201+' : '1-10',
  }));
  const of = (...ids) => people.filter(({ campaign }) => ids.includes(campaign));
  const leadsOf = (receiver, { is }) =>
    receiver
      .to(is.email)
      .map(({ payload }) => payload)
      .filter(({ type }) => type.startsWith('lead.'));

  before(async () => {
    crm = await Receiver.start();
    erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
    mailbox = await Mailbox.start();
    world = await World.start({ breaksKv: true, vars: consentVars() });
    desk = new Operator(world);
    await world.publish(...campaigns());
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await erp?.down();
    await mailbox?.stop();
  });

  /** Posts for a person, to their campaign unless another is named. */
  async function post(one, changes = {}) {
    const { campaign: id, way, gpc, email, phone, name, message, company_size } = { ...one, ...changes };
    const value = {
      email,
      phone,
      name,
      ...(message && { message }),
      company_size,
      consent: { newsletter: true, ...(one.at % 3 === 0 && { calls: true }) },
    };
    const answer = await world[way](
      id,
      way === 'postJson' ? value : asForm(value),
      gpc ? { 'Sec-GPC': '1' } : {},
    );
    assert.equal(answer.status, 202, `${id} ${JSON.stringify(value)}: ${answer.text}`);
    return answer.json.submission_id;
  }

  test('in the morning everybody comes, while receivers and the mail provider fail', async () => {
    const customers = of(SHOP).filter(({ at }) => at % 4 === 0);
    const file = desk.write('customers.csv', ['email', ...customers.map(({ email }) => email)].join('\n'));
    await desk.run('list', 'import', file, '--list', 'customers', '--ledger', 'day');
    const failed = new Set();
    const luck = dice(SEED + 1);
    const flaky = ({ id }) => {
      if (failed.has(id) || luck() * 100 >= FAILURES) return { status: 204 };
      failed.add(id);
      return { status: 503 };
    };
    crm.answer = flaky;
    erp.answer = flaky;
    mailbox.failures = 5;
    await each(people, async (one) => {
      one.id = await post(one);
    });
    assert.equal(new Set(people.map(({ id }) => id)).size, PEOPLE);
  });

  /** An operator lets in what was put aside: people have typed links and markup as their names. */
  async function letIn() {
    let released = 0;
    for (const id of CAMPAIGNS)
      released += parseInt(await desk.run('quarantine', 'release', '--all-of', id), 10);
    return released;
  }

  test('before noon what looks like junk is let in by hand', async () => {
    const aside = await Promise.all(
      CAMPAIGNS.map(async (id) => (await world.counters(id)).states.quarantined),
    );
    const count = aside.reduce((a, b) => a + b, 0);
    assert.ok(count > 0 && count < PEOPLE / 10, String(count));
    assert.equal(await letIn(), count);
  });

  test('at noon some repeat themselves, tell more, and confirm', async () => {
    await each(
      people.filter(() => chance(20)),
      async (one) => assert.equal(await post(one), one.id),
    );
    const grown = of(HELD).filter(({ company_size }) => company_size === '1-10' && chance(50));
    for (const one of grown) Object.assign(one, { company_size: '201+', message: pick(HOSTILE) });
    await each(grown, (one) => post(one));
    await each(
      people.filter(() => chance(10)),
      (one) => post(one, { campaign: 'form', message: 'Another question.' }),
    );
    await each(
      of(NEWS).filter(() => chance(80)),
      async (one) => {
        const { confirm } = links(await mailbox.next(one.is.email));
        assert.equal((await world.open(confirm, 'POST')).status, 200);
        one.confirmed = true;
      },
    );
  });

  test('everybody who qualifies arrives once, letter for letter', async () => {
    const qualified = people.filter(({ campaign, company_size, confirmed }) =>
      campaign === HELD ? company_size === '201+' : campaign !== NEWS || confirmed,
    );
    await each(qualified, async (one) => {
      const receiver = one.campaign === SHOP && one.at % 4 === 0 ? erp : crm;
      const mine = ({ data }) => data.campaign === one.campaign;
      const [{ data }, ...more] = await until(
        `${one.email} of ${one.campaign}`,
        () => leadsOf(receiver, one).some(mine) && leadsOf(receiver, one).filter(mine),
      );
      if (more.length)
        assert.deepEqual(
          more.map((again) => again.data),
          more.map(() => data),
          'the same attempt again',
        );
      assert.deepEqual([data.contact.phone, data.answers.name], [one.is.phone, tidy(one.name)]);
      if (one.message) assert.equal(data.answers.message, tidy(one.message));
      one.lead = data;
      one.links = data.consent.filter(({ granted }) => granted).map(({ withdraw_url }) => withdraw_url);
    });
    for (const id of CAMPAIGNS) await world.settled(id);
    for (const one of of('two')) assert.equal(leadsOf(erp, one).length > 0, !one.gpc, 'Sec-GPC');
    assert.ok(qualified.length > PEOPLE / 2, String(qualified.length));
  });

  test('in the afternoon some take back what they agreed to, and some are forgotten', async () => {
    const withdrawn = people.filter(({ links }) => links && chance(15));
    await each(withdrawn, async (one) => {
      for (const link of one.links) assert.equal((await world.open(link, 'POST')).status, 200);
    });
    const erased = people.filter(({ campaign }) => campaign !== NEWS && chance(8));
    const [byHand, ...others] = erased;
    await desk.run('erase', '--email', byHand.email, '--phone', byHand.is.phone, '--yes');
    await each(others, ({ email }) => world.ask('POST', 'erase', { email }));
    const told = (type, { lead }) =>
      [...crm.confirmed, ...erp.confirmed].some(
        ({ payload }) => payload.type === type && payload.data.lead_id === lead.lead_id,
      );
    for (const one of withdrawn.filter((one) => !erased.includes(one)))
      await until('consent.withdrawn', () => told('consent.withdrawn', one));
    for (const one of erased.filter(({ lead }) => lead))
      await until('lead.erased', () => told('lead.erased', one));

    const heard = () =>
      erased.reduce((sum, one) => sum + leadsOf(crm, one).length + leadsOf(erp, one).length, 0);
    const before = heard();
    await each(erased, (one) => post(one));
    await until('they are suppressed', async () => {
      const counters = await Promise.all(CAMPAIGNS.map((id) => world.counters(id)));
      return counters.reduce((sum, { states }) => sum + states.suppressed, 0) === erased.length;
    });
    for (const id of CAMPAIGNS) await world.settled(id);
    assert.equal(heard(), before);
  });

  test('in the evening a receiver is down, and leads wait for it', async () => {
    await erp.down();
    const late = crowd(40, roll).map((one, at) => ({
      ...one,
      at,
      email: `late.${one.email}`,
      campaign: 'two',
      way: pick(WAYS),
      company_size: '201+',
    }));
    for (const one of late)
      Object.assign(one.is, { email: `late.${one.is.email}`, local: `late.${one.is.local}` });
    await each(late, (one) => post(one));
    people.push(...late);
    await letIn();
    await until(
      'attempts',
      async () =>
        (await world.deliveries('two', 'pending')).filter(({ attempt_count }) => attempt_count > 0).length ===
        late.length,
    );
  });

  test('every counter adds up', async () => {
    const sum = (values) => Object.values(values).reduce((a, b) => a + b, 0);
    for (const id of CAMPAIGNS) {
      const { accepted, states, buckets } = await world.counters(id);
      assert.equal(accepted, sum(states), id);
      for (const bucket of buckets) assert.equal(bucket.accepted, sum(bucket.states), id);
    }
  });

  test('at night nobody is found: not on the disk, not in KV, not in the log, not in an answer', async (t) => {
    assert.deepEqual([crm.refused, erp.refused, mailbox.refused], [[], [], []]);
    assertNoLeaks(world);
    await world.kill('SIGTERM');
    const search = new Search(people.flatMap(identitiesOf));
    for (const text of [people[1].email, people[1].name, HOSTILE[0]]) {
      for (const left of [
        text,
        JSON.stringify({ text }),
        encodeURIComponent(text),
        Buffer.from(`??${text}??`).toString('base64'),
      ]) {
        assert.notEqual(
          search.in(Buffer.from(`somewhere ${left} in it`)).length,
          0,
          'what is there would be found',
        );
      }
    }
    const places = [
      ['the log', Buffer.from(world.stdout + world.stderr)],
      ...[...world.kv.entries].map(([key, { body, metadata }]) => [
        `KV ${key}`,
        Buffer.concat([Buffer.from(`${key} ${metadata ?? ''} `), body]),
      ]),
      ...filesOf(world).map((file) => [path.relative(world.state, file), fs.readFileSync(file)]),
      ...world.answers.map(({ request, headers, text }) => [
        `the answer to ${request}`,
        Buffer.from(`${JSON.stringify(headers)}\n${text}`),
      ]),
    ];
    const bytes = places.reduce((sum, [, place]) => sum + place.length, 0);
    t.diagnostic(
      `${people.length} people, ${world.answers.length} requests, ${(bytes / 1e6).toFixed(1)} MB searched`,
    );
    for (const [name, place] of places) assert.deepEqual(search.in(place).slice(0, 3), [], name);
    assert.ok(
      places.some(([name, place]) => name.endsWith('.sqlite') && place.includes('lead_')),
      'the ledgers were looked at',
    );
  });
});
