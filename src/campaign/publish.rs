//! What publishing a campaign writes to KV, given what already lies there.
//!
//! A campaign's ledger never changes, one ledger has one controller, a wording's text never
//! changes under its version, and wordings and notices are kept by digest and never overwritten.
//! A controller may change its name, and its campaigns follow, each with new versions: what was
//! agreed to under the other name stays told apart. The campaign itself comes last, so that what
//! it refers to is there before it is.

use serde_json::{Value, json};

use super::table::told;
use super::{Campaign, Problem};

/// KV keys that begin with this hold campaigns.
pub const CAMPAIGN_PREFIX: &str = "campaign/v1/";
/// KV keys that begin with this are the registry of ledgers: never pruned.
pub const LEDGER_PREFIX: &str = "ledger/v1/";
/// The format of what publishing writes beside the campaign.
const RECORD_FORMAT: u32 = 1;
/// Names that a controller had, the last ones: more than any company has had.
const MAX_FORMER: usize = 20;

/// The KV key of a campaign.
pub fn campaign_key(id: &str) -> String {
    format!("{CAMPAIGN_PREFIX}{id}")
}

/// The KV key of a ledger's record.
pub fn ledger_key(ledger: &str) -> String {
    format!("{LEDGER_PREFIX}{ledger}")
}

fn wording_key(sha256: &str) -> String {
    format!("wording/v1/{sha256}")
}

fn version_key(campaign: &str, purpose: &str, version: &str) -> String {
    format!("version/v1/{campaign}/{purpose}/{version}")
}

/// The KV keys that [`plan`] must know before it can say what to write.
pub fn keys(campaign: &Campaign) -> Vec<String> {
    let mut keys = vec![campaign_key(&campaign.id), ledger_key(&campaign.ledger)];
    for purpose in &campaign.purposes {
        keys.push(wording_key(&purpose.wording.sha256));
        keys.push(version_key(&campaign.id, &purpose.id, &purpose.version));
    }
    keys.push(wording_key(&campaign.notice.sha256));
    keys
}

/// What publishing writes.
pub struct Plan {
    /// Keys and values, in this order.
    pub writes: Vec<(String, String)>,
    /// The controller's name until now, where it is another one.
    pub controller_was: Option<String>,
}

/// What to write. `stored` answers for each of [`keys`]; `rename` is the name that the ledger's
/// controller has until now and gives up for the campaign's.
///
/// # Errors
/// Every reason why it may not be published.
pub fn plan(
    campaign: &Campaign,
    rename: Option<&str>,
    stored: impl Fn(&str) -> Option<String>,
) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut writes = Vec::new();
    let record = |key: &str| stored(key).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let text_in = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let name = &campaign.controller.name;

    let old = record(&campaign_key(&campaign.id)).unwrap_or_default();
    let ledger = text_in(&old, "/campaign/ledger").or(text_in(&old, "/campaign/id"));
    if ledger.is_some_and(|ledger| ledger != campaign.ledger) {
        problems.push(Problem::new("ledger", "cannot change once the campaign is published"));
    }

    let key = ledger_key(&campaign.ledger);
    let known = record(&key);
    let renamed = match rename {
        Some(from) => renamed(known.as_ref(), from, name).map(Some),
        None => owned(known.as_ref(), name).map(|()| None),
    };
    let mut controller_was = text_in(&old, "/campaign/controller/name").filter(|was| was != name);
    match renamed {
        Err(problem) => problems.push(problem),
        Ok(Some(Renamed::Now(value))) => {
            controller_was = rename.map(str::to_owned);
            writes.push((key, value.to_string()));
        }
        Ok(_) if known.is_none() => {
            let value = json!({"format": RECORD_FORMAT, "controller": name});
            writes.push((key, value.to_string()));
        }
        Ok(_) => {}
    }

    let other_name = text_in(&old, "/campaign/controller/name").is_some_and(|was| was != *name);
    let has_new_name = other_name && !told(&problems, "controller.name");
    if has_new_name {
        let was = text_in(&old, "/campaign/controller/privacy_notice_version");
        let version = campaign.notice.version.as_ref().filter(|version| !version.trim().is_empty());
        if version.is_none() || version == was.as_ref() {
            let reason = "must be stated and new: the controller has another name than in what is published";
            problems.push(Problem::new("controller.privacy_notice_version", reason));
        }
    }
    for (at, purpose) in campaign.purposes.iter().enumerate() {
        let key = version_key(&campaign.id, &purpose.id, &purpose.version);
        let known = record(&key);
        let published = old.pointer("/campaign/purpose").and_then(Value::as_array).into_iter().flatten();
        let is_published = |one: &Value| {
            text_in(one, "/id").as_ref() == Some(&purpose.id)
                && text_in(one, "/version").as_ref() == Some(&purpose.version)
        };
        // A publication that was broken off may have written its versions.
        let is_of_this_name = |version: &Value| text_in(version, "/controller").as_ref() == Some(name);
        let is_used = || {
            published.into_iter().any(is_published) || known.as_ref().is_some_and(|one| !is_of_this_name(one))
        };
        if has_new_name && is_used() {
            let reason = "must be new: the controller has another name than in what is published";
            problems.push(Problem::new(format!("purpose[{at}].version"), reason));
            continue;
        }
        match &known {
            Some(old) if text_in(old, "/sha256").as_ref() != Some(&purpose.wording.sha256) => {
                let reason = format!("has changed under version {}: give it a new version", purpose.version);
                problems.push(Problem::new(format!("purpose[{at}].text"), reason));
            }
            Some(_) => {}
            None => {
                let mut value = json!({"format": RECORD_FORMAT, "sha256": purpose.wording.sha256});
                if let Some(value) = value.as_object_mut().filter(|_| has_new_name) {
                    value.insert("controller".to_owned(), name.as_str().into());
                }
                writes.push((key, value.to_string()));
            }
        }
    }

    let wordings = campaign.purposes.iter().map(|purpose| &purpose.wording);
    for wording in wordings.chain([&campaign.notice]) {
        let key = wording_key(&wording.sha256);
        if stored(&key).is_none() && writes.iter().all(|(written, _)| *written != key) {
            let value = json!({"format": RECORD_FORMAT, "text": wording.text});
            writes.push((key, value.to_string()));
        }
    }
    writes.push((campaign_key(&campaign.id), campaign.to_stored()));
    if problems.is_empty() { Ok(Plan { writes, controller_was }) } else { Err(problems) }
}

/// The name of a ledger's controller, by its record in KV.
pub fn controller_of(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    Some(record.get("controller")?.as_str()?.to_owned())
}

fn former(record: &Value) -> impl Iterator<Item = &str> {
    record.get("former").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// That the ledger is this controller's, or nobody's yet.
fn owned(record: Option<&Value>, name: &str) -> Result<(), Problem> {
    let Some(record) = record else { return Ok(()) };
    let owner = record.get("controller").and_then(Value::as_str);
    if owner == Some(name) {
        return Ok(());
    }
    let reason = if former(record).any(|was| was == name) {
        "the ledger's controller was renamed: use its new name, with a new privacy_notice_version and new \
         versions of all purposes"
    } else {
        "the ledger belongs to another controller: one ledger, one controller"
    };
    Err(Problem::new("controller.name", reason))
}

/// What a renaming comes to.
enum Renamed {
    /// The ledger's record as it will be.
    Now(Value),
    /// It was done already: by another campaign of the ledger, or by a publication that was broken off.
    Before,
}

fn renamed(record: Option<&Value>, from: &str, name: &str) -> Result<Renamed, Problem> {
    let owner = record.and_then(|record| record.get("controller")?.as_str());
    let refused = |path: &str, reason: &str| Err(Problem::new(path, reason));
    let Some((record, owner)) = record.zip(owner) else {
        return refused("rename_controller", "the ledger has no controller yet, so there is none to rename");
    };
    if owner == name && former(record).last() == Some(from) {
        return Ok(Renamed::Before);
    }
    if owner != from {
        return refused("rename_controller", "is not the name that the ledger's controller has");
    }
    if name == from {
        return refused("controller.name", "is the name that the controller has: state the new one");
    }
    let mut names: Vec<_> = former(record).filter(|was| *was != name && *was != from).chain([from]).collect();
    names.drain(..names.len().saturating_sub(MAX_FORMER));
    Ok(Renamed::Now(json!({"format": RECORD_FORMAT, "controller": name, "former": names})))
}
