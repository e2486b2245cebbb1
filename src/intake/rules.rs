//! What each kind of field takes.

use serde_json::{Number, Value};

use super::{ConsentChoice, FieldProblem, Raw};
use crate::campaign::{Campaign, Field, Kind, Purpose, plain};
use crate::contact::{Email, Phone};
use crate::country::Country;
use crate::text::{WebAddress, nfc};

/// A field's value, checked.
pub enum Answer {
    Email(Email),
    Phone(Phone),
    Other(Value),
}

impl Answer {
    /// As it stands among the answers.
    pub fn into_value(self) -> Value {
        match self {
            Self::Email(email) => Value::String(email.address().to_owned()),
            Self::Phone(phone) => Value::String(phone.e164().to_owned()),
            Self::Other(value) => value,
        }
    }
}

/// The answer to one field, or nothing where it was left empty.
pub fn answer(field: &Field, values: Vec<Raw>, campaign: &Campaign) -> Result<Option<Answer>, FieldProblem> {
    let refuse = |code: &'static str, detail: String| Err(FieldProblem::new(&field.name, code, detail));
    let Some(value) = single(field, values)? else {
        return Ok(None);
    };
    let wrong_type = || refuse("wrong_type", format!("must be a {}", field.kind.name()));
    let text = match (&field.kind, &value) {
        (_, Raw::Text(text)) => text.trim(),
        (Kind::Number { min, max }, Raw::Number(number)) => {
            return number_in(field, number.clone(), *min, *max);
        }
        (Kind::Boolean, Raw::Bool(truth)) => return Ok(Some(Answer::Other(Value::Bool(*truth)))),
        _ => return wrong_type(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let other = |text: String| Ok(Some(Answer::Other(Value::String(text))));
    let too_long = |max: usize| refuse("too_long", format!("must have at most {max} characters"));
    match &field.kind {
        Kind::Email => match Email::parse(text) {
            Some(email) => Ok(Some(Answer::Email(email))),
            None => refuse("invalid_email", "must be an e-mail address, as in name@example.com".into()),
        },
        Kind::Phone => match Phone::parse(text, campaign.default_country) {
            Some(phone) => Ok(Some(Answer::Phone(phone))),
            None => refuse("invalid_phone", "must be a phone number, best with its country code".into()),
        },
        Kind::Text { min, max } => {
            let text = nfc(text);
            match text.chars().count() {
                length if length < *min => {
                    refuse("too_short", format!("must have at least {min} characters"))
                }
                length if length > *max => too_long(*max),
                _ => other(text.into_owned()),
            }
        }
        Kind::Choice { choices } => match choices.iter().find(|choice| choice.trim() == text) {
            Some(choice) => other(choice.clone()),
            None => refuse("not_a_choice", format!("must be one of {}", choices.join(", "))),
        },
        Kind::Number { min, max } => match text.parse::<i64>().map(Number::from) {
            Ok(number) => number_in(field, number, *min, *max),
            Err(_) => match decimal(text) {
                Some(number) => number_in(field, number, *min, *max),
                None => refuse("invalid_number", "must be a number, as in 12 or 12.5".into()),
            },
        },
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(Some(Answer::Other(Value::Bool(true)))),
            "false" | "off" | "no" | "0" => Ok(Some(Answer::Other(Value::Bool(false)))),
            _ => refuse("invalid_boolean", "must be true or false".into()),
        },
        Kind::Country => match Country::parse(text) {
            Some(country) => other(country.as_str().to_owned()),
            None => refuse("invalid_country", "must be a country by ISO 3166-1, as in SE".into()),
        },
        Kind::Url { max } if text.chars().count() > *max => too_long(*max),
        Kind::Url { .. } => match WebAddress::parse(text).filter(is_page) {
            Some(address) => other(address.href().to_owned()),
            None => refuse("invalid_url", "must be an address, as in https://example.com".into()),
        },
    }
}

/// Whether an address leads where it seems to. What stands ahead of an `@` is no host, though it may look
/// like one to whoever follows up.
fn is_page(address: &WebAddress) -> bool {
    matches!(address.scheme(), "http" | "https") && address.is_at_a_host() && !address.has_credentials()
}

/// A form may send a field twice. The same value twice is one value; different ones are a mistake,
/// except of a box, where frameworks send `off` ahead of the `on`, and the last one counts.
fn single(field: &Field, mut values: Vec<Raw>) -> Result<Option<Raw>, FieldProblem> {
    let last = values.pop();
    let differs = values.iter().any(|value| Some(value) != last.as_ref());
    if differs && field.kind != Kind::Boolean {
        return Err(FieldProblem::new(&field.name, "repeated", "was given more than once"));
    }
    Ok(last)
}

fn number_in(
    field: &Field,
    number: Number,
    min: Option<f64>,
    max: Option<f64>,
) -> Result<Option<Answer>, FieldProblem> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let refuse = |code: &'static str, detail: String| Err(FieldProblem::new(&field.name, code, detail));
    match (min, max) {
        (Some(min), _) if value < min => refuse("too_small", format!("must be at least {}", plain(min))),
        (_, Some(max)) if value > max => refuse("too_large", format!("must be at most {}", plain(max))),
        _ if value.is_finite() => Ok(Some(Answer::Other(Value::Number(number)))),
        _ => refuse("invalid_number", "must be a number, as in 12 or 12.5".into()),
    }
}

/// A plain decimal: what `<input type="number">` sends (HTML standard, valid floating-point number).
/// The reader is that of JSON, so that a form and a script mean the same number; it wants one digit
/// ahead of the point and no zeros ahead of others.
fn decimal(text: &str) -> Option<Number> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number = number.trim_start_matches('0');
    let zero = if number.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    serde_json::from_str(&format!("{sign}{zero}{number}")).ok()
}

/// What was chosen for a purpose: `on`, `true` or the version that was shown; the last value counts.
pub fn consent(mut values: Vec<Raw>, purpose: &Purpose) -> Result<ConsentChoice, &'static str> {
    let choice = |granted: bool, version_shown: Option<String>| ConsentChoice {
        purpose: purpose.id.clone(),
        granted,
        version_shown,
    };
    let text = match values.pop() {
        None => return Ok(choice(false, None)),
        Some(Raw::Bool(granted)) => return Ok(choice(granted, None)),
        Some(Raw::Text(text)) => text.trim().to_owned(),
        Some(Raw::Number(number)) => number.to_string(),
        Some(Raw::Other) => return Err("wrong_type"),
    };
    match text.as_str() {
        "on" | "true" => Ok(choice(true, None)),
        "" | "off" | "false" => Ok(choice(false, None)),
        // What is kept is the campaign's version. Browsers change line breaks, and older campaigns may have
        // a version with blanks around it.
        version if version.split_whitespace().eq(purpose.version.split_whitespace()) => {
            Ok(choice(true, Some(purpose.version.clone())))
        }
        _ => Err("wording_outdated"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_what_a_form_sends() {
        for (text, number) in
            [("12.5", 12.5), ("-.5", -0.5), ("+007.25", 7.25), ("1E3", 1e3), ("-2.5e-1", -0.25), ("0.0", 0.0)]
        {
            assert_eq!(decimal(text).and_then(|number| number.as_f64()), Some(number), "{text}");
        }
        for text in ["", "-", ".", "e5", "+-1.5", "1.", "1,5", "1.5 2", "0x1", "inf", "NaN", "1e999", "--1.5"]
        {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_stays_the_same_however_often_it_is_stored() {
        for text in
            ["1.1111111111111109e38", "0.30000000000000004", "59.32911712345678", "31.245270191439438"]
        {
            let number = decimal(text).unwrap();
            assert_eq!(number.as_f64(), text.parse().ok(), "{text}");
            assert_eq!(decimal(&number.to_string()), Some(number), "{text}");
        }
    }
}
