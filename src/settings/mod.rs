//! What the operator sets: variables and secrets of the Worker, by name.

pub mod admin_tokens;

use self::admin_tokens::AdminTokens;
use crate::base::fault::Fault;
use crate::base::keyring::{Keyring, SigningKeys};
use crate::base::url::WebAddress;
use crate::campaign::SecretHosts;

/// The operator's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `LEADHOOK_ENV=dev`: loopback addresses are allowed, and no wait is longer than 5 s.
    pub development: bool,
    /// `LEADHOOK_JURISDICTION`: where ledgers live; `eu` or nothing. Changing it later would
    /// orphan every ledger.
    pub jurisdiction: Option<String>,
    /// `LEADHOOK_PUBLIC_URL`: what links are built from, as it was read, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether it is set to something that links cannot be built from. Then it counts as not set.
    pub is_public_url_wrong: bool,
    /// `LEADHOOK_ADMIN_HOST`: the host, with its port where it has one of its own, that alone answers operators,
    /// and nobody else. Where absent, every host answers everybody.
    pub admin_host: Option<String>,
    /// That one is set which is no host, or the visitors': it counts as not set.
    pub is_admin_host_wrong: bool,
    /// `LEADHOOK_TURNSTILE_URL`: who is asked instead of Turnstile, in development alone.
    pub turnstile_url: Option<String>,
    /// `LEADHOOK_SECRET_HOSTS`: where a secret may be sent that does not sign.
    pub secret_hosts: SecretHosts,
    /// That what is set cannot be read: no secret is bound.
    pub is_secret_hosts_wrong: bool,
    /// `LEADHOOK_PEPPERS`: fingerprints and submission ids.
    pub peppers: Keyring,
    /// `LEADHOOK_SEALING_KEYS`: payloads at rest.
    pub sealing: Keyring,
    /// `LEADHOOK_SIGNING_KEYS`: receipts. Where absent, there are none.
    pub signing: Option<SigningKeys>,
    /// `LEADHOOK_LIST_KEYS`: the lists, suppression among them. Where absent, there are none.
    pub lists: Option<Keyring>,
    /// `LEADHOOK_ADMIN_TOKEN` and `LEADHOOK_ADMIN_TOKENS`; where both are absent, nobody is let in.
    pub admin: AdminTokens,
}

/// An address that others are built from by adding to it.
fn base(text: &str) -> Option<String> {
    let address = WebAddress::parse(text.trim())?;
    let is_base = matches!(address.scheme(), "https" | "http")
        && address.has_valid_host()
        && !address.has_credentials()
        && !address.href().contains(['?', '#']);
    is_base.then(|| address.href().trim_end_matches('/').to_owned())
}

impl Settings {
    /// Reads the settings by name.
    ///
    /// # Errors
    /// Which one is missing or wrong, without its value.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let text = |name: &str| get(name).filter(|text| !text.is_empty());
        let wrong = |name: &str, reason: &str| Fault::new(format!("{name}: {reason}"));
        let ring = |name: &str| {
            let ring = text(name).map(|text| Keyring::parse(&text).map_err(|reason| wrong(name, reason)));
            ring.transpose()
        };
        let required = |name: &str| ring(name)?.ok_or_else(|| wrong(name, "is not set"));
        let signing = "LEADHOOK_SIGNING_KEYS";
        let signing = text(signing)
            .map(|text| SigningKeys::parse(&text).map_err(|reason| wrong(signing, reason)))
            .transpose()?;
        // A slip in what operators set keeps no lead out: the doctor says so.
        let secret_hosts = SecretHosts::parse(&text("LEADHOOK_SECRET_HOSTS").unwrap_or_default());
        let named = "LEADHOOK_ADMIN_TOKENS";
        let sole = text("LEADHOOK_ADMIN_TOKEN").map(|token| AdminTokens::sole(&token)).unwrap_or_default();
        let jurisdiction = text("LEADHOOK_JURISDICTION").filter(|word| word != "none");
        if jurisdiction.as_deref().is_some_and(|word| word != "eu") {
            return Err(Fault::new("LEADHOOK_JURISDICTION must be eu or none"));
        }
        let public_url = text("LEADHOOK_PUBLIC_URL");
        let read_url = public_url.as_deref().and_then(base);
        let of_visitors = read_url.as_deref().and_then(WebAddress::parse);
        let of_visitors = of_visitors.as_ref().and_then(|url| Some(url.origin().split_once("://")?.1));
        let admin_host = text("LEADHOOK_ADMIN_HOST");
        // What visitors see is no host of operators' own.
        let read_host =
            admin_host.as_deref().and_then(host).filter(|host| Some(host.as_str()) != of_visitors);
        let development = text("LEADHOOK_ENV").as_deref() == Some("dev");
        Ok(Self {
            development,
            turnstile_url: text("LEADHOOK_TURNSTILE_URL").filter(|_| development),
            jurisdiction,
            is_public_url_wrong: public_url.is_some() && read_url.is_none(),
            public_url: read_url,
            is_admin_host_wrong: admin_host.is_some() && read_host.is_none(),
            admin_host: read_host,
            is_secret_hosts_wrong: secret_hosts.is_err(),
            secret_hosts: secret_hosts.unwrap_or_default(),
            peppers: required("LEADHOOK_PEPPERS")?,
            sealing: required("LEADHOOK_SEALING_KEYS")?,
            signing,
            lists: ring("LEADHOOK_LIST_KEYS")?,
            admin: sole.and(&text(named).unwrap_or_default()).map_err(|reason| wrong(named, reason))?,
        })
    }
}

/// A host with its port, as requests name it.
fn host(text: &str) -> Option<String> {
    let is_host = !text.contains(['/', '?', '#', '@', '\\']);
    let address = WebAddress::parse(&format!("https://{text}")).filter(|_| is_host)?;
    address.origin().strip_prefix("https://").map(str::to_owned)
}
