//! The stages that a lead passes: intake, lead, consent, abuse, scoring, webhook.

pub mod abuse;
pub mod consent;
pub mod intake;
pub mod lead;
pub mod scoring;
pub mod webhook;
