//! The use cases, over ports: what a request to any address leads to.

pub mod admin;
pub mod conductor;
pub mod endpoints;
pub mod isolate;
pub mod ports;
pub mod router;
