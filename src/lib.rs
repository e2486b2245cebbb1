//! Leadhook: lead capture at the edge.
//!
//! Its modules stand on floors. A file imports only from lower floors, and on its own floor from modules that stand
//! before its own. A folder with a table of its own is ordered in the same way, and its own file stands above its
//! modules. A test checks this.
//!
//! | floor | modules |
//! |---|---|
//! | values and settings | [`base`], [`contact`], [`campaign`], [`settings`] |
//! | the stages of a lead, and HTTP | [`pipeline`], [`http`] |
//! | use cases over ports | [`ledger`], [`app`], `testing` |
//! | the platform | `cloudflare` |
//!
//! `cloudflare` is the Worker. The command line is a crate of its own, `cli`. `testing` runs the use cases on the host, without
//! a platform.

pub mod base;
pub mod contact;

pub mod campaign;
pub mod settings;

pub mod http;
pub mod pipeline;

pub mod ledger;

pub mod app;

#[cfg(feature = "host")]
pub mod testing;

#[cfg(all(target_arch = "wasm32", feature = "cloudflare"))]
mod cloudflare;
