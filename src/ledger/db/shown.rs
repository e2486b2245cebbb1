//! Rows as operators and people see them: JSON that the database makes.

use serde_json::Value;

use super::Db;
use super::act::ActRow;
use super::bucket::Bucket;
use super::delivery::{delivery_range, without_entry};
use super::json_list;
use super::row::row;
use super::state::{DeliveryState, State};
use super::store::{Arg, SealedCell, Store, rfc3339_of};
use super::submission_row::Content;
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};

row! {
    /// A quarantined submission as it is shown, with its payload.
    pub(in crate::ledger) struct QuarantinedShown {
        /// A JSON object.
        pub(in crate::ledger) shown: String,
        pub(in crate::ledger) payload: Option<SealedCell>,
    }
}

row! {
    /// A held submission as it is shown, with its content.
    pub(in crate::ledger) struct HeldShown {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) campaign: String,
        /// A JSON object.
        pub(in crate::ledger) shown: String,
        pub(in crate::ledger) content: Content,
    }
}

row! {
    /// A submission as its person sees it.
    pub(in crate::ledger) struct SubmissionShown {
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) state: State,
        pub(in crate::ledger) bucket: Bucket,
        pub(in crate::ledger) subjects: Vec<String>,
        pub(in crate::ledger) own: Option<ActRow>,
        pub(in crate::ledger) payload: Option<SealedCell>,
        /// A JSON object.
        pub(in crate::ledger) shown: String,
        /// The consents of a row from before format 3.
        pub(in crate::ledger) consent: Option<SealedCell>,
    }
}

/// The entries of a page of the audit log.
pub(in crate::ledger) struct EntryRange<'a> {
    /// The time and number before which the newest lies.
    pub(in crate::ledger) before: (i64, i64),
    pub(in crate::ledger) from_ms: i64,
    pub(in crate::ledger) to_ms: i64,
    pub(in crate::ledger) campaign: Option<&'a str>,
    pub(in crate::ledger) limit: i64,
}

impl<S: Store> Db<S> {
    /// Returns deliveries after an id, at most so many: of a campaign or any, in a state or any, among these
    /// ids if there are some.
    pub(in crate::ledger) fn deliveries_shown(
        &self,
        campaign: Option<&str>,
        state: Option<DeliveryState>,
        among: &[DeliveryId],
        after: &str,
        limit: i64,
    ) -> Result<Vec<Value>, Fault> {
        // Written out, because only then is the index of a state used.
        let of_state = state.map(|state| format!("state = '{}' AND", state.as_str())).unwrap_or_default();
        let named = match among.is_empty() {
            true => "",
            false => "delivery_id IN (SELECT value FROM json_each(?4)) AND",
        };
        let sql = format!(
            "SELECT {} FROM delivery WHERE {of_state} {named} (?1 IS NULL OR campaign = ?1)
               AND delivery_id > ?2 ORDER BY delivery_id LIMIT ?3",
            delivery_shown()
        );
        let mut args = vec![campaign.into(), after.into(), limit.into()];
        args.extend((!among.is_empty()).then(|| json_list(among)));
        self.objects(&sql, &args)
    }

    /// Returns a delivery with its attempts.
    pub(in crate::ledger) fn delivery_shown(&self, delivery_id: &DeliveryId) -> Result<Option<Value>, Fault> {
        let sql = format!(
            "SELECT json_set({}, '$.attempts', json(attempts)) FROM delivery WHERE delivery_id = ?",
            delivery_shown()
        );
        Ok(self.objects(&sql, &[delivery_id.into()])?.into_iter().next())
    }

    /// Returns what waits of a campaign: submissions for a confirmation, and deliveries by destination.
    /// Deliveries without an entry come after a mark. Each state is queried by itself, because only then is
    /// its index used.
    pub(in crate::ledger) fn waiting_of_campaign(&self, campaign: &str, mark: &str) -> Result<Value, Fault> {
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
        let found = self.objects(&sql, &[campaign.into(), mark.into()])?.into_iter().next();
        found.ok_or_else(|| Fault::new("a row is missing"))
    }

    /// Returns the recipients of a lead's submissions, a JSON list of ids, and of notifications about the
    /// lead if all of it is the asker's. `subjects` are the asker's.
    pub(in crate::ledger) fn recipients_shown(
        &self,
        lead_id: &LeadId,
        submissions: Arg<'_>,
        subjects: Arg<'_>,
        is_first: bool,
        is_all_theirs: bool,
    ) -> Result<Vec<Value>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = format!(
            "SELECT json_object('delivery_id', delivery_id, 'campaign', campaign, 'destination', destination,
               'event', event, 'state', state, 'decided_at', {}, 'settled_at', {})
             FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2
               AND (submission_id IN (SELECT value FROM json_each(?3))
                 OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value IN (SELECT value FROM json_each(?6)))
                 OR ?4 AND (submission_id = '' AND event <> 'lead.updated' AND ?5 OR subject IN (SELECT value FROM json_each(?6))
                   AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.lead_id = delivery.lead_id
                     AND s.submission_id = delivery.submission_id)))
             ORDER BY created_ms",
            rfc3339_of("created_ms"),
            rfc3339_of("settled_ms")
        );
        let flags = [is_first, is_all_theirs].map(|flag| Arg::from(i64::from(flag)));
        let args = [&[from.into(), to.into(), submissions], &flags[..], &[subjects]].concat();
        self.objects(&sql, &args)
    }

    /// Returns the submissions of a lead after an id, at most so many, as their person sees them.
    pub(in crate::ledger) fn submissions_shown(
        &self,
        lead_id: &LeadId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SubmissionShown>, Fault> {
        let sql = format!(
            "SELECT submission_id, state, campaign, hour, source, subjects, act, consent, subjects, payload,
               json_object('submission_id', submission_id, 'campaign', campaign, 'source', source,
               'state', state, 'at', {}, 'recognised_until', {}, 'waits_until', {}),
               CASE WHEN act IS NULL AND stands_by IS NULL AND consent <> '' THEN consent END
             FROM submission WHERE lead_id = ? AND submission_id > ? ORDER BY submission_id LIMIT ?",
            rfc3339_of("at_ms"),
            rfc3339_of("known_until_ms"),
            rfc3339_of("until_ms")
        );
        self.all(&sql, &[lead_id.into(), after.into(), limit.into()])
    }

    /// Returns held submissions after a lead and a submission, at most so many, of a campaign or any.
    pub(in crate::ledger) fn held_shown(
        &self,
        [lead_id, submission_id]: [&str; 2],
        campaign: Option<&str>,
        limit: i64,
    ) -> Result<Vec<HeldShown>, Fault> {
        let sql = format!(
            "SELECT lead_id, submission_id, campaign, json_object('lead_id', lead_id,
               'submission_id', submission_id, 'campaign', campaign, 'held_since', {}, 'until', {}),
               {}
             FROM submission s WHERE (lead_id, submission_id) > (?1, ?2) AND state = 'held'
               AND (?3 IS NULL OR campaign = ?3) ORDER BY lead_id, submission_id LIMIT ?4",
            rfc3339_of("at_ms"),
            rfc3339_of("until_ms"),
            Content::OF_S
        );
        self.all(&sql, &[lead_id.into(), submission_id.into(), campaign.into(), limit.into()])
    }

    /// Returns quarantined submissions between two leads, at most so many, of a campaign or any.
    pub(in crate::ledger) fn quarantine_shown(
        &self,
        [after, to]: [&str; 2],
        campaign: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Value>, Fault> {
        let sql = format!(
            "SELECT {} FROM submission WHERE lead_id > ?1 AND lead_id < ?2 AND state = 'quarantined'
               AND (?3 IS NULL OR campaign = ?3) ORDER BY lead_id LIMIT ?4",
            quarantined_shown()
        );
        self.objects(&sql, &[after.into(), to.into(), campaign.into(), limit.into()])
    }

    /// Returns a quarantined submission.
    pub(in crate::ledger) fn quarantined_shown(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<QuarantinedShown>, Fault> {
        let sql = format!(
            "SELECT {}, payload FROM submission
             WHERE lead_id = ? AND submission_id = ? AND state = 'quarantined'",
            quarantined_shown()
        );
        self.first(&sql, &[lead_id.into(), submission_id.into()])
    }

    /// Returns entries of the audit log with the ledger's name, the newest first.
    pub(in crate::ledger) fn entries_shown(
        &self,
        ledger: &str,
        chosen: &EntryRange<'_>,
    ) -> Result<Vec<Value>, Fault> {
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
        let (at_ms, seq) = chosen.before;
        let args = [
            ledger.into(),
            at_ms.into(),
            seq.into(),
            chosen.from_ms.into(),
            chosen.to_ms.into(),
            chosen.campaign.into(),
            chosen.limit.into(),
        ];
        self.objects(&sql, &args)
    }
}

/// Returns, in SQL, a delivery as it is shown.
fn delivery_shown() -> String {
    // An immediate delivery is due since it came.
    let due_ms = rfc3339_of("CASE WHEN state = 'pending' THEN iif(due_ms = 0, created_ms, due_ms) END");
    format!(
        "json_object('delivery_id', delivery_id, 'lead_id', lead_id, 'submission_id', submission_id,
           'campaign', campaign, 'destination', destination, 'event', event, 'state', state,
           'reason', reason, 'attempt_count', attempt_count, 'due_at', {due_ms}, 'created_at', {},
           'settled_at', {})",
        rfc3339_of("created_ms"),
        rfc3339_of("settled_ms")
    )
}

/// Returns, in SQL, a quarantined submission as it is shown.
fn quarantined_shown() -> String {
    format!(
        "json_object('submission_id', submission_id, 'campaign', campaign, 'source', source,
           'at', {}, 'kept_until', {}, 'weight', json_extract(quarantine, '$.weight'),
           'signals', json_extract(quarantine, '$.signals'))",
        rfc3339_of("at_ms"),
        rfc3339_of("until_ms")
    )
}
