//! Identifiers of a person: e-mail addresses and phone numbers, normalised.

mod email;
mod mail_domains;
mod phone;
mod role;
mod typo;

pub use self::email::{Email, EmailKind};
pub use self::phone::Phone;
