//! HTTP header fields: values that may be sent, and preferences with weights.

/// Joins headers to lines, names and values in turn. `None` if one of them is not allowed in a header (RFC 9110 section 5):
/// a line break would begin another header. Letters beyond ASCII are refused too: runtimes refuse those beyond Latin-1,
/// and the encoding of the others is not agreed.
pub fn header_lines<N: AsRef<str>>(headers: &[(N, String)]) -> Option<String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_value = |value: &str| value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let mut lines = Vec::new();
    for (name, value) in headers {
        if !is_name(name.as_ref()) || !is_value(value) {
            return None;
        }
        lines.extend([name.as_ref(), value]);
    }
    Some(lines.join("\n"))
}

/// Parses a header of preferences (RFC 9110 section 12.4.2): its values with their weights in thousandths, in the order of
/// the header.
pub fn weighted(header: &str) -> Vec<(&str, u32)> {
    let read = |one: &'_ str| -> Option<u32> {
        let (key, weight) = one.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| thousandths(weight.trim()))
    };
    let mut found = Vec::new();
    for range in header.split(',') {
        let mut parts = range.split(';');
        let name = parts.next().unwrap_or_default().trim();
        found.push((name, parts.find_map(read).unwrap_or(1_000)));
    }
    found
}

/// Parses a weight of up to three decimals. Without floating point, whose parser is 12 KB of the wasm.
fn thousandths(weight: &str) -> u32 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    if whole == "0" { decimals.parse().unwrap_or(1_000) } else { 1_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_makes_no_other() {
        let one = |name: &str, value: &str| {
            header_lines(&[(name, value.to_owned()), ("vary", "Origin".to_owned())])
        };
        assert_eq!(one("location", "https://a/ b").as_deref(), Some("location\nhttps://a/ b\nvary\nOrigin"));
        assert!(one("x-empty", "").is_some());
        for value in ["a\n", "a\nset-cookie\nb=1", "a\r\nb", "a\tb", "\0", "\u{7f}", "\u{85}", "å", "✓"] {
            assert_eq!(one("location", value), None, "{value:?}");
        }
        for name in ["", "a b", "a:", "a\n", "å"] {
            assert_eq!(one(name, "a"), None, "{name:?}");
        }
    }
}
