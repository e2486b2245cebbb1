//! JSON values, made with little code.

use serde::Serialize;
use serde_json::{Map, Value};

/// An object of these names and values. `collect` would sort them first, and the standard library's sort is
/// 2 KB of the wasm for each place that collects.
pub fn object_of(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut object = Map::new();
    object.extend(pairs);
    Value::Object(object)
}

/// What a type is as JSON, by way of its text: `json!` would bring a second writer of each type into the wasm.
pub fn value_of(of: &impl Serialize) -> Value {
    serde_json::to_string(of).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
