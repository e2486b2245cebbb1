//! `[double_opt_in]`: the confirmation that a person is asked for by e-mail.

use validator::ValidateLength;

use super::checks::{MAX_TEXT, is_line, is_slug};
use super::destination::{Channel, Destination};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};
use crate::base::template;

/// Placeholders that the subject may have.
const SUBJECT_WORDS: [&str; 2] = ["controller", "title"];
/// Placeholders that the text must have. It may have those of the subject.
const LINK_WORDS: [&str; 2] = ["confirm_link", "withdraw_link"];

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
            ("text", is_email_text(&self.text)),
        ]
    }
}

/// Double opt-in: a lead counts once the person has followed a link in an e-mail.
#[derive(Clone, Debug)]
pub struct DoubleOptIn {
    /// The name of the destination that gets `confirmation.requested`.
    pub destination: String,
    /// The e-mail's subject with its placeholders, which [`DoubleOptIn::subject`] fills in.
    pub subject: String,
    /// The e-mail's text with its placeholders, which [`DoubleOptIn::text`] fills in.
    pub text: String,
}

impl DoubleOptIn {
    pub(super) fn accept(
        table: DoubleOptInTable,
        controller: &str,
        title: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let path = "double_opt_in.subject";
        let filled = fill_subject(&table.subject, controller, title);
        // Empty only if the name or the title is, which is reported at its own path.
        if !is_reported(problems, path) && !filled.is_empty() && !is_line(&filled) {
            let reason =
                "must be one line of up to 200 characters once {controller} and {title} are filled in";
            problems.push(Problem::new(path, reason));
        }
        Self { destination: table.destination, subject: table.subject, text: table.text }
    }
}

/// Fills in the placeholders of the subject.
pub(super) fn fill_subject(subject: &str, controller: &str, title: &str) -> String {
    template::fill(subject, &[("controller", controller), ("title", title)])
}

/// Checks that the destination of the confirmation e-mails exists, and that no other is an e-mail provider.
pub(super) fn check_destination(
    double_opt_in: Option<&DoubleOptIn>,
    destinations: &[Destination],
    problems: &mut Vec<Problem>,
) {
    let path = "double_opt_in.destination";
    if is_reported(problems, path) {
        return;
    }
    let used = double_opt_in.map(|double| double.destination.as_str());
    for (at, destination) in destinations.iter().enumerate() {
        let is_email = matches!(destination.channel, Channel::Email(_));
        if is_email && used != Some(destination.name.as_str()) {
            let reason = "nothing uses it: kind email is for the destination of [double_opt_in]";
            problems.push(Problem::new(format!("destination[{at}]"), reason));
        }
    }
    if used.is_some_and(|name| destinations.iter().all(|destination| destination.name != name)) {
        problems.push(Problem::new(path, "is not the name of a destination"));
    }
}

fn is_subject(text: &str) -> Check {
    ensure(is_line(text), "is required: one line of up to 200 characters")?;
    ensure(
        template::words(text).all(|word| SUBJECT_WORDS.contains(&word)),
        "may hold only {controller} and {title}",
    )
}

fn is_email_text(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "is required, up to 4000 characters")?;
    let words: Vec<_> = template::words(text).collect();
    ensure(
        words.iter().all(|word| SUBJECT_WORDS.contains(word) || LINK_WORDS.contains(word)),
        "may hold only {confirm_link}, {withdraw_link}, {controller} and {title}",
    )?;
    ensure(LINK_WORDS.iter().all(|word| words.contains(word)), "must hold {confirm_link} and {withdraw_link}")
}
