//! Unicode text: normal form, lower case, encodings, invisible characters, and the form in which texts are compared
//! and stored.
//!
//! In the Worker the JavaScript runtime does it, which has all of it built in; on the host the crates `encoding_rs`,
//! `icu_normalizer`, `idna` and `url` and the standard library do. Their tables and code would be a good 100 KB of
//! gzip in the wasm, and a Worker's start-up time grows with its size. What the two could decide differently is
//! decided here and in [`super::url`], before or after them.

use std::borrow::Cow;

/// Bytes of a word. Longer texts are not normalised: a run of combining marks takes time by the square of its length.
const MAX_WORD_BYTES: usize = 8 * 1024;

/// Normalises to form C (UAX 15), so that a letter is the same however it was typed.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { platform::nfc(text) }
}

/// Converts to lower case by Unicode's rules.
pub fn lowercase(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { platform::lowercase(text) }
}

/// Decodes bytes in an encoding, by its label (WHATWG Encoding standard). `None` if there is no such encoding.
pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
    platform::decode(label, bytes)
}

/// Returns regions with their names in a language, in the order of its alphabet; on the host in that of the code points,
/// and only in the languages with texts.
pub fn regions(language: &str, codes: impl Iterator<Item = String>) -> Vec<(String, String)> {
    platform::regions(language, codes.collect())
}

/// Returns whether a text is one line that is displayed in the order in which it is written: without control characters,
/// Unicode's own line breaks, and the overrides that make `exe.gpj` of `jpg.exe`.
pub fn is_one_line(text: &str) -> bool {
    let strange = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202d}' | '\u{202e}');
    !text.contains(strange)
}

/// Returns the same of a longer text, in which tabs and line breaks are allowed.
pub fn is_lines(text: &str) -> bool {
    text.split('\n').all(|line| is_one_line(&line.strip_suffix('\r').unwrap_or(line).replace('\t', " ")))
}

/// Returns whether a character is invisible, or moves others: zero widths, fillers, and direction marks.
#[inline(never)]
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Normalises a text for comparing, counting and storing: line breaks are one character, other control characters except
/// tabs are dropped, letters are composed, and there is no white space at the ends. Invisible characters stay, because
/// text from right to left and composed emojis need them. `web/shared/answers.js` does the same; `tests/data/answers.json`
/// holds both to it.
pub fn tidy(text: &str) -> Cow<'_, str> {
    let is_dropped = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    let kept = text.trim_matches(is_blank);
    if kept.contains(is_dropped) {
        let kept = kept.replace("\r\n", "\n").replace('\r', "\n").replace(is_dropped, "");
        return nfc(kept.trim_matches(is_blank)).into_owned().into();
    }
    nfc(kept)
}

/// Returns whether a character is trimmed from the ends of a text.
#[inline(never)]
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Normalises a value that needs no invisible characters: an address, a number, a choice. Control characters inside stay,
/// for there they are a mistake.
pub fn tidy_word(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.len() > MAX_WORD_BYTES {
        return text.trim().into();
    }
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    nfc(seen.trim()).into_owned().into()
}

/// Returns whether two texts have the same words: an `<option>` without a value loses line breaks and repeated spaces.
pub fn same_words(one: &str, other: &str) -> bool {
    let (one, other) = (tidy_word(one), tidy_word(other));
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use std::borrow::Cow;

    use js_sys::{Array, Intl, JsString, Object, Reflect};
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;
    use web_sys::TextDecoder;

    pub fn nfc(text: &str) -> Cow<'_, str> {
        Cow::Owned(JsString::from(text).normalize("NFC").into())
    }

    pub fn lowercase(text: &str) -> String {
        JsString::from(text).to_lower_case().into()
    }

    #[wasm_bindgen]
    extern "C" {
        /// <https://tc39.es/ecma402/#intl-displaynames-objects>
        #[wasm_bindgen(js_namespace = Intl)]
        type DisplayNames;

        #[wasm_bindgen(constructor, js_namespace = Intl)]
        fn new(locale: &str, options: &Object) -> DisplayNames;

        #[wasm_bindgen(method)]
        fn of(this: &DisplayNames, code: &str) -> Option<String>;
    }

    pub fn regions(language: &str, codes: Vec<String>) -> Vec<(String, String)> {
        let options = Object::new();
        // A property of a new object can always be set.
        let _ = Reflect::set(&options, &"type".into(), &"region".into());
        let names = DisplayNames::new(language, &options);
        let mut named: Vec<_> =
            codes.into_iter().map(|code| (names.of(&code).unwrap_or_default(), code)).collect();
        let order = Intl::Collator::new(&Array::of1(&language.into()), &Object::new()).compare();
        named.sort_unstable_by(|(one, _), (other, _)| {
            let order = order.call2(&JsValue::NULL, &one.as_str().into(), &other.as_str().into());
            order.ok().and_then(|order| order.as_f64()).unwrap_or_default().total_cmp(&0.0)
        });
        named.into_iter().map(|(name, code)| (code, name)).collect()
    }

    pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        TextDecoder::new_with_label(label).ok()?.decode_with_u8_array(bytes).ok()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod platform {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use encoding_rs::Encoding;
    use icu_normalizer::ComposingNormalizerBorrowed;

    pub fn nfc(text: &str) -> Cow<'_, str> {
        ComposingNormalizerBorrowed::new_nfc().normalize(text)
    }

    pub fn lowercase(text: &str) -> String {
        text.to_lowercase()
    }

    /// A line for each country, after one with the languages of the columns.
    const NAMES: &str = include_str!("country_names.txt");

    pub fn regions(language: &str, codes: Vec<String>) -> Vec<(String, String)> {
        let mut lines = NAMES.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let at = lines.next().and_then(|head| head.iter().position(|known| *known == language));
        let all: BTreeMap<_, _> = lines.filter_map(|line| Some((*line.first()?, *line.get(at?)?))).collect();
        let name = |code: &str| all.get(code).map_or_else(|| code.to_owned(), |name| (*name).to_owned());
        let mut named: Vec<_> = codes.into_iter().map(|code| (name(&code), code)).collect();
        named.sort_unstable();
        named.into_iter().map(|(name, code)| (code, name)).collect()
    }

    pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        Some(Encoding::for_label(label.as_bytes())?.decode(bytes).0.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_the_same_however_it_was_typed() {
        assert_eq!(nfc("Ma\u{30a}rten"), "Mårten");
        assert!(matches!(nfc("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn letters_of_any_script_have_a_lower_case() {
        assert_eq!(lowercase("ÅNGSTRÖM Ltd"), "ångström ltd");
        assert_eq!(lowercase("ΌΣΟΣ"), "όσος");
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for text in ["", "Vår guide", "שלום\u{200f}", "👩\u{200d}🌾", " a "] {
            assert!(is_one_line(text) && is_lines(text), "{text:?}");
        }
        for text in ["a\tb", "a\nb", "a\r\nb\n"] {
            assert!(!is_one_line(text) && is_lines(text), "{text:?}");
        }
        for text in
            ["a\rb", "\0", "\u{1b}[2J", "\u{7f}", "\u{9b}31m", "\u{85}", "\u{2028}", "\u{202e}gnp.exe"]
        {
            assert!(!is_one_line(text) && !is_lines(text), "{text:?}");
        }
    }
}
