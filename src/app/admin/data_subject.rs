//! `POST /admin/api/access` and `/erase`: the rights of a data subject, in every ledger of the registry and under every
//! key that still opens.

use serde_json::{Map, Value, json};

use super::error::{AdminResult, wrong_cursor, wrong_parameter};
use super::request::{AdminRequest, texts};
use super::walk::{Walk, cursor, with_next};
use crate::app::cx::Cx;
use crate::app::ports::{Ports, sign_receipts};
use crate::app::repeat_record::RepeatRecord;
use crate::app::{registry, repeats};
use crate::base::fault::Fault;
use crate::base::keyring::SigningKeys;
use crate::base::time::rfc3339;
use crate::contact::{Email, Phone};
use crate::http::response::Response;
use crate::ledger::api::{Access, Erase, Report, Request};
use crate::pipeline::consent::{compact, signing_input};
use crate::pipeline::lead::{Identifier, subject};

/// Returns everything that is stored about a person, of as many ledgers as one request can ask.
pub async fn access(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let people = identifiers(request)?;
    let mut search = Search::begin(request, &people).await?;
    let mut ledgers = Vec::new();
    let access = |Person { fingerprints, list_tags, after }| Access { fingerprints, list_tags, after };
    while let Some(LedgerReport { ledger, mut report, tags }) = search.next(access).await? {
        let mut remembered = 0;
        for tag in tags {
            let record = request.cx.ports.kv_get(&RepeatRecord::key(&ledger, &tag)).await?;
            remembered += usize::from(record.is_some());
        }
        report.insert("kv".to_owned(), json!({ "submissions_of_the_last_minutes": remembered }));
        ledgers.push(report);
    }
    Ok(Response::json(&with_next(json!({ "ledgers": ledgers }), search.next_cursor())))
}

/// Erases a person in as many ledgers as one request can ask. The response is signed, for these ledgers.
pub async fn erase(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let cx = request.cx;
    let people = identifiers(request)?;
    if cx.settings().lists.is_none() {
        let detail = "LEADHOOK_LIST_KEYS is not set, so the person could not be put on the suppression list.";
        return Ok(Response::conflict(detail));
    }
    let mut search = Search::begin(request, &people).await?;
    let mut ledgers = Vec::new();
    let erase = |Person { fingerprints, list_tags, after }| Erase { fingerprints, list_tags, after };
    while let Some(LedgerReport { ledger, mut report, tags: own }) = search.next(erase).await? {
        // The hashes never leave the system.
        let tags = texts(report.remove("fingerprints").as_ref());
        let in_kv = own.len() + search.walk.spend(tags.len().saturating_sub(own.len()));
        repeats::forget(cx, &ledger, &tags, in_kv).await;
        let identity = cx.identity_of(&ledger);
        let subjects: Vec<_> = people
            .iter()
            .filter_map(|one| identity.fingerprints_of(one).first().map(|tag| subject(tag)))
            .collect();
        report.insert("subjects".to_owned(), json!(subjects));
        ledgers.push(Value::Object(report));
    }
    let erasure = with_receipt(cx, erasure(cx, ledgers)).await?;
    Ok(Response::json(&with_next(erasure, search.next_cursor())))
}

/// Reads `{"email": …, "phone": …}`, of which at least one is there.
fn identifiers<P: Ports>(request: &AdminRequest<'_, P>) -> AdminResult<Vec<Identifier>> {
    let Some(Value::Object(body)) = request.json() else {
        return Err(Response::malformed("It is not a JSON object.").into());
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

/// A search for people in every ledger.
struct Search<'a, P> {
    request: &'a AdminRequest<'a, P>,
    people: &'a [Identifier],
    walk: Walk,
    /// The cursor in a ledger that could not say everything at once.
    within: Option<String>,
}

/// A person, as a ledger is asked about them.
struct Person {
    fingerprints: Vec<String>,
    list_tags: Vec<String>,
    /// The cursor behind which the ledger goes on.
    after: Option<String>,
}

/// A ledger's report about a person, with the fingerprints of the person there.
struct LedgerReport {
    ledger: String,
    report: Map<String, Value>,
    tags: Vec<String>,
}

impl<'a, P: Ports> Search<'a, P> {
    async fn begin(request: &'a AdminRequest<'a, P>, people: &'a [Identifier]) -> AdminResult<Self> {
        let body = request.json();
        let after = body.as_ref().and_then(|body| body.get("after")).filter(|after| !after.is_null());
        // What is no text is no cursor either.
        let after = after.map(|after| after.as_str().unwrap_or_default());
        let walk = Walk::new(registry::ledgers(request.cx.ports).await?, after)?;
        Ok(Self { request, people, walk, within: None })
    }

    /// Returns the next ledger's reply to an operation, which is made of the person's hashes there. The walk spends a
    /// request for KV for each of the fingerprints as well.
    async fn next<R: Request<Reply = Option<Report>>>(
        &mut self,
        operation: impl Fn(Person) -> R,
    ) -> AdminResult<Option<LedgerReport>> {
        let Some(ledger) = self.walk.peek().filter(|_| self.within.is_none()) else { return Ok(None) };
        let identity = self.request.cx.identity_of(ledger);
        let tags: Vec<_> = self.people.iter().flat_map(|one| identity.fingerprints_of(one)).collect();
        let Some((ledger, after)) = self.walk.next(1 + tags.len()) else { return Ok(None) };
        let list_tags = self.people.iter().flat_map(|one| identity.list_tags(one)).collect();
        let is_continued = after.is_some();
        let operation = operation(Person { fingerprints: tags.clone(), list_tags, after });
        let Some(Report(Value::Object(mut report))) = self.request.ask(&ledger, operation).await? else {
            return Err(match is_continued {
                true => wrong_cursor("page"),
                false => Fault::new("a ledger gave no report").into(),
            });
        };
        if let Some(Value::String(position)) = report.remove("next") {
            self.within = Some(cursor(&ledger, &position));
        }
        Ok(Some(LedgerReport { ledger, report, tags }))
    }

    /// Returns the cursor from which the next request goes on.
    fn next_cursor(&mut self) -> Option<String> {
        self.within.take().or_else(|| self.walk.next_cursor())
    }
}

/// Returns what is signed of an erasure.
fn erasure(cx: Cx<'_, impl Ports>, ledgers: Vec<Value>) -> Map<String, Value> {
    let mut erasure = Map::new();
    erasure.insert("type".to_owned(), json!("erasure"));
    erasure.insert("iss".to_owned(), json!(cx.settings().public_url));
    erasure.insert("iat".to_owned(), json!(cx.now_ms() / 1_000));
    erasure.insert("erased_at".to_owned(), json!(rfc3339(cx.now_ms())));
    erasure.insert("suppressed".to_owned(), json!(true));
    erasure.insert("ledgers".to_owned(), json!(ledgers));
    erasure
}

/// Adds the signed receipt; `null` if no key signs.
async fn with_receipt(cx: Cx<'_, impl Ports>, mut erasure: Map<String, Value>) -> Result<Value, Fault> {
    let key = cx.settings().signing.as_ref().and_then(SigningKeys::current);
    let payload = Value::Object(erasure.clone()).to_string();
    let inputs = key.map(|key| signing_input(&key.id, &payload)).into_iter().collect();
    let receipt = sign_receipts(cx.ports, inputs).await?.into_iter().next();
    let receipt = receipt.map(|(input, signature)| compact(&input, &signature));
    erasure.insert("receipt".to_owned(), json!(receipt));
    Ok(Value::Object(erasure))
}
