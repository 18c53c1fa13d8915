//! `config schema`: JSON Schema (draft 2020-12) of the file, from the table of keys.
//!
//! For editors: completion, descriptions, and a first look at types. `config check` knows more.

use serde_json::{Map, Value, json};

use super::keys::{Availability, Fallback, Key, Kind, SECTIONS, Shape};
use super::node::default_node;
use super::show::Effective;

/// The schema.
pub fn schema() -> Value {
    let mut sections = Map::new();
    for section in SECTIONS {
        let mut table = object(section.keys);
        let schema = match section.shape {
            Shape::Table => {
                insert(&mut table, "description", json!(section.doc));
                table
            }
            Shape::List => {
                json!({ "type": "array", "description": section.doc, "items": table })
            }
        };
        sections.insert(section.name.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "samlgate.toml",
        "description": "Configuration of samlgate. What is required may also come from the environment.",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
        "required": ["route"],
    })
}

fn object(keys: &[Key]) -> Value {
    let now = || keys.iter().filter(|key| key.availability == Availability::Now);
    let properties = now().map(|key| (key.name.to_owned(), property(key))).collect::<Map<_, _>>();
    let required = now().filter(|key| matches!(key.fallback, Fallback::Required));
    let required = required.map(|key| key.name).collect::<Vec<_>>();
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        insert(&mut object, "required", json!(required));
    }
    object
}

fn property(key: &Key) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "oneOf": [text(), { "type": "array", "items": text() }] });
    let mut schema = match key.kind {
        Kind::Text => text(),
        Kind::Texts => texts(),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer => json!({ "type": "integer", "minimum": 0 }),
        Kind::Integers => json!({ "type": "array", "items": { "type": "integer", "minimum": 0 } }),
        Kind::Share => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+([KMG]i?)?B$" }),
        Kind::Rate => json!({ "type": "string", "pattern": "^([1-9][0-9]*/[smh]|off)$" }),
        Kind::Age => json!({ "type": "string", "pattern": "^([0-9]+[smhd]|forever)$" }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+[smhd]$" }),
        Kind::Moment => json!({
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$",
        }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Choices(words) => {
            json!({ "oneOf": [{ "enum": words }, { "type": "array", "items": { "enum": words } }] })
        }
        Kind::TextByName => json!({ "type": "object", "additionalProperties": text() }),
        Kind::TextsByName => json!({ "type": "object", "additionalProperties": texts() }),
        Kind::Inner(keys) => object(keys),
    };
    insert(&mut schema, "description", json!(key.doc));
    if let Fallback::Value(toml) = key.fallback {
        let default = Effective::new(String::new(), default_node(toml).as_ref(), false);
        insert(&mut schema, "default", default.value);
    }
    schema
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}
