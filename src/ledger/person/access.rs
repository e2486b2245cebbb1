//! A person asks for everything that is held about them: the submissions and acts whose own subject is an
//! identifier that they can prove. What else a lead is known by is said in words and not shown.

use crate::ledger::admit::lists::lists_with;
use crate::ledger::admit::quarantine::quarantined_of;
use crate::ledger::parts::Parts;
use crate::ledger::person::engagement::engagements;
use crate::ledger::vault::{consent_context, payload_context};
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::base::fault::Fault;
use crate::base::json::{object_of, value_of};
use crate::base::moment::rfc3339;
use crate::contact::{Email, Phone};
use crate::ledger::api::{Access, Report};
use crate::ledger::consents::history::{ActRow, Ledgered, list};
use crate::ledger::consents::payload::Payload;
use crate::ledger::consents::standing::Known;
use crate::ledger::db::rows::delivery_range;
use crate::ledger::db::store::{Arg, Row, SealedCell, Store};
use crate::ledger::report::{object, rfc3339_of};
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{Head, Standing, Verdict, follow, verify_behind};
use crate::pipeline::lead::{Contact, Identifier, Lead, subject};

/// Rows of a page, submissions and acts: each may have to be opened, and leads must not wait for long.
const PAGE_ROWS: i64 = 200;

/// What is said where something is held back.
const OTHER_IDENTIFIER: &str = "Some of these submissions also carry an e-mail address or a phone number that \
                                was not asked about. It is not shown.";
const OTHER_PEOPLE: &str = "The lead is also known by identifiers that were not asked about. What came under \
                            them is not shown.";

/// Whoever asks: by the fingerprints of identifiers that they have proved, under every pepper.
#[derive(Clone)]
pub(in crate::ledger) struct Asker<'a> {
    pub(in crate::ledger) tags: &'a [String],
    pub(in crate::ledger) subjects: Vec<String>,
}

impl<'a> Asker<'a> {
    pub(in crate::ledger) fn of(tags: &'a [String]) -> Self {
        Self { tags, subjects: tags.iter().map(|tag| subject(tag)).collect() }
    }

    /// The same, with the names that a lead knows them by.
    pub(in crate::ledger) fn in_lead(&self, known: &Known) -> Self {
        let names = self.subjects.iter().filter_map(|name| known.name_of(std::slice::from_ref(name)));
        let mut subjects = self.subjects.clone();
        subjects.extend(names.filter(|name| !self.subjects.contains(name)).collect::<Vec<_>>());
        Self { tags: self.tags, subjects }
    }

    /// Whether something with these subjects is theirs as well.
    pub(in crate::ledger) fn is_among(&self, subjects: &[String]) -> bool {
        subjects.iter().any(|subject| self.subjects.contains(subject))
    }

    /// Whether it is nobody else's.
    fn is_alone_among(&self, subjects: &[String]) -> bool {
        subjects.iter().all(|subject| self.subjects.contains(subject))
    }
}

/// Where a page begins: behind a row of a lead.
struct Place {
    lead_id: String,
    in_acts: bool,
    after: String,
}

impl Place {
    /// Reads `{lead}/{table}/{key}`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let lead_id = parts.next()?.to_owned();
        let in_acts = match parts.next()? {
            "acts" => true,
            "submissions" => false,
            _ => return None,
        };
        Some(Self { lead_id, in_acts, after: parts.next()?.to_owned() })
    }

    fn to_text(&self) -> String {
        let table = if self.in_acts { "acts" } else { "submissions" };
        format!("{}/{table}/{}", self.lead_id, self.after)
    }
}

/// What is shown of a lead.
#[derive(Default)]
struct Shown {
    submissions: Vec<Value>,
    ids: BTreeSet<String>,
    history: Vec<Value>,
    /// Of the last act in it.
    last_mac: Option<String>,
    /// Of acts whose consents are another subject's.
    standing: Vec<Standing>,
    has_other_identifiers: bool,
    has_other_people: bool,
}

/// The leads that anything of an asker's lies under, in their order.
pub(in crate::ledger) fn leads_of<S: Store>(
    parts: &Parts<S>,
    asker: &Asker<'_>,
) -> Result<BTreeSet<String>, Fault> {
    let mut leads = BTreeSet::new();
    for table in ["fingerprint", "carried", "request"] {
        let sql = format!("SELECT lead_id FROM {table} WHERE tag IN (SELECT value FROM json_each(?))");
        for mut row in parts.db.rows(&sql, &[list(asker.tags)])? {
            leads.insert(row.text(0)?);
        }
    }
    leads.extend(quarantined_of(parts, asker.tags)?);
    Ok(leads)
}

/// Everything that is held of the subjects behind these fingerprints, a page of it.
pub(in crate::ledger) fn access<S: Store>(
    parts: &Parts<S>,
    request: &Access,
) -> Result<Option<Report>, Fault> {
    let asker = Asker::of(&request.fingerprints);
    let from = match request.after.as_deref().filter(|after| !after.is_empty()).map(Place::parse) {
        Some(None) => return Ok(None),
        from => from.flatten(),
    };
    let mut left = PAGE_ROWS;
    let (mut leads, mut next) = (Vec::new(), None);
    for lead_id in leads_of(parts, &asker)? {
        let from = from.as_ref().filter(|from| from.lead_id >= lead_id);
        if from.is_some_and(|from| from.lead_id != lead_id) {
            continue;
        }
        let (shown, place) = lead_held(parts, &lead_id, &asker, from, &mut left)?;
        leads.extend(shown);
        next = place;
        if next.is_some() {
            break;
        }
    }
    let is_first = from.is_none();
    let mentions = if is_first { mentions_of(parts, &asker)? } else { Vec::new() };
    let lists = if is_first { lists_with(parts, &request.list_tags)? } else { Vec::new() };
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "leads": leads, "mentions": mentions, "lists": lists,
        "next": next.map(|place| place.to_text()),
    }))))
}

/// What is held of an asker's in a lead behind a place; and where the page ends, if it does there.
fn lead_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    from: Option<&Place>,
    left: &mut i64,
) -> Result<(Option<Value>, Option<Place>), Fault> {
    let asker = &asker.in_lead(&parts.consents.known(lead_id, &asker.subjects)?);
    let mut shown = Shown::default();
    let mut next = None;
    if !from.is_some_and(|from| from.in_acts) {
        let after = from.map(|from| from.after.as_str()).unwrap_or_default();
        next = submissions_held(parts, lead_id, asker, after, left, &mut shown)?;
    }
    if next.is_none() {
        let after = from.filter(|from| from.in_acts).map(|from| from.after.as_str()).unwrap_or_default();
        next = history_held(parts, lead_id, asker, after.parse().unwrap_or(0), left, &mut shown)?;
    }
    let is_first = from.is_none();
    let consents = consents_held(parts, lead_id, asker, is_first, &shown)?;
    let fingerprints = if is_first { fingerprints_held(parts, lead_id, asker)? } else { Vec::new() };
    let is_something = !shown.submissions.is_empty() || !shown.history.is_empty() || !fingerprints.is_empty();
    let texts = [(shown.has_other_identifiers, OTHER_IDENTIFIER), (shown.has_other_people, OTHER_PEOPLE)];
    let not_shown: Vec<_> = texts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect();
    let lead = json!({
        "lead_id": lead_id,
        "consents": consents,
        "downloads": engagements(parts, &shown.ids)?,
        "recipients": recipients(parts, lead_id, asker, is_first, &shown.ids)?,
        "fingerprints": fingerprints,
        "not_shown": not_shown,
        "submissions": shown.submissions,
        "history": shown.history,
    });
    Ok((is_something.then_some(lead), next))
}

fn submissions_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    after: &str,
    left: &mut i64,
    into: &mut Shown,
) -> Result<Option<Place>, Fault> {
    let sql = format!(
        "SELECT {}, payload, json_object('submission_id', submission_id, 'campaign', campaign, 'source', source,
           'state', state, 'at', {}, 'recognised_until', {}, 'waits_until', {}),
           CASE WHEN act IS NULL AND stands_by IS NULL AND consent <> '' THEN consent END
         FROM submission WHERE lead_id = ? AND submission_id > ? ORDER BY submission_id LIMIT ?",
        Ledgered::COLUMNS,
        rfc3339_of("at_ms"),
        rfc3339_of("known_until_ms"),
        rfc3339_of("until_ms")
    );
    let limit = (*left).max(1);
    let rows = parts.db.rows(&sql, &[lead_id.into(), after.into(), limit.into()])?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    let mut last = String::new();
    for row in rows {
        *left -= 1;
        last = submission_held(parts, lead_id, asker, row, into)?;
    }
    Ok(full.then(|| Place { lead_id: lead_id.to_owned(), in_acts: false, after: last }))
}

/// Shows one, where it is theirs; its id.
fn submission_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    mut row: Row,
    into: &mut Shown,
) -> Result<String, Fault> {
    let mut one = parts.consents.ledgered(lead_id, &mut row)?;
    let payload = row.sealed(8);
    let mut about = object(&row.text(9)?)?;
    // Of a row of before format 3.
    let consent = row.sealed(10);
    let whole = payload.as_ref().filter(|_| one.state.is_unjudged());
    let whole = whole.and_then(|payload| {
        let place = payload_context(lead_id, &one.submission_id);
        parts.vault.open_sealed::<Admit>(payload, &place).ok()
    });
    if let (true, Some(admit)) = (one.subjects.is_empty(), &whole) {
        one.subjects = admit.fingerprints.iter().map(|print| subject(&print.tag)).collect();
    }
    // Of what nobody can be told by, only that it came is known.
    let is_theirs = asker.is_among(&one.subjects) || one.subjects.is_empty();
    into.has_other_people |= !is_theirs;
    into.has_other_identifiers |= is_theirs && !asker.is_alone_among(&one.subjects);
    let data = match (payload, whole) {
        (Some(_), Some(admit)) if is_theirs => {
            Some(json!({ "lead": shown(parts, &admit.lead, asker, into) }))
        }
        (Some(payload), None) => payload_held(parts, &payload, lead_id, &one, asker, into),
        _ => None,
    };
    if is_theirs || data.is_some() {
        if !is_theirs {
            // Of somebody else's there is only what it has taken up.
            about.retain(|name, _| name == "submission_id");
        }
        if let Some(data) = data {
            about.insert("data".to_owned(), data);
        }
        if let (true, Some(consent)) = (is_theirs, consent) {
            let consent = parts.vault.open_sealed(&consent, &consent_context(lead_id, &one.submission_id));
            about.insert("consent".to_owned(), consent.unwrap_or_default());
        }
        into.submissions.push(Value::Object(about));
        into.ids.insert(one.submission_id.clone());
    }
    Ok(one.submission_id)
}

/// What is theirs of a payload: what its submission says, and what earlier ones do that stand in it. What no
/// living key opens is not held any more.
fn payload_held<S: Store>(
    parts: &Parts<S>,
    sealed: &SealedCell,
    lead_id: &str,
    one: &Ledgered,
    asker: &Asker<'_>,
    into: &mut Shown,
) -> Option<Value> {
    let payload: Payload =
        parts.vault.open_sealed(sealed, &payload_context(lead_id, &one.submission_id)).ok()?;
    // A merged payload of before format 4 does not say what of it is whose: its acts do, if they agree.
    let of_acts = || {
        let acts = parts.consents.acts(lead_id).ok()?;
        let named = acts.iter().filter(|one| payload.acts.contains(&one.act.seq));
        Some(named.map(|one| parts.consents.subjects_of(lead_id, one)).all(|whose| asker.is_among(&whose)))
    };
    let is_theirs = match payload.acts.len() {
        _ if !payload.subjects.is_empty() => asker.is_among(&payload.subjects),
        0 => asker.tags.contains(&payload.first),
        1 => asker.is_among(&one.subjects),
        _ => of_acts().unwrap_or(false),
    };
    let mut data = Map::new();
    if is_theirs {
        data.insert("lead".to_owned(), shown(parts, payload.own_lead(), asker, into));
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
            let lead = shown(parts, &part.lead, asker, into);
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

/// A lead with the contact that was asked about, and no other.
fn shown<S: Store>(parts: &Parts<S>, lead: &Lead, asker: &Asker<'_>, into: &mut Shown) -> Value {
    let email = lead.contact.email.clone();
    let phone = lead.contact.phone.clone();
    let by_email = |email: &String| is_asked(parts, Email::parse(email).map(Identifier::Email), asker);
    let by_phone = |phone: &String| is_asked(parts, Phone::parse(phone, None).map(Identifier::Phone), asker);
    let contact = Contact { email: email.filter(by_email), phone: phone.filter(by_phone) };
    into.has_other_identifiers |= contact != lead.contact;
    let mut lead = lead.clone();
    // What follows from an address or a number is as much as that.
    if contact.email != lead.contact.email {
        lead.email_kind = None;
    }
    let is_answered = |country: &String| lead.answers.values().any(|answer| answer == country.as_str());
    if contact.phone != lead.contact.phone && !lead.country.as_ref().is_some_and(is_answered) {
        lead.country = None;
    }
    value_of(&Lead { contact, ..lead })
}

/// The history as it can be verified elsewhere: each act, its personal part as the text that was
/// committed to, and what a look at it shows here.
fn history_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    after: i64,
    left: &mut i64,
    into: &mut Shown,
) -> Result<Option<Place>, Fault> {
    let limit = (*left).max(1);
    // The act before is what the first one is chained to.
    let mut rows = parts.consents.acts_from(lead_id, after, limit + 1)?;
    let before = match rows.first() {
        Some(first) if first.act.seq == after => Some(rows.remove(0)),
        _ => None,
    };
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    *left -= i64::try_from(rows.len()).unwrap_or(0);
    let (mut acts, mut closed) = (Vec::new(), Vec::new());
    for ActRow { act, sealed, .. } in &rows {
        let personal =
            sealed.as_ref().map(|sealed| parts.consents.personal_text(lead_id, act, sealed)).transpose();
        closed.push(personal.is_err());
        acts.push(((**act).clone(), personal.ok().flatten()));
    }
    let mut before = before.as_ref().map(|before| Head::from(&*before.act));
    let verdicts = verify_behind(before.as_ref(), parts.config.identity.history_keys(), lead_id, &acts);
    let last = rows.last().map(|one| one.act.seq);
    for (((row, (act, personal)), is_closed), verdict) in rows.iter().zip(acts).zip(closed).zip(verdicts) {
        let follows = before.replace(Head::from(&act));
        let subjects = parts.consents.subjects_of(lead_id, row);
        // Whose one was that has been erased is not known.
        if !asker.is_among(&subjects) {
            into.has_other_people = true;
            continue;
        }
        if subjects.first().is_some_and(|first| !asker.subjects.contains(first)) {
            follow(&mut into.standing, &act, &[]);
        }
        // Not erased: no living key opens its personal part.
        let verdict = if is_closed { Verdict::Unknown } else { verdict };
        // It also names whoever else it is about.
        let is_withheld = personal.is_some() && !asker.is_alone_among(&subjects);
        into.has_other_identifiers |= is_withheld;
        let personal = personal.filter(|_| !is_withheld);
        // What it is chained to, where that is not what stands ahead of it here.
        let follows = follows.map(|head| head.mac).filter(|mac| into.last_mac.as_ref() != Some(mac));
        into.last_mac = Some(act.mac.clone());
        let mut shown = json!({
            "at": rfc3339(act.at_ms), "act": value_of(&act), "personal": personal, "verdict": verdict,
        });
        if let (Some(shown), Some(follows)) = (shown.as_object_mut(), follows) {
            shown.insert("follows".to_owned(), follows.into());
        }
        into.history.push(shown);
    }
    Ok(last.filter(|_| full).map(|last| Place {
        lead_id: lead_id.to_owned(),
        in_acts: true,
        after: last.to_string(),
    }))
}

/// Where the consents of the asker stand, and as far as this page tells those of others whose submissions
/// carry the asker's identifier.
fn consents_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    is_first: bool,
    shown: &Shown,
) -> Result<Vec<Value>, Fault> {
    let mut standing = shown.standing.clone();
    if is_first {
        for (subject, own) in parts.consents.known(lead_id, &asker.subjects)?.into_standings() {
            if asker.subjects.contains(&subject) {
                standing.extend(own);
            }
        }
    }
    let one = |place: Standing| json!({ "purpose": place.purpose, "state": value_of(&place.state), "since": rfc3339(place.since_ms) });
    Ok(standing.into_iter().map(one).collect())
}

/// Where these submissions went; where the whole lead is the asker's, also what was said about it.
fn recipients<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
    is_first: bool,
    ids: &BTreeSet<String>,
) -> Result<Vec<Value>, Fault> {
    let is_all_theirs =
        parts.consents.standings(lead_id)?.iter().all(|(subject, _)| asker.subjects.contains(subject));
    let (from, to) = delivery_range(lead_id);
    let sql = format!(
        "SELECT json_object('delivery_id', delivery_id, 'campaign', campaign, 'destination', destination,
           'event', event, 'state', state, 'decided_at', {}, 'settled_at', {})
         FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2
           AND (submission_id IN (SELECT value FROM json_each(?3))
             OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value IN (SELECT value FROM json_each(?6)))
             OR ?4 AND (submission_id = '' AND event <> 'lead.updated' AND ?5 OR subject IN (SELECT value FROM json_each(?6))
               AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.lead_id = delivery.lead_id
                 AND s.submission_id = delivery.submission_id)))
         ORDER BY created_ms",
        rfc3339_of("created_ms"),
        rfc3339_of("settled_ms")
    );
    let ids: Vec<String> = ids.iter().cloned().collect();
    let args: [Arg<'_>; 6] = [
        from.into(),
        to.into(),
        list(&ids),
        i64::from(is_first).into(),
        i64::from(is_all_theirs).into(),
        list(&asker.subjects),
    ];
    parts.db.objects(&sql, &args)
}

/// By what the asker is recognised or found in a lead: kinds and key ids, for the hashes never leave the
/// system.
fn fingerprints_held<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    asker: &Asker<'_>,
) -> Result<Vec<String>, Fault> {
    let sql = "SELECT tag FROM fingerprint WHERE lead_id = ?1 AND tag IN (SELECT value FROM json_each(?2))
               UNION SELECT tag FROM carried WHERE lead_id = ?1
                 AND tag IN (SELECT value FROM json_each(?2))";
    let mut all = BTreeSet::new();
    for mut row in parts.db.rows(sql, &[lead_id.into(), list(asker.tags)])? {
        let tag = row.text(0)?;
        all.insert(tag.rsplit_once('.').map_or_else(String::new, |(public, _)| public.to_owned()));
    }
    Ok(all.into_iter().collect())
}

/// Where somebody else's submission has the asker's address or number in a further field, while it waits.
fn mentions_of<S: Store>(parts: &Parts<S>, asker: &Asker<'_>) -> Result<Vec<Value>, Fault> {
    let mut mentions = Vec::new();
    for (lead_id, submission_id) in mentioned_in(parts, asker)? {
        let Some(waiting) = parts.consents.waiting(&lead_id, &submission_id)? else { continue };
        let fields = |lead: &Lead| {
            let fields = fields_of(parts, lead, asker).into_iter();
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

/// Whether an identifier is one of the asker's.
fn is_asked<S: Store>(parts: &Parts<S>, identifier: Option<Identifier>, asker: &Asker<'_>) -> bool {
    let tags = identifier.map(|identifier| parts.config.identity.fingerprints_of(&identifier));
    tags.is_some_and(|tags| tags.iter().any(|tag| asker.tags.contains(tag)))
}

/// The fields whose answer is an address or a number of the asker's.
pub(in crate::ledger) fn fields_of<S: Store>(
    parts: &Parts<S>,
    lead: &Lead,
    asker: &Asker<'_>,
) -> Vec<String> {
    let is_theirs = |answer: &Value| {
        let text = answer.as_str().unwrap_or_default();
        is_asked(parts, Email::parse(text).map(Identifier::Email), asker)
            || is_asked(parts, Phone::parse(text, None).map(Identifier::Phone), asker)
    };
    let theirs = lead.answers.iter().filter(|(_, answer)| is_theirs(answer));
    theirs.map(|(field, _)| field.clone()).collect()
}

/// The submissions that have an asker's identifier in a further field: lead and submission.
pub(in crate::ledger) fn mentioned_in<S: Store>(
    parts: &Parts<S>,
    asker: &Asker<'_>,
) -> Result<Vec<(String, String)>, Fault> {
    let sql = "SELECT DISTINCT lead_id, submission_id FROM mentioned
               WHERE tag IN (SELECT value FROM json_each(?))";
    let rows = parts.db.rows(sql, &[list(asker.tags)])?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect()
}
