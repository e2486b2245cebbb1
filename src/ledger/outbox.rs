//! The requests of what was claimed, what became of them, and what follows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Value, json};

use super::admit::Prior;
use super::at_once::without_entry;
use super::claim::Claim;
use super::consents::{ActRow, IS_ALONE, Open, SealedRow};
use super::double_opt_in::{REQUEST_MS, email_tags};
use super::engagement::ENGAGED;
use super::milestone::{Milestone, Steps};
use super::rows::{Of, delivery_range_of, is_delivery_of_submission};
use super::state::Bucket;
use super::store::{Store, Write, write};
use super::withdrawal::EVERY_PURPOSE;
use super::{Ledger, State};
use crate::campaign::{AUTHORIZATION, Campaign, Channel, Destination, EmailApi, Withheld};
use crate::consent::compact;
use crate::deliver::{self, Event, Next, Outcome, SigningSecret};
use crate::fault::Fault;
use crate::lead::{Link, subject};
use crate::moment::{Moment, rfc3339};

/// The event that asks the owner of an address to confirm.
pub(super) const REQUESTED: &str = "confirmation.requested";

/// Attempts listed with a delivery: every one of a schedule, and those of a replay.
const MAX_ATTEMPTS_LISTED: usize = 20;

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

/// An attempt that is over.
pub struct Attempt<'a> {
    /// Of which claim.
    pub claim: &'a Claim,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// How long it took; milliseconds.
    pub took_ms: i64,
}

impl Attempt<'_> {
    fn next(&self, development: bool, moment: &Moment) -> Next {
        let attempt = usize::try_from(self.claim.attempt_count + 1).unwrap_or(usize::MAX);
        let Claim { delivery_id, created_ms, .. } = self.claim;
        deliver::next(self.outcome, attempt, delivery_id, *created_ms, development, moment)
    }

    /// As it is listed with its delivery.
    fn listed(&self, now_ms: i64) -> Value {
        json!({
            "attempt": self.claim.attempt_count + 1, "at": rfc3339(now_ms), "outcome": self.outcome.name(),
            "ms": self.took_ms,
        })
    }
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

impl<S: Store> Ledger<S> {
    /// Opens what a claim sends, and says what is to be signed first.
    ///
    /// # Errors
    /// What keeps it from being sent, to be settled as the attempt's outcome.
    pub fn prepare(&self, claim: &Claim) -> Result<Prepared, Outcome> {
        if claim.notice.is_some() {
            return Ok(Prepared { open: None, unsigned: Vec::new() });
        }
        let open = self.open_of(claim).map_err(|_| Outcome::Unreadable)?;
        let whose = (claim.lead_id.as_str(), open.subject.as_str());
        let input = |receipt| self.receipt_input(receipt, whose);
        let unsigned = open.receipts.iter().filter_map(input).collect();
        Ok(Prepared { open: Some(open), unsigned })
    }

    /// The signed request of a claim. Address and secret are those of now, so that a correction
    /// heals what waits. `receipts` are what was to be signed, each with its signature.
    ///
    /// # Errors
    /// What keeps it from being sent, to be settled as the attempt's outcome.
    pub fn dispatch(
        &self,
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
        if !destination.refusals(self.own.as_ref(), self.development).is_empty() {
            return Err(Outcome::DestinationRefused);
        }
        let secret = secret(&destination.secret).ok_or(Outcome::SecretMissing)?;
        let asked = match claim.event == REQUESTED {
            true => Some(self.asked(claim, campaign)?),
            false => None,
        };
        let body = match (&destination.channel, asked) {
            (Channel::Email(api), Some(asked)) => {
                self.may_send(campaign, destination, &secret)?;
                return mail(claim, destination, api, &secret, &asked);
            }
            (Channel::Email(_), None) => return Err(Outcome::DestinationRemoved),
            (Channel::Webhook, Some(asked)) => deliver::notice(
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
                    let allowed = || self.consents_to(&claim.lead_id, whose, &destination.needs);
                    if claim.event == ENGAGED && !allowed().map_err(|_| Outcome::Unreadable)? {
                        return Err(Outcome::ConsentMissing);
                    }
                    deliver::notice(&claim.event, claim.created_ms, &data)
                }
                None => {
                    let open = prepared.open.as_ref().ok_or(Outcome::Unreadable)?;
                    self.lead_body(claim, open, destination, receipts)?
                }
            },
        };
        let secret = SigningSecret::parse(&secret).ok_or(Outcome::SecretMissing)?;
        let timestamp_s = moment.now_ms / 1_000;
        let signature = deliver::sign(&secret, &claim.delivery_id, timestamp_s, &body);
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
    fn may_send(&self, campaign: &Campaign, to: &Destination, secret: &str) -> Result<(), Outcome> {
        let judged = self.secret_hosts.judge(&to.secret, secret, to.host(), self.development);
        judged.map_err(|withheld| match withheld {
            Withheld::Signs => Outcome::SecretSigns,
            Withheld::Unbound | Withheld::Elsewhere => Outcome::SecretUnbound,
        })?;
        if campaign.signs_with(&to.secret)
            || self.signs_elsewhere(campaign, &to.secret).map_err(|_| Outcome::Unreadable)?
        {
            return Err(Outcome::SecretSigns);
        }
        Ok(())
    }

    /// Whether another campaign of the ledger signs with that secret, by its last copy.
    fn signs_elsewhere(&self, campaign: &Campaign, secret: &str) -> Result<bool, Fault> {
        let mut signing = self.signing.borrow_mut();
        if signing.is_none() {
            let sql = "SELECT DISTINCT c.id, json_extract(d.value, '$.secret')
                       FROM campaign c, json_each(c.stored, '$.campaign.destination') d
                       WHERE coalesce(json_extract(d.value, '$.kind'), 'webhook') = 'webhook'";
            let rows = self.store.rows(sql, &[])?.into_iter();
            *signing =
                Some(rows.map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_, Fault>>()?);
        }
        let signs = |(id, name): &(String, String)| *id != campaign.id && name == secret;
        Ok(signing.iter().flatten().any(signs))
    }

    /// The event of a lead, with its receipts in their place.
    fn lead_body(
        &self,
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
                record.withdraw_url = self.withdraw_url(receipt, (&claim.lead_id, &open.subject));
                record.receipt = signed.get(at).map(|(input, signature)| compact(input, signature));
            }
        }
        Ok(deliver::body(&Event {
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
    fn asked(&self, claim: &Claim, campaign: &Campaign) -> Result<Asked, Outcome> {
        let how = campaign.double_opt_in.as_ref().ok_or(Outcome::DestinationRemoved)?;
        let url = self.public_url.as_ref().ok_or(Outcome::PublicUrlMissing)?;
        let notice: Value =
            serde_json::from_str(claim.notice.as_deref().unwrap_or_default()).unwrap_or_default();
        let submission_id = notice.get("submission_id").and_then(Value::as_str).unwrap_or_default();
        let request = self.requested(&claim.lead_id, submission_id).map_err(|_| Outcome::Unreadable)?;
        let (admit, _) = request.ok_or(Outcome::ConsentMissing)?;
        let parts = [claim.lead_id.as_str(), submission_id];
        let token = self.identity.link(Link::Confirm, Some(&campaign.id), None, &parts);
        let confirm_url = format!("{url}/confirm/{}/{token}", campaign.id);
        let whose = email_tags(&admit).next().map(|tag| subject(tag)).unwrap_or_default();
        let whose = (claim.lead_id.as_str(), whose.as_str());
        let withdraw_url = self.withdraw_link(&campaign.id, None, whose, EVERY_PURPOSE).unwrap_or_default();
        Ok(Asked {
            to: admit.lead.contact.email.unwrap_or_default(),
            subject: how.subject(campaign),
            text: how.text(&confirm_url, &withdraw_url, campaign),
            confirm_url,
            withdraw_url,
            expires_ms: admit.lead.submitted_at_ms + REQUEST_MS,
        })
    }

    fn open_of(&self, claim: &Claim) -> Result<Rc<Open>, Fault> {
        if let Some(open) = self.open.borrow().find(&claim.lead_id, &claim.submission_id) {
            return Ok(open);
        }
        // Nearly everybody has one act, which lies beside the payload.
        let sql = format!(
            "SELECT payload, consent, {IS_ALONE}, act, consent, subjects
             FROM submission s WHERE lead_id = ? AND submission_id = ?"
        );
        let row = self.store.row(&sql, &[(&claim.lead_id).into(), (&claim.submission_id).into()])?;
        let mut row = row.ok_or_else(|| Fault::new("a delivery's submission is gone"))?;
        let payload = row.sealed(0).ok_or_else(|| Fault::new("a delivery's payload is gone"))?;
        let consent = row.sealed(1);
        let is_alone = row.int(2)? == 1;
        let own = ActRow::read(&mut row, 3).ok();
        let (lead_id, submission_id) = (claim.lead_id.as_str(), claim.submission_id.as_str());
        let (payload, consent) = (&payload, consent.as_ref());
        let row = SealedRow { lead_id, submission_id, payload, consent, own, is_alone };
        self.open_row(row).map(|(_, open)| Rc::new(open))
    }

    /// Writes what became of attempts, and what follows. Gives of each, in their order, the event for the log, or
    /// why it could not be written: then the delivery is due again. Those that have arrived are written together.
    pub fn settle(&self, attempts: &[Attempt<'_>], moment: &Moment) -> Vec<Result<Value, Fault>> {
        let mut lanes = self.lanes.borrow_mut();
        for one in attempts {
            lanes.release(one.claim, one.outcome, one.took_ms, false);
            lanes.land(&one.claim.delivery_id);
        }
        drop(lanes);
        let nexts: Vec<Next> = attempts.iter().map(|one| one.next(self.development, moment)).collect();
        let all = attempts.iter().zip(&nexts).filter(|(_, next)| **next == Next::Delivered);
        let mut arrived: Vec<&Attempt<'_>> = all.map(|(one, _)| one).collect();
        arrived.sort_by_key(|one| &one.claim.delivery_id);
        arrived.dedup_by_key(|one| &one.claim.delivery_id);
        // Where that fails each is written by itself, and says why it is not.
        let mut written = self.write_arrived(&arrived, moment.now_ms).unwrap_or_default();
        let events = attempts.iter().zip(nexts).map(|(one, next)| {
            // One that is there twice is written once.
            self.settled(one, next, written.remove(&one.claim.delivery_id), moment)
        });
        events.collect()
    }

    /// Writes what became of an attempt, unless that it has arrived is written, and notes what follows.
    fn settled(
        &self,
        one: &Attempt<'_>,
        next: Next,
        is_written: bool,
        moment: &Moment,
    ) -> Result<Value, Fault> {
        let Attempt { claim, outcome, took_ms } = *one;
        let (state, due_ms) = match next {
            Next::Delivered => ("delivered", moment.now_ms),
            Next::At(due_ms) => ("pending", due_ms),
            Next::Disable => ("paused", moment.now_ms),
            Next::Dead => ("dead", moment.now_ms),
        };
        let written = match is_written {
            true => Ok(state),
            false => self.write_outcome(one, state, due_ms, moment.now_ms),
        };
        match &written {
            Ok(_) => self.at_once.borrow_mut().forget(&claim.delivery_id),
            // Its row may have no entry.
            Err(_) => self.at_once.borrow_mut().lose(),
        }
        if written.as_ref().map_or(true, |state| *state == "pending") {
            self.note_due(&claim.receiver, due_ms);
        }
        self.open.borrow_mut().forget_submission(&claim.lead_id, &claim.submission_id);
        Ok(json!({
            "event": "delivery", "outcome": outcome.name(), "state": written?, "campaign": claim.campaign,
            "destination": claim.destination, "delivery_id": claim.delivery_id,
            "lead_id": claim.lead_id, "attempt": claim.attempt_count + 1, "ms": took_ms,
        }))
    }

    /// Writes that deliveries have arrived, where each is the only one of its submission, and that waits for it:
    /// what nearly always happens. However many they are, it is three statements, and one for each counter. Gives
    /// the ids of those.
    fn write_arrived(&self, all: &[&Attempt<'_>], now_ms: i64) -> Result<BTreeSet<String>, Fault> {
        let mut written = BTreeSet::new();
        if all.is_empty() {
            return Ok(written);
        }
        let ids: Vec<_> = all.iter().map(|one| &one.claim.delivery_id).collect();
        let sql = format!(
            "SELECT d.delivery_id, s.campaign, s.hour, s.source, s.milestone FROM json_each(?) one
             CROSS JOIN delivery d ON d.delivery_id = one.value
             CROSS JOIN submission s ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
             WHERE d.state NOT IN ('delivered', 'withdrawn') AND s.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM delivery other WHERE {} AND other.delivery_id <> d.delivery_id)",
            is_delivery_of_submission("other", "d")
        );
        let mut counts: BTreeMap<Bucket, (i64, i64)> = BTreeMap::new();
        for mut row in self.store.rows(&sql, &[json!(ids).to_string().into()])? {
            written.insert(row.text(0)?);
            let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
            let (leads, arrived) = counts.entry(bucket).or_default();
            *leads += 1;
            *arrived += i64::from(Milestone::of(row.int(4)?) == Milestone::Qualified);
        }
        if written.is_empty() {
            return Ok(written);
        }
        let rows = all.iter().filter(|one| written.contains(&one.claim.delivery_id));
        let rows: Vec<_> = rows
            .map(|one| (&one.claim.delivery_id, one.claim.attempt_count + 1, one.listed(now_ms)))
            .collect();
        let rows = json!(rows).to_string();
        let counts = counts.iter();
        let mut writes: Vec<Write<'_>> =
            counts.map(|(bucket, (leads, arrived))| bucket.deliver(*leads, *arrived)).collect();
        let submission = "UPDATE submission SET state = 'delivered', payload = NULL,
                            milestone = CASE milestone WHEN ?2 THEN ?3 ELSE milestone END
                          WHERE (lead_id, submission_id) IN (SELECT d.lead_id, d.submission_id
                            FROM json_each(?1) one
                            CROSS JOIN delivery d ON d.delivery_id = json_extract(one.value, '$[0]'))";
        let [before, after] = [Milestone::Qualified, Milestone::Arrived].map(Milestone::number);
        writes.push(write(submission, [(&rows).into(), before.into(), after.into()]));
        let delivery = "UPDATE delivery SET state = 'delivered', due_ms = ?2, settled_ms = ?2, reason = NULL,
                          attempt_count = json_extract(one.value, '$[1]'),
                          attempts = json_insert(attempts, '$[#]', json_extract(one.value, '$[2]'))
                        FROM json_each(?1) one
                        WHERE delivery.delivery_id = json_extract(one.value, '$[0]')";
        writes.push(write(delivery, [(&rows).into(), now_ms.into()]));
        self.store.write_all(&writes)?;
        Ok(written)
    }

    /// Writes what became of a claim; the state that was written.
    fn write_outcome(
        &self,
        one: &Attempt<'_>,
        state: &'static str,
        due_ms: i64,
        now_ms: i64,
    ) -> Result<&'static str, Fault> {
        let Attempt { claim, outcome, .. } = *one;
        let sql = "SELECT d.state, d.attempts, s.state, s.campaign, s.hour, s.source, s.milestone,
                     (SELECT group_concat(o.state) FROM delivery o WHERE o.delivery_id >= ?2
                        AND o.delivery_id < ?3 AND o.submission_id = d.submission_id
                        AND o.delivery_id <> d.delivery_id)
                   FROM delivery d LEFT JOIN submission s
                     ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
                   WHERE d.delivery_id = ?1";
        let (lead_id, submission_id) = (claim.lead_id.as_str(), claim.submission_id.as_str());
        let (from, to) =
            delivery_range_of(Of { submission_id, format: claim.format, ..Of::nothing(lead_id) });
        let Some(mut row) = self.store.row(sql, &[(&claim.delivery_id).into(), from.into(), to.into()])?
        else {
            // Retention has ended the lead.
            return Ok(state);
        };
        let before = row.text(0)?;
        // Where its time had run out, a later attempt may have delivered it: that stands. What was
        // stopped on its way stays stopped: whoever may have it has been told.
        if before == "delivered" {
            return Ok("delivered");
        }
        if before == "withdrawn" {
            return Ok("withdrawn");
        }
        // Another delivery's 410 may have paused this one while it was on its way.
        let state = if before == "paused" && state == "pending" { "paused" } else { state };
        let mut attempts: Vec<Value> = serde_json::from_str(&row.text(1)?).unwrap_or_default();
        attempts.push(one.listed(now_ms));
        let too_many = attempts.len().saturating_sub(MAX_ATTEMPTS_LISTED);
        attempts.drain(..too_many);
        let sql = "UPDATE delivery SET state = ?, due_ms = ?, attempt_count = ?, attempts = ?, reason = ?,
                     settled_ms = ? WHERE delivery_id = ?";
        let reason = (state != "delivered").then(|| outcome.name());
        let args = [
            state.into(),
            due_ms.into(),
            (claim.attempt_count + 1).into(),
            Value::Array(attempts).to_string().into(),
            reason.as_deref().into(),
            (state != "pending").then_some(now_ms).into(),
            (&claim.delivery_id).into(),
        ];
        let mut writes = vec![write(sql, args)];
        if matches!(outcome, Outcome::Answered { status: 410, .. }) {
            let place = || [(&claim.campaign).into(), (&claim.destination).into(), now_ms.into()];
            let sql = "INSERT INTO disabled (campaign, destination, at_ms) VALUES (?, ?, ?)
                       ON CONFLICT DO NOTHING";
            writes.push(write(sql, place()));
            let sql = "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
                       WHERE campaign = ?1 AND destination = ?2 AND state = 'pending' AND due_ms > 0";
            writes.push(write(sql, place()));
            let sql = format!(
                "UPDATE delivery SET state = 'paused', settled_ms = ?3, reason = 'status 410'
                 WHERE campaign = ?1 AND destination = ?2 AND {}",
                without_entry("?4")
            );
            writes.push(write(sql, [&place()[..], &[self.mark().into()]].concat()));
        }
        let bucket;
        if let Some(before) = row.optional_text(2) {
            bucket = Bucket { campaign: row.text(3)?, hour: row.int(4)?, source: row.text(5)? };
            let milestone = Milestone::of(row.int(6)?);
            let others = row.optional_text(7).unwrap_or_default();
            let states = others.split(',').filter(|state| !state.is_empty()).chain([state]);
            let place = [claim.lead_id.as_str(), &claim.submission_id];
            writes.extend(follow_deliveries(place, (&before, milestone), &bucket, states)?);
        }
        self.store.write_all(&writes)?;
        if state == "paused" {
            // Some of what was read ahead may be paused as well.
            self.learn_what_is_due()?;
        }
        Ok(state)
    }

    /// Brings a submission's state in line with its deliveries'.
    pub(super) fn settle_submission(&self, lead_id: &str, submission_id: &str) -> Result<(), Fault> {
        let sql = format!(
            "SELECT state, campaign, hour, source, milestone, (SELECT group_concat(d.state) FROM delivery d
               WHERE {}) FROM submission s WHERE lead_id = ?1 AND submission_id = ?2",
            is_delivery_of_submission("d", "s")
        );
        let args = [lead_id.into(), submission_id.into()];
        let Some(mut row) = self.store.row(&sql, &args)? else {
            return Ok(());
        };
        let before = row.text(0)?;
        let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
        let before = (before.as_str(), Milestone::of(row.int(4)?));
        let states = row.optional_text(5).unwrap_or_default();
        let writes = follow_deliveries([lead_id, submission_id], before, &bucket, states.split(','))?;
        writes.iter().try_for_each(|write| self.store.write(write))
    }

    /// What a submission's deliveries say that its state is; nothing where it has none.
    pub(super) fn state_by_deliveries(
        &self,
        of: &Prior,
        submission_id: &str,
    ) -> Result<Option<State>, Fault> {
        let (lead_id, format) = (of.lead_id.as_str(), of.format);
        let (from, to) = delivery_range_of(Of { submission_id, format, ..Of::nothing(lead_id) });
        let sql = "SELECT group_concat(state) FROM delivery
                   WHERE delivery_id >= ? AND delivery_id < ? AND submission_id = ?";
        let row = self.store.row(sql, &[from.into(), to.into(), submission_id.into()])?;
        let states = row.and_then(|mut row| row.optional_text(0));
        Ok(states.map(|states| state_of(states.split(','))))
    }
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

/// A submission's state by those of its deliveries.
fn state_of<'b>(deliveries: impl Iterator<Item = &'b str> + Clone) -> State {
    let any = |wanted: &[&str]| deliveries.clone().any(|state| wanted.contains(&state));
    match () {
        () if any(&["pending", "paused"]) => State::Pending,
        () if any(&["dead"]) => State::Dead,
        () if any(&["delivered"]) => State::Delivered,
        () if any(&["withdrawn"]) => State::Withdrawn,
        () => State::Expired,
    }
}

/// What a submission's row and its counter need, so that they follow the states of its deliveries.
/// With the last of them settled the payload is erased.
fn follow_deliveries<'a, 'b>(
    place: [&'a str; 2],
    (before, milestone): (&str, Milestone),
    bucket: &'a Bucket,
    mut deliveries: impl Iterator<Item = &'b str> + Clone,
) -> Result<Vec<Write<'a>>, Fault> {
    let before = State::parse(before).ok_or_else(|| Fault::new("a state is not known"))?;
    let state = state_of(deliveries.clone());
    if state == before {
        return Ok(Vec::new());
    }
    let sql = if matches!(state, State::Pending | State::Dead) {
        "UPDATE submission SET state = ?, milestone = ? WHERE lead_id = ? AND submission_id = ?"
    } else {
        "UPDATE submission SET state = ?, milestone = ?, payload = NULL WHERE lead_id = ? AND submission_id = ?"
    };
    // Where one has expired or was withdrawn, not every destination has confirmed it.
    let (steps, milestone) = match deliveries.all(|state| state == "delivered") {
        true => Steps::delivered(milestone),
        false => (Steps::NONE, milestone),
    };
    let [lead_id, submission_id] = place;
    let args = [state.as_str().into(), milestone.number().into(), lead_id.into(), submission_id.into()];
    Ok(vec![write(sql, args), bucket.transfer(before, state, steps)])
}
