//! Phone numbers: parsing, and normalisation to E.164.
//!
//! Numbers are parsed as by Google's libphonenumber (Apache-2.0), with the same data: tests compare the two.

mod digits;
mod number;
mod plans;
#[cfg(test)]
mod tests;

use std::fmt;

use self::digits::Digits;
use self::number::Number;
use self::plans::Plan;
use crate::base::country::Country;
use crate::base::unicode::tidy_word;

/// Longer texts are no number, which bounds the work: 15 digits (ITU-T E.164), each with a separator, `tel:` and an
/// extension fit with room to spare.
const MAX_TEXT_BYTES: usize = 80;
/// `+` and 15 digits (ITU-T E.164 section 6). Libphonenumber allows more in a few national plans, but longer numbers cannot
/// be dialled from abroad, and do not fit into the databases of others.
const MAX_E164_BYTES: usize = 16;

/// A phone number that can exist by the numbering plan of its country. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    e164: String,
    country: Option<Country>,
    is_listed: bool,
}

impl Phone {
    /// Parses a number as people write it, by the rules of Google's libphonenumber: with punctuation, digits of any script,
    /// `tel:`, and an extension, which is dropped because E.164 has none. A number without `+` and country code belongs to
    /// `default_country`, and is refused without it. Its length must be in use in the numbering plan of its country; its
    /// leading digits need not be (see [`Phone::is_listed`]), for plans grow faster than tables of them. Whether anyone
    /// answers is not known. A local number with a `phone-context` (RFC 3966) is refused.
    pub fn parse(text: &str, default_country: Option<Country>) -> Option<Self> {
        let text = tidy_word(text);
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let digits = Digits::read(without_parameters(&text)?)?;
        let number = Number::read(&digits, default_country.and_then(Plan::of))?;
        let (plan, is_listed) = number.plan();
        // A number in no plan may be parsed differently once it is written in full: only if it stays the same it is one.
        let stays =
            || Number::read(&Digits::in_full(number.digits()), None).is_some_and(|again| again == number);
        (is_listed || (number.has_length_in_use() && stays())).then_some(())?;
        let e164 = format!("+{}", number.digits());
        let country = plan.and_then(|plan| plan.country());
        (e164.len() <= MAX_E164_BYTES).then_some(Self { e164, country, is_listed })
    }

    /// Returns the number in E.164: `+`, country code and national number.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// Returns the country of the number. `None` for a number of no country (satellite, international freephone), and for
    /// one in no plan whose country code belongs to several countries.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// Returns whether its leading digits are in use in the numbering plan.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }
}

/// Returns the text before the parameters of RFC 3966, which do not change the number in E.164. `None` with a
/// `phone-context`, for it does.
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
