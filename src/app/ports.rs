//! What the use cases need of the world. The edge implements them on Cloudflare, `memory` on the
//! host with a clock and faults.

use crate::base::fault::Fault;
use crate::base::keyring::{SigningKey, SigningKeys};
use crate::ledger::wire::{Answer, Call};
use crate::settings::Settings;

/// Keys that KV gives at once, as one request (its documented limit of a bulk read).
pub const KV_KEYS_AT_ONCE: usize = 100;

/// KV, ledgers, settings and signatures.
#[allow(async_fn_in_trait, reason = "one thread on the Worker and on the host: futures need no Send")]
pub trait Ports {
    /// The operator's settings.
    fn settings(&self) -> &Settings;

    /// A secret of the Worker by its name, where it is set.
    fn secret(&self, name: &str) -> Option<String>;

    /// Reads a key.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault>;

    /// The texts under these keys, each with its key, of those that are there. However many, it is few
    /// requests.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_get_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault>;

    /// Writes a key.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_put(&self, key: &str, value: &str) -> Result<(), Fault>;

    /// Deletes a key.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_delete(&self, key: &str) -> Result<(), Fault>;

    /// Signs a text by Ed25519 (RFC 8032).
    ///
    /// # Errors
    /// The key signs no more, or the platform refuses.
    async fn sign(&self, key: &SigningKey, text: &str) -> Result<Vec<u8>, Fault>;

    /// The names of the keys that begin with a prefix.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault>;

    /// Whether the platform's limits take another post of this campaign, and of this network where it is
    /// known. It also does where there are no such limits.
    ///
    /// # Errors
    /// The platform's.
    async fn is_within_limits(&self, campaign: &str, network: Option<&str>) -> Result<bool, Fault>;

    /// Whether the platform's limit takes another post of a network that would bring a mail. It also does where
    /// there is no such limit.
    ///
    /// # Errors
    /// The platform's.
    async fn takes_more_mails(&self, network: &str) -> Result<bool, Fault>;

    /// What a service answers to a form that is posted to it.
    ///
    /// # Errors
    /// It is down, too slow, or says too much.
    async fn ask_service(&self, url: &str, form: &str) -> Result<String, Fault>;

    /// Whether a file is in the bucket.
    ///
    /// # Errors
    /// No bucket is bound, or it is down.
    async fn has_file(&self, key: &str) -> Result<bool, Fault>;

    /// Asks a ledger.
    ///
    /// # Errors
    /// It is down, too slow, or failed; whether the call was kept is not known then.
    async fn ask(&self, ledger: &str, call: &Call) -> Result<Answer, Fault>;
}

/// The receipts of these inputs, each with its signature. Empty where no key signs.
///
/// # Errors
/// The platform's.
pub async fn signed(ports: &impl Ports, inputs: Vec<String>) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let Some(key) = ports.settings().signing.as_ref().and_then(SigningKeys::current) else {
        return Ok(Vec::new());
    };
    let mut signed = Vec::new();
    for input in inputs {
        let signature = ports.sign(key, &input).await?;
        signed.push((input, signature));
    }
    Ok(signed)
}
