//! Requests of claimed deliveries: what they send, to where, and under which secret.

use crate::ledger::admit::double_opt_in::requested;
use crate::ledger::parts::Parts;
use crate::ledger::person::engagement::consents_to;
use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Value, json};

use super::claim::Claim;
use crate::base::fault::Fault;
use crate::base::moment::{Moment, rfc3339};
use crate::campaign::{AUTHORIZATION, Campaign, Channel, Destination, EmailApi, Withheld};
use crate::ledger::admit::double_opt_in::{REQUEST_MS, email_tags};
use crate::ledger::consents::history::{ActRow, IS_ALONE, Open, SealedRow};
use crate::ledger::db::store::Store;
use crate::ledger::person::engagement::ENGAGED;
use crate::ledger::person::withdraw::EVERY_PURPOSE;
use crate::pipeline::consent::compact;
use crate::pipeline::lead::{Link, subject};
use crate::pipeline::webhook;
use crate::pipeline::webhook::{Event, Outcome, SigningSecret};

/// The event that asks the owner of an address to confirm.
pub(in crate::ledger) const REQUESTED: &str = "confirmation.requested";

/// A request that is ready to be sent.
pub struct Dispatch {
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The exact bytes that were signed.
    pub body: Vec<u8>,
}

/// A claim's lead, opened, and what is to be signed before it can be sent.
pub struct Prepared {
    /// Nothing where the claim is about no submission.
    open: Option<Rc<Open>>,
    /// The receipts of the lead's consents, in their order. Empty where no key signs.
    pub unsigned: Vec<String>,
}

/// What a confirmation's mail says, and to whom.
struct Asked {
    to: String,
    subject: String,
    text: String,
    confirm_url: String,
    withdraw_url: String,
    expires_ms: i64,
}

/// Opens what a claim sends, and says what is to be signed first.
///
/// # Errors
/// What keeps it from being sent, to be settled as the attempt's outcome.
pub fn prepare<S: Store>(parts: &Parts<S>, claim: &Claim) -> Result<Prepared, Outcome> {
    if claim.notice.is_some() {
        return Ok(Prepared { open: None, unsigned: Vec::new() });
    }
    let open = open_of(parts, claim).map_err(|_| Outcome::Unreadable)?;
    let whose = (claim.lead_id.as_str(), open.subject.as_str());
    let input = |receipt| parts.consents.receipt_input(receipt, whose);
    let unsigned = open.receipts.iter().filter_map(input).collect();
    Ok(Prepared { open: Some(open), unsigned })
}

/// The signed request of a claim. Address and secret are those of now, so that a correction
/// heals what waits. `receipts` are what was to be signed, each with its signature.
///
/// # Errors
/// What keeps it from being sent, to be settled as the attempt's outcome.
pub fn dispatch<S: Store>(
    parts: &Parts<S>,
    claim: &Claim,
    prepared: &Prepared,
    campaign: Option<&Campaign>,
    secret: impl FnOnce(&str) -> Option<String>,
    receipts: &[(String, Vec<u8>)],
    moment: &Moment,
) -> Result<Dispatch, Outcome> {
    let campaign = campaign.ok_or(Outcome::Unreadable)?;
    let destination = campaign.destination(&claim.destination).ok_or(Outcome::DestinationRemoved)?;
    // Again, for a campaign may lie in KV that nobody would publish any more.
    if !destination.refusals(parts.config.own.as_ref(), parts.config.development).is_empty() {
        return Err(Outcome::DestinationRefused);
    }
    let secret = secret(&destination.secret).ok_or(Outcome::SecretMissing)?;
    let asked = match claim.event == REQUESTED {
        true => Some(asked(parts, claim, campaign)?),
        false => None,
    };
    let body = match (&destination.channel, asked) {
        (Channel::Email(api), Some(asked)) => {
            may_send(parts, campaign, destination, &secret)?;
            return mail(claim, destination, api, &secret, &asked);
        }
        (Channel::Email(_), None) => return Err(Outcome::DestinationRemoved),
        (Channel::Webhook, Some(asked)) => webhook::notice(
            &claim.event,
            claim.created_ms,
            &json!({
                "campaign": claim.campaign, "contact": { "email": asked.to }, "subject": asked.subject,
                "text": asked.text, "confirm_url": asked.confirm_url, "withdraw_url": asked.withdraw_url,
                "expires_at": rfc3339(asked.expires_ms),
            }),
        ),
        (Channel::Webhook, None) => match &claim.notice {
            Some(notice) => {
                let data: Value = serde_json::from_str(notice).map_err(|_| Outcome::Unreadable)?;
                let whose = claim.subject.as_deref();
                let allowed = || consents_to(parts, &claim.lead_id, whose, &destination.needs);
                if claim.event == ENGAGED && !allowed().map_err(|_| Outcome::Unreadable)? {
                    return Err(Outcome::ConsentMissing);
                }
                webhook::notice(&claim.event, claim.created_ms, &data)
            }
            None => {
                let open = prepared.open.as_ref().ok_or(Outcome::Unreadable)?;
                lead_body(parts, claim, open, destination, receipts)?
            }
        },
    };
    let secret = SigningSecret::parse(&secret).ok_or(Outcome::SecretMissing)?;
    let timestamp_s = moment.now_ms / 1_000;
    let signature = webhook::sign(&secret, &claim.delivery_id, timestamp_s, &body);
    Ok(Dispatch {
        url: destination.url.clone(),
        headers: vec![
            ("content-type".into(), "application/json".to_owned()),
            ("webhook-id".into(), claim.delivery_id.clone()),
            ("webhook-timestamp".into(), timestamp_s.to_string()),
            ("webhook-signature".into(), signature),
        ],
        body,
    })
}

/// That a secret may be sent to a destination as it is, by what the operator has bound and by what is
/// known of the ledger's campaigns. Again, for a campaign may lie in KV that nobody would publish any more.
fn may_send<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    to: &Destination,
    secret: &str,
) -> Result<(), Outcome> {
    let judged = parts.config.secret_hosts.judge(&to.secret, secret, to.host(), parts.config.development);
    judged.map_err(|withheld| match withheld {
        Withheld::Signs => Outcome::SecretSigns,
        Withheld::Unbound | Withheld::Elsewhere => Outcome::SecretUnbound,
    })?;
    if campaign.signs_with(&to.secret)
        || parts.campaigns.signs_elsewhere(campaign, &to.secret).map_err(|_| Outcome::Unreadable)?
    {
        return Err(Outcome::SecretSigns);
    }
    Ok(())
}

/// The event of a lead, with its receipts in their place.
fn lead_body<S: Store>(
    parts: &Parts<S>,
    claim: &Claim,
    open: &Open,
    destination: &Destination,
    signed: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, Outcome> {
    if !open.lead.consents_to(&destination.needs) {
        return Err(Outcome::ConsentMissing);
    }
    let mut consent = open.lead.consent.clone();
    for (at, receipt) in open.receipts.iter().enumerate() {
        if let Some(record) = consent.iter_mut().find(|record| record.purpose == receipt.purpose) {
            record.withdraw_url = parts.consents.withdraw_url(receipt, (&claim.lead_id, &open.subject));
            record.receipt = signed.get(at).map(|(input, signature)| compact(input, signature));
        }
    }
    Ok(webhook::body(&Event {
        kind: &claim.event,
        at_ms: claim.created_ms,
        lead_id: &claim.lead_id,
        campaign: &claim.campaign,
        lead: &open.lead,
        recognised_by: &open.recognised_by,
        consent: &consent,
        score: &open.score,
    }))
}

/// What asks the owner of an address. No text of the visitor stands in it.
fn asked<S: Store>(parts: &Parts<S>, claim: &Claim, campaign: &Campaign) -> Result<Asked, Outcome> {
    let how = campaign.double_opt_in.as_ref().ok_or(Outcome::DestinationRemoved)?;
    let url = parts.config.public_url.as_ref().ok_or(Outcome::PublicUrlMissing)?;
    let notice: Value = serde_json::from_str(claim.notice.as_deref().unwrap_or_default()).unwrap_or_default();
    let submission_id = notice.get("submission_id").and_then(Value::as_str).unwrap_or_default();
    let request = requested(parts, &claim.lead_id, submission_id).map_err(|_| Outcome::Unreadable)?;
    let (admit, _) = request.ok_or(Outcome::ConsentMissing)?;
    let named = [claim.lead_id.as_str(), submission_id];
    let token = parts.config.identity.link(Link::Confirm, Some(&campaign.id), None, &named);
    let confirm_url = format!("{url}/confirm/{}/{token}", campaign.id);
    let whose = email_tags(&admit).next().map(|tag| subject(tag)).unwrap_or_default();
    let whose = (claim.lead_id.as_str(), whose.as_str());
    let withdraw_url =
        parts.consents.withdraw_link(&campaign.id, None, whose, EVERY_PURPOSE).unwrap_or_default();
    Ok(Asked {
        to: admit.lead.contact.email.unwrap_or_default(),
        subject: how.subject(campaign),
        text: how.text(&confirm_url, &withdraw_url, campaign),
        confirm_url,
        withdraw_url,
        expires_ms: admit.lead.submitted_at_ms + REQUEST_MS,
    })
}

fn open_of<S: Store>(parts: &Parts<S>, claim: &Claim) -> Result<Rc<Open>, Fault> {
    if let Some(open) = parts.outbox.open_lead(&claim.lead_id, &claim.submission_id) {
        return Ok(open);
    }
    // Nearly everybody has one act, which lies beside the payload.
    let sql = format!(
        "SELECT payload, consent, {IS_ALONE}, act, consent, subjects
         FROM submission s WHERE lead_id = ? AND submission_id = ?"
    );
    let row = parts.db.row(&sql, &[(&claim.lead_id).into(), (&claim.submission_id).into()])?;
    let mut row = row.ok_or_else(|| Fault::new("a delivery's submission is gone"))?;
    let payload = row.sealed(0).ok_or_else(|| Fault::new("a delivery's payload is gone"))?;
    let consent = row.sealed(1);
    let is_alone = row.int(2)? == 1;
    let own = ActRow::read(&mut row, 3).ok();
    let (lead_id, submission_id) = (claim.lead_id.as_str(), claim.submission_id.as_str());
    let (payload, consent) = (&payload, consent.as_ref());
    let row = SealedRow { lead_id, submission_id, payload, consent, own, is_alone };
    parts.consents.open_row(row).map(|(_, open)| Rc::new(open))
}

/// A mail by a provider's API. The key lets the provider recognise one that comes again.
fn mail(
    claim: &Claim,
    destination: &Destination,
    api: &EmailApi,
    secret: &str,
    asked: &Asked,
) -> Result<Dispatch, Outcome> {
    // A file's last newline is often put with the secret. Within it, a newline would be another header.
    let secret = secret.trim();
    if secret.is_empty() || !secret.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Outcome::SecretMissing);
    }
    let body = api.body(&[
        ("to", &asked.to),
        ("subject", &asked.subject),
        ("text", &asked.text),
        ("confirm_link", &asked.confirm_url),
        ("withdraw_link", &asked.withdraw_url),
    ]);
    let secret = if api.header == AUTHORIZATION { format!("Bearer {secret}") } else { secret.to_owned() };
    Ok(Dispatch {
        url: destination.url.clone(),
        headers: vec![
            ("content-type".into(), "application/json".to_owned()),
            ("idempotency-key".into(), claim.delivery_id.clone()),
            (api.header.clone().into(), secret),
        ],
        body: body.to_string().into_bytes(),
    })
}
