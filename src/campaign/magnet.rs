//! `[magnet]`: the lead magnet that a person gets in exchange, behind a signed link that expires.

use validator::{ValidateLength, ValidateRange};

use super::checks::{address_of, is_web_address};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};
use crate::base::time::DAY_MS;
use crate::base::url::WebAddress;

/// A week: long enough for somebody who reads e-mails at the weekend, too short to be passed around for ever.
const DEFAULT_VALID_DAYS: u32 = 7;
/// The most days: a longer-lived link would be a public URL.
const MAX_VALID_DAYS: u32 = 90;
/// Characters of a title: it is one line, and part of a webhook.
const MAX_TITLE: u64 = 200;
/// Bytes of a key in R2 (<https://developers.cloudflare.com/r2/platform/limits/> allows 1,024).
const MAX_KEY: usize = 512;

/// `[magnet]`.
#[derive(Debug, Default)]
pub struct MagnetTable {
    pub title: String,
    pub file: Option<String>,
    pub url: Option<String>,
    pub valid_days: Option<u32>,
}

keys!(MagnetTable: title, file, url, valid_days);

impl Rules for MagnetTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("title", is_title(&self.title)),
            ("file", self.file.as_deref().map_or(Ok(()), is_key)),
            ("url", self.url.as_deref().map_or(Ok(()), is_web_address)),
            ("valid_days", self.valid_days.map_or(Ok(()), are_valid)),
        ]
    }
}

/// The lead magnet of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magnet {
    /// The title, for people.
    pub title: String,
    /// The place where it is stored.
    pub source: Source,
    /// The time for which a link to it is valid.
    pub valid_ms: i64,
}

/// The place where a magnet is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A key in the bucket. Only the campaign names it, so that no request can ask for another.
    File(String),
    /// A URL. Whoever follows the link sees it.
    Url(String),
}

impl Magnet {
    pub(super) fn accept(table: MagnetTable, problems: &mut Vec<Problem>) -> Option<Self> {
        let is_source_reported = ["magnet.file", "magnet.url"].iter().any(|path| is_reported(problems, path));
        let source = match (table.file, table.url) {
            (Some(key), None) => Some(Source::File(key)),
            (None, Some(url)) => address_of(&url).map(|url| Source::Url(url.href().to_owned())),
            _ => None,
        };
        if source.is_none() && !is_source_reported {
            problems.push(Problem::new("magnet", "needs file or url, and not both"));
        }
        let valid_ms = i64::from(table.valid_days.unwrap_or(DEFAULT_VALID_DAYS)) * DAY_MS;
        source.map(|source| Self { title: table.title, source, valid_ms })
    }

    /// Reports a URL that only development may use.
    pub(super) fn development_only(&self) -> Option<Problem> {
        let Source::Url(url) = &self.source else { return None };
        let reason = "http to a loopback address is for development only";
        let is_here = WebAddress::parse(url).is_some_and(|url| url.is_loopback_http());
        is_here.then(|| Problem::new("magnet.url", reason))
    }
}

fn is_title(text: &str) -> Check {
    let fits = text.validate_length(Some(1), Some(MAX_TITLE), None);
    ensure(fits && !text.contains(char::is_control), "is required: one line of up to 200 characters")
}

fn is_key(key: &str) -> Check {
    let plain = !key.is_empty() && key.len() <= MAX_KEY && !key.contains(char::is_control);
    let parts = || key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    ensure(plain && parts(), "must be the key of a file in the bucket, as in guides/spring.pdf")
}

fn are_valid(days: u32) -> Check {
    ensure(days.validate_range(Some(1), Some(MAX_VALID_DAYS), None, None), "must be 1 to 90")
}
