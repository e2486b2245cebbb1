//! Requests from JavaScript as [`RawRequest`]s, and [`Output`] as the parcel of a response.

use serde_json::json;

use super::drive::{Kind, parcel, perform};
use super::glue;
use super::platform::Platform;
use super::runtime::{event, log_fault, now_ms};
use crate::app::isolate::tally_buffer::GATHER_MS;
use crate::app::output::{After, Output};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::http::request::{Method, RawRequest, TooLarge};
use crate::http::response::Response;

/// The mark of a missing header.
const ABSENT: &str = "\0";

/// Reads a request from its body and its head: method, URL, `content-type`, `content-encoding`, `accept`,
/// `accept-language`, `origin`, `access-control-request-headers`, `idempotency-key`, `authorization`, `sec-gpc` and
/// `cf-connecting-ip`, one per line.
pub fn read(head: &str, body: Result<Vec<u8>, TooLarge>) -> RawRequest {
    let mut lines = head.split('\n');
    let mut line = || lines.next().filter(|line| *line != ABSENT).map(str::to_owned);
    let method = match line().as_deref() {
        Some("GET" | "HEAD") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("OPTIONS") => Method::Options,
        _ => Method::Other,
    };
    let url = line().unwrap_or_default();
    let (host, path, query) = parts_of(&url);
    RawRequest {
        method,
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: line(),
        content_encoding: line(),
        accept: line(),
        accept_language: line(),
        origin: line(),
        requested_headers: line(),
        idempotency_key: line(),
        authorization: line(),
        gpc: line().as_deref() == Some("1"),
        client_address: line(),
        body,
    }
}

/// Returns host, path and query of an address as the runtime serialises it: a path always follows the host.
pub fn parts_of(url: &str) -> (&str, &str, &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = after_scheme.find('/').unwrap_or(after_scheme.len());
    let (host, path) = after_scheme.split_at_checked(at).unwrap_or((after_scheme, ""));
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    (host, if path.is_empty() { "/" } else { path }, query)
}

/// Returns the parcel of a response, with the work that follows it.
pub async fn respond(
    platform: &Platform,
    mut output: Output,
    request: &RawRequest,
    moment: &Moment,
) -> Vec<u8> {
    let kept = match kept(&output.response).await {
        Ok(kept) => kept,
        Err(fault) => {
            log_fault("reply", &fault);
            output.response = Response::not_now(request);
            false
        }
    };
    let headers = glue::lines(&output.response.headers).unwrap_or_else(|fault| {
        log_fault("reply", &fault);
        output.response = Response::not_now(request);
        glue::lines(&output.response.headers).unwrap_or_default()
    });
    let log = output.log.take().map(|one| event(one, moment.now_ms)).unwrap_or_default();
    let then = then(platform, &output, kept, moment);
    let parts: [&[u8]; 4] = [headers.as_bytes(), &output.response.body, log.as_bytes(), then.as_bytes()];
    parcel(Kind::Respond, output.response.status.into(), &parts)
}

/// Returns the parcel of the response to a request that could not be begun.
pub fn fault(response: &Response) -> Vec<u8> {
    let headers = glue::lines(&response.headers).unwrap_or_default();
    parcel(Kind::Respond, response.status.into(), &[headers.as_bytes(), &response.body, b"", b""])
}

/// Writes the work beside a response as JSON; empty if there is none.
fn then(platform: &Platform, output: &Output, kept: bool, moment: &Moment) -> String {
    let mut then = serde_json::Map::new();
    if kept {
        then.insert("kept".to_owned(), true.into());
    }
    let delay_ms = output.delay_ms(now_ms() - moment.now_ms);
    if delay_ms > 0 {
        then.insert("held_back_ms".to_owned(), delay_ms.into());
    }
    for after in &output.after {
        match after {
            After::Remember { key, value, ttl_s } => {
                then.insert("remember".to_owned(), json!([key, value, ttl_s]));
            }
            After::Count { ledger, tally } => {
                if platform.isolate().tallies.add(ledger, tally) {
                    then.insert("hand_on_in_ms".to_owned(), GATHER_MS.into());
                }
            }
        }
    }
    if then.is_empty() { String::new() } else { serde_json::Value::Object(then).to_string() }
}

/// Lets JavaScript make and keep the response with a file of the bucket or a static asset, whose body never
/// enters the wasm. Returns true if it did.
///
/// # Errors
/// The file is gone, or no response can be made with it.
async fn kept(response: &Response) -> Result<bool, Fault> {
    match &response.file {
        Some(key) => {
            let headers = glue::lines(&response.headers)?;
            let completion =
                perform(Kind::File, response.status.into(), &[key.as_bytes(), headers.as_bytes()]).await;
            match completion.truth("files")? {
                Some(true) => Ok(true),
                _ => Err(Fault::new("files: a file has gone")),
            }
        }
        None if response.is_asset => Ok(perform(Kind::Asset, 0, &[]).await.truth("assets")?.unwrap_or(false)),
        None => Ok(false),
    }
}
