//! What a campaign makes of signs of abuse: what each weighs, from which weight on a submission is put
//! aside, the traps that its form sets, and how much may come in a minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use validator::ValidateRange;

use super::schema::{is_field_name, is_secret_name};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};
use super::{Campaign, Field};
use crate::base::json::by_words;
use crate::base::url::{WebAddress, domain_to_ascii};

/// The weight at which a submission is put aside. Defaults are chosen so that no signal comes near it
/// alone, and that all which a plain form behind a busy company's network shows stays below it.
const DEFAULT_QUARANTINE_AT: i64 = 100;
/// Weights beyond this say nothing more, and a sum of them stays far from any overflow.
const MAX_WEIGHT: i64 = 10_000;
/// A hidden field that people never see. Its name is one that programs like to fill in, and that
/// browsers do not fill in by themselves.
const DEFAULT_HONEYPOT: &str = "contact_website";
/// Locale a form and typing an address takes longer.
const DEFAULT_MIN_SECONDS: u32 = 3;
/// Longer would doubt people who have come back to a page.
const MAX_MIN_SECONDS: u32 = 60;
/// 2,500 a second: more than one ledger takes. It bounds what a flood costs, not a campaign's success.
const DEFAULT_PER_MINUTE: u32 = 150_000;
/// A thousand people behind one network's address may answer one mail in the same minute.
const DEFAULT_NETWORK_PER_MINUTE: u32 = 3_000;
/// An office or a stand at a fair signs up fewer people in an hour; a script that mails strangers, more.
const DEFAULT_NETWORK_MAILS_PER_HOUR: u32 = 30;
/// A million a minute is beyond every ledger.
const MAX_PER_MINUTE: u32 = 1_000_000;
/// What the form sends to say when it was rendered.
pub const FORM_TOKEN: &str = "leadhook_token";
/// What Turnstile's widget adds to a form (<https://developers.cloudflare.com/turnstile/>).
pub const TURNSTILE_TOKEN: &str = "cf-turnstile-response";
/// Cloudflare's keys for tests begin with a digit and this; real ones begin with `0x4`
/// (<https://developers.cloudflare.com/turnstile/troubleshooting/testing/>).
const DUMMY: &str = "x0000000000";
/// Characters of an action, by Turnstile's documentation.
const MAX_ACTION: usize = 32;
/// Hosts of a campaign: more than any has pages.
const MAX_HOSTS: usize = 50;

/// A sign that a post is not what it seems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`because` says what each is")]
pub enum Signal {
    HoneypotFilled,
    HoneypotMissing,
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    TokenReused,
    TooFast,
    TurnstileMissing,
    TurnstileFailed,
    DisposableAddress,
    FreeMailAddress,
    RoleAddress,
    LinkInName,
    MarkupInName,
    LinkInText,
    MarkupInText,
    SameAnswers,
    AddressVelocity,
    NetworkVelocity,
    PersonVelocity,
    ForeignOrigin,
    OriginMissing,
    MailboxVelocity,
    MailVelocity,
    PhoneUnlisted,
}

by_words!(Signal, Signal::ALL.map(|signal| (signal, signal.name())));

impl Signal {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 25] = [
        Self::HoneypotFilled,
        Self::HoneypotMissing,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenReused,
        Self::TooFast,
        Self::TurnstileMissing,
        Self::TurnstileFailed,
        Self::DisposableAddress,
        Self::FreeMailAddress,
        Self::RoleAddress,
        Self::LinkInName,
        Self::MarkupInName,
        Self::LinkInText,
        Self::MarkupInText,
        Self::SameAnswers,
        Self::AddressVelocity,
        Self::NetworkVelocity,
        Self::PersonVelocity,
        Self::ForeignOrigin,
        Self::OriginMissing,
        Self::MailboxVelocity,
        Self::MailVelocity,
        Self::PhoneUnlisted,
    ];

    /// Whether it is a cap: it keeps a post back by itself, and no campaign weighs it.
    fn is_cap(self) -> bool {
        matches!(self, Self::MailboxVelocity | Self::MailVelocity)
    }

    /// As the campaign file names it.
    pub fn name(self) -> &'static str {
        self.about().0
    }

    /// Why it speaks against a post, in words for an operator.
    fn because(self) -> &'static str {
        self.about().2
    }

    /// Its name, what it weighs unless the campaign says otherwise, and what it is. What the plainest of
    /// forms shows weighs little; free mail is what private persons have.
    fn about(self) -> (&'static str, i64, &'static str) {
        match self {
            Self::HoneypotFilled => ("honeypot_filled", 60, "a field that people do not see was filled in"),
            Self::HoneypotMissing => ("honeypot_missing", 20, "a form's hidden field was not sent"),
            Self::TokenMissing => ("token_missing", 10, "a form's time token was not sent"),
            Self::TokenInvalid => ("token_invalid", 40, "the time token is not one of this campaign's"),
            Self::TokenExpired => ("token_expired", 10, "the form was rendered more than a day ago"),
            Self::TokenReused => ("token_reused", 20, "the time token came with another submission"),
            Self::TooFast => ("too_fast", 40, "the form was sent sooner than it can be read"),
            Self::TurnstileMissing => ("turnstile_missing", 30, "Turnstile's answer was not sent"),
            Self::TurnstileFailed => ("turnstile_failed", 60, "Turnstile did not pass it"),
            Self::DisposableAddress => ("disposable_address", 40, "the address is a disposable one"),
            Self::FreeMailAddress => ("free_mail_address", 0, "the address is at a free mail provider"),
            Self::RoleAddress => ("role_address", 10, "the address belongs to a role, not to a person"),
            Self::LinkInName => ("link_in_name", 60, "a name holds a link"),
            Self::MarkupInName => ("markup_in_name", 60, "a name holds markup"),
            Self::LinkInText => ("link_in_text", 10, "a text holds a link"),
            Self::MarkupInText => ("markup_in_text", 10, "a text holds markup"),
            Self::SameAnswers => ("same_answers", 20, "many people gave the same text within an hour"),
            Self::AddressVelocity => ("address_velocity", 20, "many posts a minute from one address"),
            Self::NetworkVelocity => ("network_velocity", 10, "many posts a minute from one network"),
            Self::PersonVelocity => ("person_velocity", 20, "many posts a minute of one person"),
            Self::ForeignOrigin => ("foreign_origin", 20, "the page is none of the campaign's"),
            Self::OriginMissing => ("origin_missing", 10, "a form's browser did not say where the page is"),
            Self::MailboxVelocity => ("mailbox_velocity", 0, "too many unanswered mails to one mailbox"),
            Self::PhoneUnlisted => ("phone_unlisted", 10, "the phone number is in no numbering plan"),
            Self::MailVelocity => ("mail_velocity", 0, "too many mails for one network's posts"),
        }
    }
}

/// A signal that was found in a post, as operators and receivers see it. It holds nothing of the
/// visitor's.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// Which.
    pub signal: Signal,
    /// What the campaign makes of it.
    pub weight: i64,
    /// What it is, with the field where there is one.
    pub because: String,
}

/// What a campaign makes of signs of abuse.
#[derive(Clone, Debug)]
pub struct Abuse {
    /// A submission of this weight or more is put aside.
    pub quarantine_at: i64,
    /// The hidden field that must stay empty; nothing where a field of the campaign has its name.
    pub honeypot: Option<String>,
    /// Whether every form is expected to send it: where the campaign names it.
    pub expects_honeypot: bool,
    /// Sooner than this nobody has filled the form in.
    pub min_fill_ms: i64,
    /// By [`Signal::ALL`].
    weights: Vec<i64>,
}

impl Abuse {
    /// The sign of a signal; nothing where the campaign gives it no weight.
    pub fn sign(&self, signal: Signal) -> Option<Sign> {
        let weight = self.weight(signal);
        (weight > 0).then(|| Sign { signal, weight, because: signal.because().to_owned() })
    }

    /// The same, of a field.
    pub fn sign_in(&self, signal: Signal, field: &str) -> Option<Sign> {
        let sign = self.sign(signal)?;
        Some(Sign { because: format!("{}: {field}", sign.because), ..sign })
    }

    /// The sign of a cap, which is enough by itself.
    pub fn cap(&self, signal: Signal) -> Sign {
        Sign { signal, weight: self.quarantine_at, because: signal.because().to_owned() }
    }

    /// Whether a post with these signs is put aside.
    pub fn quarantines(&self, signs: &[Sign]) -> bool {
        signs.iter().map(|sign| sign.weight).sum::<i64>() >= self.quarantine_at
    }

    fn weight(&self, signal: Signal) -> i64 {
        self.weights.get(signal as usize).copied().unwrap_or(0)
    }

    pub(super) fn accept(table: AbuseTable, fields: &[Field], problems: &mut Vec<Problem>) -> Self {
        let AbuseTable { quarantine_at, honeypot, min_seconds, weights } = table;
        let is_field = |name: &str| fields.iter().any(|field| field.name == name);
        if honeypot.as_deref().is_some_and(is_field) {
            let reason = "is a field of the campaign: people must not see the hidden one";
            problems.push(Problem::new("abuse.honeypot", reason));
        }
        let default = Some(DEFAULT_HONEYPOT.to_owned()).filter(|name| !is_field(name));
        let quarantine_at = quarantine_at.unwrap_or(DEFAULT_QUARANTINE_AT);
        let abuse = Self {
            quarantine_at,
            expects_honeypot: honeypot.is_some(),
            honeypot: honeypot.or(default),
            min_fill_ms: i64::from(min_seconds.unwrap_or(DEFAULT_MIN_SECONDS)) * 1_000,
            weights: read_weights(&weights.unwrap_or_default(), problems),
        };
        // People write about pages and paste from them.
        let in_text = abuse.weight(Signal::LinkInText) + abuse.weight(Signal::MarkupInText);
        if in_text >= quarantine_at && !is_reported(problems, "abuse.quarantine_at") {
            let reason = "link_in_text and markup_in_text must weigh less than quarantine_at together: \
                          people write about pages and paste from them";
            problems.push(Problem::new("abuse.weights", reason));
        }
        abuse
    }
}

fn read_weights(given: &BTreeMap<String, i64>, problems: &mut Vec<Problem>) -> Vec<i64> {
    let weighed = || Signal::ALL.into_iter().filter(|signal| !signal.is_cap());
    let known = |name: &String| weighed().any(|signal| signal.name() == name);
    for (name, weight) in given {
        if !known(name) {
            let names: Vec<_> = weighed().map(Signal::name).collect();
            let reason = format!("is unknown; known are {}", names.join(", "));
            problems.push(Problem::new(format!("abuse.weights.{name}"), reason));
        } else if !(0..=MAX_WEIGHT).contains(weight) {
            problems.push(Problem::new(format!("abuse.weights.{name}"), "must be 0 to 10000"));
        }
    }
    let weight = |signal: Signal| given.get(signal.name()).copied().unwrap_or(signal.about().1);
    Signal::ALL.into_iter().map(weight).collect()
}

/// How many posts a minute are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the campaign, by its ledger.
    pub per_minute: i64,
    /// From one network: an IPv4 /24, an IPv6 /48.
    pub network_per_minute: i64,
    /// Mails an hour that ask for a confirmation, on behalf of one network; beyond it posts are put aside.
    pub network_mails_per_hour: i64,
}

impl Limits {
    pub(super) fn accept(table: &LimitsTable) -> Self {
        Self {
            per_minute: table.per_minute.unwrap_or(DEFAULT_PER_MINUTE).into(),
            network_per_minute: table.network_per_minute.unwrap_or(DEFAULT_NETWORK_PER_MINUTE).into(),
            network_mails_per_hour: table
                .network_mails_per_hour
                .unwrap_or(DEFAULT_NETWORK_MAILS_PER_HOUR)
                .into(),
        }
    }
}

/// Cloudflare Turnstile, asked about each post.
#[derive(Clone, Debug)]
pub struct Turnstile {
    /// Public: the form's widget needs it.
    pub site_key: String,
    /// The name of the Worker secret that asks.
    pub secret: String,
    /// The widget's action; any where not stated.
    pub action: Option<String>,
    /// Hosts whose widget counts; any where there are none.
    pub hosts: Vec<String>,
}

impl Turnstile {
    pub(super) fn accept(table: TurnstileTable, origins: &[String]) -> Self {
        let host = |origin: &String| WebAddress::parse(origin).map(|address| address.host().to_owned());
        Self {
            hosts: table.hosts.unwrap_or_else(|| origins.iter().filter_map(host).collect()),
            site_key: table.site_key,
            secret: table.secret,
            action: table.action,
        }
    }
}

/// Whether a site key or a secret is one of Cloudflare's for tests, which let everybody or nobody pass.
pub fn is_dummy(key: &str) -> bool {
    key.get(1..).is_some_and(|rest| rest.starts_with(DUMMY))
}

impl Campaign {
    /// What of Turnstile only development may use.
    pub(super) fn dummy_site_key(&self) -> Option<Problem> {
        let dummy = self.turnstile.as_ref().filter(|turnstile| is_dummy(&turnstile.site_key));
        dummy.map(|_| Problem::new("turnstile.site_key", "is a key for tests, which is for development only"))
    }
}

/// `[abuse]`.
#[derive(Debug, Default)]
pub struct AbuseTable {
    pub quarantine_at: Option<i64>,
    pub honeypot: Option<String>,
    pub min_seconds: Option<u32>,
    pub weights: Option<BTreeMap<String, i64>>,
}

keys!(AbuseTable: quarantine_at, honeypot, min_seconds, weights);

impl Rules for AbuseTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let is_threshold =
            |at: i64| ensure(at.validate_range(Some(1), Some(MAX_WEIGHT), None, None), "must be 1 to 10000");
        let is_wait = |seconds: u32| {
            ensure(seconds.validate_range(None, Some(MAX_MIN_SECONDS), None, None), "must be 0 to 60")
        };
        vec![
            ("quarantine_at", self.quarantine_at.map_or(Ok(()), is_threshold)),
            ("honeypot", self.honeypot.as_deref().map_or(Ok(()), is_field_name)),
            ("min_seconds", self.min_seconds.map_or(Ok(()), is_wait)),
        ]
    }
}

/// `[limits]`.
#[derive(Debug, Default)]
pub struct LimitsTable {
    pub per_minute: Option<u32>,
    pub network_per_minute: Option<u32>,
    pub network_mails_per_hour: Option<u32>,
}

keys!(LimitsTable: per_minute, network_per_minute, network_mails_per_hour);

impl Rules for LimitsTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let is_rate = |rate: u32| {
            ensure(rate.validate_range(Some(1), Some(MAX_PER_MINUTE), None, None), "must be 1 to 1000000")
        };
        vec![
            ("per_minute", self.per_minute.map_or(Ok(()), is_rate)),
            ("network_per_minute", self.network_per_minute.map_or(Ok(()), is_rate)),
            ("network_mails_per_hour", self.network_mails_per_hour.map_or(Ok(()), is_rate)),
        ]
    }
}

/// `[turnstile]`.
#[derive(Debug, Default)]
pub struct TurnstileTable {
    pub site_key: String,
    pub secret: String,
    pub action: Option<String>,
    pub hosts: Option<Vec<String>>,
}

keys!(TurnstileTable: site_key, secret, action, hosts);

impl Rules for TurnstileTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("site_key", is_site_key(&self.site_key)),
            ("secret", is_secret_name(&self.secret)),
            ("action", self.action.as_deref().map_or(Ok(()), is_action)),
            ("hosts", self.hosts.as_deref().map_or(Ok(()), are_hosts)),
        ]
    }
}

fn is_site_key(key: &str) -> Check {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    ensure(plain && (10..=100).contains(&key.len()), "must be the site key of a Turnstile widget")
}

fn is_action(action: &str) -> Check {
    let plain = action.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    ensure(
        plain && (1..=MAX_ACTION).contains(&action.len()),
        "must be 1 to 32 letters, digits, hyphens and underscores",
    )
}

fn are_hosts(hosts: &[String]) -> Check {
    let is_host = |host: &String| domain_to_ascii(host).as_ref() == Some(host);
    ensure(
        (1..=MAX_HOSTS).contains(&hosts.len()) && hosts.iter().all(is_host),
        "must list 1 to 50 host names in lower case, as in www.example.com",
    )
}
