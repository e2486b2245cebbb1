//! All ports in memory, for the host tests, the model and the fuzz targets.

mod fixtures;
mod kv;
mod ledgers;
mod ports;
mod receiver;
mod sqlite;
pub mod world;
