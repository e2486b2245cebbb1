//! What Unicode and the URL standard say about a text: its normal form, its lower case, the ASCII
//! form of a domain, the parts of an address; and what may stand in a line or a header.
//!
//! In the Worker the JavaScript runtime answers, which has all of it built in; on the host the
//! crates `encoding_rs`, `icu_normalizer`, `idna` and `url` and the standard library do. Their tables and code
//! are a good 100 KB of gzip in the wasm, and a Worker's start-up time grows with its size. What
//! the two might judge differently is decided here, before or after them. Differences remain in
//! names that no registry gives out: the runtime is laxer with joiners and with letters of both
//! directions (RFC 5893).

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode;

/// Longer than any word: what is longer is none, and to compose it would take long. A run of marks takes time by
/// the square of its length.
const MAX_WORD_BYTES: usize = 8 * 1024;
/// Octets of a label (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// Octets of a name as text, without the root's dot: what fits the 255 of RFC 1035 section 2.3.4.
const MAX_DOMAIN_BYTES: usize = 253;

/// The text in normalization form C (UAX 15), so that one letter is one however it was typed.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { platform::nfc(text) }
}

/// The text in lower case by Unicode's rules.
pub fn lowercase(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { platform::lowercase(text) }
}

/// What bytes say in an encoding, by its label (WHATWG Encoding standard). None where the label names none.
pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
    platform::decode(label, bytes)
}

/// A domain name in lower case with A-labels, under UTS 46 as the URL standard applies it. None
/// for what the DNS cannot hold as a host's name: labels are 1 to 63 letters, digits and hyphens
/// with no hyphen at an end. None for a name whose last label is a number, which the URL standard
/// takes for an IPv4 address.
pub fn domain_to_ascii(domain: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    // Other ASCII is in no name, and would mean something in the address that the runtime parses.
    if !domain.chars().all(|c| plain(c) || !c.is_ascii()) {
        return None;
    }
    let lower = domain.to_ascii_lowercase();
    let has_a_label = lower.split('.').any(|label| label.starts_with("xn--"));
    let ascii = if lower.is_ascii() && !has_a_label { lower } else { platform::domain_to_ascii(domain)? };
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let fits = ascii.len() <= MAX_DOMAIN_BYTES && ascii.split('.').all(is_label);
    (fits && !ends_in_a_number(&ascii)).then_some(ascii)
}

/// Regions with their names in a language, in the order of its alphabet; on the host in that of the code points,
/// and in the languages that there are texts in.
pub fn regions(language: &str, codes: impl Iterator<Item = String>) -> Vec<(String, String)> {
    platform::regions(language, codes.collect())
}

/// The URL standard's ends-in-a-number checker, for a name without a trailing dot.
fn ends_in_a_number(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or(domain);
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is one line that is read in the order in which it is written: without control
/// characters, Unicode's own line breaks, and the overrides that make `exe.gpj` of `jpg.exe`.
pub fn is_one_line(text: &str) -> bool {
    let strange = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202d}' | '\u{202e}');
    !text.contains(strange)
}

/// The same of a longer text, in which tabs and line breaks are what they should be.
pub fn is_lines(text: &str) -> bool {
    text.split('\n').all(|line| is_one_line(&line.strip_suffix('\r').unwrap_or(line).replace('\t', " ")))
}

/// Whether a character is not seen, or moves others: zero widths, fillers, and all that steers directions.
#[inline(never)]
pub fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as it is compared, counted and kept: line breaks are one character, other control characters but
/// tabs are dropped, one letter is one however it was typed, and no blanks stand at its ends. Marks that are not
/// seen stay: what is written from right to left, and what is drawn of several, is made of them.
/// `web/lib/answers.js` does the same; `tests/data/answers.json` holds both to it.
pub fn tidy(text: &str) -> Cow<'_, str> {
    let is_dropped = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    let kept = text.trim_matches(is_blank);
    if kept.contains(is_dropped) {
        let kept = kept.replace("\r\n", "\n").replace('\r', "\n").replace(is_dropped, "");
        return nfc(kept.trim_matches(is_blank)).into_owned().into();
    }
    nfc(kept)
}

/// Whether a character says nothing at the end of a text.
#[inline(never)]
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The same of what has no use for what is not seen: an address, a number, a choice. A control character inside
/// of it stays, for it is a mistake there.
pub fn tidy_word(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.len() > MAX_WORD_BYTES {
        return text.trim().into();
    }
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    nfc(seen.trim()).into_owned().into()
}

/// Whether two texts have the same words: an `<option>` without a value loses line breaks and double blanks.
pub fn same_words(one: &str, other: &str) -> bool {
    let (one, other) = (tidy_word(one), tidy_word(other));
    one.split_whitespace().eq(other.split_whitespace())
}

/// A path or a token without what is no part of it at its end, percent-encoded or not: it ends in an ASCII letter, a
/// digit, a hyphen or an underscore.
pub fn without_tail(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut kept = text.trim_end_matches(|c| !is_part(c));
    while let Some((before, digits)) = kept.split_at_checked(kept.len().saturating_sub(2))
        && let Some(before) = before.strip_suffix('%')
        && let Ok(byte) = u8::from_str_radix(digits, 16)
        && !is_part(char::from(byte))
    {
        kept = before.trim_end_matches(|c| !is_part(c));
    }
    kept
}

/// What stands percent-encoded in a path's segment, in lower case.
pub fn decoded_lower(segment: &str) -> String {
    percent_decode(segment.as_bytes()).decode_utf8_lossy().to_ascii_lowercase()
}

/// Headers as names and values in turn, one a line. None where one of them can stand in no header (RFC 9110
/// section 5): a line break in it would begin another. Letters beyond ASCII are not sent either: runtimes
/// refuse those beyond Latin-1, and nobody agrees what the others mean.
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

/// What a header of preferences names (RFC 9110 section 12.4.2), each with its weight in thousandths, in the
/// order of the header.
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

/// A weight, which has three decimals at most. Read without floating point, whose parser is 12 KB of the wasm.
fn thousandths(weight: &str) -> u32 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    if whole == "0" { decimals.parse().unwrap_or(1_000) } else { 1_000 }
}

/// An absolute address, read as the URL standard reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress {
    href: String,
    scheme: String,
    host: String,
    origin: String,
    has_credentials: bool,
}

impl WebAddress {
    /// Reads an address; None where browsers would refuse it or it is relative.
    pub fn parse(text: &str) -> Option<Self> {
        platform::parse(text)
    }

    /// Reads what somebody typed for an address of a page: without a scheme it is one of https, where its host
    /// then is a name with a dot.
    pub fn typed(text: &str) -> Option<Self> {
        let read = Self::parse(text);
        // `firma.se:8080` seems to have a scheme.
        let has_none = read.as_ref().is_none_or(|address| address.scheme().contains('.'));
        let begins = text.split(['/', '?', '#']).next().unwrap_or_default();
        if !has_none || begins.ends_with(':') {
            return read;
        }
        let address = Self::parse(&format!("https://{}", text.strip_prefix("//").unwrap_or(text)))?;
        let host = address.host().trim_end_matches('.');
        let is_name = host.contains('.') && !ends_in_a_number(host);
        is_name.then_some(address)
    }

    /// The whole address as it was read: what is kept and sent, so that it means what was judged. Visible
    /// ASCII without blanks.
    pub fn href(&self) -> &str {
        &self.href
    }

    /// In lower case, without the colon.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host without a port, in lower case, as A-labels or a canonical IP address (IPv6 in
    /// brackets). Empty where the scheme has none.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Scheme, host and port where it is not the scheme's own; `null` for schemes without origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a user name or a password stands in it.
    pub fn has_credentials(&self) -> bool {
        self.has_credentials
    }

    /// Whether the host is an IP address, or a name of letters, digits, hyphens and underscores. The URL
    /// standard lets more through, which means something in a Content-Security-Policy: `;`, `*`, `'`, `,`.
    /// Underscores and hyphens mean nothing there, and names below those that providers give out have them
    /// wherever they like.
    pub fn is_at_a_host(&self) -> bool {
        if let Some(ip) = self.host.strip_prefix('[') {
            return ip.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
        }
        let name = self.host.strip_suffix('.').unwrap_or(&self.host);
        let is_label = |label: &str| {
            (1..=MAX_LABEL_BYTES).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        name.len() <= MAX_DOMAIN_BYTES && name.split('.').all(is_label)
    }

    /// Scheme, host and path alone.
    pub fn page(&self) -> String {
        let address = self.href.split(['?', '#']).next().unwrap_or_default();
        format!("{}/{}", self.origin, address.splitn(4, '/').nth(3).unwrap_or_default())
    }

    /// Whether it is http to this very machine, which only development may use.
    pub fn is_loopback_http(&self) -> bool {
        self.scheme == "http"
            && (matches!(self.host(), "localhost" | "[::1]")
                || self.host.ends_with(".localhost")
                || self.host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()))
    }
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use std::borrow::Cow;

    use js_sys::{Array, Intl, JsString, Object, Reflect};
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;
    use web_sys::{TextDecoder, Url};

    use super::WebAddress;

    pub fn nfc(text: &str) -> Cow<'_, str> {
        Cow::Owned(JsString::from(text).normalize("NFC").into())
    }

    pub fn lowercase(text: &str) -> String {
        JsString::from(text).to_lower_case().into()
    }

    #[wasm_bindgen]
    extern "C" {
        /// <https://tc39.es/ecma402/#intl-displaynames-objects>
        #[wasm_bindgen(js_namespace = Intl)]
        type DisplayNames;

        #[wasm_bindgen(constructor, js_namespace = Intl)]
        fn new(locale: &str, options: &Object) -> DisplayNames;

        #[wasm_bindgen(method)]
        fn of(this: &DisplayNames, code: &str) -> Option<String>;
    }

    pub fn regions(language: &str, codes: Vec<String>) -> Vec<(String, String)> {
        let options = Object::new();
        // A property of a new object can always be set.
        let _ = Reflect::set(&options, &"type".into(), &"region".into());
        let names = DisplayNames::new(language, &options);
        let mut named: Vec<_> =
            codes.into_iter().map(|code| (names.of(&code).unwrap_or_default(), code)).collect();
        let order = Intl::Collator::new(&Array::of1(&language.into()), &Object::new()).compare();
        named.sort_unstable_by(|(one, _), (other, _)| {
            let order = order.call2(&JsValue::NULL, &one.as_str().into(), &other.as_str().into());
            order.ok().and_then(|order| order.as_f64()).unwrap_or_default().total_cmp(&0.0)
        });
        named.into_iter().map(|(name, code)| (code, name)).collect()
    }

    pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        TextDecoder::new_with_label(label).ok()?.decode_with_u8_array(bytes).ok()
    }

    pub fn domain_to_ascii(domain: &str) -> Option<String> {
        Url::new(&format!("https://{domain}/")).ok().map(|url| url.hostname())
    }

    pub fn parse(text: &str) -> Option<WebAddress> {
        let url = Url::new(text).ok()?;
        Some(WebAddress {
            href: url.href(),
            scheme: url.protocol().trim_end_matches(':').to_owned(),
            host: url.hostname(),
            origin: url.origin(),
            has_credentials: !url.username().is_empty() || !url.password().is_empty(),
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod platform {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use encoding_rs::Encoding;
    use icu_normalizer::ComposingNormalizerBorrowed;
    use idna::AsciiDenyList;
    use url::Url;

    use super::WebAddress;

    pub fn nfc(text: &str) -> Cow<'_, str> {
        ComposingNormalizerBorrowed::new_nfc().normalize(text)
    }

    pub fn lowercase(text: &str) -> String {
        text.to_lowercase()
    }

    /// A line each, behind one that names the languages of its columns.
    const NAMES: &str = include_str!("country_names.txt");

    pub fn regions(language: &str, codes: Vec<String>) -> Vec<(String, String)> {
        let mut lines = NAMES.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let at = lines.next().and_then(|head| head.iter().position(|known| *known == language));
        let all: BTreeMap<_, _> = lines.filter_map(|line| Some((*line.first()?, *line.get(at?)?))).collect();
        let name = |code: &str| all.get(code).map_or_else(|| code.to_owned(), |name| (*name).to_owned());
        let mut named: Vec<_> = codes.into_iter().map(|code| (name(&code), code)).collect();
        named.sort_unstable();
        named.into_iter().map(|(name, code)| (code, name)).collect()
    }

    pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        Some(Encoding::for_label(label.as_bytes())?.decode(bytes).0.into_owned())
    }

    pub fn domain_to_ascii(domain: &str) -> Option<String> {
        idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok().map(Cow::into_owned)
    }

    pub fn parse(text: &str) -> Option<WebAddress> {
        let url = Url::parse(text).ok()?;
        Some(WebAddress {
            href: url.as_str().to_owned(),
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            origin: url.origin().ascii_serialization(),
            has_credentials: !url.username().is_empty()
                || url.password().is_some_and(|word| !word.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_is_one_however_it_was_typed() {
        assert_eq!(nfc("Ma\u{30a}rten"), "Mårten");
        assert!(matches!(nfc("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn letters_of_any_script_have_a_lower_case() {
        assert_eq!(lowercase("ÅNGSTRÖM Ltd"), "ångström ltd");
        assert_eq!(lowercase("ΌΣΟΣ"), "όσος");
    }

    #[test]
    fn a_domain_is_written_as_the_dns_holds_it() {
        for (domain, ascii) in [
            ("Example.COM", "example.com"),
            ("r3---sn.example", "r3---sn.example"),
            ("Blåbär.example", "xn--blbr-noae.example"),
            ("XN--blbr-noae.example", "xn--blbr-noae.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("FAẞ.DE", "xn--fa-hia.de"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("ｅｘａｍｐｌｅ.com", "example.com"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(domain_to_ascii(domain).as_deref(), Some(ascii), "{domain}");
        }
        for domain in [
            "",
            ".",
            "a..b",
            "a.",
            ".a",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b.c",
            "a/b.c",
            "a%62.c",
            "a:1",
            "a@b",
            "xn--a.example",
            "xn--.example",
            "\u{202e}a.example",
            "a\u{ff0f}b.example",
            "1.2.3.4",
            "0x7f.1",
            "example.0x",
            "例え.１",
            "[::1]",
        ] {
            assert_eq!(domain_to_ascii(domain), None, "{domain}");
        }
        let label = "b".repeat(63);
        assert!(domain_to_ascii(&label).is_some());
        assert!(domain_to_ascii(&format!("b{label}")).is_none());
    }

    #[test]
    fn an_address_has_the_parts_that_a_browser_sees() {
        let address = WebAddress::parse("HTTPS://Blåbär.example:443/path?q#f").unwrap();
        assert_eq!(address.scheme(), "https");
        assert_eq!(address.host(), "xn--blbr-noae.example");
        assert_eq!(address.origin(), "https://xn--blbr-noae.example");
        assert!(!address.has_credentials());
        assert!(WebAddress::parse("https://a:b@example.com").unwrap().has_credentials());
        assert!(WebAddress::parse("https://a@example.com").unwrap().has_credentials());
        assert_eq!(WebAddress::parse("http://[::0:1]:80").unwrap().host(), "[::1]");
        assert_eq!(WebAddress::parse("mailto:a@example.com").unwrap().origin(), "null");
        for text in ["", "example.com", "/path", "https://", "https://a b", "http://1.2.3.4.5"] {
            assert_eq!(WebAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_used_as_it_was_read() {
        for (text, href) in [
            ("https://www.example.com/thanks\n", "https://www.example.com/thanks"),
            ("https://www.example.com/ok\nset-cookie\r\na=1", "https://www.example.com/okset-cookiea=1"),
            ("https:host", "https://host/"),
            ("https:\\\\www.example.com\\a b", "https://www.example.com/a%20b"),
            (
                "https://www.example.com/\u{1}å?å#å\u{85}",
                "https://www.example.com/%01%C3%A5?%C3%A5#%C3%A5%C2%85",
            ),
        ] {
            let address = WebAddress::parse(text).unwrap();
            assert_eq!(address.href(), href, "{text:?}");
            assert!(header_lines(&[("location", href.to_owned())]).is_some());
        }
        let page = |text: &str| WebAddress::parse(text).unwrap().page();
        assert_eq!(page("https://a:b@www.example.com:8443/x/y?q#f"), "https://www.example.com:8443/x/y");
        assert_eq!(page("https://a:b@www.example.com"), "https://www.example.com/");
    }

    #[test]
    fn a_host_is_a_name_or_an_ip_address() {
        let is_at_a_host =
            |host: &str| WebAddress::parse(&format!("https://{host}/x")).unwrap().is_at_a_host();
        for host in [
            "www.example.com",
            "www.example.com.",
            "Blåbär.example:8443",
            "a_b.example.com",
            "a-.example.com",
            "localhost",
            "8.8.8.8",
            "0x7f.1",
            "[::1]",
            "[2606:4700::1111]:8443",
        ] {
            assert!(is_at_a_host(host), "{host}");
        }
        let label = "b".repeat(64);
        for host in [
            "a;script-src",
            "*.example.com",
            "x.example.com'",
            "a,b.example.com",
            "a\"b",
            "a$b",
            "a&b",
            "(a)",
            "a+b",
            "a=b",
            "a!b",
            "{a}",
            "a~b",
            "a`b",
            "a..b",
            "www.example.com..",
            &label,
        ] {
            assert!(!is_at_a_host(host), "{host}");
        }
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for text in ["", "Vår guide", "שלום\u{200f}", "👩\u{200d}🌾", " a "] {
            assert!(is_one_line(text) && is_lines(text), "{text:?}");
        }
        for text in ["a\tb", "a\nb", "a\r\nb\n"] {
            assert!(!is_one_line(text) && is_lines(text), "{text:?}");
        }
        for text in
            ["a\rb", "\0", "\u{1b}[2J", "\u{7f}", "\u{9b}31m", "\u{85}", "\u{2028}", "\u{202e}gnp.exe"]
        {
            assert!(!is_one_line(text) && !is_lines(text), "{text:?}");
        }
    }

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

    #[test]
    fn loopback_is_this_machine_over_http() {
        for text in ["http://localhost:8788/x", "http://127.0.0.1", "http://127.1:1", "http://[::1]:8788"] {
            assert!(WebAddress::parse(text).unwrap().is_loopback_http(), "{text}");
        }
        for text in
            ["https://localhost", "http://localhost.example", "http://128.0.0.1", "http://127.example"]
        {
            assert!(!WebAddress::parse(text).unwrap().is_loopback_http(), "{text}");
        }
    }
}
