//! Responses. Programs get JSON and problem details, people get pages: no room but this one knows HTTP's status
//! codes.

use serde_json::{Value, json};

/// Minutes, so that a key that is replaced in a hurry is soon gone.
const KEY_SET_CACHING: &str = "public, max-age=300";

/// The type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// The key of a file that is the body.
    pub file: Option<String>,
    /// Whether the platform's static file of that address is the answer, where it has one.
    pub is_asset: bool,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        // What stands between would change the words of a page, a consent's among them.
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

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    /// 200 with a JSON text that is ready.
    pub fn json_text(text: &str) -> Self {
        Self::new(200, "application/json", text)
    }

    /// 303: what was asked for is there.
    pub fn redirect(address: String) -> Self {
        Self::new(303, "text/plain", "").with("location", address)
    }

    /// 204.
    pub fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), file: None, is_asset: false }
    }

    /// What a person has agreed to, with the signed receipts, for programs.
    pub fn receipts(consents: &[Value]) -> Self {
        Self::json(&json!({ "consents": consents }))
    }

    /// The public keys of receipts. They may be kept for a while; who meets a key that is not among
    /// them asks again.
    pub fn key_set(keys: &Value) -> Self {
        let mut response = Self::new(200, "application/jwk-set+json", keys.to_string());
        response.headers.retain(|(name, _)| *name != "cache-control");
        response.with("cache-control", KEY_SET_CACHING).with("access-control-allow-origin", "*")
    }
}
