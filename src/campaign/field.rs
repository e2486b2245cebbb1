//! `[[field]]`: the questions of a form.

use serde::Deserialize;
use validator::{ValidateLength, ValidateRange};

use super::attribution::is_attribution;
use super::checks::{MAX_SLUG, MAX_TEXT};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};
use crate::base::unicode::{same_words, tidy};

/// The default for characters of a text: a paragraph, not a document.
const DEFAULT_MAX_LENGTH: usize = 2_000;
/// Characters of a URL: a length that all browsers and proxies allow.
const DEFAULT_MAX_URL: usize = 2_048;
/// Characters of a placeholder: more do not fit into an input.
const MAX_PLACEHOLDER: u64 = 200;
/// Words before the name of a contact field, which say whose it is (HTML standard, autofill).
const WHOSE: [&str; 4] = ["home", "work", "mobile", "fax"];
/// Names of fields that browsers fill in (HTML standard, autofill), of those that a form for leads may have.
#[rustfmt::skip]
const AUTOFILL: [&str; 32] = [
    "off", "on", "name", "honorific-prefix", "given-name", "additional-name", "family-name", "honorific-suffix",
    "nickname", "organization-title", "organization", "street-address", "address-line1", "address-line2",
    "address-line3", "address-level3", "address-level2", "address-level1", "country", "country-name",
    "postal-code", "language", "bday", "bday-day", "bday-month", "bday-year", "sex", "url", "tel",
    "tel-national", "tel-extension", "email",
];

/// The field with the form's time token, which says when the form was rendered. No campaign can have a field of this name.
pub const FORM_TOKEN: &str = "leadhook_token";

/// One field of the form.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name in the form.
    pub name: String,
    /// The label; the name if absent.
    pub label: Option<String>,
    /// True if a submission without it is rejected.
    pub required: bool,
    /// The values that it takes.
    pub kind: Kind,
    /// True if a phone number must be in the numbering plans.
    pub strict: bool,
    /// The name by which browsers fill it in.
    pub autocomplete: Option<String>,
    /// The text in the input while it is empty.
    pub placeholder: Option<String>,
    /// The text beside the input.
    pub help: Option<String>,
}

/// The values that a field takes, with their bounds. Lengths are in characters.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    Email,
    Phone,
    Text { min: usize, max: usize },
    Choice { choices: Vec<String>, several: bool },
    Number { min: Option<f64>, max: Option<f64> },
    Boolean,
    Country,
    Url { max: usize },
    Date,
}

impl Kind {
    /// Returns its name in the campaign file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Text { .. } => "text",
            Self::Choice { .. } => "choice",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Country => "country",
            Self::Url { .. } => "url",
            Self::Date => "date",
        }
    }

    /// Returns whether visitors type its answers in their own words, which may name somebody.
    pub fn is_typed(&self) -> bool {
        match self {
            Self::Text { .. } | Self::Email | Self::Phone | Self::Url { .. } => true,
            Self::Choice { .. } | Self::Number { .. } | Self::Boolean | Self::Country | Self::Date => false,
        }
    }
}

/// One `[[field]]`.
#[derive(Debug, Default)]
pub struct FieldTable {
    pub name: String,
    pub label: Option<String>,
    pub kind: Option<FieldKind>,
    pub required: bool,
    pub min_length: Option<u32>,
    pub max_length: Option<u32>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub choices: Option<Vec<String>>,
    pub several: bool,
    pub strict: bool,
    pub autocomplete: Option<String>,
    pub placeholder: Option<String>,
    pub help: Option<String>,
}

keys!(FieldTable: name, label, kind, required, min_length, max_length, min, max, choices, several, strict,
    autocomplete, placeholder, help);

impl Rules for FieldTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let of = |text: &Option<String>, check: fn(&str) -> Check| text.as_deref().map_or(Ok(()), check);
        vec![
            ("name", is_field_name(&self.name)),
            ("max_length", self.max_length.map_or(Ok(()), is_max_length)),
            ("autocomplete", of(&self.autocomplete, is_autofill)),
            ("placeholder", of(&self.placeholder, is_placeholder)),
            ("help", of(&self.help, is_help)),
        ]
    }
}

/// The values of `kind`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FieldKind {
    Email,
    Phone,
    Text,
    Choice,
    Number,
    Boolean,
    Country,
    Url,
    Date,
}

impl FieldTable {
    /// Refuses keys that fields of this kind do not have.
    fn check_keys(&self, kind: FieldKind, refuse: &mut impl FnMut(&str, &str)) {
        if !matches!(kind, FieldKind::Text | FieldKind::Url) && self.max_length.is_some() {
            refuse("max_length", "is for text and url");
        }
        if kind != FieldKind::Text && self.min_length.is_some() {
            refuse("min_length", "is for text");
        }
        if kind != FieldKind::Number && self.min.is_some() {
            refuse("min", "is for number");
        }
        if kind != FieldKind::Number && self.max.is_some() {
            refuse("max", "is for number");
        }
        if kind != FieldKind::Choice && self.choices.is_some() {
            refuse("choices", "is for choice");
        }
        if self.placeholder.is_some() && !has_placeholder(kind) {
            refuse("placeholder", "is for email, phone, text, number and url: nothing else shows it");
        }
        if self.autocomplete.is_some() && self.several {
            refuse("autocomplete", "is not for several choices: browsers fill in none");
        }
        if kind != FieldKind::Choice && self.several {
            refuse("several", "is for choice");
        }
        if kind != FieldKind::Phone && self.strict {
            refuse("strict", "is for phone");
        }
    }
}

impl Field {
    pub(super) fn accept(path: &str, table: FieldTable, problems: &mut Vec<Problem>) -> Option<Self> {
        // A kind or choices of the wrong type are reported already.
        let is_kind_reported = is_reported(problems, &format!("{path}.kind"));
        let are_choices_reported = is_reported(problems, &format!("{path}.choices"));
        let mut refuse =
            |key: &str, reason: &str| problems.push(Problem::new(format!("{path}.{key}"), reason));
        let Some(kind) = table.kind else {
            if !is_kind_reported {
                let kinds = "is required: email, phone, text, choice, number, boolean, country, url or date";
                refuse("kind", kinds);
            }
            return None;
        };
        table.check_keys(kind, &mut refuse);
        let max_length = |default| table.max_length.map_or(default, |max| max as usize);
        let kind = match kind {
            FieldKind::Email => Kind::Email,
            FieldKind::Phone => Kind::Phone,
            FieldKind::Boolean => Kind::Boolean,
            FieldKind::Country => Kind::Country,
            FieldKind::Date => Kind::Date,
            FieldKind::Url => Kind::Url { max: max_length(DEFAULT_MAX_URL) },
            FieldKind::Text => {
                let (min, max) = (table.min_length.unwrap_or(0) as usize, max_length(DEFAULT_MAX_LENGTH));
                if min > max {
                    refuse("min_length", "must not be above max_length");
                }
                Kind::Text { min, max }
            }
            FieldKind::Number => {
                if table.min.zip(table.max).is_some_and(|(min, max)| min > max) {
                    refuse("min", "must not be above max");
                }
                Kind::Number { min: table.min, max: table.max }
            }
            FieldKind::Choice => {
                let choices = table.choices.unwrap_or_default();
                if !are_choices_reported && (choices.is_empty() || choices.iter().any(String::is_empty)) {
                    refuse("choices", "must list at least one, and none may be empty");
                }
                let choices = choices.iter().map(|choice| tidy(choice).into_owned()).collect();
                Kind::Choice { choices, several: table.several }
            }
        };
        Some(Self {
            name: table.name,
            label: table.label,
            required: table.required,
            kind,
            strict: table.strict,
            autocomplete: table.autocomplete,
            placeholder: table.placeholder,
            help: table.help,
        })
    }

    /// Reports choices that no answer can tell apart: the first of them would always be chosen.
    pub(super) fn report_alike(&self, path: &str, problems: &mut Vec<Problem>) {
        let Kind::Choice { choices, .. } = &self.kind else { return };
        for (at, choice) in choices.iter().enumerate() {
            let path = format!("{path}.choices[{at}]");
            if same_words(choice, "") && !is_reported(problems, &path) {
                problems.push(Problem::new(path, "is empty but for what is not seen"));
            } else if choices.iter().take(at).any(|earlier| same_words(earlier, choice)) {
                problems.push(Problem::new(path, "stands twice"));
            }
        }
    }
}

/// Checks the name of a field. Reserved are attribution, consent and the form's token.
pub fn is_field_name(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "is required: a lower-case letter, then lower-case letters, digits and underscores",
    )?;
    ensure(
        !is_attribution(text) && !matches!(text, "consent" | FORM_TOKEN),
        "is reserved: attribution, consent and the form's token need no field",
    )
}

fn is_max_length(length: u32) -> Check {
    ensure(length.validate_range(Some(1), Some(20_000), None, None), "must be 1 to 20000")
}

fn has_placeholder(kind: FieldKind) -> bool {
    use FieldKind::{Email, Number, Phone, Text, Url};
    matches!(kind, Email | Number | Phone | Text | Url)
}

fn is_placeholder(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_PLACEHOLDER), None), "must have 1 to 200 characters")
}

fn is_help(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "must have 1 to 4000 characters")
}

fn is_autofill(text: &str) -> Check {
    let name = match text.split_once(' ') {
        Some((whose, name)) if WHOSE.contains(&whose) => name,
        _ => text,
    };
    ensure(AUTOFILL.contains(&name), "must be an autofill name of the HTML standard, as in organization")
}
