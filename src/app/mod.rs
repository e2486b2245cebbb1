//! The use cases, over ports: a function for every address.
//!
//! A file imports only from the files that stand before it in this order: `ports`, `isolate`, `output`, `cx`,
//! `repeat_record`, `repeats`, then `endpoints` and `admin`, then `router`.

pub mod admin;
pub mod conductor;
pub mod cx;
pub mod endpoints;
pub mod isolate;
pub mod output;
pub mod ports;
pub mod repeat_record;
mod repeats;
pub mod router;
