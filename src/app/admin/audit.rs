//! `GET /admin/api/audit`: the audit logs of all ledgers as one, the newest entry first. If there are more ledgers than
//! one request can ask, their entries come group by group.

use std::cmp::{Ordering, Reverse};

use serde_json::{Value, json};

use super::error::{AdminResult, wrong_cursor};
use super::request::AdminRequest;
use super::walk::{Walk, cursor};
use crate::app::ports::Ports;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Audit, List};

/// The entries of a page unless the operator says otherwise.
const DEFAULT_ENTRIES: usize = 50;
/// The most entries of a page, which each ledger gives for it.
const MAX_ENTRIES: usize = limits::number("page_entries") as usize;
/// A number above that of every entry.
const LAST: &str = "9007199254740991";

/// The position of an entry among those of a group of ledgers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    at_ms: i64,
    ledger: String,
    seq: i64,
}

impl Position {
    /// Reads a cursor `{at_ms}.{seq}.{ledger}`, and after it the first ledger of the group, which is empty for the
    /// first group.
    fn parse(cursor: &str) -> Option<(Self, String)> {
        let mut parts = cursor.splitn(4, '.');
        let at_ms = parts.next()?.parse().ok()?;
        let seq = parts.next()?.parse().ok()?;
        let position = Self { at_ms, seq, ledger: parts.next()?.to_owned() };
        Some((position, parts.next().unwrap_or_default().to_owned()))
    }

    fn of(entry: &Value) -> Option<Self> {
        let number = |key: &str| entry.get(key).and_then(Value::as_i64);
        let ledger = entry.get("ledger")?.as_str()?.to_owned();
        Some(Self { at_ms: number("at_ms")?, seq: number("seq")?, ledger })
    }

    /// Returns the cursor after which a ledger's entries stand behind this position.
    fn in_ledger(&self, ledger: &str) -> String {
        let Self { at_ms, seq, .. } = self;
        match ledger.cmp(&self.ledger) {
            Ordering::Less => format!("{at_ms}.{LAST}"),
            Ordering::Equal => format!("{at_ms}.{seq}"),
            Ordering::Greater => format!("{at_ms}.0"),
        }
    }

    /// Returns the cursor of this position in a group.
    fn cursor(&self, group: &str) -> String {
        let Self { at_ms, seq, ledger } = self;
        if group.is_empty() {
            format!("{at_ms}.{seq}.{ledger}")
        } else {
            format!("{at_ms}.{seq}.{ledger}.{group}")
        }
    }
}

/// Returns a page of the audit log: of a campaign's ledger, or of all.
pub async fn list(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let [from_ms, to_ms] = request.query.range()?;
    let limit = request.query.limit(DEFAULT_ENTRIES)?.min(MAX_ENTRIES);
    let after = request.query.text("after").map(|cursor| Position::parse(&cursor));
    if after == Some(None) {
        return Err(wrong_cursor("page"));
    }
    let (after, group) = after.flatten().unzip();
    let group = group.unwrap_or_default();
    let campaign = request.query.text("campaign");
    let ledgers = request.ledgers(campaign.as_deref()).await?;
    if campaign.is_some() && ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    let mut walk = Walk::new(ledgers, Some(&cursor(&group, "")))?;
    let mut found = Vec::new();
    while let Some((ledger, _)) = walk.next(1) {
        let query = Audit {
            campaign: campaign.clone(),
            from_ms,
            to_ms,
            after: after.as_ref().map(|position| position.in_ledger(&ledger)),
            limit: i64::try_from(limit).ok(),
        };
        let List(entries) = request.ask(&ledger, query).await?;
        found.extend(entries);
    }
    found.sort_by_cached_key(|entry| Reverse(Position::of(entry)));
    let is_full = found.len() >= limit;
    found.truncate(limit);
    let last = found.last().filter(|_| is_full).and_then(Position::of);
    let next_group = walk.next_cursor();
    let is_part = next_group.is_some() || !group.is_empty();
    let next = match (last, next_group) {
        (Some(last), _) => Some(last.cursor(&group)),
        // From the newest of the next group on.
        (None, Some(next)) => Some(format!("{LAST}.{LAST}..{}", next.trim_end_matches('.'))),
        (None, None) => None,
    };
    found.iter_mut().for_each(hide_position);
    let mut page = json!({ "entries": found, "next": next });
    if let (true, Some(page)) = (is_part, page.as_object_mut()) {
        page.insert("is_part".to_owned(), true.into());
    }
    Ok(Response::json(&page))
}

fn hide_position(entry: &mut Value) {
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("at_ms");
        entry.remove("seq");
    }
}
