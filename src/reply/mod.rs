//! What goes back: the only place that knows HTTP's status codes and what a browser sees.
//!
//! Programs get JSON, which is made here; people get a page: `page` has those that tell them something,
//! `form` the hosted form.

mod download;
mod form;
mod page;

use serde_json::{Value, json};

pub use self::download::Download;
pub use self::form::Shown;
pub use self::page::Reader;
use crate::base::json::object_of;
use crate::campaign::{Campaign, FORM_TOKEN, Kind, TURNSTILE_TOKEN};
use crate::pipeline::intake::Rejection;
use crate::pipeline::intake::decode::{MAX_BODY_BYTES, MAX_FIELDS};

/// When to try again after a fault of ours: long enough for an object to move, short for a person.
const RETRY_AFTER_S: u32 = 5;
/// Where the form's token goes: what nobody writes in a text of a campaign, and how JSON has it.
const TOKENS_PLACE: &str = "\u{1}token\u{1}";
const TOKENS_PLACE_IN_JSON: &str = r"\u0001token\u0001";
/// The groups of texts that scripts on pages show.
const TEXT_GROUPS: [&str; 4] = ["chat", "download", "error", "form"];
/// Minutes, so that a key that is replaced in a hurry is soon gone.
const KEY_SET_CACHING: &str = "public, max-age=300";

/// The type of pages.
const HTML: &str = "text/html; charset=utf-8";

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// The key of a file that is the body.
    pub file: Option<String>,
    /// Whether the platform's static file of that address is the answer, where it has one.
    pub is_asset: bool,
}

impl Reply {
    fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        // What stands between would change the words of a page, a consent's among them.
        let caching = if content_type.starts_with(HTML) { "no-store, no-transform" } else { "no-store" };
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", caching.to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        Self { status, headers, body: body.into(), file: None, is_asset: false }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    /// 200 with a JSON text that is ready.
    pub fn json_text(text: &str) -> Self {
        Self::new(200, "application/json", text)
    }

    /// 303: what was asked for is there.
    pub fn elsewhere(address: String) -> Self {
        Self::new(303, "text/plain", "").with("location", address)
    }

    /// 204.
    pub fn nothing() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), file: None, is_asset: false }
    }

    /// The submission is stored: 202 for programs, a redirect to the thanks page for browsers. A program
    /// is told what domain was likely meant, and may ask the visitor.
    pub fn accepted(
        submission_id: &str,
        campaign: &Campaign,
        browser: bool,
        likely_meant: Option<&str>,
        download: Option<&Download>,
    ) -> Self {
        if browser {
            let token = download.map(|download| format!("?d={}", download.token)).unwrap_or_default();
            let built_in = || format!("/c/{}/thanks{token}", campaign.id);
            let to = campaign.thanks_url.clone().unwrap_or_else(built_in);
            return Self::elsewhere(to);
        }
        let mut body = json!({ "submission_id": submission_id, "status": "accepted" });
        if let (Some(download), Some(body)) = (download, body.as_object_mut()) {
            body.insert("download".to_owned(), download.to_json());
        }
        let field = campaign.fields.iter().find(|field| field.kind == Kind::Email);
        if let (Some(domain), Some(field), Some(body)) = (likely_meant, field, body.as_object_mut()) {
            let hint = json!({
                "field": field.name, "code": "likely_typing_error", "suggested_domain": domain,
                "detail": format!("was {domain} meant?"),
            });
            body.insert("hints".to_owned(), json!([hint]));
        }
        Self { status: 202, ..Self::json(&body) }
    }

    /// 422: every problem at once.
    pub fn rejected(rejection: &Rejection) -> Self {
        problem_with(
            422,
            "The submission is not valid",
            "Correct the listed fields and send it again.",
            Some(("errors", json!(rejection.problems))),
        )
    }

    /// What a person has agreed to, with the signed receipts, for programs.
    pub fn receipts(consents: &[Value]) -> Self {
        Self::json(&json!({ "consents": consents }))
    }

    /// The public keys of receipts. They may be kept for a while; who meets a key that is not among
    /// them asks again.
    pub fn key_set(keys: &Value) -> Self {
        let mut reply = Self::new(200, "application/jwk-set+json", keys.to_string());
        reply.headers.retain(|(name, _)| *name != "cache-control");
        reply.with("cache-control", KEY_SET_CACHING).with("access-control-allow-origin", "*")
    }

    /// What a form or a chatbot needs to be right the first time, and what its visitors read: a JSON text before
    /// and behind the form's token, which is another one each time.
    pub fn acceptance_criteria(reader: &Reader<'_>, public_url: Option<&str>) -> [String; 2] {
        let Reader { campaign, language } = *reader;
        let field = |field: &crate::campaign::Field| {
            let mut shown = json!({
                "name": field.name, "kind": field.kind.name(), "required": field.required,
                "label": field.label.as_deref().unwrap_or(&field.name),
            });
            let rules = match &field.kind {
                Kind::Text { min, max } => json!({ "min_length": min, "max_length": max }),
                Kind::Url { max } => json!({ "max_length": max }),
                Kind::Number { min, max } => json!({ "min": min, "max": max }),
                Kind::Choice { choices, several: true } => json!({ "choices": choices, "several": true }),
                Kind::Choice { choices, .. } => json!({ "choices": choices }),
                Kind::Email | Kind::Phone | Kind::Boolean | Kind::Country | Kind::Date => Value::Null,
            };
            let stated = json!({
                "autocomplete": field.autocomplete, "placeholder": field.placeholder, "help": field.help,
            });
            for more in [rules, stated] {
                if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
                    shown.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
                }
            }
            shown
        };
        let purpose = |purpose: &crate::campaign::Purpose| {
            json!({
                "id": purpose.id, "field": format!("consent.{}", purpose.id), "required": purpose.required,
                "text": purpose.wording.text, "version": purpose.version,
                "text_sha256": purpose.wording.sha256, "channel": purpose.channel,
                "category": purpose.category,
            })
        };
        let turnstile = campaign.turnstile.as_ref().map(|turnstile| {
            json!({ "field": TURNSTILE_TOKEN, "site_key": turnstile.site_key, "action": turnstile.action })
        });
        let criteria = json!({
            "campaign": campaign.id,
            "title": campaign.title,
            "language": campaign.language,
            "endpoint": format!("{}/c/{}", public_url.unwrap_or_default(), campaign.id),
            "default_country": campaign.reading.country.map(|country| country.as_str().to_owned()),
            "fields": campaign.fields.iter().map(field).collect::<Vec<_>>(),
            "purposes": campaign.purposes.iter().map(purpose).collect::<Vec<_>>(),
            "double_opt_in": campaign.double_opt_in.is_some(),
            "honeypot": campaign.abuse.honeypot,
            "token": { "field": FORM_TOKEN, "value": TOKENS_PLACE },
            "turnstile": turnstile,
            "controller": campaign.controller.name,
            "privacy_notice": campaign.privacy_notice,
            "thanks_url": campaign.thanks_url,
            "thanks": campaign.page.thanks,
            "magnet": campaign.magnet.as_ref().map(|magnet| json!({ "title": magnet.title })),
            "attribution": { "remember_days": campaign.remember_days },
            "texts_language": language.tag(),
            "texts": object_of(language.groups(&TEXT_GROUPS).map(|(key, text)| (key.to_owned(), text.into()))),
            "limits": { "body_bytes": MAX_BODY_BYTES, "fields": MAX_FIELDS },
        });
        let text = criteria.to_string();
        let (before, behind) = text.split_once(TOKENS_PLACE_IN_JSON).unwrap_or((&text, ""));
        [before.to_owned(), behind.to_owned()]
    }

    /// 400: the body is not of its media type.
    pub fn malformed(detail: &str) -> Self {
        problem(400, "The body is malformed", detail)
    }

    /// 401, with a challenge (RFC 6750).
    pub fn unauthorized() -> Self {
        problem(401, "Not authorised", "Send an admin token as Authorization: Bearer.")
            .with("www-authenticate", "Bearer")
    }

    /// 403: the token does not let its holder do that (RFC 6750 section 3.1).
    pub fn insufficient_scope(scope: &str) -> Self {
        let detail = format!("This needs a token with the scope {scope}.");
        problem(403, "Not allowed", &detail)
            .with("www-authenticate", format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
    }

    /// 429: too many wrong tokens came from there, so a right one is not looked at either.
    pub fn too_many_attempts(wait_s: i64) -> Self {
        let detail = "Too many wrong tokens came from your address. Wait, then send the right one.";
        problem(429, "Too many attempts", detail).with("retry-after", wait_s.to_string())
    }

    /// 404.
    pub fn not_found() -> Self {
        problem(404, "Not found", "There is nothing at this address.")
    }

    /// A static file of the platform's; 404 where it has none.
    pub fn asset() -> Self {
        Self { is_asset: true, ..Self::not_found() }
    }

    /// 405 with what is allowed.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("This address answers {allow}.");
        problem(405, "Method not allowed", &detail).with("allow", allow)
    }

    /// 409: it is not in a state in which that can be done.
    pub fn conflict(detail: &str) -> Self {
        problem(409, "Not possible now", detail)
    }

    /// 409: what it would take away nobody could make again.
    pub fn irreversible(field: &str, detail: &str) -> Self {
        let error = json!({ "field": field, "code": "cannot_be_undone", "detail": detail });
        problem_with(
            409,
            "Not possible",
            "What is lost so cannot be made again.",
            Some(("errors", json!([error]))),
        )
    }

    /// 404: not among what one request can look through; `after` goes on.
    pub fn not_found_yet(next: &str) -> Self {
        let detail = "It is nowhere where this request has looked. Ask again with after, which is next.";
        problem_with(404, "Not found yet", detail, Some(("next", next.into())))
    }

    /// 413.
    pub fn too_large(limit_bytes: usize) -> Self {
        problem(413, "The body is too large", &format!("At most {limit_bytes} bytes are read."))
    }

    /// 415 with what is read.
    pub fn unsupported_media_type(read: &str) -> Self {
        problem(415, "Unsupported media type", &format!("This address reads {read}, in UTF-8."))
    }

    /// 422 of the admin API: every problem at once.
    pub fn unprocessable(problems: Vec<Value>) -> Self {
        problem_with(
            422,
            "Not valid",
            "Correct what is listed and send it again.",
            Some(("errors", Value::Array(problems))),
        )
    }

    /// 429: too much at once, whoever it is.
    pub fn throttled(wait_s: i64) -> Self {
        problem(429, "Too many requests", "Please try again: the same post counts once.")
            .with("retry-after", wait_s.to_string())
    }

    /// 503: our fault. Nothing of it is shown.
    pub fn fault() -> Self {
        problem(503, "Not available now", "Please try again: the same post counts once.")
            .with("retry-after", RETRY_AFTER_S.to_string())
    }
}

/// Problem details (RFC 9457).
fn problem(status: u16, title: &str, detail: &str) -> Reply {
    problem_with(status, title, detail, None)
}

/// The same with one more member.
#[inline(never)]
fn problem_with(status: u16, title: &str, detail: &str, more: Option<(&str, Value)>) -> Reply {
    let mut body = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    if let (Some(body), Some((name, value))) = (body.as_object_mut(), more) {
        body.insert(name.to_owned(), value);
    }
    Reply::new(status, "application/problem+json", body.to_string())
}
