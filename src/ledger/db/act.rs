//! Acts of consent, and the terms that they name. An act is stored in the row of its submission until its
//! lead has another one.

use std::rc::Rc;

use serde_json::json;

use super::Db;
use super::changes::Changes;
use super::json_list;
use super::row::{FromRow, Reader, row};
use super::schema::ROW_FORMAT;
use super::store::{Arg, MAX_SAFE, SealedCell, Store, write};
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::pipeline::consent::{Act, Terms};

/// The statement that moves acts from the rows of submissions to the table `act`.
const MOVE_ACTS: &str = "INSERT INTO act (lead_id, seq, format, act, personal, consent_until_ms,
     record_until_ms, subjects)
   SELECT lead_id, json_extract(act, '$.seq'), format, act, consent, consent_until_ms, record_until_ms, subjects
   FROM submission";

/// The times when consents and the record of them end; UTC, milliseconds.
#[derive(Clone, Copy, Default)]
pub(in crate::ledger) struct Ends {
    /// The end of the first consent, if a purpose has a limit.
    pub(in crate::ledger) consent_ms: Option<i64>,
    pub(in crate::ledger) record_ms: i64,
}

/// An act as it is stored.
#[derive(Clone)]
pub(in crate::ledger) struct ActRow {
    pub(in crate::ledger) act: Rc<Act>,
    /// Its personal part, if it has not been erased.
    pub(in crate::ledger) sealed: Option<SealedCell>,
    /// The subjects of the act, if the row names them: one from before format 4 does not.
    pub(in crate::ledger) subjects: Vec<String>,
}

/// Three columns: act, personal part, subjects.
impl FromRow for ActRow {
    fn read(from: &mut Reader) -> Self {
        let act = read_act(&String::read(from));
        let act = Rc::new(from.expect(act, Act::default()));
        Self { act, sealed: FromRow::read(from), subjects: FromRow::read(from) }
    }
}

/// The act in a submission's row, if there is one that can be read.
impl FromRow for Option<ActRow> {
    fn read(from: &mut Reader) -> Self {
        let (act, sealed, subjects) =
            (Option::<String>::read(from), FromRow::read(from), FromRow::read(from));
        let act = act.and_then(|act| read_act(&act).ok());
        act.map(|act| ActRow { act: Rc::new(act), sealed, subjects })
    }
}

row! {
    /// A lead whose acts may have expired or ended.
    pub(in crate::ledger) struct ActsDue {
        pub(in crate::ledger) lead_id: LeadId,
        /// True if no act was written by newer code.
        pub(in crate::ledger) is_known: bool,
        /// True if the record of the acts has ended, and so has the lead.
        pub(in crate::ledger) has_ended: bool,
        /// 1 if a consent has expired.
        pub(in crate::ledger) has_expired: Option<i64>,
    }
}

row! {
    /// The personal part of an act, sealed by an older key.
    pub(in crate::ledger) struct StalePersonal {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) seq: i64,
        pub(in crate::ledger) personal: Option<SealedCell>,
    }
}

/// Parses an act.
fn read_act(text: &str) -> Result<Act, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("an act is not what its reader expects"))
}

/// Returns an act as it is stored.
pub(in crate::ledger) fn act_text(act: &Act) -> Result<String, Fault> {
    serde_json::to_string(act).map_err(|_| Fault::new("an act cannot be written"))
}

/// Adds an act to the table `act`, with its sealed personal part and its subjects.
pub(in crate::ledger) fn add_act(
    lead_id: &LeadId,
    act: &Act,
    sealed: &[u8],
    subjects: &[String],
    ends: Ends,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    let sql =
        "INSERT INTO act (lead_id, seq, format, act, personal, consent_until_ms, record_until_ms, subjects)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let args = [
        lead_id.clone().into(),
        act.seq.into(),
        ROW_FORMAT.into(),
        act_text(act)?.into(),
        sealed.to_vec().into(),
        ends.consent_ms.into(),
        ends.record_ms.into(),
        json_list(subjects),
    ];
    changes.push(write(sql, args));
    changes.effects.changed_leads.push(lead_id.clone());
    Ok(())
}

/// Keeps the act of a submission whose row is removed.
pub(in crate::ledger) fn preserve_act<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    changes: &mut Changes<'a>,
) {
    let sql = format!("{MOVE_ACTS} WHERE lead_id = ? AND submission_id = ? AND act IS NOT NULL");
    changes.push(write(sql, [lead_id.into(), submission_id.into()]));
}

/// Keeps the acts of submissions of a lead, a JSON list of ids, whose rows are removed.
pub(in crate::ledger) fn preserve_acts(
    lead_id: &LeadId,
    submissions: Arg<'static>,
    changes: &mut Changes<'_>,
) {
    let sql = format!(
        "{MOVE_ACTS} WHERE lead_id = ? AND submission_id IN (SELECT value FROM json_each(?)) AND act IS NOT NULL"
    );
    changes.push(write(sql, [lead_id.clone().into(), submissions]));
}

/// Moves all acts of a lead to the table `act`.
pub(in crate::ledger) fn gather_acts(lead_id: &LeadId, changes: &mut Changes<'_>) {
    let sql = format!("{MOVE_ACTS} WHERE lead_id = ? AND act IS NOT NULL");
    changes.push(write(sql, [lead_id.clone().into()]));
    let sql = "UPDATE submission SET stands_by = json_extract(act, '$.seq'), act = NULL, consent = '',
                 consent_until_ms = NULL WHERE lead_id = ? AND act IS NOT NULL";
    changes.push(write(sql, [lead_id.clone().into()]));
    changes.effects.changed_leads.push(lead_id.clone());
}

/// Writes the subjects of an act from before format 4, and of the submissions whose consents it holds.
pub(in crate::ledger) fn name_subjects(
    lead_id: &LeadId,
    seq: i64,
    subjects: &[String],
    changes: &mut Changes<'_>,
) {
    for (table, column) in [("act", "seq"), ("submission", "stands_by")] {
        let sql = format!("UPDATE {table} SET subjects = ? WHERE lead_id = ? AND {column} = ?");
        changes.push(write(sql, [json_list(subjects), lead_id.clone().into(), seq.into()]));
    }
}

/// Erases the personal parts of acts, by their numbers.
pub(in crate::ledger) fn erase_personal(lead_id: &LeadId, acts: &[i64], changes: &mut Changes<'_>) {
    let sql = "UPDATE act SET personal = NULL, subjects = NULL, consent_until_ms = NULL
               WHERE lead_id = ? AND seq IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [lead_id.clone().into(), json_list(acts)]));
    changes.effects.changed_leads.push(lead_id.clone());
}

/// Stores terms under their digest.
pub(in crate::ledger) fn store_terms<'a>(terms: &'a Terms, changes: &mut Changes<'a>) {
    let sql = "INSERT INTO terms (digest, terms) VALUES (?, ?) ON CONFLICT DO NOTHING";
    changes.push(write(sql, [(&terms.digest).into(), (&terms.text).into()]));
}

impl<S: Store> Db<S> {
    /// Returns a lead's acts in order, at most so many, from number `from` on.
    pub(in crate::ledger) fn acts_from(
        &self,
        lead_id: &LeadId,
        from: i64,
        limit: i64,
    ) -> Result<Vec<ActRow>, Fault> {
        let sql = "SELECT act, personal, subjects, seq FROM act WHERE lead_id = ?1 AND seq >= ?2
                   UNION ALL SELECT act, consent, subjects, json_extract(act, '$.seq') FROM submission
                     WHERE lead_id = ?1 AND act IS NOT NULL AND json_extract(act, '$.seq') >= ?2
                   ORDER BY 4 LIMIT ?3";
        self.all(sql, &[lead_id.into(), from.into(), limit.into()])
    }

    /// Returns all acts of a lead in order.
    pub(in crate::ledger) fn acts(&self, lead_id: &LeadId) -> Result<Vec<ActRow>, Fault> {
        self.acts_from(lead_id, 0, MAX_SAFE)
    }

    /// Returns the acts of these numbers that are in the table `act`.
    pub(in crate::ledger) fn acts_beside(
        &self,
        lead_id: &LeadId,
        numbers: &[i64],
    ) -> Result<Vec<ActRow>, Fault> {
        let sql = "SELECT act, personal, subjects FROM act WHERE lead_id = ?
                     AND seq IN (SELECT value FROM json_each(?))";
        self.all(sql, &[lead_id.into(), json!(numbers).to_string().into()])
    }

    /// Returns the terms of a digest.
    pub(in crate::ledger) fn terms(&self, digest: &str) -> Result<Option<String>, Fault> {
        self.first("SELECT terms FROM terms WHERE digest = ?", &[digest.into()])
    }

    /// Moves all acts of a lead that ends to the table `act`. Posts without an act of their own have extended
    /// the record of the others.
    pub(in crate::ledger) fn preserve_all_acts(&self, lead_id: &LeadId) -> Result<(), Fault> {
        let sql = format!("{MOVE_ACTS} WHERE lead_id = ? AND act IS NOT NULL");
        self.run(&sql, &[lead_id.into()])?;
        let sql = "UPDATE act SET record_until_ms = max(record_until_ms, coalesce((SELECT record_until_ms
                     FROM lead l WHERE l.lead_id = act.lead_id), 0)) WHERE lead_id = ?";
        self.run(sql, &[lead_id.into()])
    }

    /// Clears the expiry of a lead's consents, or sets it at one of its acts.
    pub(in crate::ledger) fn set_expiry(
        &self,
        lead_id: &LeadId,
        next: Option<(i64, i64)>,
    ) -> Result<(), Fault> {
        match next {
            None => self.run("UPDATE act SET consent_until_ms = NULL WHERE lead_id = ?", &[lead_id.into()]),
            Some((seq, at_ms)) => {
                let sql = "UPDATE act SET consent_until_ms = ? WHERE lead_id = ? AND seq = ?";
                self.run(sql, &[at_ms.into(), lead_id.into(), seq.into()])
            }
        }
    }

    /// Returns leads after an id, at most so many, with what is due of their acts.
    pub(in crate::ledger) fn acts_due(
        &self,
        after: &str,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<ActsDue>, Fault> {
        let sql = "SELECT a.lead_id, max(a.format) <= ?1, max(a.record_until_ms) <= ?2 AND NOT EXISTS
                     (SELECT 1 FROM submission s WHERE s.lead_id = a.lead_id), min(a.consent_until_ms) <= ?2
                   FROM act a WHERE a.lead_id > ?3 GROUP BY a.lead_id ORDER BY a.lead_id LIMIT ?4";
        self.all(sql, &[ROW_FORMAT.into(), now_ms.into(), after.into(), limit.into()])
    }

    /// Removes all acts of a lead from the table `act`.
    pub(in crate::ledger) fn remove_acts(&self, lead_id: &LeadId) -> Result<(), Fault> {
        self.run("DELETE FROM act WHERE lead_id = ?", &[lead_id.into()])
    }

    /// Returns the personal parts between two leads that do not have the prefix of the current key's
    /// ciphertexts.
    pub(in crate::ledger) fn stale_personal(
        &self,
        after: &str,
        to: &str,
        prefix: &str,
    ) -> Result<Vec<StalePersonal>, Fault> {
        let sql = format!(
            "SELECT {} FROM act WHERE lead_id > ?1 AND lead_id <= ?2 AND format <= ?3
               AND CAST(substr(personal, 1, length(?4)) AS TEXT) <> ?4",
            StalePersonal::COLUMNS
        );
        self.all(&sql, &[after.into(), to.into(), ROW_FORMAT.into(), prefix.into()])
    }

    /// Stores the resealed personal part of an act.
    pub(in crate::ledger) fn put_personal(
        &self,
        lead_id: &LeadId,
        seq: i64,
        sealed: Vec<u8>,
    ) -> Result<(), Fault> {
        let sql = "UPDATE act SET personal = ? WHERE lead_id = ? AND seq = ?";
        self.run(sql, &[sealed.into(), lead_id.into(), seq.into()])
    }
}
