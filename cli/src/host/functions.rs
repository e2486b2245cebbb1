//! The functions of `node.js`. What they throw is a text: the name of the error as POSIX has it, a space, and words.

use wasm_bindgen::prelude::{Closure, JsValue, wasm_bindgen};

#[wasm_bindgen(module = "/src/host/node.js")]
extern "C" {
    pub fn variable(name: &str) -> Option<String>;
    /// Returns names and values, as a JSON array of pairs.
    pub fn variables() -> String;
    #[wasm_bindgen(catch)]
    pub fn read(file: &str) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(catch, js_name = writeNew)]
    pub fn write_new(file: &str, text: &str, is_private: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub fn rename(from: &str, to: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub fn remove(file: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub fn resolve(file: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(catch, js_name = readInput)]
    pub fn read_input() -> Result<String, JsValue>;
    #[wasm_bindgen(catch, js_name = readLine)]
    pub fn read_line() -> Result<String, JsValue>;
    #[wasm_bindgen(js_name = isTerminal)]
    pub fn is_terminal(stream: u8) -> bool;
    #[wasm_bindgen(catch)]
    pub fn output(text: &str) -> Result<(), JsValue>;
    pub fn error(text: &str);
    pub fn exit(code: u8);
    #[wasm_bindgen(js_name = processId)]
    pub fn process_id() -> u32;
    #[wasm_bindgen(js_name = nowMs)]
    pub fn now_ms() -> f64;
    pub fn sleep(ms: f64);
    /// Takes a request as JSON, and returns the response as JSON.
    #[wasm_bindgen(catch)]
    pub fn ask(request: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(catch)]
    pub fn serve(
        port: u16,
        ready: Closure<dyn FnMut(u16)>,
        handle: Closure<dyn FnMut(u16, String, String, String, Vec<u8>) -> String>,
    ) -> Result<(), JsValue>;
}
