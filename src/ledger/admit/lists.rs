//! Lists: people who object to messages, and existing customers. They hold keyed hashes under keys of their
//! own, so that a list can be made elsewhere and outlives the peppers.

use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::campaign::{Campaign, ListEffect, SUPPRESSED};
use crate::ledger::api::{Conflict, Count, List, ListAdd, ListClear, ListRemove};
use crate::ledger::config::Config;
use crate::ledger::db::Db;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::listed;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;

/// The time after which somebody on the suppression list may be asked again: a stranger who types in their
/// address must not make them refuse over and over.
const ASK_AGAIN_MS: i64 = 365 * DAY_MS;

/// The reason why somebody is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Suppression {
    /// They were erased, or an operator put them on the list.
    Asked,
    /// The campaign suppresses one of the lists that contain them.
    ByCampaign,
}

/// Returns the reason why somebody on these lists is suppressed in a campaign, if they are.
pub(super) fn suppressing(campaign: &Campaign, lists: &[String]) -> Option<Suppression> {
    let by_campaign =
        campaign.lists.iter().any(|list| list.then == ListEffect::Suppress && lists.contains(&list.name));
    if by_campaign {
        return Some(Suppression::ByCampaign);
    }
    lists.iter().any(|name| name == SUPPRESSED).then_some(Suppression::Asked)
}

/// Returns those of these lists that the campaign treats as existing customers.
pub(super) fn customer_lists(campaign: &Campaign, lists: Vec<String>) -> Vec<String> {
    let customers = |name: &String| {
        campaign.lists.iter().any(|list| list.name == *name && list.then != ListEffect::Suppress)
    };
    lists.into_iter().filter(customers).collect()
}

/// Removes the address of somebody who confirms it from the suppression list: they opt in again.
pub(super) fn lift(list_tags: &[String], changes: &mut Changes<'_>) {
    let tags: Vec<&String> = list_tags.iter().filter(|tag| tag.starts_with("email.")).collect();
    if !tags.is_empty() {
        listed::unlist_people(SUPPRESSED, &tags, changes);
    }
}

/// Returns the lists that contain any of these hashes.
pub(in crate::ledger) fn lists_with<S: Store>(
    parts: &Parts<S>,
    tags: &[String],
) -> Result<Vec<String>, Fault> {
    if tags.is_empty() || !parts.presence.has_lists() {
        return Ok(Vec::new());
    }
    parts.db.lists_with(tags)
}

/// Returns whether somebody on the suppression list was asked within the last year whether they still object.
pub(super) fn was_asked_lately<S: Store>(
    db: &Db<S>,
    list_tags: &[String],
    moment: &Moment,
) -> Result<bool, Fault> {
    db.was_asked_since(SUPPRESSED, list_tags, moment.now_ms - ASK_AGAIN_MS)
}

/// Reports the lists and their lengths.
pub(in crate::ledger) fn lists<S: Store>(config: &Config, db: &Db<S>) -> Result<List, Fault> {
    db.lists(&config.name).map(List)
}

/// Adds people to a list.
pub(in crate::ledger) fn add_to_list<S: Store>(
    parts: &Parts<S>,
    request: &ListAdd,
    moment: &Moment,
) -> Result<Count, Fault> {
    let ListAdd { list, list_tags } = request;
    let added = parts.transaction(|effects| parts.db.add_to_list(list, list_tags, moment.now_ms, effects));
    added.map(count)
}

/// Removes people from a list.
pub(in crate::ledger) fn take_from_list<S: Store>(
    parts: &Parts<S>,
    request: &ListRemove,
) -> Result<Count, Fault> {
    let ListRemove { list, list_tags } = request;
    parts.transaction(|effects| parts.db.take_from_list(list, list_tags, effects)).map(count)
}

/// Empties a list, except that of objections: nobody could restore it.
pub(in crate::ledger) fn clear_list<S: Store>(
    parts: &Parts<S>,
    request: &ListClear,
) -> Result<Result<Count, Conflict>, Fault> {
    if request.list == SUPPRESSED {
        return Ok(Err(Conflict));
    }
    parts.transaction(|effects| parts.db.clear_list(&request.list, effects)).map(|count| Ok(Count(count)))
}

fn count(count: usize) -> Count {
    Count(i64::try_from(count).unwrap_or(i64::MAX))
}
