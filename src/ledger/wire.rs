//! The wire shapes of messages and replies between Worker and ledger. Two versions of the code run side by
//! side during a deployment, so every message carries a format number, and a newer format is refused, not
//! guessed. Code makes and reads operations by their types in [`api`](super::api).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::SubmissionId;
use crate::base::json::by_words;
use crate::campaign::IdentifierKind;
use crate::pipeline::abuse::Evidence;
use crate::pipeline::lead::{Fingerprint, Lead};

/// The format of messages.
///
/// 2: the reasons to withhold a lead (lists, `Sec-GPC`) must be understood.
/// 3: the operator must be recorded.
/// 4: a withdrawal reaches the subject that its link names, and nobody else.
pub const MESSAGE_FORMAT: u32 = 4;

/// A message from the Worker, which borrows the call, to a ledger.
#[derive(Deserialize, Serialize)]
pub struct Message<C = Call> {
    /// [`MESSAGE_FORMAT`] of the sender.
    pub format: u32,
    /// The ledger's name: the object cannot always ask the platform for its own.
    pub ledger: String,
    /// The call.
    pub call: C,
}

/// A call to a ledger.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The admission of a lead.
    Admit(Box<Admit>),
    /// The tallies of posts that never reached the ledger.
    Tally(Vec<Tally>),
    /// An operator's or a person's operation.
    Operate(Box<OperationWire>),
    /// The cron's call to look after overdue work.
    Wake,
}

/// A lead to be judged.
#[derive(Clone, Deserialize, Serialize)]
pub struct Admit {
    /// The campaign's id.
    pub campaign: String,
    /// The campaign's revision. A ledger that does not know it asks for the campaign itself.
    pub revision: String,
    /// The campaign as stored in KV, if the ledger asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// The submission's id.
    pub submission_id: SubmissionId,
    /// The hash of the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_tag: Option<String>,
    /// The visitor's source, as counters know it.
    pub source: String,
    /// The fingerprints under every pepper.
    pub fingerprints: Vec<Fingerprint>,
    /// The person's hashes on lists, under every list key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list_tags: Vec<String>,
    /// The evidence of abuse.
    #[serde(default, skip_serializing_if = "Evidence::is_nothing")]
    pub evidence: Evidence,
    /// The kinds of identifiers by which the campaign recognises people.
    pub by: Vec<IdentifierKind>,
    /// The lead.
    pub lead: Lead,
}

/// A number of rejections, or of repeats that KV recognised.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The campaign's id.
    pub campaign: String,
    /// The hour; UTC, milliseconds.
    pub hour: i64,
    /// The field; empty if there is none.
    pub field: String,
    /// A rejection's code, or [`Tally::KV_REPEAT`].
    pub code: String,
    /// The number.
    pub count: i64,
}

impl Tally {
    /// The code of a post beyond the rate limit of its minute.
    pub const THROTTLED: &'static str = "throttled";
    /// The code of a post that was rejected for more than a missing consent, or could not be read. It counts
    /// posts, while a rejection's code counts problems. No rejection has it.
    pub const REJECTED: &'static str = "rejected";
    /// The code of a post that was rejected only for its consents. No rejection has it.
    pub const UNCONSENTED: &'static str = "unconsented";
    /// The code of an exact repeat that KV recognised. No rejection has it.
    pub const KV_REPEAT: &'static str = "kv_repeat";
}

/// An operation on the wire. All operations share one shape, because each shape costs a decoder.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct OperationWire {
    /// The operation's verb.
    pub verb: Verb,
    /// The operator, by the name of their token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// True if KV has the campaign that is published.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_done: bool,
    /// The changes that a publication makes, as JSON, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// True if the reply to a publication is to list what waits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tells_what_waits: bool,
    /// A campaign's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The destination's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The delivery's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<String>,
    /// The ids of deliveries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivery_ids: Vec<String>,
    /// The state of deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The cursor of a page: entries after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The largest number of entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The start of a period; UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// The end of a period, exclusive; UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
    /// The offsets of local time, if days are not UTC's: a JSON list of pairs in milliseconds, the start of
    /// an offset and the offset from UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsets: Option<String>,
    /// A person's lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
    /// A purpose's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The name that a link gives the subject of the consents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A submission's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<String>,
    /// The ids of submissions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submission_ids: Vec<String>,
    /// The means by which a consent was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A person's fingerprints, under every pepper.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// A list's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The hashes of people on lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list_tags: Vec<String>,
}

/// The verb of an operation by an operator or a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Counters by hour.
    #[default]
    Counters,
    /// A page of deliveries.
    Deliveries,
    /// One delivery with its attempts.
    Delivery,
    /// The replay of a dead letter.
    Replay,
    /// The replay of all dead letters of a campaign.
    ReplayAll,
    /// The resumption of a destination that responded with 410.
    Enable,
    /// The confirmation of a submission by the owner of its address.
    Confirm,
    /// The withdrawal of consents by a person.
    Withdraw,
    /// The download of a campaign's magnet.
    Engage,
    /// The consents of a person, for their receipts.
    Consents,
    /// Everything that is stored about a person.
    Access,
    /// The erasure of a person.
    Erase,
    /// The lists and their lengths.
    Lists,
    /// The addition of people to a list.
    ListAdd,
    /// The removal of people from a list.
    ListRemove,
    /// The removal of everybody from a list.
    ListClear,
    /// The ids of the keys that rows name.
    Keys,
    /// A page of quarantined submissions.
    Quarantine,
    /// One quarantined submission with its content.
    Quarantined,
    /// The release of quarantined submissions: they are judged as if they had shown no signal of abuse.
    Release,
    /// The discarding of quarantined submissions.
    Discard,
    /// The entry of a publication that begins, or that KV has, in the audit log. The reply lists what waits,
    /// if requested.
    Publish,
    /// A page of the audit log.
    Audit,
    /// A chunk of the integrity check: counters agree with rows, and what waits can be sent.
    Checkup,
    /// The numbers of a period, by time, source, score and destination.
    Overview,
    /// A page of held leads, each with its score and the reason.
    Held,
}

by_words!(
    Verb,
    [
        (Verb::Counters, "counters"),
        (Verb::Deliveries, "deliveries"),
        (Verb::Delivery, "delivery"),
        (Verb::Replay, "replay"),
        (Verb::ReplayAll, "replay_all"),
        (Verb::Enable, "enable"),
        (Verb::Confirm, "confirm"),
        (Verb::Withdraw, "withdraw"),
        (Verb::Engage, "engage"),
        (Verb::Consents, "consents"),
        (Verb::Access, "access"),
        (Verb::Erase, "erase"),
        (Verb::Lists, "lists"),
        (Verb::ListAdd, "list_add"),
        (Verb::ListRemove, "list_remove"),
        (Verb::ListClear, "list_clear"),
        (Verb::Keys, "keys"),
        (Verb::Quarantine, "quarantine"),
        (Verb::Quarantined, "quarantined"),
        (Verb::Release, "release"),
        (Verb::Discard, "discard"),
        (Verb::Publish, "publish"),
        (Verb::Audit, "audit"),
        (Verb::Checkup, "checkup"),
        (Verb::Overview, "overview"),
        (Verb::Held, "held"),
    ]
);

/// A reply from a ledger to the Worker.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The submission is stored: new, or of a known person. The visitor cannot tell which.
    Admitted,
    /// The submission was stored before: a repeat. The visitor cannot tell that either.
    Repeated,
    /// The idempotency key belongs to another submission.
    IdempotencyKeyReused,
    /// The submission is beyond a rate limit, and not stored.
    Throttled {
        /// The seconds until more is accepted.
        wait_s: i64,
        /// True if the limit is the network's, and not the campaign's.
        network: bool,
    },
    /// The ledger does not know the campaign: it must be sent along.
    CampaignUnknown,
    /// The message is newer than this ledger's code.
    Newer,
    /// The object of the operation does not exist here.
    NotFound,
    /// The object of the operation is in a state that does not allow it.
    Conflict,
    /// The operation is done, to this number of things.
    Done(i64),
    /// The report that was requested.
    Report(Value),
}
