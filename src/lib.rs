//! Leadhook: lead capture at the edge.
//!
//! The modules stand in floors, and a file imports only from floors below its own and from earlier
//! stages of its own floor; a test holds them to it.
//!
//! | floor | modules |
//! |---|---|
//! | values | [`base`], [`contact`], [`campaign`], [`settings`] |
//! | stages, in the order in which a lead passes them | [`pipeline`], [`http`] |
//! | use cases over ports | [`ledger`], [`app`], `testing` |
//! | the platform | `cloudflare`, and the command line in `bin/leadhook` |

pub mod base;
pub mod contact;

pub mod campaign;
pub mod settings;

pub mod http;
pub mod pipeline;

pub mod ledger;

pub mod app;

#[cfg(feature = "cli")]
pub mod testing;

#[cfg(target_arch = "wasm32")]
mod cloudflare;
