//! The lists, as operators fill them: with hashes that were made elsewhere, under the list key.
//!
//! What is on the list of objections is known nowhere else: objections, and that people were erased. So nothing
//! empties it, and taking somebody off it needs the scope of those who answer to people. Other lists come from
//! a file of the company's, and are made again from it; but nobody whom a campaign suppresses is let go by
//! whoever cannot name them.

use serde_json::{Value, json};

use super::campaigns::ids;
use super::routes::Names;
use super::walk::Walk;
use super::{Asked, registry, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::keyring::Keyring;
use crate::campaign::publish::campaign_key;
use crate::campaign::{Campaign, ListEffect, SUPPRESSED, is_id};
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::api::{Conflict, Count, List, ListAdd, ListClear, ListRemove, Lists};

/// base64url of a SHA-256.
const TAG_CHARACTERS: usize = 43;
const CHANGES: &str = r#"It must be {"add": […]}, {"remove": […]} or {"clear": true}."#;

/// The lists of a ledger, or of all.
pub async fn show(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let mut ledgers = registry(cx.ports).await?;
    if let Some(wanted) = asked.query.text("ledger") {
        ledgers.retain(|ledger| *ledger == wanted);
    }
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut all = Vec::new();
    while let Some((ledger, _)) = walk.next(1) {
        let List(lists) = asked.ask(cx, &ledger, Lists {}).await?;
        all.extend(lists);
    }
    Ok(walk.answer(json!({ "lists": all })))
}

fn body_of(request: &RawRequest) -> Value {
    let body = request.body.as_deref().unwrap_or_default();
    str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Whether a change takes somebody off the list of objections.
pub fn lifts_an_objection([list, _]: Names<'_>, request: &RawRequest) -> bool {
    list == SUPPRESSED && body_of(request).get("remove").is_some()
}

/// Adds to a list, takes from it, or empties it.
pub async fn change(cx: Cx<'_, impl Ports>, list: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let ledger = asked.query.text("ledger").unwrap_or_default();
    if !registry(cx.ports).await?.contains(&ledger) {
        return Ok(wrong_parameter("ledger", "must be the name of a ledger"));
    }
    if !is_id(list) {
        return Ok(wrong_parameter("list", "must be lower-case letters, digits and hyphens"));
    }
    let body = body_of(asked.request);
    if body.as_object().is_none_or(|body| body.len() != 1) {
        return Ok(Response::malformed(CHANGES));
    }
    let given = body.get("add").or(body.get("remove"));
    let tags = super::data_subject::texts(given.cloned());
    let are_texts = given.is_none_or(|given| given.as_array().is_some_and(|given| given.len() == tags.len()));
    let change = match (body.get("add"), body.get("remove"), body.get("clear")) {
        (Some(_), None, None) if are_texts => Change::Add,
        (None, Some(_), None) if are_texts => Change::Remove,
        (None, None, Some(Value::Bool(true))) => Change::Clear,
        _ => return Ok(Response::malformed(CHANGES)),
    };
    if change == Change::Clear
        && let Some(detail) = refusal_to_clear(cx, &ledger, list).await?
    {
        return Ok(Response::irreversible("clear", detail));
    }
    let known = cx.settings().lists.as_ref();
    if tags.iter().any(|tag| !is_tag(tag, known)) {
        let detail = "holds something that is not a hash under a list key of this Worker";
        return Ok(wrong_parameter(if change == Change::Add { "add" } else { "remove" }, detail));
    }
    let list = list.to_owned();
    let (done, Count(count)) = match change {
        Change::Add => ("added", asked.ask(cx, &ledger, ListAdd { list, list_tags: tags }).await?),
        Change::Remove => ("removed", asked.ask(cx, &ledger, ListRemove { list, list_tags: tags }).await?),
        Change::Clear => {
            let cleared = asked.ask(cx, &ledger, ListClear { list }).await?;
            ("removed", cleared.map_err(|Conflict| Fault::new("a ledger refuses to clear a list"))?)
        }
    };
    Ok(Response::json(&json!({ done: count })))
}

/// A change of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
    Clear,
}

/// Returns why a list is not cleared, if it is not.
async fn refusal_to_clear(
    cx: Cx<'_, impl Ports>,
    ledger: &str,
    list: &str,
) -> Result<Option<&'static str>, Fault> {
    Ok(if list == SUPPRESSED {
        Some("is refused: this list holds every objection, and who was erased. Take single people off it")
    } else if suppresses(cx, ledger, list).await? {
        Some(
            "is refused: a campaign suppresses the people on this list, or there are more campaigns than one \
             request can read. Take people off it by their hashes",
        )
    } else {
        None
    })
}

/// Whether a campaign of the ledger suppresses the people on a list. What one request cannot look at may be
/// one that does.
async fn suppresses(cx: Cx<'_, impl Ports>, ledger: &str, list: &str) -> Result<bool, Fault> {
    let Ok(mut walk) = Walk::over(ids(cx.ports).await?, None) else { return Ok(true) };
    while let Some((id, _)) = walk.next(1) {
        let stored = cx.ports.kv_get(&campaign_key(&id)).await?;
        let Some(campaign) = stored.and_then(|text| Campaign::from_stored(&text).ok()) else { continue };
        let is_by =
            campaign.lists.iter().any(|known| known.name == list && known.then == ListEffect::Suppress);
        if campaign.ledger == ledger && is_by {
            return Ok(true);
        }
    }
    Ok(walk.next_cursor().is_some())
}

fn is_tag(tag: &str, ring: Option<&Keyring>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match tag.split('.').collect::<Vec<_>>().as_slice() {
        ["email" | "phone", id, hash] => {
            ring.is_some_and(|ring| ring.all().any(|key| key.id == *id))
                && hash.len() == TAG_CHARACTERS
                && hash.chars().all(plain)
        }
        _ => false,
    }
}
