//! What is put aside: what an operator sees of it, and what becomes of it.

use serde_json::{Value, json};

use super::data_subject::texts;
use super::deliveries::find;
use super::pagination::{Part, page};
use super::walk::Walk;
use super::{Asked, ledgers, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::app::repeats;
use crate::base::fault::Fault;
use crate::base::id::SubmissionId;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Decided, Discard, Quarantine, Quarantined, Release, Report, Request};

/// Submissions that a request may name: what a ledger acts on in one call.
const MAX_NAMED: usize = limits::number("request_ids") as usize;

/// What is quarantined, of one campaign or of all, a page of it.
pub async fn list(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let query = |Part { campaign, after, limit }| {
        let after = after.map(SubmissionId::from);
        Quarantine { campaign, after, limit }
    };
    page(cx, asked, query).await
}

/// One submission, with what it says.
pub async fn show(cx: Cx<'_, impl Ports>, submission_id: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let query = Quarantined { submission_id: submission_id.into() };
    find(cx, asked, query, |Report(submission)| Response::json(&submission)).await
}

/// Judges submissions as if they had shown no sign.
pub async fn release(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let request = |Chosen { campaign, submission_ids, after }| Release { campaign, submission_ids, after };
    decide(cx, asked, request, false).await
}

/// Throws submissions away.
pub async fn discard(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let request = |Chosen { campaign, submission_ids, after }| Discard { campaign, submission_ids, after };
    // Sent again, it is told what it was told before, but not by KV, which knows of no discarding.
    decide(cx, asked, request, true).await
}

/// Submissions that a ledger is asked to release or discard.
struct Chosen {
    campaign: Option<String>,
    submission_ids: Vec<SubmissionId>,
    after: Option<SubmissionId>,
}

/// Does it to the submissions that are named, or to a page of the campaign's. Of those that are named, `next`
/// says that ledgers are left which may have the rest.
async fn decide<R: Request<Reply = Decided>>(
    cx: Cx<'_, impl Ports>,
    asked: &Asked<'_>,
    request: impl Fn(Chosen) -> R,
    is_forgotten: bool,
) -> Result<Response, Fault> {
    let body = asked.request.body.as_deref().unwrap_or_default();
    let body: Value =
        str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let campaign = body.get("campaign").and_then(Value::as_str);
    let ids = texts(body.get("submission_ids").cloned());
    if !is_choice(&body) || ids.is_empty() == campaign.is_none() {
        return Ok(Response::malformed(r#"It must be {"submission_ids": ["…"]} or {"campaign": "…"}."#));
    }
    if ids.len() > MAX_NAMED {
        return Ok(wrong_parameter("submission_ids", "must name at most 100"));
    }
    let after = body.get("after").and_then(Value::as_str);
    let ledgers = ledgers(cx, campaign).await?;
    if ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    // A campaign has one ledger, which goes on by itself.
    let mut walk = match Walk::over(ledgers, after.filter(|_| campaign.is_none())) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let after = after.filter(|_| campaign.is_some()).map(str::to_owned);
    let mut ids = ids;
    let (mut done, mut left, mut next) = (Vec::<String>::new(), Vec::new(), Value::Null);
    while campaign.is_some() || !ids.is_empty() {
        let Some((ledger, _)) = walk.next(1) else { break };
        let submission_ids = ids.iter().cloned().map(SubmissionId::from).collect();
        let after = after.clone().map(SubmissionId::from);
        let chosen = Chosen { campaign: campaign.map(str::to_owned), submission_ids, after };
        let decided = asked.ask(cx, &ledger, request(chosen)).await?;
        done.extend(decided.done);
        left.extend(decided.not_possible);
        next = decided.next.filter(|_| campaign.is_some()).into();
        ids.retain(|id| !done.contains(id) && !left.contains(id));
        if is_forgotten {
            let fit = walk.spend(decided.fingerprints.len());
            repeats::forget(cx, &ledger, &decided.fingerprints, fit).await;
        }
    }
    match walk.next_cursor().filter(|_| !ids.is_empty()) {
        Some(cursor) => next = cursor.into(),
        // What no ledger has in quarantine.
        None => left.extend(ids),
    }
    Ok(Response::json(&json!({ R::KEY: done, "not_possible": left, "next": next })))
}

/// Whether what names submissions is of the documented types: what is not understood is not passed over
/// where something is thrown away.
fn is_choice(body: &Value) -> bool {
    let are_texts = |ids: &Value| ids.as_array().is_some_and(|ids| ids.iter().all(Value::is_string));
    body.get("campaign").is_none_or(Value::is_string)
        && body.get("submission_ids").is_none_or(are_texts)
        && body.get("after").is_none_or(|after| after.is_string() || after.is_null())
}
