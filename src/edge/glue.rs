//! The JavaScript beside the wasm: `glue.js`. A crossing between the two costs about a microsecond,
//! and one that waits ten.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::fault::Fault;
use crate::text::header_lines;

/// What [`head`] writes for a header that is not there.
pub const ABSENT: &str = "\0";

/// Headers as [`respond`] and [`send`] take them.
///
/// # Errors
/// One of them can stand in no header.
pub fn lines<N: AsRef<str>>(headers: &[(N, String)]) -> Result<String, Fault> {
    header_lines(headers).ok_or_else(|| Fault::new("a header that cannot be written"))
}

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    /// Method, URL, `content-length`, `content-type`, `content-encoding`, `accept`, `accept-language`, `origin`,
    /// `access-control-request-headers`, `idempotency-key`, `authorization`, `sec-gpc` and
    /// `cf-connecting-ip`, one a line.
    pub fn head(request: &web_sys::Request) -> String;

    /// A response with names and values of headers in turn, one a line.
    #[wasm_bindgen(catch)]
    pub fn respond(status: u16, headers: &str, body: &[u8]) -> Result<web_sys::Response, JsValue>;

    /// Resolves to what the ledger answers.
    #[wasm_bindgen(catch)]
    pub fn ask(namespace: &JsValue, object: &str, message: &str) -> Result<Promise, JsValue>;

    /// Resolves to the status, how many more requests it took, and the `Retry-After` where given, each on
    /// a line.
    #[wasm_bindgen(catch)]
    pub fn send(url: &str, headers: &str, body: &[u8], timeout_ms: u32) -> Result<Promise, JsValue>;

    /// Resolves to whether the limits that are bound take one more; nothing where none is bound.
    #[wasm_bindgen(js_name = withinLimits)]
    pub fn within_limits(env: &JsValue, campaign: &str, network: &str) -> Option<Promise>;

    /// Resolves to whether the limit of mails takes one more; nothing where it is not bound.
    #[wasm_bindgen(js_name = takesMoreMails)]
    pub fn takes_more_mails(env: &JsValue, network: &str) -> Option<Promise>;

    /// Resolves to the text that a form is answered with.
    #[wasm_bindgen(catch, js_name = postForm)]
    pub fn post_form(url: &str, form: &str, timeout_ms: u32, max_length: u32) -> Result<Promise, JsValue>;

    /// Resolves to whether a file is in the bucket; nothing where none is bound.
    #[wasm_bindgen(catch, js_name = hasFile)]
    pub fn has_file(env: &JsValue, key: &str) -> Result<Option<Promise>, JsValue>;

    /// Resolves to a response with a file of the bucket, or to nothing where it has gone.
    #[wasm_bindgen(catch, js_name = respondWithFile)]
    pub fn respond_with_file(
        env: &JsValue,
        key: &str,
        status: u16,
        headers: &str,
    ) -> Result<Promise, JsValue>;

    /// Resolves to the platform's answer with a static file; nothing where none are bound.
    #[wasm_bindgen(catch, js_name = fetchAsset)]
    pub fn fetch_asset(env: &JsValue, request: &web_sys::Request) -> Result<Option<Promise>, JsValue>;

    /// Resolves to the Ed25519 signature of a text, by a key of this id with these two halves in
    /// base64url.
    #[wasm_bindgen(catch)]
    pub fn sign(id: &str, seed: &str, public: &str, text: &str) -> Result<Promise, JsValue>;

    /// Keeps a statement's text; the number that names it from then on.
    pub fn prepare(statement: &str) -> u32;

    /// Runs a statement with a JSON array of arguments; its rows as JSON where there are any.
    #[wasm_bindgen(catch)]
    pub fn query(storage: &JsValue, statement: u32, arguments: &str) -> Result<Option<String>, JsValue>;

    /// Runs statements, a JSON array of pairs of number and arguments, in one transaction.
    #[wasm_bindgen(catch, js_name = writeAll)]
    pub fn write_all(storage: &JsValue, writes: &str) -> Result<(), JsValue>;

    /// Sets the object's alarm, without waiting for it.
    #[wasm_bindgen(catch, js_name = setAlarm)]
    pub fn set_alarm(storage: &JsValue, at_ms: f64) -> Result<(), JsValue>;

    /// Keeps a value in KV after the answer, for so many seconds.
    #[wasm_bindgen(catch)]
    pub fn remember(kv: &JsValue, key: &str, value: &str, ttl_s: u32) -> Result<(), JsValue>;
}
