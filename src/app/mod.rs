//! The use cases, over ports: a function for every address.
//!
//! | floor | modules |
//! |---|---|
//! | the platform as ports, and the memory of an isolate | [`ports`], [`isolate`] |
//! | the output and the context of a use case | [`output`], [`cx`] |
//! | steps that several use cases take | [`repeat_record`], `repeats`, `registry` |
//! | the use cases: visitors, operators, the cron, deliveries | [`endpoints`], [`admin`], [`cron`], [`conductor`] |
//! | addresses | [`router`] |

pub mod admin;
pub mod conductor;
pub mod cron;
pub mod cx;
pub mod endpoints;
pub mod isolate;
pub mod output;
pub mod ports;
mod registry;
pub mod repeat_record;
mod repeats;
pub mod router;
