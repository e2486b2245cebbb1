//! The visitor's choice for a purpose.

use crate::base::json::number_text;
use crate::base::unicode::{same_words, tidy_word};
use crate::campaign::{ProblemCode, Purpose, Raw, yes_or_no};

/// The visitor's choice for one purpose.
#[derive(Debug, PartialEq, Eq)]
pub struct ConsentChoice {
    /// The purpose's id.
    pub purpose: String,
    /// True if the box was ticked.
    pub granted: bool,
    /// The version of the wording that the form says it showed.
    pub version_shown: Option<String>,
}

impl ConsentChoice {
    /// Reads a choice: a word for yes or no, or the version that was shown. A checkbox may have a hidden twin that
    /// says no, before or after it, so any yes counts.
    ///
    /// # Errors
    /// The value is neither.
    pub fn read(values: Vec<Raw>, purpose: &Purpose) -> Result<Self, ProblemCode> {
        let mut choice = Self { purpose: purpose.id.clone(), granted: false, version_shown: None };
        for value in values {
            let text = match value {
                Raw::Bool(granted) => granted.to_string(),
                Raw::Text(text) => tidy_word(&text).into_owned(),
                Raw::Number(number) => number_text(number.as_f64().unwrap_or(f64::NAN)),
                Raw::Other => return Err(ProblemCode::WrongType),
            };
            // The campaign's spelling of the version is stored. Browsers change line breaks, and older campaigns may
            // have a version with blanks around it.
            let is_version = same_words(&text, &purpose.version);
            // If versions are numbers, 1 may be one that is no longer in force.
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
