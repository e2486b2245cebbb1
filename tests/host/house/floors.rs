//! The modules stand in floors (the table in `src/lib.rs`), and a file imports only from below.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the platform is known by.
const PLATFORM: [&str; 4] = ["worker::", "wasm_bindgen", "js_sys", "web_sys"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file: its path below `src`, and its code without comments and tests.
fn sources() -> BTreeMap<String, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below src").to_string_lossy().replace('\\', "/");
                if !name.ends_with("tests.rs") {
                    found.insert(name, code(&fs::read_to_string(&path).expect("a source")));
                }
            }
        }
    }
    found
}

fn code(source: &str) -> String {
    let tests = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    let lines = source[..tests].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of `src/lib.rs`'s table: each with its floor, and its place on that floor.
fn floors() -> BTreeMap<String, (usize, usize)> {
    let lib = fs::read_to_string(root().join("lib.rs")).expect("lib.rs");
    let rows = lib.lines().filter(|line| line.starts_with("//! |")).skip(2);
    let mut floors = BTreeMap::new();
    for (floor, row) in rows.enumerate() {
        let modules = row.split('|').nth(2).expect("a column of modules");
        for (place, module) in modules.split('`').skip(1).step_by(2).enumerate() {
            floors.insert(module.trim_end_matches(".rs").to_owned(), (floor, place));
        }
    }
    floors
}

/// The first segment of every path that begins with `crate::`, in `use` lists too.
fn imports(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let parts: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => top_level(list),
            None => vec![rest],
        };
        let word = |part: &&str| {
            let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
            part[..end].to_owned()
        };
        modules.extend(
            parts.iter().map(|part| part.trim()).map(|part| word(&part)).filter(|word| !word.is_empty()),
        );
    }
    modules
}

/// The parts of a `use` list up to its closing brace.
fn top_level(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

#[test]
fn every_module_has_a_floor_and_every_floor_its_modules() {
    let floors = floors();
    assert!(floors.len() > 15, "{floors:?}");
    let sources = sources();
    let modules: Vec<_> =
        sources.keys().map(|file| module_of(file)).filter(|module| *module != "lib").collect();
    for module in &modules {
        let module = if *module == "bin" { "bin/leadhook" } else { module };
        assert!(floors.contains_key(module), "src/{module} is not in the table of src/lib.rs");
    }
    for module in floors.keys().filter(|module| !module.starts_with("bin/")) {
        assert!(modules.contains(&module.as_str()), "{module} is in the table of src/lib.rs, not in src");
    }
}

#[test]
fn a_file_imports_only_from_floors_below_and_from_earlier_stages_of_its_own() {
    let floors = floors();
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let own = module_of(&file);
        let Some(&(floor, place)) = floors.get(own) else { continue };
        for import in imports(&code) {
            let Some(&(from, at)) = floors.get(&import) else {
                panic!("src/{file} imports crate::{import}, which is not in the table of src/lib.rs");
            };
            // Use cases call each other through ports; values and stages stand in order.
            let ordered = floor < 2;
            if import != own && (from > floor || (from == floor && ordered && at > place)) {
                wrong.push(format!("src/{file} imports crate::{import} from above"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_edge_alone_knows_the_platform() {
    for (file, code) in sources() {
        // These ask the runtime for Unicode and for time zones instead of carrying tables in the wasm.
        if module_of(&file) == "cloudflare"
            || ["base/unicode.rs", "base/url.rs", "base/time_zone.rs"].contains(&file.as_str())
        {
            continue;
        }
        for word in PLATFORM {
            assert!(!code.contains(word), "src/{file} mentions {word}");
        }
    }
}

#[test]
fn the_core_reads_no_clock_and_no_randomness() {
    for (file, code) in sources() {
        if ["cloudflare", "bin"].contains(&module_of(&file)) {
            continue;
        }
        for word in ["SystemTime", "Instant::", "Utc::now", "getrandom", "thread_rng", "rand::"] {
            assert!(!code.contains(word), "src/{file} mentions {word}: time and randomness are arguments");
        }
    }
}

#[test]
fn the_reader_of_imports_reads_them() {
    let code = "use crate::a::B;\nuse crate::{b, c::{D, E}, f};\nlet x = crate::g::h(subcrate::z);";
    assert_eq!(imports(code), ["a", "b", "c", "f", "g"]);
}
