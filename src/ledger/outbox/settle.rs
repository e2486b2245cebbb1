//! Outcomes of attempts: what is written of a delivery, and what follows for its submission.

use super::Outbox;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::at_once::without_entry;
use super::claim::Claim;
use crate::base::fault::Fault;
use crate::base::moment::{Moment, rfc3339};
use crate::ledger::admit::Prior;
use crate::ledger::db::funnel::{Milestone, Steps};
use crate::ledger::db::rows::{Of, delivery_range_of, is_delivery_of_submission};
use crate::ledger::db::store::{Store, Write, write};
use crate::ledger::db::submission_state::Bucket;
use crate::ledger::db::submission_state::State;
use crate::pipeline::webhook;
use crate::pipeline::webhook::{Next, Outcome};

/// Attempts listed with a delivery: every one of a schedule, and those of a replay.
const MAX_ATTEMPTS_LISTED: usize = 20;

/// An attempt that is over.
pub struct Attempt<'a> {
    /// Of which claim.
    pub claim: &'a Claim,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// How long it took; milliseconds.
    pub took_ms: i64,
}

impl Attempt<'_> {
    fn next(&self, development: bool, moment: &Moment) -> Next {
        let attempt = usize::try_from(self.claim.attempt_count + 1).unwrap_or(usize::MAX);
        let Claim { delivery_id, created_ms, .. } = self.claim;
        webhook::next(self.outcome, attempt, delivery_id, *created_ms, development, moment)
    }

    /// As it is listed with its delivery.
    fn listed(&self, now_ms: i64) -> Value {
        json!({
            "attempt": self.claim.attempt_count + 1, "at": rfc3339(now_ms), "outcome": self.outcome.name(),
            "ms": self.took_ms,
        })
    }
}

impl<S: Store> Outbox<S> {
    /// Writes what became of attempts, and what follows. Gives of each, in their order, the event for the log, or
    /// why it could not be written: then the delivery is due again. Those that have arrived are written together.
    pub fn settle(&self, attempts: &[Attempt<'_>], moment: &Moment) -> Vec<Result<Value, Fault>> {
        let mut lanes = self.lanes.borrow_mut();
        for one in attempts {
            lanes.release(one.claim, one.outcome, one.took_ms, false);
            lanes.land(&one.claim.delivery_id);
        }
        drop(lanes);
        let nexts: Vec<Next> = attempts.iter().map(|one| one.next(self.development, moment)).collect();
        let all = attempts.iter().zip(&nexts).filter(|(_, next)| **next == Next::Delivered);
        let mut arrived: Vec<&Attempt<'_>> = all.map(|(one, _)| one).collect();
        arrived.sort_by_key(|one| &one.claim.delivery_id);
        arrived.dedup_by_key(|one| &one.claim.delivery_id);
        // Where that fails each is written by itself, and says why it is not.
        let mut written = self.write_arrived(&arrived, moment.now_ms).unwrap_or_default();
        let events = attempts.iter().zip(nexts).map(|(one, next)| {
            // One that is there twice is written once.
            self.settled(one, next, written.remove(&one.claim.delivery_id), moment)
        });
        events.collect()
    }

    /// Writes what became of an attempt, unless that it has arrived is written, and notes what follows.
    fn settled(
        &self,
        one: &Attempt<'_>,
        next: Next,
        is_written: bool,
        moment: &Moment,
    ) -> Result<Value, Fault> {
        let Attempt { claim, outcome, took_ms } = *one;
        let (state, due_ms) = match next {
            Next::Delivered => ("delivered", moment.now_ms),
            Next::At(due_ms) => ("pending", due_ms),
            Next::Disable => ("paused", moment.now_ms),
            Next::Dead => ("dead", moment.now_ms),
        };
        let written = match is_written {
            true => Ok(state),
            false => self.write_outcome(one, state, due_ms, moment.now_ms),
        };
        match &written {
            Ok(_) => self.at_once.borrow_mut().forget(&claim.delivery_id),
            // Its row may have no entry.
            Err(_) => self.at_once.borrow_mut().lose(),
        }
        if written.as_ref().map_or(true, |state| *state == "pending") {
            self.note_due(&claim.receiver, due_ms);
        }
        self.open_leads.borrow_mut().forget_submission(&claim.lead_id, &claim.submission_id);
        Ok(json!({
            "event": "delivery", "outcome": outcome.name(), "state": written?, "campaign": claim.campaign,
            "destination": claim.destination, "delivery_id": claim.delivery_id,
            "lead_id": claim.lead_id, "attempt": claim.attempt_count + 1, "ms": took_ms,
        }))
    }

    /// Writes that deliveries have arrived, where each is the only one of its submission, and that waits for it:
    /// what nearly always happens. However many they are, it is three statements, and one for each counter. Gives
    /// the ids of those.
    fn write_arrived(&self, all: &[&Attempt<'_>], now_ms: i64) -> Result<BTreeSet<String>, Fault> {
        let mut written = BTreeSet::new();
        if all.is_empty() {
            return Ok(written);
        }
        let ids: Vec<_> = all.iter().map(|one| &one.claim.delivery_id).collect();
        let sql = format!(
            "SELECT d.delivery_id, s.campaign, s.hour, s.source, s.milestone FROM json_each(?) one
             CROSS JOIN delivery d ON d.delivery_id = one.value
             CROSS JOIN submission s ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
             WHERE d.state NOT IN ('delivered', 'withdrawn') AND s.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM delivery other WHERE {} AND other.delivery_id <> d.delivery_id)",
            is_delivery_of_submission("other", "d")
        );
        let mut counts: BTreeMap<Bucket, (i64, i64)> = BTreeMap::new();
        for mut row in self.db.rows(&sql, &[json!(ids).to_string().into()])? {
            written.insert(row.text(0)?);
            let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
            let (leads, arrived) = counts.entry(bucket).or_default();
            *leads += 1;
            *arrived += i64::from(Milestone::of(row.int(4)?) == Milestone::Qualified);
        }
        if written.is_empty() {
            return Ok(written);
        }
        let rows = all.iter().filter(|one| written.contains(&one.claim.delivery_id));
        let rows: Vec<_> = rows
            .map(|one| (&one.claim.delivery_id, one.claim.attempt_count + 1, one.listed(now_ms)))
            .collect();
        let rows = json!(rows).to_string();
        let counts = counts.iter();
        let mut writes: Vec<Write<'_>> =
            counts.map(|(bucket, (leads, arrived))| bucket.deliver(*leads, *arrived)).collect();
        let submission = "UPDATE submission SET state = 'delivered', payload = NULL,
                            milestone = CASE milestone WHEN ?2 THEN ?3 ELSE milestone END
                          WHERE (lead_id, submission_id) IN (SELECT d.lead_id, d.submission_id
                            FROM json_each(?1) one
                            CROSS JOIN delivery d ON d.delivery_id = json_extract(one.value, '$[0]'))";
        let [before, after] = [Milestone::Qualified, Milestone::Arrived].map(Milestone::number);
        writes.push(write(submission, [(&rows).into(), before.into(), after.into()]));
        let delivery = "UPDATE delivery SET state = 'delivered', due_ms = ?2, settled_ms = ?2, reason = NULL,
                          attempt_count = json_extract(one.value, '$[1]'),
                          attempts = json_insert(attempts, '$[#]', json_extract(one.value, '$[2]'))
                        FROM json_each(?1) one
                        WHERE delivery.delivery_id = json_extract(one.value, '$[0]')";
        writes.push(write(delivery, [(&rows).into(), now_ms.into()]));
        self.db.write_all(&writes)?;
        Ok(written)
    }

    /// Writes what became of a claim; the state that was written.
    fn write_outcome(
        &self,
        one: &Attempt<'_>,
        state: &'static str,
        due_ms: i64,
        now_ms: i64,
    ) -> Result<&'static str, Fault> {
        let Attempt { claim, outcome, .. } = *one;
        let sql = "SELECT d.state, d.attempts, s.state, s.campaign, s.hour, s.source, s.milestone,
                     (SELECT group_concat(o.state) FROM delivery o WHERE o.delivery_id >= ?2
                        AND o.delivery_id < ?3 AND o.submission_id = d.submission_id
                        AND o.delivery_id <> d.delivery_id)
                   FROM delivery d LEFT JOIN submission s
                     ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
                   WHERE d.delivery_id = ?1";
        let (lead_id, submission_id) = (claim.lead_id.as_str(), claim.submission_id.as_str());
        let (from, to) =
            delivery_range_of(Of { submission_id, format: claim.format, ..Of::nothing(lead_id) });
        let Some(mut row) = self.db.row(sql, &[(&claim.delivery_id).into(), from.into(), to.into()])? else {
            // Retention has ended the lead.
            return Ok(state);
        };
        let before = row.text(0)?;
        // Where its time had run out, a later attempt may have delivered it: that stands. What was
        // stopped on its way stays stopped: whoever may have it has been told.
        if before == "delivered" {
            return Ok("delivered");
        }
        if before == "withdrawn" {
            return Ok("withdrawn");
        }
        // Another delivery's 410 may have paused this one while it was on its way.
        let state = if before == "paused" && state == "pending" { "paused" } else { state };
        let mut attempts: Vec<Value> = serde_json::from_str(&row.text(1)?).unwrap_or_default();
        attempts.push(one.listed(now_ms));
        let too_many = attempts.len().saturating_sub(MAX_ATTEMPTS_LISTED);
        attempts.drain(..too_many);
        let sql = "UPDATE delivery SET state = ?, due_ms = ?, attempt_count = ?, attempts = ?, reason = ?,
                     settled_ms = ? WHERE delivery_id = ?";
        let reason = (state != "delivered").then(|| outcome.name());
        let args = [
            state.into(),
            due_ms.into(),
            (claim.attempt_count + 1).into(),
            Value::Array(attempts).to_string().into(),
            reason.as_deref().into(),
            (state != "pending").then_some(now_ms).into(),
            (&claim.delivery_id).into(),
        ];
        let mut writes = vec![write(sql, args)];
        if matches!(outcome, Outcome::Answered { status: 410, .. }) {
            let place = || [(&claim.campaign).into(), (&claim.destination).into(), now_ms.into()];
            let sql = "INSERT INTO disabled (campaign, destination, at_ms) VALUES (?, ?, ?)
                       ON CONFLICT DO NOTHING";
            writes.push(write(sql, place()));
            let sql = "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
                       WHERE campaign = ?1 AND destination = ?2 AND state = 'pending' AND due_ms > 0";
            writes.push(write(sql, place()));
            let sql = format!(
                "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
                 WHERE campaign = ?1 AND destination = ?2 AND {}",
                without_entry("?4")
            );
            writes.push(write(sql, [&place()[..], &[self.mark().into()]].concat()));
        }
        let bucket;
        if let Some(before) = row.optional_text(2) {
            bucket = Bucket { campaign: row.text(3)?, hour: row.int(4)?, source: row.text(5)? };
            let milestone = Milestone::of(row.int(6)?);
            let others = row.optional_text(7).unwrap_or_default();
            let states = others.split(',').filter(|state| !state.is_empty()).chain([state]);
            let place = [claim.lead_id.as_str(), &claim.submission_id];
            writes.extend(follow_deliveries(place, (&before, milestone), &bucket, states)?);
        }
        self.db.write_all(&writes)?;
        if state == "paused" {
            // Some of what was read ahead may be paused as well.
            self.learn_what_is_due()?;
        }
        Ok(state)
    }

    /// Brings a submission's state in line with its deliveries'.
    pub(in crate::ledger) fn settle_submission(
        &self,
        lead_id: &str,
        submission_id: &str,
    ) -> Result<(), Fault> {
        let sql = format!(
            "SELECT state, campaign, hour, source, milestone, (SELECT group_concat(d.state) FROM delivery d
               WHERE {}) FROM submission s WHERE lead_id = ?1 AND submission_id = ?2",
            is_delivery_of_submission("d", "s")
        );
        let args = [lead_id.into(), submission_id.into()];
        let Some(mut row) = self.db.row(&sql, &args)? else {
            return Ok(());
        };
        let before = row.text(0)?;
        let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
        let before = (before.as_str(), Milestone::of(row.int(4)?));
        let states = row.optional_text(5).unwrap_or_default();
        let writes = follow_deliveries([lead_id, submission_id], before, &bucket, states.split(','))?;
        writes.iter().try_for_each(|write| self.db.write(write))
    }

    /// What a submission's deliveries say that its state is; nothing where it has none.
    pub(in crate::ledger) fn state_by_deliveries(
        &self,
        of: &Prior,
        submission_id: &str,
    ) -> Result<Option<State>, Fault> {
        let (lead_id, format) = (of.lead_id.as_str(), of.format);
        let (from, to) = delivery_range_of(Of { submission_id, format, ..Of::nothing(lead_id) });
        let sql = "SELECT group_concat(state) FROM delivery
                   WHERE delivery_id >= ? AND delivery_id < ? AND submission_id = ?";
        let row = self.db.row(sql, &[from.into(), to.into(), submission_id.into()])?;
        let states = row.and_then(|mut row| row.optional_text(0));
        Ok(states.map(|states| state_of(states.split(','))))
    }
}

/// A submission's state by those of its deliveries.
fn state_of<'b>(deliveries: impl Iterator<Item = &'b str> + Clone) -> State {
    let any = |wanted: &[&str]| deliveries.clone().any(|state| wanted.contains(&state));
    match () {
        () if any(&["pending", "paused"]) => State::Pending,
        () if any(&["dead"]) => State::Dead,
        () if any(&["delivered"]) => State::Delivered,
        () if any(&["withdrawn"]) => State::Withdrawn,
        () => State::Expired,
    }
}

/// What a submission's row and its counter need, so that they follow the states of its deliveries.
/// With the last of them settled the payload is erased.
fn follow_deliveries<'a, 'b>(
    place: [&'a str; 2],
    (before, milestone): (&str, Milestone),
    bucket: &'a Bucket,
    mut deliveries: impl Iterator<Item = &'b str> + Clone,
) -> Result<Vec<Write<'a>>, Fault> {
    let before = State::parse(before).ok_or_else(|| Fault::new("a state is not known"))?;
    let state = state_of(deliveries.clone());
    if state == before {
        return Ok(Vec::new());
    }
    let sql = if matches!(state, State::Pending | State::Dead) {
        "UPDATE submission SET state = ?, milestone = ? WHERE lead_id = ? AND submission_id = ?"
    } else {
        "UPDATE submission SET state = ?, milestone = ?, payload = NULL WHERE lead_id = ? AND submission_id = ?"
    };
    // Where one has expired or was withdrawn, not every destination has confirmed it.
    let (steps, milestone) = match deliveries.all(|state| state == "delivered") {
        true => Steps::delivered(milestone),
        false => (Steps::NONE, milestone),
    };
    let [lead_id, submission_id] = place;
    let args = [state.as_str().into(), milestone.number().into(), lead_id.into(), submission_id.into()];
    Ok(vec![write(sql, args), bucket.transfer(before, state, steps)])
}
