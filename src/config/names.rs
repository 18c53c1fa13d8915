//! Refuses names that mean nothing, and names the one that was probably meant.

use super::keys::{Availability, Key, Kind, SECTIONS, Section, Shape};
use super::nearest::nearest;
use super::node::{Entry, Item};
use super::problem::{Problem, Source};
use super::reader::Complaint;
use super::reader::Reader;
use crate::base::ErrorCode;

/// Looks at every table and key of a whole configuration.
pub(super) fn check(reader: &mut Reader, root: &[Entry]) {
    for entry in root {
        let Some(section) = SECTIONS.iter().find(|section| section.name == entry.key) else {
            let known = SECTIONS.iter().map(|section| section.name);
            let hint = match (nearest(&entry.key, known.clone()), home_of(&entry.key)) {
                (_, Some(section)) => format!("{} belongs under {}", entry.key, written(section)),
                (Some(name), None) => format!("did you mean {name}?"),
                (None, None) => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
            };
            unknown(
                reader,
                entry.key.clone(),
                &entry.source,
                "there is no such section",
                hint,
            );
            continue;
        };
        match (&entry.node.item, section.shape) {
            (Item::Table(entries), Shape::Table) => {
                keys(reader, section.name, section.keys, entries)
            }
            (Item::List(nodes), Shape::List) => {
                for (place, node) in (1_usize..).zip(nodes) {
                    match &node.item {
                        Item::Table(entries) => {
                            let path = list_path(section, entries, place);
                            keys(reader, &path, section.keys, entries);
                        }
                        _ => misshapen(reader, section, &node.source),
                    }
                }
            }
            _ => misshapen(reader, section, &entry.source),
        }
    }
}

/// `idp[corp]`, or `idp[#2]` where it has no name.
pub(super) fn list_path(section: &Section, entries: &[Entry], place: usize) -> String {
    let named = |name: &str| {
        entries
            .iter()
            .find(|entry| entry.key == name)
            .and_then(|entry| match &entry.node.item {
                Item::Text(text) if !text.is_empty() => Some(text.as_str()),
                _ => None,
            })
    };
    match named("name").or_else(|| named("path")) {
        Some(name) => format!("{}[{name}]", section.name),
        None => format!("{}[#{place}]", section.name),
    }
}

/// The tables of a list section, each with its path.
pub(super) fn tables<'n>(
    root: &'n [Entry],
    section: &Section,
) -> Vec<(String, &'n [Entry], Source)> {
    let entry = root.iter().find(|entry| entry.key == section.name);
    let Some(Item::List(nodes)) = entry.map(|entry| &entry.node.item) else {
        return Vec::new();
    };
    let table = |(place, node): (usize, &'n super::node::Node)| match &node.item {
        Item::Table(entries) => {
            let path = list_path(section, entries, place);
            Some((path, entries.as_slice(), node.source.clone()))
        }
        _ => None,
    };
    (1_usize..).zip(nodes).filter_map(table).collect()
}

/// Looks at the keys of one table.
pub(super) fn keys(reader: &mut Reader, path: &str, known: &'static [Key], entries: &[Entry]) {
    for entry in entries {
        let full = format!("{path}.{}", entry.key);
        let Some(key) = known.iter().find(|key| key.name == entry.key) else {
            let hint = suggest(&entry.key, known);
            unknown(reader, full, &entry.source, "there is no such key", hint);
            continue;
        };
        if key.availability == Availability::Later {
            reader.wrong(full, entry.source.clone(), Complaint::later());
            continue;
        }
        if let (Kind::Inner(known), Item::Table(entries)) = (key.kind, &entry.node.item) {
            keys(reader, &full, known, entries);
        }
    }
}

fn suggest(typed: &str, known: &'static [Key]) -> String {
    let names = known.iter().map(|key| key.name);
    match (nearest(typed, names.clone()), home_of(typed)) {
        (Some(name), _) => format!("did you mean {name}?"),
        (None, Some(section)) => format!("{typed} belongs under {}", written(section)),
        (None, None) => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// The first section that has a key of exactly this name.
fn home_of(key: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.key(key).is_some())
}

fn written(section: &Section) -> String {
    match section.shape {
        Shape::Table => format!("[{}]", section.name),
        Shape::List => format!("[[{}]]", section.name),
    }
}

fn unknown(reader: &mut Reader, path: String, source: &Source, message: &str, hint: String) {
    let (message, hint) = (message.to_owned(), Some(hint));
    let code = ErrorCode::ConfigKey;
    reader
        .problems
        .push(Problem { code, path, source: source.clone(), message, hint });
}

fn misshapen(reader: &mut Reader, section: &Section, source: &Source) {
    let message = match section.shape {
        Shape::Table => "is one table, not a list of them or a value",
        Shape::List => "is a list of tables",
    };
    let hint = format!("write {} on a line of its own", written(section));
    reader.wrong(
        section.name.to_owned(),
        source.clone(),
        Complaint::new(message, hint),
    );
}
