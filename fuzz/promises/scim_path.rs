//! Paths of changes: written out again one leads to the same place, in whichever case its names are
//! written; and what only we write can not be led to.

use samlgate::scim::filter::{LENGTH, Target};
use samlgate::scim::path::{Elements, Path};
use samlgate::scim::schema::Mutability;
use samlgate::scim::{Filter, Found, Kind, ResourceKind, ScimType};

use super::scim::{CATALOGUE, KINDS, SAID, is_a_refusal};

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for kind in KINDS {
        let path = match Path::parse(&CATALOGUE, kind, text) {
            Ok(path) => path,
            Err(error) => {
                is_a_refusal(&error);
                let wrong = error.scim_type;
                let is = |scim_type| wrong == Some(scim_type);
                assert!(
                    is(ScimType::InvalidPath) || is(ScimType::InvalidFilter),
                    "{text:?}"
                );
                continue;
            }
        };
        let written = written(&path, kind);
        if written.len() <= LENGTH {
            for spelt in [written.clone(), format!(" {written}\t")] {
                let again = Path::parse(&CATALOGUE, kind, &spelt);
                let again = again.unwrap_or_else(|error| panic!("{spelt:?}: {error}"));
                assert_eq!(
                    said(&again, kind),
                    said(&path, kind),
                    "{text:?} is {spelt:?}"
                );
            }
        }
        let found = match &path {
            Path::Resource | Path::Extension(_) => None,
            Path::Attribute(found) | Path::Elements(Elements { found, .. }) => Some(*found),
        };
        let ours = found.is_some_and(|found| {
            [found.attribute, found.leaf()]
                .iter()
                .any(|attribute| attribute.mutability == Mutability::ReadOnly)
        });
        match path.writable() {
            Ok(_) => assert!(!ours, "{text:?} can be written"),
            Err(error) => {
                is_a_refusal(&error);
                assert!(
                    ours && error.scim_type == Some(ScimType::Mutability),
                    "{text:?}"
                );
            }
        }
    }
}

/// All that it says.
fn said(path: &Path<'_>, kind: ResourceKind) -> String {
    // What it describes an element by; values are written as they are compared.
    let described: Vec<&String> = match path {
        Path::Elements(Elements { described: Some(described), .. }) => described.keys().collect(),
        _ => Vec::new(),
    };
    format!("{} {described:?}", written(path, kind))
}

fn written(path: &Path<'_>, kind: ResourceKind) -> String {
    match path {
        Path::Resource => CATALOGUE.core(kind).id.to_string(),
        Path::Extension(schema) => schema.id.to_string(),
        Path::Attribute(found) => found.name(),
        Path::Elements(Elements { found, filter, .. }) => {
            let whole = Filter::Element(target(found), Box::new(filter.clone()));
            let part = found.sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
            let part = if found.attribute.kind == Kind::Complex {
                part
            } else {
                // Of a text that is called `value`.
                String::new()
            };
            format!("{whole}{part}")
        }
    }
}

/// The attribute, without a part of it.
fn target(found: &Found<'_>) -> Target {
    Target {
        key: String::new(),
        extension: found.extension.map(|schema| schema.id.to_string()),
        attribute: found.attribute.name.to_string(),
        sub: None,
        kind: found.attribute.kind,
        case_exact: found.attribute.case_exact,
        multi_valued: found.attribute.multi_valued,
    }
}

/// Those of the corpus, and each of the forms.
pub fn seeds() -> Vec<Vec<u8>> {
    let others = [
        "name.givenName",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\" and primary eq \"True\"].value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
        "urn:example:2.0:User:badge",
        "urn:example:2.0:User:badge:tags[value sw \"a\"]",
        "urn:example:2.0:User:badge:doors[not (floor gt 2) or name eq null].name",
        "addresses[type eq \"home\"].country",
        "members[value eq \"a\" or value eq \"b\"]",
        "groups[value eq \"a\"]",
        "meta.version",
        "id",
        "x509Certificates[value eq \"TUlJ\"]",
    ];
    let words = SAID.words.iter().map(|word| word.as_bytes().to_vec());
    words.chain(others.map(|text| text.as_bytes().to_vec())).collect()
}
