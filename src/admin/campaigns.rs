//! What is published, and publishing.

use serde_json::{Value, json};

use super::{Asked, MAX_CAMPAIGN_BODY_BYTES};
use crate::campaign::publish::{CAMPAIGN_PREFIX, campaign_key, keys, plan};
use crate::campaign::{Campaign, Problem};
use crate::fault::Fault;
use crate::ledger::message::{Answer, Operation, Verb};
use crate::ports::Ports;
use crate::reply::Reply;

/// What is published.
pub async fn list(ports: &impl Ports) -> Result<Reply, Fault> {
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

/// A campaign as it was published.
pub async fn show(ports: &impl Ports, id: &str) -> Result<Reply, Fault> {
    let stored = ports.kv_get(&campaign_key(id)).await?;
    let campaign = stored.and_then(|text| Campaign::from_stored(&text).ok());
    Ok(campaign.map_or_else(Reply::not_found, |campaign| Reply::json_text(&campaign.canonical)))
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
