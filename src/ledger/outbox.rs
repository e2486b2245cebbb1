//! What is due, what became of it, and what follows. A delivery is leased before it is sent, for
//! while a fetch is awaited other events enter the object.

use serde_json::{Value, json};

use super::admit::{delivery_range, payload_place};
use super::message::Answer;
use super::schema::ROW_FORMAT;
use super::state::Bucket;
use super::store::{Arg, Store};
use super::{Ledger, Payload, State};
use crate::campaign::Campaign;
use crate::deliver::{self, ATTEMPT_TIMEOUT_MS, Event, Next, Outcome, SigningSecret};
use crate::fault::Fault;
use crate::moment::{Moment, rfc3339};

/// The platform's limit of connections that one invocation may hold open.
const MAX_CONNECTIONS: usize = 6;
/// One hanging receiver must not take the connections of the others.
const MAX_CONNECTIONS_EACH: usize = 2;
/// Longer than an attempt can take; then the lease has been lost and the delivery is due again.
const LEASE_MS: i64 = ATTEMPT_TIMEOUT_MS as i64 + 15_000;
/// Attempts listed with a delivery: every one of a schedule, and those of a replay.
const MAX_ATTEMPTS_LISTED: usize = 20;

/// A delivery that is leased to the caller, who must settle it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The `webhook-id`.
    pub delivery_id: String,
    /// The campaign's id.
    pub campaign: String,
    /// The destination's name.
    pub destination: String,
    lead_id: String,
    submission_id: String,
    receiver: String,
    event: String,
    created_ms: i64,
    attempt_count: i64,
    payload: Option<String>,
}

/// A claim that holds a connection until it is settled, or until its lease has run out: a caller
/// that never settles must not keep the connection.
pub(super) struct Flight {
    delivery_id: String,
    receiver: String,
    until_ms: i64,
}

/// A request that is ready to be sent.
pub struct Dispatch {
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: [(&'static str, String); 4],
    /// The exact bytes that were signed.
    pub body: Vec<u8>,
}

impl<S: Store> Ledger<S> {
    /// Leases what is due, as far as connections are free.
    ///
    /// # Errors
    /// The database's.
    pub fn claim(&self, moment: &Moment) -> Result<Vec<Claim>, Fault> {
        let mut claims = Vec::new();
        if moment.now_ms < self.quiet_until_ms.get() {
            return Ok(claims);
        }
        self.in_flight.borrow_mut().retain(|flight| flight.until_ms > moment.now_ms);
        while self.in_flight.borrow().len() < MAX_CONNECTIONS {
            let busy = self.busy_receivers();
            let sql = "SELECT d.delivery_id, d.campaign, d.destination, d.lead_id, d.submission_id,
                         d.receiver, d.event, d.created_ms, d.attempt_count, s.payload
                       FROM delivery d LEFT JOIN submission s
                         ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
                       WHERE d.state = 'pending' AND d.due_ms <= ? AND d.format <= ?
                         AND d.receiver NOT IN (SELECT value FROM json_each(?))
                       ORDER BY d.due_ms LIMIT 1";
            let args = [moment.now_ms.into(), ROW_FORMAT.into(), (&busy).into()];
            let Some(mut row) = self.store.row(sql, &args)? else {
                self.quiet_until_ms.set(self.next_due_ms(moment.now_ms)?);
                break;
            };
            let claim = Claim {
                delivery_id: row.text(0)?,
                campaign: row.text(1)?,
                destination: row.text(2)?,
                lead_id: row.text(3)?,
                submission_id: row.text(4)?,
                receiver: row.text(5)?,
                event: row.text(6)?,
                created_ms: row.int(7)?,
                attempt_count: row.int(8)?,
                payload: row.optional_text(9),
            };
            let until_ms = moment.now_ms + LEASE_MS;
            let sql = "UPDATE delivery SET leased = 1, due_ms = ? WHERE delivery_id = ?";
            self.store.run(sql, &[until_ms.into(), (&claim.delivery_id).into()])?;
            self.in_flight.borrow_mut().push(Flight {
                delivery_id: claim.delivery_id.clone(),
                receiver: claim.receiver.clone(),
                until_ms,
            });
            claims.push(claim);
        }
        Ok(claims)
    }

    /// When the next delivery falls due after a time.
    pub(super) fn next_due_ms(&self, after_ms: i64) -> Result<i64, Fault> {
        let sql = "SELECT due_ms FROM delivery WHERE state = 'pending' AND due_ms > ? AND format <= ?
                   ORDER BY due_ms LIMIT 1";
        let row = self.store.row(sql, &[after_ms.into(), ROW_FORMAT.into()])?;
        row.map_or(Ok(i64::MAX), |mut row| row.int(0))
    }

    /// Something has changed that [`Ledger::claim`] may find: look again.
    pub(super) fn stir(&self) {
        self.quiet_until_ms.set(0);
    }

    fn busy_receivers(&self) -> String {
        let in_flight = self.in_flight.borrow();
        let receivers = || in_flight.iter().map(|flight| &flight.receiver);
        let count = |receiver: &str| receivers().filter(|to| *to == receiver).count();
        let busy = receivers().filter(|to| count(to) >= MAX_CONNECTIONS_EACH);
        json!(busy.collect::<Vec<_>>()).to_string()
    }

    /// The signed request of a claim. Address and secret are those of now, so that a correction
    /// heals what waits.
    ///
    /// # Errors
    /// What keeps it from being sent, to be settled as the attempt's outcome.
    pub fn dispatch(
        &self,
        claim: &Claim,
        campaign: Option<&Campaign>,
        secret: impl FnOnce(&str) -> Option<String>,
        moment: &Moment,
    ) -> Result<Dispatch, Outcome> {
        let campaign = campaign.ok_or(Outcome::Unreadable)?;
        let destination = campaign.destination(&claim.destination).ok_or(Outcome::DestinationRemoved)?;
        let secret = secret(&destination.secret)
            .and_then(|text| SigningSecret::parse(&text))
            .ok_or(Outcome::SecretMissing)?;
        let place = payload_place(&claim.lead_id, &claim.submission_id);
        let sealed = claim.payload.as_deref().ok_or(Outcome::Unreadable)?;
        let payload: Payload = self.open_sealed(sealed, &place).map_err(|_| Outcome::Unreadable)?;
        if !payload.lead.consents_to(&destination.needs) {
            return Err(Outcome::ConsentMissing);
        }
        let body = deliver::body(&Event {
            kind: &claim.event,
            at_ms: claim.created_ms,
            lead_id: &claim.lead_id,
            campaign: &claim.campaign,
            lead: &payload.lead,
            score: &payload.score,
        });
        let timestamp_s = moment.now_ms / 1_000;
        let signature = deliver::sign(&secret, &claim.delivery_id, timestamp_s, &body);
        Ok(Dispatch {
            url: destination.url.clone(),
            headers: [
                ("content-type", "application/json".to_owned()),
                ("webhook-id", claim.delivery_id.clone()),
                ("webhook-timestamp", timestamp_s.to_string()),
                ("webhook-signature", signature),
            ],
            body,
        })
    }

    /// Writes what became of a claim, and what follows. Gives the event for the log.
    ///
    /// # Errors
    /// The database's; the delivery is due again when its lease has run out.
    pub fn settle(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        took_ms: i64,
        moment: &Moment,
    ) -> Result<serde_json::Value, Fault> {
        self.stir();
        self.in_flight.borrow_mut().retain(|flight| flight.delivery_id != claim.delivery_id);
        let attempt = claim.attempt_count + 1;
        let attempt_at = usize::try_from(attempt).unwrap_or(usize::MAX);
        let next = deliver::next(outcome, attempt_at, claim.created_ms, self.development, moment);
        let now = moment.now_ms;
        let (state, due_ms) = match next {
            Next::Delivered => ("delivered", now),
            Next::At(due_ms) => ("pending", due_ms),
            Next::Disable => ("paused", now),
            Next::Dead => ("dead", now),
        };
        let mut written = state;
        self.store.atomically(&mut || {
            let sql = "SELECT state, attempts FROM delivery WHERE delivery_id = ?";
            let Some(mut row) = self.store.row(sql, &[(&claim.delivery_id).into()])? else {
                return Ok(());
            };
            let before = row.text(0)?;
            // Where the lease had run out, a later attempt may have delivered it: that stands.
            if before == "delivered" {
                written = "delivered";
                return Ok(());
            }
            // Another delivery's 410 may have paused this one while it was on its way.
            let paused = before == "paused";
            let state = if paused && state == "pending" { "paused" } else { state };
            written = state;
            let mut attempts: Vec<Value> = serde_json::from_str(&row.text(1)?).unwrap_or_default();
            attempts.push(json!({
                "attempt": attempt, "at": rfc3339(now), "outcome": outcome.name(), "ms": took_ms,
            }));
            let too_many = attempts.len().saturating_sub(MAX_ATTEMPTS_LISTED);
            attempts.drain(..too_many);
            let attempts = Value::Array(attempts).to_string();
            let reason = outcome.name();
            let settled = (state != "pending").then_some(now);
            let sql = "UPDATE delivery SET state = ?, leased = 0, due_ms = ?, attempt_count = ?,
                         attempts = ?, reason = ?, settled_ms = ? WHERE delivery_id = ?";
            let args = [
                state.into(),
                due_ms.into(),
                attempt.into(),
                (&attempts).into(),
                if state == "delivered" { Arg::Null } else { (&reason).into() },
                settled.map_or(Arg::Null, Arg::Int),
                (&claim.delivery_id).into(),
            ];
            self.store.run(sql, &args)?;
            if next == Next::Disable {
                let sql = "INSERT INTO disabled (campaign, destination, at_ms) VALUES (?, ?, ?)
                           ON CONFLICT DO NOTHING";
                self.store.run(sql, &[(&claim.campaign).into(), (&claim.destination).into(), now.into()])?;
                let sql = "UPDATE delivery SET state = 'paused', settled_ms = ?, reason = 'status 410'
                           WHERE state = 'pending' AND campaign = ? AND destination = ?";
                self.store.run(sql, &[now.into(), (&claim.campaign).into(), (&claim.destination).into()])?;
            }
            self.settle_submission(&claim.lead_id, &claim.submission_id)
        })?;
        Ok(json!({
            "event": "delivery", "outcome": outcome.name(), "state": written, "campaign": claim.campaign,
            "destination": claim.destination, "delivery_id": claim.delivery_id,
            "lead_id": claim.lead_id, "attempt": attempt, "ms": took_ms,
        }))
    }

    /// Brings a submission's state in line with its deliveries: pending if any is, else dead if any
    /// is, else delivered if any is, else expired. What nobody waits for any more is erased.
    pub(super) fn settle_submission(&self, lead_id: &str, submission_id: &str) -> Result<(), Fault> {
        let sql = "SELECT state, campaign, hour, source, (SELECT group_concat(state) FROM delivery
                     WHERE delivery_id >= ?3 AND delivery_id < ?4 AND submission_id = ?2)
                   FROM submission WHERE lead_id = ?1 AND submission_id = ?2";
        let (from, to) = delivery_range(lead_id);
        let args = [lead_id.into(), submission_id.into(), (&from).into(), (&to).into()];
        let Some(mut row) = self.store.row(sql, &args)? else {
            return Ok(());
        };
        let before = State::parse(&row.text(0)?).ok_or_else(|| Fault::new("a state is not known"))?;
        let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
        let deliveries = row.optional_text(4).unwrap_or_default();
        let any = |wanted: &[&str]| deliveries.split(',').any(|state| wanted.contains(&state));
        let state = match () {
            () if any(&["pending", "paused"]) => State::Pending,
            () if any(&["dead"]) => State::Dead,
            () if any(&["delivered"]) => State::Delivered,
            () => State::Expired,
        };
        if state == before {
            return Ok(());
        }
        let sql = if matches!(state, State::Pending | State::Dead) {
            "UPDATE submission SET state = ? WHERE lead_id = ? AND submission_id = ?"
        } else {
            "UPDATE submission SET state = ?, payload = NULL WHERE lead_id = ? AND submission_id = ?"
        };
        self.store.run(sql, &[state.as_str().into(), lead_id.into(), submission_id.into()])?;
        bucket.transfer(&self.store, before, state)
    }

    /// Nobody but this object sends its deliveries: what was leased when it stopped is due now.
    pub(super) fn release_leases(&self, now_ms: i64) -> Result<(), Fault> {
        let sql = "UPDATE delivery SET leased = 0, due_ms = ? WHERE state = 'pending' AND leased = 1";
        self.store.run(sql, &[now_ms.into()])
    }

    pub(super) fn replay(&self, delivery_id: &str, moment: &Moment) -> Result<Answer, Fault> {
        let sql = "SELECT state FROM delivery WHERE delivery_id = ?";
        let Some(mut row) = self.store.row(sql, &[delivery_id.into()])? else {
            return Ok(Answer::NotFound);
        };
        if row.text(0)? != "dead" {
            return Ok(Answer::Conflict);
        }
        self.replay_ids(&[delivery_id.to_owned()], moment)
    }

    pub(super) fn replay_all(&self, campaign: &str, moment: &Moment) -> Result<Answer, Fault> {
        let sql = "SELECT delivery_id FROM delivery WHERE state = 'dead' AND campaign = ?";
        let mut dead = Vec::new();
        for mut row in self.store.rows(sql, &[campaign.into()])? {
            dead.push(row.text(0)?);
        }
        self.replay_ids(&dead, moment)
    }

    /// A replay keeps its `webhook-id` and gets the whole schedule again.
    fn replay_ids(&self, ids: &[String], moment: &Moment) -> Result<Answer, Fault> {
        self.store.atomically(&mut || {
            for id in ids {
                let sql = "UPDATE delivery SET state = 'pending', due_ms = ?, attempt_count = 0,
                             settled_ms = NULL WHERE delivery_id = ?
                           RETURNING lead_id, submission_id";
                for mut row in self.store.rows(sql, &[moment.now_ms.into(), id.into()])? {
                    self.settle_submission(&row.text(0)?, &row.text(1)?)?;
                }
            }
            Ok(())
        })?;
        Ok(Answer::Done(i64::try_from(ids.len()).unwrap_or(i64::MAX)))
    }

    pub(super) fn enable(&self, campaign: &str, destination: &str, moment: &Moment) -> Result<Answer, Fault> {
        let mut resumed = 0;
        self.store.atomically(&mut || {
            let place = [campaign.into(), destination.into()];
            self.store.run("DELETE FROM disabled WHERE campaign = ? AND destination = ?", &place)?;
            // One that is on its way stays leased, so that it is not sent twice.
            let sql = "UPDATE delivery SET state = 'pending', attempt_count = 0, settled_ms = NULL,
                         due_ms = CASE leased WHEN 1 THEN due_ms ELSE ? END
                       WHERE state = 'paused' AND campaign = ? AND destination = ? RETURNING 1";
            let args = [moment.now_ms.into(), campaign.into(), destination.into()];
            resumed = i64::try_from(self.store.rows(sql, &args)?.len()).unwrap_or(i64::MAX);
            Ok(())
        })?;
        Ok(Answer::Done(resumed))
    }
}
