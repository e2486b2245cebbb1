//! The use case of operators: `/admin/api/…`, behind tokens with scopes.

mod audit;
mod campaigns;
mod counters;
pub mod data_subject;
mod deliveries;
mod doctor;
mod lists;
mod overview;
mod pagination;
mod quarantine;
pub mod routes;
mod walk;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::routes::Route;
use self::walk::{MAX_REQUESTS, Walk};
use super::cx::Cx;
use super::output::Output;
use super::ports::Ports;
use crate::base::fault::Fault;
use crate::base::time::parse_rfc3339;
use crate::campaign::publish::LEDGER_PREFIX;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::api::Request;
use crate::ledger::wire::Call;
use crate::pipeline::intake::is_plain;
use crate::settings::admin_tokens::Actor;

/// A campaign as JSON, with room for its wordings.
pub const MAX_CAMPAIGN_BODY_BYTES: usize = 128 * 1024;

/// How often the cron runs, as `wrangler.toml` has it: which ledgers a run pokes follows from the clock, for a
/// cursor in KV would cost a write of the thousand that a free plan has a day.
pub const CRON_EVERY_MS: i64 = 5 * 60_000;

/// Answers a request to `/admin/api/…`; `path` holds the segments behind it.
pub async fn handle(cx: Cx<'_, impl Ports>, path: &[&str], request: &RawRequest) -> Output {
    let actor = match actor_of(cx, request) {
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
    let asked = Asked { request, query: Query::of(request), actor: &actor };
    match route.answer(cx, names, &asked).await {
        Ok(response) => logged(response, Some(&actor), Some(route)),
        Err(fault) => {
            let output = Output::fault("admin", "", &fault);
            let log = output.log.map(|log| with(log, "actor", &actor.name));
            Output { log: log.map(|log| with(log, "what", route.path)), ..output }
        }
    }
}

/// The answer with its line for the log.
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

/// Whose token a request has. Who has sent too many wrong ones must wait, with any token. To send none
/// is no attempt: any page on the web could make a browser do that.
fn actor_of(cx: Cx<'_, impl Ports>, request: &RawRequest) -> Result<Actor, Response> {
    let given = request.authorization.as_deref().and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let given = given.filter(|token| !token.is_empty()).ok_or_else(Response::unauthorized)?;
    let from = request.client_address.as_deref();
    let attempts = &cx.isolate.logins;
    if let Some(wait_s) = attempts.wait_s(from, cx.now_ms()) {
        return Err(Response::too_many_attempts(wait_s));
    }
    cx.settings().admin.holder(given).cloned().ok_or_else(|| {
        attempts.note_wrong(from, cx.now_ms());
        Response::unauthorized()
    })
}

/// A request of somebody who may make it.
pub struct Asked<'a> {
    request: &'a RawRequest,
    query: Query,
    actor: &'a Actor,
}

impl Asked<'_> {
    /// Over these names, from the query's cursor on.
    fn walk(&self, names: Vec<String>) -> Result<Walk, Response> {
        Walk::over(names, self.query.text("after").as_deref())
    }

    /// Asks a ledger in the name of the operator.
    async fn ask<R: Request>(
        &self,
        cx: Cx<'_, impl Ports>,
        ledger: &str,
        request: R,
    ) -> Result<R::Reply, Fault> {
        cx.ask(ledger, Some(&self.actor.name), request).await
    }
}

/// The parameters of a query string.
struct Query(BTreeMap<String, String>);

impl Query {
    fn of(request: &RawRequest) -> Self {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.query.as_bytes()) {
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Self(parameters)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }
}

fn wrong_parameter(name: &str, detail: &str) -> Response {
    Response::unprocessable(vec![json!({ "field": name, "code": "invalid_parameter", "detail": detail })])
}

/// The times of `from` and `to`, or what is wrong with them.
fn range(query: &Query) -> Result<[Option<i64>; 2], Response> {
    let mut range = [None, None];
    for (name, bound) in ["from", "to"].into_iter().zip(&mut range) {
        if let Some(text) = query.text(name) {
            *bound = parse_rfc3339(&text);
            if bound.is_none() {
                let detail = "must be a time by RFC 3339, as in 2026-11-22T00:00:00Z";
                return Err(wrong_parameter(name, detail));
            }
        }
    }
    Ok(range)
}

/// The ledgers that a request is about: its campaign's, else all of the registry.
async fn ledgers(cx: Cx<'_, impl Ports>, campaign: Option<&str>) -> Result<Vec<String>, Fault> {
    match campaign {
        Some(id) => {
            let found = cx.campaign(id).await?;
            Ok(found.map(|campaign| campaign.ledger.clone()).into_iter().collect())
        }
        None => registry(cx.ports).await,
    }
}

/// Every ledger that was ever published to.
///
/// # Errors
/// KV is down.
pub async fn registry(ports: &impl Ports) -> Result<Vec<String>, Fault> {
    let names = ports.kv_list(LEDGER_PREFIX).await?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(LEDGER_PREFIX)).map(str::to_owned).collect())
}

/// Pokes ledgers, so that one whose alarm was lost goes on: the cron's work. Each run has a page of them, and
/// runs that follow each other have all in turn; few are all poked by each. Gives an event for the log where a
/// ledger could not be reached.
pub async fn wake_page(ports: &impl Ports, now_ms: i64) -> Vec<Value> {
    let failed = |fault: &Fault| json!({ "event": "fault", "in": "cron", "fault": fault.to_string() });
    let ledgers = match registry(ports).await {
        Ok(ledgers) => ledgers,
        Err(fault) => return vec![failed(&fault)],
    };
    let pages = ledgers.len().div_ceil(MAX_REQUESTS).max(1);
    let run = usize::try_from(now_ms.div_euclid(CRON_EVERY_MS)).unwrap_or(0);
    let mut events = Vec::new();
    for ledger in ledgers.chunks(MAX_REQUESTS).nth(run % pages).into_iter().flatten() {
        if let Err(fault) = ports.ask(ledger, &Call::Wake).await {
            events.push(failed(&fault));
        }
    }
    events
}
