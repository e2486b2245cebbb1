//! The campaign file as a marketer writes it: the mirror of its tables, and what each value must
//! be. `table` reads them.

use serde::Deserialize;
use serde_json::{Map, Value};
use validator::{Validate, ValidationError};

use super::table::{Problem, table, tables};
use crate::country::Country;
use crate::text::WebAddress;

/// Identifiers stand in addresses, keys and logs.
const MAX_SLUG: usize = 64;
/// Texts of the file that a visitor reads; a consent's wording is the longest.
const MAX_TEXT: u64 = 4_000;
/// Ten years: a longer window would be keeping people for ever.
const MAX_DAYS: u32 = 3_650;
/// Points beyond this say nothing more, and a sum of them stays far from any overflow.
const MAX_POINTS: i64 = 1_000_000;

/// The whole file, table by table.
#[derive(Debug, Default)]
pub struct CampaignFile {
    pub head: Head,
    pub controller: ControllerTable,
    pub field: Vec<FieldTable>,
    pub purpose: Vec<PurposeTable>,
    pub dedupe: DedupeTable,
    pub score: Vec<ScoreTable>,
    pub qualify: QualifyTable,
    pub destination: Vec<DestinationTable>,
}

/// The keys outside any table.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Head {
    #[validate(custom(function = "is_slug"))]
    pub id: String,
    #[validate(length(min = 1, max = "MAX_TEXT", message = "is required"))]
    pub title: String,
    #[validate(custom(function = "is_slug"))]
    pub ledger: Option<String>,
    #[validate(custom(function = "are_origins"))]
    pub origins: Vec<String>,
    #[validate(custom(function = "is_web_address"))]
    pub thanks_url: Option<String>,
    #[validate(custom(function = "is_country"))]
    pub default_country: Option<String>,
    #[validate(custom(function = "is_language"))]
    pub language: Option<String>,
    /// For display alone: everything is kept in UTC.
    #[validate(custom(function = "is_time_zone"))]
    pub time_zone: Option<String>,
    pub unknown_fields: UnknownFields,
}

/// What happens to fields that the campaign does not declare. They are never stored.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// They are dropped.
    #[default]
    Ignore,
    /// The submission is rejected.
    Refuse,
}

/// `[controller]`: who is responsible for the data (GDPR Art. 4(7)).
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize, Validate, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ControllerTable {
    /// Its name.
    #[validate(length(min = 1, max = "MAX_TEXT", message = "is required"))]
    pub name: String,
    /// Where its privacy questions go.
    #[validate(custom(function = "is_email"))]
    pub email: String,
    /// Where its privacy notice stands.
    #[validate(custom(function = "is_web_address"))]
    pub privacy_notice: String,
    /// The notice's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy_notice_version: Option<String>,
    /// Its postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Its country, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "is_country"))]
    pub country: Option<String>,
}

/// One `[[field]]`.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct FieldTable {
    #[validate(custom(function = "is_field_name"))]
    pub name: String,
    pub label: Option<String>,
    pub kind: Option<FieldKind>,
    pub required: bool,
    pub min_length: Option<u32>,
    #[validate(range(min = 1, max = 20_000, message = "must be 1 to 20000"))]
    pub max_length: Option<u32>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub choices: Option<Vec<String>>,
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
}

/// One `[[purpose]]`: what a visitor may consent to.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct PurposeTable {
    #[validate(custom(function = "is_slug"))]
    pub id: String,
    #[validate(length(min = 1, max = "MAX_TEXT", message = "is required"))]
    pub text: String,
    #[validate(custom(function = "is_version"))]
    pub version: String,
    pub required: bool,
    pub channel: Option<String>,
    pub category: Option<String>,
    #[validate(range(min = 1, max = "MAX_DAYS", message = "must be 1 to 3650"))]
    pub retention_days: Option<u32>,
}

/// `[dedupe]`.
#[derive(Debug, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct DedupeTable {
    #[validate(range(min = 1, max = "MAX_DAYS", message = "must be 1 to 3650"))]
    pub window_days: u32,
    #[validate(length(min = 1, message = "must name email, phone or both"))]
    pub by: Vec<IdentifierKind>,
    pub on_repeat: OnRepeat,
    pub remember_in_kv: bool,
    pub fold_gmail: bool,
}

impl Default for DedupeTable {
    fn default() -> Self {
        Self {
            window_days: 180,
            by: vec![IdentifierKind::Email],
            on_repeat: OnRepeat::Ignore,
            remember_in_kv: true,
            fold_gmail: true,
        }
    }
}

/// What a person is recognised by.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum IdentifierKind {
    Email,
    Phone,
}

/// What destinations hear of a person who posts again.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnRepeat {
    /// Nothing: a duplicate.
    #[default]
    Ignore,
    /// `lead.updated`.
    Update,
}

/// One `[[score]]` rule.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreTable {
    #[validate(length(min = 1, max = 200, message = "is required, up to 200 characters"))]
    pub rule: String,
    #[validate(range(min = "-MAX_POINTS", max = "MAX_POINTS", message = "is out of bounds"))]
    pub points: i64,
    /// One condition or a list of them; read by itself.
    pub when: Option<Value>,
}

/// One condition: a subject and an operator.
#[derive(Clone, Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionTable {
    pub field: Option<String>,
    pub attribution: Option<String>,
    pub about: Option<About>,
    pub is: Option<Value>,
    pub is_one_of: Option<Vec<Value>>,
    pub is_none_of: Option<Vec<Value>>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    pub present: Option<bool>,
}

/// What is known of a lead beside its answers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The answer of the first country field, else the phone number's country.
    Country,
    /// `business` or `free`.
    EmailKind,
}

/// `[qualify]`.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct QualifyTable {
    pub warm: Option<i64>,
    pub hot: Option<i64>,
    pub mql: Option<i64>,
    pub sql: Option<i64>,
    pub forward_at: Option<i64>,
}

/// One `[[destination]]`.
#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct DestinationTable {
    #[validate(custom(function = "is_slug"))]
    pub name: String,
    #[validate(custom(function = "is_web_address"))]
    pub url: String,
    #[validate(custom(function = "is_secret_name"))]
    pub secret: String,
    pub needs: Option<Vec<String>>,
    /// One condition or a list of them; read by itself.
    pub when: Option<Value>,
    pub forward_at: Option<i64>,
}

/// Reads the whole file; whatever is wrong in a table is added to `problems`.
pub fn read(file: Value, problems: &mut Vec<Problem>) -> CampaignFile {
    let Value::Object(mut keys) = file else {
        problems.push(Problem::new("campaign", "must be a table"));
        return CampaignFile::default();
    };
    let mut one = |name: &str| keys.remove(name).unwrap_or(Value::Object(Map::new()));
    let (controller, dedupe, qualify) = (one("controller"), one("dedupe"), one("qualify"));
    let mut many = |name: &'static str| (name, keys.remove(name));
    let (field, purpose, score, destination) =
        (many("field"), many("purpose"), many("score"), many("destination"));
    CampaignFile {
        head: table(Value::Object(keys), "", problems),
        controller: table(controller, "controller", problems),
        field: tables(field, problems),
        purpose: tables(purpose, problems),
        dedupe: table(dedupe, "dedupe", problems),
        score: tables(score, problems),
        qualify: table(qualify, "qualify", problems),
        destination: tables(destination, problems),
    }
}

fn refuse(reason: &'static str) -> ValidationError {
    ValidationError::new("invalid").with_message(reason.into())
}

fn ensure(holds: bool, reason: &'static str) -> Result<(), ValidationError> {
    if holds { Ok(()) } else { Err(refuse(reason)) }
}

pub fn is_slug(text: &str) -> Result<(), ValidationError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure(
        !text.is_empty()
            && text.len() <= MAX_SLUG
            && text.chars().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-'),
        "is required: 1 to 64 lower-case letters, digits and hyphens",
    )
}

fn is_field_name(text: &str) -> Result<(), ValidationError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "is required: a lower-case letter, then lower-case letters, digits and underscores",
    )?;
    ensure(
        !super::is_attribution(text) && text != "consent",
        "is reserved: attribution and consent need no field",
    )
}

fn is_version(text: &str) -> Result<(), ValidationError> {
    let words = ["on", "off", "true", "false"];
    ensure(
        !text.is_empty() && text.len() <= MAX_SLUG && !words.contains(&text) && text.is_ascii(),
        "is required: up to 64 ASCII characters, and not on, off, true or false",
    )
}

fn is_secret_name(text: &str) -> Result<(), ValidationError> {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "must be the NAME of a Worker secret: upper-case letters, digits and underscores",
    )?;
    ensure(!text.starts_with("LEADHOOK_"), "must not begin with LEADHOOK_")
}

fn is_country(text: &str) -> Result<(), ValidationError> {
    ensure(Country::parse(text).is_some(), "must be a country by ISO 3166-1, as in SE")
}

fn is_language(text: &str) -> Result<(), ValidationError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let shape = (2..=35).contains(&text.len()) && text.chars().all(plain);
    ensure(shape, "must be a language tag by BCP 47, as in sv or en-GB")
}

fn is_time_zone(text: &str) -> Result<(), ValidationError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    let shape = text == "UTC" || (text.contains('/') && text.len() <= MAX_SLUG && text.chars().all(plain));
    ensure(shape, "must be a time zone of the IANA database, as in Europe/Stockholm")
}

fn is_email(text: &str) -> Result<(), ValidationError> {
    ensure(text.len() > 3 && text.contains('@'), "is required: an e-mail address")
}

/// https, or http to a loopback address for development.
fn is_web_address(text: &str) -> Result<(), ValidationError> {
    ensure(!text.is_empty(), "is required: an https address")?;
    let Some(address) = WebAddress::parse(text) else {
        return Err(refuse("must be an address, as in https://example.com/x"));
    };
    ensure(address.scheme() == "https" || address.is_loopback_http(), "must be https")?;
    ensure(!address.has_credentials(), "must not hold a password")
}

fn are_origins(origins: &[String]) -> Result<(), ValidationError> {
    for origin in origins {
        is_web_address(origin)?;
        let same = WebAddress::parse(origin).is_some_and(|address| address.origin() == origin);
        ensure(same, "each must be an origin: scheme and host, no path, as in https://www.example.com")?;
    }
    Ok(())
}
