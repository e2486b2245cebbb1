//! Countries and territories by their codes in ISO 3166-1, and Kosovo, which has none there yet.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(not(target_arch = "wasm32"))]
use super::i18n::Language;
#[cfg(not(target_arch = "wasm32"))]
use super::unicode::regions;

/// The assigned alpha-2 codes of ISO 3166-1, sorted for the binary search, and XK, which everybody uses for Kosovo. Codes
/// that are only reserved (EU, UK) are not countries here.
#[rustfmt::skip]
const ASSIGNED: &[[u8; 2]] = &[
    *b"AD", *b"AE", *b"AF", *b"AG", *b"AI", *b"AL", *b"AM", *b"AO", *b"AQ", *b"AR",
    *b"AS", *b"AT", *b"AU", *b"AW", *b"AX", *b"AZ", *b"BA", *b"BB", *b"BD", *b"BE",
    *b"BF", *b"BG", *b"BH", *b"BI", *b"BJ", *b"BL", *b"BM", *b"BN", *b"BO", *b"BQ",
    *b"BR", *b"BS", *b"BT", *b"BV", *b"BW", *b"BY", *b"BZ", *b"CA", *b"CC", *b"CD",
    *b"CF", *b"CG", *b"CH", *b"CI", *b"CK", *b"CL", *b"CM", *b"CN", *b"CO", *b"CR",
    *b"CU", *b"CV", *b"CW", *b"CX", *b"CY", *b"CZ", *b"DE", *b"DJ", *b"DK", *b"DM",
    *b"DO", *b"DZ", *b"EC", *b"EE", *b"EG", *b"EH", *b"ER", *b"ES", *b"ET", *b"FI",
    *b"FJ", *b"FK", *b"FM", *b"FO", *b"FR", *b"GA", *b"GB", *b"GD", *b"GE", *b"GF",
    *b"GG", *b"GH", *b"GI", *b"GL", *b"GM", *b"GN", *b"GP", *b"GQ", *b"GR", *b"GS",
    *b"GT", *b"GU", *b"GW", *b"GY", *b"HK", *b"HM", *b"HN", *b"HR", *b"HT", *b"HU",
    *b"ID", *b"IE", *b"IL", *b"IM", *b"IN", *b"IO", *b"IQ", *b"IR", *b"IS", *b"IT",
    *b"JE", *b"JM", *b"JO", *b"JP", *b"KE", *b"KG", *b"KH", *b"KI", *b"KM", *b"KN",
    *b"KP", *b"KR", *b"KW", *b"KY", *b"KZ", *b"LA", *b"LB", *b"LC", *b"LI", *b"LK",
    *b"LR", *b"LS", *b"LT", *b"LU", *b"LV", *b"LY", *b"MA", *b"MC", *b"MD", *b"ME",
    *b"MF", *b"MG", *b"MH", *b"MK", *b"ML", *b"MM", *b"MN", *b"MO", *b"MP", *b"MQ",
    *b"MR", *b"MS", *b"MT", *b"MU", *b"MV", *b"MW", *b"MX", *b"MY", *b"MZ", *b"NA",
    *b"NC", *b"NE", *b"NF", *b"NG", *b"NI", *b"NL", *b"NO", *b"NP", *b"NR", *b"NU",
    *b"NZ", *b"OM", *b"PA", *b"PE", *b"PF", *b"PG", *b"PH", *b"PK", *b"PL", *b"PM",
    *b"PN", *b"PR", *b"PS", *b"PT", *b"PW", *b"PY", *b"QA", *b"RE", *b"RO", *b"RS",
    *b"RU", *b"RW", *b"SA", *b"SB", *b"SC", *b"SD", *b"SE", *b"SG", *b"SH", *b"SI",
    *b"SJ", *b"SK", *b"SL", *b"SM", *b"SN", *b"SO", *b"SR", *b"SS", *b"ST", *b"SV",
    *b"SX", *b"SY", *b"SZ", *b"TC", *b"TD", *b"TF", *b"TG", *b"TH", *b"TJ", *b"TK",
    *b"TL", *b"TM", *b"TN", *b"TO", *b"TR", *b"TT", *b"TV", *b"TW", *b"TZ", *b"UA",
    *b"UG", *b"UM", *b"US", *b"UY", *b"UZ", *b"VA", *b"VC", *b"VE", *b"VG", *b"VI",
    *b"VN", *b"VU", *b"WF", *b"WS", *b"XK", *b"YE", *b"YT", *b"ZA", *b"ZM", *b"ZW",
];

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
