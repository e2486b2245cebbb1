//! The number that is meant: its country code and national number.

use super::digits::Digits;
use super::plans::{Length, Plan};

/// Digits of a national number. Libphonenumber allows more than the 15 of a whole number (ITU-T E.164) in some plans.
const NATIONAL_DIGITS: std::ops::RangeInclusive<usize> = 2..=17;
/// Leading zeros of a national number; more are dropped.
const MAX_ZEROS: usize = 10;

/// A number, in a plan or not.
#[derive(PartialEq, Eq)]
pub(super) struct Number {
    code: u16,
    national: String,
}

impl Number {
    /// Interprets a number as dialled in the country of this plan. `None` if it has no country, or is too short or too long
    /// for any.
    pub(super) fn read(found: &Digits, home: Option<Plan>) -> Option<Self> {
        let digits = found.digits.as_str();
        let (plan, national) = if !found.has_plus {
            let home = home?;
            let (abroad, national) = dialled(digits, home)?;
            (abroad.unwrap_or(home), national)
        } else if let Some((plan, national)) = international(digits)? {
            (plan, national.to_owned())
        } else {
            // A plus before a number as dialled at home.
            let (abroad, national) = dialled(digits, home?)?;
            (abroad?, national)
        };
        if national.len() < *NATIONAL_DIGITS.start() {
            return None;
        }
        // A number that is too short without its prefix is a short number, and had no prefix.
        let without_prefix = plan.national(&national);
        let national = match plan.length(&without_prefix) {
            Length::InUse | Length::TooLong => without_prefix,
            Length::InUseLocally | Length::TooShort | Length::Unused => national,
        };
        let digits = national.trim_start_matches('0');
        // The last digit is kept, even if it is 0.
        let zeros = (national.len() - digits.len()).min(national.len().saturating_sub(1));
        let national_from = zeros.saturating_sub(MAX_ZEROS);
        NATIONAL_DIGITS.contains(&national.len()).then_some(())?;
        Some(Self { code: plan.code(), national: national.get(national_from..)?.to_owned() })
    }

    /// Returns country code and national number.
    pub(super) fn digits(&self) -> String {
        format!("{}{}", self.code, self.national)
    }

    /// Returns the plan that it belongs to, and whether it is listed in it. No plan if several have its country code, and it
    /// is in none of them.
    pub(super) fn plan(&self) -> (Option<Plan>, bool) {
        let mut plans = Plan::all(self.code);
        let is_only = plans.len() == 1;
        let plan = plans.find(|plan| is_only || plan.is_begun_by(&self.national) || plan.has(&self.national));
        (plan, plan.is_some_and(|plan| plan.has(&self.national)))
    }

    /// Returns whether its length is in use, with or without an area code.
    pub(super) fn has_length_in_use(&self) -> bool {
        let main = Plan::all(self.code).next();
        main.is_some_and(|plan| matches!(plan.length(&self.national), Length::InUse | Length::InUseLocally))
    }
}

/// Returns plan and national number of digits that begin with a country code; the inner `None` if they begin with none, the
/// outer `None` if there are too few digits.
fn international(digits: &str) -> Option<Option<(Plan, &str)>> {
    (digits.len() > *NATIONAL_DIGITS.start()).then(|| Plan::of_international(digits))
}

/// Interprets digits as dialled at home: returns them without an exit code or the country's own code, and the plan if they
/// had one.
fn dialled(digits: &str, home: Plan) -> Option<(Option<Plan>, String)> {
    if let Some(abroad) = home.without_exit_code(digits) {
        let (plan, national) = international(&abroad)??;
        return Some((Some(plan), national.to_owned()));
    }
    if let Some(rest) = digits.strip_prefix(&home.code().to_string()) {
        let national = home.national(rest);
        let is_better = !home.resembles(digits) && home.resembles(&national);
        if is_better || home.length(digits) == Length::TooLong {
            return Some((Plan::all(home.code()).next(), national));
        }
    }
    Some((None, digits.to_owned()))
}
