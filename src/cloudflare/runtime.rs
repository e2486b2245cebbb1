//! The runtime's clock, randomness and console.

use std::cell::RefCell;

use js_sys::Reflect;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::base::fault::Fault;
use crate::base::moment::Moment;

/// The seeds that are drawn at once: a call of the platform costs more than their bytes.
const SEEDS_DRAWN: usize = 32;

thread_local! {
    /// The seeds that are left, each of which is used once.
    static SEEDS: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) };
}

/// Returns the time; UTC, milliseconds.
pub fn now_ms() -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
    let now_ms = js_sys::Date::now() as i64;
    now_ms
}

/// Returns the time with randomness, which are passed down from here.
///
/// # Errors
/// The platform gives no randomness.
pub fn moment() -> Result<Moment, Fault> {
    let seed = SEEDS.with_borrow_mut(|seeds| {
        if seeds.is_empty() {
            let mut drawn = [[0; 32]; SEEDS_DRAWN];
            getrandom::fill(drawn.as_flattened_mut()).ok()?;
            seeds.extend(drawn);
        }
        seeds.pop()
    });
    Ok(Moment { now_ms: now_ms(), seed: seed.ok_or_else(|| Fault::new("the platform has no randomness"))? })
}

/// Writes an event as a line of the log, with the time that it took.
pub fn event(mut event: Value, started_ms: i64) -> String {
    if let Some(event) = event.as_object_mut() {
        let took_ms = now_ms() - started_ms;
        event.entry("ms").or_insert(took_ms.into());
    }
    event.to_string()
}

/// Logs an event.
pub fn log(one: Value, started_ms: i64) {
    worker::console_log!("{}", event(one, started_ms));
}

/// Logs a fault.
pub fn log_fault(place: &str, fault: &Fault) {
    worker::console_error!("{}", json!({ "event": "fault", "in": place, "fault": fault.to_string() }));
}

/// Returns the message of an exception.
pub fn message_of(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_default()
}
