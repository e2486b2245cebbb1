//! Reports for operators: counters, deliveries with their attempts, and those of the modules beside this
//! file.

pub(in crate::ledger) mod held_leads;
pub(in crate::ledger) mod integrity;
pub(in crate::ledger) mod keys_in_use;
pub(in crate::ledger) mod overview;

use serde_json::{Map, Value, json};

use super::api::{Counters, Deliveries, Page, Report};
use super::db::Db;
use super::db::counter::{CounterRange, Counts};
use super::db::state::{DeliveryState, State};
use super::db::store::{MAX_SAFE, Store};
use super::wire::Tally;
use crate::base::fault::Fault;
use crate::base::limits;
use crate::base::time::rfc3339;

/// The number of buckets in a report, the newest: four months of hours, and a reply of 1 MB. The sums beside
/// them count everything.
const MAX_BUCKETS: i64 = 3_000;
/// The number of deliveries in a page: a reply of about 50 KB.
const MAX_PAGE: i64 = limits::number("page_entries") as i64;

/// Reports counters by hour, with their sums.
pub(in crate::ledger) fn counters<S: Store>(db: &Db<S>, query: &Counters) -> Result<Report, Fault> {
    let chosen = CounterRange {
        campaign: query.campaign.as_deref(),
        from_ms: query.from_ms.unwrap_or(0),
        to_ms: query.to_ms.unwrap_or(MAX_SAFE),
    };
    let (repeats, total) = db.repeats_and_counts(&chosen)?;
    let mut buckets = Vec::new();
    for hour in db.hours(&chosen, MAX_BUCKETS)? {
        buckets.push(json!({
            "campaign": hour.campaign, "hour": rfc3339(hour.hour),
            "accepted": hour.counts.iter().sum::<i64>(), "repeats": hour.repeats,
            "states": by_state(hour.counts),
        }));
    }
    let (mut kv_repeats, mut rejections) = (0, Vec::new());
    for tally in db.tallies(&chosen)? {
        if tally.code == Tally::KV_REPEAT {
            kv_repeats += tally.count;
        } else if ![Tally::REJECTED, Tally::UNCONSENTED].contains(&tally.code.as_str()) {
            rejections.push(json!({
                "campaign": tally.campaign, "field": tally.field, "code": tally.code, "count": tally.count,
            }));
        }
    }
    Ok(Report(counted(total, repeats, kv_repeats, rejections, buckets)))
}

/// Reports a page of deliveries.
pub(in crate::ledger) fn deliveries<S: Store>(db: &Db<S>, query: &Deliveries) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let state = query.state.as_deref().and_then(DeliveryState::parse);
    let after = query.after.as_deref().unwrap_or_default();
    let entries = db.deliveries_shown(query.campaign.as_deref(), state, &query.delivery_ids, after, limit)?;
    let full = i64::try_from(entries.len()).is_ok_and(|read| read == limit);
    let next = entries.last().filter(|_| full).and_then(|one| one.get("delivery_id")?.as_str());
    Ok(Page { next: next.map(str::to_owned), entries })
}

/// Returns the counters of a ledger that does not exist yet.
pub fn nothing_counted() -> Value {
    counted([0; State::ALL.len()], 0, 0, Vec::new(), Vec::new())
}

fn counted(
    total: Counts,
    repeats: i64,
    kv_repeats: i64,
    rejections: Vec<Value>,
    buckets: Vec<Value>,
) -> Value {
    json!({
        "accepted": total.iter().sum::<i64>(),
        "repeats": repeats,
        "states": by_state(total),
        "approximate": { "kv_repeats": kv_repeats, "rejections": rejections },
        "buckets": buckets,
    })
}

fn by_state(counts: Counts) -> Value {
    let mut named = Map::new();
    for (state, count) in State::ALL.into_iter().zip(counts) {
        named.insert(state.as_str().to_owned(), count.into());
    }
    Value::Object(named)
}
