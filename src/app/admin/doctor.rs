//! `GET /admin/api/doctor`: what is wrong with a live system, and what to do about it. It changes nothing.

use serde_json::{Value, json};

use super::error::{AdminResult, wrong_cursor};
use super::findings::Findings;
use super::request::AdminRequest;
use crate::app::cx::Cx;
use crate::app::ports::{KV_KEYS_AT_ONCE, Ports};
use crate::app::registry;
use crate::base::time::rfc3339;
use crate::campaign::publish::{campaign_key, controller_of, ledger_key};
use crate::campaign::{Campaign, Channel, SecretRefusal, SecretUses, Unservable, is_dummy};
use crate::http::response::Response;
use crate::ledger::api::{Checkup, Report};
use crate::pipeline::abuse::turnstile;
use crate::pipeline::webhook::SigningSecret;
use crate::settings::admin_tokens::Scope;

/// Examines the Worker, its settings and campaigns, and names the ledgers; with `ledger`, it examines one of them.
/// Both come a chunk at a time: `next` is the `after` of the next one.
pub async fn examine(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    match request.query.text("ledger") {
        Some(ledger) => examine_ledger(request, &ledger).await,
        None => examine_worker(request).await,
    }
}

/// Examines the settings with the first chunk, and campaigns in each.
async fn examine_worker(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let ports = request.cx.ports;
    let mut findings = Findings::default();
    if request.query.text("after").is_none() {
        check_settings(request.cx, &mut findings);
    }
    let listed = match registry::ledgers(ports).await {
        Ok(ledgers) => registry::campaigns(ports).await.map(|ids| (ledgers, ids)),
        Err(fault) => Err(fault),
    };
    let (ledgers, ids) = listed.unwrap_or_else(|_| {
        findings.add("kv_down", "");
        Default::default()
    });
    let keys: Vec<String> = ids.iter().map(|id| campaign_key(id)).collect();
    let stored = ports.kv_get_all(&keys).await.unwrap_or_else(|_| {
        findings.add("kv_down", "");
        Vec::new()
    });
    let mut uses = SecretUses::default();
    stored.iter().for_each(|(_, text)| uses.add(text));
    let mut walk = request.walk(ids)?;
    walk.spend(keys.len().div_ceil(KV_KEYS_AT_ONCE));
    while let Some((id, _)) = walk.next(1) {
        // A campaign that is listed and not there was deleted, which is still spreading.
        if let Some((_, text)) = stored.iter().find(|(key, _)| *key == campaign_key(&id)) {
            examine_campaign(request.cx, &id, text, &uses, &mut findings).await;
        }
    }
    let now = rfc3339(request.cx.now_ms());
    Ok(walk.respond(json!({ "now": now, "ledgers": ledgers, "findings": findings.into_json() })))
}

fn check_settings(cx: Cx<'_, impl Ports>, findings: &mut Findings) {
    let settings = cx.settings();
    let checks = [
        ("development", settings.development),
        ("signing_keys_missing", settings.signing.is_none()),
        ("list_keys_missing", settings.lists.is_none()),
        ("public_url_missing", settings.public_url.is_none() && !settings.is_public_url_wrong),
        ("public_url_wrong", settings.is_public_url_wrong),
        ("admin_host_wrong", settings.is_admin_host_wrong),
        ("secret_hosts_wrong", settings.is_secret_hosts_wrong),
    ];
    for (code, _) in checks.into_iter().filter(|(_, is_found)| *is_found) {
        findings.add(code, "");
    }
}

/// Examines a campaign as KV holds it.
async fn examine_campaign(
    cx: Cx<'_, impl Ports>,
    id: &str,
    text: &str,
    uses: &SecretUses,
    findings: &mut Findings,
) {
    let campaign = match Campaign::from_stored(text) {
        Ok(campaign) => campaign,
        Err(Unservable::Newer) => return findings.add("campaign_newer", id),
        Err(Unservable::Invalid(_)) => return findings.add("campaign_unreadable", id),
    };
    check_links(cx, &campaign, findings);
    check_turnstile(cx, &campaign, uses, findings);
    check_destinations(cx, &campaign, uses, findings);
    let record = cx.ports.kv_get(&ledger_key(&campaign.ledger)).await.ok().flatten();
    let owner = record.and_then(|record| controller_of(&record));
    if owner.is_some_and(|owner| owner != campaign.controller.name) {
        findings.add("controller_other", id);
    }
}

fn check_links(cx: Cx<'_, impl Ports>, campaign: &Campaign, findings: &mut Findings) {
    if campaign.double_opt_in.is_some() && cx.settings().public_url.is_none() {
        findings.add("public_url_needed", &campaign.id);
    }
}

fn check_turnstile(cx: Cx<'_, impl Ports>, campaign: &Campaign, uses: &SecretUses, findings: &mut Findings) {
    let settings = cx.settings();
    let Some(turnstile) = &campaign.turnstile else { return };
    let about = format!("{}/turnstile ({})", campaign.id, turnstile.secret);
    match cx.ports.secret(&turnstile.secret) {
        None => findings.add("turnstile_secret_missing", &about),
        Some(secret) if is_dummy(&secret) && !settings.development => {
            findings.add("turnstile_for_tests", &about);
        }
        Some(secret) => {
            let host = turnstile::host(settings);
            if let Some(code) = withheld(cx, uses, &turnstile.secret, &secret, &host, true) {
                findings.add(code, &about);
            }
        }
    }
}

fn check_destinations(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    uses: &SecretUses,
    findings: &mut Findings,
) {
    let settings = cx.settings();
    for destination in &campaign.destinations {
        let name = &destination.secret;
        let about = format!("{}/{} ({name})", campaign.id, destination.name);
        let secret = cx.ports.secret(name);
        if secret.is_none() {
            findings.add("secret_missing", &about);
        }
        let code = match &destination.channel {
            Channel::Email(_) => {
                let value = secret.unwrap_or_default();
                withheld(cx, uses, name, &value, destination.host(), settings.development)
            }
            Channel::Webhook if settings.secret_hosts.binds(name) => Some("sent_secret_signs"),
            Channel::Webhook if secret.is_none_or(|secret| SigningSecret::parse(&secret).is_some()) => None,
            Channel::Webhook if uses.sent(name).is_some() => Some("sent_secret_signs"),
            Channel::Webhook => Some("secret_unusable"),
        };
        if let Some(code) = code {
            findings.add(code, &about);
        }
    }
}

/// Returns the finding that says why a secret is not sent to a host, if it is not.
fn withheld(
    cx: Cx<'_, impl Ports>,
    uses: &SecretUses,
    name: &str,
    value: &str,
    host: &str,
    may_be_unbound: bool,
) -> Option<&'static str> {
    if uses.signs(name).is_some() {
        return Some("signing_secret_sent");
    }
    cx.settings().secret_hosts.judge(name, value, host, may_be_unbound).err().map(|why| match why {
        SecretRefusal::Signs => "signing_secret_sent",
        SecretRefusal::Unbound => "secret_unbound",
        SecretRefusal::Elsewhere => "secret_elsewhere",
    })
}

/// Examines a chunk of a ledger.
async fn examine_ledger(request: &AdminRequest<'_, impl Ports>, ledger: &str) -> AdminResult {
    let ports = request.cx.ports;
    // Asking a ledger that is not there would make it.
    if !registry::ledgers(ports).await?.iter().any(|known| known == ledger) {
        return Ok(Response::not_found());
    }
    let mut findings = Findings::default();
    let after = request.query.text("after");
    let report = match request.ask(ledger, Checkup { after }).await {
        Ok(Some(Report(report))) => report,
        Ok(None) => return Err(wrong_cursor("chunk")),
        Err(_) => {
            findings.add("ledger_silent", "");
            let findings = findings.into_json();
            return Ok(Response::json(&json!({ "ledger": ledger, "findings": findings, "next": null })));
        }
    };
    for found in report.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
        let count = found.get("count").and_then(Value::as_i64).unwrap_or(1);
        // The id of a submission or a delivery is shown to those who see single ones.
        let example = found.get("example").filter(|_| request.actor.may(Scope::Operate));
        findings.add_counted(text("problem"), text("about"), count, example.unwrap_or(&Value::Null));
    }
    for (id, revision) in report.get("campaigns").and_then(Value::as_object).into_iter().flatten() {
        let stored = ports.kv_get(&campaign_key(id)).await?;
        match stored.map(|stored| Campaign::from_stored(&stored)) {
            None => findings.add("campaign_gone", id),
            Some(Ok(campaign)) if revision.as_str() != Some(&campaign.revision) => {
                findings.add("campaign_older", id);
            }
            // A campaign that cannot be read is found with the Worker.
            Some(_) => {}
        }
    }
    let part = |key: &str| report.get(key).cloned().unwrap_or_default();
    let (states, next, findings) = (part("states"), part("next"), findings.into_json());
    Ok(Response::json(&json!({ "ledger": ledger, "states": states, "findings": findings, "next": next })))
}
