//! Where a visitor came from: what a submission may carry undeclared.

use validator::ValidateRange;

use super::table::{Judged, Rules, Verdict, ensure, keys};

/// What ad platforms add to the addresses that they lead to.
const CLICK_IDS: [&str; 8] =
    ["gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id"];
/// Addresses: their query and fragment are cut, which may hold anything.
const ADDRESSES: [&str; 3] = ["page_url", "referrer", "landing_page"];
/// Ahead of a name it means the first visit and not the last.
const FIRST: &str = "first_";
/// Days that browsers keep a cookie at most (<https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html>).
const MAX_REMEMBER_DAYS: u32 = 400;

/// Whether a field's name is attribution, which needs no declaration.
pub fn is_attribution(name: &str) -> bool {
    let name = last_of(name);
    name.starts_with("utm_") || CLICK_IDS.contains(&name) || ADDRESSES.contains(&name)
}

/// Whether what stands there is an address.
pub fn is_address(name: &str) -> bool {
    ADDRESSES.contains(&last_of(name))
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

fn are_remembered(days: u32) -> Judged {
    ensure(days.validate_range(Some(1), Some(MAX_REMEMBER_DAYS), None, None), "must be 1 to 400")
}
