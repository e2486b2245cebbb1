//! What is published, and publishing.

use serde_json::{Value, json};

use super::{Asked, MAX_CAMPAIGN_BODY_BYTES};
use crate::access::{Actor, Scope};
use crate::campaign::publish::{CAMPAIGN_PREFIX, campaign_key, keys, plan};
use crate::campaign::{Campaign, Problem};
use crate::fault::Fault;
use crate::ledger::message::{Answer, Operation, Verb};
use crate::ports::Ports;
use crate::reply::Reply;
use crate::text::WebAddress;

/// Whether somebody sees where leads go: whoever may say so. Of a webhook's address the path is often all that
/// keeps others from posting to it.
fn sees_addresses(actor: &Actor) -> bool {
    actor.may(Scope::Operate)
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
pub async fn list(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let mut walk = match asked.walk(ids(ports).await?) {
        Ok(walk) => walk,
        Err(reply) => return Ok(reply),
    };
    let mut campaigns = Vec::new();
    while let Some((id, _)) = walk.next(1) {
        let Some(text) = ports.kv_get(&campaign_key(&id)).await? else { continue };
        if let Ok(campaign) = Campaign::from_stored(&text) {
            campaigns.push(json!({
                "id": campaign.id, "title": campaign.title, "ledger": campaign.ledger,
                "revision": campaign.revision,
            }));
        }
    }
    Ok(walk.answer(json!({ "campaigns": campaigns })))
}

/// A campaign as it was published.
pub async fn show(ports: &impl Ports, id: &str, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let stored = ports.kv_get(&campaign_key(id)).await?;
    let campaign = stored.and_then(|text| Campaign::from_stored(&text).ok());
    Ok(match campaign {
        None => Reply::not_found(),
        Some(campaign) if sees_addresses(asked.actor) => Reply::json_text(&campaign.canonical),
        Some(campaign) => Reply::json(&masked(&campaign)),
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
pub async fn publish(ports: &impl Ports, id: &str, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let Ok(body) = &asked.request.body else {
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
    let settings = ports.settings();
    let refused = campaign.refused_destinations(settings.public_url.as_deref(), settings.development);
    if !refused.is_empty() {
        return invalid(refused);
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
    write_down(ports, &campaign, false, asked).await?;
    for (key, value) in writes {
        ports.kv_put(&key, &value).await?;
    }
    write_down(ports, &campaign, true, asked).await?;
    ports.shelf().borrow_mut().forget(id);
    Ok(Reply::json(&json!({ "published": campaign.id, "revision": campaign.revision })))
}

async fn write_down(
    ports: &impl Ports,
    campaign: &Campaign,
    is_done: bool,
    asked: &Asked<'_>,
) -> Result<(), Fault> {
    let published = Some(campaign.id.clone());
    let operation = Operation { campaign: published, is_done, ..asked.operation(Verb::Publish) };
    match asked.ask(ports, &campaign.ledger, operation).await? {
        Answer::Done(_) => Ok(()),
        _ => Err(Fault::new("a ledger gave another answer")),
    }
}
