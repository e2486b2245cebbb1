//! The audit log: who has done what, never to whom. An entry is written in the transaction of the act, so
//! there is none of the two without the other. The tables refuse to change one or to take one away.

use crate::ledger::parts::Parts;
use serde_json::Value;

use super::api::{Audit, List, Publication, Publish};
use super::db::store::{Arg, MAX_SAFE, Store};
use super::outbox::at_once::without_entry;
use super::report::rfc3339_of;
use super::wire::{Answer, OperationWire, Verb};
use crate::base::fault::Fault;
use crate::base::moment::Moment;

/// Entries of a page: an answer of about 50 KB.
const MAX_PAGE: i64 = 200;
/// Whoever acts through a version of the code that did not yet say who it is.
const UNKNOWN: &str = "unknown";

impl Verb {
    /// What the audit log calls it; nothing for what only looks, and for what people do themselves.
    fn act(self) -> Option<&'static str> {
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
            // It shows what a person has said.
            Self::Quarantined => Some("quarantine_show"),
            Self::Release => Some("quarantine_release"),
            Self::Discard => Some("quarantine_discard"),
            Self::Counters | Self::Deliveries | Self::Delivery | Self::Lists | Self::Keys => None,
            Self::Quarantine | Self::Audit | Self::Checkup | Self::Overview | Self::Held => None,
            Self::Confirm | Self::Withdraw | Self::Engage | Self::Consents => None,
        }
    }
}

/// Does what an operation asks. What an operator does is kept together with its entry, or not at all.
pub(super) fn audited<S: Store>(
    parts: &Parts<S>,
    wire: &OperationWire,
    moment: &Moment,
    perform: impl Fn() -> Result<Answer, Fault>,
) -> Result<Answer, Fault> {
    let Some(action) = wire.verb.act() else { return perform() };
    let mut answer = None;
    let kept = parts.db.atomically(&mut || {
        let given = perform()?;
        if let Some((outcome, count)) = outcome_of(wire, &given) {
            write_entry(parts, wire, action, outcome, count, &given, moment)?;
        }
        answer = Some(given);
        Ok(())
    });
    if let Err(fault) = kept {
        parts.note_rollback();
        return Err(fault);
    }
    answer.ok_or_else(|| Fault::new("a transaction ended without an answer"))
}

fn write_entry<S: Store>(
    parts: &Parts<S>,
    operation: &OperationWire,
    act: &str,
    outcome: &str,
    count: Option<i64>,
    answer: &Answer,
    moment: &Moment,
) -> Result<(), Fault> {
    let shown = match answer {
        Answer::Report(report) => report.get("campaign").and_then(Value::as_str),
        _ => None,
    };
    let sql =
        "INSERT INTO audit (at_ms, actor, act, campaign, destination, delivery_id, list, count, outcome, changes)
               VALUES (?1, ?2, ?3, coalesce(?4, (SELECT campaign FROM delivery WHERE delivery_id = ?6)),
                 ?5, ?6, ?7, ?8, ?9, ?10)";
    let args: [Arg<'_>; 10] = [
        moment.now_ms.into(),
        operation.actor.as_deref().unwrap_or(UNKNOWN).into(),
        act.into(),
        operation.campaign.as_deref().or(shown).into(),
        operation.destination.as_deref().into(),
        operation.delivery_id.as_deref().into(),
        operation.list.as_deref().into(),
        count.into(),
        outcome.into(),
        operation.changes.as_deref().into(),
    ];
    parts.db.run(sql, &args)
}

/// A campaign is published: what of it waits, where that is asked for.
pub(super) fn publication<S: Store>(parts: &Parts<S>, request: &Publish) -> Result<Publication, Fault> {
    if !request.tells_what_waits {
        return Ok(Publication::Noted { is_done: request.is_done });
    }
    // Each state by itself, for only then is its index used.
    let sql = format!(
        "SELECT json_object(
                 'unconfirmed', (SELECT coalesce(sum(unconfirmed), 0) FROM counter WHERE campaign = ?1),
                 'deliveries', json((SELECT json_group_object(destination, count) FROM (
                   SELECT destination, count(*) AS count FROM (
                     SELECT campaign, destination FROM delivery WHERE state = 'pending' AND due_ms > 0
                     UNION ALL SELECT campaign, destination FROM delivery WHERE {}
                     UNION ALL SELECT campaign, destination FROM delivery WHERE state = 'paused')
                   WHERE campaign = ?1 GROUP BY destination))))",
        without_entry("?2")
    );
    let args = [(&request.campaign).into(), parts.outbox.mark().into()];
    let waiting = parts.db.objects(&sql, &args)?.into_iter().next();
    waiting.map(Publication::Waiting).ok_or_else(|| Fault::new("a row is missing"))
}

/// Entries, the newest first, before a time and number.
pub(super) fn audit_page<S: Store>(parts: &Parts<S>, query: &Audit) -> Result<List, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let before = query.after.as_deref().map(|place| {
        let (at_ms, seq) = place.split_once('.')?;
        Some((at_ms.parse().ok()?, seq.parse().ok()?))
    });
    let before = before.unwrap_or(Some((MAX_SAFE, MAX_SAFE)));
    let (at_ms, seq): (i64, i64) = before.ok_or_else(|| Fault::new("a place in the audit log is none"))?;
    let sql = format!(
        "SELECT json_object('at', {}, 'at_ms', at_ms, 'seq', seq, 'ledger', ?1, 'actor', actor, 'act', act,
           'campaign', campaign, 'destination', destination, 'delivery_id', delivery_id, 'list', list,
           'count', count, 'outcome', outcome, 'changes', json(changes))
         FROM audit
         WHERE (at_ms < ?2 OR at_ms = ?2 AND seq < ?3) AND at_ms >= ?4 AND at_ms < ?5
           AND (?6 IS NULL OR campaign IS NULL OR campaign = ?6)
         ORDER BY at_ms DESC, seq DESC LIMIT ?7",
        rfc3339_of("at_ms")
    );
    let args: [Arg<'_>; 7] = [
        (&parts.config.name).into(),
        at_ms.into(),
        seq.into(),
        query.from_ms.unwrap_or(-MAX_SAFE).into(),
        query.to_ms.unwrap_or(MAX_SAFE).into(),
        query.campaign.as_deref().into(),
        limit.into(),
    ];
    Ok(List(parts.db.objects(&sql, &args)?))
}

/// How an act ended, and with how many things; nothing where this ledger has none of what it was about.
fn outcome_of(operation: &OperationWire, answer: &Answer) -> Option<(&'static str, Option<i64>)> {
    let of_list = |report: &Value, key: &str| {
        let list = report.get(key).and_then(Value::as_array)?;
        i64::try_from(list.len()).ok()
    };
    let verb = operation.verb;
    match (verb, answer) {
        (_, Answer::NotFound) => None,
        (_, Answer::Conflict) => Some(("refused", None)),
        (Verb::Publish, _) => Some((if operation.is_done { "done" } else { "begun" }, None)),
        (_, Answer::Done(count)) => Some(("done", Some(*count))),
        (Verb::Release | Verb::Discard, Answer::Report(report)) => {
            let acted = of_list(report, if verb == Verb::Release { "released" } else { "discarded" });
            acted.filter(|count| *count > 0).map(|count| ("done", Some(count)))
        }
        (_, Answer::Report(report)) => Some(("done", of_list(report, "leads"))),
        _ => Some(("done", None)),
    }
}
