//! Admission of a post: whose it is, what happens with it, and all of it written in one step.

pub mod double_opt_in;
pub mod existing_lead;
pub mod lists;
pub mod quarantine;
pub mod velocity;
pub mod write;

use super::presence::SUPPRESSED_LEADS;
use crate::ledger::admit::double_opt_in::ignore_request;
use crate::ledger::admit::double_opt_in::mail_again;
use crate::ledger::admit::double_opt_in::may_mail;
use crate::ledger::admit::double_opt_in::must_confirm;
use crate::ledger::admit::double_opt_in::note_mail;
use crate::ledger::admit::double_opt_in::request;
use crate::ledger::admit::double_opt_in::requests;
use crate::ledger::admit::existing_lead::judge_known;
use crate::ledger::admit::lists::lists_with;
use crate::ledger::admit::quarantine::quarantine;
use crate::ledger::admit::quarantine::signs_of;
use crate::ledger::admit::write::write_admission;
use crate::ledger::parts::Parts;
use crate::ledger::report::tally;

use serde_json::{Value, json};

use self::double_opt_in::{Mail, Requests};
use self::existing_lead::{Held, regains};
use self::lists::{Suppression, customer_lists, suppressing};
use self::quarantine::quarantined_lead;
use self::write::{Admission, Given};
use super::consents::standing::{Had, Person};
use super::db::funnel::{Milestone, Steps};
use super::db::rows::{KEEP_ACT, SubmissionRow, remember};
use super::db::schema::ROW_FORMAT;
use super::db::store::{Arg, Store, Write, union_all, write};
use super::db::submission_state::Bucket;
use super::db::submission_state::State;
use super::handled::Handled;
use super::retention::DEAD_DAYS;
use super::wire::{Admit, Answer, Tally};
use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, Moment};
use crate::campaign::{Campaign, Destination, IdentifierKind, Signal};
use crate::pipeline::abuse::Evidence;
use crate::pipeline::lead::{Fingerprint, Lead, recognising, subject};
use crate::pipeline::scoring;
use crate::pipeline::scoring::{Decision, Score};

/// How long an exact repeat of a suppressed post is known as such: as long as a dead letter.
const SUPPRESSED_MS: i64 = DEAD_DAYS * DAY_MS;

/// Leads behind one identifier that are looked at, the newest. More share a phone where somebody makes it so;
/// a post costs the same then.
const MAX_LEADS: usize = 8;

/// The event of a delivery, as the webhook names it.
pub(super) const QUALIFIED: &str = "lead.qualified";
pub(super) const UPDATED: &str = "lead.updated";

/// What is to be written of one submission.
pub(super) struct Plan<'a> {
    pub(super) lead_id: String,
    pub(super) state: State,
    /// Why, for the log.
    pub(super) because: &'static str,
    /// Kept until the last delivery is confirmed, or while held.
    pub(super) payload: Option<(Lead, Score)>,
    pub(super) sends: Vec<(&'a Destination, &'static str)>,
    /// The held submission that this one has taken up.
    pub(super) supersedes: Option<Held>,
    /// Who has had the lead before, where it was there.
    pub(super) had: Vec<Had>,
    /// The campaign has not followed its lead up before.
    pub(super) is_first: bool,
}

/// An earlier row of the very same submission, which the new one takes the place of.
pub(super) struct Prior {
    pub(super) lead_id: String,
    pub(super) state: State,
    pub(super) bucket: Bucket,
    /// Whether it is the row of a lead, not of a request.
    pub(super) is_lead: bool,
    pub(super) milestone: Milestone,
    pub(super) format: i64,
    /// The subject of its consents, where its row says so.
    pub(super) subject: Option<String>,
}

impl Prior {
    /// Whether its row is under somebody's lead, and not under one that is made from the submission.
    pub(super) fn is_somebody(&self) -> bool {
        !matches!(self.state, State::Suppressed | State::Quarantined | State::Discarded)
    }
}

/// By which way a post comes to be judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Somebody has sent it.
    Posted,
    /// An operator has released it from quarantine.
    Released,
}

/// A lead that a fingerprint leads to.
struct Match {
    tag: String,
    lead_id: String,
    last_ms: i64,
}

/// Judges a lead. Whatever it is, something is written before the answer, so that neither the
/// answer nor its time tells whether the person is known.
pub(super) fn admit<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let quiet = |answer| Ok(Handled::quiet(answer));
    let Some(campaign) =
        parts.campaigns.of_message(&admit.campaign, &admit.revision, admit.stored.as_deref())?
    else {
        return quiet(Answer::CampaignUnknown);
    };
    if let Some(throttled) = parts.velocity.note(admit, &campaign, moment.now_ms) {
        return quiet(throttled);
    }
    admit_to(parts, &campaign, admit, Door::Posted, moment)
}

/// The same, of a post that may come in.
pub(super) fn admit_to<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    admit: &mut Admit,
    door: Door,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let quiet = |answer| Ok(Handled::quiet(answer));
    let matches = living_matches(parts, admit, moment)?;
    let bucket = parts.sources.bucket(&parts.db, &admit.campaign, &admit.source, moment.now_ms)?;
    if key_is_taken(parts, admit, moment)? {
        let problem = Tally {
            campaign: bucket.campaign,
            hour: bucket.hour,
            field: "Idempotency-Key".to_owned(),
            code: "idempotency_key_reused".to_owned(),
            count: 1,
        };
        let post = Tally { field: String::new(), code: Tally::REJECTED.to_owned(), ..problem.clone() };
        tally(parts, &[problem, post])?;
        return quiet(Answer::IdempotencyKeyReused);
    }
    let sender = admit.evidence.sender.clone();
    let lists = lists_with(parts, &admit.list_tags)?;
    let requests = requests(parts, admit, campaign, moment)?;
    let prior = prior(parts, admit, &matches, &requests)?;
    let person = person(parts, admit, &matches)?;
    let standing = person.as_ref().map(Person::standing).unwrap_or_default();
    let suppressed = match suppressing(campaign, &lists) {
        None if mentions_suppressed(parts, admit, campaign)? => Some(Suppression::ByCampaign),
        suppressed => suppressed,
    };
    let post = Post { campaign, bucket, prior };
    let must_confirm = must_confirm(parts, admit, campaign, suppressed, standing, moment)?;
    let mail = may_mail(parts, admit, campaign, &requests, door, moment);
    let step = match suppressed {
        // Whoever has said that it was not them is not asked for a while.
        _ if must_confirm && mail == Mail::Refused => Step::Suppress,
        _ if must_confirm => Step::Request { mail },
        Some(_) => Step::Suppress,
        None => Step::Judge,
    };
    let step = match step {
        Step::Suppress => Step::Suppress,
        step => {
            let cap = match step {
                Step::Request { mail: Mail::TooMany(signal) } => Some(signal),
                _ => None,
            };
            if is_put_aside(parts, admit, &post, cap, door, moment)? { Step::Quarantine } else { step }
        }
    };
    let is_elsewhere = match (&post.prior, &person) {
        (Some(prior), Some(person)) => prior.lead_id != person.lead_id,
        _ => false,
    };
    let is_news = match (&step, post.prior.as_ref().map(|prior| prior.state)) {
        (_, None) => true,
        // The row that waits stays; its owner may get the mail once more.
        (Step::Request { .. }, Some(State::Unconfirmed)) | (Step::Quarantine, Some(_)) => false,
        // It shows fewer signs now, or was released.
        (_, Some(State::Quarantined | State::Discarded)) => true,
        (Step::Suppress, Some(_)) => false,
        // A payload that is still needed keeps its place.
        (Step::Request { .. }, Some(State::Pending | State::Dead | State::Held)) => false,
        // So does that of somebody else whom the post leads to as well.
        (Step::Judge, Some(State::Pending | State::Dead)) if is_elsewhere => false,
        (Step::Judge, Some(State::Suppressed | State::Unconfirmed)) => true,
        (Step::Request { mail }, Some(_)) => *mail == Mail::Free,
        (Step::Judge, Some(_)) => regains(&admit.lead, standing),
    };
    if !is_news {
        let waiting = post.prior.as_ref().filter(|prior| prior.state == State::Unconfirmed);
        let again = waiting.is_some() && matches!(step, Step::Request { mail: Mail::Free });
        let mut writes = vec![post.bucket.count_repeat()];
        if let (true, Some(prior)) = (again, waiting) {
            writes.extend(mail_again(&prior.lead_id, admit, campaign, moment));
        }
        parts.db.write_all(&writes)?;
        note_mail(parts, campaign, again, moment);
        if again {
            parts.velocity.note_mail(sender.as_ref(), moment.now_ms);
        }
        return Ok(Handled { answer: Answer::Repeated, ..logged(admit, "repeat", json!({})) });
    }
    match step {
        Step::Suppress => suppress(parts, admit, &post, moment),
        Step::Quarantine => quarantine(parts, admit, &post, moment),
        Step::Request { mail: Mail::Free } => {
            let answered = request(parts, admit, &post, moment)?;
            parts.velocity.note_mail(sender.as_ref(), moment.now_ms);
            Ok(answered)
        }
        Step::Request { .. } => ignore_request(parts, admit, &post, &requests, moment),
        Step::Judge => {
            let mut lead = std::mem::take(&mut admit.lead);
            lead.lists = customer_lists(campaign, lists);
            judge_and_write(parts, admit, lead, &post, person, None, moment)
        }
    }
}

/// Whether a post is put aside for its signs, which its lead bears from now on, or for a cap that it is
/// beyond. What was accepted before is not doubted again.
fn is_put_aside<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    post: &Post<'_>,
    cap: Option<Signal>,
    door: Door,
    moment: &Moment,
) -> Result<bool, Fault> {
    let mut signs = match door {
        Door::Posted => signs_of(parts, admit, post.campaign, moment)?,
        Door::Released => std::mem::take(&mut admit.lead.signals),
    };
    let was_aside = |prior: &Prior| matches!(prior.state, State::Quarantined | State::Discarded);
    let is_new = post.prior.as_ref().is_none_or(was_aside);
    signs.extend(cap.filter(|_| is_new).map(|signal| post.campaign.abuse.cap(signal)));
    let is_put_aside = door == Door::Posted && is_new && post.campaign.abuse.quarantines(&signs);
    admit.lead.signals = signs;
    // What was met is of no use any more, and must not be kept with what waits.
    admit.evidence = Evidence { token: admit.evidence.token.take(), ..Evidence::default() };
    Ok(is_put_aside)
}

/// The rules decide, and all of it is written. `confirmed` where the owner of the address has
/// confirmed a request just now.
fn judge_and_write<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    lead: Lead,
    post: &Post<'_>,
    person: Option<Person>,
    confirmed: Option<Vec<Write<'_>>>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let given = Given::of(&lead);
    let plan = match &person {
        None => {
            let lead_id = post.prior.as_ref().filter(|prior| prior.state == State::Unconfirmed);
            let lead_id = lead_id.map_or_else(|| moment.new_id("lead_"), |prior| prior.lead_id.clone());
            judge(post.campaign, lead, lead_id)
        }
        Some(person) => {
            let mut plan = judge_known(parts, admit, lead, post.campaign, person)?;
            if plan.state == State::Duplicate {
                // Its own earlier deliveries may still wait for the payload.
                let own = post.prior.as_ref().filter(|prior| prior.lead_id == plan.lead_id);
                let state = own.map(|prior| parts.outbox.state_by_deliveries(prior, &admit.submission_id));
                plan.state = state.transpose()?.flatten().unwrap_or(State::Duplicate);
                if !matches!(plan.state, State::Pending | State::Dead) {
                    plan.payload = None;
                }
            }
            plan
        }
    };
    let answered = logged(
        admit,
        plan.state.as_str(),
        json!({
            "because": plan.because, "lead_id": plan.lead_id, "deliveries": plan.sends.len(),
        }),
    );
    write_admission(parts, Admission { admit, given, post, plan, person, confirmed }, moment)?;
    Ok(answered)
}

/// Judges a submission whose owner has confirmed the address, as if it had come just now.
pub(super) fn admit_confirmed<S: Store>(
    parts: &Parts<S>,
    admit: &mut Admit,
    post: &Post<'_>,
    beside: Vec<Write<'_>>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let matches = living_matches(parts, admit, moment)?;
    let person = person(parts, admit, &matches)?;
    let lists = lists_with(parts, &admit.list_tags)?;
    if suppressing(post.campaign, &lists) == Some(Suppression::ByCampaign)
        || mentions_suppressed(parts, admit, post.campaign)?
    {
        parts.db.write_all(&beside)?;
        return suppress(parts, admit, post, moment);
    }
    let mut lead = std::mem::take(&mut admit.lead);
    lead.lists = customer_lists(post.campaign, lists);
    judge_and_write(parts, admit, lead, post, person, Some(beside), moment)
}

/// The leads that are known by one of the post's identifiers and whose window has not passed.
fn living_matches<S: Store>(parts: &Parts<S>, admit: &Admit, moment: &Moment) -> Result<Vec<Match>, Fault> {
    let prints = recognising(&admit.fingerprints, &admit.by);
    let sql = matching(prints.len());
    let mut args: Vec<Arg<'_>> = prints.iter().map(|print| (&print.tag).into()).collect();
    args.push(moment.now_ms.into());
    let mut matches = Vec::new();
    for mut row in parts.db.rows(&sql, &args)? {
        if row.int(3)? > ROW_FORMAT {
            return Err(Fault::new("a row of this person is newer than this code"));
        }
        matches.push(Match { tag: row.text(0)?, lead_id: row.text(1)?, last_ms: row.int(2)? });
    }
    Ok(matches)
}

/// Whose post it is: where identifiers match two people, the e-mail's; of several leads behind
/// one identifier, the one that was heard of last.
fn person<S: Store>(parts: &Parts<S>, admit: &Admit, matches: &[Match]) -> Result<Option<Person>, Fault> {
    let kind_of = |tag: &str| admit.fingerprints.iter().find(|print| print.tag == tag).map(|p| p.kind);
    let by_email = |found: &&Match| kind_of(&found.tag) == Some(IdentifierKind::Email);
    let found = matches
        .iter()
        .max_by_key(|found| (by_email(found), found.last_ms, std::cmp::Reverse(&found.lead_id)));
    let Some(lead_id) = found.map(|found| found.lead_id.clone()) else { return Ok(None) };
    let of_lead = matches.iter().filter(|found| found.lead_id == lead_id);
    let is_known_by = |kind: &IdentifierKind| of_lead.clone().any(|found| kind_of(&found.tag) == Some(*kind));
    let recognised_by = IdentifierKind::ALL.into_iter().filter(is_known_by).collect();
    let names = subject_names(&admit.fingerprints);
    let known = parts.consents.known(&lead_id, &names)?;
    let subject = known.name_of(&names).or_else(|| names.first().cloned()).unwrap_or_default();
    Ok(Some(Person { lead_id, recognised_by, subject, known }))
}

/// Whether a further field of the post has an address or number that is to hear nothing.
fn mentions_suppressed<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
) -> Result<bool, Fault> {
    let mentioned = parts.config.identity.mentioned(&admit.lead, campaign);
    let tags: Vec<_> = mentioned.iter().flat_map(|(_, one)| parts.config.identity.list_tags(one)).collect();
    Ok(suppressing(campaign, &lists_with(parts, &tags)?).is_some())
}

/// The row of this very submission, where it was accepted before.
fn prior<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    matches: &[Match],
    requests: &Requests,
) -> Result<Option<Prior>, Fault> {
    let suppressed = parts.presence.has_suppressed().then(|| suppressed_lead(&admit.submission_id));
    let quarantined = parts.presence.has_quarantined().then(|| quarantined_lead(&admit.submission_id));
    let known = matches.iter().map(|found| &found.lead_id).chain(requests.leads());
    let sql =
        "SELECT state, campaign, hour, source, consent <> '' OR stands_by IS NOT NULL, milestone, format,
                 json_extract(subjects, '$[0]') FROM submission WHERE lead_id = ? AND submission_id = ?";
    for lead_id in known.chain(&suppressed).chain(&quarantined) {
        let args = [lead_id.into(), (&admit.submission_id).into()];
        let Some(mut row) = parts.db.row(sql, &args)? else { continue };
        let state = State::parse(&row.text(0)?).ok_or_else(|| Fault::new("a state is not known"))?;
        let bucket = Bucket { campaign: row.text(1)?, hour: row.int(2)?, source: row.text(3)? };
        let is_lead = row.int(4)? == 1;
        let milestone = Milestone::of(row.int(5)?);
        let (format, subject) = (row.int(6)?, row.optional_text(7));
        let lead_id = lead_id.clone();
        return Ok(Some(Prior { lead_id, state, bucket, is_lead, milestone, format, subject }));
    }
    Ok(None)
}

fn key_is_taken<S: Store>(parts: &Parts<S>, admit: &Admit, moment: &Moment) -> Result<bool, Fault> {
    let Some(tag) = &admit.idempotency_tag else {
        return Ok(false);
    };
    let sql = "SELECT submission_id FROM idempotency WHERE tag = ? AND expires_ms > ?";
    let row = parts.db.row(sql, &[tag.into(), moment.now_ms.into()])?;
    row.map_or(Ok(false), |mut row| Ok(row.text(0)? != admit.submission_id))
}

/// Someone on a suppression list posts: nothing of it is kept but that it came.
fn suppress<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let until_ms = moment.now_ms + SUPPRESSED_MS;
    let lead_id = suppressed_lead(&admit.submission_id);
    let (id, state) = (&admit.submission_id, State::Suppressed);
    let row = SubmissionRow {
        milestone: post.milestone(),
        ..SubmissionRow::bare(&lead_id, id, state, moment.now_ms, until_ms)
    };
    let mut writes = post.make_room(&admit.submission_id);
    writes.extend([row.write(post.bucket()), post.count(State::Suppressed)]);
    writes.extend(remember(admit, moment.now_ms));
    parts.db.write_all(&writes)?;
    parts.presence.note_suppressed();
    Ok(logged(admit, "suppressed", json!({})))
}

/// In SQL: the leads that so many fingerprints lead to, whose windows end after a time.
fn matching(prints: usize) -> String {
    let newest = format!(
        "SELECT * FROM (SELECT tag, lead_id FROM fingerprint WHERE tag = ? ORDER BY lead_id DESC
           LIMIT {MAX_LEADS})"
    );
    let found = union_all(vec![newest; prints]);
    // Of a lead without a row of its own all follows from its only submission.
    let of_lead = |column: &str, kept: &str| {
        format!("coalesce(l.{kept}, (SELECT max({column}) FROM submission s WHERE s.lead_id = f.lead_id))")
    };
    format!(
        "SELECT f.tag, f.lead_id, {}, {} FROM ({found}) f LEFT JOIN lead l ON l.lead_id = f.lead_id
         WHERE {} > ?",
        of_lead("at_ms", "last_ms"),
        of_lead("format", "format"),
        of_lead("known_until_ms", "known_until_ms"),
    )
}

/// What is decided of a post beside who it is.
pub(super) struct Post<'a> {
    pub(super) campaign: &'a Campaign,
    pub(super) bucket: Bucket,
    pub(super) prior: Option<Prior>,
}

impl Post<'_> {
    /// The counter that counts it: a submission keeps the one of its first time.
    pub(super) fn bucket(&self) -> &Bucket {
        self.prior.as_ref().map_or(&self.bucket, |prior| &prior.bucket)
    }

    pub(super) fn count(&self, state: State) -> Write<'_> {
        self.count_steps(state, Steps::NONE)
    }

    pub(super) fn count_steps(&self, state: State, steps: Steps) -> Write<'_> {
        match &self.prior {
            None => self.bucket.count(state, steps),
            Some(prior) => prior.bucket.transfer(prior.state, state, steps),
        }
    }

    /// How far it came before.
    pub(super) fn milestone(&self) -> Milestone {
        self.prior.as_ref().map_or(Milestone::Nothing, |prior| prior.milestone)
    }

    /// An earlier row of it goes; its act stays in the history.
    pub(super) fn make_room(&self, submission_id: &str) -> Vec<Write<'_>> {
        let Some(prior) = &self.prior else { return Vec::new() };
        let place = || [(&prior.lead_id).into(), submission_id.to_owned().into()];
        let drop = "DELETE FROM submission WHERE lead_id = ? AND submission_id = ?";
        let keep = format!("{KEEP_ACT} WHERE lead_id = ? AND submission_id = ? AND act IS NOT NULL");
        vec![write(keep, place()), write(drop, place())]
    }
}

/// What happens with a post.
enum Step {
    /// The rules decide.
    Judge,
    /// Its person wants nothing.
    Suppress,
    /// It looks like abuse.
    Quarantine,
    /// The owner of the address is asked first, by mail where one may be sent.
    Request { mail: Mail },
}

/// The names that the subject of a post's consents may have: that of its first identifier under every pepper,
/// the current one first.
pub(super) fn subject_names(fingerprints: &[Fingerprint]) -> Vec<String> {
    let first = fingerprints.first().map(|print| print.kind);
    let of_first = fingerprints.iter().filter(|print| Some(print.kind) == first);
    of_first.map(|print| subject(&print.tag)).collect()
}

/// What is answered and logged of a decision.
pub(super) fn logged(admit: &Admit, decision: &str, more: Value) -> Handled {
    let mut log = json!({
        "event": "decision", "campaign": admit.campaign, "submission_id": admit.submission_id,
        "decision": decision,
    });
    if let (Some(log), Value::Object(more)) = (log.as_object_mut(), more) {
        log.extend(more);
    }
    Handled { answer: Answer::Admitted, log: Some(log) }
}

/// The lead that a suppressed submission's row is under.
fn suppressed_lead(submission_id: &str) -> String {
    let [prefix, _] = SUPPRESSED_LEADS;
    format!("{prefix}{submission_id}")
}

/// A lead that this campaign has not followed up yet: the rules decide.
pub(super) fn judge(campaign: &Campaign, lead: Lead, lead_id: String) -> Plan<'_> {
    let score = scoring::score(campaign, &lead);
    let (state, because, sends) = match scoring::decide(campaign, &lead, &score) {
        Decision::Forward(to) => {
            (State::Pending, "qualified", to.into_iter().map(|d| (d, QUALIFIED)).collect())
        }
        Decision::Hold(because) => (State::Held, because, Vec::new()),
    };
    let payload = Some((lead, score));
    Plan { lead_id, state, because, payload, sends, supersedes: None, had: Vec::new(), is_first: true }
}
