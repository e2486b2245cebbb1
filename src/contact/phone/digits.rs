//! The digits of a phone number in a text: punctuation, digits of any script, letters of the keypad, extensions.
//!
//! The rules are those of Google's libphonenumber (Apache-2.0), which are regular expressions there. Each text is scanned
//! a few times, however long it is.

/// Digits and signs of Unicode: `scripts/phone-plans.mjs` writes the table and describes its format.
static CHARACTERS: &[u8] = include_bytes!("characters.bin");

/// The digits of a text, as ASCII.
pub(super) struct Digits {
    pub(super) has_plus: bool,
    pub(super) digits: String,
}

impl Digits {
    /// Finds the digits of a number. `None` if the text is no number in any country.
    pub(super) fn read(text: &str) -> Option<Self> {
        let begins = text.find(|c| is_plus(c) || digit(c).is_some())?;
        let number = text.get(begins..)?.trim_end_matches(is_unwanted_end);
        let number = without_second_number(number);
        if !is_viable(number) {
            return None;
        }
        let number = before_extension(number).filter(|before| is_viable(before)).unwrap_or(number);
        let digits = number.trim_start_matches(is_plus);
        Some(Self { has_plus: digits.len() < number.len(), digits: as_dialled(digits) })
    }

    /// Writes a number in full, as in E.164: `digits` are country code and national number.
    pub(super) fn in_full(digits: String) -> Self {
        Self { has_plus: true, digits }
    }
}

/// Returns whether a text is a number, with an extension or without.
fn is_viable(text: &str) -> bool {
    is_number(text) || before_extension(text).is_some_and(is_number)
}

/// Returns whether a text has three digits with punctuation, and letters only behind them; or is two digits.
fn is_number(text: &str) -> bool {
    let mut digits = 0;
    for c in text.trim_start_matches(is_plus).chars() {
        let is_digit = digit(c).is_some();
        digits += usize::from(is_digit);
        let may_be_letter = digits >= 3;
        if !(is_digit || is_punctuation(c) || (may_be_letter && c.is_ascii_alphabetic())) {
            return false;
        }
    }
    digits >= 3 || (digits == 2 && text.chars().count() == 2)
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋')
}

/// Returns whether a character may be between digits. An x is a placeholder.
fn is_punctuation(c: char) -> bool {
    matches!(c,
        ' ' | '(' | ')' | '*' | '-' | '.' | '/' | 'X' | '[' | ']' | 'x' | '~'
        | '\u{a0}' | '\u{ad}' | '\u{200b}' | '\u{2010}'..='\u{2015}' | '\u{2053}' | '\u{2060}' | '\u{2212}' | '\u{223c}'
        | '\u{3000}' | '\u{30fc}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0d}'..='\u{ff0f}' | '\u{ff3b}' | '\u{ff3d}')
}

/// Returns the first of two numbers that share their beginning, as in `(530) 583-6985 x302/x2303`. Of several lines the
/// first one with two numbers counts.
fn without_second_number(text: &str) -> &str {
    let first = |line| {
        let mut ways = str::rmatch_indices(line, ['/', '\\']).filter_map(|(at, _)| line.split_at_checked(at));
        ways.find(|(_, other)| {
            other.get(1..).is_some_and(|other| other.trim_start_matches(' ').starts_with('x'))
        })
    };
    text.split('\n').find_map(first).map_or(text, |(number, _)| number)
}

/// Returns whether a character may be around the label of an extension.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\t')
}

/// Labels of extensions in lower case, and how many digits may follow. An e may precede those that begin with `xt`.
const LABELS: [(&str, usize); 24] = [
    ("xt", 20),
    ("xtn", 20),
    ("xtensio", 20),
    ("xtension", 20),
    ("xtensió", 20),
    ("xtensión", 20),
    ("xtensiÓ", 20),
    ("xtensiÓn", 20),
    ("xtensio\u{301}", 20),
    ("xtensio\u{301}n", 20),
    ("xtensiÓ\u{301}", 20),
    ("xtensiÓ\u{301}n", 20),
    ("ｘｔ", 20),
    ("ｘｔｎ", 20),
    ("доб", 20),
    ("anexo", 20),
    ("x", 9),
    ("ｘ", 9),
    ("int", 9),
    ("ｉｎｔ", 9),
    ("#", 9),
    ("＃", 9),
    ("~", 9),
    ("～", 9),
];

/// Returns the text before an extension at its end; `None` if it has none. Of several interpretations the one with the
/// longest extension counts.
fn before_extension(text: &str) -> Option<&str> {
    let (before, has_hash) = text.strip_suffix('#').map_or((text, false), |before| (before, true));
    let before_digits = before.trim_end_matches(|c| digit(c).is_some());
    let digits = before.get(before_digits.len()..)?.chars().count();
    if digits == 0 {
        return None;
    }
    let without_gap = before_digits.trim_end_matches(|c| is_blank(c) || matches!(c, ',' | '-'));
    let gap = before_digits.get(without_gap.len()..)?;
    let before_stop = without_gap.strip_suffix([':', '.', '．']);

    let labelled = LABELS.iter().filter(|(_, limit)| digits <= *limit).filter_map(|(label, _)| {
        let before = without_end(before_stop.unwrap_or(without_gap), label)?;
        let e = match label {
            label if label.starts_with("xt") => without_end(before, "e"),
            label if label.starts_with("ｘｔ") => without_end(before, "ｅ"),
            _ => None,
        };
        Some(e.unwrap_or(before).trim_end_matches(|c| is_blank(c) || c == ','))
    });
    // Commas, which mean a pause in dialling: in the gap, or before a stop.
    let paused =
        [(",,", 15), (",", 9)].into_iter().filter(|(_, limit)| digits <= *limit).filter_map(|(commas, _)| {
            let before_stop = before_stop.and_then(|before| before.strip_suffix(commas));
            let in_gap = || before_digits.get(..without_gap.len() + gap.find(commas)?);
            let before = before_stop.or_else(in_gap)?;
            let before = if commas == "," { before.trim_end_matches(',') } else { before };
            Some(before.trim_end_matches(is_blank))
        });
    // The American notation: `- 503#`.
    let american = before_digits.trim_end_matches([' ', '-']);
    let is_american = has_hash && digits <= 6 && american.len() < before_digits.len();
    labelled.chain(paused).chain(is_american.then_some(american)).min_by_key(|before| before.len())
}

/// Strips an end in lower or upper case.
fn without_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let mut chars = text.chars();
    end.chars().rev().all(|expected| chars.next_back().map(small) == Some(expected)).then_some(chars.as_str())
}

/// Returns the lower case of a letter in a label.
fn small(c: char) -> char {
    match c {
        'Д' => 'д',
        'О' => 'о',
        'Б' => 'б',
        'Ｅ' => 'ｅ',
        'Ｉ' => 'ｉ',
        'Ｎ' => 'ｎ',
        'Ｔ' => 'ｔ',
        'Ｘ' => 'ｘ',
        _ => c.to_ascii_lowercase(),
    }
}

/// Returns the digits of a text. Three letters or more stand for keys of the keypad (ITU-T E.161), as in `1-800-FLOWERS`.
fn as_dialled(text: &str) -> String {
    let has_letters = text.chars().filter(char::is_ascii_alphabetic).count() >= 3;
    text.chars().filter_map(|c| if has_letters { key(c) } else { digit(c) }).collect()
}

/// Returns the key of an ASCII letter or digit.
fn key(c: char) -> Option<char> {
    Some(match c.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        'w'..='z' => '9',
        c => c.is_ascii_digit().then_some(c)?,
    })
}

/// Returns the ASCII digit of a decimal digit in any script.
fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let (zeros, _) = tables()?;
    let zero_of = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
    let after = zeros.partition_point(|zero| zero_of(*zero) <= u32::from(c));
    let zero = zero_of(*zeros.get(after.checked_sub(1)?)?);
    char::from_digit(u32::from(c).checked_sub(zero)?, 10)
}

/// Returns whether a character is trimmed from the end of a number: punctuation, signs, marks and control characters,
/// except the `#` of an extension.
fn is_unwanted_end(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric() && c != '#';
    }
    let Some((_, ranges)) = tables() else { return false };
    // The bounds of the ranges, as differences: a character past an odd number of them is in a range.
    let (mut bound, mut number, mut is_in) = (0_u32, 0_u32, false);
    for byte in ranges {
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            bound = bound.saturating_add(std::mem::take(&mut number));
            if u32::from(c) < bound {
                return is_in;
            }
            is_in = !is_in;
        }
    }
    false
}

/// Returns the zeros of all scripts, and the ranges of characters that are neither letters nor numbers.
fn tables() -> Option<(&'static [[u8; 3]], &'static [u8])> {
    let (count, rest) = CHARACTERS.split_first()?;
    let (zeros, ranges) = rest.split_at_checked(usize::from(*count) * 3)?;
    Some((zeros.as_chunks().0, ranges))
}
