//! What identifies a person: e-mail address and phone number, normalised.

mod email;
mod free_mail;
mod phone;

pub use self::email::{Email, EmailKind};
pub use self::phone::{Phone, warm_up};
