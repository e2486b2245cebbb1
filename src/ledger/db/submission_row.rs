//! Rows of submissions, as the statements over them read them.

use super::act::ActRow;
use super::bucket::Bucket;
use super::funnel::Milestone;
use super::row::row;
use super::state::State;
use super::store::SealedCell;
use crate::base::id::{LeadId, SubmissionId};

/// The condition, in SQL, that the lead of a submission's row `s` has nothing else.
macro_rules! is_alone {
    () => {
        "NOT EXISTS (SELECT 1 FROM lead l WHERE l.lead_id = s.lead_id)
   AND NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = s.lead_id)
   AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.lead_id = s.lead_id
     AND o.submission_id <> s.submission_id)"
    };
}

row! {
    /// The earlier row of a submission that comes again.
    pub(in crate::ledger) struct PriorRow {
        pub(in crate::ledger) state: State,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        /// True if it is the row of a lead, not of a request.
        pub(in crate::ledger) is_lead: bool = "consent <> '' OR stands_by IS NOT NULL",
        pub(in crate::ledger) milestone: Milestone,
        pub(in crate::ledger) format: i64,
        /// The subject of its consents, if the row names it.
        pub(in crate::ledger) subject: Option<String> = "json_extract(subjects, '$[0]')",
    }
}

row! {
    /// A submission that waits for its owner's confirmation.
    pub(in crate::ledger) struct UnconfirmedRow {
        pub(in crate::ledger) payload: Option<SealedCell>,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        pub(in crate::ledger) milestone: Milestone,
        pub(in crate::ledger) format: i64,
        pub(in crate::ledger) subject: Option<String> = "json_extract(subjects, '$[0]')",
    }
}

row! {
    /// A held submission.
    pub(in crate::ledger) struct HeldRow {
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        pub(in crate::ledger) milestone: Milestone,
        pub(in crate::ledger) content: Content = "payload, consent, act, consent, subjects, is_alone",
    }
}

row! {
    /// The content of a submission's row.
    pub(in crate::ledger) struct Content {
        pub(in crate::ledger) payload: Option<SealedCell>,
        /// The consents of a row from before format 3.
        pub(in crate::ledger) consent: Option<SealedCell>,
        /// The act in the row.
        pub(in crate::ledger) own: Option<ActRow> = "act, consent, subjects",
        /// True if its lead has nothing else.
        pub(in crate::ledger) is_alone: bool = "is_alone",
    }
}

impl Content {
    /// The columns, of a submission's row `s`.
    pub(in crate::ledger) const OF_S: &'static str =
        concat!("payload, consent, act, consent, subjects, ", is_alone!());
}

row! {
    /// A submission as counters see it, with its subjects.
    pub(in crate::ledger) struct CountedRow {
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) state: State,
        pub(in crate::ledger) bucket: Bucket = "campaign, hour, source",
        pub(in crate::ledger) subjects: Vec<String>,
        pub(in crate::ledger) own: Option<ActRow> = "act, consent, subjects",
    }
}

row! {
    /// A submission with its payload.
    pub(in crate::ledger) struct PayloadRow {
        pub(in crate::ledger) payload: Option<SealedCell>,
        pub(in crate::ledger) state: State,
        pub(in crate::ledger) campaign: String,
    }
}

row! {
    /// A quarantined submission that an operator has chosen.
    pub(in crate::ledger) struct QuarantinedRow {
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) revision: Option<String> = "json_extract(quarantine, '$.revision')",
        /// The hashes by which it is found.
        pub(in crate::ledger) tags: Vec<String> = "json_extract(quarantine, '$.tags')",
    }
}

row! {
    /// A lead, with what is due of it.
    pub(in crate::ledger) struct LeadDue {
        pub(in crate::ledger) lead_id: LeadId,
        /// True if no row was written by newer code.
        pub(in crate::ledger) is_known: bool,
        /// True if its window has passed, and no delivery of it can arrive.
        pub(in crate::ledger) has_ended: bool,
        /// 1 if a submission has waited for its time.
        pub(in crate::ledger) has_waited: Option<i64>,
        /// 1 if a consent has expired.
        pub(in crate::ledger) has_expired: Option<i64>,
    }
}

row! {
    /// The parts of a submission that an older key has sealed.
    pub(in crate::ledger) struct StaleSubmission {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) submission_id: SubmissionId,
        pub(in crate::ledger) payload: Option<SealedCell>,
        pub(in crate::ledger) consent: Option<SealedCell>,
        /// The number of its act.
        pub(in crate::ledger) seq: Option<i64> = "json_extract(act, '$.seq')",
    }
}

/// A sealed column of a submission.
#[derive(Clone, Copy)]
pub(in crate::ledger) enum SealedColumn {
    /// The payload.
    Payload,
    /// The personal part of its act, or its consents.
    Consent,
}
