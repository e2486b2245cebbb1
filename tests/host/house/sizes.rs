//! Sizes: functions that are read at a glance, files that have one topic.

use super::source::{Source, functions, sources};

const MAX_FUNCTION: usize = 70;
const MAX_FILE: usize = 500;

/// Functions that may be longer, as `file::function`, and the reason.
const LONGER_FUNCTIONS: &[(&str, &str)] = &[];

/// Files that may be longer, and the reason.
const LONGER_FILES: &[(&str, &str)] = &[];

/// Finds the functions that are too long, as `file::function`, each with its lines.
fn long_functions(sources: &[Source]) -> Vec<(String, usize)> {
    let of = |source: &Source| {
        let long = functions(&source.code).into_iter().filter(|one| one.lines > MAX_FUNCTION);
        long.map(|one| (format!("{}::{}", source.path, one.name), one.lines)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

/// Finds the files that are too long, each with its lines.
fn long_files(sources: &[Source]) -> Vec<(String, usize)> {
    let all = sources.iter().map(|source| (source.path.clone(), source.text.lines().count()));
    all.filter(|(_, lines)| *lines > MAX_FILE).collect()
}

/// Checks that all that is too long is excused, and nothing else.
fn check(found: &[(String, usize)], excused: &[(&str, &str)]) {
    let is_excused = |name: &str| excused.iter().any(|(one, _)| *one == name);
    let wrong: Vec<_> = found.iter().filter(|(name, _)| !is_excused(name)).collect();
    let wrong: Vec<_> = wrong.iter().map(|(name, lines)| format!("{name} has {lines} lines")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (name, _) in excused {
        let is_long = found.iter().any(|(one, _)| one == name);
        assert!(is_long, "{name} is short by now, or gone: take it off the list");
    }
}

fn all_sources() -> Vec<Source> {
    ["src", "tests", "benches", "fuzz/fuzz_targets"].iter().flat_map(|folder| sources(folder)).collect()
}

#[test]
fn no_function_is_long() {
    check(&long_functions(&all_sources()), LONGER_FUNCTIONS);
}

#[test]
fn no_file_is_long() {
    check(&long_files(&all_sources()), LONGER_FILES);
}

#[test]
fn a_planted_long_function_and_file_are_found() {
    let body = "    a();\n".repeat(MAX_FUNCTION - 1);
    let source = |path: &str, text: &str| Source::new(path, text);
    let just = source("src/a.rs", &format!("fn b() {{\n{}}}", body.trim_start_matches("    a();\n")));
    let over = source("src/c.rs", &format!("impl D {{\n    pub fn e() {{\n{body}    }}\n}}\n"));
    let file = source("src/f.rs", &"\n".repeat(MAX_FILE + 1));
    let sources = [just, over, file];
    assert_eq!(long_functions(&sources), [("src/c.rs::e".to_owned(), MAX_FUNCTION + 1)]);
    assert_eq!(long_files(&sources), [("src/f.rs".to_owned(), MAX_FILE + 1)]);
}
