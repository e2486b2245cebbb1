//! The Worker on Cloudflare. No other module knows the platform; this one carries values and decides nothing about a
//! lead.
//!
//! The platform starts `entry.js`. `drive.js` takes requests, calls [`begin`], and performs the effects that use cases
//! leave ([`drive`]), by the functions of `effects.js`. Rust calls `glue.js`.

mod drive;
mod glue;
mod http;
mod ledger_object;
mod object_store;
mod platform;
mod runtime;
mod send;

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use self::drive::{Kind, parcel};
use self::platform::Platform;
use self::runtime::{log, log_fault, moment, now_ms};
use crate::app::{cron, router};
use crate::base::allocator::Slab;
use crate::base::fault::Fault;
use crate::http::request::TooLarge;
use crate::http::response::Response;

#[global_allocator]
static ALLOCATOR: Slab = Slab::new();

/// Receives the environment, before anything else.
#[wasm_bindgen]
pub fn attach(env: Env) {
    platform::attach(&env);
}

/// Begins to answer a request, from its head ([`http::read`]) and its body, unless that is too large.
#[wasm_bindgen]
pub fn begin(head: &str, body: Vec<u8>, is_too_large: bool) -> Vec<u8> {
    let request = http::read(head, if is_too_large { Err(TooLarge) } else { Ok(body) });
    match moment().and_then(|moment| Ok((moment, Platform::new()?))) {
        Ok((moment, platform)) => drive::begin(async move {
            let output = router::handle(platform.cx(&moment), &request).await;
            http::respond(&platform, output, &request, &moment).await
        }),
        Err(fault) => {
            log_fault("start", &fault);
            http::fault(&Response::fault())
        }
    }
}

/// Returns the number of bytes that an address reads of a body.
#[wasm_bindgen(js_name = bodyLimit)]
pub fn body_limit(url: &str) -> usize {
    let (_, path, _) = http::parts_of(url);
    router::body_limit_bytes(path)
}

/// Sends the counts of this isolate to the ledgers.
#[wasm_bindgen(js_name = handOnCounts)]
pub fn hand_on_counts() -> Vec<u8> {
    alone("tally", |platform, _| async move { platform.isolate().tallies.flush(&platform).await })
}

/// Wakes the next ledgers of the registry.
#[wasm_bindgen(js_name = wakePage)]
pub fn wake_page() -> Vec<u8> {
    alone("cron", |platform, started_ms| async move {
        for event in cron::wake_page(&platform, started_ms).await {
            log(event, started_ms);
        }
        Vec::new()
    })
}

/// Begins a task without a response. Its faults are logged.
fn alone<T: Future<Output = Vec<Fault>> + 'static>(
    place: &'static str,
    task: impl FnOnce(Platform, i64) -> T,
) -> Vec<u8> {
    match Platform::new() {
        Ok(platform) => {
            let task = task(platform, now_ms());
            drive::begin(async move {
                for fault in task.await {
                    log_fault(place, &fault);
                }
                parcel(Kind::Nothing, 0, &[])
            })
        }
        Err(fault) => {
            log_fault(place, &fault);
            parcel(Kind::Nothing, 0, &[])
        }
    }
}
