//! A phone number: which texts are one, in E.164.

use std::fmt;
use std::sync::LazyLock;

use prost::Message;
use rlibphonenumber::{PhoneMetadataCollection, PhoneNumber, PhoneNumberFormat, PhoneNumberUtil, Region};

use crate::country::Country;
use crate::text::tidy_word;

/// Longer texts are no number: 15 digits (ITU-T E.164), each with a separator, `tel:` and an
/// extension fit with room to spare. Bounds the work, and what reaches the parser.
const MAX_TEXT_BYTES: usize = 80;
/// `+` and 15 digits (ITU-T E.164 section 6). The parser follows a few national plans beyond it,
/// but what is longer cannot be dialled from abroad and does not fit where others keep numbers.
const MAX_E164_BYTES: usize = 16;

/// The numbering plans, without what writes numbers as people do: less than half of the crate's
/// own. `scripts/phone-metadata.mjs` makes it from the crate's.
const METADATA: &[u8] = include_bytes!("phone_metadata.bin");
/// Never None, for the bytes are always the same ones; a test reads them.
static PLANS: LazyLock<Option<PhoneNumberUtil>> =
    LazyLock::new(|| PhoneNumberUtil::new_for_metadata(PhoneMetadataCollection::decode(METADATA).ok()?).ok());

/// A number that exists by the numbering plan of its country. Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    e164: String,
    country: Option<Country>,
    is_listed: bool,
}

impl Phone {
    /// Reads a number as people write it, by the rules of Google's libphonenumber: punctuation,
    /// digits of any script, `tel:` and an extension (which E.164 has no place for, so it is
    /// dropped) are understood. A number without `+` and country code is read as one of
    /// `default_country`, and is none without it. Its length must be in use in the numbering plan of its
    /// country; whether its leading digits are is told by [`Phone::is_listed`], for plans grow faster than
    /// tables of them. Whether anyone answers is not known. A local number in a `phone-context` (RFC 3966) is
    /// refused.
    pub fn parse(text: &str, default_country: Option<Country>) -> Option<Self> {
        Self::parse_by(PLANS.as_ref()?, text, default_country)
    }

    fn parse_by(plans: &PhoneNumberUtil, text: &str, default_country: Option<Country>) -> Option<Self> {
        let text = tidy_word(text);
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let region = default_country.and_then(|country| Region::from_code(country.as_str()).ok());
        let number = plans.parse(without_parameters(&text)?, region).ok()?;
        if plans.is_valid_number(&number) {
            return Self::of(plans, &number, true);
        }
        // What no plan has may be read otherwise once it is written in full: only what stays the same is one.
        let e164 = plans.format(&number, PhoneNumberFormat::E164).into_owned();
        let again = plans.parse(&e164, None).ok().filter(|again| plans.is_possible_number(again))?;
        if plans.is_valid_number(&again) || plans.format(&again, PhoneNumberFormat::E164) != e164 {
            return None;
        }
        Self::of(plans, &again, false)
    }

    fn of(plans: &PhoneNumberUtil, number: &PhoneNumber, is_listed: bool) -> Option<Self> {
        let e164 = plans.format(number, PhoneNumberFormat::E164).into_owned();
        let country =
            plans.get_region_for_number(number).and_then(|region| Country::parse(&region.as_region_str()));
        (e164.len() <= MAX_E164_BYTES).then_some(Self { e164, country, is_listed })
    }

    /// The number in E.164: `+`, country code and national number, digits alone.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The country that the number belongs to. None for a number of no country (satellite,
    /// international freephone), and for one of several countries that is in no plan.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// Whether its leading digits are in use in the numbering plan.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }
}

/// The text up to the parameters of RFC 3966, none of which changes what E.164 says, but one:
/// with a `phone-context` the number is not what it seems to be. The parser never sees a
/// semicolon, because version 2.2.15 panics on a `;phone-context=` that stands before a `tel:`.
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

/// Loads the numbering plans, which takes 5 to 23 ms, so that the first visitor need not wait.
/// To be called when the program starts. Calling it again costs next to nothing.
pub fn warm_up() {
    // A number of the fictitious range: parsing it also compiles the patterns that all share.
    let _ = Phone::parse("+46 70-174 06 05", None);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, default_country: &str) -> Option<(String, Option<String>)> {
        let phone = Phone::parse(text, Country::parse(default_country))?;
        Some((phone.e164().to_owned(), phone.country().map(|country| country.to_string())))
    }

    fn number(e164: &str, country: &str) -> Option<(String, Option<String>)> {
        Some((e164.to_owned(), Some(country.to_owned())))
    }

    #[test]
    fn a_national_number_is_read_in_the_default_country() {
        assert_eq!(parsed("070-174 06 05", "SE"), number("+46701740605", "SE"));
        assert_eq!(parsed(" (0701) 74.06.05 ", "SE"), number("+46701740605", "SE"));
        assert_eq!(parsed("08-465 004 00", "SE"), number("+46846500400", "SE"));
        assert_eq!(parsed("030 23125 000", "DE"), number("+493023125000", "DE"));
        assert_eq!(parsed("(212) 736-5000", "US"), number("+12127365000", "US"));
        assert_eq!(parsed("22 12 34 56", "NO"), number("+4722123456", "NO"));
    }

    #[test]
    fn an_international_number_needs_no_default_and_overrides_it() {
        assert_eq!(parsed("+46 (0)70-174 06 05", ""), number("+46701740605", "SE"));
        assert_eq!(parsed("0046 70 174 06 05", "SE"), number("+46701740605", "SE"));
        assert_eq!(parsed("+1 416 736 5000", "US"), number("+14167365000", "CA"));
        assert_eq!(parsed("tel:+46-70-174-06-05", ""), number("+46701740605", "SE"));
        assert_eq!(parsed("tel:+46-70-174-06-05;ext=12", ""), number("+46701740605", "SE"));
        assert_eq!(parsed("＋４６７０１７４０６０５", ""), number("+46701740605", "SE"));
        assert_eq!(parsed("+46 8 465 004 00 ext. 12", ""), number("+46846500400", "SE"));
    }

    #[test]
    fn a_number_of_no_country_has_none() {
        assert_eq!(parsed("+800 1234 5678", ""), Some(("+80012345678".to_owned(), None)));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            " ",
            "+",
            "070",
            "12345",
            "call me",
            "+46",
            "+46 70",
            "+999 123 456 789",
            "0701740605123456",
            "\u{0}",
            "+46701740605\u{0}1",
        ] {
            assert_eq!(parsed(text, "SE"), None, "{text:?}");
        }
        assert_eq!(parsed("070-174 06 05", ""), None);
        // In the German plan by the parser's data, but of 17 digits.
        assert_eq!(parsed("+49780080080004782", ""), None);
        assert_eq!(parsed(&"0".repeat(100_000), "SE"), None);
    }

    #[test]
    fn a_number_that_no_plan_has_yet_is_one_where_its_length_is() {
        for (text, is_listed) in
            [("+1 416 736 5000", true), ("+1 436 555 0100", false), ("+1 624 555 0100", false)]
        {
            assert_eq!(Phone::parse(text, None).map(|phone| phone.is_listed()), Some(is_listed), "{text}");
        }
        let country = |text| Phone::parse(text, None).and_then(|phone| phone.country());
        assert_eq!(country("+383 44 123 456"), Country::parse("XK"));
        assert_eq!(country("+1 436 555 0100"), None);
    }

    #[test]
    fn a_phone_context_before_its_number_does_not_make_the_parser_panic() {
        assert_eq!(parsed("1;phone-context=+46;tel:701740605", "SE"), None);
        assert_eq!(parsed("tel:701740605;Phone-Context=+46", "SE"), None);
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        // A small generator of its own (xorshift), so that a failure repeats.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).unwrap() % bound
        };
        let pieces = [
            "+",
            "0",
            "46",
            "7",
            "1",
            "800",
            " ",
            "-",
            "(",
            ")",
            "/",
            ".",
            ";ext=",
            ";phone-context=",
            "tel:",
            "x",
            "#",
            "*",
            ",",
            "~",
            "A",
            "å",
            "٣",
            "\u{0}",
            "\u{200b}",
            "＋",
            "9",
            "isub=",
        ];
        for _ in 0..20_000 {
            let text: String = (0..next(20)).map(|_| pieces[next(pieces.len())]).collect();
            let country = Country::parse(["SE", "US", "DE", "IT", "BR", "AR", "AQ", ""][next(8)]);
            if let Some(phone) = Phone::parse(&text, country) {
                assert!(phone.e164().len() <= 16 && phone.e164().starts_with('+'), "{text:?}");
                assert!(phone.e164().bytes().skip(1).all(|byte| byte.is_ascii_digit()), "{text:?}");
                // What was read once is read the same again, from anywhere.
                assert_eq!(Phone::parse(phone.e164(), None), Some(phone.clone()), "{text:?}");
            }
        }
    }

    /// The reduced plans judge as the whole ones do: for every region and kind of number, an
    /// example as it is written at home and abroad, shortened, lengthened, and with another digit in
    /// each of its places.
    #[test]
    fn the_reduced_plans_judge_as_the_whole_ones() {
        use rlibphonenumber::PhoneNumberType::*;

        let whole = PhoneNumberUtil::new().unwrap();
        let reduced = PLANS.as_ref().unwrap();
        let mut regions: Vec<Region> = whole.get_supported_regions().collect();
        regions.sort_by_key(|region| region.as_region_str().to_string());
        let kinds = [
            FixedLine,
            Mobile,
            TollFree,
            PremiumRate,
            SharedCost,
            VoIP,
            PersonalNumber,
            Pager,
            UAN,
            VoiceMail,
        ];
        let mut examples = Vec::new();
        for region in regions {
            for kind in kinds {
                let example = whole.get_example_number_for_type_and_region(region, kind);
                examples.extend(example.ok().map(|number| (number, Some(region))));
            }
        }
        for code in whole.get_supported_global_network_calling_codes() {
            let example = whole.get_example_number_for_non_geo_entity(code);
            examples.push((example.unwrap(), None));
        }
        let (mut judged, mut valid) = (0, 0);
        for (number, region) in examples {
            let country = region.and_then(|region| Country::parse(&region.as_region_str()));
            let e164 = whole.format(&number, PhoneNumberFormat::E164).into_owned();
            let national = whole.format(&number, PhoneNumberFormat::National).into_owned();
            let mut texts = vec![
                national.clone(),
                format!("{national}5"),
                e164.replace('+', "00"),
                e164.replace('+', ""),
            ];
            texts.extend((3..=e164.len()).map(|end| e164[..end].to_owned()));
            texts.extend(["0", "55", "999"].map(|more| format!("{e164}{more}")));
            texts.extend((1..e164.len()).map(|at| {
                let digit = (usize::from(e164.as_bytes()[at] - b'0') + 1 + at % 9) % 10;
                format!("{}{digit}{}", &e164[..at], &e164[at + 1..])
            }));
            for text in texts {
                let expected = Phone::parse_by(&whole, &text, country);
                assert_eq!(
                    Phone::parse_by(reduced, &text, country).map(|phone| (phone.e164, phone.country)),
                    expected.as_ref().map(|phone| (phone.e164.clone(), phone.country)),
                    "{text} in {country:?}"
                );
                judged += 1;
                valid += usize::from(expected.is_some());
            }
        }
        assert!(judged > 30_000 && valid > 10_000, "{judged} judged, {valid} of them valid");
    }

    #[test]
    fn warming_up_twice_is_harmless_and_the_debug_form_hides_the_number() {
        warm_up();
        warm_up();
        assert_eq!(format!("{:?}", Phone::parse("+46701740605", None).unwrap()), "Phone(…)");
    }
}
