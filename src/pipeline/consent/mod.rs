//! What was agreed to, by whom, and since when: terms that are the same for everybody, a history
//! that cannot be mended unseen, and receipts that anybody can verify.

mod history;
mod receipt;
mod terms;

pub use self::history::{
    Act, ConsentState, Head, Personal, Standing, Verdict, follow, standing, verify, verify_behind,
};
pub use self::receipt::{Receipt, compact, payload_of, signing_input};
pub use self::terms::Terms;
