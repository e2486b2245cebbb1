//! Turnstile: the request for a verdict on a submission, and the meaning of the response
//! (<https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>).

use serde_json::Value;

use crate::base::crypto::hmac_sha256;
use crate::base::url::WebAddress;
use crate::campaign::{Turnstile, is_dummy};
use crate::settings::Settings;

/// The address of Turnstile.
pub const VERIFY_URL: &str = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
/// The most characters of a token, by the documentation.
const MAX_TOKEN: usize = 2_048;
/// The errors that are about a token. All others are about the secret, the request or Turnstile itself.
const TOKEN_ERRORS: [&str; 3] = ["missing-input-response", "invalid-input-response", "timeout-or-duplicate"];

/// Returns the address at which Turnstile is asked.
pub fn url(settings: &Settings) -> &str {
    settings.turnstile_url.as_deref().unwrap_or(VERIFY_URL)
}

/// Returns the host of that address, which gets the secret.
pub fn host(settings: &Settings) -> String {
    WebAddress::parse(url(settings)).map(|address| address.host().to_owned()).unwrap_or_default()
}

/// Turnstile's verdict on a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A person on a page of the campaign.
    Passed,
    /// Anything else.
    Failed,
}

/// A question to Turnstile, or its answer if it need not be asked.
pub enum Question {
    /// The form to post to [`VERIFY_URL`].
    Ask(String),
    /// The verdict; `None` if the secret must not be used.
    Known(Option<Verdict>),
}

/// Returns the question about a token. Its idempotency key follows from the token, so that a submission that is sent
/// again gets the same verdict, though a token can be verified only once. Cloudflare's secrets for tests always give
/// the same verdict, which needs no request in development; elsewhere they are refused.
pub fn question(secret: &str, token: &str, development: bool) -> Question {
    if token.len() > MAX_TOKEN {
        return Question::Known(Some(Verdict::Failed));
    }
    if is_dummy(secret) {
        let verdict = if secret.starts_with('1') { Verdict::Passed } else { Verdict::Failed };
        return Question::Known(development.then_some(verdict));
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("secret", secret).append_pair("response", token);
    form.append_pair("idempotency_key", &idempotency_key(secret, token));
    Question::Ask(form.finish())
}

/// Returns the verdict of a response; `None` if it is about something else than the visitor. The host must be one of
/// the campaign's or Leadhook's own, which has the hosted form, and the action the one that the campaign names.
pub fn verdict(response: &str, turnstile: &Turnstile, own_origin: Option<&str>) -> Option<Verdict> {
    let response: Value = serde_json::from_str(response).ok()?;
    let text = |key: &str| response.get(key).and_then(Value::as_str);
    let own = own_origin.and_then(WebAddress::parse);
    let own = own.as_ref().map(WebAddress::host);
    let is_host = |hosts: &[String]| {
        hosts.is_empty()
            || hosts.iter().map(String::as_str).chain(own).any(|host| text("hostname") == Some(host))
    };
    let is_action = |action: &String| text("action") == Some(action);
    if response.get("success")?.as_bool()? {
        let is_ours = is_host(&turnstile.hosts) && turnstile.action.as_ref().is_none_or(is_action);
        return Some(if is_ours { Verdict::Passed } else { Verdict::Failed });
    }
    let errors = response.get("error-codes").and_then(Value::as_array).into_iter().flatten();
    let of_token = |code: &Value| code.as_str().is_some_and(|code| TOKEN_ERRORS.contains(&code));
    errors.into_iter().any(of_token).then_some(Verdict::Failed)
}

/// Returns a UUID (RFC 9562 version 8) that follows from the token.
fn idempotency_key(secret: &str, token: &str) -> String {
    let mac = hmac_sha256(secret.as_bytes(), &[b"leadhook/turnstile/v1/", token.as_bytes()]);
    let mut bits = [0; 16];
    for (to, from) in bits.iter_mut().zip(mac) {
        *to = from;
    }
    let bits = u128::from_be_bytes(bits) & !(0xf << 76 | 0x3 << 62) | (0x8 << 76 | 0x2 << 62);
    let (a, b, c, d, e) =
        (bits >> 96, bits >> 80 & 0xffff, bits >> 64 & 0xffff, bits >> 48 & 0xffff, bits & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}
