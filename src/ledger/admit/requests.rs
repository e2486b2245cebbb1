//! Requests to confirm: a submission waits, sealed, until the owner of its address confirms it. Until then
//! nothing is known of the person, and when it expires only a counter remains.

use serde_json::json;

use super::decision::{Provenance, logged};
use super::lists::Suppression;
use super::plan::Post;
use super::route::Mail;
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::campaign::{Campaign, Destination, IdentifierKind, SUPPRESSED, Signal};
use crate::contact::Email;
use crate::ledger::admit::lists;
use crate::ledger::admit::mentions::mention;
use crate::ledger::consents::unconfirmed::{REQUEST_MS, email_tags};
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::{NewDelivery, Target, Topic, receiver_of};
use crate::ledger::db::idempotency::remember;
use crate::ledger::db::lead::extend_lead;
use crate::ledger::db::listed;
use crate::ledger::db::request;
use crate::ledger::db::request::{MailCounts, NewRequest, Request};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::ledger::db::submission::NewSubmission;
use crate::ledger::handled::Handled;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{ConsentState, Standing};
use crate::pipeline::lead::{Identity, subject};
use crate::pipeline::webhook::EventKind;

/// The time after which a lost mail may be sent again; by then it is not in a slow queue.
const MAIL_AGAIN_MS: i64 = 10 * 60_000;
/// The cap of unanswered mails to one address. Somebody who types in other people's addresses cannot have a
/// third sent.
const MAX_MAILS: i64 = 2;
/// The same cap for addresses that may be one mailbox, if a provider takes another tag than `+`: colleagues
/// with such addresses get theirs.
const MAX_STEM_MAILS: i64 = 5;
/// The time for which somebody who has refused a request is not asked.
const REFUSED_MS: i64 = 30 * DAY_MS;

/// The requests that wait for the owner of an address.
#[derive(Default)]
pub(super) struct Requests {
    /// The requests to this address.
    own: Vec<Request>,
    /// The mails to its mailbox, and to what may be the same mailbox.
    mailed: MailCounts,
}

impl Requests {
    /// Returns the requests to the submission's address, of every campaign, and the mails to its mailbox.
    pub(super) fn of<S: Store>(
        parts: &Parts<S>,
        admit: &Admit,
        campaign: &Campaign,
        moment: &Moment,
    ) -> Result<Self, Fault> {
        let tags: Vec<&String> = email_tags(admit).collect();
        if campaign.double_opt_in.is_none() || tags.is_empty() {
            return Ok(Self::default());
        }
        let own = parts.db.requests(&tags, moment.now_ms)?;
        let mailed = match mailbox(&parts.config.identity, admit) {
            Some(hashes) => parts.db.mailed(&hashes, moment.now_ms)?,
            None => MailCounts::default(),
        };
        Ok(Self { own, mailed })
    }

    /// Returns the leads under which they are stored until they are confirmed.
    pub(super) fn leads(&self) -> impl Iterator<Item = &LeadId> {
        self.own.iter().map(|request| &request.lead_id)
    }

    fn is_refused(&self) -> bool {
        self.mailed.is_refused || self.own.iter().any(|request| request.is_refused)
    }

    /// Returns whether the owner has been asked often enough. A campaign that has not asked yet need not
    /// wait.
    fn is_asked(&self, campaign: &Campaign, now_ms: i64) -> bool {
        let open = || self.own.iter().filter(|request| !request.is_confirmed && !request.is_refused);
        let mut own = open().filter(|request| request.campaign == campaign.id);
        open().map(|request| request.mails).sum::<i64>() >= MAX_MAILS
            || own.any(|request| now_ms - request.mailed_ms < MAIL_AGAIN_MS)
    }
}

/// Returns the hashes of the mailbox of the submission's address, and of what may be the same mailbox.
fn mailbox(identity: &Identity, admit: &Admit) -> Option<[Vec<String>; 2]> {
    let email = admit.lead.contact.email.as_deref().and_then(Email::parse)?;
    Some(identity.mailbox_tags(&email))
}

/// Returns whether the owner of the submission's address may get a mail now. An operator who releases a
/// submission has seen that it exceeded a cap.
pub(super) fn may_mail<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    requests: &Requests,
    provenance: Provenance,
    moment: &Moment,
) -> Mail {
    let mailed = &requests.mailed;
    let too_many = || {
        let of_network = parts.velocity.has_mailed_too_often(admit, campaign, moment.now_ms);
        if mailed.mailbox_mails >= MAX_MAILS || mailed.stem_mails >= MAX_STEM_MAILS {
            return Some(Signal::MailboxVelocity);
        }
        (of_network || admit.evidence.is_mail_limited).then_some(Signal::MailVelocity)
    };
    match () {
        () if requests.is_refused() => Mail::Refused,
        () if requests.is_asked(campaign, moment.now_ms) => Mail::Asked,
        () if provenance == Provenance::Released => Mail::Free,
        () => too_many().map_or(Mail::Free, Mail::TooMany),
    }
}

/// Returns whether the owner of the address must be asked: the campaign requires it, and a purpose is granted
/// that the owner has not confirmed before. Somebody who is suppressed can only opt in again by their own
/// confirmation, and is asked for it at most once a year.
pub(super) fn must_confirm<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    suppressed: Option<Suppression>,
    standing: &[Standing],
    moment: &Moment,
) -> Result<bool, Fault> {
    if campaign.double_opt_in.is_none() || email_tags(admit).next().is_none() {
        return Ok(false);
    }
    let confirmed = match suppressed {
        Some(Suppression::ByCampaign) => return Ok(false),
        Some(Suppression::Asked) if lists::was_asked_lately(&parts.db, &admit.list_tags, moment)? => {
            return Ok(false);
        }
        Some(Suppression::Asked) => &[],
        None => standing,
    };
    let is_confirmed =
        |id: &str| confirmed.iter().any(|one| one.purpose == id && one.state == ConsentState::Confirmed);
    let mut granted = admit.lead.consent.iter().filter(|record| record.granted);
    Ok(granted.any(|record| !is_confirmed(&record.purpose)))
}

/// Stores a submission until its owner confirms it, and sends the request.
pub(super) fn ask<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let now = moment.now_ms;
    let until_ms = now + REQUEST_MS;
    let id = &admit.submission_id;
    let prior = post.prior.as_ref().filter(|prior| prior.is_somebody());
    let lead_id = prior.map_or_else(|| moment.new_id("lead_").into(), |prior| prior.lead_id.clone());
    // The wording that was shown is confirmed, whatever is published meanwhile.
    let stored = Some(post.campaign.to_stored());
    let waiting = Admit { stored, idempotency_tag: None, ..admit.clone() };
    let payload = parts.vault.seal_value(&waiting, &payload_context(&lead_id, id), moment)?;
    let subjects = subjects_of(admit);
    let mut changes = Changes::default();
    if prior.is_some_and(|prior| prior.is_lead) {
        // The person is recognised by its row.
        submission::ask_again(&lead_id, id, &payload, until_ms, &mut changes);
        extend_lead(&lead_id, until_ms, &mut changes);
    } else {
        post.make_room(id, &mut changes);
        let row = NewSubmission {
            until_ms: Some(until_ms),
            payload: Some(&payload),
            milestone: post.milestone(),
            subjects: &subjects,
            ..NewSubmission::bare(&lead_id, id, State::Unconfirmed, now, until_ms)
        };
        row.add(post.bucket(), &mut changes);
    }
    changes.push(post.count(State::Unconfirmed));
    // Under each identifier, because access and erasure look for all of them; the request goes to the
    // address.
    let hashes = mailbox(&parts.config.identity, admit);
    let hashes = hashes.map(|all| all.map(|tags| tags.into_iter().next())).unwrap_or_default();
    for print in admit.fingerprints.iter().filter(|print| print.current) {
        let is_asked = print.kind == IdentifierKind::Email;
        let mailbox = if is_asked { hashes.clone() } else { Default::default() };
        NewRequest { mailbox, ..request_under(&print.tag, admit, &lead_id, now, until_ms) }.add(&mut changes);
    }
    for (_, one) in admit.lead.mentioned(post.campaign) {
        mention(&parts.config.identity, &one, &lead_id, id, &mut changes);
    }
    let listed: Vec<&String> = admit.list_tags.iter().filter(|tag| tag.starts_with("email.")).collect();
    if !listed.is_empty() {
        listed::note_asked(SUPPRESSED, &listed, now, &mut changes);
    }
    remember(admit, now, &mut changes);
    mail(&lead_id, admit, post.campaign, moment, &mut changes);
    parts.commit(changes)?;
    Ok(logged(admit, "unconfirmed", json!({})))
}

/// Counts a submission whose owner has been asked twice, or just now.
pub(super) fn count_asked<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    requests: &Requests,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let first = requests.own.first().ok_or_else(|| Fault::new("nobody was asked"))?;
    let (id, lead_id, until_ms) = (&admit.submission_id, &first.lead_id, first.expires_ms);
    let subjects = subjects_of(admit);
    let mut changes = Changes::default();
    post.make_room(id, &mut changes);
    let row = NewSubmission {
        subjects: &subjects,
        ..NewSubmission::bare(lead_id, id, State::Duplicate, moment.now_ms, until_ms)
    };
    row.add(post.bucket(), &mut changes);
    changes.push(post.count(State::Duplicate));
    // It is found by its address together with the other one.
    let current = admit.fingerprints.iter().filter(|print| print.current);
    for print in current.filter(|print| print.kind != IdentifierKind::Email) {
        request_under(&print.tag, admit, lead_id, 0, until_ms).add_beside(&mut changes);
    }
    remember(admit, moment.now_ms, &mut changes);
    parts.commit(changes)?;
    Ok(logged(admit, "duplicate", json!({ "because": "asked" })))
}

fn request_under<'a>(
    tag: &'a str,
    admit: &'a Admit,
    lead_id: &'a LeadId,
    mailed_ms: i64,
    expires_ms: i64,
) -> NewRequest<'a> {
    let (submission_id, campaign) = (&admit.submission_id, admit.campaign.as_str());
    NewRequest { tag, submission_id, lead_id, campaign, mailed_ms, expires_ms, mailbox: Default::default() }
}

/// Sends the mail of a submission's request, for the first time or once more.
pub(super) fn mail(
    lead_id: &LeadId,
    admit: &Admit,
    campaign: &Campaign,
    moment: &Moment,
    changes: &mut Changes<'_>,
) {
    let Some(destination) = asking(campaign) else { return };
    let tags: Vec<&String> = email_tags(admit).collect();
    request::count_mail(&tags, &admit.submission_id, moment.now_ms, changes);
    let receiver = receiver_of(destination);
    let to = Target { campaign: &campaign.id, destination: &destination.name, receiver: &receiver };
    let data = json!({ "submission_id": admit.submission_id });
    let event = EventKind::ConfirmationRequested;
    NewDelivery::new(Topic::lead(lead_id), to, &event, 0, moment).add_mail(&data, changes);
}

/// Writes that the owner of an address has refused a request: they are not asked for a while.
pub(in crate::ledger) fn refuse(admit: &Admit, moment: &Moment, changes: &mut Changes<'_>) {
    let tags: Vec<&String> = admit.fingerprints.iter().map(|print| &print.tag).collect();
    let until_ms = moment.now_ms + REFUSED_MS;
    request::refuse(&tags, &admit.submission_id, moment.now_ms, until_ms, changes);
}

/// Returns the destination of a campaign's requests.
fn asking(campaign: &Campaign) -> Option<&Destination> {
    campaign.double_opt_in.as_ref().and_then(|how| campaign.destination(&how.destination))
}

/// Returns the subjects of a submission.
pub(super) fn subjects_of(admit: &Admit) -> Vec<String> {
    admit.fingerprints.iter().filter(|print| print.current).map(|print| subject(&print.tag)).collect()
}
