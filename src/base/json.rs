//! JSON helpers that keep the wasm small.

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Implements serde for an enum by the words for its values, `[(value, word)]`: each derived implementation would be some
/// KB of the wasm.
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

/// Decodes the value of a word.
///
/// # Errors
/// The word is none of these.
pub fn of_word<'de, D: Deserializer<'de>, T: Copy, const N: usize>(
    deserializer: D,
    words: [(T, &str); N],
) -> Result<T, D::Error> {
    let given = String::deserialize(deserializer)?;
    let found = words.iter().find(|(_, word)| *word == given).map(|(value, _)| *value);
    found.ok_or_else(|| de::Error::custom("an unknown word"))
}

/// Reads JSON from bytes; `None` if they are none of this type. As text, like all other JSON: a decoder for bytes would be a
/// second copy of that for each type.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok().and_then(|text| serde_json::from_str(text).ok())
}

/// Makes an object. `collect` would sort the names first, and each instance of the standard library's sort is 2 KB of the
/// wasm.
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

/// Converts to a JSON value by way of its text: `json!` would bring a second serializer of each type into the wasm.
pub fn value_of(of: &impl Serialize) -> Value {
    serde_json::to_string(of).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
