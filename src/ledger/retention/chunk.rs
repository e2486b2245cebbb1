//! Chunks of a sweep.

/// The number of rows of a chunk: a few milliseconds.
pub(super) const CHUNK_ROWS: i64 = 500;
/// A text beyond every key of a table.
pub(super) const NO_MORE: &str = "\u{10ffff}";
