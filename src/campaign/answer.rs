//! Answers: the values that each kind of field takes. Those of visitors and those in the conditions of a campaign are
//! both parsed here, so that they mean the same.

use serde_json::{Number, Value};

use super::field::{Field, Kind};
use super::problem_code::ProblemCode;
use crate::base::country::Country;
use crate::base::json::number_text;
use crate::base::time::days_of;
use crate::base::unicode::{is_blank, same_words, tidy, tidy_word};
use crate::base::url::WebAddress;
use crate::contact::{Email, Phone};

/// Characters that are typed for a minus: the minus sign, the en dash, and the small and the full-width hyphen.
const MINUS: [char; 4] = ['\u{2212}', '\u{2013}', '\u{fe63}', '\u{ff0d}'];
/// Separators of thousands, beside the comma and the point.
const GROUPING: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\'', '\u{2019}'];
/// Words for a ticked box, of browsers, frameworks and people.
const YES: [&str; 7] = ["true", "on", "yes", "y", "t", "1", "checked"];
/// Words for a box that is not ticked.
const NO: [&str; 7] = ["false", "off", "no", "n", "f", "0", "unchecked"];

/// A value before it is checked. It has no debug form, so that none gets into a log.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub enum Raw {
    /// A text, which forms send for every kind of field; in JSON a string.
    Text(String),
    /// A number, in JSON only.
    Number(Number),
    /// A boolean, in JSON only.
    Bool(bool),
    /// An object, or a list of more than scalars. No form can send it and no kind of field takes it: it is rejected as
    /// `wrong_type`.
    Other,
}

impl Raw {
    /// Returns the value in the form in which values are compared.
    fn tidied(self, kind: &Kind) -> Self {
        match self {
            // Normalised, it would still be too long: no letter is composed of more than four characters.
            Self::Text(text) if matches!(kind, Kind::Text { max, .. } if is_beyond(&text, max * 4)) => {
                Self::Text(text)
            }
            Self::Text(text) if matches!(kind, Kind::Text { .. }) => Self::Text(tidy(&text).into_owned()),
            Self::Text(text) => Self::Text(tidy_word(&text).into_owned()),
            other => other,
        }
    }
}

/// A checked answer to a field.
pub enum Answer {
    /// The answer to a field of kind e-mail.
    Email(Email),
    /// The answer to a field of kind phone.
    Phone(Phone),
    /// The answer to a field of any other kind, as it is stored.
    Other(Value),
}

impl Answer {
    /// Returns the answer as it is stored.
    pub fn into_value(self) -> Value {
        match self {
            Self::Email(email) => email.address().into(),
            Self::Phone(phone) => phone.e164().into(),
            Self::Other(value) => value,
        }
    }
}

/// The reason why a value is not accepted: a code, and a text for people, which never contains the value.
pub type Refusal = (ProblemCode, String);

/// The locale in which answers are parsed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locale {
    /// The country of national phone numbers.
    pub country: Option<Country>,
    /// True if a comma may separate thousands.
    pub is_english: bool,
}

impl Field {
    /// Parses the answer to the field; `None` if it was left empty.
    ///
    /// # Errors
    /// The field does not take the values.
    pub fn answer(&self, values: Vec<Raw>, locale: Locale) -> Result<Option<Answer>, Refusal> {
        let mut given: Vec<Raw> = Vec::new();
        for value in values {
            let value = value.tidied(&self.kind);
            if value != Raw::Text(String::new()) && !given.contains(&value) {
                given.push(value);
            }
        }
        let other = |value: Value| Ok(Some(Answer::Other(value)));
        match &self.kind {
            _ if given.is_empty() => Ok(None),
            Kind::Choice { choices, several: true } => other(self.several(&given, choices)?.into()),
            // Frameworks send a hidden false beside the true, in either order.
            Kind::Boolean => {
                let read: Result<Vec<_>, _> = given.iter().map(|value| self.truth(value)).collect();
                other(read?.contains(&true).into())
            }
            _ => match (given.pop(), given.is_empty()) {
                (Some(value), true) => self.one(value, locale).map(Some),
                _ => Err((ProblemCode::Repeated, "was given more than once".to_owned())),
            },
        }
    }

    fn wrong_type(&self) -> Refusal {
        (ProblemCode::WrongType, format!("must be a {}", self.kind.name()))
    }

    fn truth(&self, value: &Raw) -> Result<bool, Refusal> {
        let read = match value {
            Raw::Bool(truth) => Some(*truth),
            Raw::Text(text) => yes_or_no(text),
            Raw::Number(number) => number.as_f64().and_then(|number| yes_or_no(&number_text(number))),
            Raw::Other => return Err(self.wrong_type()),
        };
        read.ok_or_else(|| (ProblemCode::InvalidBoolean, "must be true or false".to_owned()))
    }

    /// Returns the chosen ones in the campaign's order, so that the same choices are the same answer.
    fn several(&self, given: &[Raw], choices: &[String]) -> Result<Vec<String>, Refusal> {
        let mut made = Vec::new();
        for value in given {
            let Raw::Text(text) = value else { return Err(self.wrong_type()) };
            made.push(choice(text, choices)?);
        }
        Ok(choices.iter().filter(|choice| made.contains(choice)).cloned().collect())
    }

    /// Parses a single value that is not empty.
    fn one(&self, value: Raw, locale: Locale) -> Result<Answer, Refusal> {
        let text = match (&self.kind, value) {
            (_, Raw::Text(text)) => text,
            (Kind::Number { min, max }, Raw::Number(number)) => return within(number, *min, *max),
            _ => return Err(self.wrong_type()),
        };
        let refuse = |code: ProblemCode, detail: &str| Err((code, detail.to_owned()));
        let too_long =
            |max: usize| Err((ProblemCode::TooLong, format!("must have at most {max} characters")));
        match &self.kind {
            Kind::Email => match Email::parse(&text) {
                Some(email) => Ok(Answer::Email(email)),
                None => {
                    refuse(ProblemCode::InvalidEmail, "must be an e-mail address, as in name@example.com")
                }
            },
            Kind::Phone => match Phone::parse(&text, locale.country) {
                Some(phone) if !self.strict || phone.is_listed() => Ok(Answer::Phone(phone)),
                _ => refuse(ProblemCode::InvalidPhone, "must be a phone number, best with its country code"),
            },
            Kind::Text { min, max } => match text.chars().count() {
                length if length < *min => {
                    Err((ProblemCode::TooShort, format!("must have at least {min} characters")))
                }
                length if length > *max => too_long(*max),
                _ => Ok(Answer::Other(text.into())),
            },
            Kind::Choice { choices, .. } => {
                choice(&text, choices).map(|choice| Answer::Other(choice.as_str().into()))
            }
            Kind::Number { min, max } => match number(&text, locale.is_english) {
                Some(number) => within(number, *min, *max),
                None => refuse(ProblemCode::InvalidNumber, "must be a number, as in 12 or 12.5"),
            },
            Kind::Date if days_of(&text).is_some() => Ok(Answer::Other(text.into())),
            Kind::Date => refuse(ProblemCode::InvalidDate, "must be a date, as in 2026-11-30"),
            Kind::Country => match Country::parse(&text) {
                Some(country) => Ok(Answer::Other(country.as_str().into())),
                None => refuse(ProblemCode::InvalidCountry, "must be a country by ISO 3166-1, as in SE"),
            },
            Kind::Url { max } if text.chars().count() > *max => too_long(*max),
            Kind::Url { .. } => match WebAddress::parse_lenient(&text).filter(is_page) {
                Some(address) => Ok(Answer::Other(address.href().into())),
                None => refuse(ProblemCode::InvalidUrl, "must be an address, as in https://example.com"),
            },
            Kind::Boolean => Err(self.wrong_type()),
        }
    }
}

/// Returns whether a word means that a box is ticked; `None` if it is neither.
pub fn yes_or_no(text: &str) -> Option<bool> {
    let is = |words: [&str; 7]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(YES) { Some(true) } else { is(NO).then_some(false) }
}

/// Returns whether a text has more characters than this.
fn is_beyond(text: &str, characters: usize) -> bool {
    text.trim_matches(is_blank).chars().nth(characters).is_some()
}

fn choice<'a>(text: &str, choices: &'a [String]) -> Result<&'a String, Refusal> {
    let found = choices.iter().find(|choice| same_words(choice, text));
    found.ok_or_else(|| (ProblemCode::NotAChoice, format!("must be one of {}", choices.join(", "))))
}

/// Returns whether a URL leads where it seems to. What stands before an `@` is no host, though it may look like one to
/// whoever follows up.
fn is_page(address: &WebAddress) -> bool {
    matches!(address.scheme(), "http" | "https") && address.has_valid_host() && !address.has_credentials()
}

fn within(number: Number, min: Option<f64>, max: Option<f64>) -> Result<Answer, Refusal> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    match (min, max) {
        (Some(min), _) if value < min => {
            Err((ProblemCode::TooSmall, format!("must be at least {}", number_text(min))))
        }
        (_, Some(max)) if value > max => {
            Err((ProblemCode::TooLarge, format!("must be at most {}", number_text(max))))
        }
        _ if value.is_finite() => Ok(Answer::Other(Value::Number(number))),
        _ => Err((ProblemCode::InvalidNumber, "must be a number, as in 12 or 12.5".to_owned())),
    }
}

/// Parses a number as people and programs write it. A comma before three digits is the decimal one, except where it may
/// separate thousands.
fn number(text: &str, is_english: bool) -> Option<Number> {
    let text = text.replace(MINUS, "-");
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => ("-", text),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let unsigned = match text.split_once(',') {
        Some((whole, decimals)) if is_digits(decimals) && (whole.is_empty() || is_digits(whole)) => {
            let may_group = decimals.len() == 3 && matches!(whole.len(), 1..=3) && !whole.starts_with('0');
            if may_group && is_english {
                return None;
            }
            format!("{whole}.{decimals}")
        }
        _ => grouped(text).unwrap_or_else(|| text.to_owned()),
    };
    match format!("{sign}{unsigned}").parse::<i64>() {
        Ok(number) if is_digits(&unsigned) => Some(number.into()),
        _ => decimal(sign, &unsigned),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a number in groups of three digits without their separators; `None` if it is not grouped. A single comma or
/// point is taken for the decimal one.
fn grouped(text: &str) -> Option<String> {
    let first = text.find(|c: char| !c.is_ascii_digit())?;
    let separator = text.get(first..)?.chars().next()?;
    let is_mark = |c: char| matches!(c, ',' | '.');
    if !is_mark(separator) && !GROUPING.contains(&separator) {
        return None;
    }
    let (whole, decimals) = match text.rsplit_once(|c: char| is_mark(c) && c != separator) {
        Some((whole, decimals)) if is_digits(decimals) => (whole, Some(decimals)),
        Some(_) => return None,
        None => (text, None),
    };
    let groups: Vec<&str> = whole.split(separator).collect();
    let (head, rest) = groups.split_first()?;
    let is_sound = is_digits(head)
        && head.len() <= 3
        && rest.iter().all(|group| is_digits(group) && group.len() == 3)
        && (!is_mark(separator) || rest.len() > 1 || decimals.is_some());
    let point = decimals.map(|decimals| format!(".{decimals}")).unwrap_or_default();
    is_sound.then(|| format!("{}{point}", groups.concat()))
}

/// Parses a plain decimal, as `<input type="number">` sends it (HTML standard, valid floating-point number). By the
/// parser of JSON, so that a form and a script mean the same number; it wants a digit before the point and no leading
/// zeros.
fn decimal(sign: &str, number: &str) -> Option<Number> {
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number = number.trim_start_matches('0');
    let zero = if number.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    serde_json::from_str(&format!("{sign}{zero}{number}")).ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_stays_the_same_however_often_it_is_stored() {
        for text in
            ["1.1111111111111109e38", "0.30000000000000004", "59.32911712345678", "31.245270191439438"]
        {
            let read = number(text, true).unwrap();
            assert_eq!(read.as_f64(), text.parse().ok(), "{text}");
            assert_eq!(number(&read.to_string(), true), Some(read), "{text}");
        }
    }
}
