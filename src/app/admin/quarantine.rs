//! `/admin/api/quarantine`: quarantined submissions, and the operator's decision about them.

use serde_json::{Value, json};

use super::error::{AdminResult, wrong_parameter};
use super::pagination::{Part, page};
use super::request::{AdminRequest, texts};
use super::search::find;
use super::walk::Walk;
use crate::app::ports::Ports;
use crate::app::repeats;
use crate::base::id::SubmissionId;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Decided, Discard, Quarantine, Quarantined, Release, Report, Request, read_reply};
use crate::ledger::wire::Call;

/// The most submissions that a request names: as many as a ledger decides about in one call.
const MAX_NAMED: usize = limits::number("request_ids") as usize;

/// Returns a page of the quarantined submissions, of one campaign or of all.
pub async fn list(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let query = |Part { campaign, after, limit }| {
        let after = after.map(SubmissionId::from);
        Quarantine { campaign, after, limit }
    };
    page(request, query).await
}

/// Returns one submission with its answers.
pub async fn show(request: &AdminRequest<'_, impl Ports>, submission_id: &str) -> AdminResult {
    let query = Quarantined { submission_id: submission_id.into() };
    find(request, query, |Report(submission)| Response::json(&submission)).await
}

/// Releases submissions: each is admitted as if it had shown no signal.
pub async fn release(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let release = |Selection { campaign, submission_ids, after }| Release { campaign, submission_ids, after };
    decide(request, release, false).await
}

/// Discards submissions.
pub async fn discard(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let discard = |Selection { campaign, submission_ids, after }| Discard { campaign, submission_ids, after };
    // A repeat is answered as before, but not from KV, which knows nothing of the discarding.
    decide(request, discard, true).await
}

/// Submissions that a ledger is asked to release or discard.
struct Selection {
    campaign: Option<String>,
    submission_ids: Vec<SubmissionId>,
    after: Option<SubmissionId>,
}

/// Decides about the submissions that are named, or about a page of a campaign's. `next` says, of named ones, that
/// ledgers are left which may have the rest.
async fn decide<R: Request<Reply = Decided>>(
    request: &AdminRequest<'_, impl Ports>,
    operation: impl Fn(Selection) -> R,
    forgets_repeats: bool,
) -> AdminResult {
    decide_by(request, R::KEY, &|selection| request.call(operation(selection)), forgets_repeats).await
}

/// Decides by calls whose replies have the submissions that were decided about under a key.
async fn decide_by(
    request: &AdminRequest<'_, impl Ports>,
    key: &str,
    call: &dyn Fn(Selection) -> Call,
    forgets_repeats: bool,
) -> AdminResult {
    let body = request.json().unwrap_or_default();
    let campaign = body.get("campaign").and_then(Value::as_str);
    let mut ids = texts(body.get("submission_ids"));
    if !is_choice(&body) || ids.is_empty() == campaign.is_none() {
        return Ok(Response::malformed(r#"It must be {"submission_ids": ["…"]} or {"campaign": "…"}."#));
    }
    if ids.len() > MAX_NAMED {
        return Err(wrong_parameter("submission_ids", "must name at most 100"));
    }
    let after = body.get("after").and_then(Value::as_str);
    let ledgers = request.ledgers(campaign).await?;
    if ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    // A campaign has one ledger, which goes on by itself.
    let mut walk = Walk::new(ledgers, after.filter(|_| campaign.is_none()))?;
    let after = after.filter(|_| campaign.is_some()).map(str::to_owned);
    let (mut done, mut not_possible, mut next) = (Vec::<String>::new(), Vec::new(), Value::Null);
    while campaign.is_some() || !ids.is_empty() {
        let Some((ledger, _)) = walk.next(1) else { break };
        let submission_ids = ids.iter().cloned().map(SubmissionId::from).collect();
        let after = after.clone().map(SubmissionId::from);
        let selection = Selection { campaign: campaign.map(str::to_owned), submission_ids, after };
        let reply = request.cx.send(&ledger, &call(selection)).await?;
        let decided: Decided = read_reply(reply, key)?;
        done.extend(decided.done);
        not_possible.extend(decided.not_possible);
        next = decided.next.filter(|_| campaign.is_some()).into();
        ids.retain(|id| !done.contains(id) && !not_possible.contains(id));
        if forgets_repeats {
            let in_kv = walk.spend(decided.fingerprints.len());
            repeats::forget(request.cx, &ledger, &decided.fingerprints, in_kv).await;
        }
    }
    match walk.next_cursor().filter(|_| !ids.is_empty()) {
        Some(cursor) => next = cursor.into(),
        // No ledger has the rest in quarantine.
        None => not_possible.extend(ids),
    }
    Ok(Response::json(&json!({ key: done, "not_possible": not_possible, "next": next })))
}

/// Checks that what names submissions is of the documented types. Nothing is passed over where something is thrown
/// away.
fn is_choice(body: &Value) -> bool {
    let are_texts = |ids: &Value| ids.as_array().is_some_and(|ids| ids.iter().all(Value::is_string));
    body.get("campaign").is_none_or(Value::is_string)
        && body.get("submission_ids").is_none_or(are_texts)
        && body.get("after").is_none_or(|after| after.is_string() || after.is_null())
}
