//! Waiting deliveries: those that are due, their receivers, and the outcomes of attempts before.

use super::Db;
use super::bucket::Bucket;
use super::delivery::{
    MARK, Topic, delivery_range, delivery_range_of, is_delivery_of_submission, without_entry,
};
use super::funnel::Milestone;
use super::row::{FromRow, Reader, row};
use super::schema::ROW_FORMAT;
use super::state::{DeliveryState, State, state_of};
use super::store::{Arg, Store};
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};

row! {
    /// The mark of immediate deliveries, and the number of deliveries after it.
    pub(in crate::ledger) struct MarkRow {
        pub(in crate::ledger) mark: String,
        pub(in crate::ledger) behind: i64,
    }
}

row! {
    /// The facts about immediate deliveries that an outbox reads.
    pub(in crate::ledger) struct ImmediateRow {
        /// True if deliveries of newer code wait without an entry.
        pub(in crate::ledger) is_held: bool,
        /// The last delivery id of all.
        pub(in crate::ledger) newest: String,
        /// The campaigns and destinations that responded with 410, as JSON.
        pub(in crate::ledger) disabled: String,
    }
}

row! {
    /// A delivery that is due.
    pub(in crate::ledger) struct Due {
        pub(in crate::ledger) delivery_id: DeliveryId,
        pub(in crate::ledger) due_ms: i64,
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) destination: String,
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) event: String,
        pub(in crate::ledger) created_ms: i64,
        pub(in crate::ledger) attempt_count: i64,
        pub(in crate::ledger) data: Option<String> = "notice",
        pub(in crate::ledger) format: i64,
        pub(in crate::ledger) subject: Option<String>,
    }
}

row! {
    /// A receiver with waiting deliveries.
    pub(in crate::ledger) struct ReceiverDue {
        pub(in crate::ledger) receiver: String,
        /// `None` if all of them were written by newer code.
        pub(in crate::ledger) due_ms: Option<i64>,
        /// The reason why the last attempt failed, of the delivery that is due last.
        pub(in crate::ledger) reason: Option<String>,
    }
}

row! {
    /// A delivery whose attempt is over, with its submission.
    pub(in crate::ledger) struct AttemptRow {
        pub(in crate::ledger) state: DeliveryState,
        /// A JSON list.
        pub(in crate::ledger) attempts: String,
        /// `None` if it is about no submission, or that has ended.
        pub(in crate::ledger) submission: Option<SubmissionProgress>,
    }
}

row! {
    /// A submission whose state follows those of its deliveries.
    pub(in crate::ledger) struct SubmissionProgress {
        pub(in crate::ledger) state: State,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        pub(in crate::ledger) milestone: Milestone,
        /// The states of its deliveries.
        pub(in crate::ledger) deliveries: Vec<Option<DeliveryState>>,
    }
}

/// A submission that may not exist: its columns are NULL then.
impl FromRow for Option<SubmissionProgress> {
    fn read(from: &mut Reader) -> Self {
        (!from.is_null()).then(|| SubmissionProgress::read(from))
    }
}

row! {
    /// An arrived delivery that is its submission's only one.
    pub(in crate::ledger) struct ArrivalRow {
        pub(in crate::ledger) delivery_id: DeliveryId,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        pub(in crate::ledger) milestone: Milestone,
    }
}

row! {
    /// A delivery of a person's data, for a withdrawal or an erasure.
    pub(in crate::ledger) struct PersonDelivery {
        pub(in crate::ledger) delivery_id: DeliveryId,
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) destination: String,
        pub(in crate::ledger) receiver: String,
        pub(in crate::ledger) was_tried: bool = "attempts <> '[]'",
        pub(in crate::ledger) state: DeliveryState,
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) subject: Option<String>,
    }
}

row! {
    /// A recipient of a lead.
    pub(in crate::ledger) struct RecipientRow {
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) destination: String,
        pub(in crate::ledger) receiver: String,
        /// True if a delivery there has arrived, or still can.
        pub(in crate::ledger) counts: bool = "max(state NOT IN ('expired', 'withdrawn'))",
    }
}

impl<S: Store> Db<S> {
    /// Returns the mark of immediate deliveries.
    pub(in crate::ledger) fn mark(&self) -> Result<MarkRow, Fault> {
        let sql = "SELECT mark, (SELECT count(*) FROM delivery WHERE delivery_id > mark)
                   FROM (SELECT coalesce((SELECT value FROM meta WHERE key = ?), '') AS mark)";
        self.only(sql, &[MARK.into()])
    }

    /// Returns the facts about immediate deliveries after a mark, once every one that code of this version
    /// wrote has its entry.
    pub(in crate::ledger) fn immediate(&self, mark: &str) -> Result<ImmediateRow, Fault> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM delivery WHERE {}),
               (SELECT coalesce(max(delivery_id), '') FROM delivery),
               (SELECT json_group_array(json_array(campaign, destination)) FROM disabled)",
            without_entry("?1")
        );
        self.only(&sql, &[mark.into()])
    }

    /// Returns the next deliveries of a receiver, the first due first.
    pub(in crate::ledger) fn due_of(&self, receiver: &str, limit: i64) -> Result<Vec<Due>, Fault> {
        let sql = format!(
            "SELECT {} FROM delivery WHERE state = 'pending' AND due_ms > 0 AND receiver = ? AND format <= ?
             ORDER BY due_ms LIMIT ?",
            Due::COLUMNS
        );
        self.all(&sql, &[receiver.into(), ROW_FORMAT.into(), limit.into()])
    }

    /// Returns for each receiver when its next delivery is due. The number of steps per receiver is small
    /// however much waits. Of the waiting deliveries, the one that is due last has been tried most recently.
    pub(in crate::ledger) fn receivers_due(&self) -> Result<Vec<ReceiverDue>, Fault> {
        let of = "FROM delivery WHERE state = 'pending' AND due_ms > 0 AND format <= ?1";
        let sql = format!(
            "WITH RECURSIVE known (receiver) AS (SELECT min(receiver) FROM delivery
                 WHERE state = 'pending' AND due_ms > 0
               UNION ALL SELECT (SELECT min(receiver) FROM delivery
                 WHERE state = 'pending' AND due_ms > 0 AND receiver > known.receiver) FROM known WHERE receiver IS NOT NULL)
             SELECT receiver,
               (SELECT due_ms {of} AND receiver = known.receiver ORDER BY due_ms LIMIT 1),
               (SELECT reason {of} AND receiver = known.receiver ORDER BY due_ms DESC LIMIT 1)
             FROM known WHERE receiver IS NOT NULL"
        );
        self.all(&sql, &[ROW_FORMAT.into()])
    }

    /// Returns those of these deliveries, a JSON list of ids, that are the only one of a submission that
    /// waits for them.
    pub(in crate::ledger) fn arrived(&self, ids: &str) -> Result<Vec<ArrivalRow>, Fault> {
        let sql = format!(
            "SELECT d.delivery_id, s.campaign, s.hour, s.source, s.milestone FROM json_each(?) one
             CROSS JOIN delivery d ON d.delivery_id = one.value
             CROSS JOIN submission s ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
             WHERE d.state NOT IN ('delivered', 'withdrawn') AND s.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM delivery other WHERE {} AND other.delivery_id <> d.delivery_id)",
            is_delivery_of_submission("other", "d")
        );
        self.all(&sql, &[ids.into()])
    }

    /// Returns a delivery with its submission, and the states of the submission's other deliveries.
    pub(in crate::ledger) fn attempted(
        &self,
        delivery_id: &DeliveryId,
        of: Topic<'_>,
    ) -> Result<Option<AttemptRow>, Fault> {
        let sql = "SELECT d.state, d.attempts, s.state, s.campaign, s.hour, s.source, s.milestone,
                     (SELECT group_concat(o.state) FROM delivery o WHERE o.delivery_id >= ?2
                        AND o.delivery_id < ?3 AND o.submission_id = d.submission_id
                        AND o.delivery_id <> d.delivery_id)
                   FROM delivery d LEFT JOIN submission s
                     ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
                   WHERE d.delivery_id = ?1";
        let (from, to) = delivery_range_of(of);
        self.first(sql, &[delivery_id.into(), from.into(), to.into()])
    }

    /// Returns a submission with the states of its deliveries.
    pub(in crate::ledger) fn followed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<SubmissionProgress>, Fault> {
        let sql = format!(
            "SELECT state, campaign, hour, source, milestone, (SELECT group_concat(d.state) FROM delivery d
               WHERE {}) FROM submission s WHERE lead_id = ?1 AND submission_id = ?2",
            is_delivery_of_submission("d", "s")
        );
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns the state of a submission by those of its deliveries. `None` if it has none.
    pub(in crate::ledger) fn state_by_deliveries(&self, of: Topic<'_>) -> Result<Option<State>, Fault> {
        let (from, to) = delivery_range_of(of);
        let sql = "SELECT group_concat(state) FROM delivery
                   WHERE delivery_id >= ? AND delivery_id < ? AND submission_id = ?";
        let submission = of.submission_id.map_or(Arg::from(""), Arg::from);
        let states: Vec<Option<DeliveryState>> = self.only(sql, &[from.into(), to.into(), submission])?;
        Ok((!states.is_empty()).then(|| state_of(&states)))
    }

    /// Returns the state of a delivery.
    pub(in crate::ledger) fn delivery_state(
        &self,
        delivery_id: &DeliveryId,
    ) -> Result<Option<DeliveryState>, Fault> {
        self.first("SELECT state FROM delivery WHERE delivery_id = ?", &[delivery_id.into()])
    }

    /// Returns dead letters of a campaign that were given up before or at a time, a bounded number. Those
    /// that a clock that was ahead has settled count as dead before.
    pub(in crate::ledger) fn dead_letters(
        &self,
        campaign: &str,
        until_ms: i64,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<DeliveryId>, Fault> {
        let sql = "SELECT delivery_id FROM delivery WHERE state = 'dead' AND campaign = ?
                     AND (coalesce(settled_ms, 0) <= ? OR settled_ms > ?) LIMIT ?";
        self.all(sql, &[campaign.into(), until_ms.into(), now_ms.into(), limit.into()])
    }

    /// Returns everybody who has received a lead, or may have.
    pub(in crate::ledger) fn recipients_of(&self, lead_id: &LeadId) -> Result<Vec<RecipientRow>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = format!(
            "SELECT {} FROM delivery WHERE delivery_id >= ? AND delivery_id < ? AND submission_id <> ''
             GROUP BY campaign, destination, receiver",
            RecipientRow::COLUMNS
        );
        self.all(&sql, &[from.into(), to.into()])
    }

    /// Returns the deliveries of a lead's submissions that contain a subject's consents, or may: a row from
    /// before format 4 does not name its subject.
    pub(in crate::ledger) fn deliveries_with(
        &self,
        lead_id: &LeadId,
        subject: &str,
    ) -> Result<Vec<PersonDelivery>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = format!(
            "SELECT {} FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2 AND submission_id <> ''
               AND (subject = ?3 OR subject IS NULL
                 OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value = ?3))
             ORDER BY campaign, destination, delivery_id",
            PersonDelivery::COLUMNS
        );
        self.all(&sql, &[from.into(), to.into(), subject.into()])
    }

    /// Returns the deliveries of a lead's submissions that an erasure reaches: those of submissions and of
    /// subjects, as JSON lists; all if nothing of the lead is left.
    pub(in crate::ledger) fn deliveries_reached(
        &self,
        lead_id: &LeadId,
        submissions: Arg<'_>,
        subjects: Arg<'_>,
        is_whole: bool,
    ) -> Result<Vec<PersonDelivery>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = format!(
            "SELECT {} FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2 AND submission_id <> ''
               AND (?3 OR submission_id IN (SELECT value FROM json_each(?4))
                 OR subject IN (SELECT value FROM json_each(?5))
                 OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value IN (SELECT value FROM json_each(?5))))
             ORDER BY campaign, destination, delivery_id",
            PersonDelivery::COLUMNS
        );
        let args = [from.into(), to.into(), i64::from(is_whole).into(), submissions, subjects];
        self.all(&sql, &args)
    }
}
