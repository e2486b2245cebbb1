//! JSON values, made with little code.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

/// Reads and writes a type by the words that it has of all its values, `[(value, word)]`: what serde derives for an
/// enum is some KB of the wasm for each.
macro_rules! by_words {
    ($type:ty, $words:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let words = $words;
                let word = words.iter().find(|(value, _)| value == self).map_or("", |(_, word)| *word);
                serializer.serialize_str(word)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::base::json::of_word(deserializer, $words)
            }
        }
    };
}

pub(crate) use by_words;

/// The value of a word.
///
/// # Errors
/// It is none of these.
pub fn of_word<'de, D: Deserializer<'de>, T: Copy, const N: usize>(
    deserializer: D,
    words: [(T, &str); N],
) -> Result<T, D::Error> {
    let given = String::deserialize(deserializer)?;
    let found = words.iter().find(|(_, word)| *word == given).map(|(value, _)| *value);
    found.ok_or_else(|| de::Error::custom("an unknown word"))
}

/// An object of these names and values. `collect` would sort them first, and the standard library's sort is
/// 2 KB of the wasm for each place that collects.
pub fn object_of(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut object = Map::new();
    object.extend(pairs);
    Value::Object(object)
}

/// Writes a number without a fraction where it has none. Goes through JSON's numbers, whose code is linked anyway: the
/// standard library's would add 14 KB to the wasm.
pub fn number_text(number: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "only whole numbers within 2^53 are cast")]
    let whole = (number.abs() < 9e15 && number % 1.0 == 0.0).then_some(number as i64);
    whole.map_or_else(|| serde_json::json!(number).to_string(), |whole| whole.to_string())
}

/// What a type is as JSON, by way of its text: `json!` would bring a second writer of each type into the wasm.
pub fn value_of(of: &impl Serialize) -> Value {
    serde_json::to_string(of).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
