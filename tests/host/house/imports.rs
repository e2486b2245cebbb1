//! The imports between files: paths of the code, resolved over the tree of modules to the files that define what
//! they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::source::{Source, identifier, sources, words};

/// A path, from the root of its crate; the library's crate is `crate`, the command line's `bin`.
type Path = Vec<String>;

const BIN: &str = "cli/src/";
/// Re-exports of re-exports that are followed.
const MAX_DEPTH: usize = 8;

/// A path as the code has it.
#[derive(Debug, PartialEq)]
struct Written {
    segments: Vec<String>,
    /// The name that it has in the file.
    alias: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A `use` that others see as well.
    Export,
    Use,
    /// A path within an expression or a type.
    Inline,
}

/// The files of the program, and where each of them takes things from.
pub struct Imports {
    /// By file: the files that it needs.
    pub edges: BTreeMap<String, BTreeSet<String>>,
}

struct Module {
    file: String,
    children: BTreeSet<String>,
    paths: Vec<Written>,
    code: String,
}

struct Tree(BTreeMap<Path, Module>);

impl Imports {
    /// Returns those of the program, which are read once.
    pub fn read() -> &'static Self {
        static READ: OnceLock<Imports> = OnceLock::new();
        READ.get_or_init(|| Self::of(&[sources("src"), sources("cli/src")].concat()))
    }

    pub fn of(sources: &[Source]) -> Self {
        let tree = Tree::new(sources);
        let mut edges = BTreeMap::new();
        for (path, module) in &tree.0 {
            let mut needed = tree.needed(path, module);
            needed.remove(&module.file);
            edges.insert(module.file.clone(), needed);
        }
        Self { edges }
    }

    /// Finds the sets of files that need each other (strongly connected components of more than one file).
    pub fn circles(&self) -> Vec<Vec<String>> {
        let reached = |from: &str| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(file) = open.pop() {
                for to in self.edges.get(&file).into_iter().flatten() {
                    if seen.insert(to.clone()) {
                        open.push(to.clone());
                    }
                }
            }
            seen
        };
        let all: BTreeMap<_, _> = self.edges.keys().map(|file| (file.as_str(), reached(file))).collect();
        let mut circles = BTreeSet::new();
        for (file, to) in all.iter().filter(|(file, to)| to.contains(**file)) {
            let back = to.iter().filter(|one| all.get(one.as_str()).is_some_and(|back| back.contains(*file)));
            circles.insert(back.cloned().collect::<Vec<_>>());
        }
        circles.into_iter().collect()
    }
}

impl Tree {
    fn new(sources: &[Source]) -> Self {
        let mut modules = BTreeMap::new();
        for source in sources.iter().filter(|source| source.is_core()) {
            let code = source.core().to_owned();
            let module =
                Module { file: source.path.clone(), children: BTreeSet::new(), paths: written(&code), code };
            modules.insert(module_path(&source.path), module);
        }
        let paths: Vec<_> = modules.keys().cloned().collect();
        for path in paths {
            if let Some((name, parent)) = path.split_last()
                && let Some(parent) = modules.get_mut(parent)
            {
                parent.children.insert(name.clone());
            }
        }
        Self(modules)
    }

    /// Returns the files that a file needs.
    fn needed(&self, own: &Path, module: &Module) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        // Modules that have a name in this file: paths may begin with it.
        let mut local: BTreeMap<&str, Path> = BTreeMap::new();
        for child in &module.children {
            local.insert(child, [own.clone(), vec![child.clone()]].concat());
        }
        for one in &module.paths {
            let Some(path) = self.absolute(own, &one.segments) else { continue };
            if one.kind != Kind::Inline
                && let Some(whole) = self.module(&path)
            {
                local.insert(&one.alias, whole);
                continue;
            }
            let uses = words(&module.code, &one.alias).count();
            if one.kind == Kind::Export && uses <= 1 {
                continue;
            }
            files.extend(self.file(&path, 0));
        }
        for (name, path) in &local {
            for at in words(&module.code, name) {
                let before = module.code[..at].trim_end();
                if module.code[at + name.len()..].starts_with("::") && !before.ends_with("::") {
                    let (segments, _) = path_at(&module.code[at..]);
                    let rest = segments.into_iter().skip(1);
                    files.extend(self.file(&path.iter().cloned().chain(rest).collect(), 0));
                }
            }
        }
        files
    }

    /// Returns a path from its root; `None` if it is not of this program.
    fn absolute(&self, own: &Path, segments: &[String]) -> Option<Path> {
        let (first, rest) = segments.split_first()?;
        let is_bin = own.first().is_some_and(|root| root == "bin");
        let base = match first.as_str() {
            "crate" if is_bin => vec!["bin".to_owned()],
            "crate" => vec!["crate".to_owned()],
            "leadhook" if is_bin => vec!["crate".to_owned()],
            "self" => own.clone(),
            "super" => {
                let up = segments.iter().take_while(|segment| *segment == "super").count();
                let base = own[..own.len().checked_sub(up)?].to_vec();
                return Some(base.into_iter().chain(segments[up..].iter().cloned()).collect());
            }
            _ => return None,
        };
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// Returns the module that a path names as a whole, through re-exports too.
    fn module(&self, path: &Path) -> Option<Path> {
        if self.0.contains_key(path) {
            return Some(path.clone());
        }
        let (name, parent) = path.split_last()?;
        let exported = self.exported(&parent.to_vec(), name)?;
        self.0.contains_key(&exported).then_some(exported)
    }

    fn exported(&self, module: &Path, name: &str) -> Option<Path> {
        let uses = self.0.get(module)?.paths.iter().filter(|one| one.kind != Kind::Inline);
        let found = uses.filter(|one| one.alias == name).find_map(|one| self.absolute(module, &one.segments));
        found.filter(|path| path.split_last().is_none_or(|(last, parent)| last != name || parent != module))
    }

    /// Returns the file that defines what a path names.
    fn file(&self, path: &Path, depth: usize) -> Option<String> {
        let known = (1..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(known);
        let followed = rest.first().filter(|_| depth < MAX_DEPTH).and_then(|name| {
            let exported = self.exported(&module.to_vec(), name)?;
            self.file(&exported.into_iter().chain(rest[1..].iter().cloned()).collect(), depth + 1)
        });
        followed.or_else(|| Some(self.0[module].file.clone()))
    }
}

/// Returns the module of a file: `src/a/mod.rs` and `src/a.rs` are `crate::a`.
fn module_path(file: &str) -> Path {
    let (root, inner) = match file.strip_prefix(BIN) {
        Some(inner) => ("bin", inner),
        None => ("crate", file.trim_start_matches("src/")),
    };
    let inner = inner.trim_end_matches(".rs");
    let mut path = vec![root.to_owned()];
    path.extend(inner.split('/').map(str::to_owned));
    if ["mod", "lib", "main"].contains(&path.last().map_or("", String::as_str)) {
        path.pop();
    }
    path
}

/// Reads the paths of code that begin at a root, at their own module or above it.
fn written(code: &str) -> Vec<Written> {
    let mut found = Vec::new();
    for root in ["crate", "self", "super", "leadhook"] {
        for at in words(code, root) {
            let before = code[..at].trim_end();
            // `pub(in …)` says who may see something, not what is needed.
            let is_path = !before.ends_with("::") && !before.ends_with("(in");
            if !is_path || !code[at + root.len()..].starts_with("::") {
                continue;
            }
            let kind = kind(before);
            let (segments, list) = path_at(&code[at..]);
            match list {
                Some(list) => tree(&segments, list, kind, &mut found),
                None => push(segments, &code[at..], kind, &mut found),
            }
        }
    }
    found
}

fn kind(before: &str) -> Kind {
    let statement = before.rsplit([';', '}']).next().unwrap_or_default().trim();
    let is_export = statement.lines().last().is_some_and(|line| line.trim_start().starts_with("pub"));
    match statement.ends_with("use") {
        true if is_export => Kind::Export,
        true => Kind::Use,
        false => Kind::Inline,
    }
}

/// Splits a path into its segments, and what stands in the braces behind it.
fn path_at(text: &str) -> (Vec<String>, Option<&str>) {
    let (mut segments, mut rest) = (Vec::new(), text);
    loop {
        let name = identifier(rest);
        if name.is_empty() {
            break;
        }
        segments.push(name.to_owned());
        rest = &rest[name.len()..];
        let Some(next) = rest.strip_prefix("::") else { break };
        rest = next;
    }
    (segments, rest.strip_prefix('{'))
}

/// Adds the paths of a `use` list.
fn tree(prefix: &[String], list: &str, kind: Kind, found: &mut Vec<Written>) {
    for part in parts(list) {
        let part = part.trim();
        let (segments, inner) = path_at(part);
        let segments: Vec<_> = prefix.iter().cloned().chain(segments).collect();
        match inner {
            Some(inner) => tree(&segments, inner, kind, found),
            None if part == "self" => push(prefix.to_vec(), "", kind, found),
            None if !part.is_empty() => push(segments, part, kind, found),
            None => {}
        }
    }
}

fn push(segments: Vec<String>, text: &str, kind: Kind, found: &mut Vec<Written>) {
    let statement = text.split(';').next().unwrap_or_default();
    let renamed = match kind {
        Kind::Inline => None,
        Kind::Export | Kind::Use => statement.split_once(" as ").map(|(_, alias)| identifier(alias)),
    };
    let alias = renamed.or(segments.last().map(String::as_str)).unwrap_or_default().to_owned();
    found.push(Written { segments, alias, kind });
}

/// Splits a `use` list at its commas, up to its closing brace.
fn parts(list: &str) -> Vec<&str> {
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

fn imports_of(files: &[(&str, &str)]) -> Imports {
    Imports::of(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
}

fn arrows(imports: &Imports) -> Vec<String> {
    let all = imports.edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    all.map(|(from, to)| format!("{} {}", from.trim_start_matches("src/"), to.trim_start_matches("src/")))
        .collect()
}

#[test]
fn paths_are_read_from_lists_and_expressions() {
    let code = "use crate::a::{self, B as C, d::{E, f}};\npub(crate) use self::g::H;\nlet x = super::i::j(subcrate::z, <crate::k::L>::m);\npub(in crate::n) fn o() {}";
    let read: Vec<_> = written(code)
        .iter()
        .map(|one| format!("{:?} {} {}", one.kind, one.segments.join("::"), one.alias))
        .collect();
    assert_eq!(
        read,
        [
            "Use crate::a a",
            "Use crate::a::B C",
            "Use crate::a::d::E E",
            "Use crate::a::d::f f",
            "Inline crate::k::L L",
            "Export self::g::H H",
            "Inline super::i::j j",
        ]
    );
}

#[test]
fn a_path_leads_to_the_file_that_defines_what_it_names() {
    let imports = imports_of(&[
        ("src/lib.rs", "pub mod a;\npub mod b;"),
        ("src/a/mod.rs", "mod c;\npub mod d;\npub use self::c::C;\npub use self::d::D;\npub struct A(D);"),
        ("src/a/c.rs", "use super::D;\npub struct C(D);"),
        ("src/a/d.rs", "pub struct D;\npub fn e() {}"),
        (
            "src/b.rs",
            "use crate::a::{A, C, d};\nfn f() { d::e() }\n#[cfg(test)]\nmod tests { use super::*; }",
        ),
        ("cli/src/lib.rs", "mod g;\nfn main() { g::h(leadhook::a::D) }"),
        ("cli/src/g.rs", "use crate::main;"),
    ]);
    assert_eq!(
        arrows(&imports),
        [
            "cli/src/g.rs cli/src/lib.rs",
            "cli/src/lib.rs cli/src/g.rs",
            "cli/src/lib.rs a/d.rs",
            "a/c.rs a/d.rs",
            "a/mod.rs a/d.rs",
            "b.rs a/c.rs",
            "b.rs a/d.rs",
            "b.rs a/mod.rs",
        ]
    );
}

#[test]
fn a_planted_circle_is_found() {
    let files = [
        ("src/lib.rs", "mod a;"),
        ("src/a/mod.rs", "mod b;\nmod c;\nmod d;\npub use self::d::D;"),
        ("src/a/b.rs", "use super::c::C;\npub struct B;"),
        ("src/a/c.rs", "pub struct C(super::D);"),
        ("src/a/d.rs", "use crate::a::b::B;\npub struct D(B);"),
    ];
    assert_eq!(imports_of(&files).circles(), [["src/a/b.rs", "src/a/c.rs", "src/a/d.rs"]]);
    assert!(imports_of(&files[..4]).circles().is_empty());
}
