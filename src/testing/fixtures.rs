//! The settings of a world, and requests to it.

use super::receiver::{MAIL_TOKEN, SECRET};
use crate::base::crypto::base64;
use crate::base::fault::Fault;
use crate::http::request::{Method, RawRequest};
use crate::settings::Settings;

/// 2026-11-22T14:00:00Z, the time at which a world begins.
pub const START_MS: i64 = 1_795_356_000_000;
/// The token of the admin API.
pub const ADMIN_TOKEN: &str = "memory-admin-token";
/// The origin of links.
pub const PUBLIC_URL: &str = "https://leads.example.com";
/// The host of requests.
pub const PUBLIC_HOST: &str = "leads.example.com";

/// Returns a signing key in the form that [`SigningKeys`](crate::base::keyring::SigningKeys) reads.
pub fn signing_key(id: &str, seed: [u8; 32]) -> String {
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
    format!("{id}:{}", base64(&pair.to_keypair_bytes()))
}

/// Returns the settings with which a world begins.
///
/// # Errors
/// They do not parse.
pub fn settings() -> Result<Settings, Fault> {
    let key = |byte: u8| format!("k1:{}", base64(&[byte; 32]));
    Settings::read(|name| match name {
        "LEADHOOK_PEPPERS" => Some(key(1)),
        "LEADHOOK_SEALING_KEYS" => Some(key(2)),
        "LEADHOOK_SIGNING_KEYS" => Some(signing_key("s1", [3; 32])),
        "LEADHOOK_LIST_KEYS" => Some(key(4)),
        "LEADHOOK_PUBLIC_URL" => Some(PUBLIC_URL.to_owned()),
        "LEADHOOK_SECRET_HOSTS" => {
            Some("MAIL_SECRET=mail.example.com,MAIL_SECRET=crm.example.com".to_owned())
        }
        "LEADHOOK_ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
        _ => None,
    })
}

/// Returns the value of a secret that a world was not given.
pub fn default_secret(name: &str) -> &'static str {
    if name.starts_with("MAIL") { MAIL_TOKEN } else { SECRET }
}

/// Returns a request as a script sends it.
pub fn request(method: Method, path: &str, content_type: &str, body: &str) -> RawRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    RawRequest {
        method,
        host: PUBLIC_HOST.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: Some(content_type.to_owned()),
        content_encoding: None,
        accept: None,
        accept_language: None,
        origin: None,
        requested_headers: None,
        idempotency_key: None,
        authorization: path.starts_with("/admin/").then(|| format!("Bearer {ADMIN_TOKEN}")),
        client_address: None,
        gpc: false,
        body: Ok(body.as_bytes().to_vec()),
    }
}
