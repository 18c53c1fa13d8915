//! A module uses the rows below it, and nothing beside it or above it. Links in the documentation
//! count: they are where a reader has to go.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up; ARCHITECTURE.md shows the same rows.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["xml", "telemetry"],
    &["dsig"],
    &["saml", "directory"],
    &["trust", "identity", "audit"],
    &["session"],
    &["access"],
    &["proxy"],
    &["store"],
    &["app"],
    &["http", "tasks"],
    &["config"],
    &["serve"],
    &["demo"],
    &["cli"],
    &["main"],
];

#[test]
fn no_module_looks_up() {
    let mut wrong = Vec::new();
    for (module, file) in modules() {
        let level = level_of(&module);
        for used in used_by(&file) {
            if used != module && level_of(&used) >= level {
                wrong.push(format!("{}: {module} uses {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn http_alone_names_axum() {
    for (module, file) in modules() {
        // The demo brings an identity provider and an application of its own.
        let may = ["http", "demo"].contains(&module.as_str());
        assert!(
            may || !source(&file).contains("axum::"),
            "{}",
            file.display()
        );
    }
}

fn level_of(module: &str) -> usize {
    let level = LAYERS.iter().position(|row| row.contains(&module));
    level.unwrap_or_else(|| panic!("{module} is new: in which row does it belong?"))
}

/// Every source file with the module of the top level that it belongs to. `lib.rs` has them all.
fn modules() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inner = path.strip_prefix(&root).unwrap();
                let first = inner.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                if module != "lib" && !is_test(inner) {
                    found.push((module, path));
                }
            }
        }
    }
    assert!(found.len() > 100, "the source is somewhere else now");
    found
}

/// Tests may use everything: those of `identity` run on a real store.
fn is_test(path: &Path) -> bool {
    let names = ["tests", "tests.rs", "suite.rs"];
    path.components().any(|part| names.iter().any(|name| part.as_os_str() == *name))
}

fn source(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split_once("#[cfg(test)]\nmod ").map(|(code, _)| code.to_owned());
    code.unwrap_or(text)
}

fn used_by(file: &Path) -> BTreeSet<String> {
    let text = source(file);
    let words = text.split("crate::").skip(1);
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
    };
    words.map(name).filter(|name| !name.is_empty()).collect()
}
