//! Access: everything that is stored about a person, as far as its subject is an identifier that they can
//! prove. Other identifiers of a lead are mentioned, but not shown.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::asker::Asker;
use super::history::history_shown;
use super::page::{LeadPage, Position};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::json::{object_of, value_of};
use crate::base::time::rfc3339;
use crate::contact::{Email, Phone};
use crate::ledger::admit::lists::lists_with;
use crate::ledger::api::{Access, Report};
use crate::ledger::consents::open::CountedSubmission;
use crate::ledger::consents::payload::Payload;
use crate::ledger::db::shown::SubmissionShown;
use crate::ledger::db::store::{SealedCell, Store};
use crate::ledger::db::submission_row::CountedRow;
use crate::ledger::db::{json_list, object};
use crate::ledger::parts::Parts;
use crate::ledger::vault::{consent_context, payload_context};
use crate::ledger::wire::Admit;
use crate::pipeline::consent::Standing;
use crate::pipeline::lead::{Contact, Identifier, Lead, subject};

/// The number of rows in a page, submissions and acts: each may have to be opened, and leads must not wait
/// for long.
const PAGE_ROWS: i64 = 200;

/// The texts in place of withheld data.
const OTHER_IDENTIFIER: &str = "Some of these submissions also carry an e-mail address or a phone number that \
                                was not asked about. It is not shown.";
const OTHER_PEOPLE: &str = "The lead is also known by identifiers that were not asked about. What came under \
                            them is not shown.";

/// Reports a page of everything that is stored about the subjects of these fingerprints. `None` if the cursor
/// is not valid.
pub(in crate::ledger) fn access<S: Store>(
    parts: &Parts<S>,
    request: &Access,
) -> Result<Option<Report>, Fault> {
    let asker = Asker::of(&request.fingerprints);
    let from = match request.after.as_deref().filter(|after| !after.is_empty()).map(Position::parse) {
        Some(None) => return Ok(None),
        from => from.flatten(),
    };
    let mut left = PAGE_ROWS;
    let (mut leads, mut next) = (Vec::new(), None);
    for lead_id in asker.leads(&parts.db)? {
        let from = from.as_ref().filter(|from| from.lead_id >= lead_id);
        if from.is_some_and(|from| from.lead_id != lead_id) {
            continue;
        }
        let (shown, end) = lead_shown(parts, &lead_id, &asker, from, &mut left)?;
        leads.extend(shown);
        next = end;
        if next.is_some() {
            break;
        }
    }
    let is_first = from.is_none();
    let mentions = if is_first { mentions_of(parts, &asker)? } else { Vec::new() };
    let lists = if is_first { lists_with(parts, &request.list_tags)? } else { Vec::new() };
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "leads": leads, "mentions": mentions, "lists": lists,
        "next": next.map(|end| end.to_text()),
    }))))
}

/// Returns what is stored about an asker in a lead after a position, and the position where the page ends, if
/// it does there.
fn lead_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
    from: Option<&Position>,
    left: &mut i64,
) -> Result<(Option<Value>, Option<Position>), Fault> {
    let asker = &asker.in_lead(&parts.consents.lead_facts(lead_id, &asker.subjects)?);
    let mut shown = LeadPage::default();
    let mut next = None;
    if !from.is_some_and(|from| from.in_acts) {
        let after = from.map(|from| from.after.as_str()).unwrap_or_default();
        next = submissions_shown(parts, lead_id, asker, after, left, &mut shown)?;
    }
    if next.is_none() {
        let after = from.filter(|from| from.in_acts).map(|from| from.after.as_str()).unwrap_or_default();
        next = history_shown(parts, lead_id, asker, after.parse().unwrap_or(0), left, &mut shown)?;
    }
    let is_first = from.is_none();
    let consents = consents_shown(parts, lead_id, asker, is_first, &shown)?;
    let fingerprints = if is_first { fingerprints_shown(parts, lead_id, asker)? } else { Vec::new() };
    let is_something = !shown.submissions.is_empty() || !shown.history.is_empty() || !fingerprints.is_empty();
    let texts = [(shown.has_other_identifiers, OTHER_IDENTIFIER), (shown.has_other_people, OTHER_PEOPLE)];
    let not_shown: Vec<_> = texts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect();
    let ids: Vec<_> = shown.ids.iter().collect();
    let standings = parts.consents.standings(lead_id)?;
    let is_all_theirs = standings.iter().all(|(subject, _)| asker.subjects.contains(subject));
    let (of, whose) = (json_list(&ids), json_list(&asker.subjects));
    let recipients = parts.db.recipients_shown(lead_id, of.clone(), whose, is_first, is_all_theirs)?;
    let lead = json!({
        "lead_id": lead_id,
        "consents": consents,
        "downloads": parts.db.downloads_shown(of)?,
        "recipients": recipients,
        "fingerprints": fingerprints,
        "not_shown": not_shown,
        "submissions": shown.submissions,
        "history": shown.history,
    });
    Ok((is_something.then_some(lead), next))
}

/// Adds a page of a lead's submissions.
fn submissions_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
    after: &str,
    left: &mut i64,
    into: &mut LeadPage,
) -> Result<Option<Position>, Fault> {
    let limit = (*left).max(1);
    let rows = parts.db.submissions_shown(lead_id, after, limit)?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    let mut last = String::new();
    for row in rows {
        *left -= 1;
        last = row.submission_id.to_string();
        submission_shown(parts, lead_id, asker, row, into)?;
    }
    Ok(full.then(|| Position { lead_id: lead_id.clone(), in_acts: false, after: last }))
}

/// Adds a submission, if it is the asker's.
fn submission_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
    row: SubmissionShown,
    into: &mut LeadPage,
) -> Result<(), Fault> {
    let SubmissionShown { submission_id, state, bucket, subjects, own, payload, shown, consent } = row;
    let row = CountedRow { submission_id, state, bucket, subjects, own };
    let mut one = parts.consents.counted(lead_id, row);
    let mut about = object(&shown)?;
    let context = payload_context(lead_id, &one.submission_id);
    let whole = payload.as_ref().filter(|_| one.state.is_unjudged());
    let whole = whole.and_then(|payload| parts.vault.open_sealed::<Admit>(payload, &context).ok());
    if let (true, Some(admit)) = (one.subjects.is_empty(), &whole) {
        one.subjects = admit.fingerprints.iter().map(|print| subject(&print.tag)).collect();
    }
    // If it has no subject, only its arrival is known.
    let is_theirs = asker.is_among(&one.subjects) || one.subjects.is_empty();
    into.has_other_people |= !is_theirs;
    into.has_other_identifiers |= is_theirs && !asker.is_alone_among(&one.subjects);
    let data = match (payload, whole) {
        (Some(_), Some(admit)) if is_theirs => {
            Some(json!({ "lead": lead_for(parts, &admit.lead, asker, into) }))
        }
        (Some(payload), None) => payload_shown(parts, &payload, lead_id, &one, asker, into),
        _ => None,
    };
    if is_theirs || data.is_some() {
        if !is_theirs {
            // Of another subject's submission only the asker's parts are shown.
            about.retain(|name, _| name == "submission_id");
        }
        if let Some(data) = data {
            about.insert("data".to_owned(), data);
        }
        if let (true, Some(consent)) = (is_theirs, consent) {
            // In a row from before format 3.
            let consent = parts.vault.open_sealed(&consent, &consent_context(lead_id, &one.submission_id));
            about.insert("consent".to_owned(), consent.unwrap_or_default());
        }
        into.submissions.push(Value::Object(about));
        into.ids.insert(one.submission_id);
    }
    Ok(())
}

/// Returns the asker's parts of a payload: the submission's own lead, and the earlier ones merged into it. A
/// payload that no living key opens counts as erased.
fn payload_shown<S: Store>(
    parts: &Parts<S>,
    sealed: &SealedCell,
    lead_id: &LeadId,
    one: &CountedSubmission,
    asker: &Asker<'_>,
    into: &mut LeadPage,
) -> Option<Value> {
    let context = payload_context(lead_id, &one.submission_id);
    let payload: Payload = parts.vault.open_sealed(sealed, &context).ok()?;
    // A merged payload from before format 4 does not name the subjects of its parts: its acts do, if they
    // agree.
    let of_acts = || {
        let acts = parts.db.acts(lead_id).ok()?;
        let named = acts.iter().filter(|one| payload.acts.contains(&one.act.seq));
        let whose = named.map(|one| parts.consents.subjects_of(lead_id, one));
        Some(whose.into_iter().all(|whose| asker.is_among(&whose)))
    };
    let is_theirs = match payload.acts.len() {
        _ if !payload.subjects.is_empty() => asker.is_among(&payload.subjects),
        0 => asker.tags.contains(&payload.first),
        1 => asker.is_among(&one.subjects),
        _ => of_acts().unwrap_or(false),
    };
    let mut data = Map::new();
    if is_theirs {
        data.insert("lead".to_owned(), lead_for(parts, payload.own_lead(), asker, into));
        let all = payload.parts.iter().all(|part| asker.is_among(&part.subjects));
        if all {
            data.insert("score".to_owned(), value_of(&payload.score));
        }
    } else {
        into.has_other_people = true;
    }
    let mut taken_up = Vec::new();
    for part in &payload.parts {
        if asker.is_among(&part.subjects) {
            let lead = lead_for(parts, &part.lead, asker, into);
            taken_up.push(json!({ "submission_id": part.submission_id, "lead": lead }));
        } else {
            into.has_other_people = true;
        }
    }
    if !taken_up.is_empty() {
        data.insert("taken_up".to_owned(), taken_up.into());
    }
    (!data.is_empty()).then_some(Value::Object(data))
}

/// Returns a lead with the asker's contact, and no other.
fn lead_for<S: Store>(parts: &Parts<S>, lead: &Lead, asker: &Asker<'_>, into: &mut LeadPage) -> Value {
    let identity = &parts.config.identity;
    let email = lead.contact.email.clone();
    let phone = lead.contact.phone.clone();
    let by_email = |email: &String| asker.is_by(identity, Email::parse(email).map(Identifier::Email));
    let by_phone = |phone: &String| asker.is_by(identity, Phone::parse(phone, None).map(Identifier::Phone));
    let contact = Contact { email: email.filter(by_email), phone: phone.filter(by_phone) };
    into.has_other_identifiers |= contact != lead.contact;
    let mut lead = lead.clone();
    // Data derived from an address or a number reveals as much as that.
    if contact.email != lead.contact.email {
        lead.email_kind = None;
    }
    let is_answered = |country: &String| lead.answers.values().any(|answer| answer == country.as_str());
    if contact.phone != lead.contact.phone && !lead.country.as_ref().is_some_and(is_answered) {
        lead.country = None;
    }
    value_of(&Lead { contact, ..lead })
}

/// Returns the standing of the asker, and, as far as this page shows it, that of other subjects whose
/// submissions have the asker's identifier.
fn consents_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
    is_first: bool,
    shown: &LeadPage,
) -> Result<Vec<Value>, Fault> {
    let mut standing = shown.standing.clone();
    if is_first {
        for (subject, own) in parts.consents.lead_facts(lead_id, &asker.subjects)?.into_standings() {
            if asker.subjects.contains(&subject) {
                standing.extend(own);
            }
        }
    }
    let one = |one: Standing| json!({ "purpose": one.purpose, "state": value_of(&one.state), "since": rfc3339(one.since_ms) });
    Ok(standing.into_iter().map(one).collect())
}

/// Returns the identifiers of the asker in a lead: kinds and key ids, because the hashes never leave the
/// system.
fn fingerprints_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
) -> Result<Vec<String>, Fault> {
    let mut all = BTreeSet::new();
    for tag in parts.db.identifiers_of(lead_id, asker.tags)? {
        all.insert(tag.rsplit_once('.').map_or_else(String::new, |(public, _)| public.to_owned()));
    }
    Ok(all.into_iter().collect())
}

/// Returns the waiting submissions of others that have the asker's address or number in a further field.
fn mentions_of<S: Store>(parts: &Parts<S>, asker: &Asker<'_>) -> Result<Vec<Value>, Fault> {
    let mut mentions = Vec::new();
    for (lead_id, submission_id) in parts.db.mentions(asker.tags)? {
        let Some(waiting) = parts.consents.waiting(&lead_id, &submission_id)? else { continue };
        let fields = |lead: &Lead| {
            let fields = asker.fields_in(&parts.config.identity, lead).into_iter();
            fields
                .filter_map(|field| lead.answers.get(&field).cloned().map(|answer| (field, answer)))
                .collect::<Vec<_>>()
        };
        let fields = object_of(waiting.leads().flat_map(fields));
        mentions.push(json!({
            "submission_id": submission_id, "campaign": waiting.campaign, "fields": fields,
        }));
    }
    Ok(mentions)
}
