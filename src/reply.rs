//! What goes back: the only place that knows HTTP's status codes and what a browser sees.

use serde_json::{Value, json};

use crate::campaign::{Campaign, FORM_TOKEN, Kind, TURNSTILE_TOKEN};
use crate::intake::decode::{MAX_BODY_BYTES, MAX_FIELDS};
use crate::intake::{FieldProblem, Rejection};

/// When to try again after a fault of ours: long enough for an object to move, short for a person.
const RETRY_AFTER_S: u32 = 5;
/// Pages load nothing and run nothing.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
/// Minutes, so that a key that is replaced in a hurry is soon gone.
const KEY_SET_CACHING: &str = "public, max-age=300";
const PAGE_STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:15vh auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}";

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        Self { status, headers, body: body.into() }
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

    /// 204.
    pub fn nothing() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    /// The submission is stored: 202 for programs, a redirect to the thanks page for browsers.
    pub fn accepted(submission_id: &str, campaign: &Campaign, browser: bool) -> Self {
        if browser {
            let built_in = || format!("/c/{}/thanks", campaign.id);
            let to = campaign.thanks_url.clone().unwrap_or_else(built_in);
            return Self::new(303, "text/plain", "").with("location", to);
        }
        let body = json!({ "submission_id": submission_id, "status": "accepted" });
        Self { status: 202, ..Self::json(&body) }
    }

    /// 422: every problem at once.
    pub fn rejected(rejection: &Rejection, campaign: &Campaign, browser: bool) -> Self {
        if browser {
            let line = |problem: &FieldProblem| {
                let label = campaign.field(&problem.field).map(|f| f.label.as_deref().unwrap_or(&f.name));
                let consent = problem.field.strip_prefix("consent.");
                let purpose = consent.and_then(|id| campaign.purposes.iter().find(|p| p.id == id));
                let about = purpose.map(|p| p.wording.text.as_str()).or(label).unwrap_or(&problem.field);
                format!("<li><strong>{}</strong>: {}</li>", escape(about), escape(&problem.detail))
            };
            let lines: String = rejection.problems.iter().map(line).collect();
            let text = format!(
                "<p>Please go back, correct this and send it again:</p><ul>{lines}</ul>
                 <p>What you typed is still in the form when you go back.</p>"
            );
            return page(422, &campaign.language, &campaign.title, &text);
        }
        problem(422, "The submission is not valid", "Correct the listed fields and send it again.", |body| {
            body.insert("errors".to_owned(), json!(rejection.problems));
        })
    }

    /// The built-in page that thanks.
    pub fn thanks(campaign: &Campaign) -> Self {
        page(200, &campaign.language, &campaign.title, "<p>Thank you. We have received your details.</p>")
    }

    /// The page of a link that asks the owner of an address to confirm.
    pub fn ask_to_confirm(campaign: &Campaign) -> Self {
        let text = format!(
            "<p>{} has been given this e-mail address. Is it yours, and do you agree?</p>{}",
            escape(&campaign.controller.name),
            button("Yes, confirm")
        );
        link_page(200, campaign, &text)
    }

    /// The address is confirmed.
    pub fn confirmed(campaign: &Campaign) -> Self {
        link_page(200, campaign, "<p>Thank you. Your e-mail address is confirmed.</p>")
    }

    /// The page of a link that takes back a consent: this one, or everything.
    pub fn ask_to_withdraw(campaign: &Campaign, wording: Option<&str>, receipt: &str) -> Self {
        let what = match wording {
            Some(text) => format!("<blockquote>{}</blockquote>", escape(text)),
            None => "<p>Everything that you have agreed to here.</p>".to_owned(),
        };
        let text = format!(
            "<p>Do you want to take back what you agreed to with {}?</p>{what}{}\
             <p><a href=\"{}\">What was agreed to</a></p>",
            escape(&campaign.controller.name),
            button("Yes, take it back"),
            escape(receipt)
        );
        link_page(200, campaign, &text)
    }

    /// The consent is taken back.
    pub fn withdrawn(campaign: &Campaign) -> Self {
        link_page(200, campaign, "<p>Done. You have taken back your consent.</p>")
    }

    /// 410: the link is not one of ours, or what it was about has ended.
    pub fn link_ended(campaign: &Campaign) -> Self {
        let text =
            "<p>This link is not valid any more.</p><p>Please send the form again to get a new one.</p>";
        link_page(410, campaign, text)
    }

    /// 503 to somebody who followed a link.
    pub fn try_again(campaign: &Campaign) -> Self {
        link_page(503, campaign, "<p>That did not work just now. Please try again in a moment.</p>")
            .with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// What a person has agreed to, with the signed receipts: a page, or JSON for programs.
    pub fn receipts(campaign: &Campaign, consents: &[Value], browser: bool) -> Self {
        if !browser {
            return Self::json(&json!({ "consents": consents }));
        }
        let shown = |consent: &Value| {
            let text = |key: &str| escape(consent.get(key).and_then(Value::as_str).unwrap_or("-"));
            format!(
                "<blockquote>{}</blockquote><p>{} since {}</p><details><summary>Signed receipt</summary>\
                 <pre>{}</pre></details>",
                text("text"),
                text("state"),
                text("since"),
                text("receipt")
            )
        };
        let text = format!(
            "<p>What you have agreed to with {} (<a href=\"{}\">privacy notice</a>):</p>{}",
            escape(&campaign.controller.name),
            escape(&campaign.controller.privacy_notice),
            consents.iter().map(shown).collect::<String>()
        );
        link_page(200, campaign, &text)
    }

    /// The public keys of receipts. They may be kept for a while; who meets a key that is not among
    /// them asks again.
    pub fn key_set(keys: &Value) -> Self {
        let mut reply = Self::new(200, "application/jwk-set+json", keys.to_string());
        reply.headers.retain(|(name, _)| *name != "cache-control");
        reply.with("cache-control", KEY_SET_CACHING).with("access-control-allow-origin", "*")
    }

    /// What a form or a chatbot needs to be right the first time.
    pub fn acceptance_criteria(campaign: &Campaign, token: &str, public_url: Option<&str>) -> Self {
        let field = |field: &crate::campaign::Field| {
            let mut shown = json!({
                "name": field.name, "kind": field.kind.name(), "required": field.required,
                "label": field.label.as_deref().unwrap_or(&field.name),
            });
            let rules = match &field.kind {
                Kind::Text { min, max } => json!({ "min_length": min, "max_length": max }),
                Kind::Url { max } => json!({ "max_length": max }),
                Kind::Number { min, max } => json!({ "min": min, "max": max }),
                Kind::Choice { choices } => json!({ "choices": choices }),
                Kind::Email | Kind::Phone | Kind::Boolean | Kind::Country => Value::Null,
            };
            if let (Some(shown), Value::Object(rules)) = (shown.as_object_mut(), rules) {
                shown.extend(rules.into_iter().filter(|(_, rule)| !rule.is_null()));
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
        Self::json(&json!({
            "campaign": campaign.id,
            "title": campaign.title,
            "language": campaign.language,
            "endpoint": format!("{}/c/{}", public_url.unwrap_or_default(), campaign.id),
            "default_country": campaign.default_country.map(|country| country.as_str().to_owned()),
            "fields": campaign.fields.iter().map(field).collect::<Vec<_>>(),
            "purposes": campaign.purposes.iter().map(purpose).collect::<Vec<_>>(),
            "double_opt_in": campaign.double_opt_in.is_some(),
            "honeypot": campaign.abuse.honeypot,
            "token": { "field": FORM_TOKEN, "value": token },
            "turnstile": turnstile,
            "controller": campaign.controller.name,
            "privacy_notice": campaign.controller.privacy_notice,
            "limits": { "body_bytes": MAX_BODY_BYTES, "fields": MAX_FIELDS },
        }))
    }

    /// 400: the body is not of its media type.
    pub fn malformed(detail: &str) -> Self {
        problem(400, "The body is malformed", detail, |_| {})
    }

    /// 401, with a challenge (RFC 6750).
    pub fn unauthorized() -> Self {
        problem(401, "Not authorised", "Send an admin token as Authorization: Bearer.", |_| {})
            .with("www-authenticate", "Bearer")
    }

    /// 403: the token does not let its holder do that (RFC 6750 section 3.1).
    pub fn insufficient_scope(scope: &str) -> Self {
        let detail = format!("This needs a token with the scope {scope}.");
        problem(403, "Not allowed", &detail, |_| {})
            .with("www-authenticate", format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
    }

    /// 429: too many wrong tokens came from there, so a right one is not looked at either.
    pub fn too_many_attempts(wait_s: i64) -> Self {
        let detail = "Too many wrong tokens came from your address. Wait, then send the right one.";
        problem(429, "Too many attempts", detail, |_| {}).with("retry-after", wait_s.to_string())
    }

    /// 404.
    pub fn not_found() -> Self {
        problem(404, "Not found", "There is nothing at this address.", |_| {})
    }

    /// 405 with what is allowed.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("This address answers {allow}.");
        problem(405, "Method not allowed", &detail, |_| {}).with("allow", allow)
    }

    /// 409: it is not in a state in which that can be done.
    pub fn conflict(detail: &str) -> Self {
        problem(409, "Not possible now", detail, |_| {})
    }

    /// 413.
    pub fn too_large(limit_bytes: usize) -> Self {
        problem(413, "The body is too large", &format!("At most {limit_bytes} bytes are read."), |_| {})
    }

    /// 415 with what is read.
    pub fn unsupported_media_type(read: &str) -> Self {
        problem(415, "Unsupported media type", &format!("This address reads {read}, in UTF-8."), |_| {})
    }

    /// 422 of the admin API: every problem at once.
    pub fn unprocessable(problems: Vec<Value>) -> Self {
        problem(422, "Not valid", "Correct what is listed and send it again.", |body| {
            body.insert("errors".to_owned(), Value::Array(problems));
        })
    }

    /// 429: too much at once, whoever it is.
    pub fn throttled(wait_s: i64) -> Self {
        problem(429, "Too many requests", "Please try again: the same post counts once.", |_| {})
            .with("retry-after", wait_s.to_string())
    }

    /// 429 to a browser's form post.
    pub fn throttled_page(campaign: &Campaign, wait_s: i64) -> Self {
        let text = "<p>Very many people are sending this form just now.</p>\
                    <p>Please go back and send it again in a minute.</p>";
        page(429, &campaign.language, &campaign.title, text).with("retry-after", wait_s.to_string())
    }

    /// 503: our fault. Nothing of it is shown.
    pub fn fault() -> Self {
        problem(503, "Not available now", "Please try again: the same post counts once.", |_| {})
            .with("retry-after", RETRY_AFTER_S.to_string())
    }

    /// 503 to a browser's form post: a page, for nobody retries for a person.
    pub fn fault_page(campaign: &Campaign) -> Self {
        let text = "<p>Your details could not be received just now.</p>\
                    <p>Please go back and send the form again in a moment.</p>";
        page(503, &campaign.language, &campaign.title, text).with("retry-after", RETRY_AFTER_S.to_string())
    }
}

/// Problem details (RFC 9457).
fn problem(
    status: u16,
    title: &str,
    detail: &str,
    extend: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> Reply {
    let mut body = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    if let Some(body) = body.as_object_mut() {
        extend(body);
    }
    Reply::new(status, "application/problem+json", body.to_string())
}

/// A page behind a link whose address lets its holder do something: it is not passed on.
fn link_page(status: u16, campaign: &Campaign, text: &str) -> Reply {
    page(status, &campaign.language, &campaign.title, text)
        .with("referrer-policy", "no-referrer")
        .with("x-robots-tag", "noindex")
}

/// Posts to the page's own address.
fn button(label: &str) -> String {
    format!("<form method=\"post\"><button>{label}</button></form>")
}

fn page(status: u16, language: &str, title: &str, text: &str) -> Reply {
    let (language, title) = (escape(language), escape(title));
    let html = format!(
        "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{PAGE_STYLE}</style><h1>{title}</h1>{text}</html>"
    );
    Reply::new(status, "text/html; charset=utf-8", html).with("content-security-policy", PAGE_POLICY)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
