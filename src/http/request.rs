//! HTTP requests as the core sees them: read once, with nothing of the platform.

use crate::base::header::weighted;

/// The methods that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Options,
    Other,
}

impl Method {
    /// Returns the name of the method; empty for those that are not supported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Options => "OPTIONS",
            Self::Other => "",
        }
    }
}

/// The body is larger than its address accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A request, read once.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The method. HEAD counts as GET; the platform drops the body.
    pub method: Method,
    /// The host, with its port if that is not the default.
    pub host: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without `?`, still percent-encoded.
    pub query: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Accept-Language`.
    pub accept_language: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Access-Control-Request-Headers`.
    pub requested_headers: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// The client's address, as the platform states it (`CF-Connecting-IP`). It is never stored.
    pub client_address: Option<String>,
    /// True if `Sec-GPC` is `1`: no other value counts (<https://www.w3.org/TR/gpc/>).
    pub gpc: bool,
    /// The body; empty if the method has none.
    pub body: Result<Vec<u8>, TooLarge>,
}

impl RawRequest {
    /// Checks whether the client prefers HTML to JSON (RFC 9110 section 12.5.1): the form post of a browser does, a
    /// script does not.
    pub fn prefers_html(&self) -> bool {
        let accepted = weighted(self.accept.as_deref().unwrap_or_default());
        // The most specific range counts.
        let weight = |names: [&str; 3]| {
            let of = |name: &str| {
                let ranges = accepted.iter().filter(|(range, _)| range.eq_ignore_ascii_case(name));
                ranges.map(|(_, weight)| *weight).max()
            };
            names.into_iter().find_map(of).unwrap_or(0)
        };
        weight(["text/html", "text/*", "*/*"]) > weight(["application/json", "application/*", "*/*"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers_html(accept: Option<&str>) -> bool {
        RawRequest {
            method: Method::Post,
            host: String::new(),
            path: String::new(),
            query: String::new(),
            content_type: None,
            accept: accept.map(str::to_owned),
            accept_language: None,
            content_encoding: None,
            requested_headers: None,
            origin: None,
            idempotency_key: None,
            authorization: None,
            client_address: None,
            gpc: false,
            body: Ok(Vec::new()),
        }
        .prefers_html()
    }

    #[test]
    fn a_browsers_form_prefers_html_and_a_script_does_not() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        assert!(prefers_html(Some(chrome)));
        assert!(prefers_html(Some("application/json;q=0.5, text/html;q=0.9")));
        assert!(prefers_html(Some("application/json;q=0.85, text/html")));
        assert!(prefers_html(Some("text/html;q=0.25, application/json;q=0.2")));
        assert!(prefers_html(Some("text/*")));
        assert!(prefers_html(Some("text/*;q=0.5, */*;q=0.1")));
        assert!(prefers_html(Some("TEXT/HTML;Q=0.5 , application/json; q=0.4")));
        assert!(prefers_html(Some("text/html, application/json;q=0, */*;q=0.9")));
        for script in [
            None,
            Some("*/*"),
            Some("application/json"),
            Some("text/html;q=0.1, application/json"),
            Some("text/html;q=0"),
            Some("text/html;q=0.5, */*;q=0.8"),
            Some("text/*;q=0.5, application/json"),
            Some("text/plain"),
        ] {
            assert!(!prefers_html(script), "{script:?}");
        }
    }
}
