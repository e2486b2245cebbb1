//! Words: documentation that begins with what it names, and names from the glossary.

use super::source::{Source, identifier, is_in, sources, words};

/// Documentation begins with none of these: modules with a noun phrase, functions with a verb.
const QUESTIONS: [&str; 7] = ["What", "Who", "How", "Whether", "Where", "When", "Which"];
/// Names of types that are no nouns, or nouns that the glossary keeps for something else.
const TYPES: &str = "Acted Answer Answered Asked Concerned Done Followed Given Had Held Judged Kept Known Ledgered \
    Listed Marked Notice Ordered Place Seen Sent Shown Told Turnstiled Written";
/// Names of functions that say nothing, or that the glossary keeps for something else.
const FUNCTIONS: &str = "act answer asked given had held known notice place shown told";
/// Words that may stand between `pub` and `fn`.
const QUALIFIERS: [&str; 4] = ["crate::ledger)", "async", "const", "unsafe"];
/// Names of modules that are no nouns.
const MODULES: &str = "at_once";

/// Such names that stay: the file or folder, the name, and the reason.
const EXCUSED_NAMES: &[(&str, &str, &str)] = &[
    (
        "src/campaign/answer.rs",
        "enum Answer",
        "the glossary has it: the value that a visitor gives to a field",
    ),
    ("src/campaign/answer.rs", "fn answer", "the glossary has it: the value that a visitor gives to a field"),
];

/// Returns what is wrong with the documentation of a file: the lines of it that begin with a question.
fn questions(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    let first = source.text.lines().find(|line| !line.starts_with("#!["));
    if !first.is_some_and(|line| line.starts_with("//! ")) {
        wrong.push("has no documentation".to_owned());
    }
    let mut before = "";
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.trim_start();
        for mark in ["//! ", "/// "] {
            let Some(text) = line.strip_prefix(mark) else { continue };
            let is_first = !before.starts_with(mark.trim_end());
            if is_first && QUESTIONS.contains(&identifier(text)) {
                wrong.push(format!("line {number}: {text}"));
            }
        }
        before = line;
    }
    wrong
}

/// Finds the functions whose documentation does not begin with a verb, as in "Returns the name.".
fn without_verb(source: &Source) -> Vec<String> {
    // Tests stand last, and their documentation says what they are about.
    let text = &source.text[..source.core().len()];
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let is_comment = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
    let is_verb = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.ends_with('s');
    let mut wrong = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(doc) = line.strip_prefix("/// ") else { continue };
        if at > 0 && lines[at - 1].starts_with("///") {
            continue;
        }
        let code = at + lines[at..].iter().take_while(is_comment).count();
        let is_function = lines.get(code).is_some_and(|line| {
            words(line, "fn").next().is_some_and(|fn_at| {
                line[..fn_at]
                    .split_whitespace()
                    .all(|word| word.starts_with("pub") || QUALIFIERS.contains(&word))
            })
        });
        if is_function && !is_verb(identifier(doc)) {
            wrong.push(format!("line {}: {doc}", at + 1));
        }
    }
    wrong
}

/// Finds the names that a file should not define.
fn private_names(source: &Source) -> Vec<String> {
    let named = [
        ("struct", TYPES),
        ("enum", TYPES),
        ("type", TYPES),
        ("trait", TYPES),
        ("fn", FUNCTIONS),
        ("mod", MODULES),
    ];
    let all =
        named.iter().flat_map(|(kind, names)| names.split(' ').map(move |name| format!("{kind} {name}")));
    all.filter(|name| words(source.core(), name).next().is_some()).collect()
}

/// Checks that nothing is wrong with any of these files.
#[track_caller]
fn check(sources: impl Iterator<Item = Source>, wrong_with: fn(&Source) -> Vec<String>) {
    let all = sources.map(|source| (wrong_with(&source), source.path));
    let wrong: Vec<_> = all.filter(|(wrong, _)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn documentation_names_its_thing() {
    check(["src", "tests/host", "fuzz/fuzz_targets"].into_iter().flat_map(sources), questions);
}

#[test]
fn functions_are_documented_by_what_they_do() {
    check(sources("src").into_iter().filter(Source::is_core), without_verb);
}

#[test]
fn names_are_words_of_the_glossary() {
    let core = sources("src").into_iter().filter(Source::is_core);
    let found: Vec<_> = core
        .flat_map(|source| private_names(&source).into_iter().map(move |name| (source.path.clone(), name)))
        .collect();
    let excuse = |(path, name): &(String, String)| {
        EXCUSED_NAMES.iter().position(|(place, one, _)| one == name && is_in(place, path))
    };
    let wrong: Vec<_> = found.iter().filter(|one| excuse(one).is_none()).collect();
    let wrong: Vec<_> = wrong.iter().map(|(path, name)| format!("{path}: {name}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let used: Vec<_> = found.iter().filter_map(excuse).collect();
    for (at, (place, name, _)) in EXCUSED_NAMES.iter().enumerate() {
        assert!(used.contains(&at), "{place} has no {name} any more: take it off the list");
    }
}

#[test]
fn planted_questions_and_names_are_found() {
    let text = "use a::b;\n\n/// What c is.\n/// How it is.\nfn told_all() {}\n\n/// Returns\n/// Where d is.\nstruct Asked;\n\
                \n    /// Whether e.\n    fn told() {}\n    // fn act()";
    let source = Source::new("src/x.rs", text);
    assert_eq!(questions(&source), ["has no documentation", "line 3: What c is.", "line 11: Whether e."]);
    assert_eq!(private_names(&source), ["struct Asked", "fn told"]);
    let text = "/// The sum.\npub(in crate::ledger) async fn a() {}\n\n/// Returns the sum.\n///\n/// Often.\n#[inline]\n\
                fn b() {}\n\n/// A sum.\nstruct C;\n/// 404.\n#[inline]\npub const fn d() {}";
    let source = Source::new("src/x.rs", text);
    assert_eq!(without_verb(&source), ["line 1: The sum.", "line 12: 404."]);
    assert_eq!(questions(&Source::new("src/y.rs", "//! Whatever f.\n//! Which g.")), [""; 0]);
}
