//! The use cases, over ports: what a request to any address leads to.

pub mod admin;
pub mod conductor;
pub mod cx;
pub mod endpoints;
pub mod isolate;
pub mod ports;
pub mod repeat_record;
pub mod router;
