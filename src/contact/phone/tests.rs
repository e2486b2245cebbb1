//! Phone numbers against libphonenumber, and the rules that a single number shows.

use std::ops::Range;
use std::sync::LazyLock;

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, PhoneNumberType, PhoneNumberUtil, Region};

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
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let text = random.garbage();
        let country = Country::parse(random.one_of(&["SE", "US", "DE", "IT", "BR", "AR", "AQ", ""]));
        if let Some(phone) = Phone::parse(&text, country) {
            assert!(phone.e164().len() <= 16 && phone.e164().starts_with('+'), "{text:?}");
            assert!(phone.e164().bytes().skip(1).all(|byte| byte.is_ascii_digit()), "{text:?}");
            // The normal form is parsed the same, from anywhere.
            assert_eq!(Phone::parse(phone.e164(), None), Some(phone.clone()), "{text:?}");
        }
    }
}

#[test]
fn the_debug_form_hides_the_number() {
    assert_eq!(format!("{:?}", Phone::parse("+46701740605", None).unwrap()), "Phone(…)");
}

/// Google's libphonenumber in Rust, with all data that the tables are made of.
static THEIRS: LazyLock<PhoneNumberUtil> = LazyLock::new(|| PhoneNumberUtil::new().unwrap());

/// A number in E.164, its country, and whether it is listed.
type Parsed = Option<(String, Option<Country>, bool)>;

fn theirs(text: &str, default_country: Option<Country>) -> Parsed {
    let text = tidy_word(text);
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let region = default_country.and_then(|country| Region::from_code(country.as_str()).ok());
    let number = THEIRS.parse(without_parameters(&text)?, region).ok()?;
    if THEIRS.is_valid_number(&number) {
        return their_number(&number, true);
    }
    let e164 = THEIRS.format(&number, PhoneNumberFormat::E164).into_owned();
    let again = THEIRS.parse(&e164, None).ok().filter(|again| THEIRS.is_possible_number(again))?;
    if THEIRS.is_valid_number(&again) || THEIRS.format(&again, PhoneNumberFormat::E164) != e164 {
        return None;
    }
    their_number(&again, false)
}

fn their_number(number: &PhoneNumber, is_listed: bool) -> Parsed {
    let e164 = THEIRS.format(number, PhoneNumberFormat::E164).into_owned();
    let region = THEIRS.get_region_for_number(number);
    let country = region.and_then(|region| Country::parse(&region.as_region_str()));
    (e164.len() <= MAX_E164_BYTES).then_some((e164, country, is_listed))
}

fn ours(text: &str, default_country: Option<Country>) -> Parsed {
    Phone::parse(text, default_country).map(|phone| (phone.e164, phone.country, phone.is_listed))
}

/// A small deterministic generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % bound
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn digits(&mut self, lengths: Range<usize>) -> String {
        let length = lengths.start + self.below(lengths.len());
        (0..length).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap())).collect()
    }

    fn garbage(&mut self) -> String {
        let count = self.below(20);
        (0..count).map(|_| self.one_of(&PIECES)).collect()
    }

    /// Makes what may be an extension, or nearly.
    fn extension(&mut self) -> String {
        let count = self.below(7);
        let label: String = (0..count).map(|_| self.one_of(&LABELS)).collect();
        label + &self.digits(0..22) + self.one_of(&["", "", "#"])
    }

    /// Writes digits as somebody may: with signs between, in another script, in letters.
    fn written(&mut self, number: &str) -> String {
        let zero = ['0', '٠', '０', '߀', '०', '𝟘'][self.below(6)];
        let is_other = self.below(4) == 0;
        let mut text = String::new();
        for c in number.chars() {
            if self.below(4) == 0 {
                text.push_str(
                    self.one_of(&[" ", "-", ".", "/", "(", ")", "\u{a0}", "－", "x", "~", "[", "*", "(0)"]),
                );
            }
            text.push(match c.to_digit(10) {
                Some(digit) if is_other => char::from_u32(u32::from(zero) + digit).unwrap(),
                Some(2) if self.below(12) == 0 => 'b',
                _ => c,
            });
        }
        text + self.one_of(&ENDS)
    }
}

const PIECES: [&str; 44] = [
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
    ",,",
    "~",
    "A",
    "å",
    "٣",
    "\u{0}",
    "\u{200b}",
    "＋",
    "9",
    "isub=",
    "ext",
    "EXTN.",
    "int:",
    "anexo",
    "доб",
    "ｘｔ",
    "extensi\u{d3}",
    "123",
    "555 0100",
    "\n",
    "\\ x",
    "\u{301}",
    "१",
    "ⓐ",
    "\t",
];

const ENDS: [&str; 40] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    " x5",
    " ext. 12",
    "ext12",
    " EXTENSIÓN 7",
    ",,5",
    ", 5",
    ",,,1234567890",
    ",:5",
    ",,: 123456789012",
    " - 503#",
    "-503#",
    " #5",
    "~12",
    "～12#",
    "доб 9",
    " anexo 123",
    " int 44",
    ";ext=5",
    ";isub=1",
    " x5/x6",
    "/x7",
    "\\ x",
    " xt: 99999999999999999999",
    " x1234567890",
    ")",
    "!",
    "…",
    "\u{e000}",
    " å",
    " ab",
    " abc",
    " FLOWERS",
];

const LABELS: [&str; 34] = [
    " ",
    " ",
    "\u{a0}",
    "\t",
    ",",
    ",",
    "-",
    ":",
    ".",
    "．",
    "#",
    "＃",
    "~",
    "～",
    "x",
    "X",
    "ｘ",
    "xt",
    "ext",
    "Ext",
    "xtn",
    "e",
    "n",
    "extensión",
    "XTENSIÓN",
    "extensio\u{301}",
    "extensiÓ\u{301}n",
    "ｅｘｔ",
    "ＸＴＮ",
    "доб",
    "ДОБ",
    "anexo",
    "int",
    "ｉｎｔ",
];

/// An exit code, a national prefix or a carrier's code, somewhere.
const PREFIXES: [&str; 34] = [
    "0", "1", "8", "06", "80", "00", "000", "001", "0011", "0014", "009", "0090", "010", "011", "012", "119",
    "810", "99", "990", "99559", "0052", "0161", "14110011", "180020", "1831", "003768", "0031", "015",
    "021", "90", "1001", "1900", "17900", "+00",
];

/// Returns an example of every region and kind of number, and those of no region.
fn examples() -> Vec<(PhoneNumber, Option<Country>)> {
    use PhoneNumberType::{
        FixedLine, Mobile, Pager, PersonalNumber, PremiumRate, SharedCost, TollFree, UAN, VoIP, VoiceMail,
    };

    let mut regions: Vec<Region> = THEIRS.get_supported_regions().collect();
    regions.sort_by_key(|region| region.as_region_str().to_string());
    let mut examples = Vec::new();
    for region in regions {
        for kind in [
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
        ] {
            let example = THEIRS.get_example_number_for_type_and_region(region, kind);
            examples.extend(example.ok().map(|number| (number, Country::parse(&region.as_region_str()))));
        }
    }
    for code in THEIRS.get_supported_global_network_calling_codes() {
        examples.push((THEIRS.get_example_number_for_non_geo_entity(code).unwrap(), None));
    }
    examples
}

/// Returns spellings of an example at home and abroad, and its neighbours: shortened, lengthened, and with another digit
/// in each position.
fn neighbours(number: &PhoneNumber) -> Vec<String> {
    let e164 = THEIRS.format(number, PhoneNumberFormat::E164).into_owned();
    let national = THEIRS.format(number, PhoneNumberFormat::National).into_owned();
    let mut texts = vec![format!("{national}5"), e164.replace('+', "00"), e164.replace('+', ""), national];
    texts.extend((3..=e164.len()).map(|end| e164[..end].to_owned()));
    texts.extend(["0", "55", "999"].map(|more| format!("{e164}{more}")));
    texts.extend((1..e164.len()).map(|at| {
        let digit = (usize::from(e164.as_bytes()[at] - b'0') + 1 + at % 9) % 10;
        format!("{}{digit}{}", &e164[..at], &e164[at + 1..])
    }));
    texts
}

/// Returns an example and digits like it, as somebody may dial or write them.
fn variants(random: &mut Random, number: &PhoneNumber) -> Vec<String> {
    let code = number.country_code;
    let whole = THEIRS.format(number, PhoneNumberFormat::E164).replace('+', "");
    let national = &whole[code.to_string().len()..];
    let kept = random.below(national.len());
    let other = format!("{}{}", &national[..kept], random.digits(0..national.len() - kept + 2));
    let at = random.below(national.len().min(5));
    let inserted = format!("{}15{}", &national[..at], &national[at..]);
    let mut texts = Vec::new();
    for digits in [national, &other, &inserted, &random.digits(1..20)] {
        let prefix = random.one_of(&PREFIXES);
        let dialled = random.digits(1..7);
        texts.extend([
            digits.to_owned(),
            format!("+{code}{digits}"),
            format!("{code}{digits}"),
            format!("{prefix}{digits}"),
            format!("{prefix}{code}{digits}"),
            format!("+{code}{prefix}{digits}"),
            format!("{dialled}{digits}"),
            random.written(digits),
            random.written(&format!("+{code}{digits}")),
        ]);
    }
    texts.extend((0..4).map(|_| format!("+{whole}{}", random.extension())));
    texts.push(format!("{national}{}{}", random.extension(), random.extension()));
    texts
}

/// Compares texts with the crate. Returns how many were compared, and how many are numbers.
fn compare(random: &mut Random, rounds: usize) -> (usize, usize) {
    let (mut compared, mut numbers) = (0, 0);
    let mut check = |text: &str, country| {
        let expected = theirs(text, country);
        assert_eq!(ours(text, country), expected, "{text:?} in {country:?}");
        compared += 1;
        numbers += usize::from(expected.is_some());
    };
    let examples = examples();
    for (number, country) in &examples {
        neighbours(number).iter().for_each(|text| check(text, *country));
        for _ in 0..rounds {
            for text in variants(random, number) {
                check(&text, *country);
                if random.below(4) == 0 {
                    check(&text, examples[random.below(examples.len())].1);
                }
            }
            check(&random.garbage(), *country);
        }
    }
    (compared, numbers)
}

#[test]
fn numbers_of_every_region_are_judged_as_by_libphonenumber() {
    let (compared, numbers) = compare(&mut Random(0x9e37_79b9_7f4a_7c15), 1);
    assert!(compared > 60_000 && numbers > 20_000, "{compared} compared, {numbers} of them numbers");
}

/// `cargo test --release --lib millions -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn millions_of_numbers_are_judged_as_by_libphonenumber() {
    let (compared, numbers) = compare(&mut Random(0xd1b5_4a32_d192_ed03), 40);
    println!("{compared} compared, {numbers} of them numbers");
    for c in '\u{0}'..=char::MAX {
        for text in [format!("+4670174060{c}"), format!("+4670174060{c}5"), format!("{c}+46701740605 x{c}5")]
        {
            assert_eq!(ours(&text, None), theirs(&text, None), "{c:?}");
        }
    }
}

/// Any character may stand in a number, and at its end.
#[test]
fn characters_are_taken_as_by_libphonenumber() {
    let (ascii_and_signs, others) = ('\u{0}'..='\u{36f}', ('\u{370}'..=char::MAX).step_by(97));
    for c in ascii_and_signs.chain(others).chain('\u{ff00}'..='\u{ffef}').chain('\u{2000}'..='\u{2070}') {
        for text in [format!("+4670174060{c}"), format!("+4670174060{c}5")] {
            assert_eq!(ours(&text, None), theirs(&text, None), "{c:?}");
        }
    }
}
