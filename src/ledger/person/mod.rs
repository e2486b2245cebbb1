//! The rights of a person (withdrawal, access, erasure), and downloads of a campaign's magnet.

pub(in crate::ledger) mod access;
pub(in crate::ledger) mod asker;
pub(in crate::ledger) mod engagement;
pub(in crate::ledger) mod erase;
mod history;
mod page;
mod recipients;
pub(in crate::ledger) mod withdraw;
