//! Checks of values that several tables of a campaign file have.

use validator::{ValidateLength, ValidateRange};

use super::table::{Check, ensure};
use crate::base::country::Country;
use crate::base::url::WebAddress;

/// Bytes of an id: it is part of URLs, keys and logs.
pub const MAX_SLUG: usize = 64;
/// Characters of a text that visitors read; a consent's wording is the longest.
pub const MAX_TEXT: u64 = 4_000;
/// Characters of an e-mail's subject: mail programs show even less of it.
const MAX_LINE: u64 = 200;
/// Ten years: a longer period would be keeping people for ever.
const MAX_DAYS: u32 = 3_650;
/// The reason for a text that is no URL.
pub const NO_ADDRESS: &str = "must be an address, as in https://example.com/x";

pub fn is_text(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(MAX_TEXT), None), "is required")
}

/// Returns whether a text can be the subject of an e-mail.
pub fn is_line(text: &str) -> bool {
    text.validate_length(Some(1), Some(MAX_LINE), None) && !text.contains(char::is_control)
}

pub fn are_days(days: u32) -> Check {
    ensure(days.validate_range(Some(1), Some(MAX_DAYS), None, None), "must be 1 to 3650")
}

/// Checks the id of a campaign, a ledger, a purpose or a destination.
pub fn is_slug(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure(
        !text.is_empty()
            && text.len() <= MAX_SLUG
            && text.chars().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-'),
        "is required: 1 to 64 lower-case letters, digits and hyphens",
    )
}

pub fn is_secret_name(text: &str) -> Check {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    ensure(
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= MAX_SLUG
            && text.chars().all(plain),
        "must be the NAME of a Worker secret: upper-case letters, digits and underscores",
    )?;
    ensure(!text.starts_with("LEADHOOK_"), "must not begin with LEADHOOK_")
}

pub fn is_country(text: &str) -> Check {
    ensure(Country::parse(text).is_some(), "must be a country by ISO 3166-1, as in SE")
}

/// Parses a URL, with white space around it or not.
pub fn address_of(text: &str) -> Option<WebAddress> {
    WebAddress::parse(text.trim())
}

/// Returns a URL in its normal form. Empty if it is none, which is reported elsewhere.
pub fn href_of(text: &str) -> String {
    address_of(text).map(|address| address.href().to_owned()).unwrap_or_default()
}

/// Checks for an https URL, or for development an http one to a loopback address.
pub fn is_web_address(text: &str) -> Check {
    ensure(!text.trim().is_empty(), "is required: an https address")?;
    let Some(address) = address_of(text) else {
        return Err(NO_ADDRESS);
    };
    ensure(address.scheme() == "https" || address.is_loopback_http(), "must be https")?;
    ensure(!address.has_credentials(), "must not hold a password")
}
