//! Web addresses and domain names, as the URL standard reads them.
//!
//! In the Worker the JavaScript runtime parses, on the host the crates `idna` and `url` do: see [`super::unicode`].
//! Differences remain in names that no registry gives out: the runtime is laxer with joiners and with letters of
//! both directions (RFC 5893).

use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode;

/// Octets of a label (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// Octets of a name as text, without the root's dot: those that fit into the 255 of RFC 1035 section 2.3.4.
const MAX_DOMAIN_BYTES: usize = 253;

/// An absolute URL, parsed by the URL standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress {
    href: String,
    scheme: String,
    host: String,
    origin: String,
    has_credentials: bool,
}

impl WebAddress {
    /// Parses a URL; `None` if browsers would refuse it, or it is relative.
    pub fn parse(text: &str) -> Option<Self> {
        platform::parse(text)
    }

    /// Parses what somebody typed for the URL of a page: without a scheme it is https, if the host then is a name with a dot.
    pub fn parse_lenient(text: &str) -> Option<Self> {
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

    /// Returns the URL in its normal form, for storing and sending: so what is used is what was checked. Visible ASCII
    /// without white space.
    pub fn href(&self) -> &str {
        &self.href
    }

    /// Returns the scheme in lower case, without the colon.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host without a port, in lower case, as A-labels or a canonical IP address (IPv6 in brackets). Empty if
    /// the scheme has none.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns scheme, host and port, the latter if it is not the default; `null` for schemes without origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether it contains a user name or a password.
    pub fn has_credentials(&self) -> bool {
        self.has_credentials
    }

    /// Returns whether the host is an IP address, or a name of letters, digits, hyphens and underscores. The URL standard
    /// allows more, which has a meaning in a Content-Security-Policy: `;`, `*`, `'`, `,`. Underscores and hyphens have none
    /// there, and subdomains have them anywhere.
    pub fn has_valid_host(&self) -> bool {
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

    /// Returns scheme, host and path only.
    pub fn page(&self) -> String {
        let address = self.href.split(['?', '#']).next().unwrap_or_default();
        format!("{}/{}", self.origin, address.splitn(4, '/').nth(3).unwrap_or_default())
    }

    /// Returns whether it is http to this machine, which only development may use.
    pub fn is_loopback_http(&self) -> bool {
        self.scheme == "http"
            && (matches!(self.host(), "localhost" | "[::1]")
                || self.host.ends_with(".localhost")
                || self.host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()))
    }
}

/// Returns a domain name in lower case with A-labels, by UTS 46 as the URL standard applies it. `None` if it cannot be the
/// name of a host in the DNS: labels are 1 to 63 letters, digits and hyphens, with no hyphen at an end. `None` if its last
/// label is a number, for then the URL standard takes it for an IPv4 address.
pub fn domain_to_ascii(domain: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    // Other ASCII is in no name, and would have a meaning in the URL that the runtime parses.
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

/// Returns whether a name without a trailing dot ends in a number, by the URL standard's ends-in-a-number checker.
fn ends_in_a_number(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or(domain);
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Trims from the end of a path or a token what a mail program or a person added, percent-encoded or not: it ends in an
/// ASCII letter, a digit, a hyphen or an underscore.
pub fn trim_trailing_punctuation(text: &str) -> &str {
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

/// Decodes the percent-encoding of a path segment, and converts to lower case.
pub fn decoded_lower(segment: &str) -> String {
    percent_decode(segment.as_bytes()).decode_utf8_lossy().to_ascii_lowercase()
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use web_sys::Url;

    use super::WebAddress;

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

    use idna::AsciiDenyList;
    use url::Url;

    use super::WebAddress;

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
    use crate::base::header::header_lines;

    #[test]
    fn a_domain_is_written_as_in_the_dns() {
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
    fn an_address_is_used_in_its_normal_form() {
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
        let has_valid_host =
            |host: &str| WebAddress::parse(&format!("https://{host}/x")).unwrap().has_valid_host();
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
            assert!(has_valid_host(host), "{host}");
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
            assert!(!has_valid_host(host), "{host}");
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
