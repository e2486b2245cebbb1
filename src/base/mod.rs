//! Building blocks that know nothing of leads.

pub mod allocator;
pub mod country;
pub mod crypto;
pub mod fault;
pub mod header;
pub mod i18n;
pub mod id;
pub mod json;
pub mod keyring;
pub mod limits;
pub mod moment;
pub mod sealing;
pub mod template;
pub mod time;
pub mod time_zone;
pub mod unicode;
pub mod url;
