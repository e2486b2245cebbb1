//! Countries and territories by their codes in ISO 3166-1, and Kosovo, which has none there yet.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(not(target_arch = "wasm32"))]
use super::i18n::Language;
#[cfg(not(target_arch = "wasm32"))]
use super::unicode::regions;

/// The officially assigned alpha-2 codes of ISO 3166-1, sorted for the binary search, and XK, which everybody
/// uses for Kosovo. Codes that are only reserved (EU, UK) are not countries here.
const ASSIGNED: &[[u8; 2]] = &assigned();

/// A code a line.
const LINES: &[[u8; 3]] = include_bytes!("../../data/countries.txt").as_chunks().0;

const fn assigned() -> [[u8; 2]; LINES.len()] {
    let mut codes = [[0; 2]; LINES.len()];
    let (mut lines, mut places) = (LINES, codes.as_mut_slice());
    while let ([[first, second, b'\n'], more_lines @ ..], [place, more_places @ ..]) = (lines, places) {
        *place = [*first, *second];
        (lines, places) = (more_lines, more_places);
    }
    assert!(lines.is_empty(), "a line is not a code");
    codes
}

/// Codes that people write though they are not assigned, with those that they mean.
const RESERVED: [(&str, &str); 4] = [("UK", "GB"), ("EL", "GR"), ("USA", "US"), ("UAE", "AE")];

/// An assigned ISO 3166-1 alpha-2 code, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Parses a two-letter code in any case, with white space around it or not. `None` if it is not an assigned code; names
    /// of countries are not.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
        let code = code.map(|byte| byte.to_ascii_uppercase());
        ASSIGNED.binary_search(&code).ok().map(|_| Self(code))
    }

    /// Suggests the country that is meant by a reserved code, and on the host, where campaign files are checked, by a name.
    pub fn suggest(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((_, code)) = RESERVED.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)) {
            return Self::parse(code);
        }
        Self::named(text)
    }

    #[cfg(target_arch = "wasm32")]
    fn named(_: &str) -> Option<Self> {
        None
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Language::ALL.into_iter().find_map(|language| {
            let named = regions(language.tag(), Self::all().map(|country| country.to_string()));
            let (code, _) = named.into_iter().find(|(_, known)| known.to_lowercase() == name)?;
            Self::parse(&code)
        })
    }

    /// Returns all countries, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        ASSIGNED.iter().copied().map(Self)
    }

    /// Returns the code: two upper-case letters.
    pub fn as_str(&self) -> &str {
        // Always ASCII: all values come from the list.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Country({self})")
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
            .ok_or_else(|| de::Error::custom("is not a country code of ISO 3166-1 alpha-2"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_any_case_and_trimmed() {
        for text in ["SE", "se", "Se", " se\n"] {
            assert_eq!(Country::parse(text).map(|country| country.to_string()), Some("SE".to_owned()));
        }
    }

    #[test]
    fn what_is_not_an_assigned_code_is_no_country() {
        for text in ["", "S", "SWE", "Sweden", "UK", "EU", "XX", "ZZ", "001", "s e", "\u{e5}"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }

    #[test]
    fn who_writes_a_name_is_told_the_code() {
        for (text, code) in [
            ("Sweden", "SE"),
            ("sverige", "SE"),
            ("Danmark", "DK"),
            ("UK", "GB"),
            ("usa", "US"),
            ("Kosovo", "XK"),
        ] {
            assert_eq!(
                Country::suggest(text).map(|country| country.to_string()).as_deref(),
                Some(code),
                "{text}"
            );
        }
        assert_eq!(Country::suggest("Atlantis"), None);
    }

    #[test]
    fn every_code_is_found() {
        assert_eq!(ASSIGNED.len(), 250);
        for code in ASSIGNED {
            let text = std::str::from_utf8(code).unwrap();
            assert_eq!(Country::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn in_json_it_is_a_string() {
        let country: Country = serde_json::from_str("\"no\"").unwrap();
        assert_eq!(serde_json::to_string(&country).unwrap(), "\"NO\"");
        assert_eq!(format!("{country:?} {country:>3}"), "Country(NO)  NO");
        assert!(serde_json::from_str::<Country>("\"Norway\"").is_err());
    }
}
