//! Settings: variables and secrets of the Worker, which the operator sets.

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
    /// `LEADHOOK_JURISDICTION`: the jurisdiction of ledgers; `eu` or none. Changing it later would orphan every ledger.
    pub jurisdiction: Option<String>,
    /// `LEADHOOK_PUBLIC_URL`: the base of links, without a slash at the end.
    pub public_url: Option<String>,
    /// True if it is set to something that cannot be the base of links. Then it counts as not set.
    pub is_public_url_wrong: bool,
    /// `LEADHOOK_ADMIN_HOST`: the only host that serves operators, with a port if it is not the default. It serves nobody
    /// else. If absent, every host serves everybody.
    pub admin_host: Option<String>,
    /// True if it is set to no host, or to that of visitors. Then it counts as not set.
    pub is_admin_host_wrong: bool,
    /// `LEADHOOK_TURNSTILE_URL`: the URL that is asked instead of Turnstile, only in development.
    pub turnstile_url: Option<String>,
    /// `LEADHOOK_SECRET_HOSTS`: the hosts that secrets may be sent to.
    pub secret_hosts: SecretHosts,
    /// True if it cannot be parsed. Then no secret is bound.
    pub is_secret_hosts_wrong: bool,
    /// `LEADHOOK_PEPPERS`: keys of fingerprints and submission ids.
    pub peppers: Keyring,
    /// `LEADHOOK_SEALING_KEYS`: keys of payloads at rest.
    pub sealing: Keyring,
    /// `LEADHOOK_SIGNING_KEYS`: keys of receipts. If absent, there are none.
    pub signing: Option<SigningKeys>,
    /// `LEADHOOK_LIST_KEYS`: keys of the lists, suppression among them. If absent, there are none.
    pub lists: Option<Keyring>,
    /// `LEADHOOK_ADMIN_TOKEN` and `LEADHOOK_ADMIN_TOKENS`; if both are absent, nobody is let in.
    pub admin: AdminTokens,
}

/// Parses a URL that others are made of by adding to it.
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
    /// The setting that is missing or wrong, without its value.
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
        // A typo of operators must not keep leads out: the doctor reports it.
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
        // The visitors' host cannot be the operators' own.
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

/// Parses a host with its port, as in requests.
fn host(text: &str) -> Option<String> {
    let is_host = !text.contains(['/', '?', '#', '@', '\\']);
    let address = WebAddress::parse(&format!("https://{text}")).filter(|_| is_host)?;
    address.origin().strip_prefix("https://").map(str::to_owned)
}
