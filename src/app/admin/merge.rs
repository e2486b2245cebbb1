//! Merging of reports.

use serde_json::{Value, json};

/// Merges two reports: numbers are added and lists joined. Anything else is the right one's.
pub fn merge(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (key, value) in right {
                let value = merge(left.remove(&key).unwrap_or(Value::Null), value);
                left.insert(key, value);
            }
            Value::Object(left)
        }
        (Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Value::Array(left)
        }
        (Value::Number(left), Value::Number(right)) => {
            json!(left.as_i64().unwrap_or(0) + right.as_i64().unwrap_or(0))
        }
        (_, right) => right,
    }
}
