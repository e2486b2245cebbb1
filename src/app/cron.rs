//! Cron: wakes ledgers, so that one whose alarm was lost goes on.

use serde_json::{Value, json};

use super::ports::{MAX_REQUESTS, Ports};
use super::registry;
use crate::base::fault::Fault;
use crate::ledger::wire::Call;

/// The time between two runs, as `npm/wrangler.jsonc` has it. The ledgers of a run follow from the clock, for a cursor in KV
/// would cost a write of the thousand that a free plan has a day.
pub const CRON_EVERY_MS: i64 = 5 * 60_000;

/// Wakes a page of the ledgers: runs that follow each other take all pages in turn, and a few ledgers are all woken by
/// each. Returns an event for the log for each ledger that could not be reached.
pub async fn wake_page(ports: &impl Ports, now_ms: i64) -> Vec<Value> {
    let failed = |fault: &Fault| json!({ "event": "fault", "in": "cron", "fault": fault.to_string() });
    let ledgers = match registry::ledgers(ports).await {
        Ok(ledgers) => ledgers,
        Err(fault) => return vec![failed(&fault)],
    };
    let pages = ledgers.len().div_ceil(MAX_REQUESTS).max(1);
    let run = usize::try_from(now_ms.div_euclid(CRON_EVERY_MS)).unwrap_or(0);
    let mut events = Vec::new();
    for ledger in ledgers.chunks(MAX_REQUESTS).nth(run % pages).into_iter().flatten() {
        if let Err(fault) = ports.ask(ledger, &Call::Wake).await {
            events.push(failed(&fault));
        }
    }
    events
}
