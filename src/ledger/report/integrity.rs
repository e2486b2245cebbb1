//! The integrity check: it finds counters that differ from rows, deliveries that cannot be sent, and anything
//! that has waited too long. It changes nothing.
//!
//! It goes through the tables in chunks, so that leads come first. Its counts so far travel in the cursor,
//! because the object may stop between two chunks. The cursor is sealed: a forged one would count the rows
//! after any lead, and so reveal whether it exists.

use serde_json::{Map, Value, json};

use crate::base::fault::Fault;
use crate::base::json::object_of;
use crate::base::moment::Moment;
use crate::ledger::api::{Checkup, Report};
use crate::ledger::db::Db;
use crate::ledger::db::counter::Counts;
use crate::ledger::db::integrity::{DueBounds, Finding};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::ledger::vault::Vault;
use crate::pipeline::webhook::LONGEST_WAIT_MS;

/// The number of leads and deliveries in a chunk: some ten milliseconds of the object.
pub const CHUNK_ROWS: i64 = 2_000;
/// The number of campaigns' copies in a chunk. The Worker reads each one's campaign in KV, and a free plan
/// allows it 50 requests.
const CHUNK_COPIES: i64 = 30;
/// The context of a sealed cursor.
const CONTEXT: &str = "checkup";
/// The time after which a due delivery is overdue: the cron runs every five minutes, and has missed it three
/// times.
pub const OVERDUE_MS: i64 = 15 * 60_000;
/// A text beyond every key of a table.
const NO_MORE: &str = "\u{10ffff}";

/// The states in which a submission's payload is still needed, and in which the counter is exact: a row in
/// another state may have ended with its lead, and its counter stays.
const LIVING: [State; 5] = [State::Pending, State::Dead, State::Held, State::Quarantined, State::Unconfirmed];

/// The table that a check goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Leads,
    Deliveries,
    /// The check has been through both.
    Neither,
}

/// The progress of a check: its table, the key that it has reached, the counters when it began, the rows
/// counted since, and the campaign whose copy it has read last.
struct Progress {
    table: Table,
    after: String,
    began: Counts,
    rows: Counts,
    copy: String,
}

impl Progress {
    fn begin(began: Counts) -> Self {
        let (after, copy) = Default::default();
        Self { table: Table::Leads, after, began, rows: [0; State::ALL.len()], copy }
    }

    fn open(cursor: &str, vault: &Vault) -> Option<Self> {
        Self::parse(&vault.open_text(cursor, CONTEXT)?)
    }

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

/// Checks the chunk after the cursor in `after`, or the first one. `None` if the cursor is not the ledger's.
pub(in crate::ledger) fn checkup<S: Store>(
    parts: &Parts<S>,
    request: &Checkup,
    moment: &Moment,
) -> Result<Option<Report>, Fault> {
    let (db, vault) = (&parts.db, &parts.vault);
    let mut findings = Vec::new();
    let mut progress = match request.after.as_deref().map(|cursor| Progress::open(cursor, vault)) {
        Some(Some(progress)) => progress,
        Some(None) => return Ok(None),
        None => {
            let now_ms = moment.now_ms;
            let due = DueBounds { earliest_ms: now_ms - OVERDUE_MS, latest_ms: now_ms + LONGEST_WAIT_MS };
            findings.extend(db.check_whole(&parts.outbox.mark(), &due)?);
            Progress::begin(db.counts()?)
        }
    };
    if progress.table == Table::Leads {
        check_leads(db, &mut progress, &mut findings)?;
    }
    let counters = db.counts()?;
    if progress.table == Table::Deliveries {
        check_deliveries(db, &mut progress, &counters, &mut findings)?;
    }
    let copies = copies(db, &mut progress)?;
    let ended = progress.table == Table::Neither && progress.copy == NO_MORE;
    let next = if ended { None } else { Some(vault.seal_text(&progress.to_text(), CONTEXT, moment)?) };
    let states = object_of(
        State::ALL.into_iter().zip(counters).map(|(state, n)| (state.as_str().to_owned(), n.into())),
    );
    let findings: Vec<Value> = findings.into_iter().map(finding_entry).collect();
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "states": states, "findings": findings, "next": next, "campaigns": copies,
    }))))
}

/// Checks a chunk of leads.
fn check_leads<S: Store>(
    db: &Db<S>,
    progress: &mut Progress,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let end = db.end_of_leads(&progress.after, CHUNK_ROWS)?;
    let (after, to) = (progress.after.as_str(), end.as_deref().unwrap_or(NO_MORE));
    for (name, count) in db.states_between(after, to)? {
        let state = State::parse(&name);
        match State::ALL.iter().zip(progress.rows.iter_mut()).find(|(known, _)| Some(**known) == state) {
            Some((_, sum)) => *sum += count,
            None => findings.push(found("state_unknown", String::new(), count)),
        }
    }
    findings.extend(db.check_submissions(after, to, &LIVING)?);
    if end.is_none() {
        progress.table = Table::Deliveries;
    }
    progress.after = end.unwrap_or_default();
    Ok(())
}

/// Checks a chunk of deliveries, and after the last one the counters.
fn check_deliveries<S: Store>(
    db: &Db<S>,
    progress: &mut Progress,
    counters: &Counts,
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let end = db.end_of_deliveries(&progress.after, CHUNK_ROWS)?;
    findings.extend(db.check_deliveries(&progress.after, end.as_deref().unwrap_or(NO_MORE))?);
    if end.is_none() {
        progress.table = Table::Neither;
        compare(progress, counters, findings);
    }
    progress.after = end.unwrap_or_default();
    Ok(())
}

/// Returns a chunk of the revisions of campaigns' copies, by id.
fn copies<S: Store>(db: &Db<S>, progress: &mut Progress) -> Result<Value, Fault> {
    let chunk = db.campaign_copies(&progress.copy, CHUNK_COPIES)?;
    let full = i64::try_from(chunk.len()).is_ok_and(|read| read == CHUNK_COPIES);
    let last = chunk.last().filter(|_| full).map(|(id, _)| id.clone());
    progress.copy = last.unwrap_or_else(|| NO_MORE.to_owned());
    Ok(Value::Object(chunk.into_iter().map(|(id, revision)| (id, revision.into())).collect::<Map<_, _>>()))
}

/// Compares the counters with the rows. If they moved during the check, rows that it had passed may have
/// moved with them.
fn compare(progress: &Progress, counters: &Counts, findings: &mut Vec<Finding>) {
    if progress.began != *counters {
        findings.push(found("moving", String::new(), 1));
        return;
    }
    for ((state, counter), rows) in State::ALL.into_iter().zip(counters).zip(&progress.rows) {
        let adds_up = if LIVING.contains(&state) { rows == counter } else { rows <= counter };
        if !adds_up {
            let about = format!("{}: {counter} counted, {rows} in rows", state.as_str());
            findings.push(found("counters_differ", about, 1));
        }
    }
}

fn found(problem: &'static str, about: String, count: i64) -> Finding {
    Finding { problem, about, count, example: None }
}

fn finding_entry(finding: Finding) -> Value {
    let Finding { problem, about, count, example } = finding;
    json!({ "problem": problem, "about": about, "count": count, "example": example })
}
