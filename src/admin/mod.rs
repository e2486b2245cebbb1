//! The use case of operators: `/admin/api/…`, behind a bearer token.

mod lists;
mod pages;
pub mod person;
mod quarantine;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::campaign::publish::{CAMPAIGN_PREFIX, LEDGER_PREFIX, campaign_key, keys, plan};
use crate::campaign::{Campaign, Problem};
use crate::campaigns;
use crate::capture::{Answered, faulted};
use crate::fault::Fault;
use crate::hash::same_secret;
use crate::ledger::message::{Answer, Call, Operation, Verb};
use crate::ledger::nothing_counted;
use crate::moment::{Moment, parse_rfc3339};
use crate::ports::Ports;
use crate::reply::Reply;
use crate::request::{Method, RawRequest};

/// A campaign as JSON, with room for its wordings.
pub const MAX_CAMPAIGN_BODY_BYTES: usize = 128 * 1024;

/// Answers a request to `/admin/api/…`; `path` holds the segments behind it.
pub async fn answer(ports: &impl Ports, path: &[&str], request: &RawRequest, moment: &Moment) -> Answered {
    if !is_authorised(ports, request) {
        let log = json!({ "event": "admin", "outcome": "unauthorized" });
        return Answered { log: Some(log), ..Reply::unauthorized().into() };
    }
    match route(ports, path, request, moment).await {
        Ok(reply) => {
            let what = path.first().copied().unwrap_or_default();
            let log = json!({ "event": "admin", "what": what, "status": reply.status });
            Answered { log: Some(log), ..reply.into() }
        }
        Err(fault) => faulted("admin", "", &fault),
    }
}

fn is_authorised(ports: &impl Ports, request: &RawRequest) -> bool {
    let given = request.authorization.as_deref().and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (&ports.settings().admin_token, given) {
        (Some(token), Some(given)) => same_secret(token.bytes(), given.as_bytes()),
        _ => false,
    }
}

async fn route(
    ports: &impl Ports,
    path: &[&str],
    request: &RawRequest,
    moment: &Moment,
) -> Result<Reply, Fault> {
    match (path, request.method) {
        (["counters"], Method::Get) => counters(ports, request, moment).await,
        (["deliveries"], Method::Get) => deliveries(ports, request, moment).await,
        (["deliveries", "replay"], Method::Post) => replay_all(ports, request, moment).await,
        (["deliveries", id], Method::Get) => first_that_knows(ports, Verb::Delivery, id).await,
        (["deliveries", id, "replay"], Method::Post) => first_that_knows(ports, Verb::Replay, id).await,
        (["access"], Method::Post) => person::access(ports, request).await,
        (["erase"], Method::Post) => person::erase(ports, request, moment).await,
        (["lists"], Method::Get) => lists::show(ports, request).await,
        (["lists", list], Method::Post) => lists::change(ports, list, request).await,
        (["keys"], Method::Get) => keys_in_use(ports).await,
        (["quarantine"], Method::Get) => quarantine::list(ports, request, moment).await,
        (["quarantine", "release"], Method::Post) => quarantine::release(ports, request, moment).await,
        (["quarantine", "discard"], Method::Post) => quarantine::discard(ports, request, moment).await,
        (["quarantine", id], Method::Get) => quarantine::show(ports, id).await,
        (["campaigns"], Method::Get) => list_campaigns(ports).await,
        (["campaigns", id], Method::Get) => show_campaign(ports, id).await,
        (["campaigns", id], Method::Put) => publish(ports, id, request).await,
        (["campaigns", campaign, "destinations", destination, "enable"], Method::Post) => {
            enable(ports, campaign, destination, moment).await
        }
        (
            ["deliveries", "replay"]
            | ["access" | "erase"]
            | ["lists", _]
            | ["quarantine", "release" | "discard"],
            _,
        ) => Ok(Reply::method_not_allowed("POST")),
        (
            ["counters" | "deliveries" | "campaigns" | "lists" | "keys" | "quarantine"]
            | ["deliveries" | "quarantine", _],
            _,
        ) => Ok(Reply::method_not_allowed("GET")),
        (["deliveries", _, "replay"] | ["campaigns", _, "destinations", _, "enable"], _) => {
            Ok(Reply::method_not_allowed("POST"))
        }
        (["campaigns", _], _) => Ok(Reply::method_not_allowed("GET, PUT")),
        _ => Ok(Reply::not_found()),
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

fn wrong_parameter(name: &str, detail: &str) -> Reply {
    Reply::unprocessable(vec![json!({ "field": name, "code": "invalid_parameter", "detail": detail })])
}

/// The ledgers that a request is about: its campaign's, else all of the registry.
async fn ledgers(ports: &impl Ports, campaign: Option<&str>, moment: &Moment) -> Result<Vec<String>, Fault> {
    match campaign {
        Some(id) => {
            let found = campaigns::find(ports, id, moment.now_ms).await?;
            Ok(found.map(|campaign| campaign.ledger.clone()).into_iter().collect())
        }
        None => registry(ports).await,
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

/// Pokes every ledger, so that one whose alarm was lost goes on: the cron's work. Gives an event
/// for the log where a ledger could not be reached.
pub async fn wake_all(ports: &impl Ports) -> Vec<Value> {
    let failed = |fault: &Fault| json!({ "event": "fault", "in": "cron", "fault": fault.to_string() });
    let ledgers = match registry(ports).await {
        Ok(ledgers) => ledgers,
        Err(fault) => return vec![failed(&fault)],
    };
    let mut events = Vec::new();
    for ledger in ledgers {
        if let Err(fault) = ports.ask(&ledger, &Call::Wake).await {
            events.push(failed(&fault));
        }
    }
    events
}

async fn counters(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    let query = Query::of(request);
    let mut range = [None, None];
    for (name, bound) in ["from", "to"].into_iter().zip(&mut range) {
        if let Some(text) = query.text(name) {
            *bound = parse_rfc3339(&text);
            if bound.is_none() {
                return Ok(wrong_parameter(name, "must be a time by RFC 3339, as in 2026-11-22T00:00:00Z"));
            }
        }
    }
    let [from_ms, to_ms] = range;
    let campaign = query.text("campaign");
    let ledgers = ledgers(ports, campaign.as_deref(), moment).await?;
    if campaign.is_some() && ledgers.is_empty() {
        return Ok(Reply::not_found());
    }
    let mut total = nothing_counted();
    for ledger in ledgers {
        let operation = Operation { campaign: campaign.clone(), from_ms, to_ms, ..Operation::default() };
        let Answer::Report(report) = ports.ask(&ledger, &Call::Operate(Box::new(operation))).await? else {
            return Err(Fault::new("a ledger gave no counters"));
        };
        total = added(total, report);
    }
    Ok(Reply::json(&total))
}

/// Two reports as one: numbers are added, lists joined.
fn added(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (key, value) in right {
                let sum = added(left.remove(&key).unwrap_or(Value::Null), value);
                left.insert(key, sum);
            }
            Value::Object(left)
        }
        (Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Value::Array(left)
        }
        (Value::Number(left), Value::Number(right)) => {
            json!(left.as_i64().unwrap_or(0) + right.as_i64().unwrap_or(0))
        }
        (_, right) => right,
    }
}

async fn deliveries(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    let query = Query::of(request);
    let state = query.text("state");
    let states = ["pending", "paused", "delivered", "dead", "withdrawn", "expired"];
    if state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Ok(wrong_parameter(
            "state",
            "must be pending, paused, delivered, dead, withdrawn or expired",
        ));
    }
    let operation = Operation { verb: Verb::Deliveries, state, ..Operation::default() };
    pages::page(ports, &query, operation, "deliveries", moment).await
}

/// The ids of the keys that rows name, by ledger and ring.
async fn keys_in_use(ports: &impl Ports) -> Result<Reply, Fault> {
    let mut all = json!({ "ledgers": [] });
    for ledger in registry(ports).await? {
        let operation = Operation { verb: Verb::Keys, ..Operation::default() };
        let Answer::Report(report) = ports.ask(&ledger, &Call::Operate(Box::new(operation))).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        all = added(all, report);
    }
    Ok(Reply::json(&all))
}

/// Asks one ledger after the other for something that one of them has.
async fn first_that_knows(ports: &impl Ports, verb: Verb, delivery_id: &str) -> Result<Reply, Fault> {
    let delivery_id = Some(delivery_id.to_owned());
    let call = Call::Operate(Box::new(Operation { verb, delivery_id, ..Operation::default() }));
    for ledger in registry(ports).await? {
        match ports.ask(&ledger, &call).await? {
            Answer::NotFound => {}
            Answer::Report(report) => return Ok(Reply::json(&report)),
            Answer::Done(count) => return Ok(Reply::json(&json!({ "replayed": count }))),
            Answer::Conflict => return Ok(Reply::conflict("Only a dead delivery can be replayed.")),
            _ => return Err(Fault::new("a ledger gave another answer")),
        }
    }
    Ok(Reply::not_found())
}

async fn replay_all(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    let Some(campaign) = Query::of(request).text("campaign") else {
        return Ok(wrong_parameter("campaign", "is required"));
    };
    let operation = Operation { verb: Verb::ReplayAll, campaign: Some(campaign), ..Operation::default() };
    one_ledger(ports, operation, moment, "replayed").await
}

async fn enable(
    ports: &impl Ports,
    campaign: &str,
    destination: &str,
    moment: &Moment,
) -> Result<Reply, Fault> {
    let operation = Operation {
        verb: Verb::Enable,
        campaign: Some(campaign.to_owned()),
        destination: Some(destination.to_owned()),
        ..Operation::default()
    };
    one_ledger(ports, operation, moment, "resumed").await
}

/// Asks the campaign's ledger for something that it does to so many.
async fn one_ledger(
    ports: &impl Ports,
    operation: Operation,
    moment: &Moment,
    done: &str,
) -> Result<Reply, Fault> {
    let campaign = operation.campaign.as_deref().unwrap_or_default();
    let Some(found) = campaigns::find(ports, campaign, moment.now_ms).await? else {
        return Ok(Reply::not_found());
    };
    match ports.ask(&found.ledger, &Call::Operate(Box::new(operation))).await? {
        Answer::Done(count) => Ok(Reply::json(&json!({ done: count }))),
        _ => Err(Fault::new("a ledger gave another answer")),
    }
}

async fn list_campaigns(ports: &impl Ports) -> Result<Reply, Fault> {
    let mut campaigns = Vec::new();
    for key in ports.kv_list(CAMPAIGN_PREFIX).await? {
        let Some(text) = ports.kv_get(&key).await? else { continue };
        if let Ok(campaign) = Campaign::from_stored(&text) {
            campaigns.push(json!({
                "id": campaign.id, "title": campaign.title, "ledger": campaign.ledger,
                "revision": campaign.revision,
            }));
        }
    }
    Ok(Reply::json(&json!({ "campaigns": campaigns })))
}

async fn show_campaign(ports: &impl Ports, id: &str) -> Result<Reply, Fault> {
    let stored = ports.kv_get(&campaign_key(id)).await?;
    let campaign = stored.and_then(|text| Campaign::from_stored(&text).ok());
    Ok(campaign.map_or_else(Reply::not_found, |campaign| Reply::json_text(&campaign.canonical)))
}

async fn publish(ports: &impl Ports, id: &str, request: &RawRequest) -> Result<Reply, Fault> {
    let Ok(body) = &request.body else {
        return Ok(Reply::too_large(MAX_CAMPAIGN_BODY_BYTES));
    };
    let Some(file) = str::from_utf8(body).ok().and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return Ok(Reply::malformed("It is not JSON."));
    };
    let invalid = |problems: Vec<Problem>| {
        let show = |problem: &Problem| json!({ "field": problem.path, "code": "campaign_invalid", "detail": problem.reason });
        Ok(Reply::unprocessable(problems.iter().map(show).collect()))
    };
    let campaign = match Campaign::accept(&file) {
        Ok(campaign) => campaign,
        Err(problems) => return invalid(problems),
    };
    if campaign.id != id {
        return invalid(vec![Problem::new("id", "is not the one of the address")]);
    }
    if !ports.settings().development && !campaign.development_only().is_empty() {
        return invalid(campaign.development_only());
    }
    let mut stored = Vec::new();
    for key in keys(&campaign) {
        if let Some(value) = ports.kv_get(&key).await? {
            stored.push((key, value));
        }
    }
    let found = |key: &str| stored.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    let writes = match plan(&campaign, found) {
        Ok(writes) => writes,
        Err(problems) => return invalid(problems),
    };
    for (key, value) in writes {
        ports.kv_put(&key, &value).await?;
    }
    ports.shelf().borrow_mut().forget(id);
    Ok(Reply::json(&json!({ "published": campaign.id, "revision": campaign.revision })))
}
