//! What a store looks documents up by: one entry for each single value.

use serde_json::Value;

use crate::scim::schema::{Attribute, ENTERPRISE, Returned, Schema};
use crate::scim::values::comparable;
use crate::scim::{Catalogue, Document, Kind, Object, ResourceKind};

/// A single value of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// [`crate::scim::Found::key`]; of a complex attribute always with the part.
    pub key: String,
    /// Of which element of an attribute that has several, from zero: what is true of one element
    /// is told by this from what is true of two.
    pub element: u32,
    /// [`comparable`].
    pub value: String,
}

/// All values of a document, in its order; `active` of a user also where it says nothing of it.
///
/// Not in here is what a document does not have: `id`, `meta`, `schemas`, groups and members. What
/// a filter asks of a key without a value of its own (`name pr`, `addresses pr`) is asked of all
/// keys that begin with it and a dot.
///
/// ```
/// use samlgate::scim::{Catalogue, Document, ResourceKind::Group, entries};
/// let document = Document::stored(r#"{"displayName": "Admins"}"#).unwrap();
/// let entries = entries::entries(&document, Group, &Catalogue::standard());
/// assert_eq!((&*entries[0].key, &*entries[0].value), ("displayname", "admins"));
/// ```
pub fn entries(document: &Document, kind: ResourceKind, catalogue: &Catalogue) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(32);
    if kind == ResourceKind::User && document.active().is_none() {
        let value = true.to_string();
        entries.push(Entry { key: "active".to_owned(), element: 0, value });
    }
    of_schema(&mut entries, "", catalogue.core(kind), document.as_object());
    // It is a common attribute, in no schema.
    if let Some(id) = document.external_id() {
        let value = id.to_owned();
        entries.push(Entry { key: "externalid".to_owned(), element: 0, value });
    }
    for schema in catalogue.extensions(kind) {
        if let Some(Value::Object(parts)) = document.as_object().get(&*schema.id) {
            let prefix = match schema.id == ENTERPRISE {
                true => "e:".to_owned(),
                false => format!("{}:", schema.id.to_ascii_lowercase()),
            };
            of_schema(&mut entries, &prefix, schema, parts);
        }
    }
    entries
}

fn of_schema(entries: &mut Vec<Entry>, prefix: &str, schema: &Schema, parts: &Object) {
    for (name, value) in parts {
        let Some(attribute) = schema.attributes.iter().find(|known| known.name == name.as_str())
        else {
            continue;
        };
        let key = format!("{prefix}{}", name.to_ascii_lowercase());
        match value {
            Value::Array(list) if attribute.multi_valued => {
                for (element, value) in (0_u32..).zip(list) {
                    of_value(entries, attribute, &key, element, value);
                }
            }
            value => of_value(entries, attribute, &key, 0, value),
        }
    }
}

fn of_value(
    entries: &mut Vec<Entry>,
    attribute: &Attribute,
    key: &str,
    element: u32,
    value: &Value,
) {
    // What is not told can not be asked for, either.
    if attribute.returned == Returned::Never {
        return;
    }
    match value {
        Value::Object(parts) if attribute.kind == Kind::Complex => {
            for (name, value) in parts {
                let known = attribute.sub_attributes.iter().find(|sub| sub.name == name.as_str());
                if let Some(sub) = known {
                    let key = format!("{key}.{}", name.to_ascii_lowercase());
                    of_value(entries, sub, &key, element, value);
                }
            }
        }
        value => {
            if let Some(value) = comparable(attribute.kind, attribute.case_exact, value) {
                entries.push(Entry { key: key.to_owned(), element, value });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::scim::evaluate::matches;
    use crate::scim::{Filter, Found};

    fn of(document: Value) -> BTreeSet<(String, u32, String)> {
        let document = Document::stored(&document.to_string()).unwrap();
        entries(&document, ResourceKind::User, &Catalogue::standard())
            .into_iter()
            .map(|entry| (entry.key, entry.element, entry.value))
            .collect()
    }

    #[test]
    fn each_value_is_an_entry() {
        let found = of(json!({
            "userName": "Alice", "externalId": "E1", "active": false,
            "name": {"givenName": "Alice"},
            "emails": [{"value": "A@example.com", "type": "work", "primary": true}, {"value": "b"}],
            "x509Certificates": [{"value": "TUlJ"}],
            ENTERPRISE: {"department": "R&D", "manager": {"value": "M1"}},
            "password": "secret",
        }));
        let expected = [
            ("active", 0, "false"),
            ("username", 0, "alice"),
            ("externalid", 0, "E1"),
            ("name.givenname", 0, "alice"),
            ("emails.value", 0, "a@example.com"),
            ("emails.type", 0, "work"),
            ("emails.primary", 0, "true"),
            ("emails.value", 1, "b"),
            ("x509certificates.value", 0, "TUlJ"),
            ("e:department", 0, "r&d"),
            ("e:manager.value", 0, "M1"),
        ];
        let expected =
            expected.map(|(key, element, value)| (key.to_owned(), element, value.to_owned()));
        assert_eq!(found, BTreeSet::from(expected));
    }

    #[test]
    fn somebody_is_active_by_default() {
        assert!(of(json!({"userName": "a"})).contains(&(
            "active".to_owned(),
            0,
            "true".to_owned()
        )));
    }

    #[test]
    fn keys_are_those_that_names_lead_to() {
        let catalogue = Catalogue::standard();
        let document = json!({"emails": [{"value": "a"}], ENTERPRISE: {"manager": {"value": "m"}}});
        for (key, ..) in of(document) {
            let name = key.replace("e:", &format!("{ENTERPRISE}:"));
            assert_eq!(
                catalogue.resolve(ResourceKind::User, &name).unwrap().key(),
                key
            );
        }
    }

    /// Every name of a user that leads to values of a document.
    fn names(catalogue: &Catalogue) -> Vec<String> {
        let mut names = Vec::new();
        let extensions = catalogue.user_extensions.iter().map(|schema| format!("{}:", schema.id));
        let prefixes = [String::new()].into_iter().chain(extensions);
        let schemas = [&catalogue.user].into_iter().chain(&catalogue.user_extensions);
        for (prefix, schema) in prefixes.zip(schemas) {
            for attribute in schema
                .attributes
                .iter()
                .filter(|attribute| !["groups", "password"].contains(&&*attribute.name))
            {
                names.push(format!("{prefix}{}", attribute.name));
                for sub in &attribute.sub_attributes {
                    names.push(format!("{prefix}{}.{}", attribute.name, sub.name));
                }
            }
        }
        names
    }

    proptest! {
        #[test]
        fn what_is_found_by_entries_is_what_is_true_of_a_document(
            choice in prop::collection::vec((0_usize..200, "[a-cA-Cß]{1,3}"), 0..6)
        ) {
            let catalogue = Catalogue::standard();
            let names = names(&catalogue);
            let mut document = Document::default();
            for (place, text) in choice {
                let name = &names[place % names.len()];
                let found = catalogue.resolve(ResourceKind::User, name).unwrap();
                let leaf = found.leaf();
                let value = match leaf.sub("value").unwrap_or(leaf).kind {
                    Kind::Boolean => json!(text.len() == 1),
                    Kind::Binary => json!("TUlJ"),
                    Kind::Complex => continue,
                    _ => json!(text),
                };
                let value = match found.sub {
                    Some(sub) => json!({&*sub.name: value}),
                    None => value,
                };
                let value = Document::normalise_value(&Found { sub: None, ..found }, &value);
                document.set(&found, value.unwrap());
            }
            let entries = entries(&document, ResourceKind::User, &catalogue);
            for name in &names {
                let found = catalogue.resolve(ResourceKind::User, name).unwrap();
                let key = found.key();
                let part = format!("{key}.");
                let filter = |what: &str| {
                    Filter::parse(&catalogue, ResourceKind::User, &format!("{name} {what}")).unwrap()
                };
                let is_true = |what: &str| matches(&filter(what), &document, &Object::new());
                let is_found = entries.iter().any(|entry| entry.key == key || entry.key.starts_with(&part));
                prop_assert_eq!(is_found, is_true("pr"), "{} {:?}", name, entries);
                let leaf = found.leaf();
                let value = match leaf.sub("value").unwrap_or(leaf).kind {
                    Kind::Boolean => "true",
                    Kind::Binary => "\"TUlJ\"",
                    Kind::Complex => continue,
                    _ => "\"Ab\"",
                };
                let Filter::Compare(_, _, operand) = filter(&format!("eq {value}")) else { panic!("{name}") };
                let is_found = entries.iter().any(|entry| entry.key == key && entry.value == operand.0);
                prop_assert_eq!(is_found, is_true(&format!("eq {value}")), "{}", name);
            }
        }
    }
}
