//! A phone number: which texts are one, in E.164.
//!
//! It is read as Google's libphonenumber (Apache-2.0) reads it, from the same data: tests compare the two.

mod digits;
mod number;
mod plans;
#[cfg(test)]
mod tests;

use std::fmt;

use self::digits::Written;
use self::number::Number;
use self::plans::Plan;
use crate::base::country::Country;
use crate::base::unicode::tidy_word;

/// Longer texts are no number: 15 digits (ITU-T E.164), each with a separator, `tel:` and an
/// extension fit with room to spare. Bounds the work.
const MAX_TEXT_BYTES: usize = 80;
/// `+` and 15 digits (ITU-T E.164 section 6). Libphonenumber follows a few national plans beyond it,
/// but what is longer cannot be dialled from abroad and does not fit where others keep numbers.
const MAX_E164_BYTES: usize = 16;

/// A number that exists by the numbering plan of its country. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    e164: String,
    country: Option<Country>,
    is_listed: bool,
}

impl Phone {
    /// Reads a number as people write it, by the rules of Google's libphonenumber: punctuation,
    /// digits of any script, `tel:` and an extension (which E.164 has no place for, so it is
    /// dropped) are understood. A number without `+` and country code is read as one of
    /// `default_country`, and is none without it. Its length must be in use in the numbering plan of its
    /// country; whether its leading digits are is told by [`Phone::is_listed`], for plans grow faster than
    /// tables of them. Whether anyone answers is not known. A local number in a `phone-context` (RFC 3966) is
    /// refused.
    pub fn parse(text: &str, default_country: Option<Country>) -> Option<Self> {
        let text = tidy_word(text);
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let written = Written::read(without_parameters(&text)?)?;
        let number = Number::read(&written, default_country.and_then(Plan::of))?;
        let (plan, is_listed) = number.plan();
        // What no plan has may be read otherwise once it is written in full: only what stays the same is one.
        let stays = || Number::read(&Written::in_full(&number), None).is_some_and(|again| again == number);
        (is_listed || (number.has_length_in_use() && stays())).then_some(())?;
        let e164 = format!("+{}", number.digits());
        let country = plan.and_then(|plan| plan.country());
        (e164.len() <= MAX_E164_BYTES).then_some(Self { e164, country, is_listed })
    }

    /// The number in E.164: `+`, country code and national number, digits alone.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The country that the number belongs to. None for a number of no country (satellite,
    /// international freephone), and for one of several countries that is in no plan.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// Whether its leading digits are in use in the numbering plan.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }
}

/// The text up to the parameters of RFC 3966, none of which changes what E.164 says, but one:
/// with a `phone-context` the number is not what it seems to be.
fn without_parameters(text: &str) -> Option<&str> {
    let (number, parameters) = text.split_once(';').unwrap_or((text, ""));
    let in_a_context = parameters.to_ascii_lowercase().contains("phone-context");
    (!in_a_context).then_some(number)
}

impl fmt::Debug for Phone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Phone(…)")
    }
}
