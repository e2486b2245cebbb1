//! Endpoints of visitors: a campaign's form, and the links of mails, receipts and downloads.

pub mod campaign;
pub mod confirm;
mod cors;
mod criteria;
pub mod download;
mod evidence;
pub mod form;
pub mod jwks;
mod link;
mod post;
mod refusal;
mod submit;
pub mod thanks;
mod visit;
pub mod withdraw;
