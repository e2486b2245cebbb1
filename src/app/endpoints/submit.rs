//! `POST /c/{campaign}`: the way of a submission from bytes to response.
//!
//! The steps, each of which may end it: the rate limit, before anything is read; the body, decoded and valid; exact
//! repeats; evidence of abuse, which ends nothing; the ledger, which decides.

use serde_json::{Value, json};

use super::evidence;
use super::post::{Acknowledgement, Post};
use super::refusal::Refusal;
use super::visit::Visit;
use crate::app::cx::Cx;
use crate::app::output::{After, Output};
use crate::app::ports::Ports;
use crate::app::repeats::Repeats;
use crate::base::fault::Fault;
use crate::campaign::Campaign;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::wire::{Admit, Call, Reply, Tally};
use crate::pipeline::lead::DownloadLink;

/// Handles a post to a campaign.
pub async fn submit(cx: Cx<'_, impl Ports>, campaign: &Campaign, request: &RawRequest) -> Output {
    let visit = Visit::new(cx, campaign, request);
    match accept(&visit).await {
        Ok(output) => output,
        Err(refusal) => refusal.output(&visit),
    }
}

/// Takes a post through all steps.
async fn accept<'a>(visit: &Visit<'a, impl Ports>) -> Result<Output, Refusal<'a>> {
    let Visit { cx, campaign, .. } = *visit;
    if let Some(wait_s) = visit.wait_s().await {
        return Err(Refusal::Throttled { wait_s });
    }
    let post = Post::read(visit)?;
    let mut repeats = Repeats::new(campaign, &post.fingerprints);
    if repeats.hold(cx, campaign, &post.acknowledgement.submission_id).await {
        return Ok(repeated(visit, &post.acknowledgement));
    }
    let (evidence, log) = evidence::gather(visit, &post.submission).await;
    let (admit, acknowledgement) = post.into_admit(visit, evidence);
    let is_repeat = decide(visit, admit, &acknowledgement).await?;
    let after = repeats.note(cx, &acknowledgement.submission_id, is_repeat);
    // The ledger has logged its decision.
    Ok(accepted(visit, &acknowledgement, log, after.into_iter().collect()))
}

/// Lets the ledger decide. Returns whether it had accepted this very submission before.
async fn decide<'a>(
    visit: &Visit<'_, impl Ports>,
    admit: Box<Admit>,
    acknowledgement: &Acknowledgement<'a>,
) -> Result<bool, Refusal<'a>> {
    let Visit { cx, campaign, ref sender, .. } = *visit;
    let reader = acknowledgement.reader;
    match ask(cx, campaign, admit).await {
        Ok(Reply::Admitted) => Ok(false),
        Ok(Reply::Repeated) => Ok(true),
        Ok(Reply::IdempotencyKeyReused) => Err(Refusal::KeyReused { reader }),
        Ok(Reply::Throttled { wait_s, network }) => {
            let sender = sender.as_ref().filter(|_| network);
            cx.isolate.rate_limit.close(campaign, sender, wait_s, cx.now_ms());
            Err(Refusal::Throttled { wait_s })
        }
        Ok(_) => {
            let fault = Fault::new("the ledger does not understand this code");
            Err(Refusal::Fault { fault, reader })
        }
        Err(fault) => Err(Refusal::Fault { fault, reader }),
    }
}

/// Asks the ledger, and once more with the campaign if it does not know this revision.
async fn ask(cx: Cx<'_, impl Ports>, campaign: &Campaign, admit: Box<Admit>) -> Result<Reply, Fault> {
    let mut call = Call::Admit(admit);
    let reply = cx.ports.ask(&campaign.ledger, &call).await?;
    if let (Reply::CampaignUnknown, Call::Admit(admit)) = (&reply, &mut call) {
        admit.stored = Some(campaign.to_stored());
        return cx.ports.ask(&campaign.ledger, &call).await;
    }
    Ok(reply)
}

fn repeated(visit: &Visit<'_, impl Ports>, acknowledgement: &Acknowledgement<'_>) -> Output {
    let (campaign, submission_id) = (visit.campaign, &acknowledgement.submission_id);
    let log = json!({
        "event": "submission", "outcome": "repeat", "campaign": campaign.id, "submission_id": submission_id,
    });
    let count = After::count(campaign, "", Tally::KV_REPEAT, visit.cx.now_ms());
    accepted(visit, acknowledgement, Some(log), vec![count])
}

fn accepted(
    visit: &Visit<'_, impl Ports>,
    acknowledgement: &Acknowledgement<'_>,
    log: Option<Value>,
    after: Vec<After>,
) -> Output {
    let Visit { cx, campaign, ref identity, .. } = *visit;
    let Acknowledgement { submission_id, reader, suggested_domain } = acknowledgement;
    // With double opt-in the download is given after the confirmation.
    let download = match campaign.double_opt_in {
        Some(_) => None,
        None => DownloadLink::new(campaign, identity, submission_id, cx.now),
    };
    let public_url = cx.settings().public_url.as_deref();
    let response = Response::accepted(
        submission_id,
        campaign,
        reader.is_some(),
        *suggested_domain,
        download.as_ref(),
        public_url,
    );
    Output { response, log, after, even_ms: campaign.even_answers_ms }
}
