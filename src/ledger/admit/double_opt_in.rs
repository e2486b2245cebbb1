//! A submission that waits for the owner of the address: the request to confirm goes out, and what
//! is confirmed is judged as if it had come just now. Until then nothing is known of the person but
//! what lies sealed, and when it expires nothing stays but a counter.

use crate::ledger::admit::admit_confirmed;
use crate::ledger::admit::lists::was_asked_lately;
use crate::ledger::admit::write::mention;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use serde_json::json;

use super::lists::{Suppression, lift, note_asked};
use super::{Door, Post, Prior, logged};
use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, HOUR_MS, Moment};
use crate::campaign::{Campaign, IdentifierKind, Signal};
use crate::contact::Email;
use crate::ledger::api::{Confirm, Forgotten};
use crate::ledger::consents::history::{Ledgered, list};
use crate::ledger::db::funnel::Milestone;
use crate::ledger::db::rows::{SubmissionRow, delivery_range, ended, notice_row, receiver_of, remember};
use crate::ledger::db::store::{Arg, Store, Write, owned, write};
use crate::ledger::db::submission_state::Bucket;
use crate::ledger::db::submission_state::State;
use crate::ledger::handled::Handled;
use crate::ledger::outbox::attempt::REQUESTED;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{ConsentState, Standing};
use crate::pipeline::lead::subject;

/// How long a submission waits for its confirmation: a long weekend.
pub const REQUEST_MS: i64 = 72 * HOUR_MS;
/// Somebody who lost the mail may have it again after so long; then it is not in a slow queue.
const MAIL_AGAIN_MS: i64 = 10 * 60_000;
/// Mails to one address that nobody has answered. Whoever types in other people's addresses makes
/// them get no third.
const MAX_MAILS: i64 = 2;
/// The same of addresses that may be one mailbox, where a provider takes another tag than `+`: colleagues
/// with such addresses get theirs.
const MAX_STEM_MAILS: i64 = 5;
/// Whoever says that it was not them is not asked for so long.
const REFUSED_MS: i64 = 30 * DAY_MS;

/// What waits for the owner of an address.
#[derive(Default)]
pub(in crate::ledger) struct Requests {
    /// To the very address.
    own: Vec<Request>,
    /// Mails that nobody has answered, to its mailbox and to what may be that.
    mailbox_mails: i64,
    stem_mails: i64,
    /// The owner of the mailbox has said that it was not them.
    is_refused: bool,
}

struct Request {
    lead_id: String,
    campaign: String,
    mails: i64,
    mailed_ms: i64,
    expires_ms: i64,
    is_confirmed: bool,
    /// Its owner has said that it was not them.
    is_refused: bool,
}

/// Whether the owner of an address may get a mail now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Mail {
    /// One may go out.
    Free,
    /// The address has been asked twice, or just now.
    Asked,
    /// Its owner has said that it was not them.
    Refused,
    /// Too many went to the mailbox, or on behalf of the network that the post came from.
    TooMany(Signal),
}

/// The tag of a request of which nothing is left but that its mailbox was asked.
pub(in crate::ledger) const UNNAMED: &str = "gone";

impl Requests {
    /// The leads that they are under until they are confirmed.
    pub(in crate::ledger) fn leads(&self) -> impl Iterator<Item = &String> {
        self.own.iter().map(|request| &request.lead_id)
    }

    /// A campaign that has not asked yet need not wait.
    fn is_asked(&self, campaign: &Campaign, now_ms: i64) -> bool {
        let open = || self.own.iter().filter(|request| !request.is_confirmed && !request.is_refused);
        let mut asked = open().filter(|request| request.campaign == campaign.id);
        open().map(|request| request.mails).sum::<i64>() >= MAX_MAILS
            || asked.any(|request| now_ms - request.mailed_ms < MAIL_AGAIN_MS)
    }
}

/// The requests to the post's address, of every campaign, and what went to its mailbox.
pub(in crate::ledger) fn requests<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    moment: &Moment,
) -> Result<Requests, Fault> {
    let mut found = Requests::default();
    let tags: Vec<&String> = email_tags(admit).collect();
    if campaign.double_opt_in.is_none() || tags.is_empty() {
        return Ok(found);
    }
    let holes = vec!["?"; tags.len()].join(", ");
    let sql = format!(
        "SELECT lead_id, campaign, mails, mailed_ms, expires_ms, confirmed_ms IS NOT NULL,
           refused_ms IS NOT NULL
         FROM request WHERE tag IN ({holes}) AND expires_ms > ?"
    );
    let mut args: Vec<Arg<'_>> = tags.into_iter().map(Into::into).collect();
    args.push(moment.now_ms.into());
    for mut row in parts.db.rows(&sql, &args)? {
        found.own.push(Request {
            lead_id: row.text(0)?,
            campaign: row.text(1)?,
            mails: row.int(2)?,
            mailed_ms: row.int(3)?,
            expires_ms: row.int(4)?,
            is_confirmed: row.int(5)? == 1,
            is_refused: row.int(6)? == 1,
        });
    }
    found.is_refused = found.own.iter().any(|request| request.is_refused);
    let Some([mailbox, stem]) = mailbox(parts, admit) else { return Ok(found) };
    let sql = "SELECT coalesce(sum(iif(refused_ms IS NULL, mails, 0)), 0),
                 coalesce(sum(iif(refused_ms IS NULL AND is_mailbox, mails, 0)), 0),
                 coalesce(max(is_mailbox AND refused_ms IS NOT NULL), 0)
               FROM (SELECT mails, refused_ms, mailbox IN (SELECT value FROM json_each(?2)) AS is_mailbox
                 FROM request WHERE stem IN (SELECT value FROM json_each(?1)) AND expires_ms > ?3
                   AND confirmed_ms IS NULL)";
    if let Some(mut row) = parts.db.row(sql, &[list(&stem), list(&mailbox), moment.now_ms.into()])? {
        found.stem_mails = row.int(0)?;
        found.mailbox_mails = row.int(1)?;
        found.is_refused |= row.int(2)? == 1;
    }
    Ok(found)
}

/// The hashes of the mailbox that the post's address leads to, and of what may be the same.
fn mailbox<S: Store>(parts: &Parts<S>, admit: &Admit) -> Option<[Vec<String>; 2]> {
    let email = admit.lead.contact.email.as_deref().and_then(Email::parse)?;
    Some(parts.config.identity.mailbox_tags(&email))
}

/// Whether the owner of the post's address may get a mail now. An operator who lets a post in has seen
/// that it was beyond a cap.
pub(in crate::ledger) fn may_mail<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    requests: &Requests,
    door: Door,
    moment: &Moment,
) -> Mail {
    let too_many = || {
        let of_network = parts.velocity.has_mailed_too_often(admit, campaign, moment.now_ms);
        if requests.mailbox_mails >= MAX_MAILS || requests.stem_mails >= MAX_STEM_MAILS {
            return Some(Signal::MailboxVelocity);
        }
        (of_network || admit.evidence.is_mail_limited).then_some(Signal::MailVelocity)
    };
    match () {
        () if requests.is_refused => Mail::Refused,
        () if requests.is_asked(campaign, moment.now_ms) => Mail::Asked,
        () if door == Door::Released => Mail::Free,
        () => too_many().map_or(Mail::Free, Mail::TooMany),
    }
}

/// Whether the owner of the address must be asked: the campaign wants it, and something is granted
/// that the owner has not confirmed before. Somebody who wants nothing more is only back when they
/// say so themselves, and is asked for that once a year at most.
pub(in crate::ledger) fn must_confirm<S: Store>(
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
        Some(Suppression::Asked) if was_asked_lately(parts, &admit.list_tags, moment)? => return Ok(false),
        Some(Suppression::Asked) => &[],
        None => standing,
    };
    let is_confirmed = |id: &str| {
        confirmed.iter().any(|place| place.purpose == id && place.state == ConsentState::Confirmed)
    };
    let mut granted = admit.lead.consent.iter().filter(|record| record.granted);
    Ok(granted.any(|record| !is_confirmed(&record.purpose)))
}

/// Keeps a submission until its owner confirms it, and asks.
pub(in crate::ledger) fn request<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let now = moment.now_ms;
    let until_ms = now + REQUEST_MS;
    let prior = post.prior.as_ref().filter(|prior| prior.is_somebody());
    let lead_id = prior.map_or_else(|| moment.new_id("lead_"), |prior| prior.lead_id.clone());
    // What was shown is what is confirmed, whatever is published meanwhile.
    let stored = Some(post.campaign.to_stored());
    let kept = Admit { stored, idempotency_tag: None, ..admit.clone() };
    let payload = parts.vault.seal_value(&kept, &payload_context(&lead_id, &admit.submission_id), moment)?;
    let subjects = subjects_of(admit);
    let row = SubmissionRow {
        until_ms: Some(until_ms),
        payload: Some(&payload),
        milestone: post.milestone(),
        subjects: &subjects,
        ..SubmissionRow::bare(&lead_id, &admit.submission_id, State::Unconfirmed, now, until_ms)
    };
    let mut writes = Vec::new();
    if prior.is_some_and(|prior| prior.is_lead) {
        // By its row the person is recognised.
        let sql = "UPDATE submission SET state = 'unconfirmed', payload = ?1, until_ms = ?2,
                     known_until_ms = max(known_until_ms, ?2) WHERE lead_id = ?3 AND submission_id = ?4";
        let place = [(&lead_id).into(), (&admit.submission_id).into()];
        writes.push(write(sql, [&[payload.as_slice().into(), until_ms.into()], &place[..]].concat()));
        let sql = "UPDATE lead SET known_until_ms = max(known_until_ms, ?) WHERE lead_id = ?";
        writes.push(write(sql, [until_ms.into(), (&lead_id).into()]));
    } else {
        writes.extend(post.make_room(&admit.submission_id));
        writes.push(row.write(post.bucket()));
    }
    writes.push(post.count(State::Unconfirmed));
    // Under each identifier, for access and erasure look for all of them; by the address it is asked.
    let sql = "INSERT INTO request (tag, submission_id, lead_id, campaign, mails, mailed_ms, expires_ms,
                 mailbox, stem)
               VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET lead_id = excluded.lead_id,
                 expires_ms = excluded.expires_ms, confirmed_ms = NULL, refused_ms = NULL";
    let [mailbox, stem] =
        mailbox(parts, admit).map(|tags| tags.map(|all| all.into_iter().next())).unwrap_or_default();
    for print in admit.fingerprints.iter().filter(|print| print.current) {
        let asked = print.kind == IdentifierKind::Email;
        let counted = |tag: &Option<String>| tag.clone().filter(|_| asked).map_or(Arg::Null, Arg::from);
        let args = [
            (&print.tag).into(),
            (&admit.submission_id).into(),
            (&lead_id).into(),
            (&post.campaign.id).into(),
            now.into(),
            until_ms.into(),
            counted(&mailbox),
            counted(&stem),
        ];
        writes.push(write(sql, args));
    }
    for (_, one) in parts.config.identity.mentioned(&admit.lead, post.campaign) {
        writes.extend(mention(parts, &one, &lead_id, &admit.submission_id));
    }
    writes.extend(note_asked(&admit.list_tags, now));
    writes.extend(remember(admit, now));
    writes.extend(mail_again(&lead_id, admit, post.campaign, moment));
    parts.db.write_all(&writes)?;
    note_mail(parts, post.campaign, true, moment);
    parts.schedule.note_expiry(until_ms);
    Ok(logged(admit, "unconfirmed", json!({})))
}

/// The owner of the address has been asked twice, or just now: it only counts.
pub(in crate::ledger) fn ignore_request<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    requests: &Requests,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let first = requests.own.first().ok_or_else(|| Fault::new("nobody was asked"))?;
    let (id, until_ms) = (&admit.submission_id, first.expires_ms);
    let subjects = subjects_of(admit);
    let row = SubmissionRow {
        subjects: &subjects,
        ..SubmissionRow::bare(&first.lead_id, id, State::Duplicate, moment.now_ms, until_ms)
    };
    let mut writes = post.make_room(&admit.submission_id);
    writes.extend([row.write(post.bucket()), post.count(State::Duplicate)]);
    // By its address it is found with the other one.
    let current = admit.fingerprints.iter().filter(|print| print.current);
    for print in current.filter(|print| print.kind != IdentifierKind::Email) {
        let sql = "INSERT INTO request (tag, submission_id, lead_id, campaign, mails, mailed_ms, expires_ms)
                   VALUES (?, ?, ?, ?, 0, 0, ?) ON CONFLICT DO NOTHING";
        let args = [
            (&print.tag).into(),
            id.into(),
            (&first.lead_id).into(),
            (&post.campaign.id).into(),
            until_ms.into(),
        ];
        writes.push(write(sql, args));
    }
    writes.extend(remember(admit, moment.now_ms));
    parts.db.write_all(&writes)?;
    Ok(logged(admit, "duplicate", json!({ "because": "asked" })))
}

/// Lets the request of this submission go out, once more.
pub(in crate::ledger) fn mail_again<'a>(
    lead_id: &'a str,
    admit: &'a Admit,
    campaign: &'a Campaign,
    moment: &Moment,
) -> Vec<Write<'a>> {
    let Some(destination) = asking(campaign) else { return Vec::new() };
    let receiver = receiver_of(destination);
    let notice = json!({ "submission_id": admit.submission_id });
    let sql = "UPDATE request SET mails = mails + 1, mailed_ms = ? WHERE tag IN (SELECT value
                 FROM json_each(?)) AND submission_id = ?";
    let tags = json!(email_tags(admit).collect::<Vec<_>>()).to_string();
    let count = write(sql, [moment.now_ms.into(), tags.into(), (&admit.submission_id).into()]);
    let to = (campaign.id.as_str(), destination.name.as_str(), receiver.as_str());
    vec![count, notice_row(lead_id, to, REQUESTED, &notice, 0, moment)]
}

pub(in crate::ledger) fn note_mail<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    mailed: bool,
    moment: &Moment,
) {
    if let (true, Some(destination)) = (mailed, asking(campaign)) {
        parts.outbox.note_mail(&receiver_of(destination), moment.now_ms);
    }
}

/// The owner of an address says that it was not them: they are not asked for a while.
pub(in crate::ledger) fn refuse_request(admit: &Admit, moment: &Moment) -> Write<'static> {
    let sql = "UPDATE request SET refused_ms = ?1, expires_ms = ?2
               WHERE submission_id = ?3 AND tag IN (SELECT value FROM json_each(?4))";
    let tags: Vec<String> = admit.fingerprints.iter().map(|print| print.tag.clone()).collect();
    let until_ms = moment.now_ms + REFUSED_MS;
    write(sql, [moment.now_ms.into(), until_ms.into(), admit.submission_id.clone().into(), list(&tags)])
}

/// What a request was about, as long as it waits.
pub(in crate::ledger) fn requested<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
) -> Result<Option<(Admit, Prior)>, Fault> {
    let sql = "SELECT payload, campaign, hour, source, milestone, format, json_extract(subjects, '$[0]')
               FROM submission WHERE lead_id = ? AND submission_id = ? AND state = 'unconfirmed'";
    let Some(mut row) = parts.db.row(sql, &[lead_id.into(), submission_id.into()])? else {
        return Ok(None);
    };
    let payload = row.sealed(0).ok_or_else(|| Fault::new("a request's payload is gone"))?;
    let admit = parts.vault.open_sealed(&payload, &payload_context(lead_id, submission_id))?;
    let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
    let (lead_id, milestone, format) = (lead_id.to_owned(), Milestone::of(row.int(4)?), row.int(5)?);
    let (subject, state) = (row.optional_text(6), State::Unconfirmed);
    let prior = Prior { lead_id, state, bucket, is_lead: false, milestone, format, subject };
    Ok(Some((admit, prior)))
}

/// The owner of the address confirms a submission.
pub(in crate::ledger) fn confirm<S: Store>(
    parts: &Parts<S>,
    request: &Confirm,
    moment: &Moment,
) -> Result<Option<Forgotten>, Fault> {
    let Confirm { campaign: of_campaign, lead_id, submission_id } = request.clone();
    let done = |tags: &[String]| Ok(Some(Forgotten { fingerprints: tags.to_vec() }));
    let Some((mut admit, prior)) = requested(parts, &lead_id, &submission_id)? else {
        let now = parts.consents.lead_now(&lead_id)?;
        let sql = "SELECT 1 FROM submission WHERE lead_id = ? AND submission_id = ? AND campaign = ?
                   AND (act IS NOT NULL OR stands_by IS NOT NULL)
                   AND state NOT IN ('withdrawn', 'expired')";
        let place = [(&now).into(), (&submission_id).into(), (&of_campaign).into()];
        let confirmed = parts.db.row(sql, &place)?;
        // A second click is no mistake.
        return if confirmed.is_some() { done(&[]) } else { Ok(None) };
    };
    // A link of before they were bound to one.
    if admit.campaign != of_campaign {
        return Ok(None);
    }
    let stored = admit.stored.take().ok_or_else(|| Fault::new("a request's campaign is gone"))?;
    let campaign = parts.campaigns.parse(&stored)?;
    admit.fingerprints = parts.config.identity.fingerprints_again(&admit.lead.contact, &campaign);
    let tags: Vec<String> = email_tags(&admit).cloned().collect();
    let sql = "SELECT lead_id, submission_id FROM request
               WHERE tag IN (SELECT value FROM json_each(?)) AND campaign = ? AND expires_ms > ?";
    let args = [json!(tags).to_string().into(), (&admit.campaign).into(), moment.now_ms.into()];
    let (mut waits, mut others) = (false, Vec::new());
    for mut row in parts.db.rows(sql, &args)? {
        let (other, of) = (row.text(0)?, row.text(1)?);
        if of == submission_id {
            waits = true;
        } else if let Some((_, prior)) = requested(parts, &other, &of)? {
            others.push((other, of, prior.bucket));
        }
    }
    // Its time has passed, and only the alarm has not come yet.
    if !waits {
        return Ok(None);
    }

    let mut beside = vec![stop_asking(&lead_id, moment)];
    let sql = "UPDATE request SET confirmed_ms = ? WHERE tag IN (SELECT value FROM json_each(?))
               AND campaign = ?";
    let of = [moment.now_ms.into(), json!(tags).to_string().into(), admit.campaign.clone().into()];
    beside.push(write(sql, of));
    // By its other identifiers the lead is found from now on.
    let others_of_it: Vec<String> =
        admit.fingerprints.iter().map(|print| print.tag.clone()).filter(|tag| !tags.contains(tag)).collect();
    let sql = "DELETE FROM request WHERE tag IN (SELECT value FROM json_each(?)) AND submission_id = ?";
    beside.push(write(sql, [list(&others_of_it), admit.submission_id.clone().into()]));
    beside.extend(lift(&admit.list_tags));
    for (other, of, bucket) in &others {
        beside.extend(ended(other, of, bucket, State::Unconfirmed, State::Duplicate));
        beside.push(stop_asking(other, moment));
    }
    let list_tags = admit.list_tags.clone();
    let beside: Vec<Write<'static>> = beside.into_iter().map(owned).collect();
    let post = Post { campaign: &campaign, bucket: prior.bucket.clone(), prior: Some(prior) };
    admit_confirmed(parts, &mut admit, &post, beside, moment)?;
    if !list_tags.is_empty() {
        parts.presence.learn_lists(&parts.db)?;
    }
    parts.outbox.learn_what_is_due()?;
    done(&tags)
}

/// Ends the requests whose time has passed.
pub(in crate::ledger) fn expire_requests<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    if !parts.schedule.has_expired(moment.now_ms) {
        return Ok(());
    }
    let sql = "SELECT tag, submission_id, lead_id FROM request WHERE expires_ms <= ?
               ORDER BY expires_ms LIMIT ?";
    let due = parts.db.rows(sql, &[moment.now_ms.into(), crate::ledger::retention::CHUNK_ROWS.into()])?;
    let mut expired = Vec::new();
    for mut row in due {
        expired.push((row.text(0)?, row.text(1)?, row.text(2)?));
    }
    parts.db.atomically(&mut || {
        for (tag, submission_id, lead_id) in &expired {
            let place = [Arg::from(lead_id), submission_id.into()];
            let sql = format!(
                "SELECT {} FROM submission WHERE lead_id = ? AND submission_id = ? AND state = 'unconfirmed'",
                Ledgered::COLUMNS
            );
            let asked = parts.db.row(&sql, &place)?;
            // With it goes what came beside it and was never agreed to, for nothing leads to that any more.
            let sql = "DELETE FROM submission WHERE lead_id = ?1 AND consent = '' AND stands_by IS NULL
                         AND (submission_id = ?2 AND state = 'unconfirmed'
                           OR state = 'duplicate' AND known_until_ms <= ?3)";
            let [lead, submission] = place.clone();
            parts.db.run(sql, &[lead, submission, moment.now_ms.into()])?;
            if let Some(mut row) = asked {
                let one = parts.consents.ledgered(lead_id, &mut row)?;
                for write in ended(lead_id, submission_id, &one.bucket, one.state, State::Expired) {
                    parts.db.write(&write)?;
                }
                parts.db.write(&stop_asking(lead_id, moment))?;
                let (from, to) = delivery_range(lead_id);
                let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?
                           AND NOT EXISTS (SELECT 1 FROM submission WHERE lead_id = ?)";
                parts.db.run(sql, &[(&from).into(), (&to).into(), lead_id.into()])?;
            }
            let key = [tag.into(), submission_id.into()];
            parts.db.run("DELETE FROM request WHERE tag = ? AND submission_id = ?", &key)?;
        }
        Ok(())
    })?;
    if !expired.is_empty() {
        parts.outbox.learn_what_is_due()?;
    }
    parts.schedule.learn_expiry(&parts.db)
}

/// Where a campaign's requests go.
fn asking(campaign: &Campaign) -> Option<&crate::campaign::Destination> {
    campaign.double_opt_in.as_ref().and_then(|how| campaign.destination(&how.destination))
}

/// The fingerprints of the post's address, the current pepper's first.
pub(in crate::ledger) fn email_tags(admit: &Admit) -> impl Iterator<Item = &String> {
    let prints = admit.fingerprints.iter().filter(|print| print.kind == IdentifierKind::Email);
    prints.map(|print| &print.tag)
}

/// Whose a post is.
fn subjects_of(admit: &Admit) -> Vec<String> {
    admit.fingerprints.iter().filter(|print| print.current).map(|print| subject(&print.tag)).collect()
}

/// A request that has been answered need not go out.
pub(in crate::ledger) fn stop_asking(lead_id: &str, moment: &Moment) -> Write<'static> {
    let (from, to) = delivery_range(lead_id);
    let sql = "UPDATE delivery SET state = 'withdrawn', settled_ms = ?, reason = 'answered'
               WHERE delivery_id >= ? AND delivery_id < ? AND event = ? AND state IN ('pending', 'paused')";
    write(sql, [moment.now_ms.into(), from.into(), to.into(), REQUESTED.into()])
}
