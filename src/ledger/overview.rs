//! The numbers of a period: how many came how far, when, from where and with which score, what was refused,
//! and how destinations take what they get. Made by SQL, from counters and the newest deliveries.

use serde_json::{Map, Value};

use super::message::{Answer, Operation, Tally};
use super::report::{object, rfc3339_of};
use super::store::{Arg, MAX_SAFE, Store};
use super::{Ledger, State};
use crate::fault::Fault;
use crate::moment::{DAY_MS, HOUR_MS, first_id};

/// Up to here a period is shown by the hour: 72 bars, as many as a screen has room for.
const HOURLY_MS: i64 = 3 * DAY_MS;
/// Sources by name, those with the most posts; the rest is `other`. More than anybody reads.
pub const MAX_SOURCES: usize = 50;
/// Deliveries that are looked at, the newest: each is read whole, and leads must not wait for long
/// meanwhile.
const MAX_DELIVERIES: i64 = 20_000;

/// The width of a step on the axis of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Step {
    /// As answers name it.
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

/// The step by which a period is shown; UTC, milliseconds.
pub fn step_of(from_ms: i64, to_ms: i64) -> Step {
    if to_ms.saturating_sub(from_ms) <= HOURLY_MS { Step::Hour } else { Step::Day }
}

/// The sums that stand beside each step and source.
const SUMS: &str = "'accepted', sum(accepted), 'new', sum(fresh), 'qualified', sum(qualified),
                    'delivered', sum(arrived)";

/// What is answered where nothing was counted.
pub const NOTHING: &str = r#"{"funnel":{"received":0,"valid":0,"consented":0,"new":0,"qualified":0,"delivered":0},
"accepted":0,"repeats":0,"kv_repeats":0,"refused":{"rejected":0,"unconsented":0,"throttled":0},
"timeline":{},"sources":{},"scores":{"bins":{}},"rejections":{},
"destinations":[],"deliveries_counted":0,"deliveries_capped":0}"#;

impl<S: Store> Ledger<S> {
    /// What happened from one time to before another, in one campaign or all of the ledger's. Two such
    /// reports are added up number by number.
    pub(super) fn overview(&self, query: &Operation) -> Result<Answer, Fault> {
        let campaign = query.campaign.as_deref();
        let (from_ms, to_ms) = (query.from_ms.unwrap_or(0), query.to_ms.unwrap_or(MAX_SAFE));
        let period = [campaign.into(), from_ms.into(), to_ms.into()];
        let mut report = self.made(&counted(step_of(from_ms, to_ms)), &period)?;
        let first = |at_ms| Arg::from(first_id("msg_", at_ms));
        report.extend(self.made(&delivered(), &[campaign.into(), first(from_ms), first(to_ms)])?);
        Ok(Answer::Report(Value::Object(report)))
    }

    fn made(&self, sql: &str, args: &[Arg<'_>]) -> Result<Map<String, Value>, Fault> {
        self.store.row(sql, args)?.map_or_else(|| Ok(Map::new()), |mut row| object(&row.text(0)?))
    }
}

/// Of counters, and of tallies of what never reached the ledger: campaign, from and to.
fn counted(step: Step) -> String {
    let states = State::ALL.map(State::as_str);
    let accepted = states.join(" + ");
    let sums = states.map(|state| format!("coalesce(sum({state}), 0) AS {state}")).join(", ");
    let by_state = states.map(|state| format!("'{state}', {state}")).join(", ");
    let posts = [
        (Tally::KV_REPEAT, "kv_repeats"),
        (Tally::REJECTED, "rejected"),
        (Tally::UNCONSENTED, "unconsented"),
        (Tally::THROTTLED, "throttled"),
    ];
    let told =
        posts.map(|(code, name)| format!("coalesce(sum(iif(code = '{code}', count, 0)), 0) AS {name}"));
    let (told, codes) = (told.join(", "), posts.map(|(code, _)| format!("'{code}'")).join(", "));
    let step_ms = step.ms();
    format!(
        "WITH chosen AS MATERIALIZED (SELECT *, {accepted} AS accepted FROM counter
           WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3),
         sourced AS (SELECT source, sum(accepted) AS accepted, sum(fresh) AS fresh,
             sum(qualified) AS qualified, sum(arrived) AS arrived,
             row_number() OVER (ORDER BY sum(accepted) DESC, source) AS place
           FROM chosen GROUP BY source HAVING sum(accepted) > 0),
         tallied AS MATERIALIZED (SELECT field, code, sum(count) AS count FROM tally
           WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3 GROUP BY field, code),
         sums AS (SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(repeats), 0) AS repeats,
             coalesce(sum(fresh), 0) AS fresh, coalesce(sum(qualified), 0) AS qualified,
             coalesce(sum(arrived), 0) AS arrived, {sums} FROM chosen),
         refusals AS (SELECT {told} FROM tallied)
         SELECT json_object('funnel', json_object(
             'received', accepted + repeats + kv_repeats + unconsented + rejected,
             'valid', accepted + repeats + kv_repeats + unconsented,
             'consented', accepted + repeats + kv_repeats,
             'new', fresh, 'qualified', qualified, 'delivered', arrived),
           'accepted', accepted, 'repeats', repeats, 'kv_repeats', kv_repeats,
           'states', json_object({by_state}),
           'refused', json_object('rejected', rejected, 'unconsented', unconsented, 'throttled', throttled),
           'timeline', json((SELECT json_group_object(at, json(sums)) FROM (
             SELECT strftime('%Y-%m-%dT%H:%M:%SZ', hour / {step_ms} * {step_ms} / 1000, 'unixepoch') AS at,
               json_object({SUMS}) AS sums
             FROM chosen GROUP BY hour / {step_ms} HAVING sum(accepted) > 0))),
           'sources', json((SELECT json_group_object(name, json(sums)) FROM (
             SELECT iif(place <= {MAX_SOURCES}, source, 'other') AS name, json_object({SUMS}) AS sums
             FROM sourced GROUP BY name))),
           'scores', json_object('bins', json((SELECT json_group_object(bin, count) FROM (
             SELECT bins.key AS bin, sum(bins.value) AS count
             FROM chosen, json_each(chosen.scores) bins GROUP BY bins.key)))),
           'rejections', json((SELECT json_group_object(field, json(codes)) FROM (
             SELECT field, json_group_object(code, count) AS codes FROM tallied
             WHERE code NOT IN ({codes}) GROUP BY field))))
         FROM sums, refusals"
    )
}

/// Of deliveries: campaign, and between which ids they lie. An id begins with its lead's, and that with
/// the time when the lead came, so the newest are found by the primary key.
fn delivered() -> String {
    // The nearest rank: so many percent took no longer.
    let rank = |percent: i64| {
        format!(
            "max(CASE WHEN took_ms IS NOT NULL AND place = ({percent} * arrived + 99) / 100 THEN took_ms END)"
        )
    };
    let states = ["pending", "paused", "delivered", "dead", "expired", "withdrawn"];
    let states = states.map(|state| format!("'{state}', sum(state = '{state}')")).join(", ");
    let oldest = rfc3339_of("min(CASE WHEN state = 'pending' THEN created_ms END)");
    let (p50, p95) = (rank(50), rank(95));
    format!(
        "WITH scanned AS MATERIALIZED (SELECT delivery_id, campaign, destination, state, reason, created_ms,
             json_array_length(attempts) AS tries,
             CASE WHEN state = 'delivered' THEN settled_ms - created_ms END AS took_ms,
             CASE WHEN state <> 'withdrawn' THEN reason END AS failure
           FROM delivery WHERE delivery_id >= ?2 AND delivery_id < ?3
           ORDER BY delivery_id DESC LIMIT {MAX_DELIVERIES}),
         ranked AS (SELECT *,
             row_number() OVER (PARTITION BY campaign, destination ORDER BY took_ms IS NULL, took_ms) AS place,
             count(took_ms) OVER (PARTITION BY campaign, destination) AS arrived
           FROM scanned WHERE ?1 IS NULL OR campaign = ?1)
         SELECT json_object(
           'deliveries_counted', (SELECT count(*) FROM ranked),
           'deliveries_capped', (SELECT count(*) FROM scanned) >= {MAX_DELIVERIES},
           'destinations', json((SELECT json_group_array(json(one)) FROM (
             SELECT json_object('campaign', campaign, 'destination', destination, {states},
               'attempts', sum(tries), 'failed_attempts', sum(tries) - sum(state = 'delivered'),
               'p50_ms', {p50}, 'p95_ms', {p95}, 'oldest_pending_at', {oldest},
               'last_failure', substr(max(CASE WHEN failure IS NOT NULL THEN delivery_id || ' ' || failure END),
                 instr(max(CASE WHEN failure IS NOT NULL THEN delivery_id || ' ' || failure END), ' ') + 1))
               AS one
             FROM ranked GROUP BY campaign, destination ORDER BY campaign, destination))))"
    )
}
