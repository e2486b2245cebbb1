//! Submissions: every statement that adds, changes or removes one.

use super::act::Ends;
use super::bucket::Bucket;
use super::changes::{Changes, Effects};
use super::delivery::{UNNAMED_DELIVERIES, is_delivery_of};
use super::funnel::{Milestone, Steps};
use super::schema::ROW_FORMAT;
use super::state::State;
use super::store::{Arg, Store, write};
use super::submission_row::{
    Content, CountedRow, HeldRow, LeadDue, PayloadRow, PriorRow, QuarantinedRow, SealedColumn,
    StaleSubmission, UnconfirmedRow,
};
use super::{Db, json_list};
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};

/// A submission that is about to be stored.
pub(in crate::ledger) struct NewSubmission<'a> {
    pub(in crate::ledger) lead_id: &'a LeadId,
    pub(in crate::ledger) submission_id: &'a SubmissionId,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) at_ms: i64,
    pub(in crate::ledger) known_until_ms: i64,
    pub(in crate::ledger) until_ms: Option<i64>,
    pub(in crate::ledger) payload: Option<&'a [u8]>,
    /// The personal part of its act.
    pub(in crate::ledger) consent: Option<&'a [u8]>,
    pub(in crate::ledger) act: Option<String>,
    pub(in crate::ledger) ends: Ends,
    /// The subjects of the submission, the subject of its consents first.
    pub(in crate::ledger) subjects: &'a [String],
    /// The act by which its consents stand, if that came with another submission.
    pub(in crate::ledger) stands_by: Option<i64>,
    /// The subject that it was recognised by, if any.
    pub(in crate::ledger) first: Option<String>,
    pub(in crate::ledger) format: i64,
}

impl<'a> NewSubmission<'a> {
    /// Makes a submission of which only its arrival is stored.
    pub(in crate::ledger) fn bare(
        lead_id: &'a LeadId,
        submission_id: &'a SubmissionId,
        state: State,
        at_ms: i64,
        known_until_ms: i64,
    ) -> Self {
        Self {
            lead_id,
            submission_id,
            state,
            milestone: Milestone::Nothing,
            at_ms,
            known_until_ms,
            until_ms: None,
            payload: None,
            consent: None,
            act: None,
            ends: Ends::default(),
            subjects: &[],
            stands_by: None,
            first: None,
            format: ROW_FORMAT,
        }
    }

    /// Adds the row, with the counter that counts it.
    pub(in crate::ledger) fn add(self, bucket: &'a Bucket, changes: &mut Changes<'a>) {
        let sql = "INSERT INTO submission (lead_id, submission_id, format, campaign, source, hour, state,
                     at_ms, known_until_ms, until_ms, payload, consent, act, consent_until_ms,
                     record_until_ms, milestone, subjects, stands_by, first)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let subjects = if self.subjects.is_empty() { Arg::Null } else { json_list(self.subjects) };
        let args = [
            self.lead_id.into(),
            self.submission_id.into(),
            self.format.into(),
            (&bucket.campaign).into(),
            (&bucket.source).into(),
            bucket.hour.into(),
            self.state.as_str().into(),
            self.at_ms.into(),
            self.known_until_ms.into(),
            self.until_ms.into(),
            self.payload.map_or(Arg::Null, Arg::from),
            self.consent.map_or(Arg::from(""), Arg::from),
            self.act.map_or(Arg::Null, Arg::from),
            self.ends.consent_ms.into(),
            self.ends.record_ms.into(),
            self.milestone.number().into(),
            subjects,
            self.stands_by.into(),
            self.first.map_or(Arg::Null, Arg::from),
        ];
        changes.push(write(sql, args));
    }
}

/// Returns the format of a row that replaces one of an earlier format, if there is one.
pub(in crate::ledger) fn format_after(prior: Option<i64>) -> i64 {
    match prior {
        Some(..=UNNAMED_DELIVERIES) => UNNAMED_DELIVERIES,
        _ => ROW_FORMAT,
    }
}

/// Ends a submission: its payload is erased; so are its subjects if it was quarantined, under no person's
/// lead.
pub(in crate::ledger) fn end<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    bucket: &'a Bucket,
    from: State,
    to: State,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE submission SET state = ?, payload = NULL, until_ms = NULL, quarantine = NULL,
                 subjects = iif(quarantine IS NULL, subjects, NULL)
               WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [to.as_str().into(), lead_id.into(), submission_id.into()]));
    changes.push(bucket.transfer(from, to, Steps::NONE));
}

/// Lets a later submission take up a held one and continue from its milestone; `steps` are those that it
/// hands on.
pub(in crate::ledger) fn take_up<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    bucket: &'a Bucket,
    steps: Steps,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE submission SET state = ?, milestone = ?, payload = NULL, until_ms = NULL
               WHERE lead_id = ? AND submission_id = ?";
    let (from, to) = (State::Held, State::Duplicate);
    let passed_on = Milestone::PassedOn.number();
    changes.push(write(sql, [to.as_str().into(), passed_on.into(), lead_id.into(), submission_id.into()]));
    changes.push(bucket.transfer(from, to, steps));
}

/// Writes the state of a submission, which follows its deliveries. Once the last of them is settled the
/// payload is erased.
pub(in crate::ledger) fn follow<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    state: State,
    milestone: Milestone,
    changes: &mut Changes<'a>,
) {
    let sql = if matches!(state, State::Pending | State::Dead) {
        "UPDATE submission SET state = ?, milestone = ? WHERE lead_id = ? AND submission_id = ?"
    } else {
        "UPDATE submission SET state = ?, milestone = ?, payload = NULL WHERE lead_id = ? AND submission_id = ?"
    };
    let args = [state.as_str().into(), milestone.number().into(), lead_id.into(), submission_id.into()];
    changes.push(write(sql, args));
}

/// Writes that the submissions of deliveries have arrived: a JSON list whose entries begin with the
/// deliveries' ids.
pub(in crate::ledger) fn arrive<'a>(deliveries: &'a str, changes: &mut Changes<'a>) {
    let sql = "UPDATE submission SET state = 'delivered', payload = NULL,
                 milestone = CASE milestone WHEN ?2 THEN ?3 ELSE milestone END
               WHERE (lead_id, submission_id) IN (SELECT d.lead_id, d.submission_id
                 FROM json_each(?1) one
                 CROSS JOIN delivery d ON d.delivery_id = json_extract(one.value, '$[0]'))";
    let [before, after] = [Milestone::Qualified, Milestone::Arrived].map(Milestone::number);
    changes.push(write(sql, [deliveries.into(), before.into(), after.into()]));
}

/// Makes an existing submission of a lead wait for a confirmation.
pub(in crate::ledger) fn ask_again<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    payload: &'a [u8],
    until_ms: i64,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE submission SET state = 'unconfirmed', payload = ?1, until_ms = ?2,
                 known_until_ms = max(known_until_ms, ?2) WHERE lead_id = ?3 AND submission_id = ?4";
    changes.push(write(sql, [payload.into(), until_ms.into(), lead_id.into(), submission_id.into()]));
}

/// Holds a submission that was taken up again, until a time.
pub(in crate::ledger) fn hold_again(
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    until_ms: i64,
    changes: &mut Changes<'_>,
) {
    let sql = "UPDATE submission SET state = 'held', until_ms = ?
               WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [until_ms.into(), lead_id.clone().into(), submission_id.clone().into()]));
}

/// Writes why a submission is quarantined: its signals, the hashes by which it is found, the campaign's
/// revision.
pub(in crate::ledger) fn quarantine<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    about: String,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE submission SET quarantine = ? WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [about.into(), lead_id.into(), submission_id.into()]));
}

/// Removes a submission's row.
pub(in crate::ledger) fn remove<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    changes: &mut Changes<'a>,
) {
    let sql = "DELETE FROM submission WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [lead_id.into(), submission_id.into()]));
}

/// Erases submissions of a lead, a JSON list of ids.
pub(in crate::ledger) fn erase(lead_id: &LeadId, submissions: Arg<'static>, changes: &mut Changes<'_>) {
    let sql = "DELETE FROM submission
               WHERE lead_id = ? AND submission_id IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [lead_id.clone().into(), submissions]));
    changes.effects.changed_leads.push(lead_id.clone());
}

/// Stores the changed payload of a submission.
pub(in crate::ledger) fn put_payload(
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    sealed: Vec<u8>,
    changes: &mut Changes<'_>,
) {
    let sql = "UPDATE submission SET payload = ? WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [sealed.into(), lead_id.clone().into(), submission_id.clone().into()]));
    changes.effects.changed_leads.push(lead_id.clone());
}

impl<S: Store> Db<S> {
    /// Returns the row of a submission that came before.
    pub(in crate::ledger) fn prior(
        &self,
        lead_id: &str,
        submission_id: &SubmissionId,
    ) -> Result<Option<PriorRow>, Fault> {
        let sql =
            format!("SELECT {} FROM submission WHERE lead_id = ? AND submission_id = ?", PriorRow::COLUMNS);
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns a submission that waits for its owner's confirmation.
    pub(in crate::ledger) fn unconfirmed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<UnconfirmedRow>, Fault> {
        let sql = format!(
            "SELECT {} FROM submission WHERE lead_id = ? AND submission_id = ? AND state = 'unconfirmed'",
            UnconfirmedRow::COLUMNS
        );
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns whether a submission of a campaign has been confirmed, and still counts.
    pub(in crate::ledger) fn is_confirmed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
        campaign: &str,
    ) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM submission WHERE lead_id = ? AND submission_id = ? AND campaign = ?
                   AND (act IS NOT NULL OR stands_by IS NOT NULL)
                   AND state NOT IN ('withdrawn', 'expired')";
        self.exists(sql, &[lead_id.into(), submission_id.into(), campaign.into()])
    }

    /// Returns the held submissions of a lead in a campaign that were recognised by any of these subjects,
    /// the newest first, at most so many; then as many from rows before format 4, which do not say what they
    /// were recognised by.
    pub(in crate::ledger) fn held_submissions(
        &self,
        lead_id: &LeadId,
        campaign: &str,
        subjects: &[String],
        limit: i64,
    ) -> Result<Vec<HeldRow>, Fault> {
        let index = self.moving.get().held_by_first();
        let of_first = |which: &str| {
            format!(
                "SELECT submission_id, campaign, hour, source, milestone, {}
                 FROM submission s INDEXED BY {index}
                 WHERE lead_id = ?1 AND first {which} AND state = 'held' AND campaign = ?2
                 ORDER BY at_ms DESC LIMIT ?3",
                Content::OF_S
            )
        };
        let key = [lead_id.into(), campaign.into(), limit.into()];
        let named = of_first("IN (SELECT value FROM json_each(?4))");
        let mut rows = self.all(&named, &[&key[..], &[json_list(subjects)]].concat())?;
        rows.extend(self.all::<HeldRow>(&of_first("IS NULL"), &key)?);
        Ok(rows)
    }

    /// Returns the content of a submission's row.
    pub(in crate::ledger) fn content(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<Content>, Fault> {
        let sql =
            format!("SELECT {} FROM submission s WHERE lead_id = ? AND submission_id = ?", Content::OF_S);
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns the payload of a submission.
    pub(in crate::ledger) fn payload(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<PayloadRow>, Fault> {
        let sql =
            format!("SELECT {} FROM submission WHERE lead_id = ? AND submission_id = ?", PayloadRow::COLUMNS);
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns a submission as counters see it.
    pub(in crate::ledger) fn counted(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<CountedRow>, Fault> {
        let sql =
            format!("SELECT {} FROM submission WHERE lead_id = ? AND submission_id = ?", CountedRow::COLUMNS);
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns the submissions of a lead.
    pub(in crate::ledger) fn submissions_of(&self, lead_id: &LeadId) -> Result<Vec<CountedRow>, Fault> {
        let sql = format!("SELECT {} FROM submission WHERE lead_id = ?", CountedRow::COLUMNS);
        self.all(&sql, &[lead_id.into()])
    }

    /// Returns the submissions of a lead that are held or wait for a confirmation.
    pub(in crate::ledger) fn waiting_of(&self, lead_id: &LeadId) -> Result<Vec<CountedRow>, Fault> {
        let (columns, index) = (CountedRow::COLUMNS, self.moving.get().held_by_submission());
        let held = format!(
            "SELECT {columns} FROM submission INDEXED BY {index} WHERE lead_id = ? AND state = 'held'"
        );
        let mut all = self.all(&held, &[lead_id.into()])?;
        let unconfirmed =
            format!("SELECT {columns} FROM submission WHERE lead_id = ? AND state = 'unconfirmed'");
        all.extend(self.all::<CountedRow>(&unconfirmed, &[lead_id.into()])?);
        Ok(all)
    }

    /// Returns the submissions of a lead whose waiting time ends at or before a time.
    pub(in crate::ledger) fn waited(
        &self,
        lead_id: &LeadId,
        until_ms: i64,
    ) -> Result<Vec<CountedRow>, Fault> {
        let sql =
            format!("SELECT {} FROM submission WHERE lead_id = ? AND until_ms <= ?", CountedRow::COLUMNS);
        self.all(&sql, &[lead_id.into(), until_ms.into()])
    }

    /// Returns quarantined submissions between two leads, at most so many: of a campaign or any, and of these
    /// leads or any.
    pub(in crate::ledger) fn quarantined(
        &self,
        [after, to]: [&str; 2],
        campaign: Option<&str>,
        leads: Option<&[String]>,
        limit: i64,
    ) -> Result<Vec<QuarantinedRow>, Fault> {
        let sql = format!(
            "SELECT {} FROM submission
             WHERE lead_id > ?1 AND lead_id < ?2 AND state = 'quarantined'
               AND (?3 IS NULL OR campaign = ?3)
               AND (?4 IS NULL OR lead_id IN (SELECT value FROM json_each(?4)))
             ORDER BY lead_id LIMIT ?5",
            QuarantinedRow::COLUMNS
        );
        let leads = leads.map_or(Arg::Null, json_list);
        self.all(&sql, &[after.into(), to.into(), campaign.into(), leads, limit.into()])
    }

    /// Returns the leads, between two, of the quarantined submissions that these hashes find.
    pub(in crate::ledger) fn quarantined_with(
        &self,
        tags: &[String],
        [from, to]: [&str; 2],
    ) -> Result<Vec<LeadId>, Fault> {
        let sql = "SELECT lead_id FROM submission WHERE lead_id >= ? AND lead_id < ? AND EXISTS
                     (SELECT 1 FROM json_each(quarantine, '$.tags') tag
                      WHERE tag.value IN (SELECT value FROM json_each(?)))";
        self.all(sql, &[from.into(), to.into(), json_list(tags)])
    }

    /// Removes the submission of an expired request, and later ones beside it that were never confirmed, for
    /// nothing leads to them any more.
    pub(in crate::ledger) fn remove_unconfirmed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
        now_ms: i64,
    ) -> Result<(), Fault> {
        let sql = "DELETE FROM submission WHERE lead_id = ?1 AND consent = '' AND stands_by IS NULL
                     AND (submission_id = ?2 AND state = 'unconfirmed'
                       OR state = 'duplicate' AND known_until_ms <= ?3)";
        self.run(sql, &[lead_id.into(), submission_id.into(), now_ms.into()])
    }

    /// Returns leads after an id, at most so many, with what is due of them.
    pub(in crate::ledger) fn leads_due(
        &self,
        after: &str,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<LeadDue>, Fault> {
        let sql = format!(
            "SELECT s.lead_id, max(s.format) <= ?1, max(s.known_until_ms) <= ?2 AND NOT EXISTS (
               SELECT 1 FROM delivery d WHERE {} AND d.state IN ('pending', 'paused', 'dead')),
               min(s.until_ms) <= ?2, min(s.consent_until_ms) <= ?2
             FROM submission s WHERE s.lead_id > ?3
             GROUP BY s.lead_id ORDER BY s.lead_id LIMIT ?4",
            is_delivery_of("d.delivery_id", "s.lead_id")
        );
        self.all(&sql, &[ROW_FORMAT.into(), now_ms.into(), after.into(), limit.into()])
    }

    /// Removes the submissions of a lead that ends.
    pub(in crate::ledger) fn remove_submissions(&self, lead_id: &LeadId) -> Result<(), Fault> {
        self.run("DELETE FROM submission WHERE lead_id = ?", &[lead_id.into()])
    }

    /// Returns the sealed parts of submissions between two leads that do not have the prefix of the current
    /// key's ciphertexts.
    pub(in crate::ledger) fn stale_submissions(
        &self,
        after: &str,
        to: &str,
        prefix: &str,
    ) -> Result<Vec<StaleSubmission>, Fault> {
        let sql = format!(
            "SELECT {} FROM submission WHERE lead_id > ?1 AND lead_id <= ?2 AND format <= ?3
               AND (CAST(substr(payload, 1, length(?4)) AS TEXT) <> ?4
                 OR consent <> '' AND CAST(substr(consent, 1, length(?4)) AS TEXT) <> ?4)",
            StaleSubmission::COLUMNS
        );
        self.all(&sql, &[after.into(), to.into(), ROW_FORMAT.into(), prefix.into()])
    }

    /// Stores a resealed column of a submission.
    pub(in crate::ledger) fn put_sealed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
        column: SealedColumn,
        sealed: Vec<u8>,
    ) -> Result<(), Fault> {
        let column = match column {
            SealedColumn::Payload => "payload",
            SealedColumn::Consent => "consent",
        };
        let sql = format!("UPDATE submission SET {column} = ? WHERE lead_id = ? AND submission_id = ?");
        self.run(&sql, &[sealed.into(), lead_id.into(), submission_id.into()])
    }

    /// Runs changes within the current transaction, and adds their effects to its own.
    pub(in crate::ledger) fn apply(&self, changes: Changes<'_>, effects: &mut Effects) -> Result<(), Fault> {
        changes.writes.iter().try_for_each(|write| self.write(write))?;
        effects.merge(changes.effects);
        Ok(())
    }
}
