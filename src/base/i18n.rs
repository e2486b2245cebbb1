//! What visitors read, in their language: one file a language in `texts/`, which the scripts on pages
//! are made from as well.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::header::weighted;
use super::template::fill;

/// A language that there are texts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Language {
    English,
    Swedish,
    Danish,
}

impl Language {
    /// All of them. The first one is for those who read none of them.
    pub const ALL: [Self; 3] = [Self::English, Self::Swedish, Self::Danish];

    /// As BCP 47 names it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swedish => "sv",
            Self::Danish => "da",
        }
    }

    /// The language of a tag: of `sv-SE` it is Swedish.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?.trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What a browser would rather have by its `Accept-Language` (RFC 9110 section 12.5.4); of what weighs
    /// alike the first.
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

    /// A text, with placeholders as they stand in it. The key itself where there is none.
    pub fn text(self, key: &'static str) -> &'static str {
        self.texts().get(key).map_or(key, String::as_str)
    }

    /// A text with its placeholders filled in.
    pub fn filled(self, key: &'static str, values: &[(&str, &str)]) -> String {
        fill(self.text(key), values)
    }

    /// The texts of some groups, by key: what stands ahead of the dot is the group.
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
