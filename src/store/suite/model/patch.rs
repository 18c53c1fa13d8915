//! RFC 7644, 3.5.2, for documents of JSON: the simplest that could be right.
//!
//! Of decisions that the RFC leaves open it knows three: a value that is empty unassigns; what a
//! filter describes completely is made where there is none of it; and what has only a type left is
//! nothing.

use serde_json::{Map, Value, json};

use super::world::fold;
use crate::scim::schema::ENTERPRISE;

/// The `scimType` of a refusal.
pub(super) type Wrong = &'static str;

/// All operations of a body, or none.
pub(super) fn apply(document: &Value, operations: &[Value]) -> Result<Value, Wrong> {
    let mut after = document.clone();
    for operation in operations {
        one(&mut after, operation)?;
    }
    tidy(&mut after);
    Ok(after)
}

/// What is wrong with a body, whoever it is about.
pub(super) fn look_at_all(operations: &[Value]) -> Result<(), Wrong> {
    operations.iter().try_for_each(look_at)
}

/// A document as a body says it.
pub(super) fn read(body: &Value) -> Result<Value, Wrong> {
    let mut document = body.clone();
    if let Some(emails) = document.get("emails").and_then(Value::as_array) {
        one_primary(emails)?;
    }
    document.as_object_mut().unwrap().remove("members");
    tidy(&mut document);
    Ok(document)
}

fn one_primary(list: &[Value]) -> Result<(), Wrong> {
    // What is written twice is one.
    let mut list = json!(list);
    tidy(&mut list);
    let list = list.as_array().unwrap().iter();
    match list.filter(|element| element["primary"] == json!(true)).count() {
        0 | 1 => Ok(()),
        _ => Err("invalidValue"),
    }
}

/// Null, "", {} and [] are no values; a list has nothing twice.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(parts) => {
            parts.values_mut().for_each(tidy);
            parts.retain(|_, value| !is_nothing(value));
        }
        Value::Array(list) => {
            list.iter_mut().for_each(tidy);
            let mut seen: Vec<Value> = Vec::new();
            for element in list.drain(..) {
                if !is_nothing(&element) && !seen.contains(&element) {
                    seen.push(element);
                }
            }
            *list = seen;
        }
        _ => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    [json!(null), json!(""), json!({}), json!([])].contains(value)
}

/// What is wrong whatever the document.
fn look_at(operation: &Value) -> Result<(), Wrong> {
    let removes = operation["op"] == "remove";
    match (operation["path"].as_str(), &operation["value"]) {
        (None, _) if removes => Err("noTarget"),
        (None, value) => value.as_object().unwrap().iter().try_for_each(|(name, value)| {
            if ["id", "shoeSize"].contains(&name.as_str()) {
                return Ok(());
            }
            look_at(&json!({ "op": operation["op"], "path": name, "value": value }))
        }),
        (Some("id"), _) => Err("mutability"),
        (Some("shoeSize"), _) => Err("invalidPath"),
        (Some("emails[type eq"), _) => Err("invalidFilter"),
        (Some("userName"), _) if removes => Err("mutability"),
        (Some("userName"), value) if is_nothing(value) => Err("invalidValue"),
        (Some("emails"), Value::Array(list)) => one_primary(list),
        _ => Ok(()),
    }
}

fn one(document: &mut Value, operation: &Value) -> Result<(), Wrong> {
    let verb = operation["op"].as_str().unwrap();
    let value = &operation["value"];
    let Some(path) = operation["path"].as_str() else {
        for (name, value) in value.as_object().unwrap() {
            if !["id", "shoeSize"].contains(&name.as_str()) {
                one(
                    document,
                    &json!({ "op": verb, "path": name, "value": value }),
                )?;
            }
        }
        return Ok(());
    };
    if path == ENTERPRISE {
        return match verb {
            "remove" => set(document, path, Value::Null),
            _ => value.as_object().unwrap().iter().try_for_each(|(name, value)| {
                let path = format!("{ENTERPRISE}:{name}");
                one(
                    document,
                    &json!({ "op": verb, "path": path, "value": value }),
                )
            }),
        };
    }
    if let Some(name) = path.strip_prefix(&format!("{ENTERPRISE}:")) {
        let mut extension = document.get(ENTERPRISE).cloned().unwrap_or_else(|| json!({}));
        one(
            &mut extension,
            &json!({ "op": verb, "path": name, "value": value }),
        )?;
        return set(document, ENTERPRISE, extension);
    }
    if let Some((name, rest)) = path.split_once('[') {
        let (filter, sub) = rest.split_once(']').unwrap();
        return some_elements(document, verb, name, filter, sub.strip_prefix('.'), value);
    }
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    match (verb, sub, value) {
        (_, Some(sub), _) => {
            let value = if verb == "remove" {
                &Value::Null
            } else {
                value
            };
            let mut whole = document.get(name).cloned().unwrap_or_else(|| json!({}));
            set(&mut whole, sub, value.clone())?;
            set(document, name, whole)
        }
        ("remove", None, _) => set(document, name, Value::Null),
        ("add", None, Value::Array(list)) => add(document, name, list),
        ("replace", None, value) if is_nothing(value) => set(document, name, Value::Null),
        (_, None, Value::Object(parts)) => {
            let mut whole = document.get(name).cloned().unwrap_or_else(|| json!({}));
            for (sub, value) in parts {
                set(&mut whole, sub, value.clone())?;
            }
            set(document, name, whole)
        }
        (_, None, value) => set(document, name, value.clone()),
    }
}

fn set(document: &mut Value, name: &str, mut value: Value) -> Result<(), Wrong> {
    tidy(&mut value);
    let document = document.as_object_mut().unwrap();
    if is_nothing(&value) {
        document.remove(name);
    } else {
        document.insert(name.to_owned(), value);
    }
    Ok(())
}

/// 3.5.2.1: "If the value already exists, no changes SHOULD be made".
fn add(document: &mut Value, name: &str, new: &[Value]) -> Result<(), Wrong> {
    let mut list = document.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut primary = None;
    for element in new {
        let place = match list.iter().position(|old| same(old, element)) {
            Some(place) => {
                let old = list[place].as_object_mut().unwrap();
                old.extend(element.as_object().unwrap().clone());
                place
            }
            None => {
                list.push(element.clone());
                list.len() - 1
            }
        };
        if element["primary"] == json!(true) {
            primary = Some(place);
        }
    }
    make_primary(&mut list, primary);
    set(document, name, Value::Array(list))
}

/// Of several elements at most one is the primary one: the one that was made so last.
fn make_primary(list: &mut [Value], primary: Option<usize>) {
    for (place, element) in list.iter_mut().enumerate() {
        if primary.is_some_and(|primary| primary != place) && element["primary"] == json!(true) {
            element["primary"] = json!(false);
        }
    }
}

/// RFC 7643, 2.4: by value and type.
fn same(one: &Value, other: &Value) -> bool {
    let part = |element: &Value, name: &str| element[name].as_str().map(fold);
    if part(one, "value").is_none() || part(other, "value").is_none() {
        let bare = |element: &Value| {
            let mut parts: Map<_, _> = element.as_object().unwrap().clone();
            parts.remove("primary");
            parts
        };
        return bare(one) == bare(other);
    }
    ["value", "type"].iter().all(|name| part(one, name) == part(other, name))
}

/// `emails[type eq "work"]`, and what may follow.
fn some_elements(
    document: &mut Value,
    verb: &str,
    name: &str,
    filter: &str,
    sub: Option<&str>,
    value: &Value,
) -> Result<(), Wrong> {
    let mut list = document.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (by, wanted) = filter.split_once(" eq ").unwrap();
    let wanted = wanted.trim_matches('"');
    let means = |element: &Value| element[by].as_str().map(fold) == Some(fold(wanted));
    let mut made = Vec::new();
    match (verb, sub) {
        ("remove", None) => list.retain(|element| !means(element)),
        ("remove", Some(sub)) => {
            for element in list.iter_mut().filter(|element| means(element)) {
                let parts = element.as_object_mut().unwrap();
                let had = parts.remove(sub).is_some();
                let left = parts.keys().any(|part| !["type", "primary"].contains(&part.as_str()));
                if had && (sub == "value" || !left) {
                    *element = Value::Null;
                }
            }
        }
        (_, Some(sub)) => {
            for (place, element) in list.iter_mut().enumerate() {
                if means(element) {
                    element[sub] = value.clone();
                    made.push(place);
                }
            }
            if made.is_empty() && by == "value" {
                return Err("noTarget");
            }
            if made.is_empty() {
                list.push(json!({ by: wanted, sub: value }));
            }
        }
        _ => unreachable!("{verb} {filter}"),
    }
    if sub == Some("primary") && *value == json!(true) {
        match made.as_slice() {
            [one] => make_primary(&mut list, Some(*one)),
            _ => return Err("invalidValue"),
        }
    }
    set(document, name, Value::Array(list))
}
