//! What publishing a campaign writes to KV, given what already lies there.
//!
//! A campaign's ledger never changes, one ledger has one controller, a wording's text never
//! changes under its version, and wordings and notices are kept by digest and never overwritten.
//! The campaign itself comes last, so that what it refers to is there before it is.

use serde_json::{Value, json};

use super::{Campaign, Problem};

/// KV keys that begin with this hold campaigns.
pub const CAMPAIGN_PREFIX: &str = "campaign/v1/";
/// KV keys that begin with this are the registry of ledgers: never pruned.
pub const LEDGER_PREFIX: &str = "ledger/v1/";
/// The format of what publishing writes beside the campaign.
const RECORD_FORMAT: u32 = 1;

/// The KV key of a campaign.
pub fn campaign_key(id: &str) -> String {
    format!("{CAMPAIGN_PREFIX}{id}")
}

fn ledger_key(ledger: &str) -> String {
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

/// What to write, in this order. `stored` answers for each of [`keys`].
///
/// # Errors
/// Every reason why it may not be published.
pub fn plan(
    campaign: &Campaign,
    stored: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut writes = Vec::new();
    let record = |key: &str| stored(key).and_then(|text| serde_json::from_str::<Value>(&text).ok());

    if let Some(old) = record(&campaign_key(&campaign.id)) {
        let text = |path: &str| old.pointer(path).and_then(Value::as_str);
        let ledger = text("/campaign/ledger").or(text("/campaign/id"));
        if ledger.is_some_and(|ledger| ledger != campaign.ledger) {
            problems.push(Problem::new("ledger", "cannot change once the campaign is published"));
        }
    }

    let key = ledger_key(&campaign.ledger);
    match record(&key) {
        Some(old) if old.get("controller").and_then(Value::as_str) != Some(&campaign.controller.name) => {
            let reason = "the ledger belongs to another controller: one ledger, one controller";
            problems.push(Problem::new("controller.name", reason));
        }
        Some(_) => {}
        None => {
            let value = json!({"format": RECORD_FORMAT, "controller": campaign.controller.name});
            writes.push((key, value.to_string()));
        }
    }

    for (at, purpose) in campaign.purposes.iter().enumerate() {
        let key = version_key(&campaign.id, &purpose.id, &purpose.version);
        match record(&key) {
            Some(old) if old.get("sha256").and_then(Value::as_str) != Some(&purpose.wording.sha256) => {
                let reason = format!("has changed under version {}: give it a new version", purpose.version);
                problems.push(Problem::new(format!("purpose[{at}].text"), reason));
            }
            Some(_) => {}
            None => {
                let value = json!({"format": RECORD_FORMAT, "sha256": purpose.wording.sha256});
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
    if problems.is_empty() { Ok(writes) } else { Err(problems) }
}
