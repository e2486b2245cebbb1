//! The crate over wasm-bindgen: what it generates fits only the same version of `wasm-bindgen`.

use std::fs;

#[test]
fn wasm_bindgen_is_generated_by_its_own_version() {
    let lock: toml::Table = fs::read_to_string("Cargo.lock").expect("Cargo.lock").parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    let versions = |name: &str| -> Vec<&str> {
        let named = packages.iter().filter(|one| one["name"].as_str() == Some(name));
        named.filter_map(|one| one["version"].as_str()).collect()
    };
    let known = versions("wasm-bindgen");
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(versions("wasm-bindgen-cli-support"), known);
}
