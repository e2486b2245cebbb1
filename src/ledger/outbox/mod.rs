//! The outbox: deliveries from the step that decides them to the receiver that has them.

pub mod at_once;
pub mod attempt;
pub mod claim;
pub mod lanes;
pub mod open_leads;
pub mod replay;
pub mod settle;
