//! `worker::Request` → [`RawRequest`], [`Reply`] → `worker::Response`.

use futures_util::StreamExt as _;
use serde_json::json;
use worker::{Headers, Request, Response, Result};

use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::{Method, RawRequest, TooLarge};
use crate::routes::body_limit_bytes;

/// Reads a request once: the headers that something asks for, and the body as far as it may be.
pub async fn read(mut request: Request) -> Result<RawRequest> {
    let path = request.path();
    let is_admin = path.starts_with("/admin/");
    let method = match request.method() {
        worker::Method::Get | worker::Method::Head => Method::Get,
        worker::Method::Post => Method::Post,
        worker::Method::Put => Method::Put,
        worker::Method::Options => Method::Options,
        _ => Method::Other,
    };
    let headers = request.headers();
    let header = |name: &str| headers.get(name).ok().flatten();
    let limit = body_limit_bytes(&path);
    let announced = header("content-length").and_then(|length| length.parse::<usize>().ok());
    let has_body = matches!(method, Method::Post | Method::Put);
    let mut raw = RawRequest {
        method,
        // Nothing but the admin API has a query.
        query: if is_admin { query(&request.inner().url()) } else { String::new() },
        content_type: header("content-type"),
        accept: header("accept"),
        origin: header("origin"),
        idempotency_key: header("idempotency-key"),
        authorization: if is_admin { header("authorization") } else { None },
        path,
        body: Ok(Vec::new()),
    };
    if has_body && announced.is_some_and(|length| length > limit) {
        raw.body = Err(TooLarge);
    } else if has_body && announced.is_some() {
        raw.body = Ok(request.bytes().await?);
    } else if has_body {
        raw.body = read_up_to(&mut request, limit).await?;
    }
    Ok(raw)
}

/// A body of unknown length: no more of it is read than its address takes.
async fn read_up_to(request: &mut Request, limit: usize) -> Result<std::result::Result<Vec<u8>, TooLarge>> {
    let mut body = Vec::new();
    if request.inner().body().is_none() {
        return Ok(Ok(body));
    }
    let mut stream = request.stream()?;
    while let Some(chunk) = stream.next().await {
        body.extend(chunk?);
        if body.len() > limit {
            return Ok(Err(TooLarge));
        }
    }
    Ok(Ok(body))
}

fn query(url: &str) -> String {
    url.split_once('?').map_or("", |(_, query)| query).to_owned()
}

/// The platform's response.
pub fn response(reply: Reply) -> Result<Response> {
    let headers = Headers::new();
    for (name, value) in &reply.headers {
        headers.append(name, value)?;
    }
    let response = if reply.body.is_empty() { Response::empty()? } else { Response::from_bytes(reply.body)? };
    Ok(response.with_status(reply.status).with_headers(headers))
}

/// One line for a fault.
pub fn log_fault(place: &str, fault: &Fault) {
    worker::console_error!("{}", json!({ "event": "fault", "in": place, "fault": fault.to_string() }));
}
