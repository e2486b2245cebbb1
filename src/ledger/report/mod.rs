//! What operators ask: counters, deliveries, attempts.

pub mod held_leads;
pub mod integrity;
pub mod keys_in_use;
pub mod overview;

use crate::ledger::parts::Parts;
use serde_json::{Map, Value, json};

use super::api::{Counters, Deliveries, Page, Report};
use super::db::store::{Arg, MAX_SAFE, Row, Store, write};
use super::db::submission_state::State;
use super::wire::{Answer, Tally};
use crate::base::fault::Fault;
use crate::base::moment::rfc3339;

/// Buckets of a report, the newest: four months of hours, and an answer of 1 MB. The sums beside them count
/// everything.
const MAX_BUCKETS: i64 = 3_000;
/// Deliveries of a page: an answer of about 50 KB.
const MAX_PAGE: i64 = 200;
/// The states of a delivery.
pub const DELIVERY_STATES: [&str; 6] = ["pending", "paused", "delivered", "dead", "withdrawn", "expired"];

/// Adds up what never reached the ledger.
pub(super) fn tally<'a, S: Store>(parts: &Parts<S>, tallies: &'a [Tally]) -> Result<Answer, Fault> {
    let add = |Tally { campaign, hour, field, code, count }: &'a Tally| {
        let sql = "INSERT INTO tally (campaign, hour, field, code, count) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET count = count + excluded.count";
        let args = [campaign.into(), (*hour).into(), field.into(), code.into(), (*count).into()];
        write(sql, args)
    };
    parts.db.write_all(&tallies.iter().map(add).collect::<Vec<_>>())?;
    Ok(Answer::Done(i64::try_from(tallies.len()).unwrap_or(i64::MAX)))
}

pub(super) fn counters<S: Store>(parts: &Parts<S>, query: &Counters) -> Result<Report, Fault> {
    let columns = State::ALL.map(State::as_str);
    let range = [
        query.campaign.as_deref().into(),
        query.from_ms.unwrap_or(0).into(),
        query.to_ms.unwrap_or(MAX_SAFE).into(),
    ];
    let chosen = "FROM counter WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3";
    let sums = columns.map(|column| format!("coalesce(sum({column}), 0)")).join(", ");
    let sql = format!("SELECT coalesce(sum(repeats), 0), {sums} {chosen}");
    let (mut total, mut repeats) = ([0; State::ALL.len()], 0);
    if let Some(mut row) = parts.db.row(&sql, &range)? {
        repeats = row.int(0)?;
        total = states_in(&mut row, 1)?;
    }
    // Not by source: whoever posts with one of their own would read there what the person is to us.
    let columns = columns.map(|column| format!("sum({column})")).join(", ");
    let sql = format!(
        "SELECT * FROM (SELECT campaign, hour, sum(repeats), {columns} {chosen}
           GROUP BY campaign, hour ORDER BY hour DESC LIMIT {MAX_BUCKETS})
         ORDER BY campaign, hour"
    );
    let mut buckets = Vec::new();
    for mut row in parts.db.rows(&sql, &range)? {
        let states = states_in(&mut row, 3)?;
        buckets.push(json!({
            "campaign": row.text(0)?, "hour": rfc3339(row.int(1)?), "accepted": states.iter().sum::<i64>(),
            "repeats": row.int(2)?, "states": by_state(states),
        }));
    }
    let sql = "SELECT campaign, field, code, sum(count) FROM tally
               WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3
               GROUP BY campaign, field, code ORDER BY campaign, field, code";
    let (mut kv_repeats, mut rejections) = (0, Vec::new());
    for mut row in parts.db.rows(sql, &range)? {
        let (campaign, field, code, count) = (row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?);
        if code == Tally::KV_REPEAT {
            kv_repeats += count;
        } else if ![Tally::REJECTED, Tally::UNCONSENTED].contains(&code.as_str()) {
            rejections.push(json!({
                "campaign": campaign, "field": field, "code": code, "count": count,
            }));
        }
    }
    Ok(Report(counted(total, repeats, kv_repeats, rejections, buckets)))
}

pub(super) fn deliveries<S: Store>(parts: &Parts<S>, query: &Deliveries) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let wanted = query.state.as_deref();
    // Written out, for only then is the index of a state used.
    let state = DELIVERY_STATES.into_iter().find(|state| Some(*state) == wanted);
    let of_state = state.map(|state| format!("state = '{state}' AND")).unwrap_or_default();
    let named = if query.delivery_ids.is_empty() {
        ""
    } else {
        "delivery_id IN (SELECT value FROM json_each(?4)) AND"
    };
    let sql = format!(
        "SELECT {} FROM delivery WHERE {of_state} {named} (?1 IS NULL OR campaign = ?1)
           AND delivery_id > ?2 ORDER BY delivery_id LIMIT ?3",
        delivery_object()
    );
    let mut args: Vec<Arg<'_>> = vec![
        query.campaign.as_deref().into(),
        query.after.as_deref().unwrap_or_default().into(),
        limit.into(),
    ];
    if !named.is_empty() {
        args.push(json!(query.delivery_ids).to_string().into());
    }
    let rows = parts.db.objects(&sql, &args)?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    let next = rows.last().filter(|_| full).and_then(|row| row.get("delivery_id")?.as_str());
    Ok(Page { next: next.map(str::to_owned), entries: rows })
}

pub(super) fn delivery<S: Store>(parts: &Parts<S>, delivery_id: &str) -> Result<Option<Report>, Fault> {
    let sql = format!(
        "SELECT json_set({}, '$.attempts', json(attempts)) FROM delivery WHERE delivery_id = ?",
        delivery_object()
    );
    let found = parts.db.objects(&sql, &[delivery_id.into()])?.into_iter().next();
    Ok(found.map(Report))
}

/// The counters where there is no ledger yet.
pub fn nothing_counted() -> Value {
    counted([0; State::ALL.len()], 0, 0, Vec::new(), Vec::new())
}

fn counted(
    total: [i64; State::ALL.len()],
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

/// A column of milliseconds as RFC 3339 in UTC.
pub(super) fn rfc3339_of(column: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')")
}

/// A delivery as it is shown.
fn delivery_object() -> String {
    // One that goes out at once is due since it came.
    let due_ms = rfc3339_of("CASE WHEN state = 'pending' THEN iif(due_ms = 0, created_ms, due_ms) END");
    format!(
        "json_object('delivery_id', delivery_id, 'lead_id', lead_id, 'submission_id', submission_id,
           'campaign', campaign, 'destination', destination, 'event', event, 'state', state,
           'reason', reason, 'attempt_count', attempt_count, 'due_at', {due_ms}, 'created_at', {},
           'settled_at', {})",
        rfc3339_of("created_ms"),
        rfc3339_of("settled_ms")
    )
}

/// An object that SQL has made.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("a row is not what its reader expects"))
}

fn states_in(row: &mut Row, first: usize) -> Result<[i64; State::ALL.len()], Fault> {
    let mut states = [0; State::ALL.len()];
    for (at, count) in states.iter_mut().enumerate() {
        *count = row.int(first + at)?;
    }
    Ok(states)
}

fn by_state(counts: [i64; State::ALL.len()]) -> Value {
    let mut named = Map::new();
    for (state, count) in State::ALL.into_iter().zip(counts) {
        named.insert(state.as_str().to_owned(), count.into());
    }
    Value::Object(named)
}
