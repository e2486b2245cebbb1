//! HTTP responses. Programs get JSON and problem details, people get pages; no other module knows status codes.

use serde_json::{Value, json};

/// The caching of the key set: minutes, so that a key that is replaced in a hurry is soon gone.
const KEY_SET_CACHING: &str = "public, max-age=300";

/// The media type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The key of a file in the bucket that is the body.
    pub file: Option<String>,
    /// True if the platform responds with its static file of that address, if it has one.
    pub is_asset: bool,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        // Proxies would otherwise change the words of a page, those of a consent among them.
        let caching = if content_type.starts_with(HTML) { "no-store, no-transform" } else { "no-store" };
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", caching.to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        Self { status, headers, body: body.into(), file: None, is_asset: false }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    /// Returns 200 with a text that is JSON.
    pub fn json_text(text: &str) -> Self {
        Self::new(200, "application/json", text)
    }

    /// Returns 303 to an address.
    pub fn redirect(address: String) -> Self {
        Self::new(303, "text/plain", "").with("location", address)
    }

    /// Returns 204, without content.
    pub fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), file: None, is_asset: false }
    }

    /// Returns 200: the consents of a person, with the signed receipts, for programs.
    pub fn receipts(consents: &[Value]) -> Self {
        Self::json(&json!({ "consents": consents }))
    }

    /// Returns 200: the public keys of receipts. They may be cached for a while; whoever meets an unknown key asks again.
    pub fn key_set(keys: &Value) -> Self {
        let mut response = Self::new(200, "application/jwk-set+json", keys.to_string());
        response.headers.retain(|(name, _)| *name != "cache-control");
        response.with("cache-control", KEY_SET_CACHING).with("access-control-allow-origin", "*")
    }
}
