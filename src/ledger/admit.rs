//! Someone posts: who is it, what happens, and all of it written in one step.

use std::collections::BTreeSet;

use serde_json::json;

use super::message::{Admit, Answer, Tally};
use super::schema::ROW_FORMAT;
use super::state::Bucket;
use super::store::{Arg, Store, write};
use super::{Answered, Ledger, Payload, State, consent_place, payload_place, serialised};
use crate::campaign::{Campaign, Destination, IdentifierKind, OnRepeat};
use crate::fault::Fault;
use crate::hash::sha256_hex;
use crate::lead::{Lead, recognising};
use crate::moment::{HOUR_MS, Moment, hour_of};
use crate::qualify::{self, Decision, Score};

/// How long an idempotency key is remembered. Clients that retry do so within minutes; a day
/// covers one that was offline.
const IDEMPOTENCY_MS: i64 = 24 * HOUR_MS;
/// Sources counted by name in one campaign's hour; what comes beyond is counted as `other`, so
/// that a visitor who invents sources cannot grow the table.
const MAX_SOURCES: usize = 50;

/// The event of a delivery, as the webhook names it.
const QUALIFIED: &str = "lead.qualified";
const UPDATED: &str = "lead.updated";

/// The sources by which one campaign's hour is counted.
#[derive(Default)]
pub(super) struct Sources {
    hour: i64,
    names: BTreeSet<String>,
}

/// What is to be written of one submission.
struct Plan<'a> {
    lead_id: String,
    state: State,
    /// Why, for the log.
    because: &'static str,
    /// Kept until the last delivery is confirmed, or while held.
    payload: Option<(Lead, Score)>,
    sends: Vec<(&'a Destination, &'static str)>,
    /// The held submission that this one has taken up.
    supersedes: Option<Held>,
}

/// A submission that waits in this campaign for the person to tell more.
struct Held {
    submission_id: String,
    bucket: Bucket,
}

/// A lead that a fingerprint leads to.
struct Match {
    tag: String,
    lead_id: String,
    last_ms: i64,
}

/// A delivery of the lead, of any campaign.
struct Had {
    campaign: String,
    destination: String,
    receiver: String,
    state: String,
}

impl Had {
    /// A delivery that has expired can never arrive: its destination has not had the lead.
    fn counts(&self) -> bool {
        self.state != "expired"
    }
}

/// What a destination is known by across campaigns: its address, as a digest, for an address may
/// hold a token.
fn receiver_of(destination: &Destination) -> String {
    sha256_hex(&destination.url).chars().take(16).collect()
}

impl<S: Store> Ledger<S> {
    /// Judges a lead. Whatever it is, something is written before the answer, so that neither the
    /// answer nor its time tells whether the person is known.
    pub(super) fn admit(&self, admit: &mut Admit, moment: &Moment) -> Result<Answered, Fault> {
        let quiet = |answer| Ok(Answered { answer, log: None });
        let Some(campaign) = self.campaign(&admit.campaign, &admit.revision, admit.stored.as_deref())? else {
            return quiet(Answer::CampaignUnknown);
        };
        let matches = self.living_matches(admit, moment)?;
        let bucket = self.bucket(admit, moment)?;
        if self.key_is_taken(admit, moment)? {
            self.tally(&[Tally {
                campaign: bucket.campaign,
                hour: bucket.hour,
                field: "Idempotency-Key".to_owned(),
                code: "idempotency_key_reused".to_owned(),
                count: 1,
            }])?;
            return quiet(Answer::IdempotencyKeyReused);
        }
        if self.was_admitted(admit, &matches)? {
            self.store.write(&bucket.count_repeat())?;
            let log = json!({
                "event": "decision", "campaign": admit.campaign, "submission_id": admit.submission_id,
                "decision": "repeat",
            });
            return Ok(Answered { answer: Answer::Admitted, log: Some(log) });
        }
        let lead = std::mem::take(&mut admit.lead);
        let consent = serialised(&lead.consent)?;
        let plan = match self.person(admit, &matches) {
            None => judge(&campaign, lead, moment.new_id("lead_")),
            Some(lead_id) => self.judge_known(admit, lead, &campaign, lead_id)?,
        };
        let log = json!({
            "event": "decision", "campaign": admit.campaign, "submission_id": admit.submission_id,
            "decision": plan.state.as_str(),
            "because": plan.because,
            "lead_id": plan.lead_id,
            "deliveries": plan.sends.len(),
        });
        self.write(admit, &consent, &campaign, &bucket, plan, moment)?;
        Ok(Answered { answer: Answer::Admitted, log: Some(log) })
    }

    /// The leads that are known by one of the post's identifiers and whose window has not passed.
    fn living_matches(&self, admit: &Admit, moment: &Moment) -> Result<Vec<Match>, Fault> {
        let prints = recognising(&admit.fingerprints, &admit.by);
        let holes = vec!["?"; prints.len()].join(", ");
        let sql = format!(
            "SELECT f.tag, f.lead_id, max(s.at_ms), max(s.format)
             FROM fingerprint f JOIN submission s ON s.lead_id = f.lead_id
             WHERE f.tag IN ({holes}) GROUP BY f.tag, f.lead_id HAVING max(s.known_until_ms) > ?"
        );
        let mut args: Vec<Arg<'_>> = prints.iter().map(|print| (&print.tag).into()).collect();
        args.push(moment.now_ms.into());
        let mut matches = Vec::new();
        for mut row in self.store.rows(&sql, &args)? {
            if row.int(3)? > ROW_FORMAT {
                return Err(Fault::new("a row of this person is newer than this code"));
            }
            matches.push(Match { tag: row.text(0)?, lead_id: row.text(1)?, last_ms: row.int(2)? });
        }
        Ok(matches)
    }

    /// Whose post it is: where identifiers match two people, the e-mail's; of several leads behind
    /// one identifier, the one that was heard of last.
    fn person(&self, admit: &Admit, matches: &[Match]) -> Option<String> {
        let kind_of = |tag: &str| admit.fingerprints.iter().find(|print| print.tag == tag).map(|p| p.kind);
        let by_email = |found: &&Match| kind_of(&found.tag) == Some(IdentifierKind::Email);
        matches
            .iter()
            .max_by_key(|found| (by_email(found), found.last_ms, std::cmp::Reverse(&found.lead_id)))
            .map(|found| found.lead_id.clone())
    }

    fn was_admitted(&self, admit: &Admit, matches: &[Match]) -> Result<bool, Fault> {
        for found in matches {
            let sql = "SELECT 1 FROM submission WHERE lead_id = ? AND submission_id = ?";
            let args = [(&found.lead_id).into(), (&admit.submission_id).into()];
            if self.store.row(sql, &args)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key_is_taken(&self, admit: &Admit, moment: &Moment) -> Result<bool, Fault> {
        let Some(tag) = &admit.idempotency_tag else {
            return Ok(false);
        };
        let sql = "SELECT submission_id FROM idempotency WHERE tag = ? AND expires_ms > ?";
        let row = self.store.row(sql, &[tag.into(), moment.now_ms.into()])?;
        row.map_or(Ok(false), |mut row| Ok(row.text(0)? != admit.submission_id))
    }

    fn bucket(&self, admit: &Admit, moment: &Moment) -> Result<Bucket, Fault> {
        let hour = hour_of(moment.now_ms);
        let mut all = self.sources.borrow_mut();
        let known = all.entry(admit.campaign.clone()).or_default();
        if known.hour != hour {
            let sql = "SELECT source FROM counter WHERE campaign = ? AND hour = ?";
            let mut names = BTreeSet::new();
            for mut row in self.store.rows(sql, &[(&admit.campaign).into(), hour.into()])? {
                names.insert(row.text(0)?);
            }
            *known = Sources { hour, names };
        }
        let has_room = known.names.iter().filter(|name| *name != "other").count() < MAX_SOURCES;
        let named = has_room || known.names.contains(&admit.source);
        let source = if named { &admit.source } else { "other" };
        if !known.names.contains(source) {
            known.names.insert(source.to_owned());
        }
        Ok(Bucket { campaign: admit.campaign.clone(), hour, source: source.to_owned() })
    }

    /// Someone who is known: by this campaign, or by another one of the ledger.
    fn judge_known<'a>(
        &self,
        admit: &Admit,
        lead: Lead,
        campaign: &'a Campaign,
        lead_id: String,
    ) -> Result<Plan<'a>, Fault> {
        let had = self.deliveries_of(&lead_id)?;
        if had.iter().any(|had| had.campaign == campaign.id) {
            return Ok(judge_followed_up(campaign, lead, lead_id, &had));
        }
        if let Some((held, payload)) = self.held(admit, &lead_id)? {
            let merged = payload.lead.merged_with_newer(lead, campaign);
            let plan = judge(campaign, merged, lead_id);
            return Ok(Plan { supersedes: Some(held), ..mark_known_elsewhere(plan, &had) });
        }
        Ok(mark_known_elsewhere(judge(campaign, lead, lead_id), &had))
    }

    fn deliveries_of(&self, lead_id: &str) -> Result<Vec<Had>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = "SELECT campaign, destination, receiver, state
                   FROM delivery WHERE delivery_id >= ? AND delivery_id < ?";
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, &[(&from).into(), (&to).into()])? {
            all.push(Had {
                campaign: row.text(0)?,
                destination: row.text(1)?,
                receiver: row.text(2)?,
                state: row.text(3)?,
            });
        }
        Ok(all)
    }

    /// The newest held submission of this very person in this campaign. One whose payload no living
    /// key opens stays as it is: there is nothing left to merge.
    fn held(&self, admit: &Admit, lead_id: &str) -> Result<Option<(Held, Payload)>, Fault> {
        let sql = "SELECT submission_id, hour, source, payload, consent FROM submission
                   WHERE lead_id = ? AND campaign = ? AND state = 'held' ORDER BY at_ms DESC";
        for mut row in self.store.rows(sql, &[lead_id.into(), (&admit.campaign).into()])? {
            let submission_id = row.text(0)?;
            let bucket = Bucket { campaign: admit.campaign.clone(), hour: row.int(1)?, source: row.text(2)? };
            let (payload, consent) = (row.optional_text(3), row.optional_text(4));
            let payload = payload.and_then(|payload| {
                self.open_payload(&payload, consent.as_deref(), lead_id, &submission_id).ok()
            });
            if let Some(payload) = payload
                && admit.fingerprints.iter().any(|print| print.tag == payload.first)
            {
                return Ok(Some((Held { submission_id, bucket }, payload)));
            }
        }
        Ok(None)
    }

    fn write(
        &self,
        admit: &Admit,
        consent: &[u8],
        campaign: &Campaign,
        bucket: &Bucket,
        plan: Plan<'_>,
        moment: &Moment,
    ) -> Result<(), Fault> {
        let Plan { lead_id, state, payload, sends, supersedes, .. } = plan;
        let consent = self.seal(consent, &consent_place(&lead_id, &admit.submission_id), moment)?;
        let first = recognising(&admit.fingerprints, &admit.by).first().map(|print| print.tag.clone());
        let mut payload =
            payload.map(|(lead, score)| Payload { lead, score, first: first.unwrap_or_default() });
        let sealed = payload.as_mut().map(|payload| {
            // A lead that was merged has consents of both posts; else they are those beside it.
            let mut beside = Vec::new();
            if supersedes.is_none() {
                std::mem::swap(&mut payload.lead.consent, &mut beside);
            }
            let plain = serialised(payload)?;
            if supersedes.is_none() {
                payload.lead.consent = beside;
            }
            self.seal(&plain, &payload_place(&lead_id, &admit.submission_id), moment)
        });
        let sealed = sealed.transpose()?;
        let now = moment.now_ms;

        let mut writes = Vec::new();
        let tags: Vec<_> = admit.fingerprints.iter().filter(|print| print.current).map(|p| &p.tag).collect();
        if !tags.is_empty() {
            let holes = vec!["(?, ?)"; tags.len()].join(", ");
            let sql = format!("INSERT INTO fingerprint (tag, lead_id) VALUES {holes} ON CONFLICT DO NOTHING");
            let pairs: Vec<_> = tags.into_iter().flat_map(|tag| [tag.into(), (&lead_id).into()]).collect();
            writes.push(write(sql, pairs));
        }
        let sql = "INSERT INTO submission (lead_id, submission_id, format, campaign, source, hour, state,
                     at_ms, known_until_ms, payload, consent)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let args = [
            (&lead_id).into(),
            (&admit.submission_id).into(),
            ROW_FORMAT.into(),
            (&bucket.campaign).into(),
            (&bucket.source).into(),
            bucket.hour.into(),
            state.as_str().into(),
            now.into(),
            (now + campaign.dedupe.window_ms).into(),
            sealed.as_deref().into(),
            (&consent).into(),
        ];
        writes.push(write(sql, args));
        writes.push(bucket.count(state));
        let receivers: Vec<_> = sends.iter().map(|(destination, _)| receiver_of(destination)).collect();
        for (at, ((destination, event), receiver)) in sends.iter().zip(&receivers).enumerate() {
            let id = format!("{}{}", delivery_prefix(&lead_id), hex(moment.random::<4>("delivery", at)));
            let sql = "INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign,
                         destination, receiver, event, state, due_ms, created_ms)
                       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CASE WHEN EXISTS (SELECT 1 FROM disabled
                         WHERE campaign = ?5 AND destination = ?6) THEN 'paused' ELSE 'pending' END, ?9, ?9";
            let args = [
                id.into(),
                ROW_FORMAT.into(),
                (&lead_id).into(),
                (&admit.submission_id).into(),
                (&campaign.id).into(),
                (&destination.name).into(),
                receiver.into(),
                (*event).into(),
                now.into(),
            ];
            writes.push(write(sql, args));
        }
        if let Some(held) = &supersedes {
            let sql = "UPDATE submission SET state = 'duplicate', payload = NULL
                       WHERE lead_id = ? AND submission_id = ?";
            writes.push(write(sql, [(&lead_id).into(), (&held.submission_id).into()]));
            writes.push(held.bucket.transfer(State::Held, State::Duplicate));
        }
        if let Some(tag) = &admit.idempotency_tag {
            let sql = "INSERT INTO idempotency (tag, submission_id, expires_ms) VALUES (?, ?, ?)
                       ON CONFLICT (tag) DO UPDATE SET
                         submission_id = excluded.submission_id, expires_ms = excluded.expires_ms";
            let expires = now + IDEMPOTENCY_MS;
            writes.push(write(sql, [tag.into(), (&admit.submission_id).into(), expires.into()]));
        }
        self.store.write_all(&writes)?;
        for receiver in &receivers {
            self.note_due(receiver, now);
        }
        if let Some(payload) = payload.filter(|_| !receivers.is_empty()) {
            self.keep_open((lead_id, admit.submission_id.clone()), payload);
        }
        Ok(())
    }
}

/// A lead that this campaign has not followed up yet: the rules decide.
fn judge(campaign: &Campaign, lead: Lead, lead_id: String) -> Plan<'_> {
    let score = qualify::score(campaign, &lead);
    let (state, because, sends) = match qualify::decide(campaign, &lead, &score) {
        Decision::Forward(to) => {
            (State::Pending, "qualified", to.into_iter().map(|d| (d, QUALIFIED)).collect())
        }
        Decision::Hold(because) => (State::Held, because, Vec::new()),
    };
    Plan { lead_id, state, because, payload: Some((lead, score)), sends, supersedes: None }
}

/// A receiver that has had the lead from another campaign hears that it was updated.
fn mark_known_elsewhere<'a>(mut plan: Plan<'a>, had: &[Had]) -> Plan<'a> {
    for (destination, event) in &mut plan.sends {
        let receiver = receiver_of(destination);
        if had.iter().any(|had| had.counts() && had.receiver == receiver) {
            *event = UPDATED;
        }
    }
    plan
}

/// A lead that this campaign has followed up: destinations that it now qualifies for get it,
/// the others hear of it where the campaign wants that, and else it is a duplicate.
fn judge_followed_up<'a>(campaign: &'a Campaign, lead: Lead, lead_id: String, had: &[Had]) -> Plan<'a> {
    let score = qualify::score(campaign, &lead);
    let has_had = |destination: &Destination| {
        let receiver = receiver_of(destination);
        had.iter().filter(|had| had.counts()).any(|had| {
            if had.campaign == campaign.id {
                had.destination == destination.name
            } else {
                had.receiver == receiver
            }
        })
    };
    let wanted = match qualify::decide(campaign, &lead, &score) {
        Decision::Forward(to) => to,
        Decision::Hold(_) => Vec::new(),
    };
    let fresh = wanted.into_iter().filter(|destination| !has_had(destination)).map(|d| (d, QUALIFIED));
    let mut sends: Vec<_> = fresh.collect();
    if campaign.dedupe.on_repeat == OnRepeat::Update {
        let told = |d: &&Destination| has_had(d) && lead.consents_to(&d.needs);
        sends.extend(campaign.destinations.iter().filter(told).map(|d| (d, UPDATED)));
    }
    if sends.is_empty() {
        return Plan {
            lead_id,
            state: State::Duplicate,
            because: "known",
            payload: None,
            sends,
            supersedes: None,
        };
    }
    let payload = Some((lead, score));
    Plan { lead_id, state: State::Pending, because: "known", payload, sends, supersedes: None }
}

/// What the ids of a lead's deliveries begin with.
fn delivery_prefix(lead_id: &str) -> String {
    format!("msg_{}_", lead_id.strip_prefix("lead_").unwrap_or(lead_id))
}

/// Between which ids a lead's deliveries lie: `~` is behind every character of an id.
pub(super) fn delivery_range(lead_id: &str) -> (String, String) {
    let from = delivery_prefix(lead_id);
    let to = format!("{from}~");
    (from, to)
}

/// The same in SQL, of a column of ids and one that holds the lead's.
pub(super) fn is_delivery_of(delivery_id: &str, lead_id: &str) -> String {
    let from = format!("'msg_' || substr({lead_id}, 6)");
    format!("{delivery_id} >= {from} AND {delivery_id} < {from} || '~'")
}

fn hex(bytes: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(bytes))
}
