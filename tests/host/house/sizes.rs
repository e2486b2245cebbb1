//! Sizes: functions that are read at a glance, files that have one topic. Biome holds the functions of JavaScript to the
//! same number of lines.

use super::source::{Source, files, functions, sources};

const MAX_FUNCTION: usize = 70;
const MAX_FILE: usize = 500;
const FOLDERS: [&str; 9] =
    ["src", "cli", "npm", "tools", "tests", "benches", "fuzz/fuzz_targets", "scripts", "web"];

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
fn long_files(files: &[(String, String)]) -> Vec<(String, usize)> {
    let all = files.iter().map(|(path, text)| (path.clone(), text.lines().count()));
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
    FOLDERS.iter().flat_map(|folder| sources(folder)).collect()
}

#[test]
fn no_function_is_long() {
    check(&long_functions(&all_sources()), LONGER_FUNCTIONS);
}

#[test]
fn no_file_is_long() {
    let extensions = ["rs", "js", "mjs", "ts", "css"];
    let all: Vec<_> = FOLDERS.iter().flat_map(|folder| files(folder, &extensions)).collect();
    check(&long_files(&all), LONGER_FILES);
}

#[test]
fn a_planted_long_function_and_file_are_found() {
    let body = "    a();\n".repeat(MAX_FUNCTION - 1);
    let source = |path: &str, text: &str| Source::new(path, text);
    let just = source("src/a.rs", &format!("fn b() {{\n{}}}", body.trim_start_matches("    a();\n")));
    let over = source("src/c.rs", &format!("impl D {{\n    pub fn e() {{\n{body}    }}\n}}\n"));
    let sources = [just, over];
    assert_eq!(long_functions(&sources), [("src/c.rs::e".to_owned(), MAX_FUNCTION + 1)]);
    let files = [MAX_FILE, MAX_FILE + 1].map(|lines| (format!("src/{lines}.rs"), "\n".repeat(lines)));
    assert_eq!(long_files(&files), [("src/501.rs".to_owned(), MAX_FILE + 1)]);
}
