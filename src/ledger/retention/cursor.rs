//! The cursor of a sweep: its phase, and the key within it.

use crate::base::fault::Fault;
use crate::ledger::db::Db;
use crate::ledger::db::identifier::IdentifierRole;
use crate::ledger::db::store::Store;

/// The key of the cursor in `meta`.
const SWEEP: &str = "sweep";

/// The tables, in the order in which a sweep goes through them.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    Deliveries,
    Leads,
    Acts,
    Identifiers(IdentifierRole),
}

impl Phase {
    /// All phases, each with its name in the database.
    const ALL: [(Self, &str); 5] = [
        (Self::Deliveries, "deliveries"),
        (Self::Leads, "leads"),
        (Self::Acts, "acts"),
        (Self::Identifiers(IdentifierRole::Recognising), "fingerprints"),
        (Self::Identifiers(IdentifierRole::Carried), "carried"),
    ];
}

/// A cursor: all of its phase up to a key is done.
pub(super) struct Cursor {
    /// The index of the phase.
    at: usize,
    pub(super) phase: Phase,
    pub(super) after: String,
}

impl Cursor {
    /// The start of a sweep.
    pub(super) const START: Self = Self { at: 0, phase: Phase::Deliveries, after: String::new() };

    /// Reads the cursor of the running sweep.
    pub(super) fn read<S: Store>(db: &Db<S>) -> Result<Self, Fault> {
        Ok(db.meta(SWEEP)?.and_then(|text| Self::parse(&text)).unwrap_or(Self::START))
    }

    /// Stores the cursor.
    pub(super) fn store<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        let name = Phase::ALL.get(self.at).map_or("", |(_, name)| *name);
        db.put_meta(SWEEP, &format!("{name} {}", self.after))
    }

    /// Returns the cursor after a chunk that ended at a key, or that was the last of its phase. `None` at the
    /// end of the sweep.
    pub(super) fn next(&self, last: Option<String>) -> Option<Self> {
        match last {
            Some(after) => Some(Self { at: self.at, phase: self.phase, after }),
            None => {
                let (phase, _) = *Phase::ALL.get(self.at + 1)?;
                Some(Self { at: self.at + 1, phase, after: String::new() })
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, after) = text.split_once(' ')?;
        let at = Phase::ALL.iter().position(|(_, known)| *known == name)?;
        let (phase, _) = *Phase::ALL.get(at)?;
        Some(Self { at, phase, after: after.to_owned() })
    }
}
