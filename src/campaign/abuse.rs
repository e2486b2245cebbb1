//! `[abuse]`: the weights of abuse signals, the weight at which a submission is quarantined, and the traps of the form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use validator::ValidateRange;

use super::field::{Field, is_field_name};
use super::table::{Problem, Rules, Verdict, ensure, is_reported, keys};
use crate::base::json::by_words;

/// The weight at which a submission is quarantined. Defaults are chosen so that no signal comes near it alone, and that
/// all signals of a plain form behind a busy company's network together stay below it.
const DEFAULT_QUARANTINE_AT: i64 = 100;
/// The largest weight. Larger ones say nothing more, and a sum of them stays far from any overflow.
const MAX_WEIGHT: i64 = 10_000;
/// The name of the hidden field: programs like to fill it in, and browsers do not fill it in by themselves.
const DEFAULT_HONEYPOT: &str = "contact_website";
/// Reading a form and typing an address takes longer.
const DEFAULT_MIN_SECONDS: u32 = 3;
/// The longest minimum time. A longer one would suspect people who return to a page.
const MAX_MIN_SECONDS: u32 = 60;

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

/// A sign that a submission is not what it seems.
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

    /// Returns whether it is a cap, which quarantines a post by itself and has no weight in a campaign.
    fn is_cap(self) -> bool {
        matches!(self, Self::MailboxVelocity | Self::MailVelocity)
    }

    /// Returns its name in the campaign file.
    pub fn name(self) -> &'static str {
        self.about().0
    }

    /// Returns why it speaks against a post, for operators.
    fn because(self) -> &'static str {
        self.about().2
    }

    /// Returns its name, its default weight and its description. What the plainest of forms shows weighs little; free mail
    /// is what private persons have.
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

/// A weighed signal that was found in a post, as operators and receivers see it. It contains nothing of the visitor's.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WeighedSignal {
    /// The signal.
    pub signal: Signal,
    /// Its weight in the campaign.
    pub weight: i64,
    /// Its description, with the field if there is one.
    pub because: String,
}

/// The weights of abuse signals in a campaign.
#[derive(Clone, Debug)]
pub struct Abuse {
    /// The weight from which on a submission is quarantined.
    pub quarantine_at: i64,
    /// The hidden field that must stay empty; `None` if a field of the campaign has its name.
    pub honeypot: Option<String>,
    /// True if every form is expected to send it: if the campaign names it.
    pub expects_honeypot: bool,
    /// The shortest time in which a person fills the form in.
    pub min_fill_ms: i64,
    /// Weights, in the order of [`Signal::ALL`].
    weights: Vec<i64>,
}

impl Abuse {
    /// Weighs a signal; `None` if the campaign gives it no weight.
    pub fn weigh(&self, signal: Signal) -> Option<WeighedSignal> {
        let weight = self.weight(signal);
        (weight > 0).then(|| WeighedSignal { signal, weight, because: signal.because().to_owned() })
    }

    /// Weighs a signal in a field.
    pub fn weigh_in(&self, signal: Signal, field: &str) -> Option<WeighedSignal> {
        let weighed = self.weigh(signal)?;
        Some(WeighedSignal { because: format!("{}: {field}", weighed.because), ..weighed })
    }

    /// Returns the signal of a cap, with a weight that is enough by itself.
    pub fn cap(&self, signal: Signal) -> WeighedSignal {
        WeighedSignal { signal, weight: self.quarantine_at, because: signal.because().to_owned() }
    }

    /// Returns whether a post with these signals is quarantined.
    pub fn quarantines(&self, signals: &[WeighedSignal]) -> bool {
        signals.iter().map(|signal| signal.weight).sum::<i64>() >= self.quarantine_at
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
