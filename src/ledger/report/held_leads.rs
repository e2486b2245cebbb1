//! Held leads with their scores, and the reasons why they are held: nothing that identifies a person.

use serde_json::Value;

use crate::base::fault::Fault;
use crate::base::json::value_of;
use crate::ledger::api::{Held, Page};
use crate::ledger::campaigns::Campaigns;
use crate::ledger::consents::Consents;
use crate::ledger::db::object;
use crate::ledger::db::shown::HeldShown;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::pipeline::scoring;

/// The number of leads in a page. Each is opened, with the consents of its person.
const MAX_PAGE: i64 = 50;
/// The reason shown for a lead that no living key opens.
const UNREADABLE: &str = "unreadable";

/// Reports a page of held submissions, by lead and submission.
pub(in crate::ledger) fn held_page<S: Store>(parts: &Parts<S>, query: &Held) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let after = query.after.as_deref().unwrap_or_default();
    let (lead_id, submission_id) = after.split_once('.').unwrap_or((after, ""));
    let held = parts.db.held_shown([lead_id, submission_id], query.campaign.as_deref(), limit)?;
    let full = i64::try_from(held.len()).is_ok_and(|read| read == limit);
    let next = held.last().filter(|_| full).map(|last| format!("{}.{}", last.lead_id, last.submission_id));
    let entries: Result<_, Fault> =
        held.into_iter().map(|one| entry(&parts.campaigns, &parts.consents, one)).collect();
    Ok(Page { entries: entries?, next })
}

fn entry<S: Store>(
    campaigns: &Campaigns<S>,
    consents: &Consents<S>,
    held: HeldShown,
) -> Result<Value, Fault> {
    let HeldShown { lead_id, submission_id, campaign, shown, content } = held;
    let mut shown = object(&shown)?;
    let rules = campaigns.last_good(&campaign).ok().flatten();
    let open = consents.open(&lead_id, &submission_id, content).ok().map(|(_, open)| open);
    let because = rules.as_deref().zip(open.as_ref());
    let because = because.map(|(rules, open)| scoring::why_held(rules, &open.lead, &open.score));
    let forward_at = rules.as_ref().and_then(|rules| rules.thresholds.forward_at);
    shown.insert("because".to_owned(), because.unwrap_or(UNREADABLE).into());
    shown.insert("forward_at".to_owned(), forward_at.into());
    shown.insert("score".to_owned(), value_of(&open.map(|open| open.score)));
    Ok(Value::Object(shown))
}
