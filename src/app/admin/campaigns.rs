//! `GET /admin/api/campaigns`: the published campaigns.

use serde_json::{Value, json};

use super::error::AdminResult;
use super::request::AdminRequest;
use crate::app::ports::Ports;
use crate::app::registry;
use crate::base::url::WebAddress;
use crate::campaign::Campaign;
use crate::campaign::publish::campaign_key;
use crate::http::response::Response;
use crate::settings::admin_tokens::{Actor, Scope};

/// Checks that somebody sees where leads go: whoever may change it. The path of a webhook's address is often all that
/// keeps others from posting to it.
fn sees_addresses(actor: &Actor) -> bool {
    actor.may(Scope::Operate) || actor.may(Scope::Publish)
}

/// Returns the published campaigns.
pub async fn list(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let mut walk = request.walk(registry::campaigns(request.cx.ports).await?)?;
    let mut campaigns = Vec::new();
    while let Some((id, _)) = walk.next(1) {
        let Some(text) = request.cx.ports.kv_get(&campaign_key(&id)).await? else { continue };
        if let Ok(campaign) = Campaign::from_stored(&text) {
            campaigns.push(json!({
                "id": campaign.id, "title": campaign.title, "ledger": campaign.ledger,
                "revision": campaign.revision, "time_zone": campaign.time_zone,
            }));
        }
    }
    Ok(walk.respond(json!({ "campaigns": campaigns })))
}

/// Returns a campaign as it was published.
pub async fn show(request: &AdminRequest<'_, impl Ports>, id: &str) -> AdminResult {
    let stored = request.cx.ports.kv_get(&campaign_key(id)).await?;
    let campaign = stored.and_then(|text| Campaign::from_stored(&text).ok());
    Ok(match campaign {
        None => Response::not_found(),
        Some(campaign) if sees_addresses(request.actor) => Response::json_text(&campaign.canonical),
        Some(campaign) => Response::json(&masked(&campaign)),
    })
}

/// Returns the campaign with the path of each destination's address left out.
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
