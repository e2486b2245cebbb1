//! Circles: no file needs another one that needs it.

use super::imports::Imports;

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
    let wrong: Vec<_> = circles.iter().map(|circle| described(imports, circle)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
