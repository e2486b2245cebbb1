//! Templates: texts with placeholders `{word}`, a word of lower-case letters and underscores. Braces around anything else
//! stay as they are.

/// Fills in placeholders. Values are not searched for placeholders, and a placeholder without a value stays.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = placeholder(part).and_then(|(word, rest)| {
            let (_, value) = values.iter().find(|(name, _)| *name == word)?;
            Some((*value, rest))
        });
        let (value, rest) = value.unwrap_or(("{", part));
        filled.push_str(value);
        filled.push_str(rest);
    }
    filled
}

/// Returns the words of the placeholders in a text.
pub fn words(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(placeholder).map(|(word, _)| word)
}

/// Returns the word of a placeholder and the text behind it, given the text behind its `{`; `None` if it is none.
fn placeholder(part: &str) -> Option<(&str, &str)> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    part.split_once('}').filter(|(word, _)| is_word(word))
}

#[cfg(test)]
mod tests {
    use super::{fill, words};

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let values = [("to", "ann@example.com"), ("text", "{to}"), ("confirm_link", "https://x.example/")];
        for (template, filled) in [
            ("", ""),
            ("{to}", "ann@example.com"),
            ("To: {to}, {to}.", "To: ann@example.com, ann@example.com."),
            ("{text}{to}", "{to}ann@example.com"),
            ("<{confirm_link}>", "<https://x.example/>"),
            ("{{to}}", "{ann@example.com}"),
            ("{ to } {To} {to2} {} {", "{ to } {To} {to2} {} {"),
            ("} {a {to", "} {a {to"),
            ("å{to}å{other}", "åann@example.comå{other}"),
        ] {
            assert_eq!(fill(template, &values), filled, "{template}");
        }
    }

    #[test]
    fn words_are_found_where_they_are_filled() {
        let found: Vec<_> = words("to} {to} {{with_draw}} { to } {To} {} {x").collect();
        assert_eq!(found, ["to", "with_draw"]);
    }
}
