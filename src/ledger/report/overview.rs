//! The overview of a dashboard: the numbers of a period.

use serde_json::{Map, Value, json};

use crate::base::fault::Fault;
use crate::base::time::DAY_MS;
use crate::ledger::api::{Overview, Report};
use crate::ledger::db::overview::{MAX_DELIVERIES, Step};
use crate::ledger::db::store::{MAX_SAFE, Store};
use crate::ledger::parts::Parts;

/// The longest period that is shown by the hour: 72 bars, as many as a screen has room for.
const HOURLY_MS: i64 = 3 * DAY_MS;
/// Returns the step by which a period is shown; UTC, milliseconds.
pub fn step_of(from_ms: i64, to_ms: i64) -> Step {
    if to_ms.saturating_sub(from_ms) <= HOURLY_MS { Step::Hour } else { Step::Day }
}

/// The overview if nothing was counted.
pub const NOTHING: &str = r#"{"funnel":{"received":0,"valid":0,"consented":0,"new":0,"qualified":0,"delivered":0},
"accepted":0,"repeats":0,"kv_repeats":0,"refused":{"rejected":0,"unconsented":0,"throttled":0},
"timeline":{},"sources":{},"scores":{"bins":{}},"rejections":{},
"destinations":[],"deliveries_counted":0,"deliveries_capped":0}"#;

/// Reports the numbers of a period, from one hour to before another, in one campaign or all of the ledger's.
/// Two such reports can be added up number by number; the posts by source are for the Worker, which decides
/// which sources are shown. Dead and paused deliveries are counted whatever the period.
pub(in crate::ledger) fn overview<S: Store>(parts: &Parts<S>, query: &Overview) -> Result<Report, Fault> {
    let campaign = query.campaign.as_deref();
    let (from_ms, to_ms) = (query.from_ms.unwrap_or(0), query.to_ms.unwrap_or(MAX_SAFE));
    let offsets = query.offsets.as_deref().unwrap_or("[[0,0]]");
    let mut report = parts.db.period(campaign, [from_ms, to_ms], step_of(from_ms, to_ms), offsets)?;
    report.extend(destinations(parts, campaign, from_ms, to_ms)?);
    Ok(Report(Value::Object(report)))
}

/// Returns the deliveries of the period's leads by destination.
fn destinations<S: Store>(
    parts: &Parts<S>,
    campaign: Option<&str>,
    from_ms: i64,
    to_ms: i64,
) -> Result<Map<String, Value>, Fault> {
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let key = |one: &Value| format!("{} {}", text(one, "campaign"), text(one, "destination"));
    let is_meant = |one: &Value| campaign.is_none_or(|id| text(one, "campaign") == id);
    let (mut looked_at, mut counted) = (0, 0);
    let mut found = Map::new();
    for mut one in parts.db.delivered([from_ms, to_ms])? {
        let deliveries = one.get("deliveries").and_then(Value::as_i64).unwrap_or(0);
        looked_at += deliveries;
        if is_meant(&one) {
            counted += deliveries;
            time_taken(&mut one);
            found.insert(key(&one), one);
        }
    }
    for waiting in parts.db.dead_and_paused()?.into_iter().filter(is_meant) {
        let one = found.entry(key(&waiting)).or_insert_with(nothing_sent);
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

/// Replaces the times that deliveries took by percentiles. The nearest rank: so many percent took no longer.
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

/// Returns the entry of a destination that got no lead of the period.
fn nothing_sent() -> Value {
    json!({
        "pending": 0, "delivered": 0, "expired": 0, "withdrawn": 0, "attempts": 0, "failed_attempts": 0,
        "p50_ms": null, "p95_ms": null, "oldest_pending_at": null, "last_failure": null,
    })
}
