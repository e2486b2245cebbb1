//! The consents of an admission: the acts that they make, and the standing after them.

use std::rc::Rc;

use super::admission::Admission;
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::campaign::Campaign;
use crate::ledger::consents::acts::{Circumstances, NewAct, PurposeChange, ends_of};
use crate::ledger::consents::standing::Person;
use crate::ledger::db::act::Ends;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::pipeline::consent::{Act, ConsentState, Head, Personal, Standing, Terms, follow};

/// The acts of a submission: the consent, and its confirmation.
pub(super) struct Acts {
    pub(super) act: NewAct,
    pub(super) confirmation: Option<NewAct>,
}

impl Acts {
    pub(super) fn all(&self) -> impl Iterator<Item = &NewAct> {
        std::iter::once(&self.act).chain(&self.confirmation)
    }

    pub(super) fn head(&self) -> Head {
        Head::from(&*self.confirmation.as_ref().unwrap_or(&self.act).act)
    }

    /// Returns the act that confirms a purpose: it does not mention a refused one.
    pub(super) fn confirmed(&self, purpose: &str) -> Option<Rc<Act>> {
        let mentions = |one: &&NewAct| one.act.of(purpose).is_some();
        self.confirmation.as_ref().filter(mentions).map(|one| Rc::clone(&one.act))
    }
}

/// The consents of a submission after it.
pub(super) struct ConsentOutcome {
    /// The subjects of the submission, that of its consents first.
    pub(super) subjects: Vec<String>,
    /// `None` if it changes nothing.
    pub(super) acts: Option<Acts>,
    /// The standing of its subject.
    pub(super) standing: Vec<Standing>,
    /// True if the standing has changed.
    pub(super) is_moved: bool,
    pub(super) terms: Rc<Vec<Rc<Terms>>>,
    pub(super) ends: Ends,
    /// True if its act is stored in its row: nothing else is known of the person.
    pub(super) is_lone: bool,
}

/// Makes the acts of a submission, and computes the standing after them.
pub(super) fn consent<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    moment: &Moment,
) -> Result<ConsentOutcome, Fault> {
    let (campaign, given) = (admission.post.campaign, &admission.given);
    let terms = parts.consents.terms_of(campaign);
    let subjects = admission.subjects();
    let acts = acts_of(parts, admission, &subjects, &terms, moment)?;
    let before = admission.person.as_ref().map(Person::standing).unwrap_or_default();
    let mut standing = before.to_vec();
    for one in acts.iter().flat_map(Acts::all) {
        follow(&mut standing, &one.act, subjects.get(1..).unwrap_or_default());
    }
    let is_moved = standing != before;
    let is_lone = admission.person.is_none() && acts.as_ref().is_some_and(|acts| acts.confirmation.is_none());
    let ends = ends_of(campaign, &given.choices, given.at_ms);
    Ok(ConsentOutcome { subjects, acts, standing, is_moved, terms, ends, is_lone })
}

/// Makes the act of giving or refusing consents, and that of confirming the address. `None` if the lead is
/// known, and they change nothing: no standing, no expiry, no identifier, and nobody's right to have the
/// underlying act erased.
fn acts_of<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    subjects: &[String],
    terms: &[Rc<Terms>],
    moment: &Moment,
) -> Result<Option<Acts>, Fault> {
    let Admission { admit, given, post, plan, person, confirmed } = admission;
    let campaign = post.campaign;
    let state_of = |granted| match (granted, confirmed) {
        (false, _) => ConsentState::Refused,
        (true, None) => ConsentState::Given,
        (true, Some(_)) => ConsentState::Requested,
    };
    let chosen = given.choices.iter().filter_map(|(id, granted)| {
        let at = campaign.purposes.iter().position(|purpose| purpose.id == *id);
        let digest = at.and_then(|at| terms.get(at)).map(|terms| terms.digest.clone())?;
        Some((id.clone(), state_of(*granted), digest))
    });
    let chosen: Vec<PurposeChange> = chosen.collect();
    let tags: Vec<String> = admission.prints().iter().map(|print| print.tag.clone()).collect();
    if let (None, Some(person)) = (confirmed, person)
        && !says_something_new(parts, campaign, person, &chosen, subjects, &tags)?
    {
        return Ok(None);
    }
    let personal = Personal {
        subject: subjects.first().cloned().unwrap_or_default(),
        fingerprints: tags,
        submission_id: admit.submission_id.to_string(),
        method: given.method.clone(),
        page: given.page.clone(),
        gpc: given.gpc,
        shown: given.shown.clone(),
        ..Personal::default()
    };
    let previous = admission.lead_facts().and_then(|known| known.head.as_ref());
    let done = |at_ms, personal| Circumstances {
        at_ms,
        campaign: &campaign.id,
        personal,
        subjects: subjects.to_vec(),
    };
    let given = done(given.at_ms, personal);
    let act = parts.consents.next_act(previous, &plan.lead_id, chosen, given, moment)?;
    if confirmed.is_none() {
        return Ok(Some(Acts { act, confirmation: None }));
    }
    let requested = act.act.consents.iter().filter(|(_, state, _)| *state == ConsentState::Requested);
    let consents = requested.map(|(id, _, digest)| (id.clone(), ConsentState::Confirmed, digest.clone()));
    let personal = Personal {
        salt: String::new(),
        method: "link".to_owned(),
        shown: Vec::new(),
        ..(*act.personal).clone()
    };
    let head = Head::from(&*act.act);
    let (consents, done) = (consents.collect(), done(moment.now_ms, personal));
    let confirmation = parts.consents.next_act(Some(&head), &plan.lead_id, consents, done, moment)?;
    Ok(Some(Acts { act, confirmation: Some(confirmation) }))
}

/// Returns whether a submission of a person changes anything of their consents.
fn says_something_new<S: Store>(
    parts: &Parts<S>,
    campaign: &Campaign,
    person: &Person,
    chosen: &[PurposeChange],
    subjects: &[String],
    tags: &[String],
) -> Result<bool, Fault> {
    let is_change = |(id, state, digest): &PurposeChange| {
        let ends = campaign.purposes.iter().any(|one| one.id == *id && one.retention_days.is_some());
        changes(person.standing(), id, *state, digest, ends)
    };
    let is_others = |one: &Standing| {
        chosen.iter().any(|(id, ..)| *id == one.purpose)
            && one.by.with.iter().any(|other| !subjects.contains(other))
    };
    let has_acted = person.known.head.is_some() && person.known.knows(&person.subject);
    Ok(!has_acted
        || chosen.iter().any(is_change)
        || person.standing().iter().any(is_others)
        || !parts.db.has_identifiers(&person.lead_id, tags)?)
}

/// Returns whether an act changes a purpose. A granted one is granted anew if its terms are others, or if it
/// would expire later.
fn changes(standing: &[Standing], purpose: &str, state: ConsentState, terms: &str, ends: bool) -> bool {
    let Some(one) = standing.iter().find(|one| one.purpose == purpose) else { return true };
    match state {
        ConsentState::Refused => one.state == ConsentState::Requested,
        _ => !one.state.is_valid() || one.by.terms != terms || ends,
    }
}
