//! Node around the wasm, by the functions of `node.js`. They wait for what they do, as the command line does.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use wasm_bindgen::prelude::{Closure, JsValue, wasm_bindgen};

use super::functions as js;
use super::shapes::{Answer, Call, Readers, Refusal, Request, Response, Stream, Unreachable};

impl From<JsValue> for Refusal {
    fn from(thrown: JsValue) -> Self {
        let text = words(thrown);
        let (code, words) = text.split_once(' ').unwrap_or((text.as_str(), ""));
        Self::of_code(code, words.to_owned())
    }
}

fn words(thrown: JsValue) -> String {
    thrown.as_string().unwrap_or_else(|| format!("{thrown:?}"))
}

fn name(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

/// Returns a variable of the environment, unless it is absent or empty.
pub fn variable(name: &str) -> Option<String> {
    js::variable(name).filter(|value| !value.is_empty())
}

/// Returns all variables of the environment.
pub fn variables() -> Vec<(String, String)> {
    serde_json::from_str(&js::variables()).unwrap_or_default()
}

/// Reads a file.
pub fn read(file: &Path) -> Result<Vec<u8>, Refusal> {
    Ok(js::read(&name(file))?)
}

/// Writes a file that does not exist yet, to the disk.
pub fn write_new(file: &Path, text: &str, readers: Readers) -> Result<(), Refusal> {
    Ok(js::write_new(&name(file), text, readers == Readers::Owner)?)
}

pub fn rename(from: &Path, to: &Path) -> Result<(), Refusal> {
    Ok(js::rename(&name(from), &name(to))?)
}

pub fn remove(file: &Path) -> Result<(), Refusal> {
    Ok(js::remove(&name(file))?)
}

/// Returns a path without symbolic links.
pub fn resolve(file: &Path) -> Result<PathBuf, Refusal> {
    Ok(js::resolve(&name(file))?.into())
}

/// Reads the standard input to its end.
pub fn read_input() -> Result<String, Refusal> {
    Ok(js::read_input()?)
}

/// Reads one line of the standard input.
pub fn read_line() -> Result<String, Refusal> {
    Ok(js::read_line()?)
}

pub fn is_terminal(stream: Stream) -> bool {
    js::is_terminal(match stream {
        Stream::Input => 0,
        Stream::Error => 2,
    })
}

/// Writes to the standard output.
pub fn output(text: &str) -> Result<(), Refusal> {
    Ok(js::output(text)?)
}

/// Writes to the standard error.
pub fn error(text: &str) {
    js::error(text);
}

/// Ends the program.
pub fn exit(code: u8) -> ! {
    js::exit(code);
    unreachable!("the process has ended")
}

/// Returns the number of this process.
pub fn process_id() -> u32 {
    js::process_id()
}

/// Returns the time since 1970 in milliseconds.
pub fn now_ms() -> i64 {
    js::now_ms() as i64
}

pub fn sleep(duration: Duration) {
    js::sleep(duration.as_millis() as f64);
}

thread_local! {
    static STARTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Starts one of the programs that the npm package has beside the command line, with its options as JSON: it runs once
/// the command line has ended well, and asks for them by [`started`].
pub fn start(program: &str, options: &str) -> Result<(), String> {
    STARTED.set(Some(format!("{{\"program\":{},\"options\":{options}}}", Value::from(program))));
    Ok(())
}

/// Returns what was started: `{program, options}` as JSON.
#[wasm_bindgen]
pub fn started() -> Option<String> {
    STARTED.take()
}

/// Sends a request, and waits for the response. Node knows no proxies.
pub fn ask(request: &Request<'_>, _: bool) -> Result<Response, Unreachable> {
    let Request { method, url, headers, body, timeout, longest } = request;
    let given = json!({
        "method": method, "url": url, "headers": headers, "body": body, "timeoutMs": timeout.as_millis() as u64,
        "longest": longest,
    });
    let response = js::ask(&given.to_string()).map_err(|thrown| {
        let text = words(thrown);
        match text.split_once(' ') {
            Some(("ECONNREFUSED", _)) => Unreachable::Refused,
            Some(("ENOTFOUND" | "EAI_AGAIN", _)) => Unreachable::UnknownHost,
            Some(("ETIMEDOUT", _)) => Unreachable::TooLate,
            Some(("EFBIG", _)) => Unreachable::TooLong,
            Some((_, words)) => Unreachable::Other(words.to_owned()),
            None => Unreachable::Other(text),
        }
    })?;
    let response: Value = serde_json::from_str(&response).unwrap_or_default();
    let text = |key: &str| response.get(key).and_then(Value::as_str).map(str::to_owned);
    let status = response.get("status").and_then(Value::as_u64).and_then(|status| status.try_into().ok());
    Ok(Response {
        status: status.unwrap_or_default(),
        retry_after: text("retryAfter"),
        body: text("body").unwrap_or_default(),
    })
}

/// Serves a port of 127.0.0.1 until the user ends it. `ready` gets the port, which is any free one for 0. It returns at
/// once: Node goes on for as long as it serves.
pub fn serve(
    port: u16,
    ready: impl FnOnce(u16) + 'static,
    mut handle: impl FnMut(&Call<'_>) -> Answer + 'static,
) -> Result<(), Refusal> {
    let answer = move |port: u16, method: String, path: String, headers: String, body: Vec<u8>| {
        let headers: Vec<(String, String)> = serde_json::from_str(&headers).unwrap_or_default();
        let call = Call { port, method: &method, path: &path, headers: &headers, body: &body };
        let Answer { status, headers, body } = handle(&call);
        json!({ "status": status, "headers": headers, "body": body }).to_string()
    };
    Ok(js::serve(port, Closure::once(ready), Closure::new(answer))?)
}
