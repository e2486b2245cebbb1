//! The wire shapes of messages and replies between Worker and ledger. Two versions of the code run side by side
//! during a deployment, so every message carries a format number, and what is newer is refused, not guessed. Code
//! makes and reads operations by their types in [`api`](super::api).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::SubmissionId;
use crate::base::json::by_words;
use crate::campaign::IdentifierKind;
use crate::pipeline::abuse::Evidence;
use crate::pipeline::lead::{Fingerprint, Lead};

/// The format of messages.
///
/// 2: what withholds a lead (lists, `Sec-GPC`) must be understood.
/// 3: who acts must be written down.
/// 4: a withdrawal reaches the subject that its link names, and nobody else.
pub const MESSAGE_FORMAT: u32 = 4;

/// From the Worker, which only lends its call, to a ledger.
#[derive(Deserialize, Serialize)]
pub struct Message<C = Call> {
    /// [`MESSAGE_FORMAT`] of the sender.
    pub format: u32,
    /// The ledger's name: the object cannot always ask the platform for its own.
    pub ledger: String,
    /// What is asked.
    pub call: C,
}

/// What a ledger can be asked.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Judge a lead.
    Admit(Box<Admit>),
    /// Count what never reached the ledger.
    Tally(Vec<Tally>),
    /// What an operator asks or does.
    Operate(Box<OperationWire>),
    /// See to what is overdue: the cron's poke.
    Wake,
}

/// A lead to be judged.
#[derive(Clone, Deserialize, Serialize)]
pub struct Admit {
    /// The campaign's id.
    pub campaign: String,
    /// The campaign's revision. A ledger that does not know it asks for the campaign itself.
    pub revision: String,
    /// The campaign as it lies in KV, where the ledger asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// The submission's id.
    pub submission_id: SubmissionId,
    /// The hash of the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_tag: Option<String>,
    /// Where the visitor came from, as counters know it.
    pub source: String,
    /// Under every pepper.
    pub fingerprints: Vec<Fingerprint>,
    /// What the lists know the person by, under every list key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list_tags: Vec<String>,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Evidence::is_nothing")]
    pub evidence: Evidence,
    /// What is recognised by.
    pub by: Vec<IdentifierKind>,
    /// The lead.
    pub lead: Lead,
}

/// A number of rejections or of repeats that KV answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The campaign's id.
    pub campaign: String,
    /// The hour; UTC, milliseconds.
    pub hour: i64,
    /// The field; empty where there is none.
    pub field: String,
    /// A rejection's code, or [`Tally::KV_REPEAT`].
    pub code: String,
    /// How many.
    pub count: i64,
}

impl Tally {
    /// The code of a post that was one too many in its minute.
    pub const THROTTLED: &'static str = "throttled";
    /// The code of a post that was refused for more than a missing consent, or could not be read. It counts
    /// posts, where a rejection's code counts problems. No rejection has it.
    pub const REJECTED: &'static str = "rejected";
    /// The code of a post that was refused for nothing but its consents. No rejection has it.
    pub const UNCONSENTED: &'static str = "unconsented";
    /// The code of an exact repeat that KV answered. No rejection has it.
    pub const KV_REPEAT: &'static str = "kv_repeat";
}

/// An operation as it travels. All operations share one shape, because each shape costs a decoder.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct OperationWire {
    /// Which.
    pub verb: Verb,
    /// The operator who does it, by the name of their token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Whether what is published lies in KV.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_done: bool,
    /// What a publication changes, as JSON, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// Whether the answer to a publication is to say what waits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tells_what_waits: bool,
    /// Of one campaign, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The destination's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The delivery's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<String>,
    /// Deliveries, by their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivery_ids: Vec<String>,
    /// Deliveries in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Deliveries after this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Counters from this hour on; UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// Counters before this time; UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
    /// From when on clocks are ahead of UTC by how much, where days are not UTC's: a list of pairs in JSON, of
    /// milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsets: Option<String>,
    /// A person's lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
    /// A purpose's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What a link names the subject of the consents by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A submission's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<String>,
    /// Submissions, by their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submission_ids: Vec<String>,
    /// How a consent was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A person's fingerprints, under every pepper.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// A list's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// What the lists know people by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list_tags: Vec<String>,
}

/// What an operator or a person can ask or do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Counters by hour.
    #[default]
    Counters,
    /// Deliveries, a page of them.
    Deliveries,
    /// One delivery with its attempts.
    Delivery,
    /// Send a dead delivery again.
    Replay,
    /// Send every dead delivery of a campaign again.
    ReplayAll,
    /// Let a destination that answered 410 have its deliveries again.
    Enable,
    /// The owner of the address confirms a submission.
    Confirm,
    /// A person takes consents back.
    Withdraw,
    /// A person downloads what the campaign gives in exchange.
    Engage,
    /// What a person's consents are, for their receipts.
    Consents,
    /// Everything that is held about a person.
    Access,
    /// Forget a person.
    Erase,
    /// The lists and their lengths.
    Lists,
    /// Add to a list.
    ListAdd,
    /// Take from a list.
    ListRemove,
    /// Empty a list.
    ListClear,
    /// The ids of the keys that rows name.
    Keys,
    /// What is quarantined, a page of it.
    Quarantine,
    /// One quarantined submission with what it says.
    Quarantined,
    /// Judge quarantined submissions as if they had shown no sign.
    Release,
    /// Throw quarantined submissions away.
    Discard,
    /// A campaign is about to be published, or has been: KV has it, the audit log says who it was. Gives
    /// what waits where that is asked for.
    Publish,
    /// Who has done what, a page of it.
    Audit,
    /// Whether counters and rows agree, and what waits can be sent: a chunk of it.
    Checkup,
    /// The numbers of a period, by time, source, score and destination.
    Overview,
    /// What is held, a page of it, each with its score and why.
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

/// From a ledger to the Worker.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is stored: new, known or seen before, which the caller is not told.
    Admitted,
    /// It was stored before: a repeat, which the caller is not told either.
    Repeated,
    /// The idempotency key belongs to another submission.
    IdempotencyKeyReused,
    /// Too many posts came in this minute. It is not stored.
    Throttled {
        /// Seconds until more is taken.
        wait_s: i64,
        /// Of this network, and not of the campaign.
        network: bool,
    },
    /// Send the campaign along.
    CampaignUnknown,
    /// The message is newer than this ledger's code.
    Newer,
    /// There is no such thing here.
    NotFound,
    /// It is not in a state in which that can be done.
    Conflict,
    /// Done, to so many.
    Done(i64),
    /// What was asked for.
    Report(Value),
}
