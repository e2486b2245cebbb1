//! Operations on a ledger by operators and people, each with its fields and its reply. They travel in the
//! shapes of [`wire`](super::wire).

mod operations;
mod replies;

pub use self::operations::{
    Access, Audit, Checkup, Confirm, Consents, Counters, Deliveries, Delivery, Discard, Enable, Engage,
    Erase, Held, Keys, ListAdd, ListClear, ListRemove, Lists, Operation, Overview, Publish, Quarantine,
    Quarantined, Release, Replay, ReplayAll, Request, Withdraw,
};
pub use self::replies::{
    Conflict, Count, Decided, Forgotten, List, Page, Publication, Report, Withdrawn, read_reply,
};
