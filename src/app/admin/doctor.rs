//! Diagnosis of a running deployment: findings in words, with advice. It changes nothing.

use serde_json::{Value, json};

use super::{Asked, campaigns, registry, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::{KV_KEYS_AT_ONCE, Ports};
use crate::base::fault::Fault;
use crate::base::time::rfc3339;
use crate::campaign::publish::{campaign_key, controller_of, ledger_key};
use crate::campaign::{Campaign, Channel, SecretRefusal, SecretUses, Unservable, is_dummy};
use crate::http::response::Response;
use crate::ledger::api::{Checkup, Report};
use crate::pipeline::abuse::turnstile;
use crate::pipeline::webhook::SigningSecret;
use crate::settings::admin_tokens::Scope;

/// A code, whether it is a problem or only a note, its meaning, and advice.
type Words = (&'static str, bool, &'static str, &'static str);

const WORDS: &[Words] = &[
    (
        "counters_differ",
        true,
        "The ledger's counters do not match its rows",
        "Compare both with what receivers have got before you rely on either, and report it as a bug.",
    ),
    (
        "counter_negative",
        true,
        "A counter is below zero",
        "Something was subtracted twice. Report it as a bug.",
    ),
    (
        "state_unknown",
        true,
        "A submission has a state that this version does not know",
        "Deploy the newest version again.",
    ),
    (
        "no_delivery",
        true,
        "A submission is pending, but none of its deliveries is",
        "It will never be sent. Report it as a bug.",
    ),
    (
        "state_behind",
        true,
        "A submission's state does not match its deliveries",
        "Sending follows the deliveries, and the counters follow the state. Report it as a bug.",
    ),
    (
        "no_submission",
        true,
        "A delivery is pending, but its submission is gone",
        "It cannot be sent and will become a dead letter. Report it as a bug.",
    ),
    (
        "payload_missing",
        true,
        "A submission is pending, but its payload is gone",
        "It cannot be sent. Restore the ledger to an earlier point in time, or ask the person again.",
    ),
    (
        "payload_left",
        true,
        "A submission is finished, but its payload is still stored",
        "It should have been erased. Report it as a bug.",
    ),
    (
        "newer",
        false,
        "Rows were written by a newer version; they are left alone",
        "Deploy the newest version; they wait until then.",
    ),
    (
        "overdue",
        true,
        "A delivery is overdue by more than 15 minutes",
        "Check whether the receiver is slow. If it is not, the alarm was lost: check that the cron trigger exists, \
         which wakes every ledger.",
    ),
    (
        "due_too_late",
        true,
        "A delivery is due later than the longest wait allows",
        "A clock was wrong when it was written. The ledger corrects it when it restarts: deploy again.",
    ),
    (
        "dead_letters",
        true,
        "Deliveries were given up",
        "Fix the cause shown in `reason`, then replay them: POST /admin/api/deliveries/replay?campaign=…",
    ),
    (
        "destination_paused",
        true,
        "A destination returned 410 and is paused",
        "Once it accepts leads again, enable it: POST /admin/api/campaigns/…/destinations/…/enable",
    ),
    (
        "moving",
        false,
        "Leads arrived during the check, so counters and rows could not be compared exactly",
        "Run it again at a quieter time.",
    ),
    (
        "ledger_silent",
        true,
        "The ledger does not respond",
        "Check the Worker's log for faults, and run it again. Its submissions get 503 until it responds.",
    ),
    (
        "kv_down",
        true,
        "KV cannot be read",
        "Campaigns in the cache are still served; others get 503. Check the platform's status page.",
    ),
    (
        "campaign_unreadable",
        true,
        "A campaign in KV cannot be read",
        "Publish it again with `leadhook publish`.",
    ),
    (
        "campaign_newer",
        true,
        "A campaign in KV was published by a newer version",
        "Deploy that version of the Worker.",
    ),
    (
        "campaign_gone",
        true,
        "The ledger knows a campaign that is not in KV",
        "Its deliveries use the ledger's copy. Publish it again with `leadhook publish`.",
    ),
    (
        "campaign_older",
        false,
        "The ledger's copy of a campaign has another revision than KV's",
        "The next submission updates it.",
    ),
    (
        "secret_missing",
        true,
        "A destination's secret is not set, so nothing can be sent to it",
        "Set it with `wrangler secret put`; pending deliveries are sent then.",
    ),
    (
        "turnstile_secret_missing",
        true,
        "Turnstile's secret is not set, so it is not asked about submissions",
        "Set it with `wrangler secret put`. Submissions are accepted meanwhile.",
    ),
    (
        "turnstile_for_tests",
        true,
        "Turnstile's secret is one for tests, which is not used outside development",
        "Set the secret of your widget. Submissions are accepted meanwhile.",
    ),
    (
        "secret_unusable",
        true,
        "A destination's secret does not have the form whsec_…, so nothing can be signed",
        "Set the secret that the receiver has; pending deliveries are sent then.",
    ),
    (
        "secret_unbound",
        true,
        "A token is bound to no host, so nothing is sent with it",
        "If the host is your provider's, add NAME=host to LEADHOOK_SECRET_HOSTS; pending deliveries are sent then.",
    ),
    (
        "secret_elsewhere",
        true,
        "A token is bound to another host than the campaign names, so nothing is sent with it",
        "Correct the campaign, or add NAME=host to LEADHOOK_SECRET_HOSTS if the host is your provider's.",
    ),
    (
        "signing_secret_sent",
        true,
        "A campaign would send a secret that signs webhooks, so nothing is sent with it",
        "Give the provider's token its own name, set it with `wrangler secret put`, and publish again.",
    ),
    (
        "sent_secret_signs",
        true,
        "A webhook is signed with a secret that is bound to a host or sent elsewhere as a token",
        "Give the webhook its own secret, whsec_…; the name of a secret that only signs does not belong in \
         LEADHOOK_SECRET_HOSTS.",
    ),
    (
        "controller_other",
        false,
        "A campaign still names the former controller of its ledger; it is served all the same",
        "Its next publication needs the new name, a new privacy_notice_version and new versions of all purposes.",
    ),
    (
        "development",
        false,
        "LEADHOOK_ENV is dev: loopback addresses are allowed, and retries follow within seconds",
        "Remove it in production.",
    ),
    (
        "signing_keys_missing",
        false,
        "LEADHOOK_SIGNING_KEYS is not set: there are no signed receipts",
        "Create one with `leadhook keys make`, and set it with `wrangler secret put`.",
    ),
    (
        "list_keys_missing",
        false,
        "LEADHOOK_LIST_KEYS is not set: there are no lists, so nobody can be suppressed",
        "Create one with `leadhook keys make`, and set it with `wrangler secret put`.",
    ),
    (
        "public_url_missing",
        false,
        "LEADHOOK_PUBLIC_URL is not set: receipts and events carry no links",
        "Set it to the public address of the Worker.",
    ),
    (
        "public_url_wrong",
        true,
        "LEADHOOK_PUBLIC_URL is not an address that links can be built from, and counts as not set",
        "Set it to the public address of the Worker, such as https://leads.example.com.",
    ),
    (
        "admin_host_wrong",
        true,
        "LEADHOOK_ADMIN_HOST is not a host, or is that of LEADHOOK_PUBLIC_URL, and counts as not set",
        "Set it to a host, with its port if it has one, such as admin.example.com; until then the dashboard is at every host.",
    ),
    (
        "secret_hosts_wrong",
        true,
        "LEADHOOK_SECRET_HOSTS cannot be read: no token is bound to a host, so none is sent",
        "Set it to names and hosts without https://, port and path, such as MAIL_API_TOKEN=api.postmarkapp.com; pending deliveries are sent then.",
    ),
    (
        "public_url_needed",
        true,
        "A campaign uses double opt-in, but LEADHOOK_PUBLIC_URL, which its links need, is not set",
        "Set it to the public address of the Worker; pending mails are sent then.",
    ),
];

/// Answers `GET /admin/api/doctor`: checks the Worker, its settings and campaigns, and lists the ledgers. With `ledger`,
/// checks one of them. Both work in chunks: `next` is the `after` of the next one.
pub(super) async fn examine(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    match asked.query.text("ledger") {
        Some(ledger) => examine_ledger(cx, &ledger, asked).await,
        None => examine_worker(cx, asked).await,
    }
}

/// Checks the settings in the first chunk, and campaigns in each.
async fn examine_worker(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let mut findings = Vec::new();
    if asked.query.text("after").is_none() {
        check_settings(cx, &mut findings);
    }
    let listed = match registry(cx.ports).await {
        Ok(ledgers) => campaigns::ids(cx.ports).await.map(|ids| (ledgers, ids)),
        Err(fault) => Err(fault),
    };
    let (ledgers, ids) = listed.unwrap_or_else(|_| {
        findings.push(finding("kv_down", "", 1, &Value::Null));
        Default::default()
    });
    let keys: Vec<String> = ids.iter().map(|id| campaign_key(id)).collect();
    let stored = cx.ports.kv_get_all(&keys).await.unwrap_or_else(|_| {
        findings.push(finding("kv_down", "", 1, &Value::Null));
        Vec::new()
    });
    let mut uses = SecretUses::default();
    stored.iter().for_each(|(_, text)| uses.add(text));
    let mut walk = match asked.walk(ids) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    walk.spend(keys.len().div_ceil(KV_KEYS_AT_ONCE));
    while let Some((id, _)) = walk.next(1) {
        // If it is not there, its deletion is still spreading.
        if let Some((_, text)) = stored.iter().find(|(key, _)| *key == campaign_key(&id)) {
            examine_campaign(cx, &id, text, &uses, &mut findings).await;
        }
    }
    let now = rfc3339(cx.now_ms());
    Ok(walk.answer(json!({ "now": now, "ledgers": ledgers, "findings": findings })))
}

fn check_settings(cx: Cx<'_, impl Ports>, into: &mut Vec<Value>) {
    let settings = cx.settings();
    let missing = [
        ("development", settings.development),
        ("signing_keys_missing", settings.signing.is_none()),
        ("list_keys_missing", settings.lists.is_none()),
        ("public_url_missing", settings.public_url.is_none() && !settings.is_public_url_wrong),
        ("public_url_wrong", settings.is_public_url_wrong),
        ("admin_host_wrong", settings.is_admin_host_wrong),
        ("secret_hosts_wrong", settings.is_secret_hosts_wrong),
    ];
    let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
    into.extend(missing.map(|(problem, _)| finding(problem, "", 1, &Value::Null)));
}

/// Checks a campaign as it is in KV.
async fn examine_campaign(
    cx: Cx<'_, impl Ports>,
    id: &str,
    text: &str,
    uses: &SecretUses,
    into: &mut Vec<Value>,
) {
    let campaign = match Campaign::from_stored(text) {
        Ok(campaign) => campaign,
        Err(Unservable::Newer) => return into.push(finding("campaign_newer", id, 1, &Value::Null)),
        Err(Unservable::Invalid(_)) => {
            return into.push(finding("campaign_unreadable", id, 1, &Value::Null));
        }
    };
    check_campaign(cx, &campaign, uses, into);
    let record = cx.ports.kv_get(&ledger_key(&campaign.ledger)).await.ok().flatten();
    let owner = record.and_then(|record| controller_of(&record));
    if owner.is_some_and(|owner| owner != campaign.controller.name) {
        into.push(finding("controller_other", id, 1, &Value::Null));
    }
}

/// Returns the finding that a secret is not sent to a host.
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

fn check_campaign(cx: Cx<'_, impl Ports>, campaign: &Campaign, uses: &SecretUses, into: &mut Vec<Value>) {
    let settings = cx.settings();
    if campaign.double_opt_in.is_some() && settings.public_url.is_none() {
        into.push(finding("public_url_needed", &campaign.id, 1, &Value::Null));
    }
    if let Some(turnstile) = &campaign.turnstile {
        let about = format!("{}/turnstile ({})", campaign.id, turnstile.secret);
        match cx.ports.secret(&turnstile.secret) {
            None => into.push(finding("turnstile_secret_missing", &about, 1, &Value::Null)),
            Some(secret) if is_dummy(&secret) && !settings.development => {
                into.push(finding("turnstile_for_tests", &about, 1, &Value::Null));
            }
            Some(secret) => {
                let host = turnstile::host(settings);
                if let Some(problem) = withheld(cx, uses, &turnstile.secret, &secret, &host, true) {
                    into.push(finding(problem, &about, 1, &Value::Null));
                }
            }
        }
    }
    for destination in &campaign.destinations {
        let name = &destination.secret;
        let about = format!("{}/{} ({name})", campaign.id, destination.name);
        let secret = cx.ports.secret(name);
        if secret.is_none() {
            into.push(finding("secret_missing", &about, 1, &Value::Null));
        }
        let problem = match &destination.channel {
            Channel::Email(_) => {
                let value = secret.unwrap_or_default();
                withheld(cx, uses, name, &value, destination.host(), settings.development)
            }
            Channel::Webhook if settings.secret_hosts.binds(name) => Some("sent_secret_signs"),
            Channel::Webhook if secret.is_none_or(|secret| SigningSecret::parse(&secret).is_some()) => None,
            Channel::Webhook if uses.sent(name).is_some() => Some("sent_secret_signs"),
            Channel::Webhook => Some("secret_unusable"),
        };
        if let Some(problem) = problem {
            into.push(finding(problem, &about, 1, &Value::Null));
        }
    }
}

async fn examine_ledger(cx: Cx<'_, impl Ports>, ledger: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    // A request would create one that does not exist.
    if !registry(cx.ports).await?.iter().any(|known| known == ledger) {
        return Ok(Response::not_found());
    }
    let after = asked.query.text("after");
    let report = match asked.ask(cx, ledger, Checkup { after }).await {
        Ok(Some(Report(report))) => report,
        Ok(None) => return Ok(wrong_parameter("after", "must be the next of an earlier chunk")),
        Err(_) => {
            let findings = [finding("ledger_silent", "", 1, &Value::Null)];
            return Ok(Response::json(&json!({ "ledger": ledger, "findings": findings, "next": null })));
        }
    };
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut findings = Vec::new();
    for found in report.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let count = found.get("count").and_then(Value::as_i64).unwrap_or(1);
        // The id of a submission or a delivery is for those who may see single ones.
        let example = found.get("example").filter(|_| asked.actor.may(Scope::Operate));
        let example = example.unwrap_or(&Value::Null);
        findings.push(finding(&text(found, "problem"), &text(found, "about"), count, example));
    }
    for (id, revision) in report.get("campaigns").and_then(Value::as_object).into_iter().flatten() {
        let stored = cx.ports.kv_get(&campaign_key(id)).await?;
        match stored.map(|stored| Campaign::from_stored(&stored)) {
            None => findings.push(finding("campaign_gone", id, 1, &Value::Null)),
            Some(Ok(campaign)) if revision.as_str() != Some(&campaign.revision) => {
                findings.push(finding("campaign_older", id, 1, &Value::Null));
            }
            // Unreadable campaigns are found with the Worker.
            Some(_) => {}
        }
    }
    let part = |key: &str| report.get(key).cloned().unwrap_or_default();
    let (states, next) = (part("states"), part("next"));
    Ok(Response::json(&json!({ "ledger": ledger, "states": states, "findings": findings, "next": next })))
}

fn finding(problem: &str, about: &str, count: i64, example: &Value) -> Value {
    let known = WORDS.iter().find(|(code, ..)| *code == problem);
    let (is_wrong, says, advice) = match known {
        Some((_, is_wrong, says, advice)) => (*is_wrong, *says, *advice),
        None => (
            true,
            "The ledger found a problem that this version cannot describe",
            "Deploy the newest version.",
        ),
    };
    json!({
        "problem": problem, "is_wrong": is_wrong, "about": about, "count": count, "example": example,
        "says": says, "advice": advice,
    })
}
