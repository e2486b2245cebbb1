//! Values of MIME headers: `text/html; charset=utf-8`, `form-data; name="email"`.

/// A header's value with its parameters.
pub struct HeaderValue {
    /// The part before the first semicolon: trimmed, lower case.
    pub essence: String,
    parameters: Vec<(String, String)>,
}

impl HeaderValue {
    /// Parses a header's value. It never fails: what is not a parameter is skipped, as browsers do (WHATWG MIME
    /// Sniffing, parse a MIME type). In quotes a backslash escapes a quote or a backslash, as RFC 2045 says, and
    /// stands for itself everywhere else, as browsers write it.
    pub fn parse(value: &str) -> Self {
        let (essence, mut rest) = value.split_once(';').unwrap_or((value, ""));
        let mut parameters = Vec::new();
        while !rest.is_empty() {
            let Some(at) = rest.find([';', '=']) else { break };
            let (name, tail) = rest.split_at_checked(at).unwrap_or_default();
            let Some(tail) = tail.strip_prefix('=') else {
                rest = tail.strip_prefix(';').unwrap_or_default();
                continue;
            };
            let value;
            (value, rest) = match tail.trim_start().strip_prefix('"') {
                Some(quoted) => quoted_value(quoted),
                None => {
                    let (bare, rest) = tail.split_once(';').unwrap_or((tail, ""));
                    (bare.trim().to_owned(), rest)
                }
            };
            parameters.push((name.trim().to_ascii_lowercase(), value));
        }
        Self { essence: essence.trim().to_ascii_lowercase(), parameters }
    }

    /// Returns the value of a parameter by its name in lower case; of several the first counts.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Checks that text of this type is UTF-8: no charset is stated, or UTF-8, or its subset ASCII.
    pub fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(is_utf8)
    }
}

/// Checks that a charset is UTF-8, or its subset ASCII.
pub fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"].iter().any(|label| charset.eq_ignore_ascii_case(label))
}

/// Returns the value up to the closing quote, or the end if there is none, and the text after the next semicolon.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' if chars.as_str().starts_with(['"', '\\']) => value.extend(chars.next()),
            _ => value.push(next),
        }
    }
    let (_, rest) = chars.as_str().split_once(';').unwrap_or_default();
    (value, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bare_or_quoted_in_any_case() {
        let value =
            HeaderValue::parse(" Text/HTML ; Charset = UTF-8;boundary=\"a;b=c\" ; x=\"1\" junk; flag; y=2");
        assert_eq!(value.essence, "text/html");
        assert_eq!(value.parameter("charset"), Some("UTF-8"));
        assert_eq!(value.parameter("boundary"), Some("a;b=c"));
        assert_eq!(value.parameter("x"), Some("1"));
        assert_eq!(value.parameter("flag"), None);
        assert_eq!(value.parameter("y"), Some("2"));
    }

    #[test]
    fn the_first_of_repeated_parameters_counts() {
        assert_eq!(HeaderValue::parse("a/b;c=1;c=2").parameter("c"), Some("1"));
    }

    #[test]
    fn a_backslash_escapes_quotes_and_itself_alone() {
        let value = HeaderValue::parse(r#"form-data; name="a\"b\\c\d""#);
        assert_eq!(value.parameter("name"), Some(r#"a"b\c\d"#));
    }

    #[test]
    fn broken_values_end_somewhere() {
        for text in ["", ";", ";;;", "=", "a/b;=", "a/b;c=\"", "a/b;c=\"\\", "a/b;\"", "å;å=å"] {
            let _ = HeaderValue::parse(text);
        }
        assert_eq!(HeaderValue::parse("a/b; c=\"open").parameter("c"), Some("open"));
    }

    #[test]
    fn only_utf8_and_its_subset_are_read() {
        for text in
            ["a/b", "a/b;charset=utf-8", "a/b;charset=\"UTF-8\"", "a/b;charset=utf8", "a/b;charset=US-ASCII"]
        {
            assert!(HeaderValue::parse(text).is_utf8(), "{text}");
        }
        for text in [
            "a/b;charset=iso-8859-1",
            "a/b;charset=utf-16",
            "a/b;charset=",
            "a/b;charset=latin1;charset=utf-8",
        ] {
            assert!(!HeaderValue::parse(text).is_utf8(), "{text}");
        }
    }
}
