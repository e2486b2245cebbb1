//! What a person may ask for: everything that is held about them, and that it be forgotten.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::consents::standing_of;
use super::lists::suppress;
use super::message::{Admit, Answer, Operation};
use super::milestone::Steps;
use super::report::{object, rfc3339_of};
use super::rows::{KEEP_ACT, delivery_range, notice_row};
use super::store::{Store, Write, owned, write};
use super::{Ledger, Payload, State, consent_place, payload_place};
use crate::consent::{Verdict, verify};
use crate::fault::Fault;
use crate::moment::{Moment, rfc3339};

/// The event that tells a destination to forget a lead.
const ERASED: &str = "lead.erased";

impl<S: Store> Ledger<S> {
    /// The leads that any of these fingerprints leads to, those that are known by nothing that these are
    /// not known by as well, and the requests to their addresses. Not those that merely share an
    /// identifier with them: a phone may be a household's.
    fn leads_of(&self, fingerprints: &[String]) -> Result<Vec<String>, Fault> {
        let known = "SELECT lead_id FROM fingerprint WHERE tag IN (SELECT value FROM json_each(?))";
        let mut leads = self.leads_behind(known, fingerprints)?;
        let mut tags: BTreeSet<String> = fingerprints.iter().cloned().collect();
        for lead_id in &leads {
            tags.extend(self.fingerprints_of(lead_id, &self.acts(lead_id)?)?);
        }
        let all: Vec<String> = tags.iter().cloned().collect();
        for lead_id in self.leads_behind(known, &all)? {
            let own = self.fingerprints_of(&lead_id, &self.acts(&lead_id)?)?;
            if !own.is_empty() && own.iter().all(|tag| tags.contains(tag)) {
                leads.insert(lead_id);
            }
        }
        let asked = "SELECT lead_id FROM request WHERE tag IN (SELECT value FROM json_each(?))";
        let tags = tags.into_iter().collect::<Vec<_>>();
        leads.extend(self.leads_behind(asked, &tags)?);
        leads.extend(self.quarantined_of(&tags)?);
        Ok(leads.into_iter().collect())
    }

    fn leads_behind(&self, sql: &str, fingerprints: &[String]) -> Result<BTreeSet<String>, Fault> {
        let rows = self.store.rows(sql, &[json!(fingerprints).to_string().into()])?;
        rows.into_iter().map(|mut row| row.text(0)).collect()
    }

    /// Everything that is held about the person behind these fingerprints.
    pub(super) fn access(&self, operation: &Operation) -> Result<Answer, Fault> {
        let mut leads = Vec::new();
        for lead_id in self.leads_of(&operation.fingerprints)? {
            leads.push(json!({
                "lead_id": lead_id,
                "submissions": self.submissions_held(&lead_id)?,
                "consents": self.consents_held(&lead_id)?,
                "history": self.history_held(&lead_id)?,
                "downloads": self.engagements(&lead_id)?,
                "recipients": self.recipients(&lead_id)?,
                "fingerprints": self.fingerprints_held(&lead_id, &operation.fingerprints)?,
            }));
        }
        let lists = self.lists_with(&operation.list_tags)?;
        Ok(Answer::Report(json!({ "ledger": self.name, "leads": leads, "lists": lists })))
    }

    fn submissions_held(&self, lead_id: &str) -> Result<Vec<Value>, Fault> {
        let sql = format!(
            "SELECT submission_id, state, payload, CASE WHEN act IS NULL AND consent <> '' THEN consent END,
               json_object('submission_id', submission_id, 'campaign', campaign, 'source', source,
                 'state', state, 'at', {}, 'recognised_until', {}, 'waits_until', {})
             FROM submission WHERE lead_id = ? ORDER BY at_ms",
            rfc3339_of("at_ms"),
            rfc3339_of("known_until_ms"),
            rfc3339_of("until_ms")
        );
        let mut all = Vec::new();
        for mut row in self.store.rows(&sql, &[lead_id.into()])? {
            let (submission_id, state) = (row.text(0)?, row.text(1)?);
            let (payload, consent) = (row.optional_text(2), row.optional_text(3));
            let mut shown = object(&row.text(4)?)?;
            // What no living key opens is not held any more.
            if let Some(sealed) = payload {
                let held = self.payload_held(&sealed, lead_id, &submission_id, &state);
                shown.insert("data".to_owned(), held.unwrap_or_default());
            }
            // Of a row before format 3.
            if let Some(sealed) = consent {
                let consent = self.open_sealed(&sealed, &consent_place(lead_id, &submission_id));
                shown.insert("consent".to_owned(), consent.unwrap_or_default());
            }
            all.push(Value::Object(shown));
        }
        Ok(all)
    }

    fn payload_held(
        &self,
        payload: &str,
        lead_id: &str,
        submission_id: &str,
        state: &str,
    ) -> Result<Value, Fault> {
        let place = payload_place(lead_id, submission_id);
        let waits_whole = [State::Unconfirmed, State::Quarantined].iter().any(|one| one.as_str() == state);
        let (lead, score) = if waits_whole {
            (self.open_sealed::<Admit>(payload, &place)?.lead, None)
        } else {
            let payload: Payload = self.open_sealed(payload, &place)?;
            (payload.lead, Some(payload.score))
        };
        Ok(json!({ "lead": lead, "score": score }))
    }

    fn consents_held(&self, lead_id: &str) -> Result<Vec<Value>, Fault> {
        let shown = standing_of(&self.acts(lead_id)?).into_iter().map(|place| {
            json!({ "purpose": place.purpose, "state": place.state, "since": rfc3339(place.since_ms) })
        });
        Ok(shown.collect())
    }

    /// The history as it can be verified elsewhere: each act, its personal part as the text that was
    /// committed to, and what a look at it shows here.
    fn history_held(&self, lead_id: &str) -> Result<Vec<Value>, Fault> {
        let (mut acts, mut closed) = (Vec::new(), Vec::new());
        for (act, sealed) in self.acts(lead_id)? {
            let personal = sealed.map(|sealed| self.personal_text(lead_id, &act, &sealed)).transpose();
            closed.push(personal.is_err());
            acts.push(((*act).clone(), personal.ok().flatten()));
        }
        let verdicts = verify(self.identity.history_keys(), lead_id, &acts).into_iter().zip(closed);
        let shown = acts.into_iter().zip(verdicts).map(|((act, personal), (verdict, is_closed))| {
            // Not erased: no living key opens its personal part.
            let verdict = if is_closed { Verdict::Unknown } else { verdict };
            json!({ "at": rfc3339(act.at_ms), "act": act, "personal": personal, "verdict": verdict })
        });
        Ok(shown.collect())
    }

    fn recipients(&self, lead_id: &str) -> Result<Vec<Value>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = format!(
            "SELECT json_object('delivery_id', delivery_id, 'campaign', campaign, 'destination', destination,
               'event', event, 'state', state, 'decided_at', {}, 'settled_at', {})
             FROM delivery WHERE delivery_id >= ? AND delivery_id < ? ORDER BY created_ms",
            rfc3339_of("created_ms"),
            rfc3339_of("settled_ms")
        );
        self.objects(&sql, &[(&from).into(), (&to).into()])
    }

    /// By what the person is recognised: kinds and key ids, for the hashes never leave the system.
    fn fingerprints_held(&self, lead_id: &str, asked: &[String]) -> Result<Vec<String>, Fault> {
        let mut all = BTreeSet::new();
        let known = self.fingerprints_of(lead_id, &self.acts(lead_id)?)?;
        let sql = "SELECT 1 FROM fingerprint WHERE tag = ? AND lead_id = ?";
        for tag in known.iter().chain(asked) {
            if self.store.row(sql, &[tag.into(), lead_id.into()])?.is_some() {
                all.insert(tag.rsplit_once('.').map_or_else(String::new, |(public, _)| public.to_owned()));
            }
        }
        Ok(all.into_iter().collect())
    }

    /// Forgets the person behind these fingerprints, tells those who had the lead, and remembers by a
    /// keyed hash that the person wants to hear nothing.
    pub(super) fn erase(&self, operation: &Operation, moment: &Moment) -> Result<Answer, Fault> {
        let leads = self.leads_of(&operation.fingerprints)?;
        let mut writes: Vec<Write<'_>> = Vec::new();
        let mut tags: BTreeSet<String> = operation.fingerprints.iter().cloned().collect();
        let (mut submissions, mut told) = (0, Vec::new());
        for lead_id in &leads {
            tags.extend(self.fingerprints_of(lead_id, &self.acts(lead_id)?)?);
            for one in self.ledgered(lead_id)? {
                writes.push(owned(one.bucket.transfer(one.state, State::Erased, Steps::NONE)));
                let sql = "DELETE FROM idempotency WHERE submission_id = ?";
                writes.push(write(sql, [one.submission_id.into()]));
                submissions += 1;
            }
            let receivers = self.who_had(lead_id)?;
            let keep = format!("{KEEP_ACT} WHERE lead_id = ? AND act IS NOT NULL");
            let (from, to) = delivery_range(lead_id);
            writes.extend([
                write(keep, [lead_id.into()]),
                write(
                    "UPDATE act SET personal = NULL, consent_until_ms = NULL WHERE lead_id = ?",
                    [lead_id.into()],
                ),
                write("DELETE FROM submission WHERE lead_id = ?", [lead_id.into()]),
                write(
                    "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?",
                    [from.into(), to.into()],
                ),
            ]);
            for (at, (campaign, destination, receiver)) in receivers.iter().enumerate() {
                let data = json!({
                    "lead_id": lead_id, "campaign": campaign, "erased_at": rfc3339(moment.now_ms),
                });
                let to = (campaign.as_str(), destination.as_str(), receiver.as_str());
                writes.push(owned(notice_row(lead_id, to, ERASED, &data, at, moment)));
                told.push(json!({ "lead_id": lead_id, "campaign": campaign, "destination": destination }));
            }
        }
        let all = json!(tags).to_string();
        let gone = json!(leads).to_string();
        let sql = "DELETE FROM fingerprint WHERE tag IN (SELECT value FROM json_each(?))
                   AND lead_id IN (SELECT value FROM json_each(?))";
        writes.push(write(sql, [all.clone().into(), gone.clone().into()]));
        // Under an older pepper than any of the acts, perhaps.
        let sql = "DELETE FROM request WHERE tag IN (SELECT value FROM json_each(?))
                   OR lead_id IN (SELECT value FROM json_each(?))";
        writes.push(write(sql, [all.into(), gone.clone().into()]));
        for (table, column) in [("alias", "is_now"), ("engagement", "lead_id")] {
            let sql = format!("DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))");
            writes.push(write(sql, [gone.clone().into()]));
        }
        writes.push(suppress(&operation.list_tags, moment));
        self.store.write_all(&writes)?;
        for lead_id in &leads {
            self.forget_open(lead_id);
        }
        self.learn_whether_lists_are_empty()?;
        self.learn_what_expires()?;
        self.learn_what_is_due()?;
        Ok(Answer::Report(json!({
            "ledger": self.name, "leads": leads, "submissions": submissions, "told": told,
            "fingerprints": tags,
        })))
    }
}
