//! Signs that a post is not what it seems. Each is looked for here by itself; the ledger, which also
//! sees what others post, adds its own and judges them together. No sign ever drops a post.

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

/// Letters of a text below which many people say the same: a greeting, the name of a town.
const MIN_COMPARED: usize = 24;

/// What the Worker has seen of a post, for the ledger to judge. None of it is kept beside the signs.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Evidence {
    /// In the order in which they were looked for.
    #[serde(rename = "signs", skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<WeighedSignal>,
    /// Keyed hashes of the address and the network that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
    /// The form's token, which only one submission should bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<UsedToken>,
    /// A keyed hash of what was typed as text, where it is long enough to be one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<String>,
    /// The platform takes no more posts of its network that would bring a mail.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_mail_limited: bool,
}

impl Evidence {
    /// Whether there is none.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of asking Turnstile about a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnstileResult {
    /// Its verdict.
    Verdict(Verdict),
    /// The campaign wants it asked, and the post brought no token.
    TokenMissing,
    /// The campaign does not want it asked, or it could not be, which is no fault of the visitor's.
    NotAsked,
}

/// What is known of a post beside what it says.
pub struct Circumstances<'a> {
    /// `Origin`, as the request states it.
    pub origin: Option<&'a str>,
    /// Leadhook's own origin, whose pages count as the campaign's.
    pub own_origin: Option<&'a str>,
    /// From [`sender()`].
    pub sender: Option<Sender>,
    /// What came of asking Turnstile.
    pub turnstile: TurnstileResult,
    /// Whether the platform takes no more posts of its network that would bring a mail.
    pub is_mail_limited: bool,
    /// UTC, milliseconds.
    pub now_ms: i64,
}

/// Looks for every sign that a post shows by itself.
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
        Ok(token) => token,
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

/// Links and markup in the answers of kind text.
fn in_texts(submission: &Submission, campaign: &Campaign) -> Vec<WeighedSignal> {
    let mut weighed = Vec::new();
    for (field, answer) in texts_of(submission, campaign) {
        let (link, markup) = match text::is_name(field) {
            true => (Signal::LinkInName, Signal::MarkupInName),
            false => (Signal::LinkInText, Signal::MarkupInText),
        };
        let found = [(text::has_link(answer), link), (text::has_markup(answer), markup)];
        for (_, signal) in found.into_iter().filter(|(is_there, _)| *is_there) {
            // One field's is enough: three links in three texts are one signal.
            if weighed.iter().all(|known: &WeighedSignal| known.signal != signal) {
                weighed.extend(campaign.abuse.weigh_in(signal, field));
            }
        }
    }
    weighed
}

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

/// The keyed hash by which the same text of many people is noticed, whatever its case and spaces.
fn texts(submission: &Submission, campaign: &Campaign, identity: &Identity) -> Option<String> {
    let said = texts_of(submission, campaign).filter(|(field, _)| !text::is_name(field));
    let letters: String =
        said.flat_map(|(_, answer)| answer.chars()).filter(|c| c.is_alphanumeric()).collect();
    (letters.chars().count() >= MIN_COMPARED)
        .then(|| identity.tag("texts", &crate::base::unicode::lowercase(&letters)))
}

/// Browsers say where a form's page is; only scripts that are no page's do not.
fn of_origin(
    origin: Option<&str>,
    campaign: &Campaign,
    own_origin: Option<&str>,
    is_form: bool,
) -> Option<Signal> {
    match origin {
        // What a page says that wants to stay private.
        None | Some("null") => is_form.then_some(Signal::OriginMissing),
        Some(origin) if own_origin == Some(origin) || campaign.origins.is_empty() => None,
        Some(origin) => {
            (!campaign.origins.iter().any(|known| known == origin)).then_some(Signal::ForeignOrigin)
        }
    }
}
