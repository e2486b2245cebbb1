//! Cloudflare. This is the only place that knows it, and it carries values: no `if` about a lead.
//!
//! `entry.js` is what the platform starts; `drive.js` takes requests, calls [`begin`], and makes the wishes come
//! true that the use cases leave ([`drive`]); `glue.js` is what Rust calls.

mod drive;
mod glue;
mod http;
mod ledger_object;
mod object_store;
mod platform;
mod send;

use std::cell::RefCell;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{Context, Env, Result, event};

use self::drive::{Kind, parcel};
use self::platform::Platform;
use crate::app::{admin, router};
use crate::base::allocator::Slab;
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::http::request::TooLarge;
use crate::http::response::Response;

/// Seeds that are drawn at once: asking the platform costs more than the bytes.
const SEEDS_DRAWN: usize = 32;

#[global_allocator]
static ALLOCATOR: Slab = Slab::new();

thread_local! {
    /// Each is used once.
    static SEEDS: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) };
}

/// The first request to this core, which tells it its environment. It is answered by [`begin`], as all others are.
#[event(fetch)]
async fn fetch(_: web_sys::Request, env: Env, _: Context) -> Result<web_sys::Response> {
    platform::attach(&env);
    Ok(web_sys::Response::new()?)
}

/// Begins to answer a request: its head ([`http::read`]), and its body, unless that is too large.
#[wasm_bindgen]
pub fn begin(head: &str, body: Vec<u8>, is_too_large: bool) -> Vec<u8> {
    let request = http::read(head, if is_too_large { Err(TooLarge) } else { Ok(body) });
    match moment().and_then(|moment| Ok((moment, Platform::new()?))) {
        Ok((moment, platform)) => drive::begin(async move {
            let answered = router::answer(&platform, &request, &moment).await;
            http::answer(answered, &request, &moment).await
        }),
        Err(fault) => {
            http::log_fault("start", &fault);
            http::fault(&Response::fault())
        }
    }
}

/// How many bytes of a body the address reads.
#[wasm_bindgen(js_name = bodyLimit)]
pub fn body_limit(url: &str) -> usize {
    let (_, path, _) = http::parts_of(url);
    router::body_limit_bytes(path)
}

/// Hands on what was counted.
#[wasm_bindgen(js_name = handOnCounts)]
pub fn hand_on_counts() -> Vec<u8> {
    alone("tally", |platform, _| async move { platform.hand_on_counts().await })
}

/// Pokes the next ledgers of the registry.
#[wasm_bindgen(js_name = wakePage)]
pub fn wake_page(env: Env) -> Vec<u8> {
    platform::attach(&env);
    alone("cron", |platform, started_ms| async move {
        for one in admin::wake_page(&platform, started_ms).await {
            log(one, started_ms);
        }
        Vec::new()
    })
}

/// Begins what nobody waits for. Its faults are logged.
fn alone<T: Future<Output = Vec<Fault>> + 'static>(
    place: &'static str,
    task: impl FnOnce(Platform, i64) -> T,
) -> Vec<u8> {
    match Platform::new() {
        Ok(platform) => {
            let task = task(platform, now_ms());
            drive::begin(async move {
                for fault in task.await {
                    http::log_fault(place, &fault);
                }
                parcel(Kind::Nothing, 0, &[])
            })
        }
        Err(fault) => {
            http::log_fault(place, &fault);
            parcel(Kind::Nothing, 0, &[])
        }
    }
}

/// Time and randomness, read here and handed down.
fn moment() -> std::result::Result<Moment, Fault> {
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

fn now_ms() -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
    let now_ms = js_sys::Date::now() as i64;
    now_ms
}

/// One line of the log, as JSON, with how long it took.
fn event(mut event: serde_json::Value, started_ms: i64) -> String {
    if let Some(event) = event.as_object_mut() {
        let took_ms = now_ms() - started_ms;
        event.entry("ms").or_insert(took_ms.into());
    }
    event.to_string()
}

fn log(one: serde_json::Value, started_ms: i64) {
    worker::console_log!("{}", event(one, started_ms));
}

/// What an exception says.
fn message_of(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_default()
}
