//! The source of a submission, as counters have it.

use crate::base::unicode::lowercase;
use crate::campaign::Campaign;
use crate::contact::EmailKind;
use crate::pipeline::intake::Submission;

/// The most characters of a source, which is a word of the marketer.
const MAX_SOURCE: usize = 32;
/// The most words of an answer that may be somebody's name.
const MAX_NAME_WORDS: usize = 4;

/// Returns the source of a submission: `utm_source` if it is a plain word, else `other`; `direct` without one.
/// Counters are not sealed, so nothing that could identify a person gets in: no address, no run of digits, and no
/// word that is also in the visitor's answers, unless it is one of the campaign's own.
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
    let is_in_answers = || {
        let words = runs(&source);
        let contact = &submission.contact;
        let email = contact.email.as_ref().map(|email| match contact.email_kind() {
            // The domain identifies nobody.
            Some(EmailKind::Free) => email.address().split('@').next().unwrap_or_default(),
            _ => email.address(),
        });
        email
            .into_iter()
            .chain(typed(submission, campaign))
            .any(|answer| runs(&lowercase(answer)).iter().any(|run| words.contains(run)))
    };
    let is_countable = is_word && (campaign.has_word(&source) || !is_in_answers());
    if is_countable { source } else { "other".to_owned() }
}

/// Returns the answers that may name somebody: the typed ones of few words, as names and addresses are. A longer text
/// may well mention the source, and choices are the campaign's own words.
fn typed<'a>(submission: &'a Submission, campaign: &'a Campaign) -> impl Iterator<Item = &'a str> {
    let fields = campaign.fields.iter().filter(|field| field.kind.is_typed());
    let answers = fields.filter_map(|field| submission.answers.get(&field.name)?.as_str());
    answers.filter(|answer| answer.split_whitespace().count() <= MAX_NAME_WORDS)
}

/// Returns the words of a text, and neighbouring words as one: `anna-berg` and `Anna Berg` both have `annaberg`.
/// Those of one or two letters are left out, because every text has them.
fn runs(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let from = |at: usize| {
        let rest = words.get(at..).unwrap_or_default();
        (1..=rest.len().min(MAX_NAME_WORDS)).map(|many| rest.iter().take(many).copied().collect::<String>())
    };
    (0..words.len()).flat_map(from).filter(|run| run.chars().count() > 2).collect()
}
