//! Who has done what: the audit logs of the ledgers as one, the newest entry first. Where there are more ledgers
//! than one request can ask, they come group by group.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::walk::Walk;
use super::{Asked, ledgers, range, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Audit, List};

/// Entries of a page unless the operator says otherwise.
const DEFAULT_PAGE: usize = 50;
/// Entries of a page at most: what each ledger gives for it.
const MAX_PAGE: usize = limits::number("page_entries") as usize;
/// Above every number of an entry.
const LAST: &str = "9007199254740991";

/// Where an entry stands among those of a group of ledgers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at_ms: i64,
    ledger: String,
    seq: i64,
}

impl Place {
    /// Reads `{at_ms}.{seq}.{ledger}`, and behind it the first ledger of the group where it is not the first
    /// of all.
    fn parse(cursor: &str) -> Option<(Self, String)> {
        let mut parts = cursor.splitn(4, '.');
        let at_ms = parts.next()?.parse().ok()?;
        let seq = parts.next()?.parse().ok()?;
        let place = Self { at_ms, seq, ledger: parts.next()?.to_owned() };
        Some((place, parts.next().unwrap_or_default().to_owned()))
    }

    fn of(entry: &Value) -> Option<Self> {
        let number = |key: &str| entry.get(key).and_then(Value::as_i64);
        let ledger = entry.get("ledger")?.as_str()?.to_owned();
        Some(Self { at_ms: number("at_ms")?, seq: number("seq")?, ledger })
    }

    /// What this ledger is asked for, so that it gives what stands behind this place.
    fn in_ledger(&self, ledger: &str) -> String {
        let Self { at_ms, seq, .. } = self;
        match ledger.cmp(&self.ledger) {
            std::cmp::Ordering::Less => format!("{at_ms}.{LAST}"),
            std::cmp::Ordering::Equal => format!("{at_ms}.{seq}"),
            std::cmp::Ordering::Greater => format!("{at_ms}.0"),
        }
    }
}

/// A page of what operators have done: of the ledger of a campaign, or of all.
pub async fn list(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let [from_ms, to_ms] = match range(&asked.query) {
        Ok(range) => range,
        Err(response) => return Ok(response),
    };
    let limit = asked.query.text("limit").map(|text| text.parse::<usize>().ok().filter(|limit| *limit > 0));
    let Some(limit) = limit.unwrap_or(Some(DEFAULT_PAGE)) else {
        return Ok(wrong_parameter("limit", "must be a number above 0"));
    };
    let limit = limit.min(MAX_PAGE);
    let after = asked.query.text("after").map(|cursor| Place::parse(&cursor));
    if after == Some(None) {
        return Ok(wrong_parameter("after", "must be the next of an earlier page"));
    }
    let (after, group) = after.flatten().unzip();
    let group = group.unwrap_or_default();
    let campaign = asked.query.text("campaign");
    let ledgers = ledgers(cx, campaign.as_deref()).await?;
    if campaign.is_some() && ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    let mut walk = match Walk::over(ledgers, Some(&format!("{group}."))) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut found = Vec::new();
    while let Some((ledger, _)) = walk.next(1) {
        let query = Audit {
            campaign: campaign.clone(),
            from_ms,
            to_ms,
            after: after.as_ref().map(|place| place.in_ledger(&ledger)),
            limit: i64::try_from(limit).ok(),
        };
        let List(entries) = asked.ask(cx, &ledger, query).await?;
        found.extend(entries);
    }
    found.sort_by_cached_key(|entry| Reverse(Place::of(entry)));
    let is_full = found.len() >= limit;
    found.truncate(limit);
    let last = found.last().filter(|_| is_full).and_then(Place::of);
    let further = walk.next_cursor();
    let is_part = further.is_some() || !group.is_empty();
    let next = match (last, further) {
        (Some(Place { at_ms, ledger, seq }), _) if group.is_empty() => {
            Some(format!("{at_ms}.{seq}.{ledger}"))
        }
        (Some(Place { at_ms, ledger, seq }), _) => Some(format!("{at_ms}.{seq}.{ledger}.{group}")),
        // From the newest of the next group on.
        (None, Some(further)) => Some(format!("{LAST}.{LAST}..{}", further.trim_end_matches('.'))),
        (None, None) => None,
    };
    for entry in &mut found {
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("at_ms");
            entry.remove("seq");
        }
    }
    let mut page = json!({ "entries": found, "next": next });
    if let (true, Some(page)) = (is_part, page.as_object_mut()) {
        page.insert("is_part".to_owned(), true.into());
    }
    Ok(Response::json(&page))
}
