//! Registry: the ledgers and campaigns that were ever published, as KV lists them.

use super::ports::Ports;
use crate::base::fault::Fault;
use crate::campaign::publish::{CAMPAIGN_PREFIX, LEDGER_PREFIX};

/// Returns the names of all ledgers.
///
/// # Errors
/// KV is down.
pub async fn ledgers(ports: &impl Ports) -> Result<Vec<String>, Fault> {
    names(ports, LEDGER_PREFIX).await
}

/// Returns the ids of all campaigns.
///
/// # Errors
/// KV is down.
pub async fn campaigns(ports: &impl Ports) -> Result<Vec<String>, Fault> {
    names(ports, CAMPAIGN_PREFIX).await
}

async fn names(ports: &impl Ports, prefix: &str) -> Result<Vec<String>, Fault> {
    let keys = ports.kv_list(prefix).await?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect())
}
