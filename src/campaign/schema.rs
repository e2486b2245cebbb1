//! The schema of a campaign file: its tables, and the keys outside any table.

use serde::Deserialize;
use serde_json::{Map, Value};
use validator::ValidateRange;

use super::abuse::AbuseTable;
use super::attribution::AttributionTable;
use super::checks::{address_of, is_country, is_slug, is_text, is_web_address};
use super::controller::Controller;
use super::dedupe::DedupeTable;
use super::destination::DestinationTable;
use super::double_opt_in::DoubleOptInTable;
use super::field::FieldTable;
use super::limits::LimitsTable;
use super::list::ListTable;
use super::magnet::MagnetTable;
use super::page::PageTable;
use super::purpose::PurposeTable;
use super::retention::RetentionTable;
use super::score::{QualifyTable, ScoreTable};
use super::table::{Check, Problem, Rules, Verdict, ensure, keys, table, tables};
use super::turnstile::TurnstileTable;

/// Shorter steps hide nothing: response times differ by more.
const MIN_EVEN_MS: u32 = 50;
/// Visitors wait for it.
const MAX_EVEN_MS: u32 = 5_000;

/// A campaign file.
#[derive(Debug, Default)]
pub struct CampaignFile {
    pub head: Head,
    pub controller: Controller,
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
    /// The time zone in which dates are shown: everything is stored in UTC.
    pub time_zone: Option<String>,
    pub unknown_fields: UnknownFields,
    pub even_answers_ms: Option<u32>,
}

keys!(Head: id, title, ledger, origins, thanks_url, default_country, language, time_zone, unknown_fields,
    even_answers_ms);

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

/// The treatment of fields that the campaign does not declare. They are never stored.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// They are dropped.
    #[default]
    Ignore,
    /// The submission is rejected.
    Refuse,
}

/// Decodes a campaign file, and reports what is wrong in each table by itself.
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

fn is_even_step(ms: u32) -> Check {
    ensure(ms.validate_range(Some(MIN_EVEN_MS), Some(MAX_EVEN_MS), None, None), "must be 50 to 5000")
}

fn is_language(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let shape = (2..=35).contains(&text.len()) && text.chars().all(plain);
    ensure(shape, "must be a language tag by BCP 47, as in sv or en-GB")
}

fn are_origins(origins: &[String]) -> Check {
    for origin in origins {
        is_web_address(origin)?;
        let same = address_of(origin).is_some_and(|address| address.origin() == origin.trim());
        ensure(same, "each must be an origin: scheme and host, no path, as in https://www.example.com")?;
    }
    Ok(())
}
