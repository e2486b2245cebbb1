//! The facts of one ledger that do not change while its object runs.

use crate::base::keyring::SigningKeys;
use crate::base::url::WebAddress;
use crate::campaign::SecretHosts;
use crate::pipeline::lead::Identity;
use crate::settings::Settings;

/// The ledger's name and keys, and the operator's settings that apply to it.
pub(in crate::ledger) struct Config {
    pub(in crate::ledger) name: String,
    pub(in crate::ledger) identity: Identity,
    /// The `kid` of the key that signs receipts, if there is one.
    pub(in crate::ledger) signing_key: Option<String>,
    pub(in crate::ledger) public_url: Option<String>,
    /// The public address, parsed: nothing is sent there.
    pub(in crate::ledger) own: Option<WebAddress>,
    pub(in crate::ledger) development: bool,
    /// The hosts to which a secret that does not sign may be sent.
    pub(in crate::ledger) secret_hosts: SecretHosts,
}

impl Config {
    /// Takes the settings that the ledger of this name needs.
    pub(in crate::ledger) fn new(name: &str, settings: &Settings) -> Self {
        let signing_key = settings.signing.as_ref().and_then(SigningKeys::current);
        Self {
            name: name.to_owned(),
            identity: Identity::new(settings, name),
            signing_key: signing_key.map(|key| key.id.clone()),
            public_url: settings.public_url.clone(),
            own: settings.public_url.as_deref().and_then(WebAddress::parse),
            development: settings.development,
            secret_hosts: settings.secret_hosts.clone(),
        }
    }
}
