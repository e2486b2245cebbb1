//! What identifies a person: e-mail address and phone number, normalised.

mod email;
mod mail_domains;
mod phone;
mod role;
mod typo;

pub use self::email::{Email, EmailKind};
pub use self::phone::Phone;
