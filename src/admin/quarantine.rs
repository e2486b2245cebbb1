//! What is put aside: what an operator sees of it, and what becomes of it.

use serde_json::{Value, json};

use super::pages::page;
use super::person::{forget_seen, texts};
use super::{Query, ledgers, registry, wrong_parameter};
use crate::fault::Fault;
use crate::ledger::message::{Answer, Call, Operation, Verb};
use crate::moment::Moment;
use crate::ports::Ports;
use crate::reply::Reply;
use crate::request::RawRequest;

/// Submissions that a request may name: what a ledger acts on in one call.
const MAX_NAMED: usize = 100;

/// What is quarantined, of one campaign or of all, a page of it.
pub async fn list(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    let operation = Operation { verb: Verb::Quarantine, ..Operation::default() };
    page(ports, &Query::of(request), operation, "submissions", moment).await
}

/// One submission, with what it says.
pub async fn show(ports: &impl Ports, submission_id: &str) -> Result<Reply, Fault> {
    let operation = Operation {
        verb: Verb::Quarantined,
        submission_id: Some(submission_id.to_owned()),
        ..Operation::default()
    };
    let call = Call::Operate(Box::new(operation));
    for ledger in registry(ports).await? {
        match ports.ask(&ledger, &call).await? {
            Answer::NotFound => {}
            Answer::Report(report) => return Ok(Reply::json(&report)),
            _ => return Err(Fault::new("a ledger gave another answer")),
        }
    }
    Ok(Reply::not_found())
}

/// Judges submissions as if they had shown no sign.
pub async fn release(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    act(ports, Verb::Release, "released", request, moment).await
}

/// Throws submissions away.
pub async fn discard(ports: &impl Ports, request: &RawRequest, moment: &Moment) -> Result<Reply, Fault> {
    act(ports, Verb::Discard, "discarded", request, moment).await
}

/// Does it to the submissions that are named, or to a page of the campaign's.
async fn act(
    ports: &impl Ports,
    verb: Verb,
    done: &str,
    request: &RawRequest,
    moment: &Moment,
) -> Result<Reply, Fault> {
    let body = request.body.as_deref().unwrap_or_default();
    let body: Value =
        str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let campaign = body.get("campaign").and_then(Value::as_str);
    let ids = texts(body.get("submission_ids").cloned());
    if ids.is_empty() == campaign.is_none() {
        return Ok(Reply::malformed(r#"It must be {"submission_ids": ["…"]} or {"campaign": "…"}."#));
    }
    if ids.len() > MAX_NAMED {
        return Ok(wrong_parameter("submission_ids", "must name at most 100"));
    }
    let after = body.get("after").and_then(Value::as_str).map(str::to_owned);
    let asked = ledgers(ports, campaign, moment).await?;
    if asked.is_empty() {
        return Ok(Reply::not_found());
    }
    let (mut acted, mut left, mut next) = (Vec::new(), Vec::new(), Value::Null);
    for ledger in asked {
        let operation = Operation {
            verb,
            campaign: campaign.map(str::to_owned),
            submission_ids: ids.clone(),
            after: after.clone(),
            ..Operation::default()
        };
        let Answer::Report(report) = ports.ask(&ledger, &Call::Operate(Box::new(operation))).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        acted.extend(texts(report.get(done).cloned()));
        left.extend(texts(report.get("not_possible").cloned()));
        next = report.get("next").filter(|_| ids.is_empty()).cloned().unwrap_or_default();
        if verb == Verb::Discard {
            // Sent again, it is told what it was told before, but not by KV, which knows of no discarding.
            forget_seen(ports, &ledger, &texts(report.get("fingerprints").cloned())).await;
        }
    }
    // What no ledger has in quarantine.
    left.extend(
        ids.into_iter().filter(|id| !acted.contains(id)).filter(|id| !left.contains(id)).collect::<Vec<_>>(),
    );
    Ok(Reply::json(&json!({ done: acted, "not_possible": left, "next": next })))
}
