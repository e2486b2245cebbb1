//! The lists: people who want to hear nothing, existing customers. They hold keyed hashes under keys
//! of their own, so that a list can be made elsewhere and outlives the peppers.

use crate::ledger::parts::Parts;
use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, Moment};
use crate::campaign::{Campaign, Listed, SUPPRESSED};
use crate::ledger::api::{Conflict, Count, List, ListAdd, ListRemove};
use crate::ledger::db::store::{Arg, Store, Write, write};

/// Who wants to hear nothing may be asked again after so long: whoever types in their address must not make
/// them say it over and over.
const ASK_AGAIN_MS: i64 = 365 * DAY_MS;

/// Why somebody hears nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Suppression {
    /// They were erased, or an operator put them on the list.
    Asked,
    /// The campaign suppresses one of the lists that they stand on.
    ByCampaign,
}

/// Whether, and why, somebody who stands on these lists hears nothing of a campaign.
pub(in crate::ledger) fn suppressing(campaign: &Campaign, lists: &[String]) -> Option<Suppression> {
    let by_campaign =
        campaign.lists.iter().any(|list| list.then == Listed::Suppress && lists.contains(&list.name));
    if by_campaign {
        return Some(Suppression::ByCampaign);
    }
    lists.iter().any(|name| name == SUPPRESSED).then_some(Suppression::Asked)
}

/// Of these lists, those that the campaign takes for existing customers.
pub(in crate::ledger) fn customer_lists(campaign: &Campaign, lists: Vec<String>) -> Vec<String> {
    let customers =
        |name: &String| campaign.lists.iter().any(|list| list.name == *name && list.then != Listed::Suppress);
    lists.into_iter().filter(customers).collect()
}

/// Who confirms an address wants to hear something again: takes its e-mail off the suppression list.
pub(in crate::ledger) fn lift(list_tags: &[String]) -> Option<Write<'static>> {
    let tags: Vec<&String> = list_tags.iter().filter(|tag| tag.starts_with("email.")).collect();
    let sql = "DELETE FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?))";
    (!tags.is_empty()).then(|| write(sql, [SUPPRESSED.into(), json!(tags).to_string().into()]))
}

/// Notes that the owner of an address who wants to hear nothing is asked whether that is still so.
pub(in crate::ledger) fn note_asked(list_tags: &[String], now_ms: i64) -> Option<Write<'static>> {
    let tags: Vec<&String> = list_tags.iter().filter(|tag| tag.starts_with("email.")).collect();
    let sql = "UPDATE listed SET asked_ms = ? WHERE list = ? AND tag IN (SELECT value FROM json_each(?))";
    let args = || [now_ms.into(), SUPPRESSED.into(), json!(tags).to_string().into()];
    (!tags.is_empty()).then(|| write(sql, args()))
}

/// Puts a person on the suppression list.
pub(in crate::ledger) fn suppress<'a>(list_tags: &[String], moment: &Moment) -> Write<'a> {
    add(SUPPRESSED, list_tags, moment)
}

fn add<'a>(list: &str, list_tags: &[String], moment: &Moment) -> Write<'a> {
    let sql = "INSERT INTO listed (tag, list, at_ms) SELECT value, ?, ? FROM json_each(?) WHERE true
               ON CONFLICT DO NOTHING";
    write(sql, [list.to_owned().into(), moment.now_ms.into(), json!(list_tags).to_string().into()])
}

/// The lists that these tags stand on.
pub(in crate::ledger) fn lists_with<S: Store>(
    parts: &Parts<S>,
    tags: &[String],
) -> Result<Vec<String>, Fault> {
    if tags.is_empty() || !parts.presence.has_lists() {
        return Ok(Vec::new());
    }
    let holes = vec!["?"; tags.len()].join(", ");
    let sql = format!("SELECT DISTINCT list FROM listed WHERE tag IN ({holes}) ORDER BY list");
    let args: Vec<Arg<'_>> = tags.iter().map(Into::into).collect();
    parts.db.rows(&sql, &args)?.into_iter().map(|mut row| row.text(0)).collect()
}

/// Whether somebody who wants to hear nothing was asked within the last year whether that is still so.
pub(in crate::ledger) fn was_asked_lately<S: Store>(
    parts: &Parts<S>,
    list_tags: &[String],
    moment: &Moment,
) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?))
                 AND asked_ms > ? LIMIT 1";
    let args =
        [SUPPRESSED.into(), json!(list_tags).to_string().into(), (moment.now_ms - ASK_AGAIN_MS).into()];
    Ok(parts.db.row(sql, &args)?.is_some())
}

pub(in crate::ledger) fn lists<S: Store>(parts: &Parts<S>) -> Result<List, Fault> {
    let sql = "SELECT json_object('ledger', ?, 'list', list, 'entries', count(*))
               FROM listed GROUP BY list ORDER BY list";
    Ok(List(parts.db.objects(sql, &[(&parts.config.name).into()])?))
}

pub(in crate::ledger) fn add_to_list<S: Store>(
    parts: &Parts<S>,
    request: &ListAdd,
    moment: &Moment,
) -> Result<Count, Fault> {
    let (sql, args) = add(&request.list, &request.list_tags, moment);
    let added = parts.db.rows(&format!("{sql} RETURNING 1"), &args)?.len();
    parts.presence.learn_lists(&parts.db)?;
    Ok(done(added))
}

pub(in crate::ledger) fn take_from_list<S: Store>(
    parts: &Parts<S>,
    request: &ListRemove,
) -> Result<Count, Fault> {
    let sql = "DELETE FROM listed WHERE list = ? AND tag IN (SELECT value FROM json_each(?)) RETURNING 1";
    let tags: Value = json!(request.list_tags);
    let args = [(&request.list).into(), tags.to_string().into()];
    let taken = parts.db.rows(sql, &args)?.len();
    parts.presence.learn_lists(&parts.db)?;
    Ok(done(taken))
}

/// Not the objections: nobody could make them again.
pub(in crate::ledger) fn clear_list<S: Store>(
    parts: &Parts<S>,
    list: &str,
) -> Result<Result<Count, Conflict>, Fault> {
    if list == SUPPRESSED {
        return Ok(Err(Conflict));
    }
    let sql = "SELECT count(*) FROM listed WHERE list = ?";
    let count = parts.db.row(sql, &[list.into()])?.map_or(Ok(0), |mut row| row.int(0))?;
    parts.db.run("DELETE FROM listed WHERE list = ?", &[list.into()])?;
    parts.presence.learn_lists(&parts.db)?;
    Ok(Ok(Count(count)))
}

fn done(count: usize) -> Count {
    Count(i64::try_from(count).unwrap_or(i64::MAX))
}
