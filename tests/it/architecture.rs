//! Which way the arrows point: a module uses modules of the rows below its own, and no others.
//!
//! The sources are read as text, comments and documentation included: a link is an arrow too.
//! Unit tests are left out: they may take a real store from above where a fake would prove less.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top. Modules of one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["base"],
    &["xml", "telemetry", "keys"],
    &["dsig", "xmlenc", "scim"],
    &["saml", "directory"],
    &["trust", "identity", "audit"],
    &["session", "notice"],
    &["access", "watch"],
    &["proxy"],
    // Above `proxy` for its key alone, which lies in the folder of keys with the others.
    &["store"],
    &["app"],
    &["http", "tasks"],
    &["config"],
    &["serve"],
    &["demo"],
    &["cli"],
    &["lib", "main"],
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

#[test]
fn modules_use_only_the_rows_below_them() {
    let mut wrong = BTreeSet::new();
    for (module, path, text) in sources() {
        let Some(own) = row(&module) else {
            wrong.insert(format!("{module} has no row here"));
            continue;
        };
        for used in uses(&text) {
            match row(&used) {
                _ if used == module => {}
                Some(other) if other < own => {}
                Some(_) => {
                    wrong.insert(format!("{} uses {used}", path.display()));
                }
                None => {
                    wrong.insert(format!("{} uses {used}, which has no row", path.display()));
                }
            }
        }
    }
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn only_verify_attests_and_only_one_use_accepts() {
    let mut attests = Vec::new();
    let mut accepts = Vec::new();
    for (_, path, text) in sources() {
        let is_said = |what: &str| {
            let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.any(|line| line.contains(what))
        };
        if is_said("Verified::attest(") {
            attests.push(path.clone());
        }
        if is_said("Accepted::new(") {
            accepts.push(path);
        }
    }
    assert_eq!(attests, [PathBuf::from("dsig/verify.rs")]);
    assert_eq!(accepts, [PathBuf::from("saml/one_use.rs")]);
}

#[test]
fn http_alone_names_axum() {
    // The demo brings an identity provider and an application of its own.
    for (module, path, text) in sources() {
        let may = ["http", "demo"].contains(&module.as_str());
        assert!(may || !text.contains("axum::"), "{}", path.display());
    }
}

#[test]
fn a_use_is_found_however_it_is_written() {
    let text = "use crate::xml::Element;\nuse crate::{base::Timestamp, dsig};\n\
                //! [`crate::saml::profile`]\nlet x = crate::store::open();\n\
                use crate::{\n    audit,\n    session::{Session, cookie},\n};";
    let found: Vec<String> = uses(text).into_iter().collect();
    assert_eq!(
        found,
        ["audit", "base", "dsig", "saml", "session", "store", "xml"]
    );
}

/// Module, path below `src`, and text of every file without its unit tests.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let below = path.strip_prefix(&root).unwrap().to_owned();
                let first = below.iter().next().unwrap().to_str().unwrap();
                let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                found.push((module, below, code.to_owned()));
            }
        }
    }
    found.sort();
    found
}

/// The modules behind every `crate::`.
fn uses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, start) in text.match_indices("crate::") {
        let after = &text[place + start.len()..];
        match after.strip_prefix('{') {
            Some(list) => found.extend(list_of(list)),
            None => found.extend(first_name(after)),
        }
    }
    found
}

/// The first names in `a::b, c, d::{e, f}}`, up to the brace that ends the list.
fn list_of(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut item = String::new();
    for character in list.chars() {
        match (character, depth) {
            ('}' | ',', 0) => {
                names.extend(first_name(item.trim()));
                item.clear();
                if character == '}' {
                    break;
                }
            }
            ('{', _) => depth += 1,
            ('}', _) => depth -= 1,
            (_, 0) => item.push(character),
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()));
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_owned())
}
