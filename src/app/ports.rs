//! Ports: what the use cases need of the platform. `cloudflare` implements them, and `testing` on the host, with a
//! clock and faults.

use crate::base::fault::Fault;
use crate::base::keyring::{SigningKey, SigningKeys};
use crate::ledger::wire::{Call, Reply};
use crate::settings::Settings;

/// The requests to KV and to ledgers that an invocation plans. The free plan allows 50; the others are for what stands
/// around a walk: the registry (one a thousand ledgers), a campaign, and what KV is told to forget.
pub const MAX_REQUESTS: usize = 40;

/// The most keys that KV gives as one request (its documented limit of a bulk read).
pub const KV_KEYS_AT_ONCE: usize = 100;

/// KV, ledgers, settings and signatures.
#[allow(async_fn_in_trait, reason = "one thread on the Worker and on the host: futures need no Send")]
pub trait Ports {
    /// Returns the operator's settings.
    fn settings(&self) -> &Settings;

    /// Returns a secret of the Worker by its name. `None` if it is not set.
    fn secret(&self, name: &str) -> Option<String>;

    /// Reads a key.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Reads keys, and returns those that are there, each with its value. It takes few requests however many they are.
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

    /// Lists the keys that begin with a prefix.
    ///
    /// # Errors
    /// KV is down or refuses.
    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault>;

    /// Asks the platform's rate limits whether they take another post of a campaign, and of a network if it is known.
    /// They do if there are none.
    ///
    /// # Errors
    /// They cannot be asked.
    async fn is_within_limits(&self, campaign: &str, network: Option<&str>) -> Result<bool, Fault>;

    /// Asks the platform's rate limit whether it takes another post of a network that brings a mail. It does if there
    /// is none.
    ///
    /// # Errors
    /// It cannot be asked.
    async fn takes_more_mails(&self, network: &str) -> Result<bool, Fault>;

    /// Posts a form to a service, and returns its response.
    ///
    /// # Errors
    /// The service is down or too slow, or its response is too long.
    async fn ask_service(&self, url: &str, form: &str) -> Result<String, Fault>;

    /// Checks whether a file is in the bucket.
    ///
    /// # Errors
    /// No bucket is bound, or it is down.
    async fn has_file(&self, key: &str) -> Result<bool, Fault>;

    /// Sends a call to a ledger.
    ///
    /// # Errors
    /// The ledger is down or too slow, or it failed; it is not known then whether the call was done.
    async fn ask(&self, ledger: &str, call: &Call) -> Result<Reply, Fault>;
}

/// Signs receipts: returns each input with its signature. Empty if no key signs.
///
/// # Errors
/// The platform refuses.
pub async fn sign_receipts(ports: &impl Ports, inputs: Vec<String>) -> Result<Vec<(String, Vec<u8>)>, Fault> {
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
