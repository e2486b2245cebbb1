//! What a person may ask an operator for: to see everything, and to be forgotten. In every ledger of
//! the registry, under every living key.

use serde_json::{Map, Value, json};

use super::{Asked, registry, wrong_parameter};
use crate::consent::{compact, signing_input};
use crate::contact::{Email, Phone};
use crate::fault::Fault;
use crate::keys::SigningKeys;
use crate::lead::{Identifier, subject};
use crate::ledger::message::{Answer, Operation, Verb};
use crate::moment::rfc3339;
use crate::ports::{Ports, signed};
use crate::reply::Reply;
use crate::request::RawRequest;
use crate::seen::Seen;

/// `{"email": …, "phone": …}`: at least one of them.
fn identifiers(request: &RawRequest) -> Result<Vec<Identifier>, Reply> {
    let body = request.body.as_deref().unwrap_or_default();
    let body = str::from_utf8(body).ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(Value::Object(body)) = body else {
        return Err(Reply::malformed("It is not a JSON object."));
    };
    let text = |name: &str| body.get(name).map(|value| value.as_str().unwrap_or_default());
    let mut found = Vec::new();
    if let Some(email) = text("email") {
        let email = Email::parse(email).map(Identifier::Email);
        found.push(email.ok_or_else(|| wrong_parameter("email", "must be an e-mail address"))?);
    }
    if let Some(phone) = text("phone") {
        let phone = Phone::parse(phone, None).map(Identifier::Phone);
        found.push(
            phone.ok_or_else(|| wrong_parameter("phone", "must be a number with its country, as in +46…"))?,
        );
    }
    if found.is_empty() {
        return Err(wrong_parameter("email", "is required, or phone"));
    }
    Ok(found)
}

/// Asks each ledger about a person. Gives each one's report.
async fn ask_all(
    ports: &impl Ports,
    verb: Verb,
    people: &[Identifier],
    asked: &Asked<'_>,
) -> Result<Vec<(String, Value)>, Fault> {
    let mut reports = Vec::new();
    for ledger in registry(ports).await? {
        let identity = ports.shelf().borrow_mut().identity(ports.settings(), &ledger);
        let operation = Operation {
            fingerprints: people.iter().flat_map(|one| identity.fingerprints_of(one)).collect(),
            list_tags: people.iter().flat_map(|one| identity.list_tags(one)).collect(),
            ..asked.operation(verb)
        };
        let Answer::Report(report) = asked.ask(ports, &ledger, operation).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        reports.push((ledger, report));
    }
    Ok(reports)
}

/// Everything that is held about a person.
pub async fn access(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let people = match identifiers(asked.request) {
        Ok(people) => people,
        Err(reply) => return Ok(reply),
    };
    let mut ledgers = Vec::new();
    for (ledger, mut report) in ask_all(ports, Verb::Access, &people, asked).await? {
        let identity = ports.shelf().borrow_mut().identity(ports.settings(), &ledger);
        let mut seen = 0;
        for tag in people.iter().flat_map(|one| identity.fingerprints_of(one)) {
            seen += usize::from(ports.kv_get(&Seen::key(&ledger, &tag)).await?.is_some());
        }
        if let Some(report) = report.as_object_mut() {
            report.insert("kv".to_owned(), json!({ "submissions_of_the_last_minutes": seen }));
        }
        ledgers.push(report);
    }
    Ok(Reply::json(&json!({ "ledgers": ledgers })))
}

/// Forgets a person. The answer is signed.
pub async fn erase(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let people = match identifiers(asked.request) {
        Ok(people) => people,
        Err(reply) => return Ok(reply),
    };
    if ports.settings().lists.is_none() {
        let detail =
            "LEADHOOK_LIST_KEYS is not set: that the person wants to hear nothing could not be remembered.";
        return Ok(Reply::conflict(detail));
    }
    let mut ledgers = Vec::new();
    for (ledger, report) in ask_all(ports, Verb::Erase, &people, asked).await? {
        let Value::Object(mut report) = report else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        // The hashes never leave the system.
        let tags = texts(report.remove("fingerprints"));
        forget_seen(ports, &ledger, &tags).await;
        let identity = ports.shelf().borrow_mut().identity(ports.settings(), &ledger);
        let subjects: Vec<_> = people
            .iter()
            .filter_map(|one| identity.fingerprints_of(one).first().map(|tag| subject(tag)))
            .collect();
        report.insert("subjects".to_owned(), json!(subjects));
        ledgers.push(Value::Object(report));
    }
    let mut erased = Map::new();
    erased.insert("type".to_owned(), json!("erasure"));
    erased.insert("iss".to_owned(), json!(ports.settings().public_url));
    erased.insert("iat".to_owned(), json!(asked.moment.now_ms / 1_000));
    erased.insert("erased_at".to_owned(), json!(rfc3339(asked.moment.now_ms)));
    erased.insert("suppressed".to_owned(), json!(true));
    erased.insert("ledgers".to_owned(), json!(ledgers));
    let key = ports.settings().signing.as_ref().and_then(SigningKeys::current);
    let payload = Value::Object(erased.clone()).to_string();
    let inputs = key.map(|key| signing_input(&key.id, &payload)).into_iter().collect();
    let receipt = signed(ports, inputs).await?.into_iter().next();
    let receipt = receipt.map(|(input, signature)| compact(&input, &signature));
    erased.insert("receipt".to_owned(), json!(receipt));
    Ok(Reply::json(&Value::Object(erased)))
}

/// Lets KV forget a person's last minutes. Best effort: what it keeps ends after some minutes.
pub async fn forget_seen(ports: &impl Ports, ledger: &str, tags: &[String]) {
    for tag in tags {
        let _ = ports.kv_delete(&Seen::key(ledger, tag)).await;
    }
}

/// The texts of a JSON array.
pub fn texts(list: Option<Value>) -> Vec<String> {
    let list = list.and_then(|list| list.as_array().cloned()).unwrap_or_default();
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
