//! The operations on deliveries: the request that a claim sends, and replays of dead letters.

pub(in crate::ledger) mod replay;
pub(in crate::ledger) mod request;
