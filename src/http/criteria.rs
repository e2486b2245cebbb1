//! Acceptance criteria of a campaign: everything that a form or a chatbot needs to send a valid submission, and the
//! texts for its visitors.

use serde_json::{Value, json};

use super::reader::Reader;
use super::response::Response;
use crate::base::json::object_of;
use crate::campaign::{FORM_TOKEN, Field, Kind, Purpose, TURNSTILE_TOKEN};
use crate::pipeline::intake::{MAX_BODY_BYTES, MAX_FIELDS};

/// The placeholder of the form token, which no text of a campaign holds, and the same in JSON.
const TOKEN_PLACEHOLDER: &str = "\u{1}token\u{1}";
const TOKEN_PLACEHOLDER_IN_JSON: &str = r"\u0001token\u0001";
/// The groups of texts that scripts on pages show.
const TEXT_GROUPS: [&str; 4] = ["chat", "download", "error", "form"];

impl Response {
    /// Returns the acceptance criteria as JSON, in two parts: the text before and the text after the form token,
    /// which differs each time.
    pub fn acceptance_criteria(reader: &Reader<'_>, public_url: Option<&str>) -> [String; 2] {
        let Reader { campaign, language } = *reader;
        let turnstile = campaign.turnstile.as_ref().map(|turnstile| {
            json!({ "field": TURNSTILE_TOKEN, "site_key": turnstile.site_key, "action": turnstile.action })
        });
        let criteria = json!({
            "campaign": campaign.id,
            "title": campaign.title,
            "language": campaign.language,
            "endpoint": format!("{}/c/{}", public_url.unwrap_or_default(), campaign.id),
            "default_country": campaign.locale.country.map(|country| country.as_str().to_owned()),
            "fields": campaign.fields.iter().map(field_json).collect::<Vec<_>>(),
            "purposes": campaign.purposes.iter().map(purpose_json).collect::<Vec<_>>(),
            "double_opt_in": campaign.double_opt_in.is_some(),
            "honeypot": campaign.abuse.honeypot,
            "token": { "field": FORM_TOKEN, "value": TOKEN_PLACEHOLDER },
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
        let (before, after) = text.split_once(TOKEN_PLACEHOLDER_IN_JSON).unwrap_or((&text, ""));
        [before.to_owned(), after.to_owned()]
    }
}

fn field_json(field: &Field) -> Value {
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
}

fn purpose_json(purpose: &Purpose) -> Value {
    json!({
        "id": purpose.id, "field": format!("consent.{}", purpose.id), "required": purpose.required,
        "text": purpose.wording.text, "version": purpose.version,
        "text_sha256": purpose.wording.sha256, "channel": purpose.channel,
        "category": purpose.category,
    })
}
