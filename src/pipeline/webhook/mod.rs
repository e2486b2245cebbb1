//! Webhooks: the body and the signature of a request, the outcome of an attempt, and the schedule of retries.

mod event;
mod kind;
mod retry;
mod sign;

pub use self::event::{LeadEvent, event_body, lead_event_body};
pub use self::kind::EventKind;
pub use self::retry::{ATTEMPT_TIMEOUT_MS, LONGEST_WAIT_MS, Next, Outcome, next, retry_after_s};
pub use self::sign::{SigningSecret, Unverified, sign, verify};
