//! The endpoints of visitors: a campaign's form, and the links of mails, receipts and downloads.

pub mod links;
pub mod submit;
