//! `docs/attacks.md` says what the corpus holds, and what it would do to others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::corpus::{Expect, cases, rows};
use crate::flawed;

#[test]
fn the_page_of_attacks_is_true() {
    let path = page();
    let text = std::fs::read_to_string(&path).unwrap();
    let wanted = with(&text, "mistakes", &flawed::table());
    let wanted = with(&wanted, "rows", &table());
    if text != wanted {
        std::fs::write(path.with_extension("md.new"), wanted).unwrap();
        panic!("docs/attacks.md is out of date: look at docs/attacks.md.new, and move it there");
    }
}

#[test]
fn the_page_of_attacks_names_every_row_and_no_other() {
    let known = rows().into_iter().map(|(row, _)| row);
    let known = known.filter(|row| !row.starts_with("VAL-")).collect::<BTreeSet<_>>();
    let text = std::fs::read_to_string(page()).unwrap();
    let (by_hand, _) = text.split_once("## Rows").unwrap();
    let words = by_hand.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let words = words.collect::<Vec<_>>();
    let families = known.iter().filter_map(|row| row.split_once('-')).map(|(family, _)| family);
    let families = families.collect::<BTreeSet<_>>();
    let is_row = |word: &str| {
        word.split_once('-').is_some_and(|(family, number)| {
            families.contains(family) && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    for word in words.iter().filter(|word| is_row(word)) {
        assert!(known.contains(*word), "{word} is no row");
    }
}

#[test]
fn the_tests_that_the_page_of_attacks_names_exist() {
    let text = std::fs::read_to_string(page()).unwrap();
    let (_, behind) = text.split_once("| attack | test |").unwrap();
    let (tests, _) = behind.split_once("\n\n").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        collect(&root.join(folder), &mut sources);
    }
    for name in tests.split('`').filter(|word| word.contains('_')) {
        // Some are made by a macro, for each kind of store.
        assert!(sources.contains(name), "{name}");
    }
}

/// Each row with the number of its files, and their codes.
fn table() -> String {
    let mut found: BTreeMap<String, (usize, usize, BTreeSet<String>)> = BTreeMap::new();
    for case in cases() {
        for row in &case.rows {
            let (refused, accepted, codes) = found.entry(row.clone()).or_default();
            match &case.expect {
                Expect::Refuse(some) => {
                    *refused += 1;
                    codes.extend(some.iter().map(|code| format!("`{code}`")));
                }
                _ => *accepted += 1,
            }
        }
    }
    let mut text = "| row | is | refused | accepted | codes |\n|---|---|---|---|---|\n".to_owned();
    for (row, title) in rows() {
        if row.starts_with("VAL-") {
            continue;
        }
        let (refused, accepted, codes) = found.remove(&row).unwrap_or_default();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        let accepted = if accepted == 0 {
            String::new()
        } else {
            accepted.to_string()
        };
        writeln!(
            text,
            "| {row} | {title} | {refused} | {accepted} | {codes} |"
        )
        .unwrap();
    }
    text
}

/// The page with something else between two marks.
fn with(text: &str, mark: &str, inside: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{inside}\n{end}{after}")
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attacks.md")
}

fn collect(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
