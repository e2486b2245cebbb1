//! Attribution: campaign parameters, click ids and pages that say where a visitor came from. A form sends them without
//! declaring them.

use std::borrow::Cow;

use validator::ValidateRange;

use super::table::{Check, Rules, Verdict, ensure, keys};
use crate::base::unicode::{tidy, tidy_word};
use crate::base::url::WebAddress;

/// Characters of a value; longer ones are cut, because attribution never rejects a submission.
const MAX_VALUE: usize = 500;
/// Parameters that ad platforms add to the URLs of their ads.
const CLICK_IDS: [&str; 8] =
    ["gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id"];
/// Names whose values are URLs. Query and fragment are cut, which may contain anything.
const ADDRESSES: [&str; 3] = ["page_url", "referrer", "landing_page"];
/// The prefix of names for the first visit instead of the last.
const FIRST: &str = "first_";
/// The most days that browsers keep a cookie (<https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html>).
const MAX_REMEMBER_DAYS: u32 = 400;

/// Returns whether a field's name, in lower case, is attribution, which needs no declaration.
pub fn is_attribution(name: &str) -> bool {
    let name = last_of(name);
    name.starts_with("utm_") || CLICK_IDS.contains(&name) || ADDRESSES.contains(&name)
}

/// Returns a value as it is stored: tidied, and cut to its maximum length. A URL loses what follows the path, which may
/// be anything: a token, an e-mail address. It loses credentials as well; a URL that only seems to have a host becomes
/// empty.
pub fn attribution_value(name: &str, text: &str) -> String {
    // Normalising what is cut anyway would cost time.
    let end = text.char_indices().nth(MAX_VALUE * 4).map_or(text.len(), |(end, _)| end);
    let text = tidy(text.get(..end).unwrap_or_default());
    let text = tidy_word(&text);
    let kept = if is_address(name) { page_of(&text) } else { text };
    kept.chars().take(MAX_VALUE).collect()
}

/// Returns whether the values of this name are URLs.
pub fn is_address(name: &str) -> bool {
    ADDRESSES.contains(&last_of(name))
}

/// Returns a URL without credentials, query and fragment.
fn page_of(text: &str) -> Cow<'_, str> {
    let page = text.split(['?', '#']).next().unwrap_or_default();
    // Nearly always a parser would not change it.
    if !page.contains(|c: char| c == '@' || c == '\\' || c.is_control()) {
        return page.into();
    }
    let address = WebAddress::parse(page).filter(|address| matches!(address.scheme(), "http" | "https"));
    address.map(|address| address.page()).unwrap_or_default().into()
}

/// Returns the same name for the last visit.
fn last_of(name: &str) -> &str {
    name.strip_prefix(FIRST).unwrap_or(name)
}

/// `[attribution]`.
#[derive(Debug, Default)]
pub struct AttributionTable {
    pub remember_days: Option<u32>,
}

keys!(AttributionTable: remember_days);

impl Rules for AttributionTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![("remember_days", self.remember_days.map_or(Ok(()), are_remembered))]
    }
}

fn are_remembered(days: u32) -> Check {
    ensure(days.validate_range(Some(1), Some(MAX_REMEMBER_DAYS), None, None), "must be 1 to 400")
}
