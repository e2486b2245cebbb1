//! The consent history of a person, in a form that can be verified elsewhere.

use serde_json::json;

use super::asker::Asker;
use super::page::{LeadPage, Position};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::json::value_of;
use crate::base::time::rfc3339;
use crate::ledger::db::act::ActRow;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::pipeline::consent::{Act, Head, Verdict, follow, verify_behind};

/// An act, with its personal part if that exists and can be opened.
struct OpenedAct<'a> {
    row: &'a ActRow,
    personal: Option<String>,
    /// True if no living key opens its personal part.
    is_closed: bool,
}

/// Adds a page of a lead's history after a number: each act, its personal part as the text that was committed
/// to, and the verdict of its verification here.
pub(super) fn history_shown<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    asker: &Asker<'_>,
    after: i64,
    left: &mut i64,
    into: &mut LeadPage,
) -> Result<Option<Position>, Fault> {
    let limit = (*left).max(1);
    // The first act is chained to the one before it.
    let mut rows = parts.db.acts_from(lead_id, after, limit + 1)?;
    let before = match rows.first() {
        Some(first) if first.act.seq == after => Some(rows.remove(0)),
        _ => None,
    };
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    *left -= i64::try_from(rows.len()).unwrap_or(0);
    let opened: Vec<OpenedAct<'_>> = rows.iter().map(|row| open(parts, lead_id, row)).collect();
    let acts: Vec<(Act, Option<String>)> =
        opened.iter().map(|one| ((*one.row.act).clone(), one.personal.clone())).collect();
    let mut before = before.as_ref().map(|before| Head::from(&*before.act));
    let verdicts = verify_behind(before.as_ref(), parts.config.identity.history_keys(), lead_id, &acts);
    let last = rows.last().map(|one| one.act.seq);
    for (one, verdict) in opened.into_iter().zip(verdicts) {
        let follows = before.replace(Head::from(&*one.row.act));
        let subjects = parts.consents.subjects_of(lead_id, one.row);
        // The subject of an erased act is not known.
        if asker.is_among(&subjects) {
            // It is not erased: no living key opens its personal part.
            let verdict = if one.is_closed { Verdict::Unknown } else { verdict };
            act_shown(one, &subjects, asker, verdict, follows, into);
        } else {
            into.has_other_people = true;
        }
    }
    Ok(last.filter(|_| full).map(|last| Position {
        lead_id: lead_id.clone(),
        in_acts: true,
        after: last.to_string(),
    }))
}

fn open<'a, S: Store>(parts: &Parts<S>, lead_id: &LeadId, row: &'a ActRow) -> OpenedAct<'a> {
    let personal =
        row.sealed.as_ref().map(|sealed| parts.consents.personal_text(lead_id, &row.act, sealed)).transpose();
    OpenedAct { row, is_closed: personal.is_err(), personal: personal.ok().flatten() }
}

/// Adds an act of the asker's. `follows` is the head that it is chained to.
fn act_shown(
    one: OpenedAct<'_>,
    subjects: &[String],
    asker: &Asker<'_>,
    verdict: Verdict,
    follows: Option<Head>,
    into: &mut LeadPage,
) {
    let act = &*one.row.act;
    if subjects.first().is_some_and(|first| !asker.subjects.contains(first)) {
        follow(&mut into.standing, act, &[]);
    }
    // It also names its other subjects.
    let is_withheld = one.personal.is_some() && !asker.is_alone_among(subjects);
    into.has_other_identifiers |= is_withheld;
    let personal = one.personal.filter(|_| !is_withheld);
    // Only if that is not the act before it here.
    let follows = follows.map(|head| head.mac).filter(|mac| into.last_mac.as_ref() != Some(mac));
    into.last_mac = Some(act.mac.clone());
    let mut shown = json!({
        "at": rfc3339(act.at_ms), "act": value_of(act), "personal": personal, "verdict": verdict,
    });
    if let (Some(shown), Some(follows)) = (shown.as_object_mut(), follows) {
        shown.insert("follows".to_owned(), follows.into());
    }
    into.history.push(shown);
}
