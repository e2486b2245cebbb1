//! `PUT /admin/api/campaigns/{}`: publishing a campaign.

use serde_json::{Value, json};

use super::error::{AdminError, AdminResult};
use super::request::AdminRequest;
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::json;
use crate::campaign::change::Change;
use crate::campaign::publish::{CAMPAIGN_PREFIX, campaign_key, keys, plan};
use crate::campaign::{Campaign, Problem, SecretUses, Secrets};
use crate::http::response::Response;
use crate::ledger::api::{Publication, Publish};
use crate::pipeline::abuse::turnstile;
use crate::pipeline::intake::BOM;

/// The most bytes of a campaign as JSON, with room for its wordings.
pub const MAX_CAMPAIGN_BODY_BYTES: usize = 128 * 1024;

/// Publishes a campaign. KV and the ledger's audit log have no common transaction, so an entry of the log says that
/// the publication begins before anything is written, and another that it is done.
pub async fn publish(request: &AdminRequest<'_, impl Ports>, id: &str) -> AdminResult {
    let cx = request.cx;
    let campaign = read(request, id)?;
    let stored = stored(cx, &campaign).await?;
    let found = |key: &str| stored.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    let mut problems = unpublishable(cx, &campaign, &stored);
    let plan = match plan(&campaign, request.query.text("rename_controller").as_deref(), found) {
        Ok(plan) if problems.is_empty() => plan,
        Ok(_) => return Err(invalid(&problems)),
        Err(more) => {
            problems.extend(more);
            return Err(invalid(&problems));
        }
    };
    let before = found(&campaign_key(id)).and_then(|text| Campaign::from_stored(&text).ok());
    let change = Change { before: before.as_ref(), after: &campaign };
    let entry = change.entry(plan.controller_was.as_deref()).to_string();
    let waiting = write_entry(request, &campaign, &entry, Stage::Begun(&change)).await?;
    for (key, value) in plan.writes {
        cx.ports.kv_put(&key, &value).await?;
    }
    write_entry(request, &campaign, &entry, Stage::Done).await?;
    let mut warnings = change.warnings(waiting.as_ref());
    warnings.extend(unset_secrets(cx, &campaign));
    cx.isolate.campaigns.forget(id);
    let revision = &campaign.revision;
    Ok(Response::json(&json!({ "published": campaign.id, "revision": revision, "warnings": warnings })))
}

/// Reads the campaign of a request.
fn read<P>(request: &AdminRequest<'_, P>, id: &str) -> AdminResult<Campaign> {
    let Ok(body) = &request.raw.body else {
        return Err(Response::too_large(MAX_CAMPAIGN_BODY_BYTES).into());
    };
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let file: Value = json::read(body).ok_or_else(|| Response::malformed("It is not JSON."))?;
    let campaign = Campaign::accept(&file).map_err(|problems| invalid(&problems))?;
    if campaign.id != id {
        return Err(invalid(&[Problem::new("id", "is not the one of the address")]));
    }
    Ok(campaign)
}

fn invalid(problems: &[Problem]) -> AdminError {
    let error = |Problem { path, reason }: &Problem| {
        let code = "campaign_invalid";
        json!({ "field": path, "code": code, "detail": reason })
    };
    Response::unprocessable(problems.iter().map(error).collect()).into()
}

/// The stage of a publication.
enum Stage<'a> {
    /// The stage before anything is written.
    Begun(&'a Change<'a>),
    /// The stage after KV has the campaign.
    Done,
}

/// Writes an entry of the audit log. Returns what waits of the campaign, if the change may strand it; older code does
/// not say.
async fn write_entry(
    request: &AdminRequest<'_, impl Ports>,
    campaign: &Campaign,
    changes: &str,
    stage: Stage<'_>,
) -> Result<Option<Value>, Fault> {
    let publish = Publish {
        campaign: campaign.id.clone(),
        changes: Some(changes.to_owned()),
        is_done: matches!(stage, Stage::Done),
        tells_what_waits: matches!(stage, Stage::Begun(change) if change.may_strand()),
    };
    Ok(match request.ask(&campaign.ledger, publish).await? {
        Publication::Noted { .. } => None,
        Publication::Waiting(waiting) => Some(waiting),
    })
}

/// Reads from KV what a publication is judged by: keys and values of this campaign, and all other campaigns.
async fn stored(cx: Cx<'_, impl Ports>, campaign: &Campaign) -> Result<Vec<(String, String)>, Fault> {
    let mut wanted = cx.ports.kv_list(CAMPAIGN_PREFIX).await?;
    for key in keys(campaign) {
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    }
    cx.ports.kv_get_all(&wanted).await
}

/// Returns why a campaign may not be published here, by the operator's settings and by what is published.
fn unpublishable(cx: Cx<'_, impl Ports>, campaign: &Campaign, stored: &[(String, String)]) -> Vec<Problem> {
    let settings = cx.settings();
    let mut problems = if settings.development { Vec::new() } else { campaign.development_only() };
    for refused in campaign.refused_destinations(settings.public_url.as_deref(), settings.development) {
        if problems.iter().all(|known| known.path != refused.path) {
            problems.push(refused);
        }
    }
    let own = campaign_key(&campaign.id);
    let mut elsewhere = SecretUses::default();
    for (key, text) in stored {
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

/// Returns a warning for each secret that the campaign names and the Worker does not have: what needs it waits.
fn unset_secrets(cx: Cx<'_, impl Ports>, campaign: &Campaign) -> Vec<String> {
    let mut unset = Vec::new();
    let mut check = |path: String, name: &str| {
        if cx.ports.secret(name).is_none() {
            unset.push(format!("{path}: the Worker has no secret {name}; what needs it waits"));
        }
    };
    for (at, destination) in campaign.destinations.iter().enumerate() {
        check(format!("destination[{at}].secret"), &destination.secret);
    }
    if let Some(turnstile) = &campaign.turnstile {
        check("turnstile.secret".to_owned(), &turnstile.secret);
    }
    unset
}
