//! Texts for visitors in their language: one file for each language in `texts/`, which the scripts on pages are built
//! from as well.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::header::weighted;
use super::template::fill;

/// A language with texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Language {
    English,
    Swedish,
    Danish,
}

impl Language {
    /// All languages. The first one is the default.
    pub const ALL: [Self; 3] = [Self::English, Self::Swedish, Self::Danish];

    /// Returns its tag in BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swedish => "sv",
            Self::Danish => "da",
        }
    }

    /// Returns the language of a tag: Swedish for `sv-SE`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?.trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// Returns the language that a browser prefers by its `Accept-Language` (RFC 9110 section 12.5.4); of several with the
    /// same weight the first.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best = None;
        for (tag, weight) in weighted(header) {
            if let Some(language) = Self::of_tag(tag)
                && best.is_none_or(|(_, most)| weight > most)
                && weight > 0
            {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// Returns a text with its placeholders, or the key itself if there is no such text.
    pub fn text(self, key: &'static str) -> &'static str {
        self.texts().get(key).map_or(key, String::as_str)
    }

    /// Returns a text with its placeholders filled in.
    pub fn filled(self, key: &'static str, values: &[(&str, &str)]) -> String {
        fill(self.text(key), values)
    }

    /// Returns the texts of some groups, by key: the group is the part before the dot.
    pub fn groups(self, names: &[&str]) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_meant = |key: &str| key.split_once('.').is_some_and(|(group, _)| names.contains(&group));
        self.texts()
            .iter()
            .filter(move |(key, _)| is_meant(key))
            .map(|(key, text)| (key.as_str(), text.as_str()))
    }

    fn texts(self) -> &'static BTreeMap<String, String> {
        static TEXTS: [OnceLock<BTreeMap<String, String>>; 3] = [const { OnceLock::new() }; 3];
        let [english, swedish, danish] = &TEXTS;
        let (read, file) = match self {
            Self::English => (english, include_str!("../../texts/en.json")),
            Self::Swedish => (swedish, include_str!("../../texts/sv.json")),
            Self::Danish => (danish, include_str!("../../texts/da.json")),
        };
        read.get_or_init(|| serde_json::from_str(file).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Language;
    use crate::base::template::words;

    #[test]
    fn no_language_lacks_a_text_or_a_placeholder() {
        let english = Language::English.texts();
        assert!(english.len() > 50);
        for language in Language::ALL {
            let texts = language.texts();
            assert_eq!(texts.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>(), "{language:?}");
            for (key, text) in texts {
                let set = |text| words(text).collect::<BTreeSet<_>>();
                assert_eq!(set(text), set(&english[key]), "{key} in {language:?}");
                assert!(!text.trim().is_empty(), "{key} in {language:?}");
            }
        }
    }

    #[test]
    fn a_browser_gets_the_language_that_it_would_rather_have() {
        for (header, language) in [
            ("sv-SE,sv;q=0.9,en;q=0.8", Some(Language::Swedish)),
            ("de, DA;q=0.5, en;q=0.3", Some(Language::Danish)),
            ("en-GB", Some(Language::English)),
            ("en;q=0.3, sv;q=0.9", Some(Language::Swedish)),
            ("en ; q=0.3 , sv-FI ; Q=0.31", Some(Language::Swedish)),
            ("en;q=0, da;q=0.1", Some(Language::Danish)),
            ("en;q=0", None),
            ("de, fr", None),
            ("svenska", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
