//! Decoding: bytes → [`Fields`], for the three encodings in which submissions arrive.
//!
//! Checks run in order of cost: size, media type, then the bytes. No error holds anything that was submitted.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::fields::{Encoding, Entries, Fields, Undecodable};
use super::mime::HeaderValue;
use super::{json, multipart};
use crate::base::limits;
use crate::base::unicode;
use crate::campaign::Raw;

/// The most bytes of a body. Thirty answers of 2,000 characters fit, more than any form asks for; the memory and
/// the time that a stranger can take are bounded before anything is parsed.
pub const MAX_BODY_BYTES: usize = limits::number("body_bytes") as usize;

/// The byte order mark of UTF-8, which some clients put before a body.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Decodes a body by its content type: urlencoded by the WHATWG URL standard, multipart by RFC 7578 and RFC 2046,
/// JSON by RFC 8259. Forms are UTF-8, or the charset of their field `_charset_`. Invalid bytes become U+FFFD in
/// forms, as their standards say, and are malformed in JSON.
///
/// # Errors
/// The first reason of [`Undecodable`] that applies, in the order size, media type, content.
pub fn decode(content_type: Option<&str>, body: &[u8]) -> Result<Fields, Undecodable> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Undecodable::TooLarge);
    }
    let media_type = HeaderValue::parse(content_type.ok_or(Undecodable::MediaType)?);
    let encoding = match media_type.essence.as_str() {
        "application/x-www-form-urlencoded" => Encoding::Urlencoded,
        "multipart/form-data" => Encoding::Multipart,
        "application/json" => Encoding::Json,
        other if is_structured_json(other) => Encoding::Json,
        _ => return Err(Undecodable::MediaType),
    };
    if !media_type.is_utf8() {
        return Err(Undecodable::MediaType);
    }
    let text = body.strip_prefix(BOM).unwrap_or(body);
    let read = |decoded: &dyn Fn(&[u8]) -> String| {
        let mut entries = Entries::new();
        match encoding {
            Encoding::Urlencoded => urlencoded(text, decoded, &mut entries)?,
            Encoding::Multipart => {
                multipart::decode(media_type.parameter("boundary"), body, decoded, &mut entries)?;
            }
            Encoding::Json => json::decode(text, &mut entries)?,
        }
        Ok(entries)
    };
    let mut entries = read(&|bytes| String::from_utf8_lossy(bytes).into_owned())?;
    if encoding != Encoding::Json
        && let Some(charset) = entries.take_charset()
    {
        if unicode::decode(&charset, b"").is_none() {
            return Err(Undecodable::MediaType);
        }
        entries = read(&|bytes| unicode::decode(&charset, bytes).unwrap_or_default())?;
        entries.take_charset();
    }
    Ok(entries.into_fields(encoding))
}

/// Checks that a body has no `Content-Encoding`: none is decompressed here.
pub fn is_plain(content_encoding: Option<&str>) -> bool {
    let is_none = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    content_encoding.unwrap_or_default().split(',').all(|coding| is_none(coding.trim()))
}

/// Adds the fields of a form (WHATWG URL standard, application/x-www-form-urlencoded parsing).
fn urlencoded(
    body: &[u8],
    decoded: &dyn Fn(&[u8]) -> String,
    entries: &mut Entries,
) -> Result<(), Undecodable> {
    let read = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        decoded(&Cow::from(percent_decode(&spaced)))
    };
    for piece in body.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let mut parts = piece.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        entries.push(&read(name), Raw::Text(read(value)))?;
    }
    Ok(())
}

/// Checks for a structured type of JSON, such as `application/vnd.example+json` (RFC 6839 section 3.1).
fn is_structured_json(essence: &str) -> bool {
    essence
        .strip_suffix("+json")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    fn form(body: &[u8]) -> Vec<(String, String)> {
        let fields = decode(FORM, body).unwrap();
        assert_eq!(fields.encoding, Encoding::Urlencoded);
        let text = |value| match value {
            Raw::Text(text) => text,
            other => panic!("{other:?}"),
        };
        fields.entries.into_iter().map(|entry| (entry.name, text(entry.value))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_plus_is_a_space_and_percent_2b_is_a_plus() {
        assert_eq!(
            form(b"name=Kari+Nordmann&email=kari%2Bguide%40example.com&phone=%2B47+22"),
            pairs(&[("name", "Kari Nordmann"), ("email", "kari+guide@example.com"), ("phone", "+47 22")])
        );
    }

    #[test]
    fn a_percent_sign_that_escapes_nothing_stands_for_itself() {
        assert_eq!(form(b"a=%zz&b=100%&c=%4"), pairs(&[("a", "%zz"), ("b", "100%"), ("c", "%4")]));
    }

    #[test]
    fn repeated_names_are_repeated_entries_in_order() {
        assert_eq!(form(b"a=1&b=2&a=3&a=1"), pairs(&[("a", "1"), ("b", "2"), ("a", "3"), ("a", "1")]));
    }

    #[test]
    fn empty_pieces_are_passed_over_and_empty_values_are_kept() {
        assert_eq!(form(b"&&a&b=&=c&d=e=f&"), pairs(&[("a", ""), ("b", ""), ("", "c"), ("d", "e=f")]));
        assert_eq!(form(b""), pairs(&[]));
    }

    #[test]
    fn utf8_is_read_and_what_is_none_is_replaced() {
        assert_eq!(form("n=Åsa&m=%C3%85sa".as_bytes()), pairs(&[("n", "Åsa"), ("m", "Åsa")]));
        assert_eq!(form(b"n=%C5sa&m=\xff"), pairs(&[("n", "\u{fffd}sa"), ("m", "\u{fffd}")]));
    }

    #[test]
    fn the_first_byte_order_mark_is_dropped() {
        assert_eq!(form(b"\xef\xbb\xbfa=1"), pairs(&[("a", "1")]));
        assert_eq!(form(b"\xef\xbb\xbf"), pairs(&[]));
    }

    #[test]
    fn names_are_read_without_what_frameworks_write_behind_them() {
        assert_eq!(
            form(b"a[]=1&a%5B%5D=2&a[0]=3&consent[x]=4&consent[x][]=5&Consent[x]=6&a[b]=7&[]=8&[x]=9&a]=10"),
            pairs(&[
                ("a", "1"),
                ("a", "2"),
                ("a", "3"),
                ("consent.x", "4"),
                ("consent.x", "5"),
                ("Consent.x", "6"),
                ("a[b]", "7"),
                ("[]", "8"),
                ("[x]", "9"),
                ("a]", "10"),
            ])
        );
    }

    #[test]
    fn a_form_is_written_as_its_charset_says() {
        for body in [&b"_charset_=windows-1252&n=%C5sa+%80"[..], b"n=%C5sa%20\x80&_charset_=ISO-8859-1"] {
            assert_eq!(form(body), pairs(&[("n", "\u{c5}sa \u{20ac}")]));
        }
        assert_eq!(form("_charset_=utf-8&n=Åsa".as_bytes()), pairs(&[("n", "\u{c5}sa")]));
        assert_eq!(form(b"_charset_=&n=1"), pairs(&[("n", "1")]));
        assert_eq!(form(b"_charset_=shift_jis&n=%93%FA"), pairs(&[("n", "\u{65e5}")]));
        assert_eq!(decode(FORM, b"_charset_=x-none&n=1"), Err(Undecodable::MediaType));
    }

    #[test]
    fn what_is_packed_is_not_read() {
        assert!(is_plain(None) && is_plain(Some("")) && is_plain(Some("Identity, identity")));
        for coding in ["gzip", "br", "identity, gzip", "deflate", "zstd", "none"] {
            assert!(!is_plain(Some(coding)), "{coding}");
        }
    }

    #[test]
    fn a_nul_in_a_name_is_malformed_and_in_a_value_it_is_text() {
        assert!(matches!(decode(FORM, b"a%00=1"), Err(Undecodable::Malformed(_))));
        assert_eq!(form(b"a=%00"), pairs(&[("a", "\0")]));
    }

    #[test]
    fn a_hundred_fields_are_read_and_one_more_is_not() {
        assert_eq!(form("a=1&".repeat(100).as_bytes()).len(), 100);
        assert_eq!(decode(FORM, "a=1&".repeat(101).as_bytes()), Err(Undecodable::TooManyFields));
    }

    #[test]
    fn the_size_is_checked_before_anything_else() {
        let body = |bytes: usize| format!("a={}", "x".repeat(bytes - 2));
        assert!(decode(FORM, body(65_536).as_bytes()).is_ok());
        assert_eq!(decode(FORM, body(65_537).as_bytes()), Err(Undecodable::TooLarge));
        assert_eq!(decode(None, body(65_537).as_bytes()), Err(Undecodable::TooLarge));
    }

    #[test]
    fn media_types_are_matched_in_any_case_and_with_parameters() {
        for (content_type, encoding) in [
            ("application/x-www-form-urlencoded", Encoding::Urlencoded),
            ("Application/X-WWW-Form-Urlencoded; Charset=UTF-8", Encoding::Urlencoded),
            ("application/x-www-form-urlencoded;charset=us-ascii", Encoding::Urlencoded),
        ] {
            assert_eq!(
                decode(Some(content_type), b"").map(|fields| fields.encoding),
                Ok(encoding),
                "{content_type}"
            );
        }
        for content_type in [
            "application/json",
            "APPLICATION/JSON ;charset=\"utf-8\"",
            "application/ld+json",
            "application/vnd.example.v1+json; profile=x",
        ] {
            assert_eq!(
                decode(Some(content_type), b"{}").map(|fields| fields.encoding),
                Ok(Encoding::Json),
                "{content_type}"
            );
        }
    }

    #[test]
    fn other_media_types_and_charsets_are_refused() {
        for content_type in [
            None,
            Some(""),
            Some("text/plain"),
            Some("application/jsonp"),
            Some("application/+json"),
            Some("+json"),
            Some("json"),
            Some("application/xml"),
            Some("multipart/mixed; boundary=b"),
            Some("application/x-www-form-urlencoded; charset=iso-8859-1"),
            Some("application/json; charset=utf-16"),
            Some("multipart/form-data; boundary=b; charset=latin1"),
        ] {
            assert_eq!(decode(content_type, b"{}"), Err(Undecodable::MediaType), "{content_type:?}");
        }
    }
}
