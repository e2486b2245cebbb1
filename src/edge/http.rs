//! `Request` → [`RawRequest`], [`Reply`] → `Response`.

use futures_util::StreamExt as _;
use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use serde_json::json;
use worker::Result;

use super::{glue, message_of};
use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::{Method, RawRequest, TooLarge};
use crate::routes::body_limit_bytes;

/// Reads a request once: the headers that something asks for, and the body as far as it may be.
pub async fn read(request: &web_sys::Request) -> Result<RawRequest> {
    let head = glue::head(request);
    let mut lines = head.split('\n');
    let mut line = || lines.next().filter(|line| *line != glue::ABSENT).map(str::to_owned);
    let method = match line().as_deref() {
        Some("GET" | "HEAD") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("OPTIONS") => Method::Options,
        _ => Method::Other,
    };
    let url = line().unwrap_or_default();
    let announced = line().and_then(|length| length.parse::<usize>().ok());
    let (host, path, query) = parts_of(&url);
    let limit = body_limit_bytes(path);
    let has_body = matches!(method, Method::Post | Method::Put);
    let mut raw = RawRequest {
        method,
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: line(),
        content_encoding: line(),
        accept: line(),
        accept_language: line(),
        origin: line(),
        asked_headers: line(),
        idempotency_key: line(),
        authorization: line(),
        gpc: line().as_deref() == Some("1"),
        client_address: line(),
        body: Ok(Vec::new()),
    };
    if has_body && announced.is_some_and(|length| length > limit) {
        raw.body = Err(TooLarge);
    } else if has_body && announced.is_some() {
        raw.body = Ok(Uint8Array::new(&JsFuture::from(request.array_buffer()?).await?).to_vec());
    } else if has_body {
        raw.body = read_up_to(Clone::clone(request), limit).await?;
    }
    Ok(raw)
}

/// A body of unknown length: no more of it is read than its address takes.
async fn read_up_to(
    request: web_sys::Request,
    limit: usize,
) -> Result<std::result::Result<Vec<u8>, TooLarge>> {
    let mut body = Vec::new();
    if request.body().is_none() {
        return Ok(Ok(body));
    }
    let mut request = worker::Request::from(request);
    let mut stream = request.stream()?;
    while let Some(chunk) = stream.next().await {
        body.extend(chunk?);
        if body.len() > limit {
            return Ok(Err(TooLarge));
        }
    }
    Ok(Ok(body))
}

/// Host, path and query of an address as the runtime serialises it: a path always follows the host.
fn parts_of(url: &str) -> (&str, &str, &str) {
    let behind_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = behind_scheme.find('/').unwrap_or(behind_scheme.len());
    let (host, path) = behind_scheme.split_at_checked(at).unwrap_or((behind_scheme, ""));
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    (host, if path.is_empty() { "/" } else { path }, query)
}

/// The platform's response.
///
/// # Errors
/// None can be made.
pub fn response(reply: &Reply) -> std::result::Result<web_sys::Response, Fault> {
    let made = glue::respond(reply.status, &glue::lines(&reply.headers)?, &reply.body);
    made.map_err(|error| Fault::new(format!("no response: {}", message_of(&error))))
}

/// The response of a fault, which is logged with it. Whoever reads pages gets one.
pub fn fault(place: &str, fault: &Fault, reply: &Reply) -> Result<web_sys::Response> {
    log_fault(place, fault);
    response(reply).map_err(|fault| worker::Error::RustError(fault.to_string()))
}

/// One line for a fault.
pub fn log_fault(place: &str, fault: &Fault) {
    worker::console_error!("{}", json!({ "event": "fault", "in": place, "fault": fault.to_string() }));
}
