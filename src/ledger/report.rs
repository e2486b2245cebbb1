//! What operators ask: counters, deliveries, attempts.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{Answer, CountersQuery, DeliveriesQuery, Tally};
use super::store::{Arg, Store};
use super::{Ledger, State};
use crate::fault::Fault;
use crate::moment::rfc3339;

/// Deliveries of a page: an answer of about 50 KB.
const MAX_PAGE: i64 = 200;

/// One row of `counter`.
#[derive(Deserialize)]
struct CounterRow {
    campaign: String,
    hour: i64,
    source: String,
    repeats: i64,
    #[serde(flatten)]
    states: BTreeMap<String, i64>,
}

impl<S: Store> Ledger<S> {
    /// Adds up what never reached the ledger.
    pub(super) fn tally(&self, tallies: &[Tally]) -> Result<Answer, Fault> {
        self.store.atomically(&mut || {
            for Tally { campaign, hour, field, code, count } in tallies {
                let sql = "INSERT INTO tally (campaign, hour, field, code, count) VALUES (?, ?, ?, ?, ?)
                           ON CONFLICT DO UPDATE SET count = count + excluded.count";
                let args = [campaign.into(), (*hour).into(), field.into(), code.into(), (*count).into()];
                self.store.run(sql, &args)?;
            }
            Ok(())
        })?;
        Ok(Answer::Done(i64::try_from(tallies.len()).unwrap_or(i64::MAX)))
    }

    pub(super) fn counters(&self, query: &CountersQuery) -> Result<Answer, Fault> {
        let columns: Vec<String> =
            State::ALL.iter().map(|state| format!("'{0}', {0}", state.as_str())).collect();
        let columns = columns.join(", ");
        let sql = format!(
            "SELECT json_object('campaign', campaign, 'hour', hour, 'source', source,
               'repeats', repeats, {columns}) FROM counter
             WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3
             ORDER BY campaign, hour, source"
        );
        let range = [
            query.campaign.as_deref().into(),
            query.from_ms.unwrap_or(0).into(),
            query.to_ms.unwrap_or(MAX_SAFE).into(),
        ];
        let rows: Vec<CounterRow> = self.store.rows(&sql, &range)?;
        let buckets: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "campaign": row.campaign, "source": row.source, "hour": rfc3339(row.hour),
                    "accepted": row.states.values().sum::<i64>(), "repeats": row.repeats,
                    "states": row.states,
                })
            })
            .collect();
        let sql = "SELECT json_object('campaign', campaign, 'hour', hour, 'field', field, 'code', code,
                     'count', sum(count)) FROM tally
                   WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3
                   GROUP BY campaign, field, code ORDER BY campaign, field, code";
        let tallies: Vec<Tally> = self.store.rows(sql, &range)?;
        let (kv_repeats, rejections): (Vec<_>, Vec<_>) =
            tallies.into_iter().partition(|tally| tally.code == Tally::KV_REPEAT);
        let total = |state: &str| rows.iter().filter_map(|row| row.states.get(state)).sum::<i64>();
        let states: BTreeMap<&str, i64> =
            State::ALL.iter().map(|state| (state.as_str(), total(state.as_str()))).collect();
        Ok(Answer::Report(json!({
            "accepted": states.values().sum::<i64>(),
            "repeats": rows.iter().map(|row| row.repeats).sum::<i64>(),
            "states": states,
            "approximate": {
                "kv_repeats": kv_repeats.iter().map(|tally| tally.count).sum::<i64>(),
                "rejections": rejections.iter().map(|tally| json!({
                    "campaign": tally.campaign, "field": tally.field, "code": tally.code,
                    "count": tally.count,
                })).collect::<Vec<_>>(),
            },
            "buckets": buckets,
        })))
    }

    pub(super) fn deliveries(&self, query: &DeliveriesQuery) -> Result<Answer, Fault> {
        let limit = query.limit.clamp(1, MAX_PAGE);
        let sql = format!(
            "SELECT {DELIVERY} FROM delivery WHERE (?1 IS NULL OR state = ?1)
               AND (?2 IS NULL OR campaign = ?2) AND delivery_id > ?3 ORDER BY delivery_id LIMIT ?4"
        );
        let args: [Arg<'_>; 4] = [
            query.state.as_deref().into(),
            query.campaign.as_deref().into(),
            query.after.as_deref().unwrap_or_default().into(),
            limit.into(),
        ];
        let mut rows: Vec<Value> = self.store.rows(&sql, &args)?;
        let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
        rows.iter_mut().for_each(show_times);
        let next = rows.last().filter(|_| full).and_then(|row| row.get("delivery_id")).cloned();
        Ok(Answer::Report(json!({ "deliveries": rows, "next": next })))
    }

    pub(super) fn delivery(&self, delivery_id: &str) -> Result<Answer, Fault> {
        let sql = format!(
            "SELECT json_set({DELIVERY}, '$.attempts', json(attempts)) FROM delivery WHERE delivery_id = ?"
        );
        let rows: Vec<Value> = self.store.rows(&sql, &[delivery_id.into()])?;
        Ok(rows.into_iter().next().map_or(Answer::NotFound, |mut row| {
            show_times(&mut row);
            Answer::Report(row)
        }))
    }
}

/// The largest integer that JavaScript holds exactly.
const MAX_SAFE: i64 = (1 << 53) - 1;

const DELIVERY: &str = "json_object('delivery_id', delivery_id, 'lead_id', lead_id,
    'submission_id', submission_id, 'campaign', campaign, 'destination', destination,
    'event', event, 'state', state, 'reason', reason, 'attempt_count', attempt_count,
    'due_at', CASE WHEN state = 'pending' THEN due_ms END, 'created_at', created_ms,
    'settled_at', settled_ms)";

fn show_times(row: &mut Value) {
    for key in ["due_at", "created_at", "settled_at"] {
        if let Some(time) = row.get_mut(key)
            && let Some(ms) = time.as_i64()
        {
            *time = Value::String(rfc3339(ms));
        }
    }
}
