//! SQL: statements in one folder, and those that write deliveries in one file.

use std::collections::BTreeMap;

use super::source::{Source, sources};

/// The only folder with SQL.
const FOLDER: &str = "src/ledger/db/";
const KEYWORDS: [&str; 18] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    " FROM ",
    "WHERE ",
    "ORDER BY ",
    "GROUP BY ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "PRAGMA ",
    "REPLACE INTO ",
    "UNIQUE INDEX ",
    "CREATE TRIGGER ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "VALUES (",
];
/// Statements that write deliveries.
const DELIVERY_WRITES: [&str; 5] = [
    "UPDATE delivery",
    "INSERT INTO delivery",
    "INSERT OR IGNORE INTO delivery",
    "REPLACE INTO delivery",
    "DELETE FROM delivery",
];

/// The only file that writes deliveries.
const DELIVERIES: &str = "src/ledger/db/delivery.rs";

/// Files that write deliveries as well, and the reason.
const EXCUSED_WRITERS: &[(&str, &str)] =
    &[("src/ledger/db/schema.rs", "migrations write rows of formats that are gone")];

/// Counts the lines of files whose texts hold one of these, word by word.
fn lines_with(sources: &[Source], phrases: &[&str]) -> BTreeMap<String, usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let holds = |line: &str, phrase: &str| {
        line.match_indices(phrase).any(|(at, _)| {
            let end = at + phrase.len();
            let is_whole = |part: bool, beside: bool| !(part && beside);
            is_whole(phrase.starts_with(is_word), line[..at].ends_with(is_word))
                && is_whole(phrase.ends_with(is_word), line[end..].starts_with(is_word))
        })
    };
    let mut found = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_core()) {
        let texts = texts(source);
        let count = texts.lines().filter(|line| phrases.iter().any(|phrase| holds(line, phrase))).count();
        if count > 0 {
            found.insert(source.path.clone(), count);
        }
    }
    found
}

/// Returns what the literals of a file hold, with blanks for everything else.
fn texts(source: &Source) -> String {
    let pairs = source.core_statements().bytes().zip(source.core().bytes());
    let only = pairs.map(|(with, without)| if with == without && with != b'\n' { b' ' } else { with });
    String::from_utf8_lossy(&only.collect::<Vec<_>>()).into_owned()
}

#[test]
fn sql_stands_in_the_database_folder() {
    let mut found = lines_with(&sources("src"), &KEYWORDS);
    found.retain(|path, _| !path.starts_with(FOLDER));
    assert!(found.is_empty(), "lines with SQL outside {FOLDER}: {found:#?}");
}

#[test]
fn deliveries_are_written_in_one_file() {
    let mut found = lines_with(&sources("src"), &DELIVERY_WRITES);
    assert!(found.remove(DELIVERIES).is_some(), "{DELIVERIES} writes no deliveries");
    for (path, _) in EXCUSED_WRITERS {
        assert!(found.remove(*path).is_some(), "{path} writes no delivery any more: take it off the list");
    }
    assert!(found.is_empty(), "lines that write deliveries elsewhere: {found:#?}");
}

#[test]
fn planted_statements_are_found() {
    let text = "// SELECT nothing\nfn a() {\n    b(\"SELECT 1\");\n    c(\"the DELETE method\");\n    d(r#\"\n\
                UPDATE delivery SET e = 1\"#);\n    f(\"UPDATE delivery_count SET g = 1\");\n}";
    let source = [Source::new("src/x.rs", text)];
    let found = |phrases: &[&str]| lines_with(&source, phrases).get("src/x.rs").copied();
    assert_eq!((found(&KEYWORDS), found(&DELIVERY_WRITES)), (Some(3), Some(1)));
}
