//! `SAMLGATE_<SECTION>__<KEY>` laid over the file.
//!
//! Variables with `__` are ours, and a wrong one is a mistake like a wrong key. Others that begin
//! with `SAMLGATE_` are left alone: Kubernetes gives every container `SAMLGATE_SERVICE_HOST` and
//! the like for a Service named `samlgate`. The exception is a key with one underscore too few.

use std::os::unix::fs::PermissionsExt as _;

use super::keys::{Availability, Key, Kind, SECTIONS, Shape, environment_name};
use super::nearest::nearest;
use super::node::{Entry, Item, Node};
use super::problem::{Problem, Source};
use super::reader::{Complaint, Reader};
use crate::base::ErrorCode;

/// Names the configuration file; read before everything else.
pub(super) const CONFIG: &str = "SAMLGATE_CONFIG";
const PREFIX: &str = "SAMLGATE_";
const FILE: &str = "_FILE";

/// A key that can be set from the environment.
struct Settable {
    variable: String,
    /// Sections and keys from the outside in.
    path: Vec<&'static str>,
    key: &'static Key,
}

/// Replaces what the file says by what the environment says.
pub(super) fn overlay(
    reader: &mut Reader,
    root: &mut Vec<Entry>,
    environment: &[(String, String)],
) {
    let settables = settables();
    let mut used: Vec<(&str, &str)> = Vec::new();
    for (variable, text) in environment {
        let source = Source::Environment(variable.clone());
        let direct = settables.iter().find(|settable| settable.variable == *variable);
        let from_file = variable
            .strip_suffix(FILE)
            .and_then(|base| settables.iter().find(|settable| settable.variable == base));
        match (direct, from_file) {
            (Some(settable), _) => set(root, settable, node(settable.key, text, &source)),
            (None, Some(settable)) if settable.key.secret => match std::fs::read_to_string(text) {
                Ok(content) => {
                    readable(reader, settable, text, &source);
                    let content = content.trim_end_matches(['\r', '\n']);
                    set(root, settable, node(settable.key, content, &source));
                }
                Err(error) => {
                    let complaint = Complaint::new(
                        format!("{text} can not be read: {error}"),
                        "name a file that the gateway may read",
                    );
                    reader.wrong(settable.path.join("."), source, complaint);
                }
            },
            (None, Some(settable)) => {
                let hint = format!("set {} to the value itself", settable.variable);
                let complaint = Complaint::new("is not read from a file", hint);
                reader.wrong(settable.path.join("."), source, complaint);
            }
            (None, None) => {
                unknown(reader, variable, &settables);
                continue;
            }
        }
        let Some(settable) = direct.or(from_file) else {
            continue;
        };
        let source = Source::Environment(variable.clone());
        let path = settable.path.join(".");
        if let Some((_, other)) = used.iter().find(|(known, _)| *known == settable.variable) {
            let message = format!("both {other} and {variable} are set");
            reader.wrong(path, source, Complaint::new(message, "set one of them"));
        } else if settable.key.availability == Availability::Later {
            reader.wrong(path, source, Complaint::later());
        }
        used.push((&settable.variable, variable));
    }
}

/// Keys in files that everybody on this machine can read are no secrets.
fn readable(reader: &mut Reader, settable: &Settable, file: &str, source: &Source) {
    let mode = std::fs::metadata(file).map_or(0, |about| about.permissions().mode());
    if mode & 0o007 != 0 {
        let complaint = Complaint::new(
            format!("{file} can be read by others"),
            "chmod 600 it, and make it the gateway's own",
        );
        reader.warn(settable.path.join("."), source.clone(), complaint);
    }
}

fn settables() -> Vec<Settable> {
    let mut settables = Vec::new();
    for section in SECTIONS.iter().filter(|section| section.shape == Shape::Table) {
        for key in section.keys {
            let path = vec![section.name, key.name];
            match key.kind {
                Kind::Inner(inner) => settables.extend(inner.iter().map(|key| {
                    let path = [path.as_slice(), &[key.name]].concat();
                    Settable { variable: environment_name(&path), path, key }
                })),
                _ => settables.push(Settable { variable: environment_name(&path), path, key }),
            }
        }
    }
    settables
}

/// A value from its text, after the kind of its key. A wrong word stays a string, and the reader
/// complains about it as it would in the file.
pub(super) fn node(key: &Key, text: &str, source: &Source) -> Node {
    let item = match (key.kind, text) {
        (Kind::Texts | Kind::Choices(_), _) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Item::List(words.map(|word| Node::text(word, source)).collect())
        }
        (Kind::Integers, _) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let number = |word: &str| match word.bytes().all(|byte| byte.is_ascii_digit()) {
                true => Node { item: Item::Number(word.to_owned()), source: source.clone() },
                false => Node::text(word, source),
            };
            Item::List(words.map(number).collect())
        }
        (Kind::Integer, _) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Item::Number(text.to_owned())
        }
        (Kind::Share, _) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            Item::Number(text.to_owned())
        }
        (Kind::Boolean, "true") => Item::Boolean(true),
        (Kind::Boolean, "false") => Item::Boolean(false),
        _ => Item::Text(text.to_owned()),
    };
    Node { item, source: source.clone() }
}

fn set(entries: &mut Vec<Entry>, settable: &Settable, node: Node) {
    put(entries, &settable.path, node);
}

fn put(entries: &mut Vec<Entry>, path: &[&str], node: Node) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let source = node.source.clone();
    let place = entries.iter().position(|entry| entry.key == *first);
    if rest.is_empty() {
        let entry = Entry { key: (*first).to_owned(), source, node };
        match place.and_then(|place| entries.get_mut(place)) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
        return;
    }
    match place.and_then(|place| entries.get_mut(place)) {
        Some(Entry { node: Node { item: Item::Table(inner), .. }, .. }) => put(inner, rest, node),
        // Not a table: the check of names has complained about it already.
        Some(_) => {}
        None => {
            let mut inner = Vec::new();
            put(&mut inner, rest, node);
            let node = Node { item: Item::Table(inner), source: source.clone() };
            entries.push(Entry { key: (*first).to_owned(), source, node });
        }
    }
}

fn unknown(reader: &mut Reader, variable: &str, settables: &[Settable]) {
    let Some(rest) = variable.strip_prefix(PREFIX) else {
        return;
    };
    let squeezed = |name: &str| name.replace("__", "_");
    let names = settables.iter().map(|settable| settable.variable.as_str());
    let hint = if rest.contains("__") {
        let first = rest.split("__").next().unwrap_or_default().to_ascii_lowercase();
        let list = SECTIONS
            .iter()
            .find(|section| section.shape == Shape::List && section.name == first);
        match (list, nearest_variable(variable, names)) {
            (Some(section), _) => format!("[[{}]] can only be written in the file", section.name),
            (None, Some(name)) => format!("did you mean {name}?"),
            (None, None) => "docs/configuration.md lists every variable".to_owned(),
        }
    } else {
        match names.into_iter().find(|name| squeezed(name) == variable) {
            Some(name) => format!("did you mean {name}?"),
            None => return,
        }
    };
    reader.problems.push(Problem {
        code: ErrorCode::ConfigKey,
        path: String::new(),
        source: Source::Environment(variable.to_owned()),
        message: "there is no such variable".to_owned(),
        hint: Some(hint),
    });
}

fn nearest_variable<'n>(typed: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // `nearest` compares in lower case, and takes `-` for `_`: both are fine here.
    nearest(typed, names)
}
