//! Cloudflare. This is the only place that knows it, and it carries values: no `if` about a lead.

mod http;
mod kv;
mod ledger;
mod platform;
mod send;
mod store;

use worker::{Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

use self::platform::Platform;
use crate::fault::Fault;
use crate::moment::Moment;
use crate::reply::Reply;
use crate::{admin, contact, routes};

/// The first look at the phone numbers' tables takes milliseconds: at the start, not at a visitor.
#[event(start)]
fn start() {
    contact::warm_up();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let (moment, platform) = match moment().and_then(|moment| Ok((moment, Platform::new(env)?))) {
        Ok(ready) => ready,
        Err(fault) => {
            http::log_fault("start", &fault);
            return http::response(Reply::fault());
        }
    };
    let request = http::read(request).await?;
    let answered = routes::answer(&platform, &request, &moment).await;
    if let Some(event) = answered.log {
        log(event, moment.now_ms);
    }
    platform.follow_up(&context, answered.after);
    http::response(answered.reply)
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let started_ms = now_ms();
    match Platform::new(env) {
        Ok(platform) => {
            for event in admin::wake_all(&platform).await {
                log(event, started_ms);
            }
        }
        Err(fault) => http::log_fault("cron", &fault),
    }
}

/// Time and randomness, read here and handed down.
fn moment() -> std::result::Result<Moment, Fault> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| Fault::new("the platform has no randomness"))?;
    Ok(Moment { now_ms: now_ms(), seed })
}

fn now_ms() -> i64 {
    i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX)
}

/// One JSON line an event, with how long it took.
fn log(mut event: serde_json::Value, started_ms: i64) {
    if let Some(event) = event.as_object_mut() {
        let took_ms = now_ms() - started_ms;
        event.entry("ms").or_insert(took_ms.into());
    }
    worker::console_log!("{event}");
}
