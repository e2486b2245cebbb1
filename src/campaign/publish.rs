//! What publishing a campaign writes to KV, given what already lies there.
//!
//! A campaign's ledger never changes, one ledger has one controller, a wording's text never
//! changes under its version, and wordings and notices are kept by digest and never overwritten.
//! A controller may change its name, and its campaigns follow, each with new versions: what was
//! agreed to under the other name stays told apart. The campaign itself comes last, so that what
//! it refers to is there before it is.

use serde_json::{Map, Value};

use super::table::is_reported;
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
    let was = text_in(&old, "/campaign/controller/name").filter(|was| was != name);
    let (has_other_name, mut controller_was) = (was.is_some(), was);
    match record_of(known.as_ref(), rename, name) {
        Err(problem) => problems.push(problem),
        Ok(Some(value)) => {
            controller_was = rename.map(str::to_owned).or(controller_was);
            writes.push((key, Value::Object(value).to_string()));
        }
        Ok(None) => {}
    }

    let has_new_name = has_other_name && !is_reported(&problems, "controller.name");
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
        // A publication that was broken off may have written its versions.
        let mut is_used =
            known.as_ref().is_some_and(|version| text_in(version, "/controller").as_ref() != Some(name));
        for one in old.pointer("/campaign/purpose").and_then(Value::as_array).into_iter().flatten() {
            is_used |= text_in(one, "/id").as_ref() == Some(&purpose.id)
                && text_in(one, "/version").as_ref() == Some(&purpose.version);
        }
        if has_new_name && is_used {
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
                let mut value = written("sha256", &purpose.wording.sha256);
                if has_new_name {
                    value.insert("controller".to_owned(), name.as_str().into());
                }
                writes.push((key, Value::Object(value).to_string()));
            }
        }
    }

    let wordings = campaign.purposes.iter().map(|purpose| &purpose.wording);
    for wording in wordings.chain([&campaign.notice]) {
        let key = wording_key(&wording.sha256);
        if stored(&key).is_none() && writes.iter().all(|(written, _)| *written != key) {
            writes.push((key, Value::Object(written("text", &wording.text)).to_string()));
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

/// What is written beside a campaign.
fn written(key: &str, text: &str) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("format".to_owned(), RECORD_FORMAT.into());
    record.insert(key.to_owned(), text.into());
    record
}

/// The names that a ledger's controller had.
fn former(record: &Value) -> Vec<&str> {
    let names = record.get("former").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A ledger's record as it will be, where it changes. There is none yet, or the controller gives up its name.
///
/// # Errors
/// The ledger belongs to another controller, or it is not the one that is renamed.
fn record_of(
    record: Option<&Value>,
    rename: Option<&str>,
    name: &str,
) -> Result<Option<Map<String, Value>>, Problem> {
    let refused = |path: &str, reason: &str| Err(Problem::new(path, reason));
    let Some(record) = record else {
        if rename.is_some() {
            return refused(
                "rename_controller",
                "the ledger has no controller yet, so there is none to rename",
            );
        }
        return Ok(Some(written("controller", name)));
    };
    let owner = record.get("controller").and_then(Value::as_str);
    let mut former = former(record);
    match rename {
        None if owner == Some(name) => Ok(None),
        None if former.contains(&name) => refused(
            "controller.name",
            "the ledger's controller was renamed: use its new name, with a new privacy_notice_version and new \
             versions of all purposes",
        ),
        None => {
            refused("controller.name", "the ledger belongs to another controller: one ledger, one controller")
        }
        // By another campaign of the ledger, or by a publication that was broken off.
        Some(from) if owner == Some(name) && former.last() == Some(&from) => Ok(None),
        Some(from) if owner != Some(from) => {
            refused("rename_controller", "is not the name that the ledger's controller has")
        }
        Some(from) if from == name => {
            refused("controller.name", "is the name that the controller has: state the new one")
        }
        Some(from) => {
            former.retain(|was| *was != name && *was != from);
            former.push(from);
            let former = former.get(former.len().saturating_sub(MAX_FORMER)..).unwrap_or_default();
            let mut record = written("controller", name);
            record.insert("former".to_owned(), former.into());
            Ok(Some(record))
        }
    }
}
