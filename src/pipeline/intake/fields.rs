//! The fields of a body: names with values, in one shape for every encoding.

use super::mime::is_utf8;
use crate::base::limits;
use crate::campaign::Raw;

/// Entries of a body. Campaigns declare a few tens of fields; attribution and consent come on top.
pub const MAX_FIELDS: usize = limits::number("body_fields") as usize;
/// The field in which a browser says how it wrote the others (HTML standard, RFC 7578 section 4.6).
const CHARSET: &str = "_charset_";
/// The object of JSON whose members are the fields `consent.{purpose}`.
pub(super) const CONSENT: &str = "consent";

/// One name with one value. A name that is given several times is several entries.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub struct Entry {
    /// Without NUL, else any text, the empty one too. What frameworks write for several values of a name is the
    /// name: `interests[]`, `interests[0]`; and `consent[newsletter]` is `consent.newsletter`.
    pub name: String,
    /// As it was sent.
    pub value: Raw,
}

/// What a body holds.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub struct Fields {
    /// In order of arrival, at most [`MAX_FIELDS`].
    pub entries: Vec<Entry>,
    /// How they came.
    pub encoding: Encoding,
}

/// How a body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`
    Urlencoded,
    /// `multipart/form-data`
    Multipart,
    /// `application/json`, or a type that ends in `+json`
    Json,
}

/// Why a body could not be read: their mistake, each with the status that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// 415: no type, an unknown one, or bytes that are encoded in a way that is not read.
    MediaType,
    /// 400: not what the type promises. Says why in words of ours.
    Malformed(&'static str),
    /// 413: more bytes than [`decode`](super::decode()) reads.
    TooLarge,
    /// 400: more than [`MAX_FIELDS`] entries.
    TooManyFields,
}

/// The entries so far. The one door for all encodings, so that their limits are the same.
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// # Errors
    /// `TooManyFields` beyond the limit, `Malformed` for a name with a NUL: nobody's form has
    /// one, and what stores or shows names later may end at it.
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

    /// All of them, of a body of this encoding.
    pub(super) fn into_fields(self, encoding: Encoding) -> Fields {
        Fields { entries: self.0, encoding }
    }

    /// Takes out what says how the browser wrote the form; nothing where that is UTF-8.
    pub(super) fn take_charset(&mut self) -> Option<String> {
        let mut found: Vec<_> = self.0.extract_if(.., |entry| entry.name == CHARSET).collect();
        match found.pop()?.value {
            Raw::Text(charset) if !charset.trim().is_empty() && !is_utf8(charset.trim()) => Some(charset),
            _ => None,
        }
    }
}

/// A name as the campaign knows it, without what frameworks write behind it.
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
