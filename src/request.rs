//! A request as the core sees it: what the edge read once, with nothing of the platform.

/// The methods that something here answers.
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
    /// As HTTP names it; nothing for those that nothing here answers.
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

/// The body is larger than its address reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A request, read once.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The method. HEAD counts as GET; the platform drops the body.
    pub method: Method,
    /// The host that was asked, with its port where it is not the scheme's own.
    pub host: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What follows `?`, still percent-encoded.
    pub query: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Accept-Language`.
    pub accept_language: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// The address that the request came from, as the platform states it (`CF-Connecting-IP`). Never kept.
    pub client_address: Option<String>,
    /// Whether `Sec-GPC` is `1`: no other value counts (<https://www.w3.org/TR/gpc/>).
    pub gpc: bool,
    /// Empty where the method has none.
    pub body: Result<Vec<u8>, TooLarge>,
}

impl RawRequest {
    /// Whether the client would rather have HTML than JSON (RFC 9110 section 12.5.1): a browser's
    /// form post, not a script's.
    pub fn prefers_html(&self) -> bool {
        let accept = self.accept.as_deref().unwrap_or_default();
        let weight = |media: &str| {
            let ranges = accept.split(',').map(|range| range.split(';').map(str::trim));
            ranges
                .filter_map(|mut range| {
                    let name = range.next()?;
                    let q = range.find_map(|parameter| parameter.strip_prefix("q="));
                    name.eq_ignore_ascii_case(media).then(|| q.map_or(1_000, thousandths))
                })
                .max()
                .unwrap_or(0)
        };
        weight("text/html") > weight("application/json")
    }
}

/// A weight (RFC 9110 section 12.4.2), which has three decimals at most. Read without floating
/// point, whose parser is 12 KB of the wasm.
fn thousandths(weight: &str) -> u32 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    if whole == "0" { decimals.parse().unwrap_or(1_000) } else { 1_000 }
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
        for script in [
            None,
            Some("*/*"),
            Some("application/json"),
            Some("text/html;q=0.1, application/json"),
            Some("text/html;q=0"),
        ] {
            assert!(!prefers_html(script), "{script:?}");
        }
    }
}
