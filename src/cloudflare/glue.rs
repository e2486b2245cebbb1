//! The JavaScript beside the wasm that Rust calls: `glue.js`. A crossing between the two costs about a
//! microsecond.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::base::fault::Fault;
use crate::base::header::header_lines;

/// Headers as JavaScript takes them: names and values in turn, one a line.
///
/// # Errors
/// One of them can stand in no header.
pub fn lines<N: AsRef<str>>(headers: &[(N, String)]) -> Result<String, Fault> {
    header_lines(headers).ok_or_else(|| Fault::new("a header that cannot be written"))
}

#[wasm_bindgen(module = "/src/cloudflare/glue.js")]
extern "C" {
    /// Keeps a statement's text; the number that names it from then on.
    pub fn prepare(statement: &str) -> u32;

    /// Runs a statement with a JSON array of arguments, their bytes beside it; its rows as JSON where there
    /// are any.
    #[wasm_bindgen(catch)]
    pub fn query(
        storage: &JsValue,
        statement: u32,
        arguments: &str,
        bytes: &[u8],
    ) -> Result<Option<String>, JsValue>;

    /// Runs statements, a JSON array of pairs of number and arguments, in one transaction.
    #[wasm_bindgen(catch, js_name = writeAll)]
    pub fn write_all(storage: &JsValue, writes: &str, bytes: &[u8]) -> Result<(), JsValue>;

    /// Sets the object's alarm, without waiting for it.
    #[wasm_bindgen(catch, js_name = setAlarm)]
    pub fn set_alarm(storage: &JsValue, at_ms: f64) -> Result<(), JsValue>;
}
