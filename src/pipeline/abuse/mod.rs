//! Abuse signals that a submission shows by itself.
//!
//! The ledger, which also sees what others submit, adds its own and weighs them together. No signal ever drops a
//! submission.

mod form_token;
mod sender;
mod text;
pub mod turnstile;

use serde::{Deserialize, Serialize};

use self::form_token::read_token;
pub use self::form_token::{UsedToken, form_token};
pub use self::sender::{Sender, sender};
use self::turnstile::Verdict;
use super::intake::{Contact, Encoding, Submission};
use super::lead::Identity;
use crate::campaign::{Campaign, Kind, Signal, WeighedSignal};
use crate::contact::{Email, EmailKind};

/// The fewest letters of a text that is compared with others. Many people write the same short one: a greeting, the
/// name of a town.
const MIN_COMPARED: usize = 24;

/// The evidence that the Worker has seen of abuse, for the ledger to judge. Only the signals are stored.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Evidence {
    /// The signals that were found. In messages their name is `signs`.
    #[serde(rename = "signs", skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<WeighedSignal>,
    /// The sender's address and network, as keyed hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
    /// The form token, which only one submission should bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<UsedToken>,
    /// A keyed hash of the texts, if they are long enough to be somebody's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<String>,
    /// True if the rate limit on mails of the sender's network is exceeded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_mail_limited: bool,
}

impl Evidence {
    /// Checks that there is no evidence.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of asking Turnstile about a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnstileResult {
    /// The verdict of Turnstile.
    Verdict(Verdict),
    /// Turnstile is to be asked, and the submission brought no token.
    TokenMissing,
    /// The campaign does not use Turnstile, or it could not be asked, which is not the visitor's fault.
    NotAsked,
}

/// The circumstances of a submission: what is known beside its content.
pub struct Circumstances<'a> {
    /// The header `Origin`.
    pub origin: Option<&'a str>,
    /// Leadhook's own origin, whose pages count as the campaign's.
    pub own_origin: Option<&'a str>,
    /// The result of [`sender()`].
    pub sender: Option<Sender>,
    /// The result of asking Turnstile.
    pub turnstile: TurnstileResult,
    /// True if the rate limit on mails of the sender's network is exceeded.
    pub is_mail_limited: bool,
    /// The time; UTC, milliseconds.
    pub now_ms: i64,
}

/// Returns every abuse signal that a submission shows by itself.
pub fn evidence(
    submission: &Submission,
    campaign: &Campaign,
    identity: &Identity,
    circumstances: Circumstances<'_>,
) -> Evidence {
    let Circumstances { origin, own_origin, sender, turnstile, is_mail_limited, now_ms } = circumstances;
    let is_form = submission.encoding != Encoding::Json;
    let mut signals = Vec::new();
    match submission.traps.honeypot {
        Some(true) => signals.push(Signal::HoneypotFilled),
        None if is_form && campaign.abuse.expects_honeypot => signals.push(Signal::HoneypotMissing),
        Some(false) | None => {}
    }
    let token = match read_token(submission, campaign, identity, now_ms) {
        Ok(token) => Some(token),
        Err(Signal::TokenMissing) if !is_form => None,
        Err(signal) => {
            signals.push(signal);
            None
        }
    };
    if token.as_ref().is_some_and(|token| token.is_fast) {
        signals.push(Signal::TooFast);
    }
    match turnstile {
        TurnstileResult::Verdict(Verdict::Failed) => signals.push(Signal::TurnstileFailed),
        TurnstileResult::TokenMissing => signals.push(Signal::TurnstileMissing),
        TurnstileResult::Verdict(Verdict::Passed) | TurnstileResult::NotAsked => {}
    }
    signals.extend(of_address(&submission.contact));
    let mut weighed: Vec<WeighedSignal> =
        signals.into_iter().filter_map(|signal| campaign.abuse.weigh(signal)).collect();
    weighed.extend(in_texts(submission, campaign));
    let of_origin = of_origin(origin, campaign, own_origin, is_form);
    weighed.extend(of_origin.and_then(|signal| campaign.abuse.weigh(signal)));
    Evidence {
        signals: weighed,
        sender,
        token: token.map(|token| token.used),
        texts: texts(submission, campaign, identity),
        is_mail_limited,
    }
}

/// Returns the signals of an e-mail address and a phone number.
fn of_address(contact: &Contact) -> impl Iterator<Item = Signal> {
    let kind = match contact.email_kind() {
        Some(EmailKind::Free) => Some(Signal::FreeMailAddress),
        Some(EmailKind::Disposable) => Some(Signal::DisposableAddress),
        Some(EmailKind::Business) | None => None,
    };
    let is_role = contact.email.as_ref().is_some_and(Email::is_role);
    let is_unlisted = contact.phone.as_ref().is_some_and(|phone| !phone.is_listed());
    let role = is_role.then_some(Signal::RoleAddress);
    kind.into_iter().chain(role).chain(is_unlisted.then_some(Signal::PhoneUnlisted))
}

/// Returns the signals of links and markup in the answers of kind text.
fn in_texts(submission: &Submission, campaign: &Campaign) -> Vec<WeighedSignal> {
    let mut weighed = Vec::new();
    for (field, answer) in texts_of(submission, campaign) {
        let (link, markup) = match text::is_name(field) {
            true => (Signal::LinkInName, Signal::MarkupInName),
            false => (Signal::LinkInText, Signal::MarkupInText),
        };
        let found = [(text::has_link(answer), link), (text::has_markup(answer), markup)];
        for (_, signal) in found.into_iter().filter(|(is_there, _)| *is_there) {
            // Three links in three texts are one signal.
            if weighed.iter().all(|known: &WeighedSignal| known.signal != signal) {
                weighed.extend(campaign.abuse.weigh_in(signal, field));
            }
        }
    }
    weighed
}

/// Returns the answers of kind text, with their fields.
fn texts_of<'a>(
    submission: &'a Submission,
    campaign: &'a Campaign,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_text = |field: &&crate::campaign::Field| matches!(field.kind, Kind::Text { .. });
    campaign.fields.iter().filter(is_text).filter_map(|field| {
        let answer = submission.answers.get(&field.name)?.as_str()?;
        Some((field.name.as_str(), answer))
    })
}

/// Returns the keyed hash by which the ledger notices the same text of many people, whatever its case and spaces.
fn texts(submission: &Submission, campaign: &Campaign, identity: &Identity) -> Option<String> {
    let others = texts_of(submission, campaign).filter(|(field, _)| !text::is_name(field));
    let letters: String =
        others.flat_map(|(_, answer)| answer.chars()).filter(|c| c.is_alphanumeric()).collect();
    (letters.chars().count() >= MIN_COMPARED)
        .then(|| identity.tag("texts", &crate::base::unicode::lowercase(&letters)))
}

/// Returns the signal of the origin, if there is one. Browsers state the origin of a form's page; only scripts
/// outside of a page do not.
fn of_origin(
    origin: Option<&str>,
    campaign: &Campaign,
    own_origin: Option<&str>,
    is_form: bool,
) -> Option<Signal> {
    match origin {
        // Pages with a strict referrer policy send `null`.
        None | Some("null") => is_form.then_some(Signal::OriginMissing),
        Some(origin) if own_origin == Some(origin) || campaign.origins.is_empty() => None,
        Some(origin) => {
            (!campaign.origins.iter().any(|known| known == origin)).then_some(Signal::ForeignOrigin)
        }
    }
}
