//! Floors: the modules of a folder stand in the order of the table in its documentation, and a file imports only
//! from floors below its own and from earlier in its own row.

use std::collections::BTreeMap;

use super::imports::Imports;
use super::source::{Source, sources, words};

/// Files that may lie in `src` itself.
const MAX_LOOSE: usize = 6;
/// Crates of the platform.
const PLATFORM: [&str; 4] = ["worker", "wasm_bindgen", "js_sys", "web_sys"];
/// Files beside the platform's that know it: the runtime has Unicode and time zones, and the wasm no tables of them.
const OF_THE_PLATFORM: [&str; 3] = ["src/base/unicode.rs", "src/base/url.rs", "src/base/time_zone.rs"];
/// Folders whose modules must have a table.
const WITH_TABLE: [&str; 3] = ["src", "src/ledger", "src/app"];

/// The floors of a folder: its modules, each with its floor and its place in the row.
type Floors = BTreeMap<String, (usize, usize)>;

/// Reads the table of a folder's documentation; empty if it has none.
fn floors(documentation: &str) -> Floors {
    let rows = documentation.lines().filter(|line| line.starts_with("//! |")).skip(2);
    let mut floors = BTreeMap::new();
    for (floor, row) in rows.enumerate() {
        let modules = row.split('|').nth(2).unwrap_or_default();
        for (place, module) in modules.split('`').skip(1).step_by(2).enumerate() {
            floors.insert(module.to_owned(), (floor, place));
        }
    }
    floors
}

/// Reads the tables of all folders that have one.
fn tables(sources: &[Source]) -> BTreeMap<String, Floors> {
    let mut tables = BTreeMap::new();
    for source in sources {
        let Some((folder, "mod.rs" | "lib.rs")) = source.path.rsplit_once('/') else { continue };
        let floors = floors(&source.text);
        if !floors.is_empty() {
            tables.insert(folder.to_owned(), floors);
        }
    }
    tables
}

/// Returns the module of a folder in which a file lies; empty for the folder's own file.
fn module_in<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let inner = file.strip_prefix(folder)?.strip_prefix('/')?;
    if inner.starts_with("bin/leadhook/") {
        return Some("bin/leadhook");
    }
    let module = inner.split('/').next()?.trim_end_matches(".rs");
    Some(if ["mod", "lib"].contains(&module) { "" } else { module })
}

/// Finds the arrows that point upwards.
fn arrows_up(tables: &BTreeMap<String, Floors>, imports: &Imports) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (from, targets) in &imports.edges {
        for to in targets {
            for (folder, floors) in tables {
                let (Some(own), Some(other)) = (module_in(folder, from), module_in(folder, to)) else {
                    continue;
                };
                // A folder's own file stands above its modules.
                let floor = |module: &str| floors.get(module).copied().unwrap_or((usize::MAX, 0));
                if own != other && floor(other) > floor(own) {
                    wrong.push((from.clone(), to.clone()));
                }
            }
        }
    }
    wrong
}

#[test]
fn few_files_lie_loose() {
    let loose = sources("src").iter().filter(|source| source.path.matches('/').count() == 1).count();
    assert!(loose <= MAX_LOOSE, "{loose} files lie in src itself");
}

#[test]
fn every_module_has_a_floor_and_every_floor_its_modules() {
    let sources = sources("src");
    let tables = tables(&sources);
    for folder in WITH_TABLE {
        assert!(tables.contains_key(folder), "{folder} has no table of its floors");
    }
    for (folder, floors) in &tables {
        let modules = sources.iter().filter_map(|source| module_in(folder, &source.path));
        let mut modules: Vec<_> = modules.filter(|module| !module.is_empty()).collect();
        modules.dedup();
        for module in &modules {
            assert!(floors.contains_key(*module), "{folder}/{module} is not in the table of {folder}");
        }
        for module in floors.keys() {
            assert!(modules.contains(&module.as_str()), "{module} is in the table of {folder}, not in it");
        }
    }
}

#[test]
fn a_file_imports_only_from_floors_below_and_from_earlier_in_its_own_row() {
    let arrows = arrows_up(&tables(&sources("src")), Imports::read());
    let wrong: Vec<_> = arrows.iter().map(|(from, to)| format!("{from} imports from above: {to}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_edge_alone_knows_the_platform() {
    for source in sources("src").iter().filter(|source| source.is_core()) {
        if source.path.starts_with("src/cloudflare/") || OF_THE_PLATFORM.contains(&source.path.as_str()) {
            continue;
        }
        for word in PLATFORM {
            let is_path = |at: usize| source.core()[at + word.len()..].starts_with("::");
            assert!(!words(source.core(), word).any(is_path), "{} mentions {word}", source.path);
        }
    }
}

#[test]
fn the_core_reads_no_clock_and_no_randomness() {
    for source in sources("src").iter().filter(|source| source.is_core()) {
        if source.path.starts_with("src/cloudflare/") {
            continue;
        }
        for word in ["SystemTime", "Instant::", "Utc::now", "getrandom", "thread_rng", "rand::"] {
            assert!(
                !source.core().contains(word),
                "{} mentions {word}: time and randomness are arguments",
                source.path
            );
        }
    }
}

#[test]
fn a_planted_arrow_upwards_is_found() {
    let table = "//! The program.\n//!\n//! | floor | modules |\n//! |---|---|\n//! | low | [`a`], `b` |\n//! | high | `c` |\n";
    let inner =
        "//! A room.\n//!\n//! | floor | modules |\n//! |---|---|\n//! | low | `d` |\n//! | high | `e` |\n";
    let files = [
        ("src/lib.rs", table.to_owned()),
        ("src/a.rs", "use crate::b::B;\nuse crate::c::d::D;".to_owned()),
        ("src/b.rs", "use crate::a::A;".to_owned()),
        ("src/c/mod.rs", format!("{inner}use self::e::E;")),
        ("src/c/d.rs", "use crate::a::A;\nuse super::e::E;\nuse super::C;".to_owned()),
        ("src/c/e.rs", "use super::d::D;".to_owned()),
    ];
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let found = arrows_up(&tables(&sources), &Imports::of(&sources));
    let found: Vec<_> = found.iter().map(|(from, to)| format!("{from} {to}")).collect();
    assert_eq!(
        found,
        ["src/a.rs src/b.rs", "src/a.rs src/c/d.rs", "src/c/d.rs src/c/e.rs", "src/c/d.rs src/c/mod.rs"]
    );
}
