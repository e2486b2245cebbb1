//! Requests of claimed deliveries: their content, address and secret.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::id::SubmissionId;
use crate::base::moment::Moment;
use crate::base::time::rfc3339;
use crate::campaign::{AUTHORIZATION, Campaign, Channel, Destination, EmailApi, SecretRefusal};
use crate::ledger::consents::EVERY_PURPOSE;
use crate::ledger::consents::open::Open;
use crate::ledger::consents::unconfirmed::{REQUEST_MS, email_tags};
use crate::ledger::db::store::Store;
use crate::ledger::outbox::claim::Claim;
use crate::ledger::parts::Parts;
use crate::pipeline::consent::compact;
use crate::pipeline::lead::{Link, subject};
use crate::pipeline::webhook;
use crate::pipeline::webhook::{EventKind, LeadEvent, Outcome, SigningSecret};

/// A request that is ready to be sent.
pub struct Dispatch {
    /// The address.
    pub url: String,
    /// The names and values of the headers.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The exact bytes that were signed.
    pub body: Vec<u8>,
}

/// A claim's opened lead, and the texts to be signed before it can be sent.
pub struct Prepared {
    /// `None` if the claim is about no submission.
    open: Option<Rc<Open>>,
    /// The receipts of the lead's consents, in order. Empty if no key signs.
    pub unsigned: Vec<String>,
}

/// The inputs of a request beside its claim.
pub(in crate::ledger) struct RequestInputs<'a, F> {
    /// The current campaign, otherwise its last good copy.
    pub(in crate::ledger) campaign: Option<&'a Campaign>,
    /// Secrets by their names.
    pub(in crate::ledger) secret: F,
    /// The texts that had to be signed, each with its signature.
    pub(in crate::ledger) receipts: &'a [(String, Vec<u8>)],
}

/// A confirmation mail: its texts and its recipient.
struct Mail {
    to: String,
    subject: String,
    text: String,
    confirm_url: String,
    withdraw_url: String,
    expires_ms: i64,
}

/// Opens the lead that a claim sends, and returns the texts that must be signed first.
///
/// # Errors
/// The reason why it cannot be sent, to be settled as the attempt's outcome.
pub(in crate::ledger) fn prepare<S: Store>(parts: &Parts<S>, claim: &Claim) -> Result<Prepared, Outcome> {
    if claim.data.is_some() {
        return Ok(Prepared { open: None, unsigned: Vec::new() });
    }
    let open = open_of(parts, claim).map_err(|_| Outcome::Unreadable)?;
    let whose = (&claim.lead_id, open.subject.as_str());
    let input = |receipt| parts.consents.receipt_input(receipt, whose);
    let unsigned = open.receipts.iter().filter_map(input).collect();
    Ok(Prepared { open: Some(open), unsigned })
}

/// Makes the signed request of a claim. Address and secret are the current ones, so a correction also reaches
/// deliveries that already wait.
///
/// # Errors
/// The reason why it cannot be sent, to be settled as the attempt's outcome.
pub(in crate::ledger) fn dispatch<S: Store, F: FnOnce(&str) -> Option<String>>(
    parts: &Parts<S>,
    claim: &Claim,
    prepared: &Prepared,
    means: RequestInputs<'_, F>,
    moment: &Moment,
) -> Result<Dispatch, Outcome> {
    let campaign = means.campaign.ok_or(Outcome::Unreadable)?;
    let destination = campaign.destination(&claim.destination).ok_or(Outcome::DestinationRemoved)?;
    // Checked again, because KV may contain a campaign that could not be published any more.
    if !destination.refusals(parts.config.own.as_ref(), parts.config.development).is_empty() {
        return Err(Outcome::DestinationRefused);
    }
    let secret = (means.secret)(&destination.secret).ok_or(Outcome::SecretMissing)?;
    let body = match (&destination.channel, claim.event == EventKind::ConfirmationRequested) {
        (Channel::Email(api), true) => {
            let mail = mail_of(parts, claim, campaign)?;
            may_send(parts, campaign, destination, &secret)?;
            return by_provider(claim, destination, api, &secret, &mail);
        }
        (Channel::Email(_), false) => return Err(Outcome::DestinationRemoved),
        (Channel::Webhook, true) => mail_body(claim, &mail_of(parts, claim, campaign)?),
        (Channel::Webhook, false) => webhook_body(parts, claim, prepared, destination, means.receipts)?,
    };
    let secret = SigningSecret::parse(&secret).ok_or(Outcome::SecretMissing)?;
    let timestamp_s = moment.now_ms / 1_000;
    let signature = webhook::sign(&secret, &claim.delivery_id, timestamp_s, &body);
    Ok(Dispatch {
        url: destination.url.clone(),
        headers: vec![
            ("content-type".into(), "application/json".to_owned()),
            ("webhook-id".into(), claim.delivery_id.to_string()),
            ("webhook-timestamp".into(), timestamp_s.to_string()),
            ("webhook-signature".into(), signature),
        ],
        body,
    })
}

/// Checks that a secret may be sent to a destination as it is, by the operator's bindings and by the ledger's
/// campaigns. Checked again, because KV may contain a campaign that could not be published any more.
fn may_send<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    to: &Destination,
    secret: &str,
) -> Result<(), Outcome> {
    let config = &parts.config;
    let judged = config.secret_hosts.judge(&to.secret, secret, to.host(), config.development);
    judged.map_err(|withheld| match withheld {
        SecretRefusal::Signs => Outcome::SecretSigns,
        SecretRefusal::Unbound | SecretRefusal::Elsewhere => Outcome::SecretUnbound,
    })?;
    let signs_elsewhere = || parts.campaigns.signs_elsewhere(campaign, &to.secret);
    if campaign.signs_with(&to.secret) || signs_elsewhere().map_err(|_| Outcome::Unreadable)? {
        return Err(Outcome::SecretSigns);
    }
    Ok(())
}

/// Makes the body of a webhook that asks for no mail: its own data, or a lead.
fn webhook_body<S: Store>(
    parts: &Parts<S>,
    claim: &Claim,
    prepared: &Prepared,
    destination: &Destination,
    receipts: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, Outcome> {
    let Some(data) = &claim.data else {
        let open = prepared.open.as_ref().ok_or(Outcome::Unreadable)?;
        return lead_body(parts, claim, open, destination, receipts);
    };
    let data: Value = serde_json::from_str(data).map_err(|_| Outcome::Unreadable)?;
    let is_allowed = || parts.consents.allow(&claim.lead_id, claim.subject.as_deref(), &destination.needs);
    if claim.event == EventKind::Engaged && !is_allowed().map_err(|_| Outcome::Unreadable)? {
        return Err(Outcome::ConsentMissing);
    }
    Ok(webhook::event_body(claim.event.as_str(), claim.created_ms, &data))
}

/// Makes the body of a lead's event, with its receipts.
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
    Ok(webhook::lead_event_body(&LeadEvent {
        kind: claim.event.as_str(),
        at_ms: claim.created_ms,
        lead_id: &claim.lead_id,
        campaign: &claim.campaign,
        lead: &open.lead,
        recognised_by: &open.recognised_by,
        consent: &consent,
        score: &open.score,
    }))
}

/// Makes the mail that asks the owner of an address. It contains no text of the visitor.
fn mail_of<S: Store>(parts: &Parts<S>, claim: &Claim, campaign: &Campaign) -> Result<Mail, Outcome> {
    let how = campaign.double_opt_in.as_ref().ok_or(Outcome::DestinationRemoved)?;
    let url = parts.config.public_url.as_ref().ok_or(Outcome::PublicUrlMissing)?;
    let data: Value = serde_json::from_str(claim.data.as_deref().unwrap_or_default()).unwrap_or_default();
    let submission_id = data.get("submission_id").and_then(Value::as_str).unwrap_or_default();
    let submission_id = SubmissionId::from(submission_id);
    let waiting = parts.consents.unconfirmed(&claim.lead_id, &submission_id);
    let admit = waiting.map_err(|_| Outcome::Unreadable)?.ok_or(Outcome::ConsentMissing)?.admit;
    let named = [&*claim.lead_id, &*submission_id];
    let token = parts.config.identity.link(Link::Confirm, Some(&campaign.id), None, &named);
    let confirm_url = format!("{url}/confirm/{}/{token}", campaign.id);
    let whose = email_tags(&admit).next().map(|tag| subject(tag)).unwrap_or_default();
    let whose = (&claim.lead_id, whose.as_str());
    let withdraw_url = parts.consents.withdraw_link(&campaign.id, None, whose, EVERY_PURPOSE);
    let withdraw_url = withdraw_url.unwrap_or_default();
    Ok(Mail {
        to: admit.lead.contact.email.unwrap_or_default(),
        subject: how.subject(campaign),
        text: how.text(&confirm_url, &withdraw_url, campaign),
        confirm_url,
        withdraw_url,
        expires_ms: admit.lead.submitted_at_ms + REQUEST_MS,
    })
}

/// Makes the body of a webhook that makes its receiver send a mail.
fn mail_body(claim: &Claim, mail: &Mail) -> Vec<u8> {
    let data = json!({
        "campaign": claim.campaign, "contact": { "email": mail.to }, "subject": mail.subject,
        "text": mail.text, "confirm_url": mail.confirm_url, "withdraw_url": mail.withdraw_url,
        "expires_at": rfc3339(mail.expires_ms),
    });
    webhook::event_body(claim.event.as_str(), claim.created_ms, &data)
}

/// Opens the lead of a claim: nearly everybody has one act, which is stored beside the payload.
fn open_of<S: Store>(parts: &Parts<S>, claim: &Claim) -> Result<Rc<Open>, Fault> {
    if let Some(open) = parts.outbox.open_lead(&claim.lead_id, &claim.submission_id) {
        return Ok(open);
    }
    let content = parts.db.content(&claim.lead_id, &claim.submission_id)?;
    let content = content.ok_or_else(|| Fault::new("a delivery's submission is gone"))?;
    parts.consents.open(&claim.lead_id, &claim.submission_id, content).map(|(_, open)| Rc::new(open))
}

/// Makes the request of a mail through a provider's API. The key lets the provider recognise a repetition.
fn by_provider(
    claim: &Claim,
    destination: &Destination,
    api: &EmailApi,
    secret: &str,
    mail: &Mail,
) -> Result<Dispatch, Outcome> {
    // A file's final newline is often stored with the secret. Inside it, a newline would be another header.
    let secret = secret.trim();
    if secret.is_empty() || !secret.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Outcome::SecretMissing);
    }
    let body = api.body(&[
        ("to", &mail.to),
        ("subject", &mail.subject),
        ("text", &mail.text),
        ("confirm_link", &mail.confirm_url),
        ("withdraw_link", &mail.withdraw_url),
    ]);
    let secret = if api.header == AUTHORIZATION { format!("Bearer {secret}") } else { secret.to_owned() };
    Ok(Dispatch {
        url: destination.url.clone(),
        headers: vec![
            ("content-type".into(), "application/json".to_owned()),
            ("idempotency-key".into(), claim.delivery_id.to_string()),
            (api.header.clone().into(), secret),
        ],
        body: body.to_string().into_bytes(),
    })
}
