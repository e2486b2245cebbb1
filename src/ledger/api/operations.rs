//! Operations, each with its fields and the type of its reply.

use super::replies::{
    Conflict, Count, Decided, Forgotten, List, Page, Publication, ReplyType, Report, Withdrawn, read_reply,
};
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};
use crate::ledger::wire::{Call, OperationWire, Reply, Verb};

/// An operation with its reply.
pub trait Request: Sized {
    /// The type of the ledger's reply.
    type Reply: ReplyType;
    /// The member of the report that holds the reply, if it is one member.
    const KEY: &'static str;

    /// The name of the operation on the wire.
    const VERB: Verb;

    /// Writes the fields of the operation for the wire.
    fn write(self, wire: &mut OperationWire);

    /// Makes the call, in the name of an operator if there is one.
    fn into_call(self, actor: Option<&str>) -> Call {
        let mut wire = named(Self::VERB, actor);
        self.write(&mut wire);
        Call::Operate(wire)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// The ledger sent a reply of another type.
    fn read(reply: Reply) -> Result<Self::Reply, Fault> {
        read_reply(reply, Self::KEY)
    }

    /// Encodes the reply for the wire.
    fn reply(reply: Self::Reply) -> Reply {
        reply.write(Self::KEY)
    }
}

/// Returns an operation without fields.
fn named(verb: Verb, actor: Option<&str>) -> Box<OperationWire> {
    Box::new(OperationWire { verb, actor: actor.map(str::to_owned), ..OperationWire::default() })
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

/// The macro that encodes ids as texts.
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

/// The macro that makes the type of each operation, named like its [`Verb`], and its conversions to and from
/// the wire.
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
            /// Decodes an operation.
            ///
            /// # Errors
            /// A required field is missing.
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
    /// The counters by hour.
    Counters {
        /// One campaign, by its id; all if `None`.
        campaign: Option<String>,
        /// The first hour; UTC, milliseconds.
        from_ms: Option<i64>,
        /// The end of the period, exclusive; UTC, milliseconds.
        to_ms: Option<i64>,
    } -> Report;

    /// A page of deliveries.
    Deliveries in "deliveries" {
        /// One campaign, by its id; all if `None`.
        campaign: Option<String>,
        /// The state; any if `None`.
        state: Option<String>,
        /// The deliveries to choose from; all if empty.
        delivery_ids: Vec<DeliveryId>,
        /// The cursor of the page: deliveries after this id.
        after: Option<String>,
        /// The largest number of entries.
        limit: Option<i64>,
    } -> Page;

    /// One delivery with its attempts.
    Delivery {
        /// Its id.
        delivery_id: DeliveryId,
    } -> Option<Report>;

    /// The replay of a dead letter.
    Replay {
        /// Its id.
        delivery_id: DeliveryId,
    } -> Option<Result<Count, Conflict>>;

    /// The replay of a part of a campaign's dead letters.
    ReplayAll {
        /// The campaign's id.
        campaign: String,
        /// The time before which they were given up; UTC, milliseconds.
        to_ms: Option<i64>,
    } -> Count;

    /// The resumption of a destination that responded with 410.
    Enable {
        /// The campaign's id.
        campaign: String,
        /// The destination's name.
        destination: String,
    } -> Count;

    /// The confirmation of a submission by the owner of its address.
    Confirm {
        /// The campaign that the link names.
        campaign: String,
        /// The lead of the request.
        lead_id: LeadId,
        /// The submission's id.
        submission_id: SubmissionId,
    } -> Option<Forgotten>;

    /// The withdrawal of consents.
    Withdraw {
        /// The campaign that the link names.
        campaign: Option<String>,
        /// The person's lead.
        lead_id: LeadId,
        /// The name of the subject of the consents, if the link has one.
        subject: Option<String>,
        /// One purpose, by its id; all if `None`.
        purpose: Option<String>,
        /// The means of the withdrawal.
        method: Option<String>,
    } -> Option<Withdrawn>;

    /// The download of a campaign's magnet.
    Engage {
        /// The campaign that the link names.
        campaign: Option<String>,
        /// The submission that got the link.
        submission_id: SubmissionId,
    } -> Option<Count>;

    /// The consents of a person, for their receipts.
    Consents in "consents" {
        /// The person's lead.
        lead_id: LeadId,
        /// The name of the subject of the consents, if the link has one.
        subject: Option<String>,
    } -> Option<List>;

    /// A page of everything that is stored about a person.
    Access {
        /// The person's fingerprints, under every pepper.
        fingerprints: Vec<String>,
        /// The person's hashes on lists, under every list key.
        list_tags: Vec<String>,
        /// The cursor of the page.
        after: Option<String>,
    } -> Option<Report>;

    /// The erasure of a person.
    Erase {
        /// The person's fingerprints, under every pepper.
        fingerprints: Vec<String>,
        /// The person's hashes on lists, under every list key.
        list_tags: Vec<String>,
        /// The cursor of the page.
        after: Option<String>,
    } -> Option<Report>;

    /// The lists and their lengths.
    Lists in "lists" {} -> List;

    /// The addition of people to a list.
    ListAdd {
        /// Its name.
        list: String,
        /// The hashes of people.
        list_tags: Vec<String>,
    } -> Count;

    /// The removal of people from a list.
    ListRemove {
        /// Its name.
        list: String,
        /// The hashes of people.
        list_tags: Vec<String>,
    } -> Count;

    /// The removal of everybody from a list, refused for that of objections.
    ListClear {
        /// Its name.
        list: String,
    } -> Result<Count, Conflict>;

    /// The ids of the keys that rows name.
    Keys {} -> Report;

    /// A page of quarantined submissions.
    Quarantine in "submissions" {
        /// One campaign, by its id; all if `None`.
        campaign: Option<String>,
        /// The cursor of the page: submissions after this one.
        after: Option<SubmissionId>,
        /// The largest number of entries.
        limit: Option<i64>,
    } -> Page;

    /// One quarantined submission with its content.
    Quarantined {
        /// Its id.
        submission_id: SubmissionId,
    } -> Option<Report>;

    /// The release of quarantined submissions: they are judged as if they had shown no signal of abuse.
    Release in "released" {
        /// The campaign, by its id, if none are named.
        campaign: Option<String>,
        /// The named submissions.
        submission_ids: Vec<SubmissionId>,
        /// The cursor of the campaign's page: submissions after this one.
        after: Option<SubmissionId>,
    } -> Decided;

    /// The discarding of quarantined submissions.
    Discard in "discarded" {
        /// The campaign, by its id, if none are named.
        campaign: Option<String>,
        /// The named submissions.
        submission_ids: Vec<SubmissionId>,
        /// The cursor of the campaign's page: submissions after this one.
        after: Option<SubmissionId>,
    } -> Decided;

    /// The entry in the audit log of a publication that begins, or is done.
    Publish {
        /// Its id.
        campaign: String,
        /// The changes, as JSON.
        changes: Option<String>,
        /// True if KV has the campaign.
        is_done: bool,
        /// True if the reply is to list what waits.
        tells_what_waits: bool,
    } -> Publication;

    /// A page of entries of the audit log, the newest first.
    Audit in "entries" {
        /// One campaign, by its id, and entries of no campaign; all if `None`.
        campaign: Option<String>,
        /// The start of the period; UTC, milliseconds.
        from_ms: Option<i64>,
        /// The end of the period, exclusive; UTC, milliseconds.
        to_ms: Option<i64>,
        /// The entry before which the page begins: its time and number with a dot between.
        after: Option<String>,
        /// The largest number of entries.
        limit: Option<i64>,
    } -> List;

    /// A chunk of the integrity check. The reply is `None` if the cursor is not the ledger's.
    Checkup {
        /// The cursor of the chunk.
        after: Option<String>,
    } -> Option<Report>;

    /// The numbers of a period, by time, source, score and destination.
    Overview {
        /// One campaign, by its id; all if `None`.
        campaign: Option<String>,
        /// The first hour; UTC, milliseconds.
        from_ms: Option<i64>,
        /// The end of the period, exclusive; UTC, milliseconds.
        to_ms: Option<i64>,
        /// The offsets of local time, if days are not UTC's: a JSON list of pairs in milliseconds, the start
        /// of an offset and the offset from UTC.
        offsets: Option<String>,
    } -> Report;

    /// A page of held leads with their scores.
    Held in "held" {
        /// One campaign, by its id; all if `None`.
        campaign: Option<String>,
        /// The cursor of the page: after this lead and submission.
        after: Option<String>,
        /// The largest number of entries.
        limit: Option<i64>,
    } -> Page;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        assert!(Replay::read(Reply::Admitted).is_err());
        assert!(matches!(Replay::read(Reply::NotFound), Ok(None)));
        assert!(matches!(Replay::read(Reply::Conflict), Ok(Some(Err(Conflict)))));
        assert!(matches!(Replay::read(Reply::Done(1)), Ok(Some(Ok(Count(1))))));
        assert!(ReplayAll::read(Reply::NotFound).is_err());
    }

    #[test]
    fn replies_are_read_as_they_were_written() {
        let page = Page { entries: vec![json!({ "delivery_id": "msg_a" })], next: Some("msg_a".to_owned()) };
        let reply = Deliveries::reply(page);
        assert_eq!(
            reply,
            Reply::Report(json!({ "deliveries": [{ "delivery_id": "msg_a" }], "next": "msg_a" }))
        );
        let page = Deliveries::read(reply).expect("a page");
        assert_eq!((page.entries.len(), page.next.as_deref()), (1, Some("msg_a")));
    }
}
