//! Fields of a body: names with values, in one shape for every encoding.

use super::mime::is_utf8;
use crate::base::limits;
use crate::campaign::Raw;

/// The most entries of a body. Campaigns declare a few tens of fields; attribution and consent come on top.
pub const MAX_FIELDS: usize = limits::number("body_fields") as usize;
/// The field in which a browser names the charset of the others (HTML standard, RFC 7578 section 4.6).
const CHARSET: &str = "_charset_";
/// The JSON object whose members are the fields `consent.{purpose}`.
pub(super) const CONSENT: &str = "consent";

/// One name with one value. A name that occurs several times is several entries.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub struct Entry {
    /// Any text without NUL, also the empty one. The brackets of frameworks are dropped: `interests[]` and
    /// `interests[0]` are `interests`, and `consent[newsletter]` is `consent.newsletter`.
    pub name: String,
    /// The value as it was sent.
    pub value: Raw,
}

/// The fields of a body.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub struct Fields {
    /// At most [`MAX_FIELDS`], in order of arrival.
    pub entries: Vec<Entry>,
    /// The encoding of the body.
    pub encoding: Encoding,
}

/// The encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`
    Urlencoded,
    /// `multipart/form-data`
    Multipart,
    /// `application/json`, or a type that ends in `+json`
    Json,
}

/// The reason why a body cannot be decoded: a mistake of the sender, with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// 415: no media type, an unknown one, or an unknown charset or content encoding.
    MediaType,
    /// 400: the body is not of its media type; the reason, in our words.
    Malformed(&'static str),
    /// 413: more bytes than a body may have.
    TooLarge,
    /// 400: more than [`MAX_FIELDS`] entries.
    TooManyFields,
}

/// The entries so far. Every encoding adds its own here, so that the limits are the same for all.
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    /// Returns an empty list.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// `TooManyFields` beyond the limit, `Malformed` for a name with a NUL: no form has one, and whatever stores or
    /// shows names later may cut them there.
    pub(super) fn push(&mut self, name: &str, value: Raw) -> Result<(), Undecodable> {
        if self.0.len() >= MAX_FIELDS {
            return Err(Undecodable::TooManyFields);
        }
        if name.contains('\0') {
            return Err(Undecodable::Malformed("a field's name holds a NUL character"));
        }
        self.0.push(Entry { name: plain_name(name), value });
        Ok(())
    }

    /// Returns the fields of a body of this encoding.
    pub(super) fn into_fields(self, encoding: Encoding) -> Fields {
        Fields { entries: self.0, encoding }
    }

    /// Takes out the charset that the browser states; `None` if it is UTF-8.
    pub(super) fn take_charset(&mut self) -> Option<String> {
        let mut found: Vec<_> = self.0.extract_if(.., |entry| entry.name == CHARSET).collect();
        match found.pop()?.value {
            Raw::Text(charset) if !charset.trim().is_empty() && !is_utf8(charset.trim()) => Some(charset),
            _ => None,
        }
    }
}

/// Returns a name as the campaign knows it, without the brackets of frameworks.
fn plain_name(name: &str) -> String {
    let bracketed = |name: &'_ str| {
        let (before, inside) = name.strip_suffix(']')?.rsplit_once('[')?;
        Some((before.to_owned(), inside.to_owned())).filter(|(before, _)| !before.is_empty())
    };
    let mut name = name.to_owned();
    while let Some((before, inside)) = bracketed(&name) {
        name = match () {
            () if inside.chars().all(|c| c.is_ascii_digit()) => before,
            () if before.eq_ignore_ascii_case(CONSENT) => format!("{before}.{inside}"),
            () => break,
        };
    }
    name
}
