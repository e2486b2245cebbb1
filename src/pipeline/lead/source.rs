//! The source of a submission, as counters know it.

use crate::base::unicode::lowercase;
use crate::campaign::{Campaign, Kind};
use crate::contact::EmailKind;
use crate::pipeline::intake::Submission;

/// A source is a word of the marketer's.
const MAX_SOURCE: usize = 32;
/// Words of an answer that may be somebody's name.
const MAX_NAME_WORDS: usize = 4;

/// The source as counters know it: `utm_source` where it is a plain word, else `other`; `direct`
/// where there is none. Counters lie unsealed, so nothing that could be an identity gets in:
/// no address, no run of digits, no word that the visitor also gave as an answer, but for words of the
/// campaign's own.
pub fn source_of(submission: &Submission, campaign: &Campaign) -> String {
    let Some(source) = submission.attribution.get("utm_source") else {
        return "direct".to_owned();
    };
    let source = lowercase(source);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let is_word = source.len() <= MAX_SOURCE
        && source.starts_with(|c: char| c.is_ascii_lowercase())
        && source.chars().all(plain)
        && source.chars().filter(char::is_ascii_digit).count() <= 4;
    let is_told = || {
        let said = runs(&source);
        let contact = &submission.contact;
        let email = contact.email.as_ref().map(|email| match contact.email_kind() {
            // Its domain is everybody's.
            Some(EmailKind::Free) => email.address().split('@').next().unwrap_or_default(),
            _ => email.address(),
        });
        email
            .into_iter()
            .chain(typed(submission, campaign))
            .any(|answer| runs(&lowercase(answer)).iter().any(|run| said.contains(run)))
    };
    let is_meant = is_word && (campaign.has_word(&source) || !is_told());
    if is_meant { source } else { "other".to_owned() }
}

/// What a visitor typed that may name somebody. A sentence may well name the source; a name or an address is a
/// few words, and what was chosen is the campaign's.
fn typed<'a>(submission: &'a Submission, campaign: &'a Campaign) -> impl Iterator<Item = &'a str> {
    let is_typed =
        |kind: &Kind| matches!(kind, Kind::Text { .. } | Kind::Email | Kind::Phone | Kind::Url { .. });
    let fields = campaign.fields.iter().filter(move |field| is_typed(&field.kind));
    let answers = fields.filter_map(|field| submission.answers.get(&field.name)?.as_str());
    answers.filter(|answer| answer.split_whitespace().count() <= MAX_NAME_WORDS)
}

/// The words of a text, and words that follow each other as one: `anna-berg` and `Anna Berg` both have `annaberg`.
/// Of two letters they are in everything.
fn runs(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let from = |at: usize| {
        let rest = words.get(at..).unwrap_or_default();
        (1..=rest.len().min(MAX_NAME_WORDS)).map(|many| rest.iter().take(many).copied().collect::<String>())
    };
    (0..words.len()).flat_map(from).filter(|run| run.chars().count() > 2).collect()
}
