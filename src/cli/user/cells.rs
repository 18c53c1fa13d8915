//! Attributes as cells of a table, and cells as attributes.
//!
//! A column is called as SCIM calls the attribute (`name.givenName`, `department`). Several values
//! stand in one cell, with semicolons between them; of a complex one it is the part `value`.

use serde_json::Value;

use crate::scim::schema::{Attribute, ENTERPRISE, Mutability};
use crate::scim::{Catalogue, Document, Found, Kind, Object, ResourceKind};

/// An attribute, or a part of one, that a cell can hold.
pub(super) fn resolve<'c>(catalogue: &'c Catalogue, name: &str) -> Option<Found<'c>> {
    let found = catalogue.resolve(ResourceKind::User, name)?;
    is_cell(&found).then_some(found)
}

fn is_cell(found: &Found<'_>) -> bool {
    let attribute = found.attribute;
    let simple = |attribute: &Attribute| attribute.kind != Kind::Complex || attribute.has_value();
    match found.sub {
        Some(_) => !attribute.multi_valued,
        None => simple(attribute),
    }
}

/// Whether whoever provisions may say it.
pub(super) fn is_writable(found: &Found<'_>) -> bool {
    found.leaf().mutability != Mutability::ReadOnly
        && found.attribute.mutability != Mutability::ReadOnly
}

/// The value of a cell that is not empty, as a client would write it.
pub(super) fn value(found: &Found<'_>, cell: &str) -> Value {
    if found.sub.is_some() || !found.attribute.multi_valued {
        return Value::from(cell);
    }
    let attribute = found.attribute;
    let primary = attribute.sub("primary").is_some();
    let elements = split(cell).into_iter().enumerate().map(|(place, text)| {
        if attribute.kind != Kind::Complex {
            return Value::from(text);
        }
        let mut element = Object::from_iter([("value".to_owned(), Value::from(text))]);
        if place == 0 && primary {
            element.insert("primary".to_owned(), Value::Bool(true));
        }
        Value::Object(element)
    });
    elements.collect()
}

/// A value of a document as a cell; empty where there is none.
pub(super) fn cell(document: &Document, found: &Found<'_>) -> String {
    let Some(value) = document.get(found) else {
        return String::new();
    };
    let value = match found.sub {
        Some(sub) => value.get(&*sub.name),
        None => Some(value),
    };
    match value {
        Some(Value::Array(elements)) => join(ordered(elements).into_iter().map(text)),
        Some(value) => text(value),
        None => String::new(),
    }
}

/// The primary one first.
fn ordered(elements: &[Value]) -> Vec<&Value> {
    let is_primary = |element: &&Value| element.get("primary") == Some(&Value::Bool(true));
    let (mut first, others): (Vec<&Value>, Vec<&Value>) = elements.iter().partition(is_primary);
    first.extend(others);
    first
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => parts.get("value").map(text).unwrap_or_default(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

/// Several values in one cell.
pub(super) fn join(values: impl IntoIterator<Item = String>) -> String {
    let escaped = |value: String| value.replace('\\', "\\\\").replace(';', "\\;");
    let values: Vec<String> =
        values.into_iter().filter(|value| !value.is_empty()).map(escaped).collect();
    values.join(";")
}

/// The values of one cell, each once.
pub(super) fn split(cell: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut value = String::new();
    let mut end = |value: &mut String| {
        let text = std::mem::take(value).trim().to_owned();
        if !text.is_empty() && !values.contains(&text) {
            values.push(text);
        }
    };
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        match character {
            ';' => end(&mut value),
            '\\' => value.extend(characters.next()),
            character => value.push(character),
        }
    }
    end(&mut value);
    values
}

/// What becomes of a document when the named attributes are as `new` has them, or not there.
pub(super) fn merged(
    catalogue: &Catalogue,
    before: &Document,
    new: &Document,
    names: &[String],
) -> Document {
    let mut document = before.clone();
    for name in names {
        let Some(found) = catalogue.resolve(ResourceKind::User, name) else {
            continue;
        };
        let value = match found.sub {
            Some(sub) => part(document.get(&found), new.get(&found), &sub.name),
            None => whole(found.attribute, document.get(&found), new.get(&found)),
        };
        // Nobody is let in, kept out, or not known any more by a cell that says nothing.
        let name = &*found.attribute.name;
        if value.is_none() && found.extension.is_none() && KEPT.contains(&name) {
            continue;
        }
        document.set(&found, value);
    }
    document
}

/// What an empty cell does not take away.
const KEPT: [&str; 2] = ["active", "externalId"];

/// An attribute with one part as another has it.
fn part(before: Option<&Value>, new: Option<&Value>, name: &str) -> Option<Value> {
    let mut parts = before.and_then(Value::as_object).cloned().unwrap_or_default();
    match new.and_then(|new| new.get(name)) {
        Some(value) => parts.insert(name.to_owned(), value.clone()),
        None => parts.remove(name),
    };
    Some(Value::Object(parts))
}

/// An attribute as another has it. Of what has the same `value`, the other parts stay: a table
/// knows nothing of them.
fn whole(attribute: &Attribute, before: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let (Some(before), Some(new)) = (before, new) else {
        return new.cloned();
    };
    if !attribute.has_value() {
        return Some(new.clone());
    }
    match (before, new) {
        (Value::Array(before), Value::Array(new)) => {
            let values = |list: &[Value]| ordered(list).into_iter().map(text).collect::<Vec<_>>();
            if new.iter().all(says_value_alone) && values(before) == values(new) {
                return Some(Value::Array(before.clone()));
            }
            let kept = |element: &Value| {
                let same = |known: &&Value| text(known) == text(element);
                let known = before.iter().find(same).and_then(Value::as_object);
                match (known, element) {
                    (Some(known), Value::Object(parts)) if says_value_alone(element) => {
                        let mut whole = known.clone();
                        whole.remove("primary");
                        whole.extend(parts.clone());
                        Value::Object(whole)
                    }
                    _ => element.clone(),
                }
            };
            Some(new.iter().map(kept).collect())
        }
        (before, new) if says_value_alone(new) && text(before) == text(new) => Some(before.clone()),
        (_, new) => Some(new.clone()),
    }
}

/// As [`value`] makes it.
fn says_value_alone(element: &Value) -> bool {
    element
        .as_object()
        .is_some_and(|parts| parts.keys().all(|name| name == "value" || name == "primary"))
}

/// The columns that each table has, with those that these documents need besides; and what of them
/// no cell can hold.
#[derive(Debug, Default)]
pub(super) struct Columns {
    more: std::collections::BTreeSet<String>,
    /// Attributes that a table leaves out.
    pub(super) left_out: std::collections::BTreeSet<String>,
}

/// These come first, in this order.
const USUAL: [&str; 12] = [
    "userName",
    "externalId",
    "active",
    "name.givenName",
    "name.familyName",
    "displayName",
    "emails",
    "title",
    "department",
    "employeeNumber",
    "manager",
    "phoneNumbers",
];

impl Columns {
    /// Looks at one more document.
    pub(super) fn note(&mut self, catalogue: &Catalogue, document: &Document) {
        self.of("", document.as_object(), catalogue);
        for schema in catalogue.extensions(ResourceKind::User) {
            if let Some(Value::Object(parts)) = document.as_object().get(&*schema.id) {
                let prefix = match schema.id == ENTERPRISE {
                    true => String::new(),
                    false => format!("{}:", schema.id),
                };
                self.of(&prefix, parts, catalogue);
            }
        }
    }

    fn of(&mut self, prefix: &str, parts: &Object, catalogue: &Catalogue) {
        for (name, value) in parts {
            let name = format!("{prefix}{name}");
            let found = catalogue.resolve(ResourceKind::User, &name);
            match (found, value) {
                // An extension, which is looked at by itself.
                (None, _) => {}
                (Some(found), _) if is_cell(&found) => {
                    self.more.insert(name);
                }
                (Some(found), Value::Object(parts)) if !found.attribute.multi_valued => {
                    self.more.extend(parts.keys().map(|part| format!("{name}.{part}")));
                }
                (Some(_), _) => {
                    self.left_out.insert(name);
                }
            }
        }
    }

    /// All of them, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let more = self.more.iter().filter(|name| !USUAL.contains(&name.as_str()));
        USUAL.iter().map(|name| (*name).to_owned()).chain(more.cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::document::Unknown;

    fn document(value: Value) -> Document {
        let Value::Object(body) = value else {
            unreachable!()
        };
        let read = Document::read(
            &body,
            ResourceKind::User,
            &Catalogue::standard(),
            Unknown::Refused,
        );
        read.unwrap().document
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn several_values_stand_in_one_cell() {
        assert_eq!(split(" a ; b;;a"), ["a", "b"]);
        let values = ["R;D", "back\\slash"].map(str::to_owned);
        let cell = join(values.clone());
        assert_eq!(cell, "R\\;D;back\\\\slash");
        assert_eq!(split(&cell), values);
    }

    #[test]
    fn a_column_is_an_attribute_with_one_value_or_a_list_of_them() {
        let catalogue = Catalogue::standard();
        let column = |name: &str| resolve(&catalogue, name).is_some();
        for good in [
            "userName",
            "NAME.givenname",
            "emails",
            "department",
            "manager",
            "active",
        ] {
            assert!(column(good), "{good}");
        }
        for bad in ["name", "addresses", "emails.value", "shoeSize", ""] {
            assert!(!column(bad), "{bad}");
        }
    }

    #[test]
    fn a_table_changes_what_it_has_a_column_for_and_nothing_else() {
        let catalogue = Catalogue::standard();
        let before = document(json!({
            "userName": "alice", "active": false, "nickName": "Al",
            "name": { "givenName": "Alice", "middleName": "B." },
            "emails": [
                { "value": "home@example.com", "type": "home" },
                { "value": "work@example.com", "type": "work", "primary": true },
            ],
        }));
        let same = document(json!({
            "userName": "alice",
            "emails": value(&resolve(&catalogue, "emails").unwrap(), "work@example.com;home@example.com"),
        }));
        let untouched = merged(
            &catalogue,
            &before,
            &same,
            &names(&["userName", "emails", "active"]),
        );
        assert_eq!(untouched, before);

        let new = document(json!({
            "userName": "alice", "name.givenName": "Alicia",
            "emails": value(&resolve(&catalogue, "emails").unwrap(), "home@example.com"),
        }));
        let columns = names(&["userName", "name.givenName", "name.middleName", "emails"]);
        let changed = merged(&catalogue, &before, &new, &columns);
        let expected = document(json!({
            "userName": "alice", "active": false, "nickName": "Al",
            "name": { "givenName": "Alicia" },
            "emails": [{ "value": "home@example.com", "type": "home", "primary": true }],
        }));
        assert_eq!(changed, expected);
    }

    #[test]
    fn what_no_cell_can_hold_is_named() {
        let catalogue = Catalogue::standard();
        let mut columns = Columns::default();
        columns.note(
            &catalogue,
            &document(json!({
                "userName": "alice", "nickName": "Al", "name": { "formatted": "A" },
                "addresses": [{ "country": "DE" }], "costCenter": "7",
            })),
        );
        let names = columns.names();
        for name in ["nickName", "name.formatted", "costCenter", "userName"] {
            assert!(names.contains(&name.to_owned()), "{name}");
        }
        assert_eq!(Vec::from_iter(&columns.left_out), ["addresses"]);
    }
}
