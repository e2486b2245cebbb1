//! The database of a ledger: its tables, and the statements over them.

pub(super) mod consent_history;
pub(super) mod funnel;
pub(super) mod payload;
pub(super) mod rows;
pub(super) mod schema;
pub mod store;
pub(super) mod submission_move;
pub(super) mod submission_state;
pub(super) mod tables;
