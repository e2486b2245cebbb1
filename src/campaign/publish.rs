//! Publication of a campaign: the writes to KV, given what is already there.
//!
//! A campaign's ledger never changes, one ledger has one controller, a wording's text never changes under its version,
//! and wordings and privacy notices are stored by digest and never overwritten. A controller may change its name, and its
//! campaigns follow, each with new versions, so that consents under the former name can be told from later ones. The
//! campaign itself is written last, after everything that it refers to.

use serde_json::{Map, Value};

use super::campaign::Campaign;
use super::purpose::Purpose;
use super::table::{Problem, is_reported};

/// The prefix of KV keys of campaigns.
pub const CAMPAIGN_PREFIX: &str = "campaign/v1/";
/// The prefix of KV keys of the registry of ledgers, which is never pruned.
pub const LEDGER_PREFIX: &str = "ledger/v1/";
/// The format of the records that are written beside the campaign.
const RECORD_FORMAT: u32 = 1;
/// Former names of a controller that are stored, the last ones: more than any company has had.
const MAX_FORMER: usize = 20;

/// Returns the KV key of a campaign.
pub fn campaign_key(id: &str) -> String {
    format!("{CAMPAIGN_PREFIX}{id}")
}

/// Returns the KV key of a ledger's record.
pub fn ledger_key(ledger: &str) -> String {
    format!("{LEDGER_PREFIX}{ledger}")
}

fn wording_key(sha256: &str) -> String {
    format!("wording/v1/{sha256}")
}

fn version_key(campaign: &str, purpose: &str, version: &str) -> String {
    format!("version/v1/{campaign}/{purpose}/{version}")
}

/// Returns the KV keys whose values [`plan`] needs.
pub fn keys(campaign: &Campaign) -> Vec<String> {
    let mut keys = vec![campaign_key(&campaign.id), ledger_key(&campaign.ledger)];
    for purpose in &campaign.purposes {
        keys.push(wording_key(&purpose.wording.sha256));
        keys.push(version_key(&campaign.id, &purpose.id, &purpose.version));
    }
    keys.push(wording_key(&campaign.notice.sha256));
    keys
}

/// The plan of a publication.
pub struct Plan {
    /// Keys and values to write, in this order.
    pub writes: Vec<(String, String)>,
    /// The controller's former name, if it gets another.
    pub controller_was: Option<String>,
}

/// Plans a publication. `stored` returns the values of [`keys`]; `rename` is the name that the ledger's controller has
/// until now and gives up for the campaign's.
///
/// # Errors
/// All reasons why the campaign may not be published.
pub fn plan(
    campaign: &Campaign,
    rename: Option<&str>,
    stored: impl Fn(&str) -> Option<String>,
) -> Result<Plan, Vec<Problem>> {
    let mut draft = Draft::new(campaign, &stored);
    draft.check_ledger();
    let former_name = text_in(&draft.old, "/campaign/controller/name");
    let former_name = former_name.filter(|former| *former != campaign.controller.name);
    let is_renamed = former_name.is_some();
    let controller_was = draft.add_ledger(rename, former_name);
    let is_renamed = is_renamed && !is_reported(&draft.problems, "controller.name");
    if is_renamed {
        draft.check_notice_version();
    }
    draft.add_versions(is_renamed);
    draft.add_wordings();
    draft.writes.push((campaign_key(&campaign.id), campaign.to_stored()));
    if draft.problems.is_empty() {
        Ok(Plan { writes: draft.writes, controller_was })
    } else {
        Err(draft.problems)
    }
}

/// A plan in the making.
struct Draft<'a> {
    campaign: &'a Campaign,
    stored: &'a dyn Fn(&str) -> Option<String>,
    /// The campaign as it is published, null if it is not.
    old: Value,
    writes: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl<'a> Draft<'a> {
    fn new(campaign: &'a Campaign, stored: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let mut draft = Self { campaign, stored, old: Value::Null, writes: Vec::new(), problems: Vec::new() };
        draft.old = draft.record(&campaign_key(&campaign.id)).unwrap_or_default();
        draft
    }

    /// Reads a record from KV.
    fn record(&self, key: &str) -> Option<Value> {
        (self.stored)(key).and_then(|text| serde_json::from_str(&text).ok())
    }

    fn refuse(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.problems.push(Problem::new(path, reason));
    }

    /// Checks that a published campaign stays in its ledger.
    fn check_ledger(&mut self) {
        let ledger = text_in(&self.old, "/campaign/ledger").or(text_in(&self.old, "/campaign/id"));
        if ledger.is_some_and(|ledger| ledger != self.campaign.ledger) {
            self.refuse("ledger", "cannot change once the campaign is published");
        }
    }

    /// Adds the record of the ledger. Returns the former name of the controller if it gets another.
    fn add_ledger(&mut self, rename: Option<&str>, former_name: Option<String>) -> Option<String> {
        let key = ledger_key(&self.campaign.ledger);
        match record_of(self.record(&key).as_ref(), rename, &self.campaign.controller.name) {
            Ok(Some(value)) => {
                self.writes.push((key, Value::Object(value).to_string()));
                return rename.map(str::to_owned).or(former_name);
            }
            Ok(None) => {}
            Err(problem) => self.problems.push(problem),
        }
        former_name
    }

    /// Checks that a renamed controller has a new version of its privacy notice.
    fn check_notice_version(&mut self) {
        let former = text_in(&self.old, "/campaign/controller/privacy_notice_version");
        let version = self.campaign.notice.version.as_ref().filter(|version| !version.trim().is_empty());
        if version.is_none() || version == former.as_ref() {
            let reason = "must be stated and new: the controller has another name than in what is published";
            self.refuse("controller.privacy_notice_version", reason);
        }
    }

    /// Adds the versions of all wordings, and checks that none changes.
    fn add_versions(&mut self, is_renamed: bool) {
        let campaign = self.campaign;
        let name = &campaign.controller.name;
        for (at, purpose) in campaign.purposes.iter().enumerate() {
            let key = version_key(&campaign.id, &purpose.id, &purpose.version);
            let known = self.record(&key);
            if is_renamed && self.is_version_used(purpose, known.as_ref()) {
                let reason = "must be new: the controller has another name than in what is published";
                self.refuse(format!("purpose[{at}].version"), reason);
                continue;
            }
            match &known {
                Some(old) if text_in(old, "/sha256").as_ref() != Some(&purpose.wording.sha256) => {
                    let reason =
                        format!("has changed under version {}: give it a new version", purpose.version);
                    self.refuse(format!("purpose[{at}].text"), reason);
                }
                Some(_) => {}
                None => {
                    let mut value = written("sha256", &purpose.wording.sha256);
                    if is_renamed {
                        value.insert("controller".to_owned(), name.as_str().into());
                    }
                    self.writes.push((key, Value::Object(value).to_string()));
                }
            }
        }
    }

    /// Returns whether a version of a wording was used under the controller's former name.
    fn is_version_used(&self, purpose: &Purpose, known: Option<&Value>) -> bool {
        // An interrupted publication may have written its versions.
        let name = &self.campaign.controller.name;
        let mut is_used = known.is_some_and(|version| text_in(version, "/controller").as_ref() != Some(name));
        for one in self.old.pointer("/campaign/purpose").and_then(Value::as_array).into_iter().flatten() {
            is_used |= text_in(one, "/id").as_ref() == Some(&purpose.id)
                && text_in(one, "/version").as_ref() == Some(&purpose.version);
        }
        is_used
    }

    /// Adds wordings and the privacy notice, by digest.
    fn add_wordings(&mut self) {
        let wordings = self.campaign.purposes.iter().map(|purpose| &purpose.wording);
        for wording in wordings.chain([&self.campaign.notice]) {
            let key = wording_key(&wording.sha256);
            if (self.stored)(&key).is_none() && self.writes.iter().all(|(written, _)| *written != key) {
                self.writes.push((key, Value::Object(written("text", &wording.text)).to_string()));
            }
        }
    }
}

fn text_in(of: &Value, path: &str) -> Option<String> {
    of.pointer(path).and_then(Value::as_str).map(str::to_owned)
}

/// Returns the name of a ledger's controller, by its record in KV.
pub fn controller_of(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    Some(record.get("controller")?.as_str()?.to_owned())
}

/// Makes a record.
fn written(key: &str, text: &str) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("format".to_owned(), RECORD_FORMAT.into());
    record.insert(key.to_owned(), text.into());
    record
}

/// Returns the former names of a ledger's controller.
fn former(record: &Value) -> Vec<&str> {
    let names = record.get("former").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns the new record of a ledger; `None` if it does not change. It does if there is none yet, or if the controller
/// changes its name.
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
        // By another campaign of the ledger, or by an interrupted publication.
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
