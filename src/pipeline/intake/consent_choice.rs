//! The choice of a visitor for a purpose.

use crate::base::json::number_text;
use crate::base::unicode::{same_words, tidy_word};
use crate::campaign::{ProblemCode, Purpose, Raw, yes_or_no};

/// What the visitor chose for one purpose.
#[derive(Debug, PartialEq, Eq)]
pub struct ConsentChoice {
    /// The purpose's id.
    pub purpose: String,
    /// Whether the box was ticked.
    pub granted: bool,
    /// The version that the form said it showed.
    pub version_shown: Option<String>,
}

impl ConsentChoice {
    /// What was chosen: a word for yes or no, or the version that was shown. A box may have a hidden partner that
    /// says no, ahead of it or behind it, so any yes counts.
    ///
    /// # Errors
    /// The code of what is neither.
    pub fn read(values: Vec<Raw>, purpose: &Purpose) -> Result<Self, ProblemCode> {
        let mut choice = Self { purpose: purpose.id.clone(), granted: false, version_shown: None };
        for value in values {
            let text = match value {
                Raw::Bool(granted) => granted.to_string(),
                Raw::Text(text) => tidy_word(&text).into_owned(),
                Raw::Number(number) => number_text(number.as_f64().unwrap_or(f64::NAN)),
                Raw::Other => return Err(ProblemCode::WrongType),
            };
            // What is kept is the campaign's version. Browsers change line breaks, and older campaigns may have
            // a version with blanks around it.
            let is_version = same_words(&text, &purpose.version);
            // Where versions are numbers, 1 may be one that is not in force any more.
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let is_old = is_number(&text) && text != "0" && is_number(&purpose.version);
            match yes_or_no(&text).filter(|_| !is_old) {
                _ if text.is_empty() => {}
                _ if is_version => choice.version_shown = Some(purpose.version.clone()),
                Some(true) => choice.granted = true,
                Some(false) => {}
                None => return Err(ProblemCode::WordingOutdated),
            }
            choice.granted |= is_version && !text.is_empty();
        }
        Ok(choice)
    }
}
