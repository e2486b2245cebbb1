//! Links and markup in texts.

/// Checks by its name whether a field asks for a name: in English, Swedish or Danish.
pub fn is_name(field: &str) -> bool {
    ["name", "namn", "navn"].iter().any(|word| field.ends_with(word))
}

/// Checks whether a text holds a link. A bare domain does not count: companies are named after theirs.
pub fn has_link(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["://", "www.", "[url", "[link", "href="].iter().any(|mark| text.contains(mark))
}

/// Checks whether a text holds markup: a tag of HTML, or of a forum.
pub fn has_markup(text: &str) -> bool {
    let follows = |open: char| {
        text.split(open).skip(1).any(|rest| {
            let rest = rest.strip_prefix(['/', '!']).unwrap_or(rest);
            rest.starts_with(|c: char| c.is_ascii_alphabetic())
        })
    };
    let closed = |open: char, close: char| follows(open) && text.contains(close);
    closed('<', '>') || (text.contains("[/") && closed('[', ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_leads_somewhere_and_a_company_is_called_by_its_domain() {
        for text in ["see https://x.example", "WWW.example.com", "[url=x]y[/url]", "<a href=x>", "ftp://x"] {
            assert!(has_link(text), "{text}");
        }
        for text in ["Booking.com", "A/S Jensen", "anna at example.com", "10:30", "Anna", ""] {
            assert!(!has_link(text), "{text}");
        }
    }

    #[test]
    fn markup_is_a_tag_and_comparing_is_none() {
        for text in ["<b>Anna</b>", "<script src=x>", "</p>", "<!doctype html>", "[b]Anna[/b]"] {
            assert!(has_markup(text), "{text}");
        }
        for text in ["3 < 5 and 7 > 2", "I <3 you", "a[0]", "[sic]", "Anna", "->", "<", "<a"] {
            assert!(!has_markup(text), "{text}");
        }
    }

    #[test]
    fn a_name_is_asked_for_by_fields_that_are_called_so() {
        for field in ["name", "first_name", "lastname", "company_name", "fornamn", "efternavn"] {
            assert!(is_name(field), "{field}");
        }
        for field in ["names_of_children_question", "message", "named_by"] {
            assert!(!is_name(field), "{field}");
        }
    }
}
