//! JSON objects from pairs.

use serde_json::{Map, Value};

/// An object of these names and values. `collect` would sort them first, and the standard library's sort is
/// 2 KB of the wasm for each place that collects.
pub fn object_of(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut object = Map::new();
    object.extend(pairs);
    Value::Object(object)
}
