//! Nothing stays without an end: dead letters, held leads, people whose window has passed, consents,
//! the record of them, idempotency keys. A sweep goes through the tables in chunks, so that no alarm
//! takes long. On its way it seals anew what an older key has sealed, so that the key can be destroyed.

use super::consents::history::add_new;
use super::consents::standing::{Change, forget_known};
use super::db::rows::{KEEP_ACT, delivery_range, ended, is_delivery_of};
use super::db::schema::ROW_FORMAT;
use super::db::store::{Arg, Store};
use super::db::submission_state::Bucket;
use super::db::submission_state::State;
use super::person::withdraw::forget_had;
use super::presence::QUARANTINED_LEADS;
use super::schedule::{NEXT_SWEEP, SWEEP_EVERY_MS};
use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, Moment};
use crate::ledger::admit::double_opt_in::expire_requests;
use crate::ledger::parts::Parts;
use crate::ledger::person::withdraw::record_ends;
use crate::ledger::vault::{act_context, consent_context, payload_context};
use crate::pipeline::consent::{ConsentState, Head, Personal, Standing, follow};

/// A dead letter, and a delivery to a destination that answered 410, can be brought back for so
/// long: a month covers a holiday and a monthly report.
pub const DEAD_DAYS: i64 = 30;
/// Between the chunks of one sweep, so that leads come first.
const CHUNK_PAUSE_MS: i64 = 1_000;
/// Rows of a chunk: a few milliseconds.
pub(super) const CHUNK_ROWS: i64 = 500;
/// Beyond every key that a table holds.
const NO_MORE: &str = "\u{10ffff}";

/// The tables, in the order in which a sweep goes through them.
#[derive(Clone, Copy)]
enum Phase {
    Deliveries,
    Leads,
    Acts,
    Fingerprints,
    Carried,
}

/// Where the running sweep is: its phase, and the key that it has come to.
struct Cursor {
    phase: Phase,
    after: String,
}

impl Cursor {
    const START: Self = Self { phase: Phase::Deliveries, after: String::new() };

    fn parse(text: &str) -> Option<Self> {
        let (phase, after) = text.split_once(' ')?;
        let phase = match phase {
            "deliveries" => Phase::Deliveries,
            "leads" => Phase::Leads,
            "acts" => Phase::Acts,
            "fingerprints" => Phase::Fingerprints,
            "carried" => Phase::Carried,
            _ => return None,
        };
        Some(Self { phase, after: after.to_owned() })
    }

    fn to_text(&self) -> String {
        let phase = match self.phase {
            Phase::Deliveries => "deliveries",
            Phase::Leads => "leads",
            Phase::Acts => "acts",
            Phase::Fingerprints => "fingerprints",
            Phase::Carried => "carried",
        };
        format!("{phase} {}", self.after)
    }
}

/// Ends the requests whose time has passed, does a chunk of the sweep where one is due, and moves on what
/// lies in a table of before.
///
/// # Errors
/// The database's; the chunk is done again then.
pub fn sweep<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    expire_requests(parts, moment)?;
    sweep_chunk(parts, moment)?;
    parts.outbox.move_mark()?;
    parts.schedule.move_on(&parts.db, moment.now_ms)
}

fn sweep_chunk<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    if !parts.schedule.is_sweep_due(moment.now_ms) {
        return Ok(());
    }
    let cursor = parts.db.meta("sweep")?.and_then(|text| Cursor::parse(&text)).unwrap_or(Cursor::START);
    let mut next_sweep_ms = 0;
    parts.db.atomically(&mut || {
        let last = match cursor.phase {
            Phase::Deliveries => sweep_deliveries(parts, &cursor.after, moment)?,
            Phase::Leads => sweep_leads(parts, &cursor.after, moment)?,
            Phase::Acts => sweep_acts(parts, &cursor.after, moment)?,
            Phase::Fingerprints => sweep_identifiers(parts, "fingerprint", &cursor.after)?,
            Phase::Carried => sweep_identifiers(parts, "carried", &cursor.after)?,
        };
        let first_of = |phase| Some(Cursor { phase, after: String::new() });
        let next = match (last, cursor.phase) {
            (Some(after), phase) => Some(Cursor { phase, after }),
            (None, Phase::Deliveries) => first_of(Phase::Leads),
            (None, Phase::Leads) => first_of(Phase::Acts),
            (None, Phase::Acts) => first_of(Phase::Fingerprints),
            (None, Phase::Fingerprints) => first_of(Phase::Carried),
            (None, Phase::Carried) => None,
        };
        if next.is_none() {
            parts.db.run("DELETE FROM idempotency WHERE expires_ms <= ?", &[moment.now_ms.into()])?;
            parts.db.run("DELETE FROM engagement WHERE until_ms <= ?", &[moment.now_ms.into()])?;
            let sql = "DELETE FROM mentioned WHERE NOT EXISTS (SELECT 1 FROM submission s
                         WHERE s.lead_id = mentioned.lead_id AND s.submission_id = mentioned.submission_id
                           AND s.payload IS NOT NULL)";
            parts.db.run(sql, &[])?;
            sweep_revisions(parts)?;
        }
        parts.db.put_meta("sweep", &next.as_ref().unwrap_or(&Cursor::START).to_text())?;
        next_sweep_ms = moment.now_ms + if next.is_some() { CHUNK_PAUSE_MS } else { SWEEP_EVERY_MS };
        parts.db.put_meta(NEXT_SWEEP, &next_sweep_ms.to_string())
    })?;
    parts.schedule.set_next_sweep(next_sweep_ms);
    Ok(())
}

/// Forgets the campaigns of which nothing is quarantined any more.
fn sweep_revisions<S: Store>(parts: &Parts<S>) -> Result<(), Fault> {
    let sql = "DELETE FROM revision WHERE revision NOT IN (SELECT json_extract(quarantine, '$.revision')
                 FROM submission WHERE lead_id >= ? AND lead_id < ? AND quarantine IS NOT NULL)";
    parts.db.run(sql, &QUARANTINED_LEADS.map(Arg::from))
}

/// The key behind which the next chunk begins; nothing where this one is the last.
fn chunk_end<S: Store>(
    parts: &Parts<S>,
    table: &str,
    key: &str,
    after: &str,
) -> Result<Option<String>, Fault> {
    let sql = format!("SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1 OFFSET ?");
    let row = parts.db.row(&sql, &[after.into(), (CHUNK_ROWS - 1).into()])?;
    row.map(|mut row| row.text(0)).transpose()
}

fn sweep_deliveries<S: Store>(
    parts: &Parts<S>,
    after: &str,
    moment: &Moment,
) -> Result<Option<String>, Fault> {
    let end = chunk_end(parts, "delivery", "delivery_id", after)?;
    let sql = "UPDATE delivery SET state = 'expired' WHERE delivery_id > ? AND delivery_id <= ?
               AND state IN ('dead', 'paused') AND coalesce(settled_ms, created_ms) <= ?
               AND format <= ? RETURNING lead_id, submission_id";
    let to = end.as_deref().unwrap_or(NO_MORE);
    let before = moment.now_ms - DEAD_DAYS * DAY_MS;
    for mut row in parts.db.rows(sql, &[after.into(), to.into(), before.into(), ROW_FORMAT.into()])? {
        let lead_id = row.text(0)?;
        parts.outbox.settle_submission(&lead_id, &row.text(1)?)?;
        parts.db.write(&forget_had(&lead_id))?;
    }
    // Those of a lead go with it; these have none any more.
    let sql = "DELETE FROM delivery WHERE delivery_id > ? AND delivery_id <= ?
               AND state IN ('delivered', 'withdrawn', 'expired')
               AND coalesce(settled_ms, created_ms) <= ? AND format <= ?
               AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.lead_id = delivery.lead_id)
               AND (submission_id = ''
                 OR NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = delivery.lead_id))";
    parts.db.run(sql, &[after.into(), to.into(), before.into(), ROW_FORMAT.into()])?;
    Ok(end)
}

/// A lead ends with its window, unless a delivery of it can still arrive.
fn sweep_leads<S: Store>(parts: &Parts<S>, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
    let sql = format!(
        "SELECT s.lead_id, max(s.format) <= ?1, max(s.known_until_ms) <= ?2 AND NOT EXISTS (
           SELECT 1 FROM delivery d WHERE {} AND d.state IN ('pending', 'paused', 'dead')),
           min(s.until_ms) <= ?2, min(s.consent_until_ms) <= ?2
         FROM submission s WHERE s.lead_id > ?3
         GROUP BY s.lead_id ORDER BY s.lead_id LIMIT ?4",
        is_delivery_of("d.delivery_id", "s.lead_id")
    );
    let args = [ROW_FORMAT.into(), moment.now_ms.into(), after.into(), CHUNK_ROWS.into()];
    let leads = parts.db.rows(&sql, &args)?;
    let full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
    let mut last = None;
    for mut row in leads {
        let (lead_id, is_known) = (row.text(0)?, row.int(1)? == 1);
        let [ended, waited, expired] = [row.int(2)?, row.int(3).unwrap_or(0), row.int(4).unwrap_or(0)];
        if is_known && expired == 1 {
            expire_consents(parts, &lead_id, moment)?;
        }
        if is_known && waited == 1 {
            end_waiting(parts, &lead_id, moment.now_ms)?;
        }
        if is_known && ended == 1 {
            end_lead(parts, &lead_id)?;
        }
        last = Some(lead_id);
    }
    reseal_submissions(parts, after, last.as_deref().unwrap_or(NO_MORE), moment)?;
    Ok(last.filter(|_| full))
}

/// What waits for the person to tell more ends, its payload with it.
fn end_waiting<S: Store>(parts: &Parts<S>, lead_id: &str, now_ms: i64) -> Result<(), Fault> {
    let sql = "SELECT submission_id, state, campaign, hour, source FROM submission
               WHERE lead_id = ? AND until_ms <= ?";
    for mut row in parts.db.rows(sql, &[lead_id.into(), now_ms.into()])? {
        let (submission_id, state) = (row.text(0)?, row.text(1)?);
        let state = State::parse(&state).ok_or_else(|| Fault::new("a state is not known"))?;
        let bucket = Bucket { campaign: row.text(2)?, hour: row.int(3)?, source: row.text(4)? };
        for write in ended(lead_id, &submission_id, &bucket, state, State::Expired) {
            parts.db.write(&write)?;
        }
    }
    Ok(())
}

fn end_lead<S: Store>(parts: &Parts<S>, lead_id: &str) -> Result<(), Fault> {
    end_waiting(parts, lead_id, i64::MAX >> 10)?;
    let keep = format!("{KEEP_ACT} WHERE lead_id = ? AND act IS NOT NULL");
    parts.db.run(&keep, &[lead_id.into()])?;
    // Posts that brought no act of their own have kept the record of the others.
    let sql = "UPDATE act SET record_until_ms = max(record_until_ms, coalesce((SELECT record_until_ms
                 FROM lead l WHERE l.lead_id = act.lead_id), 0)) WHERE lead_id = ?";
    parts.db.run(sql, &[lead_id.into()])?;
    for write in forget_known("= ?", &[lead_id.into()]) {
        parts.db.write(&write)?;
    }
    parts.db.run("DELETE FROM submission WHERE lead_id = ?", &[lead_id.into()])?;
    // Who has had the lead is known for as long as its consents are: they hear of a withdrawal.
    let (from, to) = delivery_range(lead_id);
    let sql = "DELETE FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2 AND (attempts = '[]'
                 OR NOT EXISTS (SELECT 1 FROM act WHERE lead_id = ?3))";
    parts.db.run(sql, &[(&from).into(), (&to).into(), lead_id.into()])
}

/// Consents whose time has passed expire, which is an act of its own, for each subject of the lead.
fn expire_consents<S: Store>(parts: &Parts<S>, lead_id: &str, moment: &Moment) -> Result<(), Fault> {
    let (mut due, mut next_ms) = (Vec::new(), None::<i64>);
    for (whose, standing) in parts.consents.standings(lead_id)? {
        let mut ended = Vec::new();
        for place in standing.iter().filter(|place| place.state.is_valid()) {
            let Some(days) = parts.consents.terms_under(&place.by.terms)?.retention_days() else { continue };
            let end_ms = place.by.at_ms + i64::from(days) * DAY_MS;
            if end_ms <= moment.now_ms {
                ended.push((place.purpose.clone(), ConsentState::Expired, place.by.terms.clone()));
            } else {
                next_ms = Some(next_ms.map_or(end_ms, |known| known.min(end_ms)));
            }
        }
        if !ended.is_empty() {
            due.push((whose, standing, ended));
        }
    }
    let mut head = None;
    for write in parts.consents.gather_acts(lead_id, &parts.consents.known(lead_id, &[])?) {
        parts.db.write(&write)?;
    }
    let sql = "UPDATE act SET consent_until_ms = NULL WHERE lead_id = ?";
    parts.db.run(sql, &[lead_id.into()])?;
    for (whose, standing, ended) in due {
        let campaign =
            standing.iter().max_by_key(|place| place.by.seq).map(|place| place.by.campaign.clone());
        let campaign = campaign.unwrap_or_default();
        let personal =
            Personal { subject: whose.clone(), method: "retention".to_owned(), ..Personal::default() };
        let place = (moment.now_ms, campaign.as_str());
        // Whoever can have an act erased can have its end erased with it.
        let mut subjects = vec![whose.clone()];
        for place in standing.iter().filter(|place| ended.iter().any(|(id, ..)| *id == place.purpose)) {
            for other in &place.by.with {
                add_new(&mut subjects, other.clone());
            }
        }
        let personal = (personal, subjects);
        let known = parts.consents.known(lead_id, std::slice::from_ref(&whose))?;
        let act = parts.consents.next_act(known.head.as_ref(), lead_id, place, ended, personal, moment)?;
        let ends = record_ends(parts, &campaign, None, moment)?;
        parts.db.write(&act.row(lead_id, ends)?)?;
        let mut now: Vec<Standing> = standing;
        follow(&mut now, &act.act, &[]);
        let change = Change {
            lead_id,
            head: Some(Head::from(&*act.act)),
            standings: vec![(&whose, &now)],
            heard: None,
            record_until_ms: ends.record_ms,
            had: None,
            names: &[],
        };
        for write in parts.consents.keep_change(&known, change) {
            parts.db.write(&write)?;
        }
        head = Some(act.act.seq);
    }
    let head = match head {
        Some(head) => Some(head),
        None => parts.consents.known(lead_id, &[])?.head.map(|head| head.seq),
    };
    if let (Some(next_ms), Some(head)) = (next_ms, head) {
        let sql = "UPDATE act SET consent_until_ms = ? WHERE lead_id = ? AND seq = ?";
        parts.db.run(sql, &[next_ms.into(), lead_id.into(), head.into()])?;
    }
    parts.outbox.forget_open(lead_id);
    Ok(())
}

/// The record of a person's consents ends after the last of its acts, once the lead has ended.
fn sweep_acts<S: Store>(parts: &Parts<S>, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
    let sql = "SELECT a.lead_id, max(a.format) <= ?1, max(a.record_until_ms) <= ?2 AND NOT EXISTS
                 (SELECT 1 FROM submission s WHERE s.lead_id = a.lead_id), min(a.consent_until_ms) <= ?2
               FROM act a WHERE a.lead_id > ?3 GROUP BY a.lead_id ORDER BY a.lead_id LIMIT ?4";
    let args = [ROW_FORMAT.into(), moment.now_ms.into(), after.into(), CHUNK_ROWS.into()];
    let leads = parts.db.rows(sql, &args)?;
    let full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
    let mut last = None;
    for mut row in leads {
        let (lead_id, is_known) = (row.text(0)?, row.int(1)? == 1);
        let [ended, expired] = [row.int(2)?, row.int(3).unwrap_or(0)];
        if is_known && ended == 1 {
            parts.db.run("DELETE FROM act WHERE lead_id = ?", &[(&lead_id).into()])?;
            let (from, to) = delivery_range(&lead_id);
            let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?";
            parts.db.run(sql, &[(&from).into(), (&to).into()])?;
            parts.db.run("DELETE FROM alias WHERE is_now = ?", &[(&lead_id).into()])?;
        } else if is_known && expired == 1 {
            expire_consents(parts, &lead_id, moment)?;
        }
        last = Some(lead_id);
    }
    reseal_acts(parts, after, last.as_deref().unwrap_or(NO_MORE), moment)?;
    Ok(last.filter(|_| full))
}

fn reseal_submissions<S: Store>(
    parts: &Parts<S>,
    after: &str,
    to: &str,
    moment: &Moment,
) -> Result<(), Fault> {
    let prefix = parts.vault.current_prefix();
    let sql = "SELECT lead_id, submission_id, payload, consent, json_extract(act, '$.seq') FROM submission
               WHERE lead_id > ?1 AND lead_id <= ?2 AND format <= ?3
                 AND (CAST(substr(payload, 1, length(?4)) AS TEXT) <> ?4
                   OR consent <> '' AND CAST(substr(consent, 1, length(?4)) AS TEXT) <> ?4)";
    let args = [after.into(), to.into(), ROW_FORMAT.into(), (&prefix).into()];
    for mut row in parts.db.rows(sql, &args)? {
        let (lead_id, submission_id) = (row.text(0)?, row.text(1)?);
        let (payload, consent) = (row.sealed(2), row.sealed(3));
        let place = match row.int(4) {
            Ok(seq) => act_context(&lead_id, seq),
            Err(_) => consent_context(&lead_id, &submission_id),
        };
        let payload = payload.map(|sealed| (payload_context(&lead_id, &submission_id), sealed));
        let consent = consent.map(|sealed| (place, sealed));
        for (column, sealed) in [("payload", payload), ("consent", consent)] {
            let Some(sealed) =
                sealed.and_then(|(place, sealed)| parts.vault.resealed(&sealed, &place, moment))
            else {
                continue;
            };
            let sql = format!("UPDATE submission SET {column} = ? WHERE lead_id = ? AND submission_id = ?");
            parts.db.run(&sql, &[sealed.into(), (&lead_id).into(), (&submission_id).into()])?;
        }
    }
    Ok(())
}

fn reseal_acts<S: Store>(parts: &Parts<S>, after: &str, to: &str, moment: &Moment) -> Result<(), Fault> {
    let prefix = parts.vault.current_prefix();
    let sql = "SELECT lead_id, seq, personal FROM act WHERE lead_id > ?1 AND lead_id <= ?2 AND format <= ?3
                 AND CAST(substr(personal, 1, length(?4)) AS TEXT) <> ?4";
    let args = [after.into(), to.into(), ROW_FORMAT.into(), (&prefix).into()];
    for mut row in parts.db.rows(sql, &args)? {
        let (lead_id, seq, sealed) = (row.text(0)?, row.int(1)?, row.sealed(2));
        let place = act_context(&lead_id, seq);
        if let Some(sealed) = sealed.and_then(|sealed| parts.vault.resealed(&sealed, &place, moment)) {
            let args: [Arg<'_>; 3] = [sealed.into(), (&lead_id).into(), seq.into()];
            parts.db.run("UPDATE act SET personal = ? WHERE lead_id = ? AND seq = ?", &args)?;
        }
    }
    Ok(())
}

/// What leads to a lead ends with the last thing that it leads to.
fn sweep_identifiers<S: Store>(parts: &Parts<S>, table: &str, after: &str) -> Result<Option<String>, Fault> {
    let end = chunk_end(parts, table, "tag", after)?;
    let sql = format!(
        "DELETE FROM {table} WHERE tag > ? AND tag <= ? AND NOT EXISTS
           (SELECT 1 FROM submission s WHERE s.lead_id = {table}.lead_id)
         AND NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = {table}.lead_id
           AND a.personal IS NOT NULL)"
    );
    parts.db.run(&sql, &[after.into(), end.as_deref().unwrap_or(NO_MORE).into()])?;
    Ok(end)
}
