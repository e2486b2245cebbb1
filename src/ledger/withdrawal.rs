//! A person takes consents back: the act is written, what needed them stops, and whoever has had the
//! lead hears of it.

use std::collections::BTreeSet;

use serde_json::json;

use super::consents::{ActRow, Ends, NewAct, is_erased, standing_of};
use super::double_opt_in::stop_asking;
use super::message::{Answer, Operation};
use super::rows::{delivery_range, ended, notice_row, receiver_of};
use super::store::{Store, Write, owned, write};
use super::{Ledger, State};
use crate::campaign::Channel;
use crate::consent::{ConsentState, Personal, Standing};
use crate::fault::Fault;
use crate::moment::{Moment, rfc3339};

/// A purpose's place in a link that is about all of them. No purpose has this id.
pub const EVERY_PURPOSE: &str = "_";
/// The event that tells a destination of a withdrawal.
const WITHDRAWN: &str = "consent.withdrawn";

/// The consents that a person takes back.
struct TakenBack<'a> {
    places: Vec<&'a Standing>,
    acts: &'a [ActRow],
}

impl<'a> TakenBack<'a> {
    /// Those that are meant and still valid. Of somebody who was erased there is nothing left to take
    /// back.
    fn of(wanted: &str, now: &'a [Standing], acts: &'a [ActRow]) -> Self {
        let is_meant = |place: &Standing| wanted == EVERY_PURPOSE || wanted == place.purpose;
        let is_kept = |place: &Standing| given_by(place, acts).is_some_and(|(_, sealed)| sealed.is_some());
        let is_open = |place: &&Standing| place.state.is_valid() && is_meant(place) && is_kept(place);
        Self { places: now.iter().filter(is_open).collect(), acts }
    }

    fn purposes(&self) -> Vec<&'a str> {
        self.places.iter().map(|place| place.purpose.as_str()).collect()
    }

    /// The newest act by which one of them was given.
    fn newest(&self) -> Option<&'a ActRow> {
        self.places.iter().filter_map(|place| given_by(place, self.acts)).max_by_key(|(act, _)| act.seq)
    }

    /// What an act says of them.
    fn consents(&self) -> Vec<(String, ConsentState, String)> {
        let taken_back = |place: &&Standing| {
            let given = given_by(place, self.acts).and_then(|(act, _)| act.of(&place.purpose));
            let digest = given.map(|(_, digest)| digest.to_owned()).unwrap_or_default();
            (place.purpose.clone(), ConsentState::Withdrawn, digest)
        };
        self.places.iter().map(taken_back).collect()
    }
}

fn given_by<'a>(place: &Standing, acts: &'a [ActRow]) -> Option<&'a ActRow> {
    place.granted_by.and_then(|at| acts.get(at))
}

/// A delivery of a lead whose person withdraws.
struct Concerned {
    delivery_id: String,
    /// Campaign, destination and receiver.
    to: (String, String, String),
    stops: bool,
    was_tried: bool,
}

impl<S: Store> Ledger<S> {
    /// A person takes a consent back, or all of them.
    pub(super) fn withdraw(&self, operation: &Operation, moment: &Moment) -> Result<Answer, Fault> {
        let lead_id = self.lead_now(operation.lead_id.as_deref().unwrap_or_default())?;
        let wanted = operation.purpose.as_deref().unwrap_or(EVERY_PURPOSE);
        let mut submissions = self.ledgered(&lead_id)?;
        let acts = self.acts(&lead_id)?;
        if submissions.is_empty() && is_erased(&acts) {
            return Ok(Answer::NotFound);
        }
        let now = standing_of(&acts);
        let taken = TakenBack::of(wanted, &now, &acts);
        let gone = taken.purposes();
        let mut writes = Vec::new();
        if let Some(newest) = taken.newest() {
            let act = self.write_withdrawal(&lead_id, newest, &taken, operation, moment, &mut writes)?;
            self.stop_and_tell(&lead_id, &gone, &act, moment, &mut writes)?;
        }

        let left =
            now.iter().filter(|place| place.state.is_valid() && !gone.contains(&place.purpose.as_str()));
        let left: Vec<String> = left.map(|place| place.purpose.clone()).collect();
        submissions.retain(|one| match one.state {
            State::Unconfirmed => wanted == EVERY_PURPOSE,
            State::Held => !gone.is_empty() && !self.can_still_go(&one.bucket.campaign, &gone, &left),
            _ => false,
        });
        if submissions.iter().any(|one| one.state == State::Unconfirmed) {
            writes.push(stop_asking(&lead_id, moment));
        }
        for one in &submissions {
            writes.extend(ended(&lead_id, &one.submission_id, &one.bucket, one.state, State::Withdrawn));
        }
        self.store.atomically(&mut || {
            writes.iter().try_for_each(|write| self.store.write(write))?;
            for one in self.ledgered(&lead_id)? {
                if matches!(one.state, State::Pending | State::Dead) {
                    self.settle_submission(&lead_id, &one.submission_id)?;
                }
            }
            Ok(())
        })?;
        self.forget_open(&lead_id);
        self.learn_what_is_due()?;
        let mut tags = self.fingerprints_of(&lead_id, &acts)?;
        // A request has no act yet.
        tags.extend(self.asked_of(&lead_id)?);
        Ok(Answer::Report(json!({ "withdrawn": gone, "refused": submissions.len(), "fingerprints": tags })))
    }

    /// The act of it, in the campaign of the newest of the consents.
    fn write_withdrawal(
        &self,
        lead_id: &str,
        (newest, sealed): &ActRow,
        taken: &TakenBack<'_>,
        operation: &Operation,
        moment: &Moment,
        writes: &mut Vec<Write<'_>>,
    ) -> Result<NewAct, Fault> {
        // A personal part that no living key opens must not stand in a withdrawal's way.
        let subject = sealed.as_deref().and_then(|sealed| self.personal(lead_id, newest, sealed).ok());
        let personal = Personal {
            subject: subject.map(|personal| personal.subject).unwrap_or_default(),
            method: operation.method.clone().unwrap_or_else(|| "link".to_owned()),
            ..Personal::default()
        };
        let previous = taken.acts.last().map(|(act, _)| &**act);
        let place = (moment.now_ms, newest.campaign.as_str());
        let act = self.next_act(previous, lead_id, place, taken.consents(), personal, moment)?;
        writes.push(act.row(lead_id, self.record_ends(&newest.campaign, None, moment)?)?);
        Ok(act)
    }

    /// When the record of a person's consents ends whose last act is done now in a campaign.
    pub(super) fn record_ends(
        &self,
        campaign: &str,
        consent_ms: Option<i64>,
        moment: &Moment,
    ) -> Result<Ends, Fault> {
        let kept_ms = self.last_good_campaign(campaign)?.map_or(0, |found| found.retention.consents_ms);
        Ok(Ends { consent_ms, record_ms: moment.now_ms + kept_ms })
    }

    /// Stops the deliveries that need what is gone, and tells those who have had the lead, or may have.
    fn stop_and_tell(
        &self,
        lead_id: &str,
        gone: &[&str],
        act: &NewAct,
        moment: &Moment,
        writes: &mut Vec<Write<'_>>,
    ) -> Result<(), Fault> {
        let mut told = BTreeSet::new();
        for delivery in self.deliveries_concerned(lead_id, gone)? {
            if delivery.stops {
                let sql =
                    "UPDATE delivery SET state = 'withdrawn', settled_ms = ?, reason = 'consent_withdrawn'
                           WHERE delivery_id = ?";
                writes.push(write(sql, [moment.now_ms.into(), delivery.delivery_id.into()]));
            }
            if delivery.was_tried {
                told.insert(delivery.to);
            }
        }
        for (at, (campaign, destination, receiver)) in told.iter().enumerate() {
            let data = json!({
                "lead_id": lead_id, "campaign": campaign, "purposes": gone,
                "withdrawn_at": rfc3339(moment.now_ms),
                "history": { "seq": act.act.seq, "head": act.act.mac },
            });
            let to = (campaign.as_str(), destination.as_str(), receiver.as_str());
            writes.push(owned(notice_row(lead_id, to, WITHDRAWN, &data, at, moment)));
        }
        Ok(())
    }

    /// Whether a held lead could still go anywhere: no consent that the campaign requires is gone, and
    /// a destination is there that needs none but those that are left.
    fn can_still_go(&self, campaign: &str, gone: &[&str], left: &[String]) -> bool {
        let Ok(Some(campaign)) = self.last_good_campaign(campaign) else { return false };
        let required =
            |id: &str| campaign.purposes.iter().any(|purpose| purpose.required && purpose.id == id);
        let mut open = campaign.destinations.iter().filter(|one| one.channel == Channel::Webhook);
        !gone.iter().any(|id| required(id))
            && open.any(|one| one.needs.iter().all(|need| left.contains(need)))
    }

    /// A lead's deliveries, and which of them need one of these purposes. Where the campaign does not
    /// say any more, they count as if they did.
    fn deliveries_concerned(&self, lead_id: &str, purposes: &[&str]) -> Result<Vec<Concerned>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = "SELECT delivery_id, campaign, destination, receiver, state, attempts <> '[]' FROM delivery
                   WHERE delivery_id >= ? AND delivery_id < ? AND submission_id <> ''";
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, &[(&from).into(), (&to).into()])? {
            let delivery_id = row.text(0)?;
            let mut to = (row.text(1)?, row.text(2)?, row.text(3)?);
            let known = self.last_good_campaign(&to.0).ok().flatten();
            let destination = known.as_deref().and_then(|campaign| campaign.destination(&to.1));
            // What is told goes to the address of now, once, whatever the addresses were before.
            to.2 = destination.map_or(to.2, receiver_of);
            let needs =
                destination.is_none_or(|to| to.needs.iter().any(|need| purposes.contains(&need.as_str())));
            let stops = needs && matches!(row.text(4)?.as_str(), "pending" | "paused" | "dead");
            let was_tried = row.int(5)? == 1 || self.is_in_flight(&delivery_id);
            all.push(Concerned { delivery_id, to, stops, was_tried });
        }
        Ok(all)
    }

    /// Campaign, destination and receiver of those that have had a lead, or may have.
    pub(super) fn who_had(&self, lead_id: &str) -> Result<BTreeSet<(String, String, String)>, Fault> {
        let all = self.deliveries_concerned(lead_id, &[])?;
        Ok(all.into_iter().filter(|one| one.was_tried).map(|one| one.to).collect())
    }
}
