//! The functions of `glue.js`, which Rust calls. A call from one language to the other costs about a microsecond.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::base::fault::Fault;
use crate::base::header::header_lines;

/// Writes headers for JavaScript: names and values in turn, one per line.
///
/// # Errors
/// A name or a value is not valid in a header.
pub fn lines<N: AsRef<str>>(headers: &[(N, String)]) -> Result<String, Fault> {
    header_lines(headers).ok_or_else(|| Fault::new("a header that cannot be written"))
}

#[wasm_bindgen(module = "/src/cloudflare/glue.js")]
extern "C" {
    /// Keeps a statement's text, and returns the number that names it from then on.
    pub fn prepare(statement: &str) -> u32;

    /// Runs a statement with a JSON array of arguments, their bytes beside it, and returns its rows as JSON; `None` if
    /// there are none.
    #[wasm_bindgen(catch)]
    pub fn query(
        storage: &JsValue,
        statement: u32,
        arguments: &str,
        bytes: &[u8],
    ) -> Result<Option<String>, JsValue>;

    /// Runs statements in one transaction, from a JSON array of pairs of number and arguments.
    #[wasm_bindgen(catch, js_name = writeAll)]
    pub fn write_all(storage: &JsValue, writes: &str, bytes: &[u8]) -> Result<(), JsValue>;

    /// Sets the object's alarm, without waiting for it.
    #[wasm_bindgen(catch, js_name = setAlarm)]
    pub fn set_alarm(storage: &JsValue, at_ms: f64) -> Result<(), JsValue>;
}
