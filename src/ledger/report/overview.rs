//! The numbers of a period: how many came how far, when, from where and with which score, what was refused,
//! and how destinations take what they get. Made by SQL, from counters and the newest deliveries.
//!
//! An open dashboard asks again and again, and each row that is read is one of the free plan's five million
//! a day. So counters are found by their key, and each of them and of the deliveries is read about once.

use crate::ledger::parts::Parts;
use serde_json::{Map, Value, json};

use super::{DELIVERY_STATES, object, rfc3339_of};
use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, HOUR_MS, first_id};
use crate::ledger::api::{Overview, Report};
use crate::ledger::db::store::{Arg, MAX_SAFE, Store};
use crate::ledger::db::submission_state::State;
use crate::ledger::wire::Tally;

/// Up to here a period is shown by the hour: 72 bars, as many as a screen has room for.
const HOURLY_MS: i64 = 3 * DAY_MS;
/// Sources by name, those with the most posts; the rest is `other`. More than anybody reads.
pub const MAX_SOURCES: usize = 50;
/// What `oldest_pending_at` is rounded down to: as often as the dashboard reads anew. To the millisecond it would
/// tell the one post that it is about.
const SHOWN_MS: i64 = 5 * 60_000;
/// Deliveries of a ledger that are looked at, the newest: each is read whole, and leads must not wait for
/// long meanwhile.
const MAX_DELIVERIES: i64 = 20_000;

/// The width of a step on the axis of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day, where the campaign is.
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

/// What is dead or paused, of whatever time. The two indices have no other rows.
const WAITING: &str =
    "SELECT json_object('campaign', campaign, 'destination', destination, 'dead', sum(dead),
     'paused', sum(paused))
   FROM (SELECT campaign, destination, 1 AS dead, 0 AS paused FROM delivery WHERE state = 'dead'
     UNION ALL SELECT campaign, destination, 0, 1 FROM delivery WHERE state = 'paused')
   GROUP BY campaign, destination";

/// What happened from one hour to before another, in one campaign or all of the ledger's. Two such
/// reports are added up number by number; the posts by source are for the Worker, which says which sources
/// are shown. Of what waits for an operator all is counted, whatever the
/// period.
pub(in crate::ledger) fn overview<S: Store>(parts: &Parts<S>, query: &Overview) -> Result<Report, Fault> {
    let campaign = query.campaign.as_deref();
    let (from_ms, to_ms) = (query.from_ms.unwrap_or(0), query.to_ms.unwrap_or(MAX_SAFE));
    let offsets = query.offsets.as_deref().unwrap_or("[[0,0]]");
    let period = [campaign.into(), from_ms.into(), to_ms.into(), offsets.into()];
    let counted = parts.db.row(&counted(step_of(from_ms, to_ms)), &period)?;
    let mut report = counted.map_or_else(|| Ok(Map::new()), |mut row| object(&row.text(0)?))?;
    report.extend(destinations(parts, campaign, from_ms, to_ms)?);
    Ok(Report(Value::Object(report)))
}

/// How destinations take what leads of the period bring them.
fn destinations<S: Store>(
    parts: &Parts<S>,
    campaign: Option<&str>,
    from_ms: i64,
    to_ms: i64,
) -> Result<Map<String, Value>, Fault> {
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let place = |one: &Value| format!("{} {}", text(one, "campaign"), text(one, "destination"));
    let is_meant = |one: &Value| campaign.is_none_or(|id| text(one, "campaign") == id);
    let (mut looked_at, mut counted) = (0, 0);
    let mut found = Map::new();
    let first = |at_ms| Arg::from(first_id("msg_", at_ms));
    for mut one in parts.db.objects(&delivered(), &[first(from_ms), first(to_ms)])? {
        let deliveries = one.get("deliveries").and_then(Value::as_i64).unwrap_or(0);
        looked_at += deliveries;
        if is_meant(&one) {
            counted += deliveries;
            time_taken(&mut one);
            found.insert(place(&one), one);
        }
    }
    for waiting in parts.db.objects(WAITING, &[])?.into_iter().filter(is_meant) {
        let one = found.entry(place(&waiting)).or_insert_with(nothing_sent);
        if let (Value::Object(one), Value::Object(waiting)) = (one, waiting) {
            one.extend(waiting);
        }
    }
    let shown: Vec<_> = found.into_iter().map(|(_, one)| one).collect();
    let capped = i64::from(looked_at >= MAX_DELIVERIES);
    let mut report = Map::new();
    report.insert("destinations".to_owned(), shown.into());
    report.insert("deliveries_counted".to_owned(), counted.into());
    report.insert("deliveries_capped".to_owned(), capped.into());
    Ok(report)
}

/// Puts percentiles in the place of the times that deliveries took. The nearest rank: so many percent took
/// no longer.
fn time_taken(one: &mut Value) {
    let Some(one) = one.as_object_mut() else { return };
    one.remove("deliveries");
    let took = one.remove("took_ms").unwrap_or_default();
    let mut took: Vec<i64> = took.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    took.sort_unstable();
    for (name, percent) in [("p50_ms", 50), ("p95_ms", 95)] {
        let rank = (took.len() * percent).div_ceil(100);
        one.insert(name.to_owned(), rank.checked_sub(1).and_then(|at| took.get(at)).copied().into());
    }
}

/// A destination that leads of the period brought nothing.
fn nothing_sent() -> Value {
    json!({
        "pending": 0, "delivered": 0, "expired": 0, "withdrawn": 0, "attempts": 0, "failed_attempts": 0,
        "p50_ms": null, "p95_ms": null, "oldest_pending_at": null, "last_failure": null,
    })
}

/// The rows of a table that are of a campaign, or of any, and of a period: campaign, from and to. The key
/// begins with the campaign, so each one's is sought: without that the whole table would be read.
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

/// Of counters, and of tallies of what never reached the ledger: campaign, from and to, and from when on clocks
/// are ahead of UTC by how much.
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
    let told =
        posts.map(|(code, name)| format!("coalesce(sum(iif(code = '{code}', count, 0)), 0) AS {name}"));
    let (told, codes) = (told.join(", "), posts.map(|(code, _)| format!("'{code}'")).join(", "));
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
         refusals AS (SELECT {told} FROM tallied),
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

/// Of deliveries by destination, between which ids they lie. An id begins with its lead's, and that with
/// the time when the lead came, so the newest are found by the primary key.
fn delivered() -> String {
    let states = DELIVERY_STATES.map(|state| format!("'{state}', sum(state = '{state}')")).join(", ");
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
