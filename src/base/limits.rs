//! Limits that other programs know as well: the pages, the benchmarks and the tests (`data/limits.toml`).

const FILE: &[u8] = include_bytes!("../../data/limits.toml");

/// Returns a limit by its name. For constants alone, so that the compiler refuses a name that the file does not have.
///
/// # Panics
///
/// If the file has no limit of that name.
#[allow(clippy::panic, reason = "it stops the compiler, not a program")]
pub const fn number(name: &str) -> u32 {
    let mut text = FILE;
    while !text.is_empty() {
        if let Some(rest) = behind(name.as_bytes(), text)
            && let Some(digits) = behind(b" = ", rest)
        {
            return whole_number(digits);
        }
        text = next_line(text);
    }
    panic!("data/limits.toml has no limit of that name")
}

const fn behind<'a>(mut beginning: &[u8], mut text: &'a [u8]) -> Option<&'a [u8]> {
    while let [expected, more @ ..] = beginning {
        match text {
            [byte, rest @ ..] if *byte == *expected => (beginning, text) = (more, rest),
            _ => return None,
        }
    }
    Some(text)
}

const fn next_line(mut text: &[u8]) -> &[u8] {
    while let [byte, rest @ ..] = text {
        text = rest;
        if *byte == b'\n' {
            break;
        }
    }
    text
}

const fn whole_number(mut text: &[u8]) -> u32 {
    let mut number = 0;
    while let [byte @ (b'0'..=b'9' | b'_'), rest @ ..] = text {
        if *byte != b'_' {
            number = number * 10 + (*byte - b'0') as u32;
        }
        text = rest;
    }
    assert!(matches!(text, [b'\n', ..]), "a limit is a whole number, and ends its line");
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "host")]
    fn every_limit_is_what_a_reader_of_toml_finds() {
        let file: toml::Table = toml::from_str(std::str::from_utf8(FILE).unwrap()).unwrap();
        assert!(!file.is_empty());
        for (name, value) in file {
            assert_eq!(value.as_integer(), Some(i64::from(number(&name))), "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "no limit of that name")]
    fn a_name_that_only_begins_one_is_none() {
        number("body");
    }
}
