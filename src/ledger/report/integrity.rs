//! A ledger's look at itself: whether its counters are its rows, whether what waits can be sent, and
//! whether anything waits for too long. It changes nothing.
//!
//! It goes through the tables in chunks, so that leads come first. What it has counted so far travels
//! in the cursor, for the object may stop between two chunks. The cursor is sealed: one of somebody's own
//! making would count the rows behind any lead, and so tell whether there is one.

use crate::ledger::parts::Parts;
use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::json::object_of;
use crate::base::moment::Moment;
use crate::ledger::api::{Checkup, Report};
use crate::ledger::db::rows::is_delivery_of_submission;
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::{Arg, Store};
use crate::ledger::db::submission_state::State;
use crate::ledger::outbox::at_once::without_entry;
use crate::pipeline::webhook::LONGEST_WAIT_MS;

/// Leads and deliveries of a chunk: some ten milliseconds of the object.
pub const CHUNK_ROWS: i64 = 2_000;
/// Copies of campaigns of a chunk. The Worker reads each one's campaign in KV, and a free plan allows it 50
/// requests.
const CHUNK_COPIES: i64 = 30;
/// The context of a sealed cursor.
const CONTEXT: &str = "checkup";
/// The cron pokes every five minutes; what is due for three times as long was not found by it.
pub const OVERDUE_MS: i64 = 15 * 60_000;
/// Beyond every key that a table holds.
const NO_MORE: &str = "\u{10ffff}";

const STATES: usize = State::ALL.len();
type Counts = [i64; STATES];

/// States in which a submission's payload is still needed, and in which the counter is exact: a row
/// in another state may have ended with its lead, and its counter stays.
fn is_living(state: State) -> bool {
    matches!(state, State::Pending | State::Dead | State::Held | State::Quarantined | State::Unconfirmed)
}

/// What a check goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Leads,
    Deliveries,
    /// It has been through both.
    Neither,
}

/// Where a check is: its table, the key that it has come to, the counters when it began, the rows that it has
/// counted since, and the campaign whose copy it has looked at last.
struct Progress {
    table: Table,
    after: String,
    began: Counts,
    rows: Counts,
    copy: String,
}

impl Progress {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let table = match parts.next()? {
            "leads" => Table::Leads,
            "deliveries" => Table::Deliveries,
            "neither" => Table::Neither,
            _ => return None,
        };
        let after = parts.next()?.to_owned();
        let mut counts = || -> Option<Counts> {
            let numbers: Option<Vec<i64>> = parts.next()?.split('_').map(|text| text.parse().ok()).collect();
            numbers?.try_into().ok()
        };
        let (began, rows) = (counts()?, counts()?);
        Some(Self { table, after, began, rows, copy: parts.next()?.to_owned() })
    }

    fn to_text(&self) -> String {
        let table = match self.table {
            Table::Leads => "leads",
            Table::Deliveries => "deliveries",
            Table::Neither => "neither",
        };
        let counts = |counts: &Counts| counts.map(|count| count.to_string()).join("_");
        format!("{table}.{}.{}.{}.{}", self.after, counts(&self.began), counts(&self.rows), self.copy)
    }
}

/// Something that was found so many times: what, about what, with an example.
fn found(problem: &str, about: &str, count: i64, example: Option<String>) -> Value {
    json!({ "problem": problem, "about": about, "count": count, "example": example })
}

/// A chunk of the check, behind the cursor in `after`; it begins anew without one.
pub(in crate::ledger) fn checkup<S: Store>(
    parts: &Parts<S>,
    request: &Checkup,
    moment: &Moment,
) -> Result<Option<Report>, Fault> {
    let mut findings = Vec::new();
    let mut progress = match request.after.as_deref().map(|cursor| progress_in(parts, cursor)) {
        Some(Some(progress)) => progress,
        Some(None) => return Ok(None),
        None => {
            check_whole(parts, moment.now_ms, &mut findings)?;
            let (began, rows) = (counted(parts)?, [0; STATES]);
            let (after, copy) = Default::default();
            Progress { table: Table::Leads, after, began, rows, copy }
        }
    };
    if progress.table == Table::Leads {
        let end = end_of_chunk(parts, "submission", "lead_id", &progress.after)?;
        let to = end.as_deref().unwrap_or(NO_MORE);
        check_leads(parts, &progress.after, to, &mut progress.rows, &mut findings)?;
        if end.is_none() {
            progress.table = Table::Deliveries;
        }
        progress.after = end.unwrap_or_default();
    }
    let counters = counted(parts)?;
    if progress.table == Table::Deliveries {
        let end = end_of_chunk(parts, "delivery", "delivery_id", &progress.after)?;
        check_deliveries(parts, &progress.after, end.as_deref().unwrap_or(NO_MORE), &mut findings)?;
        if end.is_none() {
            progress.table = Table::Neither;
            compare(&progress, &counters, &mut findings);
        }
        progress.after = end.unwrap_or_default();
    }
    let (copies, last) = copies(parts, &progress.copy)?;
    progress.copy = last.unwrap_or_else(|| NO_MORE.to_owned());
    let ended = progress.table == Table::Neither && progress.copy == NO_MORE;
    let next = if ended { None } else { Some(cursor(parts, &progress, moment)?) };
    let states = object_of(
        State::ALL.into_iter().zip(counters).map(|(state, n)| (state.as_str().to_owned(), n.into())),
    );
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "states": states, "findings": findings, "next": next, "campaigns": copies,
    }))))
}

fn cursor<S: Store>(parts: &Parts<S>, progress: &Progress, moment: &Moment) -> Result<String, Fault> {
    parts.vault.seal_text(&progress.to_text(), CONTEXT, moment)
}

fn progress_in<S: Store>(parts: &Parts<S>, cursor: &str) -> Option<Progress> {
    Progress::parse(&parts.vault.open_text(cursor, CONTEXT)?)
}

/// The counters' sums by state.
fn counted<S: Store>(parts: &Parts<S>) -> Result<Counts, Fault> {
    let sums = State::ALL.map(|state| format!("coalesce(sum({}), 0)", state.as_str())).join(", ");
    let mut counts = [0; STATES];
    if let Some(mut row) = parts.db.row(&format!("SELECT {sums} FROM counter"), &[])? {
        for (at, count) in counts.iter_mut().enumerate() {
            *count = row.int(at)?;
        }
    }
    Ok(counts)
}

/// By id, the revision of each campaign's copy, behind one of them; and the last of these where more may
/// come.
fn copies<S: Store>(parts: &Parts<S>, after: &str) -> Result<(Value, Option<String>), Fault> {
    let (mut copies, mut last) = (serde_json::Map::new(), None);
    let sql = "SELECT id, revision FROM campaign WHERE id > ? ORDER BY id LIMIT ?";
    for mut row in parts.db.rows(sql, &[after.into(), CHUNK_COPIES.into()])? {
        let id = row.text(0)?;
        copies.insert(id.clone(), row.text(1)?.into());
        last = Some(id);
    }
    let full = i64::try_from(copies.len()).is_ok_and(|read| read == CHUNK_COPIES);
    Ok((Value::Object(copies), last.filter(|_| full)))
}

fn end_of_chunk<S: Store>(
    parts: &Parts<S>,
    table: &str,
    key: &str,
    after: &str,
) -> Result<Option<String>, Fault> {
    let sql = format!("SELECT DISTINCT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1 OFFSET ?");
    let row = parts.db.row(&sql, &[after.into(), (CHUNK_ROWS - 1).into()])?;
    row.map(|mut row| row.text(0)).transpose()
}

/// Reports what a statement counts: about what, how many, and an example.
fn look<S: Store>(
    parts: &Parts<S>,
    problem: &str,
    sql: &str,
    args: &[Arg<'_>],
    into: &mut Vec<Value>,
) -> Result<(), Fault> {
    for mut row in parts.db.rows(sql, args)? {
        let (about, count) = (row.text(0)?, row.int(1)?);
        if count > 0 {
            into.push(found(problem, &about, count, row.optional_text(2)));
        }
    }
    Ok(())
}

/// What needs no walk through the tables.
fn check_whole<S: Store>(parts: &Parts<S>, now_ms: i64, into: &mut Vec<Value>) -> Result<(), Fault> {
    let least = State::ALL.map(State::as_str).join(", ");
    let sql = format!(
        "SELECT campaign, count(*), min(source) FROM counter WHERE min(repeats, {least}) < 0 GROUP BY campaign"
    );
    look(parts, "counter_negative", &sql, &[], into)?;
    let columns = "campaign, destination, delivery_id, format";
    let late = format!(
        "SELECT campaign || '/' || destination, count(*), min(delivery_id) FROM (
           SELECT {columns}, due_ms FROM delivery WHERE state = 'pending' AND due_ms > 0
           UNION ALL SELECT {columns}, created_ms FROM delivery WHERE {})
         WHERE format <= ?2 AND due_ms",
        without_entry("?3")
    );
    let group = "GROUP BY campaign, destination";
    let args = |at_ms: i64| [at_ms.into(), ROW_FORMAT.into(), parts.outbox.mark().into()];
    look(parts, "overdue", &format!("{late} < ?1 {group}"), &args(now_ms - OVERDUE_MS), into)?;
    look(parts, "due_too_late", &format!("{late} > ?1 {group}"), &args(now_ms + LONGEST_WAIT_MS), into)?;
    let sql = "SELECT x.campaign || '/' || x.destination, 1, NULL FROM disabled x";
    look(parts, "destination_paused", sql, &[], into)
}

fn check_leads<S: Store>(
    parts: &Parts<S>,
    after: &str,
    to: &str,
    rows: &mut Counts,
    into: &mut Vec<Value>,
) -> Result<(), Fault> {
    let range = [after.into(), to.into()];
    let sql = "SELECT state, count(*) FROM submission WHERE lead_id > ? AND lead_id <= ? GROUP BY state";
    for mut row in parts.db.rows(sql, &range)? {
        let (name, count) = (row.text(0)?, row.int(1)?);
        let state = State::parse(&name);
        match State::ALL.iter().zip(rows.iter_mut()).find(|(known, _)| Some(**known) == state) {
            Some((_, sum)) => *sum += count,
            None => into.push(found("state_unknown", "", count, None)),
        }
    }
    let deliveries =
        format!("EXISTS (SELECT 1 FROM delivery d WHERE {} AND d.state", is_delivery_of_submission("d", "s"));
    let living = State::ALL.into_iter().filter(|state| is_living(*state));
    let living = living.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ");
    let open = format!("{deliveries} IN ('pending', 'paused'))");
    let checks = [
        ("no_delivery", format!("s.state = 'pending' AND NOT {open}")),
        ("state_behind", format!("s.state <> 'pending' AND {open}")),
        ("state_behind", format!("s.state = 'dead' AND NOT {open} AND NOT {deliveries} = 'dead')")),
        ("payload_missing", format!("s.state IN ({living}) AND s.payload IS NULL")),
        ("payload_left", format!("s.state NOT IN ({living}) AND s.payload IS NOT NULL")),
    ];
    for (problem, condition) in checks {
        let sql = format!(
            "SELECT s.campaign, count(*), min(s.submission_id) FROM submission s
             WHERE s.lead_id > ?1 AND s.lead_id <= ?2 AND s.format <= ?3 AND {condition} GROUP BY s.campaign"
        );
        let args = [after.into(), to.into(), ROW_FORMAT.into()];
        look(parts, problem, &sql, &args, into)?;
    }
    look_for_newer(parts, "submission", "lead_id", &range, into)
}

fn check_deliveries<S: Store>(
    parts: &Parts<S>,
    after: &str,
    to: &str,
    into: &mut Vec<Value>,
) -> Result<(), Fault> {
    let range = [after.into(), to.into()];
    let sql = "SELECT d.campaign || '/' || d.destination, count(*), min(d.delivery_id) FROM delivery d
               WHERE d.delivery_id > ?1 AND d.delivery_id <= ?2 AND d.submission_id <> ''
                 AND d.state IN ('pending', 'paused') AND NOT EXISTS (SELECT 1 FROM submission s
                   WHERE s.lead_id = d.lead_id AND s.submission_id = d.submission_id)
               GROUP BY d.campaign, d.destination";
    look(parts, "no_submission", sql, &range, into)?;
    let sql = "SELECT campaign || '/' || destination || ': ' || coalesce(reason, 'no reason'), count(*),
                 min(delivery_id) FROM delivery
               WHERE delivery_id > ? AND delivery_id <= ? AND state = 'dead'
               GROUP BY campaign, destination, reason";
    look(parts, "dead_letters", sql, &range, into)?;
    look_for_newer(parts, "delivery", "delivery_id", &range, into)
}

fn look_for_newer<S: Store>(
    parts: &Parts<S>,
    table: &str,
    key: &str,
    range: &[Arg<'_>; 2],
    into: &mut Vec<Value>,
) -> Result<(), Fault> {
    let sql = format!(
        "SELECT campaign, count(*), min({key}) FROM {table}
         WHERE {key} > ? AND {key} <= ? AND format > {ROW_FORMAT} GROUP BY campaign"
    );
    look(parts, "newer", &sql, range, into)
}

/// The counters beside the rows. Where they moved during the check, rows that it had passed may have
/// moved with them.
fn compare(progress: &Progress, counters: &Counts, into: &mut Vec<Value>) {
    if progress.began != *counters {
        into.push(found("moving", "", 1, None));
        return;
    }
    for ((state, counter), rows) in State::ALL.into_iter().zip(counters).zip(&progress.rows) {
        let adds_up = if is_living(state) { rows == counter } else { rows <= counter };
        if !adds_up {
            let about = format!("{}: {counter} counted, {rows} in rows", state.as_str());
            into.push(found("counters_differ", &about, 1, None));
        }
    }
}
