//! What is published, and publishing.

use serde_json::{Value, json};

use super::{Asked, MAX_CAMPAIGN_BODY_BYTES};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::url::WebAddress;
use crate::campaign::change::Change;
use crate::campaign::publish::{CAMPAIGN_PREFIX, campaign_key, keys, plan};
use crate::campaign::{Campaign, Problem, SecretUses, Secrets};
use crate::http::response::Response;
use crate::ledger::api::{Publication, Publish};
use crate::pipeline::abuse::turnstile;
use crate::pipeline::intake::BOM;
use crate::settings::admin_tokens::{Actor, Scope};

/// Whether somebody sees where leads go: whoever may say so. Of a webhook's address the path is often all that
/// keeps others from posting to it.
fn sees_addresses(actor: &Actor) -> bool {
    actor.may(Scope::Operate) || actor.may(Scope::Publish)
}

/// The ids of what is published.
///
/// # Errors
/// KV is down.
pub async fn ids(ports: &impl Ports) -> Result<Vec<String>, Fault> {
    let keys = ports.kv_list(CAMPAIGN_PREFIX).await?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(CAMPAIGN_PREFIX)).map(str::to_owned).collect())
}

/// What is published.
pub async fn list(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let mut walk = match asked.walk(ids(cx.ports).await?) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut campaigns = Vec::new();
    while let Some((id, _)) = walk.next(1) {
        let Some(text) = cx.ports.kv_get(&campaign_key(&id)).await? else { continue };
        if let Ok(campaign) = Campaign::from_stored(&text) {
            campaigns.push(json!({
                "id": campaign.id, "title": campaign.title, "ledger": campaign.ledger,
                "revision": campaign.revision, "time_zone": campaign.time_zone,
            }));
        }
    }
    Ok(walk.answer(json!({ "campaigns": campaigns })))
}

/// A campaign as it was published.
pub async fn show(cx: Cx<'_, impl Ports>, id: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let stored = cx.ports.kv_get(&campaign_key(id)).await?;
    let campaign = stored.and_then(|text| Campaign::from_stored(&text).ok());
    Ok(match campaign {
        None => Response::not_found(),
        Some(campaign) if sees_addresses(asked.actor) => Response::json_text(&campaign.canonical),
        Some(campaign) => Response::json(&masked(&campaign)),
    })
}

/// The campaign with the path of each destination's address left out.
fn masked(campaign: &Campaign) -> Value {
    let mut file: Value = serde_json::from_str(&campaign.canonical).unwrap_or_default();
    let destinations = file.get_mut("destination").and_then(Value::as_array_mut);
    for url in destinations.into_iter().flatten().filter_map(|one| one.get_mut("url")) {
        let address = url.as_str().and_then(WebAddress::parse);
        let origin = address.as_ref().map_or("", WebAddress::origin);
        *url = format!("{origin}/…").into();
    }
    file
}

/// Publishes a campaign. KV and the ledger's audit log have no common transaction, so the log says that
/// it begins before anything is written, and that it is done after.
pub async fn publish(cx: Cx<'_, impl Ports>, id: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let Ok(body) = &asked.request.body else {
        return Ok(Response::too_large(MAX_CAMPAIGN_BODY_BYTES));
    };
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let Some(file) = str::from_utf8(body).ok().and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return Ok(Response::malformed("It is not JSON."));
    };
    let invalid = |problems: Vec<Problem>| {
        let show = |problem: &Problem| json!({ "field": problem.path, "code": "campaign_invalid", "detail": problem.reason });
        Ok(Response::unprocessable(problems.iter().map(show).collect()))
    };
    let campaign = match Campaign::accept(&file) {
        Ok(campaign) => campaign,
        Err(problems) => return invalid(problems),
    };
    if campaign.id != id {
        return invalid(vec![Problem::new("id", "is not the one of the address")]);
    }
    let known = known(cx, &campaign).await?;
    let found = |key: &str| known.iter().find(|(one, _)| one == key).map(|(_, value)| value.clone());
    let mut problems = unpublishable(cx, &campaign, &known);
    let plan = match plan(&campaign, asked.query.text("rename_controller").as_deref(), found) {
        Ok(plan) if problems.is_empty() => plan,
        Ok(_) => return invalid(problems),
        Err(more) => {
            problems.extend(more);
            return invalid(problems);
        }
    };
    let before = found(&campaign_key(id)).and_then(|text| Campaign::from_stored(&text).ok());
    let change = Change { before: before.as_ref(), after: &campaign };
    let entry = change.entry(plan.controller_was.as_deref()).to_string();
    let waiting = write_down(cx, &campaign, &entry, Stage::Begun(&change), asked).await?;
    for (key, value) in plan.writes {
        cx.ports.kv_put(&key, &value).await?;
    }
    write_down(cx, &campaign, &entry, Stage::Done, asked).await?;
    let mut warnings = change.warnings(waiting.as_ref());
    warnings.extend(unset_secrets(cx, &campaign));
    cx.isolate.campaigns.forget(id);
    let revision = &campaign.revision;
    Ok(Response::json(&json!({ "published": campaign.id, "revision": revision, "warnings": warnings })))
}

/// How far a publication is.
enum Stage<'a> {
    /// Nothing is written yet.
    Begun(&'a Change<'a>),
    /// KV has it.
    Done,
}

/// Writes down that it begins or is done. Gives what waits, where that was asked for; older code does not say.
async fn write_down(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    changes: &str,
    stage: Stage<'_>,
    asked: &Asked<'_>,
) -> Result<Option<Value>, Fault> {
    let request = Publish {
        campaign: campaign.id.clone(),
        changes: Some(changes.to_owned()),
        is_done: matches!(stage, Stage::Done),
        tells_what_waits: matches!(stage, Stage::Begun(change) if change.may_strand()),
    };
    Ok(match asked.ask(cx, &campaign.ledger, request).await? {
        Publication::Noted { .. } => None,
        Publication::Waiting(waiting) => Some(waiting),
    })
}

/// What a publication is judged by: what lies in KV of the campaign and beside it, and the other campaigns.
async fn known(cx: Cx<'_, impl Ports>, campaign: &Campaign) -> Result<Vec<(String, String)>, Fault> {
    let mut wanted = cx.ports.kv_list(CAMPAIGN_PREFIX).await?;
    for key in keys(campaign) {
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    }
    cx.ports.kv_get_all(&wanted).await
}

/// Why a campaign may not be published here, by the operator's settings and by what is published.
fn unpublishable(cx: Cx<'_, impl Ports>, campaign: &Campaign, known: &[(String, String)]) -> Vec<Problem> {
    let settings = cx.settings();
    let mut problems = if settings.development { Vec::new() } else { campaign.development_only() };
    for refused in campaign.refused_destinations(settings.public_url.as_deref(), settings.development) {
        if problems.iter().all(|told| told.path != refused.path) {
            problems.push(refused);
        }
    }
    let own = campaign_key(&campaign.id);
    let mut elsewhere = SecretUses::default();
    for (key, text) in known {
        if key.starts_with(CAMPAIGN_PREFIX) && *key != own {
            elsewhere.add(text);
        }
    }
    problems.extend(campaign.refused_secrets(&Secrets {
        hosts: &settings.secret_hosts,
        elsewhere: &elsewhere,
        value: &|name| cx.ports.secret(name),
        turnstile_host: &turnstile::host(settings),
        development: settings.development,
    }));
    problems
}

/// Secrets that a campaign names and that the Worker does not have: what needs them waits.
fn unset_secrets(cx: Cx<'_, impl Ports>, campaign: &Campaign) -> Vec<String> {
    let mut unset = Vec::new();
    let mut look = |path: String, name: &str| {
        if cx.ports.secret(name).is_none() {
            unset.push(format!("{path}: the Worker has no secret {name}; what needs it waits"));
        }
    };
    for (at, destination) in campaign.destinations.iter().enumerate() {
        look(format!("destination[{at}].secret"), &destination.secret);
    }
    if let Some(turnstile) = &campaign.turnstile {
        look("turnstile.secret".to_owned(), &turnstile.secret);
    }
    unset
}
