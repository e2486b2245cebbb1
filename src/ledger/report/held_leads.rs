//! What is held, with its score and why: never anything that tells who it is.

use crate::ledger::parts::Parts;
use serde_json::Value;

use super::{object, rfc3339_of};
use crate::base::fault::Fault;
use crate::base::json::value_of;
use crate::ledger::api::{Held, Page};
use crate::ledger::consents::history::{ActRow, IS_ALONE, SealedRow};
use crate::ledger::db::store::{Arg, Row, Store};
use crate::pipeline::scoring;

/// Leads of a page. Each is opened, with the consents of its person.
const MAX_PAGE: i64 = 50;
/// No living key opens it.
const UNREADABLE: &str = "unreadable";

/// What is held, a page of it, by lead and submission.
pub(in crate::ledger) fn held_page<S: Store>(parts: &Parts<S>, query: &Held) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let after = query.after.as_deref().unwrap_or_default();
    let (lead_id, submission_id) = after.split_once('.').unwrap_or((after, ""));
    let sql = format!(
        "SELECT lead_id, submission_id, campaign, payload, consent, json_object('lead_id', lead_id,
           'submission_id', submission_id, 'campaign', campaign, 'held_since', {}, 'until', {}),
           {IS_ALONE}, act, consent, subjects
         FROM submission s WHERE (lead_id, submission_id) > (?1, ?2) AND state = 'held'
           AND (?3 IS NULL OR campaign = ?3) ORDER BY lead_id, submission_id LIMIT ?4",
        rfc3339_of("at_ms"),
        rfc3339_of("until_ms")
    );
    let args: [Arg<'_>; 4] =
        [lead_id.into(), submission_id.into(), query.campaign.as_deref().into(), limit.into()];
    let (mut shown, mut last) = (Vec::new(), None);
    for row in parts.db.rows(&sql, &args)? {
        let (one, place) = held_entry(parts, row)?;
        shown.push(one);
        last = Some(place);
    }
    let full = i64::try_from(shown.len()).is_ok_and(|read| read == limit);
    Ok(Page { entries: shown, next: last.filter(|_| full) })
}

/// One of them as it is listed, and its place.
fn held_entry<S: Store>(parts: &Parts<S>, mut row: Row) -> Result<(Value, String), Fault> {
    let (lead_id, submission_id, campaign) = (row.text(0)?, row.text(1)?, row.text(2)?);
    let (payload, consent) = (row.sealed(3), row.sealed(4));
    let mut shown = object(&row.text(5)?)?;
    let is_alone = row.int(6)? == 1;
    let own = ActRow::read(&mut row, 7).ok();
    let rules = parts.campaigns.last_good(&campaign).ok().flatten();
    let open = payload.and_then(|payload| {
        let (lead_id, submission_id) = (lead_id.as_str(), submission_id.as_str());
        let (payload, consent) = (&payload, consent.as_ref());
        let row = SealedRow { lead_id, submission_id, payload, consent, own, is_alone };
        parts.consents.open_row(row).ok().map(|(_, open)| open)
    });
    let because = rules.as_deref().zip(open.as_ref());
    let because = because.map(|(rules, open)| scoring::why_held(rules, &open.lead, &open.score));
    let forward_at = rules.as_ref().and_then(|rules| rules.thresholds.forward_at);
    shown.insert("because".to_owned(), because.unwrap_or(UNREADABLE).into());
    shown.insert("forward_at".to_owned(), forward_at.into());
    shown.insert("score".to_owned(), value_of(&open.map(|open| open.score)));
    Ok((Value::Object(shown), format!("{lead_id}.{submission_id}")))
}
