//! Evidence of a post: abuse signals that it shows by itself, Turnstile's verdict and the platform's limit on mails.

use serde_json::Value;

use super::visit::Visit;
use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::campaign::Campaign;
use crate::pipeline::abuse;
use crate::pipeline::abuse::turnstile;
use crate::pipeline::abuse::turnstile::Question;
use crate::pipeline::abuse::{Circumstances, Evidence, TurnstileResult};
use crate::pipeline::intake::Submission;

/// The name under whose keys networks are counted over all ledgers. No ledger can have it.
const EVERY_LEDGER: &str = "*";

/// Gathers the evidence. Returns it with the log line of the fault if Turnstile could not be asked, which is not held
/// against the visitor.
pub async fn gather(visit: &Visit<'_, impl Ports>, submission: &Submission) -> (Evidence, Option<Value>) {
    let Visit { cx, campaign, request, ref identity, ref sender, .. } = *visit;
    let (turnstile, log) = match ask_turnstile(cx, campaign, submission.traps.turnstile.as_deref()).await {
        Ok(result) => (result, None),
        Err(fault) => (TurnstileResult::NotAsked, Output::fault("turnstile", &campaign.id, &fault).log),
    };
    let circumstances = Circumstances {
        origin: request.origin.as_deref(),
        own_origin: cx.settings().public_url.as_deref(),
        sender: sender.clone(),
        turnstile,
        is_mail_limited: is_mail_limited(visit).await,
        now_ms: cx.now_ms(),
    };
    (abuse::evidence(submission, campaign, identity, circumstances), log)
}

/// Asks Turnstile about a post, if the campaign uses it.
///
/// # Errors
/// It cannot be asked.
async fn ask_turnstile(
    cx: Cx<'_, impl Ports>,
    campaign: &Campaign,
    token: Option<&str>,
) -> Result<TurnstileResult, Fault> {
    let Some(turnstile) = &campaign.turnstile else {
        return Ok(TurnstileResult::NotAsked);
    };
    let Some(token) = token else {
        return Ok(TurnstileResult::TokenMissing);
    };
    let settings = cx.settings();
    let secret = cx.ports.secret(&turnstile.secret);
    let secret = secret.ok_or_else(|| Fault::new("the secret of Turnstile is missing"))?;
    let verdict = match turnstile::question(&secret, token, settings.development) {
        Question::Known(verdict) => verdict,
        Question::Ask(form) => {
            let host = turnstile::host(settings);
            let judged = settings.secret_hosts.judge(&turnstile.secret, &secret, &host, true);
            if judged.is_err() || campaign.signs_with(&turnstile.secret) {
                return Err(Fault::new("the secret of Turnstile signs, or is bound to another host"));
            }
            let response = cx.ports.ask_service(turnstile::url(settings), &form).await?;
            turnstile::verdict(&response, turnstile, settings.public_url.as_deref())
        }
    };
    let refused = || Fault::new("Turnstile refuses its secret, or the secret is one for tests");
    verdict.map(TurnstileResult::Verdict).ok_or_else(refused)
}

/// Checks whether the platform takes no more posts of a network that bring mails, in whatever ledger.
async fn is_mail_limited(visit: &Visit<'_, impl Ports>) -> bool {
    if visit.campaign.double_opt_in.is_none() {
        return false;
    }
    let identity = visit.cx.identity_of(EVERY_LEDGER);
    let sender = abuse::sender(visit.request.client_address.as_deref(), &identity);
    let Some(sender) = sender else { return false };
    // A limit that cannot be asked keeps nothing back: the ledger has one of its own.
    !visit.cx.ports.takes_more_mails(&sender.network).await.unwrap_or(true)
}
