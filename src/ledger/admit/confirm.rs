//! Confirmation: the owner of an address confirms a submission, and it is judged as if it had come just now.

use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::ledger::admit::lists::lift;
use crate::ledger::admit::plan::{Post, Prior};
use crate::ledger::api::{Confirm, Forgotten};
use crate::ledger::consents::unconfirmed::{Unconfirmed, email_tags};
use crate::ledger::db::bucket::Bucket;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::stop_mails;
use crate::ledger::db::request;
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::ledger::parts::Parts;

/// Another request to the same address.
type Other = (LeadId, SubmissionId, Bucket);

/// Confirms a submission. `None` if it does not wait, and was not confirmed before.
pub(in crate::ledger) fn confirm<S: Store>(
    parts: &Parts<S>,
    request: &Confirm,
    moment: &Moment,
) -> Result<Option<Forgotten>, Fault> {
    let Confirm { campaign: of_campaign, lead_id, submission_id } = request;
    let done = |fingerprints| Ok(Some(Forgotten { fingerprints }));
    let Some(waiting) = parts.consents.unconfirmed(lead_id, submission_id)? else {
        let now = parts.db.lead_now(lead_id)?;
        // A second click is no mistake.
        let is_confirmed = parts.db.is_confirmed(&now, submission_id, of_campaign)?;
        return if is_confirmed { done(Vec::new()) } else { Ok(None) };
    };
    let Unconfirmed { mut admit, bucket, milestone, format, subject } = waiting;
    // A link from before they named their campaign.
    if admit.campaign != *of_campaign {
        return Ok(None);
    }
    let stored = admit.stored.take().ok_or_else(|| Fault::new("a request's campaign is gone"))?;
    let campaign = parts.campaigns.parse(&stored)?;
    admit.fingerprints = parts.config.identity.fingerprints_of_contact(&admit.lead.contact, &campaign);
    let tags: Vec<String> = email_tags(&admit).cloned().collect();
    let (mut waits, mut others) = (false, Vec::<Other>::new());
    for (lead, submission) in parts.db.waiting_requests(&tags, &admit.campaign, moment.now_ms)? {
        if submission == *submission_id {
            waits = true;
        } else if let Some(other) = parts.consents.unconfirmed(&lead, &submission)? {
            others.push((lead, submission, other.bucket));
        }
    }
    // It has expired, and only the alarm has not fired yet.
    if !waits {
        return Ok(None);
    }

    let mut changes = Changes::default();
    stop_mails(lead_id, moment.now_ms, &mut changes);
    request::confirm(&tags, &admit.campaign, moment.now_ms, &mut changes);
    // The lead is found by its other identifiers from now on.
    let all = admit.fingerprints.iter().map(|print| print.tag.clone());
    let further: Vec<String> = all.filter(|tag| !tags.contains(tag)).collect();
    request::remove(&further, &admit.submission_id, &mut changes);
    lift(&admit.list_tags, &mut changes);
    for (lead, submission, bucket) in &others {
        submission::end(lead, submission, bucket, State::Unconfirmed, State::Duplicate, &mut changes);
        stop_mails(lead, moment.now_ms, &mut changes);
    }
    let (lead_id, state) = (lead_id.clone(), State::Unconfirmed);
    let prior = Prior { lead_id, state, bucket: bucket.clone(), is_lead: false, milestone, format, subject };
    let post = Post { campaign: &campaign, bucket, prior: Some(prior) };
    super::admit_confirmed(parts, &mut admit, &post, changes, moment)?;
    done(tags)
}
