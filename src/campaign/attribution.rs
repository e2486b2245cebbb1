//! Where a visitor came from: what a submission may carry undeclared.

use std::borrow::Cow;

use validator::ValidateRange;

use super::table::{Check, Rules, Verdict, ensure, keys};
use crate::base::unicode::{tidy, tidy_word};
use crate::base::url::WebAddress;

/// Characters of a value; what is longer is cut, for attribution never rejects.
const MAX_VALUE: usize = 500;
/// What ad platforms add to the addresses that they lead to.
const CLICK_IDS: [&str; 8] =
    ["gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id"];
/// Addresses: their query and fragment are cut, which may hold anything.
const ADDRESSES: [&str; 3] = ["page_url", "referrer", "landing_page"];
/// Ahead of a name it means the first visit and not the last.
const FIRST: &str = "first_";
/// Days that browsers keep a cookie at most (<https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html>).
const MAX_REMEMBER_DAYS: u32 = 400;

/// Whether a field's name, in lower case, is attribution, which needs no declaration.
pub fn is_attribution(name: &str) -> bool {
    let name = last_of(name);
    name.starts_with("utm_") || CLICK_IDS.contains(&name) || ADDRESSES.contains(&name)
}

/// What is kept of a value: tidy words, and so many characters. Of an address what is behind the path is cut, which
/// may hold anything: a token, an e-mail address. What is ahead of the host is cut as well; of an address that
/// only seems to have a host nothing is left.
pub fn attribution_value(name: &str, text: &str) -> String {
    // To compose what is cut anyhow would cost a visitor's time.
    let end = text.char_indices().nth(MAX_VALUE * 4).map_or(text.len(), |(end, _)| end);
    let text = tidy(text.get(..end).unwrap_or_default());
    let text = tidy_word(&text);
    let kept = if is_address(name) { page_of(&text) } else { text };
    kept.chars().take(MAX_VALUE).collect()
}

/// Whether what stands there is an address.
pub fn is_address(name: &str) -> bool {
    ADDRESSES.contains(&last_of(name))
}

fn page_of(text: &str) -> Cow<'_, str> {
    let page = text.split(['?', '#']).next().unwrap_or_default();
    // Nearly always what is left is what a parser would make of it.
    if !page.contains(|c: char| c == '@' || c == '\\' || c.is_control()) {
        return page.into();
    }
    let address = WebAddress::parse(page).filter(|address| matches!(address.scheme(), "http" | "https"));
    address.map(|address| address.page()).unwrap_or_default().into()
}

/// The name for the last visit.
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
