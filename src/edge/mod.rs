//! Cloudflare. This is the only place that knows it, and it carries values: no `if` about a lead.

mod glue;
mod http;
mod kv;
mod ledger;
mod platform;
mod send;
mod store;

use std::cell::RefCell;
use std::time::Duration;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use worker::{Context, Delay, Env, Result, ScheduleContext, ScheduledEvent, event};

use self::platform::Platform;
use crate::fault::Fault;
use crate::moment::Moment;
use crate::reply::Reply;
use crate::{admin, contact, routes};

/// Seeds that are drawn at once: asking the platform costs more than the bytes.
const SEEDS_DRAWN: usize = 32;

thread_local! {
    /// Each is used once.
    static SEEDS: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) };
}

/// The first look at the phone numbers' tables takes milliseconds: at the start, not at a visitor.
#[event(start)]
fn start() {
    contact::warm_up();
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    let (moment, platform) = match moment().and_then(|moment| Ok((moment, Platform::new(env)?))) {
        Ok(ready) => ready,
        Err(fault) => return http::fault("start", &fault, &Reply::fault()),
    };
    let read = match http::read(&request).await {
        Ok(read) => read,
        Err(error) => return http::fault("request", &Fault::new(error.to_string()), &Reply::fault()),
    };
    let mut answered = routes::answer(&platform, &read, &moment).await;
    if let Some(event) = answered.log.take() {
        log(event, moment.now_ms);
    }
    platform.follow_up(&context, std::mem::take(&mut answered.after));
    let held_back_ms = answered.held_back_ms(now_ms() - moment.now_ms);
    if held_back_ms > 0 {
        Delay::from(Duration::from_millis(held_back_ms)).await;
    }
    let made = match &answered.reply.file {
        Some(key) => platform.file(key, &answered.reply).await,
        None if answered.reply.is_asset => platform.asset(&request, &answered.reply).await,
        None => http::response(&answered.reply),
    };
    made.or_else(|fault| http::fault("reply", &fault, &Reply::not_now(&read)))
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let started_ms = now_ms();
    match Platform::new(env) {
        Ok(platform) => {
            for event in admin::wake_page(&platform, started_ms).await {
                log(event, started_ms);
            }
        }
        Err(fault) => http::log_fault("cron", &fault),
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

/// One JSON line an event, with how long it took.
fn log(mut event: serde_json::Value, started_ms: i64) {
    if let Some(event) = event.as_object_mut() {
        let took_ms = now_ms() - started_ms;
        event.entry("ms").or_insert(took_ms.into());
    }
    worker::console_log!("{event}");
}

/// What an exception says.
fn message_of(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_default()
}
