//! The lists, as operators fill them: with hashes that were made elsewhere, under the list key.

use serde_json::{Value, json};

use super::{Asked, registry, wrong_parameter};
use crate::campaign::is_id;
use crate::fault::Fault;
use crate::keys::Keyring;
use crate::ledger::message::{Answer, Operation, Verb};
use crate::ports::Ports;
use crate::reply::Reply;

/// base64url of a SHA-256.
const TAG_CHARACTERS: usize = 43;
const CHANGES: &str = r#"It must be {"add": […]}, {"remove": […]} or {"clear": true}."#;

/// The lists of a ledger, or of all.
pub async fn show(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let wanted = asked.query.text("ledger");
    let mut all = Vec::new();
    for ledger in registry(ports).await? {
        if wanted.as_ref().is_some_and(|wanted| *wanted != ledger) {
            continue;
        }
        let Answer::Report(report) = asked.ask(ports, &ledger, asked.operation(Verb::Lists)).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        all.extend(report.get("lists").and_then(Value::as_array).cloned().unwrap_or_default());
    }
    Ok(Reply::json(&json!({ "lists": all })))
}

/// Adds to a list, takes from it, or empties it.
pub async fn change(ports: &impl Ports, list: &str, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let ledger = asked.query.text("ledger").unwrap_or_default();
    if !registry(ports).await?.contains(&ledger) {
        return Ok(wrong_parameter("ledger", "must be the name of a ledger"));
    }
    if !is_id(list) {
        return Ok(wrong_parameter("list", "must be lower-case letters, digits and hyphens"));
    }
    let body = asked.request.body.as_deref().unwrap_or_default();
    let body: Value =
        str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if body.as_object().is_none_or(|body| body.len() != 1) {
        return Ok(Reply::malformed(CHANGES));
    }
    let given = body.get("add").or(body.get("remove"));
    let tags = super::person::texts(given.cloned());
    let are_texts = given.is_none_or(|given| given.as_array().is_some_and(|given| given.len() == tags.len()));
    let (verb, done) = match (body.get("add"), body.get("remove"), body.get("clear")) {
        (Some(_), None, None) if are_texts => (Verb::ListAdd, "added"),
        (None, Some(_), None) if are_texts => (Verb::ListRemove, "removed"),
        (None, None, Some(Value::Bool(true))) => (Verb::ListClear, "removed"),
        _ => return Ok(Reply::malformed(CHANGES)),
    };
    let known = ports.settings().lists.as_ref();
    if tags.iter().any(|tag| !is_tag(tag, known)) {
        let detail = "holds something that is not a hash under a list key of this Worker";
        return Ok(wrong_parameter(if verb == Verb::ListAdd { "add" } else { "remove" }, detail));
    }
    let operation = Operation { list: Some(list.to_owned()), list_tags: tags, ..asked.operation(verb) };
    match asked.ask(ports, &ledger, operation).await? {
        Answer::Done(count) => Ok(Reply::json(&json!({ done: count }))),
        _ => Err(Fault::new("a ledger gave another answer")),
    }
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
