//! The admin API: `/admin/api/…`, behind tokens with scopes.

mod audit;
mod campaigns;
mod counters;
mod data_subject;
mod deliveries;
mod doctor;
mod error;
mod findings;
mod lists;
mod merge;
mod overview;
mod pagination;
mod publish;
mod quarantine;
mod request;
pub mod routes;
mod search;
mod walk;

use serde_json::{Value, json};

use self::error::AdminError;
pub use self::publish::MAX_CAMPAIGN_BODY_BYTES;
use self::request::{AdminRequest, Query};
use self::routes::Route;
use super::cx::Cx;
use super::output::Output;
use super::ports::Ports;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::pipeline::intake::is_plain;
use crate::settings::admin_tokens::Actor;

/// Handles a request to `/admin/api/…`; `path` holds the segments behind it.
pub async fn handle(cx: Cx<'_, impl Ports>, path: &[&str], request: &RawRequest) -> Output {
    let actor = match authenticate(cx, request) {
        Ok(actor) => actor,
        Err(response) => return logged(response, None, None),
    };
    let (route, names) = match routes::find(path, request.method) {
        Ok(found) => found,
        Err(response) => return logged(response, Some(&actor), None),
    };
    let scope = route.scope_for(names, request);
    if !actor.may(scope) {
        return logged(Response::insufficient_scope(scope.name()), Some(&actor), Some(route));
    }
    if request.body.is_err() {
        return logged(Response::too_large(MAX_CAMPAIGN_BODY_BYTES), Some(&actor), Some(route));
    }
    if !is_plain(request.content_encoding.as_deref()) {
        let response = Response::unsupported_media_type("bodies without Content-Encoding");
        return logged(response, Some(&actor), Some(route));
    }
    let request = AdminRequest { cx, raw: request, query: Query::of(request), actor: &actor };
    match route.handle(&request, names).await {
        Ok(response) | Err(AdminError::Response(response)) => logged(response, Some(&actor), Some(route)),
        Err(AdminError::Fault(fault)) => {
            let output = Output::fault("admin", "", &fault);
            let log = output.log.map(|log| with(log, "actor", &actor.name));
            Output { log: log.map(|log| with(log, "what", route.path)), ..output }
        }
    }
}

/// Returns the operator whose token a request has. After too many wrong tokens an address must wait, with any token. A
/// request without a token is no attempt: any page on the web could make a browser send one.
fn authenticate(cx: Cx<'_, impl Ports>, request: &RawRequest) -> Result<Actor, Response> {
    let token = request.authorization.as_deref().and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let token = token.filter(|token| !token.is_empty()).ok_or_else(Response::unauthorized)?;
    let address = request.client_address.as_deref();
    let logins = &cx.isolate.logins;
    if let Some(wait_s) = logins.wait_s(address, cx.now_ms()) {
        return Err(Response::too_many_attempts(wait_s));
    }
    cx.settings().admin.holder(token).cloned().ok_or_else(|| {
        logins.note_wrong(address, cx.now_ms());
        Response::unauthorized()
    })
}

/// Returns the response with its line for the log.
fn logged(response: Response, actor: Option<&Actor>, route: Option<&Route>) -> Output {
    let mut log = json!({ "event": "admin", "status": response.status });
    if let Some(actor) = actor {
        log = with(log, "actor", &actor.name);
    }
    if let Some(route) = route {
        log = with(log, "what", route.path);
    }
    Output { log: Some(log), ..response.into() }
}

fn with(mut log: Value, key: &str, value: &str) -> Value {
    if let Some(log) = log.as_object_mut() {
        log.insert(key.to_owned(), value.into());
    }
    log
}
