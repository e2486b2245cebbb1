// The days of a campaign's time zone, as the dashboard asks for them and draws them (web/admin).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { beginOf, dateOf, later, zoneOf } from '../../web/admin/calendar.js';
import { isDay, rangeOf, routeOf } from '../../web/admin/route.js';
import { bucketsOf, ticksOf } from '../../web/admin/cards/buckets.js';

const HOUR_MS = 3_600_000;
/** As the API writes an instant. */
const iso = (ms) => new Date(ms).toISOString().replace('.000', '');
const seconds = (text) => Date.parse(text) / 1_000;

/** Dates that are not like others, with when they begin and how many hours they have. */
const DATES = [
  ['UTC', '2026-11-30', '2026-11-30T00:00:00Z', 24],
  ['Europe/Stockholm', '2026-11-30', '2026-11-29T23:00:00Z', 24],
  ['Europe/Stockholm', '2026-03-29', '2026-03-28T23:00:00Z', 23],
  ['Europe/Stockholm', '2026-10-25', '2026-10-24T22:00:00Z', 25],
  ['America/New_York', '2026-03-08', '2026-03-08T05:00:00Z', 23],
  ['America/New_York', '2026-11-01', '2026-11-01T04:00:00Z', 25],
  ['Asia/Kolkata', '2026-11-30', '2026-11-29T18:30:00Z', 24],
  ['Asia/Kathmandu', '2026-11-30', '2026-11-29T18:15:00Z', 24],
  ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00Z', 24.5],
  // Its clocks went from midnight to one o'clock, and back from midnight to eleven.
  ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00Z', 23],
  ['America/Sao_Paulo', '2018-02-17', '2018-02-17T02:00:00Z', 25],
  ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00:00Z', 24],
  ['America/Havana', '2026-11-01', '2026-11-01T04:00:00Z', 25],
  // It went to the other side of the date line.
  ['Pacific/Apia', '2011-12-29', '2011-12-29T10:00:00Z', 24],
  ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00Z', 0],
  ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00Z', 24],
];

describe('a day of a zone', () => {
  for (const [zone, date, begins, hours] of DATES) {
    test(`${date} in ${zone} has ${hours} hours`, () => {
      const begin = beginOf(date, zone);
      assert.equal(iso(begin), begins);
      assert.equal((beginOf(later(date, 1), zone) - begin) / HOUR_MS, hours);
      assert.ok(dateOf(begin - 1, zone) < date);
      assert.equal(dateOf(begin, zone), hours ? date : later(date, 1));
    });
  }

  test('goes on over the ends of months and years, and back', () => {
    assert.deepEqual(
      [later('2028-02-28', 1), later('2026-12-31', 1), later('2026-03-01', -1)],
      ['2028-02-29', '2027-01-01', '2026-02-28'],
    );
  });

  test("is UTC's where the zone is not known here, or none is named", () => {
    assert.deepEqual(['Europe/Stockholm', 'Europe/Nowhere', '', undefined].map(zoneOf), [
      'Europe/Stockholm',
      'UTC',
      'UTC',
      'UTC',
    ]);
  });
});

describe('a period', () => {
  const asked = (search, zone, now) => rangeOf(routeOf(search), zone, Date.parse(now));

  test("is of the zone's days, over both changes of its clocks", () => {
    for (const [search, now, zone, from] of [
      ['?period=today', '2026-11-30T00:30:00Z', 'UTC', '2026-11-30T00:00:00Z'],
      ['?period=today', '2026-11-29T23:30:00Z', 'Europe/Stockholm', '2026-11-29T23:00:00Z'],
      ['?period=today', '2026-11-29T22:30:00Z', 'Europe/Stockholm', '2026-11-28T23:00:00Z'],
      ['?period=7d', '2026-03-30T12:00:00Z', 'Europe/Stockholm', '2026-03-23T23:00:00Z'],
      ['?period=7d', '2026-10-26T12:00:00Z', 'Europe/Stockholm', '2026-10-19T22:00:00Z'],
      ['?period=30d', '2026-11-15T01:00:00Z', 'America/New_York', '2026-10-16T04:00:00Z'],
      ['?period=90d', '2026-11-30T12:00:00Z', 'Europe/Stockholm', '2026-09-01T22:00:00Z'],
    ]) {
      assert.deepEqual(
        asked(search, zone, now),
        { from: iso(Date.parse(from)).replace('Z', '.000Z'), to: '' },
        `${search} ${zone} ${now}`,
      );
    }
  });

  test("of one's own is from a day to before the day after the other", () => {
    const range = asked(
      '?period=custom&from=2026-03-29&to=2026-10-25',
      'Europe/Stockholm',
      '2026-11-30T12:00:00Z',
    );
    assert.deepEqual(range, { from: '2026-03-28T23:00:00.000Z', to: '2026-10-25T23:00:00.000Z' });
    assert.deepEqual(asked('?period=custom', 'UTC', '2026-11-30T12:00:00Z'), {
      from: '2026-10-31T00:00:00.000Z',
      to: '',
    });
  });

  test('of today has the whole hour in which it began', () => {
    assert.equal(
      asked('?period=today', 'Asia/Kolkata', '2026-11-29T18:40:00Z').from,
      '2026-11-29T18:00:00.000Z',
    );
  });

  test('is of days that there are', () => {
    for (const text of ['1969-12-31', '0000-01-01', '9999-12-31', '2026-13-01', '26-01-01', undefined])
      assert.equal(isDay(text), false, text);
    const last = asked(
      '?period=custom&from=1970-01-01&to=9998-12-31',
      'Pacific/Kiritimati',
      '2026-11-30T12:00:00Z',
    );
    assert.deepEqual(last, { from: '1970-01-01T10:40:00.000Z', to: '9998-12-31T10:00:00.000Z' });
  });
});

describe('the bars', () => {
  const overview = (step, from, to, timeline = {}) => ({ step, from, to, timeline });
  const begins = ({ buckets }) => buckets.map(({ second }) => iso(second * 1_000));

  test('are a day each, of 23 and 25 hours too, and one where nothing came', () => {
    for (const [zone, from, to, days] of [
      [
        'Europe/Stockholm',
        '2026-03-27T23:00:00Z',
        '2026-03-30T22:00:00Z',
        ['2026-03-27T23:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
      ],
      [
        'Europe/Stockholm',
        '2026-10-23T22:00:00Z',
        '2026-10-26T23:00:00Z',
        ['2026-10-23T22:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
      ],
      [
        'America/New_York',
        '2026-03-07T05:00:00Z',
        '2026-03-10T04:00:00Z',
        ['2026-03-07T05:00:00Z', '2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z'],
      ],
      [
        'America/Sao_Paulo',
        '2018-11-03T03:00:00Z',
        '2018-11-06T02:00:00Z',
        ['2018-11-03T03:00:00Z', '2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
      ],
      [
        'Pacific/Apia',
        '2011-12-28T10:00:00Z',
        '2012-01-01T10:00:00Z',
        ['2011-12-28T10:00:00Z', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
      ],
    ]) {
      const counts = { accepted: 2, new: 1 };
      const shown = bucketsOf(overview('day', from, to, { [days[1]]: counts }), zone);
      assert.deepEqual(begins(shown), days, zone);
      assert.deepEqual(
        shown.buckets.map((bucket) => bucket.counts),
        days.map((_, at) => (at === 1 ? counts : {})),
      );
      assert.equal(iso(shown.end * 1_000), to);
    }
  });

  test('of a zone beside the hours are the days that were asked for', () => {
    const range = rangeOf(routeOf('?period=custom&from=2026-11-27&to=2026-11-30'), 'Asia/Kolkata');
    assert.deepEqual(range, { from: '2026-11-26T18:30:00.000Z', to: '2026-11-30T18:30:00.000Z' });
    // Both are rounded up.
    const [from, to] = ['2026-11-26T19:00:00Z', '2026-11-30T19:00:00Z'];
    const day = (date) => `${later(date, -1)}T18:30:00Z`;
    const shown = bucketsOf(
      overview('day', from, to, { [day('2026-11-30')]: { accepted: 1 } }),
      'Asia/Kolkata',
    );
    assert.deepEqual(begins(shown), ['2026-11-27', '2026-11-28', '2026-11-29', '2026-11-30'].map(day));
    assert.deepEqual(shown.buckets.at(-1).counts, { accepted: 1 });
    assert.equal(iso(shown.end * 1_000), day('2026-12-01'));
  });

  test('hold the day that a period cuts, at both ends', () => {
    const shown = bucketsOf(
      overview('day', '2026-11-26T12:00:00Z', '2026-11-30T00:00:00Z', {
        '2026-11-25T23:00:00Z': { accepted: 3 },
      }),
      'Europe/Stockholm',
    );
    assert.deepEqual(
      begins(shown),
      ['25', '26', '27', '28', '29'].map((day) => `2026-11-${day}T23:00:00Z`),
    );
    assert.deepEqual(shown.buckets[0].counts, { accepted: 3 });
  });

  test('are an hour each: one that clocks show twice is two', () => {
    const both = { '2026-10-25T00:00:00Z': { accepted: 1 }, '2026-10-25T01:00:00Z': { accepted: 2 } };
    const { buckets } = bucketsOf(
      overview('hour', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', both),
      'Europe/Stockholm',
    );
    assert.equal(buckets.length, 25);
    assert.deepEqual(
      buckets.slice(2, 4).map(({ counts }) => counts.accepted),
      [1, 2],
    );
  });

  test('are the last, where there are more than can be drawn', () => {
    const { buckets, isCut } = bucketsOf(
      overview('day', '2000-01-01T00:00:00Z', '2026-11-30T04:00:00Z'),
      'UTC',
    );
    assert.deepEqual(
      [buckets.length, isCut, iso(buckets.at(-1).second * 1_000)],
      [5_000, true, '2026-11-30T00:00:00Z'],
    );
    assert.equal(
      bucketsOf(overview('day', '2026-11-01T00:00:00Z', '2026-11-30T04:00:00Z'), 'UTC').isCut,
      false,
    );
  });
});

describe('the ticks', () => {
  const ticks = (from, to, hours, zone) =>
    ticksOf(seconds(from), seconds(to), hours * 3_600, zone).map((at) => iso(at * 1_000));

  test("stand at hours and days of the zone's clock, before and after it changes", () => {
    assert.deepEqual(ticks('2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', 6, 'Europe/Stockholm'), [
      '2026-10-24T22:00:00Z',
      '2026-10-25T05:00:00Z',
      '2026-10-25T11:00:00Z',
      '2026-10-25T17:00:00Z',
      '2026-10-25T23:00:00Z',
    ]);
    assert.deepEqual(ticks('2026-03-28T23:00:00Z', '2026-03-30T22:00:00Z', 24, 'Europe/Stockholm'), [
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
      '2026-03-30T22:00:00Z',
    ]);
    assert.deepEqual(ticks('2026-11-29T18:00:00Z', '2026-11-30T06:30:00Z', 6, 'Asia/Kolkata'), [
      '2026-11-29T18:30:00Z',
      '2026-11-30T00:30:00Z',
      '2026-11-30T06:30:00Z',
    ]);
  });

  test('stand once where clocks skip an hour or a day', () => {
    assert.deepEqual(ticks('2026-03-29T00:00:00Z', '2026-03-29T03:00:00Z', 1, 'Europe/Stockholm'), [
      '2026-03-29T00:00:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-29T02:00:00Z',
      '2026-03-29T03:00:00Z',
    ]);
    assert.deepEqual(ticks('2011-12-29T10:00:00Z', '2011-12-31T10:00:00Z', 24, 'Pacific/Apia'), [
      '2011-12-29T10:00:00Z',
      '2011-12-30T10:00:00Z',
      '2011-12-31T10:00:00Z',
    ]);
  });
});
