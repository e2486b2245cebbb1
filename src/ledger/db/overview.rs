//! The queries of an overview: the numbers of a period, from counters and the newest deliveries.
//!
//! An open dashboard asks again and again, and each row that is read is one of the free plan's five million a day. So
//! counters are found by their key, and each of them and of the deliveries is read about once.

use serde_json::{Map, Value};

use super::Db;
use super::state::{DeliveryState, State};
use super::store::{Arg, Store, rfc3339_of};
use crate::base::fault::Fault;
use crate::base::limits;
use crate::base::moment::first_id;
use crate::base::time::{DAY_MS, HOUR_MS};
use crate::ledger::wire::Tally;

/// The number of sources shown by name, those with the most posts; the rest is `other`. More than anybody
/// reads.
pub const MAX_SOURCES: usize = 50;
/// The precision of `oldest_pending_at`: the interval at which the dashboard reads anew. A precise time would
/// identify the one post that it is about.
const SHOWN_MS: i64 = limits::number("overview_refresh_ms") as i64;
/// The number of deliveries of a ledger that are read, the newest: each is read whole, and leads must not
/// wait for long meanwhile.
pub(in crate::ledger) const MAX_DELIVERIES: i64 = limits::number("overview_deliveries") as i64;

/// The width of a step on the axis of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day in the campaign's time zone.
    Day,
}

impl Step {
    /// Returns the step's name in responses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}

/// The sums of each step and source.
const SUMS: &str = "'accepted', sum(accepted), 'new', sum(fresh), 'qualified', sum(qualified),
                    'delivered', sum(arrived)";

/// The query for dead and paused deliveries of any time. The two indices have no other rows.
const WAITING: &str =
    "SELECT json_object('campaign', campaign, 'destination', destination, 'dead', sum(dead),
     'paused', sum(paused))
   FROM (SELECT campaign, destination, 1 AS dead, 0 AS paused FROM delivery WHERE state = 'dead'
     UNION ALL SELECT campaign, destination, 0, 1 FROM delivery WHERE state = 'paused')
   GROUP BY campaign, destination";

impl<S: Store> Db<S> {
    /// Returns the numbers of a period, from counters and tallies, of one campaign or all. `offsets` are the
    /// offsets of local time: a JSON list of pairs in milliseconds, the start of an offset and the offset
    /// from UTC.
    pub(in crate::ledger) fn period(
        &self,
        campaign: Option<&str>,
        [from_ms, to_ms]: [i64; 2],
        step: Step,
        offsets: &str,
    ) -> Result<Map<String, Value>, Fault> {
        let args = [campaign.into(), from_ms.into(), to_ms.into(), offsets.into()];
        let report = self.first::<String>(&counted(step), &args)?;
        report.map_or_else(|| Ok(Map::new()), |text| super::object(&text))
    }

    /// Returns by destination what leads of a period have brought it, from the newest [`MAX_DELIVERIES`].
    pub(in crate::ledger) fn delivered(&self, period: [i64; 2]) -> Result<Vec<Value>, Fault> {
        self.objects(&delivered(), &period.map(|at_ms| Arg::from(first_id("msg_", at_ms))))
    }

    /// Returns by destination how many deliveries are dead or paused, of any time.
    pub(in crate::ledger) fn dead_and_paused(&self) -> Result<Vec<Value>, Fault> {
        self.objects(WAITING, &[])
    }
}

/// Returns, in SQL, the rows of a table in a period, of one campaign or all. The key begins with the
/// campaign, so each campaign is sought by itself: otherwise the whole table would be read.
fn chosen(table: &str) -> String {
    format!(
        "FROM {table} WHERE campaign IN (
           WITH RECURSIVE known(id) AS (SELECT min(campaign) FROM {table}
             UNION ALL SELECT (SELECT min(campaign) FROM {table} WHERE campaign > id) FROM known
             WHERE id IS NOT NULL)
           SELECT ?1 WHERE ?1 IS NOT NULL UNION ALL SELECT id FROM known WHERE ?1 IS NULL AND id IS NOT NULL)
         AND hour >= ?2 AND hour < ?3"
    )
}

/// Returns the query for the numbers of counters and tallies. Its arguments are campaign, from, to and
/// offsets.
fn counted(step: Step) -> String {
    let states = State::ALL.map(State::as_str);
    let accepted = states.join(" + ");
    let each = states.map(|state| format!("sum({state}) AS {state}")).join(", ");
    let sums = states.map(|state| format!("coalesce(sum({state}), 0) AS {state}")).join(", ");
    let by_state = states.map(|state| format!("'{state}', {state}")).join(", ");
    let posts = [
        (Tally::KV_REPEAT, "kv_repeats"),
        (Tally::REJECTED, "rejected"),
        (Tally::UNCONSENTED, "unconsented"),
        (Tally::THROTTLED, "throttled"),
    ];
    let refusal_sums =
        posts.map(|(code, name)| format!("coalesce(sum(iif(code = '{code}', count, 0)), 0) AS {name}"));
    let (refusal_sums, codes) =
        (refusal_sums.join(", "), posts.map(|(code, _)| format!("'{code}'")).join(", "));
    let step_ms = step.ms();
    let (counters, tallies) = (chosen("counter"), chosen("tally"));
    format!(
        "WITH clock AS MATERIALIZED (SELECT value ->> 0 AS since, value ->> 1 AS ahead FROM json_each(?4)),
         stepped AS MATERIALIZED (SELECT (hour + (SELECT ahead FROM clock WHERE since <= hour
             ORDER BY since DESC LIMIT 1)) / {step_ms} AS step, source, sum(repeats) AS repeats,
             sum(fresh) AS fresh, sum(qualified) AS qualified, sum(arrived) AS arrived,
             sum({accepted}) AS accepted, {each} {counters} GROUP BY 1, 2),
         sourced AS (SELECT source, sum(accepted) AS accepted, sum(fresh) AS fresh,
             sum(qualified) AS qualified, sum(arrived) AS arrived,
             row_number() OVER (ORDER BY sum(accepted) DESC, source) AS place
           FROM stepped GROUP BY source HAVING sum(accepted) > 0),
         tallied AS MATERIALIZED (SELECT field, code, sum(count) AS count {tallies} GROUP BY field, code),
         sums AS (SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(repeats), 0) AS repeats,
             coalesce(sum(fresh), 0) AS fresh, coalesce(sum(qualified), 0) AS qualified,
             coalesce(sum(arrived), 0) AS arrived, {sums} FROM stepped),
         refusals AS (SELECT {refusal_sums} FROM tallied),
         binned AS (SELECT bins.key AS bin, sum(bins.value) AS count
           FROM (SELECT scores {counters} AND scores <> '{{}}') scored, json_each(scored.scores) bins
           GROUP BY bins.key HAVING sum(bins.value) > 0)
         SELECT json_object('funnel', json_object(
             'received', accepted + repeats + kv_repeats + unconsented + rejected,
             'valid', accepted + repeats + kv_repeats + unconsented,
             'consented', accepted + repeats + kv_repeats,
             'new', fresh, 'qualified', qualified, 'delivered', arrived),
           'accepted', accepted, 'repeats', repeats, 'kv_repeats', kv_repeats,
           'states', json_object({by_state}),
           'refused', json_object('rejected', rejected, 'unconsented', unconsented, 'throttled', throttled),
           'timeline', json((SELECT json_group_object(at, json(sums)) FROM (
             SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (step * {step_ms} - coalesce((SELECT ahead FROM clock
                 WHERE since + ahead <= step * {step_ms} ORDER BY since DESC LIMIT 1),
               (SELECT ahead FROM clock ORDER BY since LIMIT 1))) / 1000, 'unixepoch') AS at,
               json_object({SUMS}) AS sums
             FROM stepped GROUP BY step HAVING sum(accepted) > 0))),
           'sources', json((SELECT json_group_object(name, json(sums)) FROM (
             SELECT iif(place <= {MAX_SOURCES}, source, 'other') AS name, json_object({SUMS}) AS sums
             FROM sourced GROUP BY name))),
           'scores', json_object('bins', json((SELECT json_group_object(bin, count) FROM binned))),
           'rejections', json((SELECT json_group_object(field, json(codes)) FROM (
             SELECT field, json_group_object(code, count) AS codes FROM tallied
             WHERE code NOT IN ({codes}) GROUP BY field))))
         FROM sums, refusals"
    )
}

/// Returns the query for deliveries by destination, between two ids. An id begins with its lead's, and that
/// with the time when the lead came, so the newest are found by the primary key.
fn delivered() -> String {
    let states = DeliveryState::ALL
        .map(DeliveryState::as_str)
        .map(|state| format!("'{state}', sum(state = '{state}')"))
        .join(", ");
    let oldest = format!("min(CASE WHEN state = 'pending' THEN created_ms END) / {SHOWN_MS} * {SHOWN_MS}");
    let oldest = rfc3339_of(&oldest);
    let failed =
        "CASE WHEN state <> 'withdrawn' AND reason IS NOT NULL THEN delivery_id || ' ' || reason END";
    format!(
        "SELECT json_object('campaign', campaign, 'destination', destination, {states},
           'deliveries', count(*), 'attempts', sum(tries),
           'failed_attempts', sum(tries) - sum(state = 'delivered'),
           'took_ms', json_group_array(settled_ms - created_ms) FILTER (WHERE state = 'delivered'),
           'oldest_pending_at', {oldest},
           'last_failure', substr(max({failed}), instr(max({failed}), ' ') + 1))
         FROM (SELECT delivery_id, campaign, destination, state, reason, created_ms, settled_ms,
             json_array_length(attempts) AS tries
           FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2
           ORDER BY delivery_id DESC LIMIT {MAX_DELIVERIES})
         GROUP BY campaign, destination"
    )
}
