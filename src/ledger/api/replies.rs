//! Replies to operations, each with its type, and their conversions to and from the wire.

use serde_json::{Map, Value, json};

use crate::base::fault::Fault;
use crate::ledger::wire::Reply;

/// Reads the reply of an operation that has this key.
///
/// # Errors
/// The ledger sent a reply of another type.
pub fn read_reply<R: ReplyType>(reply: Reply, key: &str) -> Result<R, Fault> {
    R::read(reply, key).ok_or_else(|| Fault::new("a ledger sent another reply"))
}

/// A reply of one type.
pub trait ReplyType: Sized {
    /// Decodes the reply. `None` if it is of another type.
    fn read(reply: Reply, key: &str) -> Option<Self>;

    /// Encodes the reply for the wire.
    fn write(self, key: &str) -> Reply;
}

/// A report, as JSON that the ledger's database has made for the most part.
#[derive(Debug)]
pub struct Report(pub Value);

/// The number of things that were changed.
#[derive(Debug)]
pub struct Count(pub i64);

/// A refusal: the state of the object does not allow the operation.
#[derive(Debug)]
pub struct Conflict;

/// A list of entries as they are shown.
#[derive(Debug)]
pub struct List(pub Vec<Value>);

/// A page of entries as they are shown.
#[derive(Debug)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Value>,
    /// The cursor of the next page, if there may be one.
    pub next: Option<String>,
}

/// The fingerprints of people of whom nothing may be cached any more.
#[derive(Debug)]
pub struct Forgotten {
    /// The fingerprints, under every pepper.
    pub fingerprints: Vec<String>,
}

/// A withdrawal as it was carried out.
#[derive(Debug)]
pub struct Withdrawn {
    /// The purposes that were withdrawn.
    pub purposes: Vec<String>,
    /// The number of waiting submissions that have ended.
    pub refused: i64,
    /// The fingerprints of people of whom nothing may be cached any more.
    pub fingerprints: Vec<String>,
}

/// Quarantined submissions that were released or discarded.
#[derive(Debug)]
pub struct Decided {
    /// The ids of those for which that was possible.
    pub done: Vec<String>,
    /// The ids of the others.
    pub not_possible: Vec<String>,
    /// The fingerprints under which the first may be cached.
    pub fingerprints: Vec<String>,
    /// The cursor of the campaign's next page, if there may be one.
    pub next: Option<String>,
}

/// The ledger's reply to a publication.
#[derive(Debug)]
pub enum Publication {
    /// The entry that it begins or is done, and nothing else.
    Noted {
        /// True if KV has it.
        is_done: bool,
    },
    /// The campaign's waiting submissions and deliveries, if requested.
    Waiting(Value),
}

impl ReplyType for Report {
    fn read(reply: Reply, _: &str) -> Option<Self> {
        report(reply).map(Self)
    }

    fn write(self, _: &str) -> Reply {
        Reply::Report(self.0)
    }
}

impl ReplyType for Count {
    fn read(reply: Reply, _: &str) -> Option<Self> {
        match reply {
            Reply::Done(count) => Some(Self(count)),
            _ => None,
        }
    }

    fn write(self, _: &str) -> Reply {
        Reply::Done(self.0)
    }
}

impl<T: ReplyType> ReplyType for Option<T> {
    fn read(reply: Reply, key: &str) -> Option<Self> {
        if reply == Reply::NotFound { Some(None) } else { T::read(reply, key).map(Some) }
    }

    fn write(self, key: &str) -> Reply {
        self.map_or(Reply::NotFound, |reply| reply.write(key))
    }
}

impl<T: ReplyType> ReplyType for Result<T, Conflict> {
    fn read(reply: Reply, key: &str) -> Option<Self> {
        if reply == Reply::Conflict { Some(Err(Conflict)) } else { T::read(reply, key).map(Ok) }
    }

    fn write(self, key: &str) -> Reply {
        self.map_or(Reply::Conflict, |reply| reply.write(key))
    }
}

impl ReplyType for List {
    fn read(reply: Reply, key: &str) -> Option<Self> {
        let mut report = object(reply)?;
        Some(Self(list(&mut report, key)))
    }

    fn write(self, key: &str) -> Reply {
        Reply::Report(member(key, self.0.into(), Value::Object(Map::new())))
    }
}

impl ReplyType for Page {
    fn read(reply: Reply, key: &str) -> Option<Self> {
        let mut report = object(reply)?;
        Some(Self { entries: list(&mut report, key), next: cursor(&report) })
    }

    fn write(self, key: &str) -> Reply {
        Reply::Report(member(key, self.entries.into(), json!({ "next": self.next })))
    }
}

impl ReplyType for Forgotten {
    fn read(reply: Reply, _: &str) -> Option<Self> {
        let mut report = object(reply)?;
        Some(Self { fingerprints: texts(&mut report, "fingerprints") })
    }

    fn write(self, _: &str) -> Reply {
        Reply::Report(json!({ "fingerprints": self.fingerprints }))
    }
}

impl ReplyType for Withdrawn {
    fn read(reply: Reply, _: &str) -> Option<Self> {
        let mut report = object(reply)?;
        Some(Self {
            purposes: texts(&mut report, "withdrawn"),
            refused: report.get("refused").and_then(Value::as_i64).unwrap_or(0),
            fingerprints: texts(&mut report, "fingerprints"),
        })
    }

    fn write(self, _: &str) -> Reply {
        Reply::Report(json!({
            "withdrawn": self.purposes, "refused": self.refused, "fingerprints": self.fingerprints,
        }))
    }
}

impl ReplyType for Decided {
    fn read(reply: Reply, key: &str) -> Option<Self> {
        let mut report = object(reply)?;
        Some(Self {
            done: texts(&mut report, key),
            not_possible: texts(&mut report, "not_possible"),
            fingerprints: texts(&mut report, "fingerprints"),
            next: cursor(&report),
        })
    }

    fn write(self, key: &str) -> Reply {
        let rest = json!({
            "not_possible": self.not_possible, "next": self.next, "fingerprints": self.fingerprints,
        });
        Reply::Report(member(key, json!(self.done), rest))
    }
}

impl ReplyType for Publication {
    fn read(reply: Reply, _: &str) -> Option<Self> {
        match reply {
            Reply::Done(is_done) => Some(Self::Noted { is_done: is_done == 1 }),
            Reply::Report(waiting) => Some(Self::Waiting(waiting)),
            _ => None,
        }
    }

    fn write(self, _: &str) -> Reply {
        match self {
            Self::Noted { is_done } => Reply::Done(is_done.into()),
            Self::Waiting(waiting) => Reply::Report(waiting),
        }
    }
}

fn report(reply: Reply) -> Option<Value> {
    match reply {
        Reply::Report(report) => Some(report),
        _ => None,
    }
}

fn object(reply: Reply) -> Option<Map<String, Value>> {
    match reply {
        Reply::Report(Value::Object(report)) => Some(report),
        _ => None,
    }
}

fn member(key: &str, value: Value, mut rest: Value) -> Value {
    if let Some(rest) = rest.as_object_mut() {
        rest.insert(key.to_owned(), value);
    }
    rest
}

/// Takes the list under a key; empty if there is none.
fn list(report: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match report.remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// Takes the texts of a JSON array.
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
