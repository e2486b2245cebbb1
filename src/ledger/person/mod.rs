//! The rights of a person: withdrawal, access, erasure; and the downloads of what a campaign gives them.

pub(in crate::ledger) mod access;
pub(in crate::ledger) mod asker;
pub(in crate::ledger) mod engagement;
pub(in crate::ledger) mod erase;
mod history;
mod recipients;
pub(in crate::ledger) mod withdraw;
