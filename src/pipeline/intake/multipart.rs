//! Bodies of `multipart/form-data` (RFC 7578 on RFC 2046 section 5.1.1), as browsers write them: text parts only,
//! lines ended by CRLF.

use super::fields::{Entries, Undecodable};
use super::mime::HeaderValue;
use crate::campaign::Raw;

/// The most characters of a boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// The most bytes of a part's headers. A disposition with a long name and a type take some 200; a file name of 255
/// characters of four bytes each fits as well, so that it gets the right error.
const MAX_PART_HEADER_BYTES: usize = 2048;

/// Decodes the text parts of a body into entries. An empty file part, which browsers send for an empty file input,
/// is ignored.
///
/// # Errors
/// `Malformed` for a body that is not of this form, and for a part that holds a file; `MediaType` for a part that is
/// not UTF-8 text, or has a transfer encoding; `TooManyFields` from the entries.
pub(super) fn decode(
    boundary: Option<&str>,
    body: &[u8],
    decoded: &dyn Fn(&[u8]) -> String,
    entries: &mut Entries,
) -> Result<(), Undecodable> {
    let boundary = boundary
        .filter(|boundary| is_boundary(boundary))
        .ok_or(Undecodable::Malformed("the multipart boundary is missing or invalid"))?;
    let delimiter = format!("\r\n--{boundary}");
    // Without a preamble the first boundary has no line end before it.
    let mut rest = body
        .strip_prefix(delimiter.trim_start().as_bytes())
        .or_else(|| split_once(body, delimiter.as_bytes()).map(|(_, rest)| rest))
        .ok_or(Undecodable::Malformed("the multipart boundary is not in the body"))?;

    while !closes(rest) {
        let after = without_padding(rest)
            .strip_prefix(b"\r\n")
            .ok_or(Undecodable::Malformed("a multipart boundary is not followed by CRLF"))?;
        let part;
        (part, rest) = split_once(after, delimiter.as_bytes())
            .ok_or(Undecodable::Malformed("the multipart body has no closing boundary"))?;
        if let Some((name, text)) = text_part(part, decoded)? {
            entries.push(&name, Raw::Text(text))?;
        }
    }
    Ok(())
}

/// Checks whether the text after a boundary makes it the last one. An epilogue is ignored.
fn closes(after_boundary: &[u8]) -> bool {
    after_boundary
        .strip_prefix(b"--")
        .map(without_padding)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\r\n"))
}

/// Skips the blanks that may stand between a boundary and its line end (RFC 2046, transport padding).
fn without_padding(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    bytes.get(blanks..).unwrap_or_default()
}

/// Checks a boundary by the grammar of RFC 2046: 1 to 70 characters of a set, not ending with a space.
fn is_boundary(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=MAX_BOUNDARY).contains(&text.len()) && !text.ends_with(' ') && text.bytes().all(allowed)
}

/// Returns the name and the text of a part; `None` for a file part without content.
fn text_part(
    part: &[u8],
    decoded: &dyn Fn(&[u8]) -> String,
) -> Result<Option<(String, String)>, Undecodable> {
    let (headers, content) = split_once(part, b"\r\n\r\n")
        .ok_or(Undecodable::Malformed("a multipart part has no headers or no empty line after them"))?;
    if headers.len() > MAX_PART_HEADER_BYTES {
        return Err(Undecodable::Malformed("the headers of a multipart part are too long"));
    }
    let headers = Headers::read(&decoded(headers))?;
    let disposition = headers
        .disposition
        .filter(|disposition| disposition.essence == "form-data")
        .ok_or(Undecodable::Malformed("a multipart part is not form-data"))?;
    if ["filename", "filename*"].iter().any(|name| disposition.parameter(name).is_some()) {
        return match content {
            [] => Ok(None),
            _ => Err(Undecodable::Malformed("file parts are not accepted")),
        };
    }
    let name = disposition.parameter("name").ok_or(Undecodable::Malformed("a multipart part has no name"))?;
    if headers.content_type.is_some_and(|kind| !kind.essence.starts_with("text/") || !kind.is_utf8()) {
        return Err(Undecodable::MediaType);
    }
    Ok(Some((unescaped(name), decoded(content))))
}

/// The relevant headers; the others are ignored by RFC 7578 section 4.8.
#[derive(Default)]
struct Headers {
    disposition: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
}

impl Headers {
    fn read(text: &str) -> Result<Self, Undecodable> {
        let mut headers = Self::default();
        for line in text.split("\r\n") {
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
                .filter(|(_, value)| !value.contains(['\r', '\n']))
                .ok_or(Undecodable::Malformed("a header of a multipart part is not well formed"))?;
            let slot = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => &mut headers.disposition,
                "content-type" => &mut headers.content_type,
                "content-transfer-encoding" => {
                    let plain = ["7bit", "8bit", "binary"]
                        .iter()
                        .any(|plain| value.trim().eq_ignore_ascii_case(plain));
                    if !plain {
                        return Err(Undecodable::MediaType);
                    }
                    continue;
                }
                _ => continue,
            };
            if slot.replace(HeaderValue::parse(value)).is_some() {
                return Err(Undecodable::Malformed("a multipart part has a header twice"));
            }
        }
        Ok(headers)
    }
}

/// Undoes the escapes of browsers in a name: quotes and line ends, and nothing else (HTML standard,
/// multipart/form-data encoding algorithm).
fn unescaped(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.strip_prefix(separator)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::intake::{Encoding, MAX_FIELDS, decode};

    const B: &str = "multipart/form-data; boundary=b";

    /// Decodes a body whose `\n` are written as CRLF.
    fn multipart(content_type: &str, body: &str) -> Result<Vec<(String, String)>, Undecodable> {
        bytes(content_type, body.replace('\n', "\r\n").as_bytes())
    }

    fn bytes(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Undecodable> {
        let fields = decode(Some(content_type), body)?;
        assert_eq!(fields.encoding, Encoding::Multipart);
        let text = |value| match value {
            Raw::Text(text) => text,
            other => panic!("{other:?}"),
        };
        Ok(fields.entries.into_iter().map(|entry| (entry.name, text(entry.value))).collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Result<Vec<(String, String)>, Undecodable> {
        Ok(expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    fn part(headers: &str, content: &str) -> String {
        format!("--b\n{headers}\n\n{content}\n--b--\n")
    }

    #[test]
    fn what_a_browser_sends_is_read() {
        let body = "------WebKitFormBoundaryX1\nContent-Disposition: form-data; name=\"email\"\n\nkari+x@example.com\n\
            ------WebKitFormBoundaryX1\nContent-Disposition: form-data; name=\"note\"\n\nline one\n\nlinje två\n\
            ------WebKitFormBoundaryX1\nContent-Disposition: form-data; name=\"email\"\n\n\n\
            ------WebKitFormBoundaryX1--\n";
        assert_eq!(
            multipart("multipart/form-data; boundary=----WebKitFormBoundaryX1", body),
            pairs(&[("email", "kari+x@example.com"), ("note", "line one\r\n\r\nlinje två"), ("email", "")])
        );
    }

    #[test]
    fn a_boundary_is_bare_or_quoted_and_at_most_70_characters() {
        let body = |boundary: &str| {
            format!("--{boundary}\nContent-Disposition: form-data; name=a\n\n1\n--{boundary}--")
        };
        for (parameter, boundary) in [
            ("b", "b"),
            ("\"b\"", "b"),
            ("\"a b'()+_,-./:=?c\"", "a b'()+_,-./:=?c"),
            ("gc0pJq0M:08jU534c0p; charset=utf-8", "gc0pJq0M:08jU534c0p"),
            (&"x".repeat(70), &"x".repeat(70)),
        ] {
            let content_type = format!("multipart/form-data; boundary={parameter}");
            assert_eq!(multipart(&content_type, &body(boundary)), pairs(&[("a", "1")]), "{parameter}");
        }
        let refused = Err(Undecodable::Malformed("the multipart boundary is missing or invalid"));
        for content_type in [
            "multipart/form-data".to_owned(),
            "multipart/form-data; boundary=".to_owned(),
            "multipart/form-data; boundary=\"b \"".to_owned(),
            "multipart/form-data; boundary=\"b;\"".to_owned(),
            "multipart/form-data; boundary=å".to_owned(),
            format!("multipart/form-data; boundary={}", "x".repeat(71)),
        ] {
            assert_eq!(multipart(&content_type, &body("b")), refused, "{content_type}");
        }
    }

    #[test]
    fn preamble_epilogue_and_padding_are_passed_over() {
        let body = "A preamble with --b in a line\n--b \t\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b--  \nAn epilogue\n--b\n";
        assert_eq!(multipart(B, body), pairs(&[("a", "1")]));
    }

    #[test]
    fn a_form_without_fields_is_empty() {
        assert_eq!(multipart(B, "--b--\n"), pairs(&[]));
        assert_eq!(multipart(B, "--b--"), pairs(&[]));
    }

    #[test]
    fn a_body_that_is_cut_off_is_malformed() {
        let whole = part("Content-Disposition: form-data; name=\"a\"", "12").replace('\n', "\r\n");
        assert_eq!(bytes(B, whole.as_bytes()), pairs(&[("a", "12")]));
        let closing = whole.len() - "\r\n".len();
        for end in 0..closing {
            assert!(matches!(bytes(B, &whole.as_bytes()[..end]), Err(Undecodable::Malformed(_))), "{end}");
        }
    }

    #[test]
    fn bare_line_feeds_are_malformed() {
        let body = part("Content-Disposition: form-data; name=\"a\"", "1");
        assert!(matches!(bytes(B, body.as_bytes()), Err(Undecodable::Malformed(_))));
        let mixed = body.replace('\n', "\r\n").replace("\r\n\r\n", "\n\n");
        assert!(matches!(bytes(B, mixed.as_bytes()), Err(Undecodable::Malformed(_))));
        // In a value they are text.
        assert_eq!(
            bytes(B, b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\n--b\n2\r\n--b--"),
            pairs(&[("a", "1\n--b\n2")])
        );
    }

    #[test]
    fn a_line_that_begins_with_the_boundary_is_malformed() {
        let body = "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--bc\n2\n--b--";
        assert_eq!(
            multipart(B, body),
            Err(Undecodable::Malformed("a multipart boundary is not followed by CRLF"))
        );
    }

    #[test]
    fn names_are_unescaped_as_browsers_escape_them() {
        for (written, name) in [
            ("\"a%22b%0D%0Ac\"", "a\"b\r\nc"),
            ("\"a%20b%25\"", "a%20b%25"),
            ("\"a\\\"b\"", "a\"b"),
            ("\"a;b\"", "a;b"),
            ("\"\"", ""),
            ("plain", "plain"),
            ("\"företag\"", "företag"),
        ] {
            let headers = format!("content-disposition:form-data; NAME={written}");
            assert_eq!(multipart(B, &part(&headers, "1")), pairs(&[(name, "1")]), "{written}");
        }
    }

    #[test]
    fn an_empty_file_input_is_ignored_and_a_file_is_refused() {
        let file = "Content-Disposition: form-data; name=\"cv\"; filename=\"\"\nContent-Type: application/octet-stream";
        assert_eq!(multipart(B, &part(file, "")), pairs(&[]));
        let refused = Err(Undecodable::Malformed("file parts are not accepted"));
        assert_eq!(multipart(B, &part(file, "x")), refused);
        let named =
            "Content-Disposition: form-data; name=\"cv\"; filename=\"cv.txt\"\nContent-Type: text/plain";
        assert_eq!(multipart(B, &part(named, "x")), refused);
        let extended = "Content-Disposition: form-data; name=\"cv\"; filename*=UTF-8''cv.txt";
        assert_eq!(multipart(B, &part(extended, "x")), refused);
    }

    #[test]
    fn only_utf8_text_parts_are_read() {
        let typed = |kind: &str| {
            part(&format!("Content-Disposition: form-data; name=\"a\"\nContent-Type: {kind}"), "1")
        };
        for kind in ["text/plain", "text/plain; charset=UTF-8", "TEXT/Plain;charset=us-ascii"] {
            assert_eq!(multipart(B, &typed(kind)), pairs(&[("a", "1")]), "{kind}");
        }
        for kind in ["text/plain; charset=iso-8859-1", "application/json", "multipart/mixed; boundary=c", ""]
        {
            assert_eq!(multipart(B, &typed(kind)), Err(Undecodable::MediaType), "{kind}");
        }
    }

    #[test]
    fn transfer_encodings_that_change_the_bytes_are_refused() {
        let coded = |coding: &str| {
            part(
                &format!("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: {coding}"),
                "MQ==",
            )
        };
        assert_eq!(multipart(B, &coded("8bit")), pairs(&[("a", "MQ==")]));
        for coding in ["base64", "quoted-printable", "x"] {
            assert_eq!(multipart(B, &coded(coding)), Err(Undecodable::MediaType), "{coding}");
        }
    }

    #[test]
    fn broken_headers_are_malformed() {
        for headers in [
            "",
            "Content-Type: text/plain",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; x=\"name=a\"",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\nContent-Disposition: form-data; name=\"b\"",
            "Content-Disposition: form-data;\n name=\"a\"",
            "Content-Disposition form-data; name=\"a\"",
            "Content-Disposition : form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\0\"",
        ] {
            assert!(
                matches!(multipart(B, &part(headers, "1")), Err(Undecodable::Malformed(_))),
                "{headers:?}"
            );
        }
        let long =
            |bytes: usize| format!("Content-Disposition: form-data; name=\"{}\"", "n".repeat(bytes - 39));
        assert_eq!(long(2048).len(), 2048);
        assert!(multipart(B, &part(&long(2048), "1")).is_ok());
        assert!(matches!(multipart(B, &part(&long(2049), "1")), Err(Undecodable::Malformed(_))));
    }

    #[test]
    fn text_that_is_not_utf8_is_replaced() {
        assert_eq!(
            bytes(B, b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\xc5sa\r\n--b--"),
            pairs(&[("a", "\u{fffd}sa")])
        );
    }

    #[test]
    fn a_hundred_parts_are_read_and_one_more_is_not() {
        let body = |parts: usize| {
            format!("{}--b--", "--b\nContent-Disposition: form-data; name=a\n\n1\n".repeat(parts))
        };
        assert_eq!(multipart(B, &body(MAX_FIELDS)).map(|entries| entries.len()), Ok(100));
        assert_eq!(multipart(B, &body(MAX_FIELDS + 1)), Err(Undecodable::TooManyFields));
    }

    #[test]
    fn no_body_makes_the_decoder_panic() {
        // A small generator of its own (xorshift), so that a failure repeats.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).unwrap() % bound
        };
        let pieces = [
            "--b",
            "--b--",
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            "-",
            " ",
            "Content-Disposition: form-data; name=\"a\"",
            "Content-Type: text/plain",
            "Content-Disposition:",
            "; filename=\"\"",
            ";",
            "=",
            "\"",
            "\\",
            ":",
            "å",
            "x",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\"a\"",
            "null",
            "1e5",
            "%",
            "&",
            "+",
            "\0",
        ];
        for _ in 0..20_000 {
            let text: String = (0..next(30)).map(|_| pieces[next(pieces.len())]).collect();
            for content_type in [B, "application/json", "application/x-www-form-urlencoded", &text] {
                let _ = decode(Some(content_type), text.as_bytes());
            }
        }
    }
}
