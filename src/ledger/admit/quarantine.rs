//! What looks like abuse is put aside: sealed, under nobody's fingerprint, listed with its signs, until
//! an operator releases or discards it or its time is over. What is released is judged as if it had
//! shown no sign.

use crate::ledger::admit::admit_to;
use crate::ledger::admit::write::mention;
use crate::ledger::parts::Parts;
use crate::ledger::presence::QUARANTINED_LEADS;
use crate::ledger::vault::payload_context;
use serde_json::{Value, json};

use super::{Door, Post, logged};
use crate::base::fault::Fault;
use crate::base::json::value_of;
use crate::base::moment::Moment;
use crate::campaign::{Campaign, Sign, Signal};
use crate::ledger::api::{Decided, Discard, Page, Quarantine, Release, Report};
use crate::ledger::db::rows::{SubmissionRow, ended, remember};
use crate::ledger::db::store::{Arg, Store, write};
use crate::ledger::db::submission_state::Bucket;
use crate::ledger::db::submission_state::State;
use crate::ledger::handled::Handled;
use crate::ledger::report::{object, rfc3339_of};
use crate::ledger::wire::Admit;
use crate::pipeline::lead::subject;

const QUARANTINED_FROM: &str = QUARANTINED_LEADS[0];
const QUARANTINED_TO: &str = QUARANTINED_LEADS[1];

/// Submissions of a page: an answer of about 100 KB.
const MAX_PAGE: i64 = 200;
/// Submissions that one call releases or discards: each is an admission, and leads must not wait for
/// long meanwhile.
const MAX_ACTED_ON: i64 = 100;

/// The lead that a quarantined submission's row is under.
pub(in crate::ledger) fn quarantined_lead(submission_id: &str) -> String {
    format!("{QUARANTINED_FROM}{submission_id}")
}

/// Quarantined submissions that an operator has chosen.
struct Chosen<'a> {
    campaign: Option<&'a str>,
    submission_ids: &'a [String],
    after: Option<&'a str>,
}

/// Every sign of a post, with those that only the ledger sees.
pub(in crate::ledger) fn signs_of<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    moment: &Moment,
) -> Result<Vec<Sign>, Fault> {
    let mut signs = admit.evidence.signs.clone();
    if let Some(token) = &admit.evidence.token {
        let sql = "SELECT 1 FROM idempotency WHERE tag = ? AND submission_id <> ?";
        let args = [(&token.tag).into(), (&admit.submission_id).into()];
        if parts.db.row(sql, &args)?.is_some() {
            signs.extend(campaign.abuse.sign(Signal::TokenReused));
        }
    }
    signs.extend(parts.velocity.signs(admit, &campaign.abuse, moment.now_ms));
    Ok(signs)
}

/// Puts a submission aside, with the campaign as it is.
pub(in crate::ledger) fn quarantine<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let lead_id = quarantined_lead(&admit.submission_id);
    let until_ms = moment.now_ms + post.campaign.retention.quarantine_ms;
    let kept = Admit { stored: None, idempotency_tag: None, ..admit.clone() };
    let place = payload_context(&lead_id, &admit.submission_id);
    let payload = parts.vault.seal_value(&kept, &place, moment)?;
    let (id, state) = (&admit.submission_id, State::Quarantined);
    let current = admit.fingerprints.iter().filter(|print| print.current);
    let subjects: Vec<String> = current.map(|print| subject(&print.tag)).collect();
    let row = SubmissionRow {
        until_ms: Some(until_ms),
        payload: Some(&payload),
        subjects: &subjects,
        ..SubmissionRow::bare(&lead_id, id, state, moment.now_ms, until_ms)
    };
    let signs = &admit.lead.signals;
    let weight: i64 = signs.iter().map(|sign| sign.weight).sum();
    let tags: Vec<&String> =
        admit.fingerprints.iter().filter(|print| print.current).map(|print| &print.tag).collect();
    let about = json!({
        "weight": weight, "signals": value_of(signs), "tags": tags, "revision": post.campaign.revision,
    });
    let mut writes = vec![row.write(post.bucket()), post.count(State::Quarantined)];
    let sql = "UPDATE submission SET quarantine = ? WHERE lead_id = ? AND submission_id = ?";
    let args = [about.to_string().into(), (&lead_id).into(), (&admit.submission_id).into()];
    writes.push(write(sql, args));
    let sql = "INSERT INTO revision (revision, stored) VALUES (?, ?) ON CONFLICT DO NOTHING";
    writes.push(write(sql, [(&post.campaign.revision).into(), post.campaign.to_stored().into()]));
    for (_, one) in parts.config.identity.mentioned(&admit.lead, post.campaign) {
        writes.extend(mention(parts, &one, &lead_id, &admit.submission_id));
    }
    writes.extend(remember(admit, moment.now_ms));
    parts.db.write_all(&writes)?;
    parts.presence.note_quarantined();
    let names: Vec<_> = signs.iter().map(|sign| sign.signal.name()).collect();
    Ok(logged(admit, "quarantined", json!({ "weight": weight, "signals": names })))
}

/// What is quarantined, a page of it.
pub(in crate::ledger) fn quarantine_page<S: Store>(
    parts: &Parts<S>,
    query: &Quarantine,
) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let sql = format!(
        "SELECT {} FROM submission WHERE lead_id > ?1 AND lead_id < ?2 AND state = 'quarantined'
           AND (?3 IS NULL OR campaign = ?3) ORDER BY lead_id LIMIT ?4",
        shown()
    );
    let after = quarantined_lead(query.after.as_deref().unwrap_or_default());
    let args: [Arg<'_>; 4] =
        [after.into(), QUARANTINED_TO.into(), query.campaign.as_deref().into(), limit.into()];
    let rows = parts.db.objects(&sql, &args)?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == limit);
    let next = rows.last().filter(|_| full).and_then(|row| row.get("submission_id")?.as_str());
    Ok(Page { next: next.map(str::to_owned), entries: rows })
}

/// One of them, with what it says: whoever decides must see it.
pub(in crate::ledger) fn quarantined<S: Store>(
    parts: &Parts<S>,
    submission_id: &str,
) -> Result<Option<Report>, Fault> {
    let lead_id = quarantined_lead(submission_id);
    let sql = format!(
        "SELECT {}, payload FROM submission
         WHERE lead_id = ? AND submission_id = ? AND state = 'quarantined'",
        shown()
    );
    let Some(mut row) = parts.db.row(&sql, &[(&lead_id).into(), submission_id.into()])? else {
        return Ok(None);
    };
    let mut about = object(&row.text(0)?)?;
    let payload = row.sealed(1).ok_or_else(|| Fault::new("a quarantined payload is gone"))?;
    let admit: Admit = parts.vault.open_sealed(&payload, &payload_context(&lead_id, submission_id))?;
    about.insert("contact".to_owned(), value_of(&admit.lead.contact));
    about.insert("answers".to_owned(), json!(admit.lead.answers));
    about.insert("attribution".to_owned(), json!(admit.lead.attribution));
    about.insert("consent".to_owned(), value_of(&admit.lead.consent));
    Ok(Some(Report(Value::Object(about))))
}

/// Judges quarantined submissions as if they had come just now and shown no sign.
pub(in crate::ledger) fn release_quarantined<S: Store>(
    parts: &Parts<S>,
    request: &Release,
    moment: &Moment,
) -> Result<Decided, Fault> {
    let Release { campaign, submission_ids, after } = request;
    let chosen = Chosen { campaign: campaign.as_deref(), submission_ids, after: after.as_deref() };
    decide_on_quarantined(parts, &chosen, &|submission_id, revision| {
        let Some(campaign) = parts.campaigns.of_revision(revision)? else { return Ok(false) };
        let lead_id = quarantined_lead(submission_id);
        let sql = "SELECT payload FROM submission WHERE lead_id = ? AND submission_id = ?";
        let row = parts.db.row(sql, &[(&lead_id).into(), submission_id.into()])?;
        let payload = row.and_then(|mut row| row.sealed(0));
        let place = payload_context(&lead_id, submission_id);
        // One whose key is gone can only be discarded.
        let opened = payload.map(|payload| parts.vault.open_sealed::<Admit>(&payload, &place));
        let Some(Ok(mut admit)) = opened else { return Ok(false) };
        // The peppers may have been rotated since.
        admit.fingerprints = parts.config.identity.fingerprints_again(&admit.lead.contact, &campaign);
        admit_to(parts, &campaign, &mut admit, Door::Released, &moment.part(submission_id))?;
        Ok(true)
    })
}

/// Throws quarantined submissions away.
pub(in crate::ledger) fn discard_quarantined<S: Store>(
    parts: &Parts<S>,
    request: &Discard,
) -> Result<Decided, Fault> {
    let Discard { campaign, submission_ids, after } = request;
    let chosen = Chosen { campaign: campaign.as_deref(), submission_ids, after: after.as_deref() };
    decide_on_quarantined(parts, &chosen, &|submission_id, _| {
        let lead_id = quarantined_lead(submission_id);
        let sql = "SELECT campaign, hour, source FROM submission WHERE lead_id = ? AND submission_id = ?";
        let place = [Arg::from(&lead_id), submission_id.into()];
        let Some(mut row) = parts.db.row(sql, &place)? else { return Ok(false) };
        let bucket = Bucket { campaign: row.text(0)?, hour: row.int(1)?, source: row.text(2)? };
        let (from, to) = (State::Quarantined, State::Discarded);
        parts.db.write_all(&ended(&lead_id, submission_id, &bucket, from, to))?;
        Ok(true)
    })
}

/// Does it to those that are named, or to a page of the campaign's. What it cannot be done to is
/// named in the answer.
fn decide_on_quarantined<S: Store>(
    parts: &Parts<S>,
    chosen: &Chosen<'_>,
    decide: &dyn Fn(&str, &str) -> Result<bool, Fault>,
) -> Result<Decided, Fault> {
    let named = !chosen.submission_ids.is_empty();
    let sql = "SELECT submission_id, json_extract(quarantine, '$.revision'),
                 json_extract(quarantine, '$.tags') FROM submission
               WHERE lead_id > ?1 AND lead_id < ?2 AND state = 'quarantined'
                 AND (?3 IS NULL OR campaign = ?3)
                 AND (?4 IS NULL OR lead_id IN (SELECT value FROM json_each(?4)))
               ORDER BY lead_id LIMIT ?5";
    let named_leads: Vec<_> = chosen.submission_ids.iter().map(|id| quarantined_lead(id)).collect();
    let args: [Arg<'_>; 5] = [
        quarantined_lead(chosen.after.unwrap_or_default()).into(),
        QUARANTINED_TO.into(),
        chosen.campaign.into(),
        if named { json!(named_leads).to_string().into() } else { Arg::Null },
        MAX_ACTED_ON.into(),
    ];
    let rows = parts.db.rows(sql, &args)?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == MAX_ACTED_ON);
    let (mut done, mut left, mut tags, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
    for mut row in rows {
        let (submission_id, revision) = (row.text(0)?, row.optional_text(1).unwrap_or_default());
        let of_row: Vec<String> =
            serde_json::from_str(&row.optional_text(2).unwrap_or_default()).unwrap_or_default();
        last = Some(submission_id.clone());
        if decide(&submission_id, &revision)? {
            tags.extend(of_row);
            done.push(submission_id);
        } else {
            left.push(submission_id);
        }
    }
    parts.outbox.learn_what_is_due()?;
    let next = last.filter(|_| full);
    Ok(Decided { done, not_possible: left, fingerprints: tags, next })
}

/// The rows of what is quarantined of the person behind these fingerprints.
pub(in crate::ledger) fn quarantined_of<S: Store>(
    parts: &Parts<S>,
    fingerprints: &[String],
) -> Result<Vec<String>, Fault> {
    let sql = "SELECT lead_id FROM submission WHERE lead_id >= ? AND lead_id < ? AND EXISTS
                 (SELECT 1 FROM json_each(quarantine, '$.tags') tag
                  WHERE tag.value IN (SELECT value FROM json_each(?)))";
    let args = [QUARANTINED_FROM.into(), QUARANTINED_TO.into(), json!(fingerprints).to_string().into()];
    parts.db.rows(sql, &args)?.into_iter().map(|mut row| row.text(0)).collect()
}

/// A quarantined submission as it is listed.
fn shown() -> String {
    format!(
        "json_object('submission_id', submission_id, 'campaign', campaign, 'source', source,
           'at', {}, 'kept_until', {}, 'weight', json_extract(quarantine, '$.weight'),
           'signals', json_extract(quarantine, '$.signals'))",
        rfc3339_of("at_ms"),
        rfc3339_of("until_ms")
    )
}
