//! Bodies of `application/json` (RFC 8259): an object as fields, read as a form is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::error::Category;

use super::fields::{CONSENT, Entries, Undecodable};
use crate::campaign::Raw;

/// The most levels of nesting, the outer object being the first. A submission needs three (object, `consent`,
/// list); the rest is room for fields that are ignored. It bounds the recursion.
const MAX_DEPTH: usize = 8;

/// Decodes the fields of a body into entries.
///
/// A member is an entry, a repeated member a repeated entry, a list of scalars one entry for each, and `null` no
/// entry at all. The members of `consent` become entries `consent.{purpose}`. Any
/// other object, and a list that holds an object or a list, is [`Raw::Other`].
///
/// # Errors
/// `Malformed` for text that is not UTF-8, not JSON, not an object or nested too deep;
/// `TooManyFields` from the entries.
pub(super) fn decode(body: &[u8], entries: &mut Entries) -> Result<(), Undecodable> {
    let text = str::from_utf8(body).map_err(|_| Undecodable::Malformed("the body is not valid UTF-8"))?;
    if depth(text) > MAX_DEPTH {
        return Err(Undecodable::Malformed("the JSON is nested too deep"));
    }
    let text = well_formed(text);
    let Root(members) = serde_json::from_str(&text).map_err(|error| {
        Undecodable::Malformed(match error.classify() {
            Category::Data => "the JSON must be an object",
            _ => "the body is not valid JSON",
        })
    })?;
    for (name, value) in members {
        match value {
            Json::Object(purposes) if name.eq_ignore_ascii_case(CONSENT) => {
                for (purpose, value) in purposes {
                    push(entries, &format!("{name}.{purpose}"), value)?;
                }
            }
            value => push(entries, &name, value)?,
        }
    }
    Ok(())
}

fn push(entries: &mut Entries, name: &str, value: Json) -> Result<(), Undecodable> {
    match value {
        Json::Null => Ok(()),
        Json::Scalar(scalar) => entries.push(name, scalar),
        Json::Object(_) => entries.push(name, Raw::Other),
        Json::Array(items) if items.iter().any(|item| matches!(item, Json::Object(_) | Json::Array(_))) => {
            entries.push(name, Raw::Other)
        }
        Json::Array(items) => items.into_iter().try_for_each(|item| push(entries, name, item)),
    }
}

/// Replaces lone surrogates by U+FFFD, as forms do: `slice` in a script can cut a character in two, and
/// `JSON.stringify` writes the halves as `\ud83d`.
fn well_formed(text: &str) -> Cow<'_, str> {
    let mut kept = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(found) = kept.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at + found;
        let unit = |at: usize| {
            let digits = kept.get(at..at + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        at = match (unit(escape), unit(escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                kept.to_mut().replace_range(escape..escape + 6, "\\ufffd");
                escape + 6
            }
            _ => escape + 2,
        };
    }
    kept
}

/// Returns the deepest nesting of brackets outside of strings, in a text that need not be valid JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A JSON value with its repeated members, which `serde_json::Value` drops.
enum Json {
    Null,
    Scalar(Raw),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The outermost value, which must be an object.
struct Root(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::Object(members) => Ok(Self(members)),
            _ => Err(de::Error::custom("not an object")),
        }
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(Raw::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(Raw::Number(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(Raw::Number(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // JSON cannot express a number that is not finite.
        Ok(Json::Scalar(Number::from_f64(value).map_or(Raw::Other, Raw::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Scalar(Raw::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Scalar(Raw::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::intake::{Encoding, Entry, MAX_FIELDS, decode};

    fn json(body: &[u8]) -> Result<Vec<(String, Raw)>, Undecodable> {
        let fields = decode(Some("application/json"), body)?;
        assert_eq!(fields.encoding, Encoding::Json);
        Ok(fields.entries.into_iter().map(|Entry { name, value }| (name, value)).collect())
    }

    fn entry(name: &str, value: Raw) -> (String, Raw) {
        (name.to_owned(), value)
    }

    fn text(name: &str, value: &str) -> (String, Raw) {
        entry(name, Raw::Text(value.to_owned()))
    }

    #[test]
    fn half_a_character_is_replaced_and_the_rest_is_left_alone() {
        for (text, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\udc4dz\uD83D\ude00""#, r#""\ufffdz\uD83D\ude00""#),
            (r#""\ud83d\ud83d\udc4d""#, r#""\ufffd\ud83d\udc4d""#),
            (r#""\\ud83d \u00e5 \n\\""#, r#""\\ud83d \u00e5 \n\\""#),
            (r#""\u"#, r#""\u"#),
            ("\"\\\u{1f44d}", "\"\\\u{1f44d}"),
        ] {
            assert_eq!(well_formed(text), expected, "{text}");
        }
    }

    #[test]
    fn members_are_entries_of_their_types_in_order() {
        assert_eq!(
            json(r#" {"b":"x","a":12,"c":true,"d":-1.5,"e":null,"f":"å\u00e5\n"} "#.as_bytes()),
            Ok(vec![
                text("b", "x"),
                entry("a", Raw::Number(12.into())),
                entry("c", Raw::Bool(true)),
                entry("d", Raw::Number(Number::from_f64(-1.5).unwrap())),
                text("f", "åå\n"),
            ])
        );
        assert_eq!(json(b"{}"), Ok(vec![]));
    }

    #[test]
    fn repeated_members_and_lists_of_scalars_are_repeated_entries() {
        assert_eq!(
            json(br#"{"a":"1","b":"2","a":"3"}"#),
            Ok(vec![text("a", "1"), text("b", "2"), text("a", "3")])
        );
        assert_eq!(
            json(br#"{"a":["1",true,null,"2"],"b":[]}"#),
            Ok(vec![text("a", "1"), entry("a", Raw::Bool(true)), text("a", "2")])
        );
    }

    #[test]
    fn consent_is_flattened() {
        assert_eq!(
            json(br#"{"consent":{"newsletter":true,"phone":"2026-11","sms":null,"x":{"y":1}},"consent.later":false}"#),
            Ok(vec![
                entry("consent.newsletter", Raw::Bool(true)),
                text("consent.phone", "2026-11"),
                entry("consent.x", Raw::Other),
                entry("consent.later", Raw::Bool(false)),
            ])
        );
        assert_eq!(json(br#"{"consent":true}"#), Ok(vec![entry("consent", Raw::Bool(true))]));
    }

    #[test]
    fn what_no_form_can_send_is_other() {
        for body in [r#"{"a":{}}"#, r#"{"a":{"b":1}}"#, r#"{"a":["x",{}]}"#, r#"{"a":[[]]}"#] {
            assert_eq!(json(body.as_bytes()), Ok(vec![entry("a", Raw::Other)]), "{body}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        assert_eq!(json(b"\xef\xbb\xbf{\"a\":\"x\"}"), Ok(vec![text("a", "x")]));
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in [
            &b""[..],
            b" ",
            b"{",
            b"{\"a\":}",
            b"{\"a\":1,}",
            b"{\"a\":1} x",
            b"{a:1}",
            b"{'a':1}",
            b"{\"a\":01}",
            b"{\"a\":NaN}",
            b"{\"a\":1e999}",
            b"{\"a\":\"\n\"}",
            b"\xef\xbb\xbf\xef\xbb\xbf{}",
        ] {
            assert_eq!(json(body), Err(Undecodable::Malformed("the body is not valid JSON")), "{body:?}");
        }
        assert_eq!(json(b"{\"a\":\"\xff\"}"), Err(Undecodable::Malformed("the body is not valid UTF-8")));
        for body in ["[]", "1", "null", "\"a\"", "[{\"a\":1}]"] {
            assert_eq!(
                json(body.as_bytes()),
                Err(Undecodable::Malformed("the JSON must be an object")),
                "{body}"
            );
        }
    }

    #[test]
    fn eight_levels_are_read_and_nine_are_not() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let too_deep = Err(Undecodable::Malformed("the JSON is nested too deep"));
        assert_eq!(json(nested(8).as_bytes()), Ok(vec![entry("a", Raw::Other)]));
        assert_eq!(json(nested(9).as_bytes()), too_deep);
        assert_eq!(json("[".repeat(60_000).as_bytes()), too_deep);
        assert_eq!(json("{\"a\":".repeat(10_000).as_bytes()), too_deep);
        // Brackets in a string are text.
        assert_eq!(json(br#"{"a":"[[[[[[[[[\"[[[["}"#), Ok(vec![text("a", "[[[[[[[[[\"[[[[")]));
    }

    #[test]
    fn a_list_counts_by_its_items() {
        let list = |items: usize| format!("{{\"a\":[{}]}}", vec!["1"; items].join(","));
        assert_eq!(json(list(MAX_FIELDS).as_bytes()).map(|entries| entries.len()), Ok(MAX_FIELDS));
        assert_eq!(json(list(MAX_FIELDS + 1).as_bytes()), Err(Undecodable::TooManyFields));
    }

    #[test]
    fn a_nul_in_a_name_is_malformed_and_in_a_value_it_is_text() {
        assert!(matches!(json(br#"{"a\u0000":"x"}"#), Err(Undecodable::Malformed(_))));
        assert_eq!(json(br#"{"a":"\u0000"}"#), Ok(vec![text("a", "\0")]));
    }
}
