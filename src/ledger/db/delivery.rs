//! Deliveries: every statement that adds, changes or removes one.

use serde_json::{Value, json};

use super::Db;
use super::changes::{Changes, Effects};
use super::row::row;
use super::schema::ROW_FORMAT;
use super::state::DeliveryState;
use super::store::{Arg, Store, write};
use crate::base::crypto::sha256_hex;
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::campaign::Destination;
use crate::pipeline::webhook::EventKind;

/// The format of a submission from before format 4, and of one that replaces it: the ids of some of its
/// deliveries may not name it.
pub(in crate::ledger) const UNNAMED_DELIVERIES: i64 = 3;
/// The key of the mark of immediate deliveries in `meta`.
pub(in crate::ledger) const MARK: &str = "sent";

/// The recipient of deliveries: a campaign's destination, and its receiver.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct Target<'a> {
    pub(in crate::ledger) campaign: &'a str,
    pub(in crate::ledger) destination: &'a str,
    pub(in crate::ledger) receiver: &'a str,
}

/// The object of a delivery: a lead, its submission, the format of that row, and the subject whose consents
/// it needs.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct Topic<'a> {
    pub(in crate::ledger) lead_id: &'a LeadId,
    /// `None` if it is about no submission.
    pub(in crate::ledger) submission_id: Option<&'a SubmissionId>,
    pub(in crate::ledger) format: i64,
    pub(in crate::ledger) subject: Option<&'a str>,
    /// The subjects of the earlier submissions contained in it, as a list.
    pub(in crate::ledger) beside: Option<&'a str>,
}

impl<'a> Topic<'a> {
    /// Makes the object of a delivery about a lead and none of its submissions.
    pub(in crate::ledger) fn lead(lead_id: &'a LeadId) -> Self {
        Self { lead_id, submission_id: None, format: ROW_FORMAT, subject: None, beside: None }
    }

    /// Makes the object of a delivery about a submission, whose row has this format.
    pub(in crate::ledger) fn submission(
        lead_id: &'a LeadId,
        submission_id: &'a SubmissionId,
        format: i64,
    ) -> Self {
        Self { submission_id: Some(submission_id), format, ..Self::lead(lead_id) }
    }

    fn submission_text(&self) -> &'a str {
        self.submission_id.map_or("", |id| id)
    }
}

/// A delivery that is about to be written.
pub(in crate::ledger) struct NewDelivery<'a> {
    pub(in crate::ledger) delivery_id: DeliveryId,
    pub(in crate::ledger) of: Topic<'a>,
    pub(in crate::ledger) to: Target<'a>,
    pub(in crate::ledger) event: &'a EventKind,
    pub(in crate::ledger) now_ms: i64,
}

impl<'a> NewDelivery<'a> {
    /// Makes a delivery with a new id; `at` is its number among those of one step.
    pub(in crate::ledger) fn new(
        of: Topic<'a>,
        to: Target<'a>,
        event: &'a EventKind,
        at: usize,
        moment: &Moment,
    ) -> Self {
        let own = named_submission(of.submission_text());
        let random = u32::from_be_bytes(moment.random::<4>("delivery", at));
        let delivery_id = format!("{}{own}{random:08x}", delivery_prefix(of.lead_id)).into();
        Self { delivery_id, of, to, event, now_ms: moment.now_ms }
    }

    /// Adds it as an immediate delivery, without an entry in `delivery_due`.
    pub(in crate::ledger) fn add_immediate(&self, changes: &mut Changes<'_>) {
        let sql = "INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign, destination,
                     receiver, event, state, due_ms, created_ms, subject, beside)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?, ?)";
        let Target { campaign, destination, receiver } = self.to;
        let owned = |text: &str| Arg::from(text.to_owned());
        let args = [
            owned(&self.delivery_id),
            self.of.format.into(),
            owned(self.of.lead_id),
            owned(self.of.submission_text()),
            owned(campaign),
            owned(destination),
            owned(receiver),
            owned(self.event.as_str()),
            self.now_ms.into(),
            self.of.subject.map_or(Arg::Null, owned),
            self.of.beside.map_or(Arg::Null, owned),
        ];
        changes.push(write(sql, args));
    }

    /// Adds it with its entry: it is due now, unless its destination is paused.
    pub(in crate::ledger) fn add(&self, changes: &mut Changes<'_>) {
        self.add_with_data(None, changes);
        changes.effects.due.push((self.to.receiver.to_owned(), self.now_ms));
    }

    /// Adds a confirmation mail.
    pub(in crate::ledger) fn add_mail(&self, data: &Value, changes: &mut Changes<'_>) {
        self.add_with_data(Some(data), changes);
        changes.effects.mails += 1;
        changes.effects.due.push((self.to.receiver.to_owned(), self.now_ms));
    }

    /// Adds it with its own data, about no submission.
    pub(in crate::ledger) fn add_notification(&self, data: &Value, changes: &mut Changes<'_>) {
        self.add_with_data(Some(data), changes);
        changes.effects.is_queue_stale = true;
    }

    fn add_with_data(&self, data: Option<&Value>, changes: &mut Changes<'_>) {
        let sql = "INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign,
                     destination, receiver, event, notice, state, due_ms, created_ms, subject, beside)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CASE WHEN EXISTS (SELECT 1 FROM disabled
                     WHERE campaign = ?5 AND destination = ?6) THEN 'paused' ELSE 'pending' END, ?10, ?10, ?11, ?12";
        let Target { campaign, destination, receiver } = self.to;
        let owned = |text: &str| Arg::from(text.to_owned());
        let args = [
            owned(&self.delivery_id),
            self.of.format.into(),
            owned(self.of.lead_id),
            owned(self.of.submission_text()),
            owned(campaign),
            owned(destination),
            owned(receiver),
            owned(self.event.as_str()),
            data.map_or(Arg::Null, |data| data.to_string().into()),
            self.now_ms.into(),
            self.of.subject.map_or(Arg::Null, owned),
            self.of.beside.map_or(Arg::Null, owned),
        ];
        changes.push(write(sql, args));
    }
}

/// The outcome of an attempt, as it is written.
pub(in crate::ledger) struct Settlement<'a> {
    pub(in crate::ledger) state: DeliveryState,
    pub(in crate::ledger) due_ms: i64,
    pub(in crate::ledger) attempt_count: i64,
    /// The attempts as they are listed.
    pub(in crate::ledger) attempts: Value,
    /// The reason why it was not delivered.
    pub(in crate::ledger) reason: Option<&'a str>,
    pub(in crate::ledger) now_ms: i64,
}

/// Writes the outcome of an attempt.
pub(in crate::ledger) fn settle<'a>(
    delivery_id: &'a DeliveryId,
    settled: Settlement<'a>,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE delivery SET state = ?, due_ms = ?, attempt_count = ?, attempts = ?, reason = ?,
                 settled_ms = ? WHERE delivery_id = ?";
    let args = [
        settled.state.as_str().into(),
        settled.due_ms.into(),
        settled.attempt_count.into(),
        settled.attempts.to_string().into(),
        settled.reason.into(),
        (settled.state != DeliveryState::Pending).then_some(settled.now_ms).into(),
        delivery_id.into(),
    ];
    changes.push(write(sql, args));
}

/// Writes that deliveries have arrived: a JSON list of id, number of attempts, and the attempt as it is listed.
pub(in crate::ledger) fn settle_arrived<'a>(arrived: &'a str, now_ms: i64, changes: &mut Changes<'a>) {
    let sql = "UPDATE delivery SET state = 'delivered', due_ms = ?2, settled_ms = ?2, reason = NULL,
                 attempt_count = json_extract(one.value, '$[1]'),
                 attempts = json_insert(attempts, '$[#]', json_extract(one.value, '$[2]'))
               FROM json_each(?1) one
               WHERE delivery.delivery_id = json_extract(one.value, '$[0]')";
    changes.push(write(sql, [arrived.into(), now_ms.into()]));
}

/// Pauses all deliveries of a destination that responded with 410. Those without an entry come after a mark.
pub(in crate::ledger) fn pause<'a>(to: Target<'a>, mark: &'a str, now_ms: i64, changes: &mut Changes<'a>) {
    let destination = || [to.campaign.into(), to.destination.into(), now_ms.into()];
    let sql = "INSERT INTO disabled (campaign, destination, at_ms) VALUES (?, ?, ?)
               ON CONFLICT DO NOTHING";
    changes.push(write(sql, destination()));
    let sql = "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
               WHERE campaign = ?1 AND destination = ?2 AND state = 'pending' AND due_ms > 0";
    changes.push(write(sql, destination()));
    let sql = format!(
        "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
         WHERE campaign = ?1 AND destination = ?2 AND {}",
        without_entry("?4")
    );
    changes.push(write(sql, [&destination()[..], &[mark.into()]].concat()));
}

/// Stops a delivery that needs a withdrawn consent.
pub(in crate::ledger) fn stop(delivery_id: DeliveryId, now_ms: i64, changes: &mut Changes<'_>) {
    let sql = "UPDATE delivery SET state = 'withdrawn', settled_ms = ?, reason = 'consent_withdrawn'
               WHERE delivery_id = ?";
    changes.push(write(sql, [now_ms.into(), delivery_id.into()]));
    changes.effects.is_queue_stale = true;
}

/// Stops the mails of a lead's request, which has been answered.
pub(in crate::ledger) fn stop_mails(lead_id: &LeadId, now_ms: i64, changes: &mut Changes<'_>) {
    let (from, to) = delivery_range(lead_id);
    let sql = "UPDATE delivery SET state = 'withdrawn', settled_ms = ?, reason = 'answered'
               WHERE delivery_id >= ? AND delivery_id < ? AND event = ? AND state IN ('pending', 'paused')";
    let event = EventKind::ConfirmationRequested.as_str().to_owned();
    changes.push(write(sql, [now_ms.into(), from.into(), to.into(), event.into()]));
    changes.effects.is_queue_stale = true;
}

/// Erases deliveries of a lead: those of submissions and of subjects, as JSON lists; all of them if nothing
/// of the lead is left.
pub(in crate::ledger) fn erase(
    lead_id: &LeadId,
    submissions: Arg<'static>,
    subjects: Arg<'static>,
    is_whole: bool,
    changes: &mut Changes<'_>,
) {
    let (from, to) = delivery_range(lead_id);
    let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?
                 AND (? OR submission_id IN (SELECT value FROM json_each(?))
                   OR subject IN (SELECT value FROM json_each(?)))";
    let range = [from.clone().into(), to.clone().into()];
    let args = [&range[..], &[i64::from(is_whole).into(), submissions, subjects.clone()]].concat();
    changes.push(write(sql, args));
    // The deliveries left contained theirs, and do not say so any more.
    let sql = "UPDATE delivery SET beside = (SELECT json_group_array(value) FROM json_each(beside)
                 WHERE value NOT IN (SELECT value FROM json_each(?3)))
               WHERE delivery_id >= ?1 AND delivery_id < ?2 AND beside IS NOT NULL";
    changes.push(write(sql, [from.into(), to.into(), subjects]));
    changes.effects.is_queue_stale = true;
}

/// Gives late immediate deliveries, by their ids, an entry, and stores the mark up to which all that wait
/// have one.
pub(in crate::ledger) fn store_mark(mark: String, late: &[DeliveryId], changes: &mut Changes<'_>) {
    if !late.is_empty() {
        let sql = "UPDATE delivery SET due_ms = created_ms WHERE state = 'pending' AND due_ms = 0
                     AND delivery_id IN (SELECT value FROM json_each(?))";
        changes.push(write(sql, [json!(late).to_string().into()]));
    }
    let sql = "INSERT INTO meta (key, value) VALUES (?, ?)
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    changes.push(write(sql, [MARK.into(), mark.into()]));
}

row! {
    /// A delivery's submission.
    pub(in crate::ledger) struct SubmissionOf {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) submission_id: SubmissionId,
    }
}

impl<S: Store> Db<S> {
    /// Gives an entry to all deliveries that wait after a mark.
    pub(in crate::ledger) fn enter_all(&self, mark: &str) -> Result<(), Fault> {
        let sql =
            format!("UPDATE delivery SET due_ms = created_ms WHERE {} AND format <= ?2", without_entry("?1"));
        self.run(&sql, &[mark.into(), ROW_FORMAT.into()])
    }

    /// Makes deliveries due now that a clock that was ahead has put off beyond a time.
    pub(in crate::ledger) fn bring_forward(&self, beyond_ms: i64, now_ms: i64) -> Result<(), Fault> {
        let sql = "UPDATE delivery SET due_ms = ?
                   WHERE state = 'pending' AND due_ms > 0 AND format <= ? AND due_ms > ?";
        self.run(sql, &[now_ms.into(), ROW_FORMAT.into(), beyond_ms.into()])
    }

    /// Makes a dead delivery wait again, with the whole schedule ahead of it. Returns its submission.
    pub(in crate::ledger) fn replay(
        &self,
        delivery_id: &DeliveryId,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Option<SubmissionOf>, Fault> {
        effects.is_queue_stale = true;
        let sql = "UPDATE delivery SET state = 'pending', due_ms = ?, attempt_count = 0,
                     settled_ms = NULL WHERE delivery_id = ?
                   RETURNING lead_id, submission_id";
        self.first(sql, &[now_ms.into(), delivery_id.into()])
    }

    /// Enables a destination that responded with 410. Returns how many of its deliveries wait again.
    pub(in crate::ledger) fn enable(
        &self,
        campaign: &str,
        destination: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<i64, Fault> {
        effects.is_queue_stale = true;
        let sql = "DELETE FROM disabled WHERE campaign = ? AND destination = ?";
        self.run(sql, &[campaign.into(), destination.into()])?;
        let sql = "UPDATE delivery SET state = 'pending', due_ms = ?, attempt_count = 0,
                     settled_ms = NULL
                   WHERE state = 'paused' AND campaign = ? AND destination = ? RETURNING 1";
        let resumed = self.rows(sql, &[now_ms.into(), campaign.into(), destination.into()])?.len();
        Ok(i64::try_from(resumed).unwrap_or(i64::MAX))
    }

    /// Expires deliveries between two ids that have been dead or paused since before a time. Returns their
    /// submissions.
    pub(in crate::ledger) fn expire_deliveries(
        &self,
        after: &str,
        to: &str,
        before_ms: i64,
    ) -> Result<Vec<SubmissionOf>, Fault> {
        let sql = "UPDATE delivery SET state = 'expired' WHERE delivery_id > ? AND delivery_id <= ?
                   AND state IN ('dead', 'paused') AND coalesce(settled_ms, created_ms) <= ?
                   AND format <= ? RETURNING lead_id, submission_id";
        self.all(sql, &[after.into(), to.into(), before_ms.into(), ROW_FORMAT.into()])
    }

    /// Removes deliveries between two ids that ended before a time and whose lead is gone. Those about a lead
    /// stay as long as its acts do.
    pub(in crate::ledger) fn remove_ended_deliveries(
        &self,
        after: &str,
        to: &str,
        before_ms: i64,
    ) -> Result<(), Fault> {
        let sql = "DELETE FROM delivery WHERE delivery_id > ? AND delivery_id <= ?
                   AND state IN ('delivered', 'withdrawn', 'expired')
                   AND coalesce(settled_ms, created_ms) <= ? AND format <= ?
                   AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.lead_id = delivery.lead_id)
                   AND (submission_id = ''
                     OR NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = delivery.lead_id))";
        self.run(sql, &[after.into(), to.into(), before_ms.into(), ROW_FORMAT.into()])
    }

    /// Removes the deliveries of a lead that has ended. Those that were tried stay as long as it has acts:
    /// recipients are notified of a withdrawal.
    pub(in crate::ledger) fn remove_deliveries_of_ended(&self, lead_id: &LeadId) -> Result<(), Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = "DELETE FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2 AND (attempts = '[]'
                     OR NOT EXISTS (SELECT 1 FROM act WHERE lead_id = ?3))";
        self.run(sql, &[from.into(), to.into(), lead_id.into()])
    }

    /// Removes the deliveries of a lead of which nothing is left.
    pub(in crate::ledger) fn remove_deliveries(&self, lead_id: &LeadId) -> Result<(), Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?";
        self.run(sql, &[from.into(), to.into()])
    }

    /// Removes the deliveries of an expired request, if its lead has no submission.
    pub(in crate::ledger) fn remove_deliveries_of_request(
        &self,
        lead_id: &LeadId,
        effects: &mut Effects,
    ) -> Result<(), Fault> {
        effects.is_queue_stale = true;
        let (from, to) = delivery_range(lead_id);
        let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?
                   AND NOT EXISTS (SELECT 1 FROM submission WHERE lead_id = ?)";
        self.run(sql, &[from.into(), to.into(), lead_id.into()])
    }
}

/// Returns, in SQL, the condition for deliveries without an entry that wait after the mark `mark`.
pub(in crate::ledger) fn without_entry(mark: &str) -> String {
    format!("state = 'pending' AND due_ms = 0 AND delivery_id > {mark}")
}

/// Returns the receiver of a destination: the origin to which connections are made, and the address by which
/// it is known across campaigns; as digests, for an address may contain a token.
pub(in crate::ledger) fn receiver_of(destination: &Destination) -> String {
    let (origin, address) = (destination.origin(), destination.receiver());
    let digest = |text: &str| sha256_hex(text).chars().take(16).collect::<String>();
    format!("{}.{}", digest(origin), digest(address))
}

/// Returns the origin of a receiver. A receiver from before origins were recorded is an origin by itself.
pub(in crate::ledger) fn origin_of(receiver: &str) -> &str {
    receiver.split_once('.').map_or(receiver, |(origin, _)| origin)
}

/// Returns whether two receivers are the same address, whenever they were written.
pub(in crate::ledger) fn is_same_address(one: &str, other: &str) -> bool {
    let address = |receiver| str::rsplit(receiver, '.').next();
    address(one) == address(other)
}

/// Returns the prefix of the ids of a lead's deliveries.
fn delivery_prefix(lead_id: &str) -> String {
    format!("msg_{}_", lead_id.strip_prefix("lead_").unwrap_or(lead_id))
}

/// Returns the part after that prefix in the ids of a submission's deliveries: 48 bits of its own id.
fn named_submission(submission_id: &str) -> &str {
    submission_id.get(NAMED_FROM..NAMED_FROM + NAMED_LENGTH).unwrap_or_default()
}

/// The position at which a submission's id is random: after `sub_`.
const NAMED_FROM: usize = 4;
const NAMED_LENGTH: usize = 8;

/// Returns the ids between which a lead's deliveries lie: `~` sorts after every character of an id.
pub(in crate::ledger) fn delivery_range(lead_id: &str) -> (String, String) {
    let from = delivery_prefix(lead_id);
    let to = format!("{from}~");
    (from, to)
}

/// Returns the ids between which a submission's deliveries lie, with few of others, or all of its lead's for
/// a row from before format 4.
pub(in crate::ledger) fn delivery_range_of(of: Topic<'_>) -> (String, String) {
    let own = if of.format <= UNNAMED_DELIVERIES { "" } else { named_submission(of.submission_text()) };
    let from = format!("{}{own}", delivery_prefix(of.lead_id));
    let to = format!("{from}~");
    (from, to)
}

/// Returns, in SQL, the condition that a column of ids is of a lead's deliveries, by the column of the lead's
/// id.
pub(in crate::ledger) fn is_delivery_of(delivery_id: &str, lead_id: &str) -> String {
    let from = format!("'msg_' || substr({lead_id}, 6)");
    format!("{delivery_id} >= {from} AND {delivery_id} < {from} || '~'")
}

/// Returns, in SQL, the condition that `delivery` is one of the submission `of`, which has a lead, a
/// submission and a format.
pub(in crate::ledger) fn is_delivery_of_submission(delivery: &str, of: &str) -> String {
    let own = format!(
        "CASE WHEN {of}.format <= {UNNAMED_DELIVERIES} THEN '' ELSE '_' || \
                       substr({of}.submission_id, {}, {NAMED_LENGTH}) END",
        NAMED_FROM + 1
    );
    let from = format!("'msg_' || substr({of}.lead_id, 6) || {own}");
    format!(
        "{delivery}.delivery_id >= {from} AND {delivery}.delivery_id < {from} || '~'
             AND {delivery}.submission_id = {of}.submission_id"
    )
}
