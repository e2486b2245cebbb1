//! `[[field]]`: what a form asks.

use serde::Deserialize;
use validator::{ValidateLength, ValidateRange};

use super::schema::{MAX_TEXT, is_field_name};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};
use crate::base::unicode::{same_words, tidy};

/// Characters of a text unless the field says otherwise: a paragraph, not a document.
const DEFAULT_MAX_LENGTH: usize = 2_000;
/// Characters of an address: what browsers and proxies agree on.
const DEFAULT_MAX_URL: usize = 2_048;
/// Characters of a placeholder: more do not fit into an input.
const MAX_PLACEHOLDER: u64 = 200;
/// Whose a contact is, ahead of what it is (HTML standard, autofill).
const WHOSE: [&str; 4] = ["home", "work", "mobile", "fax"];
/// What browsers fill in (HTML standard, autofill field names) of what a form for leads may ask.
#[rustfmt::skip]
const AUTOFILL: [&str; 32] = [
    "off", "on", "name", "honorific-prefix", "given-name", "additional-name", "family-name", "honorific-suffix",
    "nickname", "organization-title", "organization", "street-address", "address-line1", "address-line2",
    "address-line3", "address-level3", "address-level2", "address-level1", "country", "country-name",
    "postal-code", "language", "bday", "bday-day", "bday-month", "bday-year", "sex", "url", "tel",
    "tel-national", "tel-extension", "email",
];

/// One field of the form.
#[derive(Clone, Debug)]
pub struct Field {
    /// The form's name for it.
    pub name: String,
    /// For people; the name where absent.
    pub label: Option<String>,
    /// Whether a submission must have it.
    pub required: bool,
    /// What it takes.
    pub kind: Kind,
    /// Whether a phone number must be in the numbering plans.
    pub strict: bool,
    /// What browsers fill in.
    pub autocomplete: Option<String>,
    /// Stands in the input while it is empty.
    pub placeholder: Option<String>,
    /// Stands beside the input.
    pub help: Option<String>,
}

/// What a field takes, with its bounds. Lengths count characters.
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
    /// The word of the campaign file.
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
        let of = |text: &Option<String>, judge: fn(&str) -> Check| text.as_deref().map_or(Ok(()), judge);
        vec![
            ("name", is_field_name(&self.name)),
            ("max_length", self.max_length.map_or(Ok(()), is_max_length)),
            ("autocomplete", of(&self.autocomplete, is_autofill)),
            ("placeholder", of(&self.placeholder, is_placeholder)),
            ("help", of(&self.help, is_help)),
        ]
    }
}

/// The kinds of field.
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

impl Field {
    pub(super) fn accept(path: &str, table: FieldTable, problems: &mut Vec<Problem>) -> Option<Self> {
        // What is misspelt or of a wrong type has been reported as such.
        let misspelt = is_reported(problems, &format!("{path}.kind"));
        let mistyped = is_reported(problems, &format!("{path}.choices"));
        let mut refuse =
            |key: &str, reason: &str| problems.push(Problem::new(format!("{path}.{key}"), reason));
        let Some(kind) = table.kind else {
            if !misspelt {
                let kinds = "is required: email, phone, text, choice, number, boolean, country, url or date";
                refuse("kind", kinds);
            }
            return None;
        };
        if !matches!(kind, FieldKind::Text | FieldKind::Url) && table.max_length.is_some() {
            refuse("max_length", "is for text and url");
        }
        if kind != FieldKind::Text && table.min_length.is_some() {
            refuse("min_length", "is for text");
        }
        if kind != FieldKind::Number && table.min.is_some() {
            refuse("min", "is for number");
        }
        if kind != FieldKind::Number && table.max.is_some() {
            refuse("max", "is for number");
        }
        if kind != FieldKind::Choice && table.choices.is_some() {
            refuse("choices", "is for choice");
        }
        if table.placeholder.is_some() && !has_placeholder(kind) {
            refuse("placeholder", "is for email, phone, text, number and url: nothing else shows it");
        }
        if table.autocomplete.is_some() && table.several {
            refuse("autocomplete", "is not for several choices: browsers fill in none");
        }
        if kind != FieldKind::Choice && table.several {
            refuse("several", "is for choice");
        }
        if kind != FieldKind::Phone && table.strict {
            refuse("strict", "is for phone");
        }
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
                if !mistyped && (choices.is_empty() || choices.iter().any(String::is_empty)) {
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

    /// Adds choices that no answer can tell apart, for the first of them is always meant.
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
