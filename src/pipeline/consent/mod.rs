//! Consents: terms that are the same for everybody, a history in which changes show, and receipts that anybody can
//! verify.

mod history;
mod receipt;
mod terms;

pub use self::history::{
    Act, ConsentState, Head, Personal, Standing, Verdict, follow, standing, verify, verify_behind,
};
pub use self::receipt::{Receipt, compact, payload_of, signing_input};
pub use self::terms::Terms;
