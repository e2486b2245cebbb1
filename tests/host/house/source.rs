//! The Rust sources as the rules of the house read them: comments and literals blanked, functions found.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
#[derive(Clone)]
pub struct Source {
    /// The path below the package, with slashes.
    pub path: String,
    pub text: String,
    /// The text with blanks for comments and for what literals hold; each byte stays where it is.
    pub code: String,
    /// The text with blanks for comments alone.
    pub statements: String,
}

/// A function with a body.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub name: String,
    /// The line of `fn`, from 1.
    pub line: usize,
    /// The lines from `fn` to the closing brace.
    pub lines: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blanked(text, false),
            statements: blanked(text, true),
        }
    }

    /// Returns the code without the module of its unit tests, which ends each file that has one.
    pub fn core(&self) -> &str {
        &self.code[..tests_at(&self.code)]
    }

    /// Returns the code with its texts and without unit tests.
    pub fn core_statements(&self) -> &str {
        &self.statements[..tests_at(&self.code)]
    }

    /// Checks that the file is a part of the program, not of its tests.
    pub fn is_core(&self) -> bool {
        ["src/", "cli/src/"].iter().any(|folder| self.path.starts_with(folder))
            && !self.path.ends_with("/tests.rs")
    }
}

pub fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads every Rust file below a folder of the package.
pub fn sources(folder: &str) -> Vec<Source> {
    files(folder, &["rs"]).iter().map(|(path, text)| Source::new(path, text)).collect()
}

/// Reads the files with these extensions below a folder of the package, in order, each with its path.
pub fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![package().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
            {
                found.push((below_package(&path), fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    found.sort();
    found
}

fn below_package(path: &Path) -> String {
    path.strip_prefix(package()).expect("below the package").to_string_lossy().replace('\\', "/")
}

/// Tells whether a path is a place, or lies in it if that is a folder (with a slash at its end).
pub fn is_in(place: &str, file: &str) -> bool {
    file == place || place.ends_with('/') && file.starts_with(place)
}

fn tests_at(code: &str) -> usize {
    let marks = code.match_indices("#[cfg(test)]");
    let is_module = |rest: &str| rest.trim_start().starts_with("mod ") && !first_line(rest).ends_with(';');
    marks
        .map(|(at, mark)| (at, &code[at + mark.len()..]))
        .find(|(_, rest)| is_module(rest))
        .map_or(code.len(), |(at, _)| at)
}

fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}

/// Puts blanks over comments, and over what literals hold unless texts are kept. Line breaks stay.
fn blanked(text: &str, keeps_texts: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (end, is_blanked) = token(bytes, at, keeps_texts);
        if let Some((from, to)) = is_blanked {
            out[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end;
    }
    String::from_utf8(out).expect("whole characters are blanked")
}

/// Returns where the token at a place ends, and what of it is blanked.
fn token(bytes: &[u8], at: usize, keeps_texts: bool) -> (usize, Option<(usize, usize)>) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        return (end, Some((at, end)));
    }
    if rest.starts_with(b"/*") {
        let end = at + comment_length(rest);
        return (end, Some((at, end)));
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    if rest.first().is_some_and(is_word) {
        let word = rest.iter().take_while(|byte| is_word(byte)).count();
        let hashes = rest[word..].iter().take_while(|byte| **byte == b'#').count();
        let is_raw = matches!(&rest[..word], b"r" | b"br") && rest.get(word + hashes) == Some(&b'"');
        if !is_raw {
            return (at + word, None);
        }
        let begin = word + hashes + 1;
        let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        let length = rest[begin..].windows(close.len()).position(|window| window == close);
        let end = begin + length.unwrap_or(rest.len() - begin - close.len());
        return (at + end + close.len(), (!keeps_texts).then_some((at + begin, at + end)));
    }
    match rest.first() {
        Some(b'"') => {
            let end = 1 + quoted(&rest[1..], b'"');
            (at + end + 1, (!keeps_texts).then_some((at + 1, at + end)))
        }
        Some(b'\'') if is_character(&rest[1..]) => {
            let end = 1 + quoted(&rest[1..], b'\'');
            (at + end + 1, Some((at + 1, at + end)))
        }
        _ => (at + 1, None),
    }
}

/// Returns the length of a comment, in which others may stand.
fn comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..(at + 2).min(rest.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Returns the length of what is quoted, up to the closing quote.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at.min(rest.len())
}

/// Tells a character from a lifetime, behind the opening quote.
fn is_character(rest: &[u8]) -> bool {
    let width = match rest.first() {
        None => return false,
        Some(b'\\') => return true,
        Some(0..0x80) => 1,
        Some(0x80..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        Some(0xf0..) => 4,
    };
    rest.get(width) == Some(&b'\'')
}

/// Returns where a word stands in code by itself.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .filter(move |(at, _)| {
            !code[..*at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part)
        })
        .map(|(at, _)| at)
}

/// Returns the identifier with which a text begins; empty if it begins with none.
pub fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Finds the functions of code that have a body.
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let name = identifier(code[at + 2..].trim_start());
        let Some(end) = body_end(&code[at..]).filter(|_| !name.is_empty()) else { continue };
        let line = 1 + code[..at].matches('\n').count();
        let lines = 1 + code[at..at + end].matches('\n').count();
        found.push(Function { name: name.to_owned(), line, lines });
    }
    found
}

/// Returns where the body ends of the function with which code begins; `None` if it has none.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn comments_and_literals_are_blanked_and_nothing_moves() {
    let text = "a /* b /* c */ d */ e // f\n\"g\\\"h\" 'i' '\\'' 'j r#\"k\"l\"# br\"m\" \u{e5}r\" n";
    assert_eq!(
        blanked(text, false),
        "a                   e     \n\"    \" ' ' '  ' 'j r#\"   \"# br\" \" \u{e5}r\"  "
    );
    assert_eq!(
        blanked(text, true),
        "a                   e     \n\"g\\\"h\" ' ' '  ' 'j r#\"k\"l\"# br\"m\" \u{e5}r\" n"
    );
}

#[test]
fn functions_are_found_with_their_lengths() {
    let code = "fn a() -> [u8; 2] {\n    b(|x: fn(u8)| { x });\n}\ntrait T { fn c(); }\nconst fn d() {}";
    let found = functions(code);
    let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.line, one.lines)).collect();
    assert_eq!(found, [("a", 1, 3), ("d", 5, 1)]);
}

#[test]
fn unit_tests_are_no_part_of_the_core() {
    let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod more {\n    fn b() {}\n}";
    let source = Source::new("src/x.rs", text);
    assert_eq!(functions(source.core()).len(), 1);
    assert_eq!(functions(&source.code).len(), 2);
}
