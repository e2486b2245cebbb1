//! Admission: the step that recognises whose a submission is, decides its route, and stores all of it in one
//! transaction.
//!
//! Whatever the route, something is written before the reply, so that neither the reply nor its timing
//! reveals whether the person is known.

mod admission;
pub(in crate::ledger) mod confirm;
mod consent;
mod decision;
mod existing_lead;
pub(in crate::ledger) mod lists;
mod mentions;
mod plan;
mod quarantine;
mod recognise;
pub(in crate::ledger) mod requests;
pub(in crate::ledger) mod review;
mod route;
mod write;

use serde_json::json;

use self::admission::{Admission, ConsentChoices};
use self::decision::{Provenance, logged};
use self::existing_lead::{judge_known, regains};
use self::lists::{Suppression, customer_lists, lists_with, suppressing};
use self::plan::{Plan, Post, Prior, judge};
use self::quarantine::{quarantine, signals_of};
use self::recognise::{living_matches, mentions_suppressed, person, prior};
use self::requests::{Requests, ask, count_asked, mail, may_mail, must_confirm};
use self::route::{Facts, Mail, Route, route};
use self::write::write_admission;
use super::consents::standing::Person;
use super::db::bucket::Bucket;
use super::db::changes::Changes;
use super::db::delivery::Topic;
use super::db::idempotency::remember;
use super::db::state::State;
use super::db::store::Store;
use super::db::submission::NewSubmission;
use super::handled::Handled;
use super::parts::Parts;
use super::presence::suppressed_lead;
use super::schedule::DEAD_DAYS;
use super::wire::{Admit, Reply, Tally};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::campaign::{Campaign, ProblemCode, Signal};
use crate::pipeline::abuse::Evidence;
use crate::pipeline::lead::Lead;

/// The time for which an exact repeat of a suppressed submission is recognised: as long as a dead letter.
const SUPPRESSED_MS: i64 = DEAD_DAYS * DAY_MS;

/// Admits a submission, within its campaign's rate limits.
pub(in crate::ledger) fn admit<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let sent = admit.stored.as_deref();
    let Some(campaign) = parts.campaigns.of_message(&admit.campaign, &admit.revision, sent)? else {
        return Ok(Handled::quiet(Reply::CampaignUnknown));
    };
    if let Some(throttled) = parts.velocity.note(admit, &campaign, moment.now_ms) {
        return Ok(Handled::quiet(throttled));
    }
    admit_to(parts, &campaign, admit, Provenance::Posted, moment)
}

/// The facts about a submission before its route is chosen.
struct Background<'a> {
    post: Post<'a>,
    person: Option<Person>,
    /// The lists that contain its person.
    lists: Vec<String>,
    requests: Requests,
}

/// Admits a submission that is within the rate limits.
fn admit_to<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    admit: &mut Admit,
    provenance: Provenance,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let matches = living_matches(&parts.db, admit, moment)?;
    let bucket = parts.sources.bucket(&parts.db, &admit.campaign, &admit.source, moment.now_ms)?;
    if is_key_reused(parts, admit, moment)? {
        return count_reused_key(parts, bucket);
    }
    let lists = lists_with(parts, &admit.list_tags)?;
    let requests = Requests::of(parts, admit, campaign, moment)?;
    let prior = prior(parts, admit, &matches, &requests)?;
    let person = person(parts, admit, &matches)?;
    let background = Background { post: Post { campaign, bucket, prior }, person, lists, requests };
    let sender = admit.evidence.sender.clone();
    let route = route(&facts(parts, admit, &background, provenance, moment)?);
    let Background { post, person, lists, requests } = background;
    let handled = match route {
        Route::Repeat { mails } => repeat(parts, admit, &post, mails, moment),
        Route::Suppress => suppress(parts, admit, &post, moment),
        Route::Quarantine => quarantine(parts, admit, &post, moment),
        Route::Ask => ask(parts, admit, &post, moment),
        Route::AskedAlready => count_asked(parts, admit, &post, &requests, moment),
        Route::Judge => {
            let mut lead = std::mem::take(&mut admit.lead);
            lead.lists = customer_lists(campaign, lists);
            judge_and_write(parts, admit, lead, &post, person, None, moment)
        }
    }?;
    if matches!(route, Route::Ask | Route::Repeat { mails: true }) {
        parts.velocity.note_mail(sender.as_ref(), moment.now_ms);
    }
    Ok(handled)
}

/// Gathers the facts by which the route is chosen. The submission's signals become its lead's.
fn facts<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    background: &Background<'_>,
    provenance: Provenance,
    moment: &Moment,
) -> Result<Facts, Fault> {
    let Background { post, person, lists, requests } = background;
    let standing = person.as_ref().map(Person::standing).unwrap_or_default();
    let suppressed = match suppressing(post.campaign, lists) {
        None if mentions_suppressed(parts, admit, post.campaign)? => Some(Suppression::ByCampaign),
        suppressed => suppressed,
    };
    let mut facts = Facts {
        must_confirm: must_confirm(parts, admit, post.campaign, suppressed, standing, moment)?,
        mail: may_mail(parts, admit, post.campaign, requests, provenance, moment),
        is_suppressed: suppressed.is_some(),
        is_suspicious: false,
        prior: post.prior.as_ref().map(|prior| prior.state),
        is_elsewhere: match (&post.prior, person) {
            (Some(prior), Some(person)) => prior.lead_id != person.lead_id,
            _ => false,
        },
        regains: regains(&admit.lead, standing),
    };
    if !facts.suppresses() {
        let cap = match facts.mail {
            Mail::TooMany(signal) if facts.must_confirm => Some(signal),
            _ => None,
        };
        facts.is_suspicious = weigh_signals(parts, admit, post, cap, provenance, moment)?;
    }
    Ok(facts)
}

/// Weighs the signals of a submission, which become its lead's, and a cap that it exceeds. Returns whether it
/// is quarantined for them. A submission that was accepted before is not doubted again.
fn weigh_signals<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    post: &Post<'_>,
    cap: Option<Signal>,
    provenance: Provenance,
    moment: &Moment,
) -> Result<bool, Fault> {
    let mut signals = match provenance {
        Provenance::Posted => signals_of(parts, admit, post.campaign, moment)?,
        Provenance::Released => std::mem::take(&mut admit.lead.signals),
    };
    let is_new = post.prior.as_ref().is_none_or(Prior::was_quarantined);
    signals.extend(cap.filter(|_| is_new).map(|signal| post.campaign.abuse.cap(signal)));
    let is_suspicious =
        provenance == Provenance::Posted && is_new && post.campaign.abuse.quarantines(&signals);
    admit.lead.signals = signals;
    // The evidence is of no further use, and must not be stored with a waiting submission.
    admit.evidence = Evidence { token: admit.evidence.token.take(), ..Evidence::default() };
    Ok(is_suspicious)
}

/// Returns whether the idempotency key of a submission belongs to another one.
fn is_key_reused<S: Store>(parts: &Parts<S>, admit: &Admit, moment: &Moment) -> Result<bool, Fault> {
    let Some(tag) = &admit.idempotency_tag else { return Ok(false) };
    let known = parts.db.submission_of_key(tag, moment.now_ms)?;
    Ok(known.is_some_and(|known| known != admit.submission_id))
}

/// Counts a submission that is rejected for its idempotency key.
fn count_reused_key<S: Store>(parts: &Parts<S>, bucket: Bucket) -> Result<Handled, Fault> {
    let problem = Tally {
        campaign: bucket.campaign,
        hour: bucket.hour,
        field: "Idempotency-Key".to_owned(),
        code: ProblemCode::IdempotencyKeyReused.as_str().to_owned(),
        count: 1,
    };
    let post = Tally { field: String::new(), code: Tally::REJECTED.to_owned(), ..problem.clone() };
    parts.db.add_tallies(&[problem, post])?;
    Ok(Handled::quiet(Reply::IdempotencyKeyReused))
}

/// Counts an exact repeat, and sends the mail of its request once more if allowed.
fn repeat<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    mails: bool,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let mut changes = Changes::default();
    changes.push(post.bucket.count_repeat());
    if let (true, Some(prior)) = (mails, &post.prior) {
        mail(&prior.lead_id, admit, post.campaign, moment, &mut changes);
    }
    parts.commit(changes)?;
    Ok(Handled { reply: Reply::Repeated, ..logged(admit, "repeat", json!({})) })
}

/// Counts a submission of somebody who is suppressed: only its arrival is stored.
fn suppress<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let until_ms = moment.now_ms + SUPPRESSED_MS;
    let lead_id = suppressed_lead(&admit.submission_id);
    let (id, state) = (&admit.submission_id, State::Suppressed);
    let mut changes = Changes::default();
    post.make_room(id, &mut changes);
    let row = NewSubmission {
        milestone: post.milestone(),
        ..NewSubmission::bare(&lead_id, id, state, moment.now_ms, until_ms)
    };
    row.add(post.bucket(), &mut changes);
    changes.push(post.count(state));
    remember(admit, moment.now_ms, &mut changes);
    parts.commit(changes)?;
    parts.presence.note_suppressed();
    Ok(logged(admit, "suppressed", json!({})))
}

/// Judges a submission by the rules, and stores all of it. `confirmed` are additional changes if the owner of
/// the address has just confirmed a request.
fn judge_and_write<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    lead: Lead,
    post: &Post<'_>,
    person: Option<Person>,
    confirmed: Option<Changes<'_>>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let given = ConsentChoices::of(&lead);
    let plan = match &person {
        None => {
            let waiting = post.prior.as_ref().filter(|prior| prior.state == State::Unconfirmed);
            let lead_id = waiting.map(|prior| prior.lead_id.clone());
            judge(post.campaign, lead, lead_id.unwrap_or_else(|| moment.new_id("lead_").into()))
        }
        Some(person) => {
            let plan = judge_known(&parts.db, &parts.consents, admit, lead, post.campaign, person)?;
            let is_duplicate = plan.state == State::Duplicate;
            if is_duplicate { keep_delivery_state(parts, admit, post, plan)? } else { plan }
        }
    };
    let handled = logged(
        admit,
        plan.state.as_str(),
        json!({
            "because": plan.because, "lead_id": plan.lead_id, "deliveries": plan.sends.len(),
        }),
    );
    write_admission(parts, Admission { admit, given, post, plan, person, confirmed }, moment)?;
    Ok(handled)
}

/// Keeps a duplicate in the state of its own earlier deliveries, which may still need the payload.
fn keep_delivery_state<'a, S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    mut plan: Plan<'a>,
) -> Result<Plan<'a>, Fault> {
    if let Some(own) = post.prior.as_ref().filter(|prior| prior.lead_id == plan.lead_id) {
        let of = Topic::submission(&own.lead_id, &admit.submission_id, own.format);
        plan.state = parts.db.state_by_deliveries(of)?.unwrap_or(State::Duplicate);
    }
    if !matches!(plan.state, State::Pending | State::Dead) {
        plan.payload = None;
    }
    Ok(plan)
}

/// Judges a submission whose owner has confirmed the address, as if it had just arrived. `confirmed` are the
/// additional changes.
fn admit_confirmed<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    post: &Post<'_>,
    confirmed: Changes<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let matches = living_matches(&parts.db, admit, moment)?;
    let person = person(parts, admit, &matches)?;
    let lists = lists_with(parts, &admit.list_tags)?;
    if suppressing(post.campaign, &lists) == Some(Suppression::ByCampaign)
        || mentions_suppressed(parts, admit, post.campaign)?
    {
        parts.commit(confirmed)?;
        return suppress(parts, admit, post, moment);
    }
    let mut lead = std::mem::take(&mut admit.lead);
    lead.lists = customer_lists(post.campaign, lists);
    judge_and_write(parts, admit, lead, post, person, Some(confirmed), moment)
}
