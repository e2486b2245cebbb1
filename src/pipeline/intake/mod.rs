//! Intake: bytes → [`Fields`] → [`Submission`], or a [`Rejection`] that names every problem at once.

mod accept;
mod consent_choice;
mod decode;
mod fields;
mod idempotency_key;
mod json;
mod mime;
mod multipart;
mod rejection;
mod submission;
#[cfg(test)]
mod tests;

pub use self::accept::accept;
pub use self::consent_choice::ConsentChoice;
pub use self::decode::{BOM, MAX_BODY_BYTES, decode, is_plain};
pub use self::fields::{Encoding, Entry, Fields, MAX_FIELDS, Undecodable};
pub use self::idempotency_key::idempotency_key;
pub use self::rejection::{FieldProblem, Rejection};
pub use self::submission::{Contact, Submission, Traps};
