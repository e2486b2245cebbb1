//! What a dashboard shows: the numbers of a period, added up over the ledgers, and what is held.

use serde_json::{Map, Value, json};

use super::counters::added;
use super::pages::page;
use super::{Asked, ledgers, range};
use crate::campaign::Thresholds;
use crate::campaigns;
use crate::fault::Fault;
use crate::ledger::message::{Answer, Operation, Verb};
use crate::ledger::{BIN_POINTS, MAX_SHOWN_SOURCES, NOTHING_SEEN, nothing_counted, step_of};
use crate::moment::{DAY_MS, HOUR_MS, hour_of, rfc3339};
use crate::ports::Ports;
use crate::reply::Reply;

/// The period of whoever names none: long enough for a campaign, short enough to see what changes.
const DEFAULT_MS: i64 = 30 * DAY_MS;

/// The numbers of a campaign, or of all.
pub async fn report(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let [from_ms, to_ms] = match range(&asked.query) {
        Ok(range) => range,
        Err(reply) => return Ok(reply),
    };
    let to_ms = to_ms.unwrap_or_else(|| hour_of(asked.moment.now_ms) + HOUR_MS);
    let from_ms = from_ms.unwrap_or(to_ms - DEFAULT_MS);
    let campaign = asked.query.text("campaign");
    let found = match &campaign {
        Some(id) => campaigns::find(ports, id, asked.moment.now_ms).await?,
        None => None,
    };
    if campaign.is_some() && found.is_none() {
        return Ok(Reply::not_found());
    }
    let mut total: Value = serde_json::from_str(NOTHING_SEEN).unwrap_or_default();
    total = added(total, json!({ "states": nothing_counted().get("states") }));
    for ledger in ledgers(ports, campaign.as_deref(), asked.moment).await? {
        let (from_ms, to_ms) = (Some(from_ms), Some(to_ms));
        let operation =
            Operation { campaign: campaign.clone(), from_ms, to_ms, ..asked.operation(Verb::Overview) };
        let Answer::Report(report) = asked.ask(ports, &ledger, operation).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        total = added(total, report);
    }
    if let Some(sources) = total.get_mut("sources") {
        *sources = first_sources(sources.take());
    }
    let is_capped = total.get("deliveries_capped").and_then(Value::as_i64).unwrap_or(0) > 0;
    // What is no number takes the place of what was added up.
    Ok(Reply::json(&added(
        total,
        json!({
            "from": rfc3339(from_ms), "to": rfc3339(to_ms), "step": step_of(from_ms, to_ms).name(),
            "scores": { "bin_points": BIN_POINTS }, "deliveries_capped": is_capped,
            "thresholds": found.map(|campaign| shown(&campaign.thresholds)),
        }),
    )))
}

fn shown(at: &Thresholds) -> Value {
    json!({ "warm": at.warm, "hot": at.hot, "mql": at.mql, "sql": at.sql, "forward_at": at.forward_at })
}

/// The sources with the most posts; each ledger has named as many, and `other` has the rest.
fn first_sources(all: Value) -> Value {
    let Value::Object(all) = all else { return all };
    let accepted = |about: &Value| about.get("accepted").and_then(Value::as_i64).unwrap_or(0);
    let (mut shown, mut named): (Map<_, _>, Vec<_>) = (Map::new(), all.into_iter().collect());
    named.sort_by_key(|(name, about)| (name == "other", -accepted(about)));
    for (at, (name, about)) in named.into_iter().enumerate() {
        let name = if at < MAX_SHOWN_SOURCES { name } else { "other".to_owned() };
        let sum = added(shown.remove(&name).unwrap_or_default(), about);
        shown.insert(name, sum);
    }
    Value::Object(shown)
}

/// What is held, a page of it.
pub async fn held(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    page(ports, asked, asked.operation(Verb::Held), "held").await
}

/// Who asks, and what the token allows.
pub fn whoami(asked: &Asked<'_>) -> Reply {
    let scopes: Vec<_> = asked.actor.scopes().map(|scope| scope.name()).collect();
    Reply::json(&json!({ "name": asked.actor.name, "scopes": scopes }))
}
