//! What a person may ask an operator for: to see everything, and to be forgotten. In every ledger of
//! the registry, under every living key.

use serde_json::{Map, Value, json};

use super::walk::{Walk, with_next, within};
use super::{Asked, registry, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::{Ports, signed};
use crate::app::repeat_record::RepeatRecord;
use crate::app::repeats;
use crate::base::fault::Fault;
use crate::base::keyring::SigningKeys;
use crate::base::time::rfc3339;
use crate::contact::{Email, Phone};
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::api::{Access, Erase, Report, Request};
use crate::pipeline::consent::{compact, signing_input};
use crate::pipeline::lead::{Identifier, subject};

/// `{"email": …, "phone": …}`: at least one of them.
fn identifiers(request: &RawRequest) -> Result<Vec<Identifier>, Response> {
    let body = request.body.as_deref().unwrap_or_default();
    let body = str::from_utf8(body).ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(Value::Object(body)) = body else {
        return Err(Response::malformed("It is not a JSON object."));
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

/// A walk through every ledger, asking about a person.
struct Search<'a> {
    asked: &'a Asked<'a>,
    people: &'a [Identifier],
    walk: Walk,
    /// Where a ledger goes on that could not say all at once.
    within: Option<String>,
}

/// A person, as a ledger is asked about them.
struct Person {
    fingerprints: Vec<String>,
    list_tags: Vec<String>,
    /// Behind this cursor.
    after: Option<String>,
}

/// What a ledger says of a person, by its name, with what the person is known by there.
struct Held {
    ledger: String,
    report: Map<String, Value>,
    tags: Vec<String>,
}

impl<'a> Search<'a> {
    async fn begin(
        cx: Cx<'_, impl Ports>,
        people: &'a [Identifier],
        asked: &'a Asked<'a>,
    ) -> Result<Result<Self, Response>, Fault> {
        let body = asked.request.body.as_deref().unwrap_or_default();
        let body: Option<Value> = str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok());
        let after = body.as_ref().and_then(|body| body.get("after")).filter(|after| !after.is_null());
        // What is no text is no cursor either.
        let after = after.map(|after| after.as_str().unwrap_or_default());
        let walk = Walk::over(registry(cx.ports).await?, after);
        Ok(walk.map(|walk| Self { asked, people, walk, within: None }))
    }

    /// Returns the next ledger's report, of the request that is made of the person's hashes there. KV is asked for
    /// each of the tags after it.
    async fn next<R: Request<Reply = Option<Report>>>(
        &mut self,
        cx: Cx<'_, impl Ports>,
        request: impl Fn(Person) -> R,
    ) -> Result<Option<Held>, Fault> {
        let Some(ledger) = self.walk.peek().filter(|_| self.within.is_none()) else { return Ok(None) };
        let identity = cx.isolate.campaigns.identity(cx.settings(), ledger);
        let tags: Vec<_> = self.people.iter().flat_map(|one| identity.fingerprints_of(one)).collect();
        let Some((ledger, after)) = self.walk.next(1 + tags.len()) else { return Ok(None) };
        let list_tags = self.people.iter().flat_map(|one| identity.list_tags(one)).collect();
        let request = request(Person { fingerprints: tags.clone(), list_tags, after });
        let Some(Report(Value::Object(mut report))) = self.asked.ask(cx, &ledger, request).await? else {
            return Err(Fault::new("a ledger does not know the cursor that it gave"));
        };
        if let Some(Value::String(place)) = report.remove("next") {
            self.within = Some(within(&ledger, &place));
        }
        Ok(Some(Held { ledger, report, tags }))
    }

    /// Where the next request goes on.
    fn next_cursor(&mut self) -> Option<String> {
        self.within.take().or_else(|| self.walk.next_cursor())
    }
}

/// Everything that is held about a person, of as many ledgers as one request can ask.
pub async fn access(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let people = match identifiers(asked.request) {
        Ok(people) => people,
        Err(response) => return Ok(response),
    };
    let mut search = match Search::begin(cx, &people, asked).await? {
        Ok(search) => search,
        Err(response) => return Ok(response),
    };
    let mut ledgers = Vec::new();
    let access = |Person { fingerprints, list_tags, after }| Access { fingerprints, list_tags, after };
    while let Some(Held { ledger, mut report, tags }) = search.next(cx, access).await? {
        let mut seen = 0;
        for tag in tags {
            seen += usize::from(cx.ports.kv_get(&RepeatRecord::key(&ledger, &tag)).await?.is_some());
        }
        report.insert("kv".to_owned(), json!({ "submissions_of_the_last_minutes": seen }));
        ledgers.push(report);
    }
    Ok(Response::json(&with_next(json!({ "ledgers": ledgers }), search.next_cursor())))
}

/// Forgets a person, in as many ledgers as one request can ask. The answer is signed, for these ledgers.
pub async fn erase(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let people = match identifiers(asked.request) {
        Ok(people) => people,
        Err(response) => return Ok(response),
    };
    if cx.settings().lists.is_none() {
        let detail =
            "LEADHOOK_LIST_KEYS is not set: that the person wants to hear nothing could not be remembered.";
        return Ok(Response::conflict(detail));
    }
    let mut search = match Search::begin(cx, &people, asked).await? {
        Ok(search) => search,
        Err(response) => return Ok(response),
    };
    let mut ledgers = Vec::new();
    let erase = |Person { fingerprints, list_tags, after }| Erase { fingerprints, list_tags, after };
    while let Some(Held { ledger, mut report, tags: own }) = search.next(cx, erase).await? {
        // The hashes never leave the system.
        let tags = texts(report.remove("fingerprints"));
        let fit = own.len() + search.walk.spend(tags.len().saturating_sub(own.len()));
        repeats::forget(cx, &ledger, &tags, fit).await;
        let identity = cx.isolate.campaigns.identity(cx.settings(), &ledger);
        let subjects: Vec<_> = people
            .iter()
            .filter_map(|one| identity.fingerprints_of(one).first().map(|tag| subject(tag)))
            .collect();
        report.insert("subjects".to_owned(), json!(subjects));
        ledgers.push(Value::Object(report));
    }
    let mut erased = Map::new();
    erased.insert("type".to_owned(), json!("erasure"));
    erased.insert("iss".to_owned(), json!(cx.settings().public_url));
    erased.insert("iat".to_owned(), json!(cx.now_ms() / 1_000));
    erased.insert("erased_at".to_owned(), json!(rfc3339(cx.now_ms())));
    erased.insert("suppressed".to_owned(), json!(true));
    erased.insert("ledgers".to_owned(), json!(ledgers));
    let key = cx.settings().signing.as_ref().and_then(SigningKeys::current);
    let payload = Value::Object(erased.clone()).to_string();
    let inputs = key.map(|key| signing_input(&key.id, &payload)).into_iter().collect();
    let receipt = signed(cx.ports, inputs).await?.into_iter().next();
    let receipt = receipt.map(|(input, signature)| compact(&input, &signature));
    erased.insert("receipt".to_owned(), json!(receipt));
    Ok(Response::json(&with_next(Value::Object(erased), search.next_cursor())))
}

/// The texts of a JSON array.
pub fn texts(list: Option<Value>) -> Vec<String> {
    let list = list.and_then(|list| list.as_array().cloned()).unwrap_or_default();
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
