//! Circles: no file needs another one that needs it.

use super::imports::Imports;
use super::source::{EMPTY, is_in};

/// Folders whose files may still need each other, and the reason.
const EXCUSED: &[(&str, &str)] = &[
    ("src/bin/leadhook/keys/", EMPTY),
    ("src/bin/leadhook/lists/", EMPTY),
    ("src/bin/leadhook/sink/", EMPTY),
];

/// Writes a circle with the imports of which it consists.
fn described(imports: &Imports, circle: &[String]) -> String {
    let mut lines = vec![format!("{} files need each other:", circle.len())];
    for from in circle {
        let to = imports.edges[from].iter().filter(|to| circle.contains(to));
        lines.extend(to.map(|to| format!("    {from} needs {to}")));
    }
    lines.join("\n")
}

#[test]
fn no_files_need_each_other() {
    let imports = Imports::read();
    let circles = imports.circles();
    let excuse = |circle: &Vec<String>| {
        EXCUSED.iter().position(|(folder, _)| circle.iter().all(|file| is_in(folder, file)))
    };
    let wrong: Vec<_> = circles.iter().filter(|circle| excuse(circle).is_none()).collect();
    let wrong: Vec<_> = wrong.iter().map(|circle| described(imports, circle)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let used: Vec<_> = circles.iter().filter_map(excuse).collect();
    for (at, (folder, _)) in EXCUSED.iter().enumerate() {
        assert!(used.contains(&at), "{folder} has no circle any more: take it off the list");
    }
}
