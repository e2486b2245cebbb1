//! The campaign file as a marketer writes it: the mirror of its tables, and what each value must
//! be. `table` reads them.

use serde::Deserialize;
use serde_json::{Map, Value};
use validator::{ValidateLength, ValidateRange};

use super::SUPPRESSED;
use super::abuse::{AbuseTable, FORM_TOKEN, LimitsTable, TurnstileTable};
use super::attribution::AttributionTable;
use super::field::FieldTable;
use super::magnet::MagnetTable;
use super::page::PageTable;
use super::table::{Check, Problem, Rules, Verdict, ensure, keys, table, tables};
use crate::base::country::Country;
use crate::base::template;
use crate::base::url::WebAddress;

/// Identifiers stand in addresses, keys and logs.
const MAX_SLUG: usize = 64;
/// Texts of the file that a visitor reads; a consent's wording is the longest.
pub const MAX_TEXT: u64 = 4_000;
/// A mail's subject: what mail programs show of it is shorter still.
const MAX_LINE: u64 = 200;
/// Placeholders of a confirmation mail's subject.
const SUBJECT_WORDS: [&str; 2] = ["controller", "title"];
/// Placeholders that its text must hold, beside those of the subject, which it may.
const LINK_WORDS: [&str; 2] = ["confirm_link", "withdraw_link"];
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
    pub double_opt_in: Option<DoubleOptInTable>,
    pub retention: RetentionTable,
    pub list: Vec<ListTable>,
    pub abuse: AbuseTable,
    pub limits: LimitsTable,
    pub turnstile: Option<TurnstileTable>,
    pub page: PageTable,
    pub magnet: Option<MagnetTable>,
    pub attribution: AttributionTable,
    pub score: Vec<ScoreTable>,
    pub qualify: QualifyTable,
    pub destination: Vec<DestinationTable>,
}

/// The keys outside any table.
#[derive(Debug, Default)]
pub struct Head {
    pub id: String,
    pub title: String,
    pub ledger: Option<String>,
    pub origins: Vec<String>,
    pub thanks_url: Option<String>,
    pub default_country: Option<String>,
    pub language: Option<String>,
    /// Of dates that are shown: everything is kept in UTC.
    pub time_zone: Option<String>,
    pub unknown_fields: UnknownFields,
    pub even_answers_ms: Option<u32>,
}

keys!(Head: id, title, ledger, origins, thanks_url, default_country, language, time_zone, unknown_fields,
    even_answers_ms);

/// Below that a step tells as much as none would: the answers differ by more.
const MIN_EVEN_MS: u32 = 50;
/// Visitors wait for it.
const MAX_EVEN_MS: u32 = 5_000;

impl Rules for Head {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("id", is_slug(&self.id)),
            ("title", is_text(&self.title)),
            ("ledger", self.ledger.as_deref().map_or(Ok(()), is_slug)),
            ("origins", are_origins(&self.origins)),
            ("thanks_url", self.thanks_url.as_deref().map_or(Ok(()), is_web_address)),
            ("default_country", self.default_country.as_deref().map_or(Ok(()), is_country)),
            ("language", self.language.as_deref().map_or(Ok(()), is_language)),
            ("even_answers_ms", self.even_answers_ms.map_or(Ok(()), is_even_step)),
        ]
    }
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
#[derive(Clone, Debug, Default, serde::Serialize, PartialEq)]
pub struct ControllerTable {
    /// Its name.
    pub name: String,
    /// Where its privacy questions go.
    pub email: String,
    /// Where its privacy notice stands.
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
    pub country: Option<String>,
}

keys!(ControllerTable: name, email, privacy_notice, privacy_notice_version, address, phone, country);

impl Rules for ControllerTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_text(&self.name)),
            ("email", is_email(&self.email)),
            ("privacy_notice", is_web_address(&self.privacy_notice)),
            ("country", self.country.as_deref().map_or(Ok(()), is_country)),
        ]
    }
}

/// One `[[purpose]]`: what a visitor may consent to.
#[derive(Debug, Default)]
pub struct PurposeTable {
    pub id: String,
    pub text: String,
    pub version: String,
    pub required: bool,
    pub channel: Option<String>,
    pub category: Option<String>,
    pub retention_days: Option<u32>,
}

keys!(PurposeTable: id, text, version, required, channel, category, retention_days);

impl Rules for PurposeTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("id", is_slug(&self.id)),
            ("text", is_text(&self.text)),
            ("version", is_version(&self.version)),
            ("retention_days", self.retention_days.map_or(Ok(()), are_days)),
        ]
    }
}

/// `[dedupe]`.
#[derive(Debug)]
pub struct DedupeTable {
    pub window_days: u32,
    pub by: Vec<IdentifierKind>,
    pub on_repeat: OnRepeat,
    pub kv: Option<UseOfKv>,
    /// What `kv` was before it had three values: `false` means never.
    pub remember_in_kv: Option<bool>,
    pub fold_gmail: bool,
}

keys!(DedupeTable: window_days, by, on_repeat, kv, remember_in_kv, fold_gmail);

impl Rules for DedupeTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let is_said_once = ensure(
            self.kv.is_none() || self.remember_in_kv.is_none(),
            "says the same as kv, which replaces it: leave it out",
        );
        vec![
            ("window_days", are_days(self.window_days)),
            ("by", are_identifiers(&self.by)),
            ("remember_in_kv", is_said_once),
        ]
    }
}

impl DedupeTable {
    /// When KV is asked whether a post is an exact repeat.
    pub fn use_of_kv(&self) -> UseOfKv {
        let former = if self.remember_in_kv == Some(false) { UseOfKv::Never } else { UseOfKv::Always };
        self.kv.unwrap_or(former)
    }
}

impl Default for DedupeTable {
    fn default() -> Self {
        Self {
            window_days: 180,
            by: vec![IdentifierKind::Email],
            on_repeat: OnRepeat::Ignore,
            kv: None,
            remember_in_kv: None,
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

impl IdentifierKind {
    pub(crate) const ALL: [Self; 2] = [Self::Email, Self::Phone];
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

/// When KV is asked whether a post is an exact repeat of minutes ago.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UseOfKv {
    /// For each post that the isolate does not remember.
    Always,
    /// Only while many wait for the ledger.
    WhenBusy,
    /// Not at all, and nothing is remembered before the ledger: it answers every repeat, and counts it exactly.
    Never,
}

/// `[double_opt_in]`.
#[derive(Debug, Default)]
pub struct DoubleOptInTable {
    pub destination: String,
    pub subject: String,
    pub text: String,
}

keys!(DoubleOptInTable: destination, subject, text);

impl Rules for DoubleOptInTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("destination", is_slug(&self.destination)),
            ("subject", is_subject(&self.subject)),
            ("text", is_mail_text(&self.text)),
        ]
    }
}

/// `[retention]`.
#[derive(Debug, Default)]
pub struct RetentionTable {
    pub held_days: Option<u32>,
    pub consents_days: Option<u32>,
    pub quarantine_days: Option<u32>,
}

keys!(RetentionTable: held_days, consents_days, quarantine_days);

impl Rules for RetentionTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("held_days", self.held_days.map_or(Ok(()), are_days)),
            ("consents_days", self.consents_days.map_or(Ok(()), are_days)),
            ("quarantine_days", self.quarantine_days.map_or(Ok(()), are_days)),
        ]
    }
}

/// One `[[list]]`.
#[derive(Debug, Default)]
pub struct ListTable {
    pub name: String,
    pub then: Option<Then>,
    pub send_to: Option<Vec<String>>,
}

keys!(ListTable: name, then, send_to);

impl Rules for ListTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_list_name(&self.name)),
            ("then", ensure(self.then.is_some(), "is required: suppress or existing_customer")),
        ]
    }
}

/// What becomes of a lead that is on a list.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Suppress,
    ExistingCustomer,
}

/// One `[[score]]` rule.
#[derive(Debug, Default)]
pub struct ScoreTable {
    pub rule: String,
    pub points: i64,
    /// One condition or a list of them; read by itself.
    pub when: Option<Value>,
}

keys!(ScoreTable: rule, points, when);

impl Rules for ScoreTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![("rule", is_rule_name(&self.rule)), ("points", are_points(self.points))]
    }
}

/// One condition: a subject and an operator.
#[derive(Clone, Debug, Default)]
pub struct ConditionTable {
    pub field: Option<String>,
    pub attribution: Option<String>,
    pub about: Option<DerivedFact>,
    pub is: Option<Value>,
    pub is_one_of: Option<Vec<Value>>,
    pub is_none_of: Option<Vec<Value>>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    pub present: Option<bool>,
}

keys!(ConditionTable: field, attribution, about, is, is_one_of, is_none_of, at_least, at_most, present);

impl Rules for ConditionTable {}

/// What is known of a lead beside its answers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DerivedFact {
    /// The answer of the first country field, else the phone number's country.
    Country,
    /// `business`, `free` or `disposable`.
    EmailKind,
}

/// `[qualify]`.
#[derive(Debug, Default)]
pub struct QualifyTable {
    pub warm: Option<i64>,
    pub hot: Option<i64>,
    pub mql: Option<i64>,
    pub sql: Option<i64>,
    pub forward_at: Option<i64>,
}

keys!(QualifyTable: warm, hot, mql, sql, forward_at);

impl Rules for QualifyTable {}

/// One `[[destination]]`.
#[derive(Debug, Default)]
pub struct DestinationTable {
    pub name: String,
    pub kind: DestinationKind,
    pub url: String,
    pub secret: String,
    pub needs: Option<Vec<String>>,
    /// One condition or a list of them; read by itself.
    pub when: Option<Value>,
    pub forward_at: Option<i64>,
    pub third_party: Option<bool>,
    pub header: Option<String>,
    pub body: Option<Value>,
}

keys!(DestinationTable: name, kind, url, secret, needs, when, forward_at, third_party, header, body);

impl Rules for DestinationTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_slug(&self.name)),
            ("url", is_web_address(&self.url)),
            ("secret", is_secret_name(&self.secret)),
        ]
    }
}

/// The kinds of destination.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    #[default]
    Webhook,
    Email,
}

/// Reads the whole file; whatever is wrong in a table is added to `problems`.
pub fn read(file: Value, problems: &mut Vec<Problem>) -> CampaignFile {
    let Value::Object(mut keys) = file else {
        problems.push(Problem::new("campaign", "must be a table"));
        return CampaignFile::default();
    };
    let double_opt_in = keys.remove("double_opt_in");
    let turnstile = keys.remove("turnstile");
    let magnet = keys.remove("magnet");
    let mut one = |name: &str| keys.remove(name).unwrap_or(Value::Object(Map::new()));
    let (controller, dedupe, qualify) = (one("controller"), one("dedupe"), one("qualify"));
    let (retention, abuse, limits) = (one("retention"), one("abuse"), one("limits"));
    let (page, attribution) = (one("page"), one("attribution"));
    let mut many = |name: &'static str| (name, keys.remove(name));
    let (field, purpose, list, score, destination) =
        (many("field"), many("purpose"), many("list"), many("score"), many("destination"));
    CampaignFile {
        head: table(Value::Object(keys), "", problems),
        controller: table(controller, "controller", problems),
        field: tables(field, problems),
        purpose: tables(purpose, problems),
        dedupe: table(dedupe, "dedupe", problems),
        double_opt_in: double_opt_in.map(|value| table(value, "double_opt_in", problems)),
        retention: table(retention, "retention", problems),
        list: tables(list, problems),
        abuse: table(abuse, "abuse", problems),
        limits: table(limits, "limits", problems),
        turnstile: turnstile.map(|value| table(value, "turnstile", problems)),
        page: table(page, "page", problems),
        magnet: magnet.map(|value| table(value, "magnet", problems)),
        attribution: table(attribution, "attribution", problems),
        score: tables(score, problems),
        qualify: table(qualify, "qualify", problems),
        destination: tables(destination, problems),
    }
}

fn is_text(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "is required")
}

fn is_rule_name(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(200), None), "is required, up to 200 characters")
}

/// Whether a mail's subject can be this.
pub fn is_line(text: &str) -> bool {
    text.validate_length(Some(1), Some(MAX_LINE), None) && !text.contains(char::is_control)
}

fn is_subject(text: &str) -> Check {
    ensure(is_line(text), "is required: one line of up to 200 characters")?;
    ensure(
        template::words(text).all(|word| SUBJECT_WORDS.contains(&word)),
        "may hold only {controller} and {title}",
    )
}

fn is_mail_text(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "is required, up to 4000 characters")?;
    let words: Vec<_> = template::words(text).collect();
    ensure(
        words.iter().all(|word| SUBJECT_WORDS.contains(word) || LINK_WORDS.contains(word)),
        "may hold only {confirm_link}, {withdraw_link}, {controller} and {title}",
    )?;
    ensure(LINK_WORDS.iter().all(|word| words.contains(word)), "must hold {confirm_link} and {withdraw_link}")
}

fn is_list_name(text: &str) -> Check {
    is_slug(text)?;
    ensure(text != SUPPRESSED, "is reserved: the list \"suppressed\" is built in and always suppresses")
}

pub fn are_days(days: u32) -> Check {
    ensure(days.validate_range(Some(1), Some(MAX_DAYS), None, None), "must be 1 to 3650")
}

fn are_points(points: i64) -> Check {
    ensure(points.validate_range(Some(-MAX_POINTS), Some(MAX_POINTS), None, None), "is out of bounds")
}

fn are_identifiers(by: &[IdentifierKind]) -> Check {
    ensure(!by.is_empty(), "must name email, phone or both")
}

pub fn is_slug(text: &str) -> Check {
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

pub fn is_field_name(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "is required: a lower-case letter, then lower-case letters, digits and underscores",
    )?;
    ensure(
        !super::is_attribution(text) && !matches!(text, "consent" | FORM_TOKEN),
        "is reserved: attribution, consent and the form's token need no field",
    )
}

fn is_version(text: &str) -> Check {
    let words = ["on", "off", "true", "false"];
    ensure(
        !text.is_empty() && text.len() <= MAX_SLUG && !words.contains(&text) && text.is_ascii(),
        "is required: up to 64 ASCII characters, and not on, off, true or false",
    )
}

pub fn is_secret_name(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "must be the NAME of a Worker secret: upper-case letters, digits and underscores",
    )?;
    ensure(!text.starts_with("LEADHOOK_"), "must not begin with LEADHOOK_")
}

fn is_country(text: &str) -> Check {
    ensure(Country::parse(text).is_some(), "must be a country by ISO 3166-1, as in SE")
}

fn is_even_step(ms: u32) -> Check {
    ensure(ms.validate_range(Some(MIN_EVEN_MS), Some(MAX_EVEN_MS), None, None), "must be 50 to 5000")
}

fn is_language(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let shape = (2..=35).contains(&text.len()) && text.chars().all(plain);
    ensure(shape, "must be a language tag by BCP 47, as in sv or en-GB")
}

fn is_email(text: &str) -> Check {
    ensure(text.len() > 3 && text.contains('@'), "is required: an e-mail address")
}

/// An address as it was read; blanks around it are no part of it.
pub fn address_of(text: &str) -> Option<WebAddress> {
    WebAddress::parse(text.trim())
}

/// Of what is no address.
pub const NO_ADDRESS: &str = "must be an address, as in https://example.com/x";

/// https, or http to a loopback address for development.
pub fn is_web_address(text: &str) -> Check {
    ensure(!text.trim().is_empty(), "is required: an https address")?;
    let Some(address) = address_of(text) else {
        return Err(NO_ADDRESS);
    };
    ensure(address.scheme() == "https" || address.is_loopback_http(), "must be https")?;
    ensure(!address.has_credentials(), "must not hold a password")
}

fn are_origins(origins: &[String]) -> Check {
    for origin in origins {
        is_web_address(origin)?;
        let same = address_of(origin).is_some_and(|address| address.origin() == origin.trim());
        ensure(same, "each must be an origin: scheme and host, no path, as in https://www.example.com")?;
    }
    Ok(())
}
