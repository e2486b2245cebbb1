//! The audit log: operators' actions, without the people whom they concern. An entry is written in the same
//! transaction as the action, so neither exists without the other.

use serde_json::Value;

use super::api::{Audit, List, Publication, Publish};
use super::config::Config;
use super::db::Db;
use super::db::audit::NewEntry;
use super::db::shown::EntryRange;
use super::db::store::{MAX_SAFE, Store};
use super::outbox::Outbox;
use super::parts::Parts;
use super::wire::{OperationWire, Reply, Verb};
use crate::base::fault::Fault;
use crate::base::limits;
use crate::base::moment::Moment;

/// The number of entries in a page: a reply of about 50 KB.
const MAX_PAGE: i64 = limits::number("page_entries") as i64;

impl Verb {
    /// Returns the operation's name in the audit log. `None` for operations that only read, and for those of
    /// visitors.
    fn action(self) -> Option<&'static str> {
        match self {
            Self::Replay => Some("replay"),
            Self::ReplayAll => Some("replay_all"),
            Self::Enable => Some("enable"),
            Self::Access => Some("access"),
            Self::Erase => Some("erase"),
            Self::ListAdd => Some("list_add"),
            Self::ListRemove => Some("list_remove"),
            Self::ListClear => Some("list_clear"),
            Self::Publish => Some("publish"),
            // It shows a person's data.
            Self::Quarantined => Some("quarantine_show"),
            Self::Release => Some("quarantine_release"),
            Self::Discard => Some("quarantine_discard"),
            Self::Counters | Self::Deliveries | Self::Delivery | Self::Lists | Self::Keys => None,
            Self::Quarantine | Self::Audit | Self::Checkup | Self::Overview | Self::Held => None,
            Self::Confirm | Self::Withdraw | Self::Engage | Self::Consents => None,
        }
    }
}

/// Carries out an operation. An operator's action is stored together with its entry, or not at all.
pub(super) fn audited<S: Store>(
    parts: &Parts<S>,
    wire: &OperationWire,
    moment: &Moment,
    perform: impl Fn() -> Result<Reply, Fault>,
) -> Result<Reply, Fault> {
    let Some(action) = wire.verb.action() else { return perform() };
    parts.transaction(|_| {
        let reply = perform()?;
        write_entry(&parts.db, wire, action, &reply, moment)?;
        Ok(reply)
    })
}

/// Writes the entry of an operation that was carried out.
fn write_entry<S: Store>(
    db: &Db<S>,
    wire: &OperationWire,
    action: &str,
    reply: &Reply,
    moment: &Moment,
) -> Result<(), Fault> {
    let Some((outcome, count)) = outcome_of(wire, reply) else { return Ok(()) };
    let campaign = match reply {
        Reply::Report(report) => report.get("campaign").and_then(Value::as_str),
        _ => None,
    };
    let at_ms = moment.now_ms;
    db.add_entry(&NewEntry { at_ms, action, operation: wire, campaign, outcome, count })
}

/// Notes a publication. The reply lists what waits of the campaign, if requested.
pub(super) fn publication<S: Store>(
    db: &Db<S>,
    outbox: &Outbox<S>,
    request: &Publish,
) -> Result<Publication, Fault> {
    if !request.tells_what_waits {
        return Ok(Publication::Noted { is_done: request.is_done });
    }
    db.waiting_of_campaign(&request.campaign, &outbox.mark()).map(Publication::Waiting)
}

/// Returns a page of entries, the newest first, before a time and number.
pub(super) fn audit_page<S: Store>(config: &Config, db: &Db<S>, query: &Audit) -> Result<List, Fault> {
    let before = query.after.as_deref().map(|cursor| {
        let (at_ms, seq) = cursor.split_once('.')?;
        Some((at_ms.parse().ok()?, seq.parse().ok()?))
    });
    let before = before.unwrap_or(Some((MAX_SAFE, MAX_SAFE)));
    let chosen = EntryRange {
        before: before.ok_or_else(|| Fault::new("a place in the audit log is none"))?,
        from_ms: query.from_ms.unwrap_or(-MAX_SAFE),
        to_ms: query.to_ms.unwrap_or(MAX_SAFE),
        campaign: query.campaign.as_deref(),
        limit: query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE),
    };
    db.entries_shown(&config.name, &chosen).map(List)
}

/// Returns how an operation ended, and the number of things that it changed. `None` if this ledger has
/// nothing that it concerns.
fn outcome_of(operation: &OperationWire, reply: &Reply) -> Option<(&'static str, Option<i64>)> {
    let of_list = |report: &Value, key: &str| {
        let list = report.get(key).and_then(Value::as_array)?;
        i64::try_from(list.len()).ok()
    };
    let verb = operation.verb;
    match (verb, reply) {
        (_, Reply::NotFound) => None,
        (_, Reply::Conflict) => Some(("refused", None)),
        (Verb::Publish, _) => Some((if operation.is_done { "done" } else { "begun" }, None)),
        (_, Reply::Done(count)) => Some(("done", Some(*count))),
        (Verb::Release | Verb::Discard, Reply::Report(report)) => {
            let decided = of_list(report, if verb == Verb::Release { "released" } else { "discarded" });
            decided.filter(|count| *count > 0).map(|count| ("done", Some(count)))
        }
        (_, Reply::Report(report)) => Some(("done", of_list(report, "leads"))),
        _ => Some(("done", None)),
    }
}
