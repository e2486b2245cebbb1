//! All ports in memory, with a clock and faults: what the host tests, the model and the fuzz targets drive.

pub mod world;
