// Rows written for a lead, which are its cost: exactly so many, by table, and the alarms beside them.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { limits } from '../../../scripts/data.mjs';
import { countRows } from '../../../benches/ledger/row-costs.mjs';

const RUSH = 100;
/** A submission's rows are its own and its key's. What goes out at once has no entry in `delivery_due`. */
const ADMITTED = { fingerprint: 1, submission: 2, counter: 1, delivery: 1 };
const SETTLED = { delivery: 1, submission: 1, counter: 1 };
const NOTHING = {};
const MOST_FOR_A_FRESH_LEAD = 5;
/** Of a lead that comes alone, its delivery and its alarms included. */
const MOST_FOR_A_LONE_LEAD = 9;
/** After so many deliveries a mark is written. */
const DELIVERIES_A_MARK = limits.mark_deliveries;
/** More would mean that leads in a rush do not share their alarms. */
const MOST_ALARMS_A_LEAD_IN_A_RUSH = 0.25;

let rows;

describe('rows that the ledger writes', { timeout: 120_000 }, () => {
  before(async () => {
    rows = await countRows(RUSH);
  });

  /** @param alarms how often the alarm is set at most: where one is set a moment before, it is not */
  function costs(name, admitted, settled, alarms) {
    test(name, () => {
      const { admission, settling } = rows[name];
      assert.deepEqual(admission.tables, admitted);
      assert.deepEqual(settling.tables, settled);
      const set = admission.alarmsSet + settling.alarmsSet;
      assert.ok(set <= alarms, `${set} alarms`);
    });
  }

  test('a fresh lead with one identifier and one destination writes few rows', () => {
    assert.ok(rows.fresh.admission.written <= MOST_FOR_A_FRESH_LEAD, `${rows.fresh.admission.written} rows`);
  });

  test('one that comes alone writes few rows until nothing of it is left to be done', () => {
    const { admission, settling } = rows['after a pause'];
    const all = [admission, settling].reduce((sum, { written, alarmsSet }) => sum + written + alarmsSet, 0);
    assert.ok(all <= MOST_FOR_A_LONE_LEAD, `${all} rows`);
  });

  costs('fresh', ADMITTED, SETTLED, 1);
  costs('after a pause', ADMITTED, SETTLED, 1);
  costs('repeat', { counter: 1 }, NOTHING, 0);
  // With the second post the lead gets a row of its own (two, by its id and its number), its standing another, and
  // the act moves there.
  const KNOWN = { act: 1, lead: 2, standing: 1 };
  costs('duplicate', { ...KNOWN, submission: 3, counter: 1 }, NOTHING, 0);
  costs('another duplicate', { lead: 1, submission: 2, counter: 1 }, NOTHING, 0);
  costs('with a phone', { ...ADMITTED, carried: 1 }, SETTLED, 1);
  costs('two destinations', { ...ADMITTED, delivery: 2 }, { ...SETTLED, delivery: 2 }, 1);
  costs(
    'with a phone, two destinations',
    { ...ADMITTED, carried: 1, delivery: 2 },
    { ...SETTLED, delivery: 2 },
    1,
  );
  costs('with an Idempotency-Key', { ...ADMITTED, idempotency: 1 }, SETTLED, 1);
  // Those that are held are found by their lead, and by whose they are.
  costs('held', { fingerprint: 1, submission: 4, counter: 1 }, NOTHING, 0);
  // The held submission and its counter move as well.
  costs(
    'held, then qualified',
    { ...KNOWN, act: 2, carried: 1, delivery: 2, submission: 4, counter: 2 },
    SETTLED,
    1,
  );
  costs('first attempt fails', ADMITTED, { ...SETTLED, delivery: 3 }, 2);

  test('leads in a rush write as many rows each, but share their alarms and the counters of what arrives', () => {
    const { admission, settling } = rows.rush;
    const { admission: one, settling: other } = rows.fresh;
    const sum = (table, ...parts) => parts.reduce((all, { tables }) => all + (tables[table] ?? 0), 0);
    // Up to which delivery nothing is left is noted now and then.
    const [meta, counter] = ['meta', 'counter'].map((table) => sum(table, admission, settling));
    assert.ok(
      counter >= RUSH * sum('counter', one) && counter <= RUSH * sum('counter', one, other),
      `${counter} counters`,
    );
    const own = one.written + other.written - sum('counter', one, other);
    assert.equal(admission.written + settling.written - meta - counter, RUSH * own);
    assert.ok(meta <= RUSH / DELIVERIES_A_MARK + 1, `${meta} marks`);
    const alarms = admission.alarmsSet + settling.alarmsSet;
    assert.ok(alarms <= RUSH * MOST_ALARMS_A_LEAD_IN_A_RUSH, `${alarms} alarms for ${RUSH} leads`);
  });
});
