//! `/admin/api/lists`: the lists, as operators fill them, with hashes that were made elsewhere under a list key.
//!
//! The list of objections holds what is known nowhere else: objections, and that people were erased. So nothing clears
//! it, and removing somebody from it needs the scope for the rights of subjects. Other lists come from a file of the
//! company's and can be made again from it; but whoever cannot name people does not release people whom a campaign
//! suppresses.

use serde_json::{Value, json};

use super::error::{AdminResult, wrong_parameter};
use super::request::{AdminRequest, json_body, texts};
use super::walk::Walk;
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::app::registry;
use crate::base::fault::Fault;
use crate::base::keyring::Keyring;
use crate::campaign::publish::campaign_key;
use crate::campaign::{Campaign, ListEffect, SUPPRESSED, is_id};
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::api::{Conflict, Count, List, ListAdd, ListClear, ListRemove, Lists};

/// The characters of a SHA-256 in base64url.
const TAG_CHARACTERS: usize = 43;
const CHANGES: &str = r#"It must be {"add": […]}, {"remove": […]} or {"clear": true}."#;

/// Returns the lists of a ledger, or of all.
pub async fn show(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let mut ledgers = registry::ledgers(request.cx.ports).await?;
    if let Some(wanted) = request.query.text("ledger") {
        ledgers.retain(|ledger| *ledger == wanted);
    }
    let mut walk = request.walk(ledgers)?;
    let mut all = Vec::new();
    while let Some((ledger, _)) = walk.next(1) {
        let List(lists) = request.ask(&ledger, Lists {}).await?;
        all.extend(lists);
    }
    Ok(walk.respond(json!({ "lists": all })))
}

/// Checks whether a change removes somebody from the list of objections.
pub fn lifts_an_objection([list, _]: [&str; 2], request: &RawRequest) -> bool {
    list == SUPPRESSED && json_body(request).is_some_and(|body| body.get("remove").is_some())
}

/// Adds to a list, removes from it, or clears it.
pub async fn change(request: &AdminRequest<'_, impl Ports>, list: &str) -> AdminResult {
    let cx = request.cx;
    let ledger = request.query.text("ledger").unwrap_or_default();
    if !registry::ledgers(cx.ports).await?.contains(&ledger) {
        return Err(wrong_parameter("ledger", "must be the name of a ledger"));
    }
    if !is_id(list) {
        return Err(wrong_parameter("list", "must be lower-case letters, digits and hyphens"));
    }
    let Some((change, tags)) = read_change(&request.json().unwrap_or_default()) else {
        return Ok(Response::malformed(CHANGES));
    };
    if change == Change::Clear
        && let Some(detail) = refusal_to_clear(cx, &ledger, list).await?
    {
        return Ok(Response::irreversible("clear", detail));
    }
    let keys = cx.settings().lists.as_ref();
    if tags.iter().any(|tag| !is_tag(tag, keys)) {
        let detail = "holds something that is not a hash under a list key of this Worker";
        return Err(wrong_parameter(if change == Change::Add { "add" } else { "remove" }, detail));
    }
    let list = list.to_owned();
    let (done, Count(count)) = match change {
        Change::Add => ("added", request.ask(&ledger, ListAdd { list, list_tags: tags }).await?),
        Change::Remove => ("removed", request.ask(&ledger, ListRemove { list, list_tags: tags }).await?),
        Change::Clear => {
            let cleared = request.ask(&ledger, ListClear { list }).await?;
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

/// Reads a change with its hashes. `None` unless it is exactly one of the documented ones.
fn read_change(body: &Value) -> Option<(Change, Vec<String>)> {
    if body.as_object()?.len() != 1 {
        return None;
    }
    let list = body.get("add").or(body.get("remove"));
    let tags = texts(list);
    let are_texts = list.is_none_or(|list| list.as_array().is_some_and(|list| list.len() == tags.len()));
    let change = match (body.get("add"), body.get("remove"), body.get("clear")) {
        (Some(_), None, None) if are_texts => Change::Add,
        (None, Some(_), None) if are_texts => Change::Remove,
        (None, None, Some(Value::Bool(true))) => Change::Clear,
        _ => return None,
    };
    Some((change, tags))
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

/// Checks whether a campaign of the ledger suppresses the people on a list. If there are more campaigns than one
/// request can read, one of them may.
async fn suppresses(cx: Cx<'_, impl Ports>, ledger: &str, list: &str) -> Result<bool, Fault> {
    let Ok(mut walk) = Walk::new(registry::campaigns(cx.ports).await?, None) else { return Ok(true) };
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

fn is_tag(tag: &str, keys: Option<&Keyring>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match tag.split('.').collect::<Vec<_>>().as_slice() {
        ["email" | "phone", id, hash] => {
            keys.is_some_and(|keys| keys.all().any(|key| key.id == *id))
                && hash.len() == TAG_CHARACTERS
                && hash.chars().all(plain)
        }
        _ => false,
    }
}
