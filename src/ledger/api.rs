//! Operations on a ledger: what the Worker asks in the name of operators and of people, each with its fields and
//! its reply. They travel in the shapes of [`wire`](super::wire).

use serde_json::{Map, Value, json};

use super::wire::{Answer, Call, OperationWire, Verb};
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};

/// An operation with its reply.
pub trait Request: Sized {
    /// What the ledger replies.
    type Reply: Reply;
    /// The member of a report that holds the reply, where it is one member.
    const KEY: &'static str;

    /// The name of the operation as it travels.
    const VERB: Verb;

    /// Writes its fields as they travel.
    fn write(self, wire: &mut OperationWire);

    /// Makes the call, in the name of an operator where one asks.
    fn into_call(self, actor: Option<&str>) -> Call {
        let mut wire = named(Self::VERB, actor);
        self.write(&mut wire);
        Call::Operate(wire)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// The ledger replied something else.
    fn read(answer: Answer) -> Result<Self::Reply, Fault> {
        read_reply(answer, Self::KEY)
    }

    /// Writes the reply as it travels.
    fn reply(reply: Self::Reply) -> Answer {
        reply.write(Self::KEY)
    }
}

/// Reads the reply of an operation that has this key.
///
/// # Errors
/// The ledger replied something else.
pub fn read_reply<R: Reply>(answer: Answer, key: &str) -> Result<R, Fault> {
    R::read(answer, key).ok_or_else(|| Fault::new("a ledger gave another answer"))
}

/// Returns an operation without fields.
fn named(verb: Verb, actor: Option<&str>) -> Box<OperationWire> {
    Box::new(OperationWire { verb, actor: actor.map(str::to_owned), ..OperationWire::default() })
}

/// A reply of one type.
pub trait Reply: Sized {
    /// Reads it. `None` if the answer is of another type.
    fn read(answer: Answer, key: &str) -> Option<Self>;

    /// Writes it as it travels.
    fn write(self, key: &str) -> Answer;
}

/// A report, as JSON that the ledger's database has made for the most part.
#[derive(Debug)]
pub struct Report(pub Value);

/// The number of things that were done.
#[derive(Debug)]
pub struct Count(pub i64);

/// A refusal: the state of things does not allow it.
#[derive(Debug)]
pub struct Conflict;

/// A list of things as they are shown.
#[derive(Debug)]
pub struct List(pub Vec<Value>);

/// A page of things as they are shown.
#[derive(Debug)]
pub struct Page {
    /// The things.
    pub entries: Vec<Value>,
    /// The cursor of the next page, where there may be one.
    pub next: Option<String>,
}

/// The fingerprints of people of whom nothing may be cached any more.
#[derive(Debug)]
pub struct Forgotten {
    /// Under every pepper.
    pub fingerprints: Vec<String>,
}

/// A withdrawal as it was done.
#[derive(Debug)]
pub struct Withdrawn {
    /// The purposes that were taken back.
    pub purposes: Vec<String>,
    /// Submissions that had been waiting and have ended.
    pub refused: i64,
    /// The fingerprints of people of whom nothing may be cached any more.
    pub fingerprints: Vec<String>,
}

/// Quarantined submissions that were released or discarded.
#[derive(Debug)]
pub struct Decided {
    /// The ids of those that were.
    pub done: Vec<String>,
    /// The ids of those that could not be.
    pub not_possible: Vec<String>,
    /// Under which the first may be cached.
    pub fingerprints: Vec<String>,
    /// The cursor behind this page of a campaign's, where there may be more.
    pub next: Option<String>,
}

/// What was noted of a publication.
#[derive(Debug)]
pub enum Publication {
    /// Nothing but that it begins or is done.
    Noted {
        /// KV has it.
        is_done: bool,
    },
    /// What waits of the campaign, where that was asked for.
    Waiting(Value),
}

impl Reply for Report {
    fn read(answer: Answer, _: &str) -> Option<Self> {
        report(answer).map(Self)
    }

    fn write(self, _: &str) -> Answer {
        Answer::Report(self.0)
    }
}

impl Reply for Count {
    fn read(answer: Answer, _: &str) -> Option<Self> {
        match answer {
            Answer::Done(count) => Some(Self(count)),
            _ => None,
        }
    }

    fn write(self, _: &str) -> Answer {
        Answer::Done(self.0)
    }
}

impl<T: Reply> Reply for Option<T> {
    fn read(answer: Answer, key: &str) -> Option<Self> {
        if answer == Answer::NotFound { Some(None) } else { T::read(answer, key).map(Some) }
    }

    fn write(self, key: &str) -> Answer {
        self.map_or(Answer::NotFound, |reply| reply.write(key))
    }
}

impl<T: Reply> Reply for Result<T, Conflict> {
    fn read(answer: Answer, key: &str) -> Option<Self> {
        if answer == Answer::Conflict { Some(Err(Conflict)) } else { T::read(answer, key).map(Ok) }
    }

    fn write(self, key: &str) -> Answer {
        self.map_or(Answer::Conflict, |reply| reply.write(key))
    }
}

impl Reply for List {
    fn read(answer: Answer, key: &str) -> Option<Self> {
        let mut report = object(answer)?;
        Some(Self(list(&mut report, key)))
    }

    fn write(self, key: &str) -> Answer {
        Answer::Report(member(key, self.0.into(), Value::Object(Map::new())))
    }
}

impl Reply for Page {
    fn read(answer: Answer, key: &str) -> Option<Self> {
        let mut report = object(answer)?;
        Some(Self { entries: list(&mut report, key), next: cursor(&report) })
    }

    fn write(self, key: &str) -> Answer {
        Answer::Report(member(key, self.entries.into(), json!({ "next": self.next })))
    }
}

impl Reply for Forgotten {
    fn read(answer: Answer, _: &str) -> Option<Self> {
        let mut report = object(answer)?;
        Some(Self { fingerprints: texts(&mut report, "fingerprints") })
    }

    fn write(self, _: &str) -> Answer {
        Answer::Report(json!({ "fingerprints": self.fingerprints }))
    }
}

impl Reply for Withdrawn {
    fn read(answer: Answer, _: &str) -> Option<Self> {
        let mut report = object(answer)?;
        Some(Self {
            purposes: texts(&mut report, "withdrawn"),
            refused: report.get("refused").and_then(Value::as_i64).unwrap_or(0),
            fingerprints: texts(&mut report, "fingerprints"),
        })
    }

    fn write(self, _: &str) -> Answer {
        Answer::Report(json!({
            "withdrawn": self.purposes, "refused": self.refused, "fingerprints": self.fingerprints,
        }))
    }
}

impl Reply for Decided {
    fn read(answer: Answer, key: &str) -> Option<Self> {
        let mut report = object(answer)?;
        Some(Self {
            done: texts(&mut report, key),
            not_possible: texts(&mut report, "not_possible"),
            fingerprints: texts(&mut report, "fingerprints"),
            next: cursor(&report),
        })
    }

    fn write(self, key: &str) -> Answer {
        let rest = json!({
            "not_possible": self.not_possible, "next": self.next, "fingerprints": self.fingerprints,
        });
        Answer::Report(member(key, json!(self.done), rest))
    }
}

impl Reply for Publication {
    fn read(answer: Answer, _: &str) -> Option<Self> {
        match answer {
            Answer::Done(is_done) => Some(Self::Noted { is_done: is_done == 1 }),
            Answer::Report(waiting) => Some(Self::Waiting(waiting)),
            _ => None,
        }
    }

    fn write(self, _: &str) -> Answer {
        match self {
            Self::Noted { is_done } => Answer::Done(is_done.into()),
            Self::Waiting(waiting) => Answer::Report(waiting),
        }
    }
}

fn report(answer: Answer) -> Option<Value> {
    match answer {
        Answer::Report(report) => Some(report),
        _ => None,
    }
}

fn object(answer: Answer) -> Option<Map<String, Value>> {
    match answer {
        Answer::Report(Value::Object(report)) => Some(report),
        _ => None,
    }
}

fn member(key: &str, value: Value, mut rest: Value) -> Value {
    if let Some(rest) = rest.as_object_mut() {
        rest.insert(key.to_owned(), value);
    }
    rest
}

/// The list under a key; empty where there is none.
fn list(report: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match report.remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// The texts of a JSON array.
fn texts(report: &mut Map<String, Value>, key: &str) -> Vec<String> {
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    list(report, key).into_iter().filter_map(text).collect()
}

fn cursor(report: &Map<String, Value>) -> Option<String> {
    report.get("next").and_then(Value::as_str).map(str::to_owned)
}

/// A field of an operation, and the member of the wire shape that carries it.
trait Field<W>: Sized {
    fn encode(self) -> W;
    fn decode(wire: &W) -> Option<Self>;
}

/// A member that may be absent.
impl<T: Clone> Field<Option<T>> for Option<T> {
    fn encode(self) -> Option<T> {
        self
    }

    fn decode(wire: &Option<T>) -> Option<Self> {
        Some(wire.clone())
    }
}

/// A member that must be there.
impl Field<Option<String>> for String {
    fn encode(self) -> Option<String> {
        Some(self)
    }

    fn decode(wire: &Option<String>) -> Option<Self> {
        wire.clone()
    }
}

/// Lets ids travel as texts.
macro_rules! ids {
    ($($id:ident),*) => { $(
        impl Field<Option<String>> for $id {
            fn encode(self) -> Option<String> {
                Some(self.into())
            }

            fn decode(wire: &Option<String>) -> Option<Self> {
                wire.clone().map(Self::from)
            }
        }

        impl Field<Option<String>> for Option<$id> {
            fn encode(self) -> Option<String> {
                self.map(String::from)
            }

            fn decode(wire: &Option<String>) -> Option<Self> {
                Some(wire.clone().map($id::from))
            }
        }

        impl Field<Vec<String>> for Vec<$id> {
            fn encode(self) -> Vec<String> {
                self.into_iter().map(String::from).collect()
            }

            fn decode(wire: &Vec<String>) -> Option<Self> {
                Some(wire.iter().cloned().map($id::from).collect())
            }
        }
    )* };
}

ids!(LeadId, SubmissionId, DeliveryId);

impl Field<Self> for Vec<String> {
    fn encode(self) -> Self {
        self
    }

    fn decode(wire: &Self) -> Option<Self> {
        Some(wire.clone())
    }
}

impl Field<Self> for bool {
    fn encode(self) -> Self {
        self
    }

    fn decode(wire: &Self) -> Option<Self> {
        Some(*wire)
    }
}

/// Makes the type of each operation, named like its [`Verb`], and the two ways between it and the wire.
macro_rules! operations {
    ($(
        $(#[$doc:meta])*
        $name:ident $(in $key:literal)? { $( $(#[$about:meta])* $field:ident: $type:ty, )* } -> $reply:ty;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug)]
            pub struct $name {
                $( $(#[$about])* pub $field: $type, )*
            }

            impl Request for $name {
                type Reply = $reply;
                const KEY: &'static str = concat!("" $(, $key)?);

                const VERB: Verb = Verb::$name;

                fn write(self, _wire: &mut OperationWire) {
                    $( _wire.$field = Field::encode(self.$field); )*
                }
            }
        )*

        /// An operation that has reached its ledger.
        #[derive(Clone, Debug)]
        pub enum Operation {
            $( $(#[$doc])* $name($name), )*
        }

        impl Operation {
            /// Reads an operation.
            ///
            /// # Errors
            /// A field is missing that it needs.
            pub fn decode(wire: &OperationWire) -> Result<Self, Fault> {
                let read = match wire.verb {
                    $( Verb::$name => decode(|| {
                        Some(Self::$name($name { $( $field: Field::decode(&wire.$field)?, )* }))
                    }), )*
                };
                read.ok_or_else(|| Fault::new(format!("{:?} lacks a field", wire.verb)))
            }
        }
    };
}

/// Calls a closure, so that `?` ends it.
fn decode<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    read()
}

operations! {
    /// Counters by hour.
    Counters {
        /// Of one campaign, by its id.
        campaign: Option<String>,
        /// From this hour on; UTC, milliseconds.
        from_ms: Option<i64>,
        /// Before this time; UTC, milliseconds.
        to_ms: Option<i64>,
    } -> Report;

    /// Deliveries, a page of them.
    Deliveries in "deliveries" {
        /// Of one campaign, by its id.
        campaign: Option<String>,
        /// In this state.
        state: Option<String>,
        /// Among these; among all where it is empty.
        delivery_ids: Vec<DeliveryId>,
        /// After this id.
        after: Option<String>,
        /// At most so many.
        limit: Option<i64>,
    } -> Page;

    /// One delivery with its attempts.
    Delivery {
        /// Its id.
        delivery_id: DeliveryId,
    } -> Option<Report>;

    /// Send a dead delivery again.
    Replay {
        /// Its id.
        delivery_id: DeliveryId,
    } -> Option<Result<Count, Conflict>>;

    /// Send the dead deliveries of a campaign again, a part of them.
    ReplayAll {
        /// The campaign's id.
        campaign: String,
        /// Those that were given up before this time; UTC, milliseconds.
        to_ms: Option<i64>,
    } -> Count;

    /// Let a destination that answered 410 have its deliveries again.
    Enable {
        /// The campaign's id.
        campaign: String,
        /// The destination's name.
        destination: String,
    } -> Count;

    /// Confirm a submission, as the owner of its address.
    Confirm {
        /// The campaign that the link is of.
        campaign: String,
        /// The lead of the request.
        lead_id: LeadId,
        /// The submission's id.
        submission_id: SubmissionId,
    } -> Option<Forgotten>;

    /// Take consents back.
    Withdraw {
        /// The campaign that the link is of.
        campaign: Option<String>,
        /// The person's lead.
        lead_id: LeadId,
        /// The name of the subject of the consents, where the link says it.
        subject: Option<String>,
        /// One purpose, by its id.
        purpose: Option<String>,
        /// By which means.
        method: Option<String>,
    } -> Option<Withdrawn>;

    /// Record the download of what the campaign gives in exchange.
    Engage {
        /// The campaign that the link is of.
        campaign: Option<String>,
        /// The submission that got the link.
        submission_id: SubmissionId,
    } -> Option<Count>;

    /// The consents of a person, for their receipts.
    Consents in "consents" {
        /// The person's lead.
        lead_id: LeadId,
        /// The name of the subject of the consents, where the link says it.
        subject: Option<String>,
    } -> Option<List>;

    /// Everything that is stored about a person, a page of it.
    Access {
        /// The person's, under every pepper.
        fingerprints: Vec<String>,
        /// The person's on lists, under every list key.
        list_tags: Vec<String>,
        /// Behind this cursor.
        after: Option<String>,
    } -> Option<Report>;

    /// Forget a person.
    Erase {
        /// The person's, under every pepper.
        fingerprints: Vec<String>,
        /// The person's on lists, under every list key.
        list_tags: Vec<String>,
        /// Behind this cursor.
        after: Option<String>,
    } -> Option<Report>;

    /// The lists and their lengths.
    Lists in "lists" {} -> List;

    /// Add to a list.
    ListAdd {
        /// Its name.
        list: String,
        /// The hashes of people.
        list_tags: Vec<String>,
    } -> Count;

    /// Take from a list.
    ListRemove {
        /// Its name.
        list: String,
        /// The hashes of people.
        list_tags: Vec<String>,
    } -> Count;

    /// Empty a list. That of objections refuses it.
    ListClear {
        /// Its name.
        list: String,
    } -> Result<Count, Conflict>;

    /// The ids of the keys that rows name.
    Keys {} -> Report;

    /// Quarantined submissions, a page of them.
    Quarantine in "submissions" {
        /// Of one campaign, by its id.
        campaign: Option<String>,
        /// After this submission.
        after: Option<SubmissionId>,
        /// At most so many.
        limit: Option<i64>,
    } -> Page;

    /// One quarantined submission with what it says.
    Quarantined {
        /// Its id.
        submission_id: SubmissionId,
    } -> Option<Report>;

    /// Judge quarantined submissions as if they had shown no sign of abuse.
    Release in "released" {
        /// Of one campaign, by its id, where none are named.
        campaign: Option<String>,
        /// These.
        submission_ids: Vec<SubmissionId>,
        /// After this submission.
        after: Option<SubmissionId>,
    } -> Decided;

    /// Discard quarantined submissions.
    Discard in "discarded" {
        /// Of one campaign, by its id, where none are named.
        campaign: Option<String>,
        /// These.
        submission_ids: Vec<SubmissionId>,
        /// After this submission.
        after: Option<SubmissionId>,
    } -> Decided;

    /// Note in the audit log that a campaign is about to be published, or has been.
    Publish {
        /// Its id.
        campaign: String,
        /// What it changes, as JSON.
        changes: Option<String>,
        /// KV has it.
        is_done: bool,
        /// The reply is to say what waits.
        tells_what_waits: bool,
    } -> Publication;

    /// Entries of the audit log, the newest first, a page of them.
    Audit in "entries" {
        /// Of one campaign, by its id, and of none.
        campaign: Option<String>,
        /// From this time on; UTC, milliseconds.
        from_ms: Option<i64>,
        /// Before this time; UTC, milliseconds.
        to_ms: Option<i64>,
        /// Before this entry: its time and number with a dot between.
        after: Option<String>,
        /// At most so many.
        limit: Option<i64>,
    } -> List;

    /// A chunk of the integrity check. `None` if the cursor is none of the ledger's.
    Checkup {
        /// The cursor of the chunk before.
        after: Option<String>,
    } -> Option<Report>;

    /// The numbers of a period, by time, source, score and destination.
    Overview {
        /// Of one campaign, by its id.
        campaign: Option<String>,
        /// From this hour on; UTC, milliseconds.
        from_ms: Option<i64>,
        /// Before this hour; UTC, milliseconds.
        to_ms: Option<i64>,
        /// From when on clocks are ahead of UTC by how much, where days are not UTC's: pairs of milliseconds in
        /// JSON.
        offsets: Option<String>,
    } -> Report;

    /// Held leads with their scores, a page of them.
    Held in "held" {
        /// Of one campaign, by its id.
        campaign: Option<String>,
        /// After this lead and submission.
        after: Option<String>,
        /// At most so many.
        limit: Option<i64>,
    } -> Page;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_field_is_a_fault_and_never_an_empty_text() {
        let wire = OperationWire { verb: Verb::Replay, ..OperationWire::default() };
        assert_eq!(Operation::decode(&wire).expect_err("a fault").to_string(), "Replay lacks a field");
        let mut wire = OperationWire { verb: Verb::Enable, ..OperationWire::default() };
        Enable { campaign: "guide".to_owned(), destination: "crm".to_owned() }.write(&mut wire);
        assert!(Operation::decode(&wire).is_ok());
        assert!(Operation::decode(&OperationWire { destination: None, ..wire }).is_err());
    }

    #[test]
    fn a_reply_of_another_type_is_a_fault() {
        assert!(Replay::read(Answer::Admitted).is_err());
        assert!(matches!(Replay::read(Answer::NotFound), Ok(None)));
        assert!(matches!(Replay::read(Answer::Conflict), Ok(Some(Err(Conflict)))));
        assert!(matches!(Replay::read(Answer::Done(1)), Ok(Some(Ok(Count(1))))));
        assert!(ReplayAll::read(Answer::NotFound).is_err());
    }

    #[test]
    fn replies_are_read_as_they_were_written() {
        let page = Page { entries: vec![json!({ "delivery_id": "msg_a" })], next: Some("msg_a".to_owned()) };
        let answer = Deliveries::reply(page);
        assert_eq!(
            answer,
            Answer::Report(json!({ "deliveries": [{ "delivery_id": "msg_a" }], "next": "msg_a" }))
        );
        let page = Deliveries::read(answer).expect("a page");
        assert_eq!((page.entries.len(), page.next.as_deref()), (1, Some("msg_a")));
    }
}
