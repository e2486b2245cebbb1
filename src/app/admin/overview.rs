//! `GET /admin/api/overview`, `/held` and `/whoami`: what the dashboard shows.

use serde_json::{Map, Value, json};

use super::error::AdminResult;
use super::merge::merge;
use super::pagination::{Part, page};
use super::request::AdminRequest;
use crate::app::ports::Ports;
use crate::base::json::object_of;
use crate::base::time::{DAY_MS, HOUR_MS, hour_of, rfc3339};
use crate::base::time_zone;
use crate::campaign::Thresholds;
use crate::http::response::Response;
use crate::ledger::api::{Held, Overview, Report};
use crate::ledger::{BIN_POINTS, MAX_SHOWN_SOURCES, NOTHING_SEEN, Step, nothing_counted, step_of};
use crate::settings::admin_tokens::Scope;

/// The period if the request names none: long enough for a campaign, short enough to see what changes.
const DEFAULT_MS: i64 = 30 * DAY_MS;

/// The fewest posts of a source that is shown by its name, and of sources that are shown together: whoever posts in
/// somebody's name, with a source that nobody else has, could read there whether the person is new.
const LEAST_POSTS: i64 = 5;
/// The name of sources that are shown together, and the source of posts that name none.
const OTHER: &str = "other";
const DIRECT: &str = "direct";

/// Returns the numbers of a campaign, or of all, for a period.
pub async fn report(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let [from_ms, to_ms] = request.query.range()?;
    // Whole hours, as counters have: between two times of one's own there may be one post alone.
    let to_ms = to_ms.map_or_else(|| hour_of(request.cx.now_ms()) + HOUR_MS, next_hour);
    let from_ms = from_ms.map_or(to_ms - DEFAULT_MS, next_hour);
    let campaign = request.query.text("campaign");
    let found = match &campaign {
        Some(id) => request.cx.campaign(id).await?,
        None => None,
    };
    if campaign.is_some() && found.is_none() {
        return Ok(Response::not_found());
    }
    let time_zone = found.as_ref().map_or("UTC", |campaign| campaign.time_zone.as_str()).to_owned();
    let step = step_of(from_ms, to_ms);
    let offsets = match step {
        Step::Day if time_zone != "UTC" => {
            Some(json!(time_zone::offsets(&time_zone, from_ms, to_ms)).to_string())
        }
        _ => None,
    };
    let mut total: Value = serde_json::from_str(NOTHING_SEEN).unwrap_or_default();
    total = merge(total, json!({ "states": nothing_counted().get("states") }));
    let mut walk = request.walk(request.ledgers(campaign.as_deref()).await?)?;
    while let Some((ledger, _)) = walk.next(1) {
        let (from_ms, to_ms) = (Some(from_ms), Some(to_ms));
        let (campaign, offsets) = (campaign.clone(), offsets.clone());
        let query = Overview { campaign, from_ms, to_ms, offsets };
        let Report(report) = request.ask(&ledger, query).await?;
        total = merge(total, report);
    }
    if let Some(sources) = total.get_mut("sources") {
        *sources = shown_sources(sources.take());
    }
    if !request.actor.may(Scope::Operate) {
        let destinations = total.get_mut("destinations").map(Value::take).unwrap_or_default();
        total = merge(total, json!({ "destinations": by_campaign(&destinations) }));
    }
    let is_capped = total.get("deliveries_capped").and_then(Value::as_i64).unwrap_or(0) > 0;
    // What is no number replaces what was added up.
    Ok(walk.respond(merge(
        total,
        json!({
            "from": rfc3339(from_ms), "to": rfc3339(to_ms), "step": step.name(),
            "time_zone": time_zone,
            "scores": { "bin_points": BIN_POINTS }, "deliveries_capped": is_capped,
            "thresholds": found.map(|campaign| thresholds_json(&campaign.thresholds)),
        }),
    )))
}

fn thresholds_json(at: &Thresholds) -> Value {
    json!({ "warm": at.warm, "hot": at.hot, "mql": at.mql, "sql": at.sql, "forward_at": at.forward_at })
}

/// Returns the first hour that begins at a time or after it.
fn next_hour(at_ms: i64) -> i64 {
    hour_of(at_ms.saturating_add(HOUR_MS - 1))
}

/// Returns the sources with the most posts by their names, and all others together, each with its numbers of new,
/// qualified and delivered leads. Not the number of posts: the rest of them is from known or suppressed people.
fn shown_sources(all: Value) -> Value {
    let Value::Object(all) = all else { return all };
    let posts = |about: &Value| about.get("accepted").and_then(Value::as_i64).unwrap_or(0);
    let mut named: Vec<_> = all.into_iter().collect();
    named.sort_unstable_by(|(one, of_one), (other, of_other)| {
        let order = |name: &str, about: &Value| (name == OTHER, -posts(about));
        order(one, of_one).cmp(&order(other, of_other)).then_with(|| one.cmp(other))
    });
    let is_shown = |(at, (name, about)): (usize, &(String, Value))| {
        at < MAX_SHOWN_SOURCES && name != OTHER && posts(about) >= LEAST_POSTS
    };
    let rest = named.iter().enumerate().take_while(|one| is_shown(*one)).count();
    let mut other = named.split_off(rest).into_iter().fold(json!({}), |sum, (_, about)| merge(sum, about));
    // The sums without the named sources show the other ones, which must not be a single post either.
    while (1..LEAST_POSTS).contains(&posts(&other)) {
        let direct = named.iter().position(|(name, _)| name == DIRECT);
        let Some(last) = direct.or(named.len().checked_sub(1)) else { break };
        other = merge(other, named.remove(last).1);
    }
    if posts(&other) > 0 {
        named.push((OTHER.to_owned(), other));
    }
    for about in named.iter_mut().filter_map(|(_, about)| about.as_object_mut()) {
        about.remove("accepted");
    }
    object_of(named)
}

/// Returns all destinations of a campaign as one, for operators who do not see single deliveries: some destinations get
/// few leads, customers' or those with a rare answer, and would tell whose post the last one was.
fn by_campaign(destinations: &Value) -> Vec<Value> {
    let mut all = Map::new();
    for one in destinations.as_array().into_iter().flatten() {
        let text = |key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
        let sum = all.entry(text("campaign").unwrap_or_default()).or_insert(Value::Null);
        let known = |key: &str| sum.get(key).and_then(Value::as_str).map(str::to_owned);
        let oldest = known("oldest_pending_at").into_iter().chain(text("oldest_pending_at")).min();
        let failure = text("last_failure").or_else(|| known("last_failure"));
        // What is no number replaces what was added up.
        *sum = merge(
            merge(sum.take(), one.clone()),
            json!({
                "destination": null, "p50_ms": null, "p95_ms": null, "oldest_pending_at": oldest,
                "last_failure": failure,
            }),
        );
    }
    all.into_iter().map(|(_, sum)| sum).collect()
}

/// Returns a page of the held leads.
pub async fn held_leads(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    page(request, |Part { campaign, after, limit }| Held { campaign, after, limit }).await
}

/// Returns the operator's name and the scopes of the token.
pub fn whoami<P>(request: &AdminRequest<'_, P>) -> Response {
    let scopes: Vec<_> = request.actor.scopes().map(|scope| scope.name()).collect();
    Response::json(&json!({ "name": request.actor.name, "scopes": scopes }))
}
