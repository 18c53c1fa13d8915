//! One change, done to a document that stays in the one form.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::scim::document::is_nothing;
use crate::scim::evaluate::element_matches;
use crate::scim::fold::fold;
use crate::scim::patch::{Action, Change, VALUES};
use crate::scim::path::Elements;
use crate::scim::schema::{Attribute, Found, Mutability};
use crate::scim::values::comparable;
use crate::scim::{Document, Kind, Object, ScimError, ScimType};

pub(super) fn apply(document: &mut Document, change: &Change<'_>) -> Result<(), ScimError> {
    match change {
        Change::Put(found, value) => match found.sub {
            None => store(document, found, value.clone()),
            Some(sub) if found.attribute.multi_valued => {
                put_part_of_each(document, found, sub, value.as_ref())
            }
            Some(sub) => put_part(document, found, sub, value.as_ref()),
        },
        Change::Append(found, values) => append(document, found, values),
        Change::Take(found, values) => take(document, found, values),
        Change::Choose(elements, action) => choose(document, elements, action),
        Change::Leave(schema) => schema.attributes.iter().try_for_each(|attribute| {
            let found = Found { extension: Some(schema), attribute, sub: None };
            store(document, &found, None)
        }),
    }
}

/// How many values it takes to look at.
pub(super) fn work(document: &Document, change: &Change<'_>) -> usize {
    let (found, each) = match change {
        Change::Put(Found { sub: None, .. }, _) | Change::Leave(_) => return 0,
        Change::Put(found, _) | Change::Append(found, _) | Change::Take(found, _) => (found, 1),
        Change::Choose(elements, _) => (&elements.found, elements.filter.terms().saturating_add(1)),
    };
    let elements = document.get(found).and_then(Value::as_array).map_or(0, Vec::len);
    elements.saturating_mul(each)
}

/// Puts all of an attribute in its place.
fn store(
    document: &mut Document,
    found: &Found<'_>,
    value: Option<Value>,
) -> Result<(), ScimError> {
    may_become(found.attribute, document.get(found), value.as_ref())?;
    document.set(found, value);
    Ok(())
}

fn put_part(
    document: &mut Document,
    found: &Found<'_>,
    sub: &Attribute,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let mut whole = document.get(found).cloned().unwrap_or_else(|| Value::Object(Object::new()));
    set_part(found.attribute, &mut whole, sub, value)?;
    store(document, found, Some(whole))
}

fn put_part_of_each(
    document: &mut Document,
    found: &Found<'_>,
    sub: &Attribute,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let mut list = List::of(document, found);
    if list.elements.is_empty()
        && let Some(value) = value
    {
        let element = Object::from_iter([(sub.name.to_string(), value.clone())]);
        list.elements.push(Value::Object(element));
    }
    for (index, element) in list.elements.iter_mut().enumerate() {
        set_part(found.attribute, element, sub, value)?;
        list.written.push(index);
    }
    list.store(document, found)
}

fn append(document: &mut Document, found: &Found<'_>, values: &[Value]) -> Result<(), ScimError> {
    let mut list = List::of(document, found);
    let before = list.elements.len();
    let mut places = HashMap::new();
    for (index, element) in list.elements.iter().enumerate() {
        places.entry(identity(found.attribute, element)).or_insert(index);
    }
    for value in values {
        let next = list.elements.len();
        let place = *places.entry(identity(found.attribute, value)).or_insert(next);
        match list.elements.get_mut(place) {
            Some(element) => merge(found.attribute, element, value)?,
            None => list.elements.push(value.clone()),
        }
        if is_primary(value) && !list.written.contains(&place) {
            list.written.push(place);
        }
    }
    list.at_most(before, found)?;
    list.store(document, found)
}

/// Takes away what a client lists: by `value`, and by `type` if it is given.
fn take(document: &mut Document, found: &Found<'_>, values: &[Value]) -> Result<(), ScimError> {
    let mut list = List::of(document, found);
    let listed: HashSet<_> = values.iter().map(|value| identity(found.attribute, value)).collect();
    list.elements.retain(|element| {
        let identity = identity(found.attribute, element);
        let of_any_type = Identity { kind: None, ..identity.clone() };
        !listed.contains(&identity) && !listed.contains(&of_any_type)
    });
    list.store(document, found)
}

fn choose(
    document: &mut Document,
    elements: &Elements<'_>,
    action: &Action,
) -> Result<(), ScimError> {
    let Elements { found, filter, described } = elements;
    let attribute = found.attribute;
    let mut list = List::of(document, found);
    let before = list.elements.len();
    let chosen: Vec<usize> = list
        .elements
        .iter()
        .enumerate()
        .filter(|(_, element)| element_matches(filter, element))
        .map(|(index, _)| index)
        .collect();
    if chosen.is_empty() {
        let given = match (action, found.sub) {
            (Action::Remove | Action::Part(None), _) => return Ok(()),
            (Action::Part(Some(value)), Some(sub)) => {
                Value::Object(Object::from_iter([(sub.name.to_string(), value.clone())]))
            }
            (Action::Merge(value) | Action::Replace(value) | Action::Part(Some(value)), _) => {
                value.clone()
            }
        };
        let described = described.as_ref().ok_or_else(|| no_target(found))?;
        list.written.push(before);
        list.elements.push(with(described, &given));
        list.at_most(before, found)?;
        return list.store(document, found);
    }
    for index in chosen {
        let Some(element) = list.elements.get_mut(index) else {
            continue;
        };
        match (action, found.sub) {
            (Action::Remove, _) => *element = Value::Null,
            (Action::Merge(value), _) => merge(attribute, element, value)?,
            (Action::Part(value), Some(sub)) => {
                set_part(attribute, element, sub, value.as_ref())?;
            }
            (Action::Part(_), None) => {}
            (Action::Replace(value), _) => {
                let value = match described {
                    Some(described) => with(&said_of(element, described), value),
                    None => value.clone(),
                };
                for sub in &attribute.sub_attributes {
                    may_become(sub, element.get(&*sub.name), value.get(&*sub.name))?;
                }
                *element = value;
            }
        }
        let says_primary = match action {
            Action::Merge(value) | Action::Replace(value) => is_primary(value),
            Action::Part(_) => found.sub.is_some_and(|sub| sub.name == "primary"),
            Action::Remove => false,
        };
        if says_primary {
            list.written.push(index);
        }
    }
    list.store(document, found)
}

/// The elements of an attribute, while they are changed.
struct List {
    elements: Vec<Value>,
    /// Which of them may have been made the primary one.
    written: Vec<usize>,
}

impl List {
    fn of(document: &Document, found: &Found<'_>) -> Self {
        let elements = document.get(found).and_then(Value::as_array).cloned().unwrap_or_default();
        Self { elements, written: Vec::new() }
    }

    fn at_most(&self, before: usize, found: &Found<'_>) -> Result<(), ScimError> {
        if self.elements.len() > VALUES.max(before) {
            let name = found.name();
            return Err(invalid(format_args!("{name} may have {VALUES} values")));
        }
        Ok(())
    }

    /// Whoever is made the primary one is so instead of another (RFC 7644, 3.5.2).
    fn store(mut self, document: &mut Document, found: &Found<'_>) -> Result<(), ScimError> {
        let is_new = |index: &&usize| self.elements.get(**index).is_some_and(is_primary);
        let mut new = self.written.iter().filter(is_new);
        match (new.next().copied(), new.next()) {
            (None, _) => {}
            (Some(primary), None) => {
                for (index, element) in self.elements.iter_mut().enumerate() {
                    if let Some(other) = element.get_mut("primary").filter(|_| index != primary) {
                        *other = Value::Bool(false);
                    }
                }
            }
            (Some(_), Some(_)) => {
                let name = found.name();
                return Err(invalid(format_args!(
                    "{name} has more than one primary value"
                )));
            }
        }
        let mut seen = HashSet::new();
        self.elements
            .retain(|element| !is_nothing(element) && seen.insert(element.to_string()));
        store(document, found, Some(Value::Array(self.elements)))
    }
}

/// Changes one part of a complex value. What loses its `value` is nothing any more, nor is what has
/// lost a part and has only a type left.
fn set_part(
    attribute: &Attribute,
    whole: &mut Value,
    sub: &Attribute,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let Value::Object(parts) = whole else {
        return Ok(());
    };
    let before = parts.get(&*sub.name);
    may_become(sub, before, value)?;
    if before == value {
        return Ok(());
    }
    // It is the address of what was meant before.
    if sub.name == "value" && before.is_some() && attribute.sub("$ref").is_some() {
        parts.remove("$ref");
    }
    match value {
        Some(value) => {
            parts.insert(sub.name.to_string(), value.clone());
        }
        None => {
            parts.remove(&*sub.name);
            if sub.name == "value" || parts.keys().all(|part| part == "type" || part == "primary") {
                *whole = Value::Null;
            }
        }
    }
    Ok(())
}

/// Gives an element the parts of another.
fn merge(attribute: &Attribute, element: &mut Value, with: &Value) -> Result<(), ScimError> {
    let Value::Object(parts) = with else {
        *element = with.clone();
        return Ok(());
    };
    let mut subs = attribute.sub_attributes.iter().collect::<Vec<_>>();
    subs.sort_by_key(|sub| sub.name != "value");
    subs.into_iter()
        .filter_map(|sub| Some((sub, parts.get(&*sub.name)?)))
        .try_for_each(|(sub, value)| set_part(attribute, element, sub, Some(value)))
}

/// What was said of an element, as the element itself has it.
fn said_of(element: &Value, described: &Object) -> Object {
    let own = |name: &String| Some((name.clone(), element.get(name)?.clone()));
    described.keys().filter_map(own).collect()
}

/// What was said of an element, and what it was given.
fn with(described: &Object, given: &Value) -> Value {
    let Value::Object(given) = given else {
        return given.clone();
    };
    let mut element = described.clone();
    element.extend(given.clone());
    Value::Object(element)
}

/// What makes two elements the same: their `value` and `type` (RFC 7643, 2.4), or, without a
/// `value`, all but which is the primary one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Identity {
    value: String,
    kind: Option<String>,
}

fn identity(attribute: &Attribute, element: &Value) -> Identity {
    let (of, value) = match attribute.kind {
        Kind::Complex => (attribute.sub("value"), element.get("value")),
        _ => (Some(attribute), Some(element)),
    };
    let value = of.zip(value).and_then(|(of, value)| comparable(of.kind, of.case_exact, value));
    let kind = element.get("type").and_then(Value::as_str).map(fold);
    match value {
        Some(value) => Identity { value, kind },
        None => {
            let mut element = element.clone();
            if let Value::Object(parts) = &mut element {
                parts.remove("primary");
            }
            Identity { value: element.to_string(), kind }
        }
    }
}

fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// RFC 7643, 2.2: what is immutable can be given once.
fn may_become(
    attribute: &Attribute,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<(), ScimError> {
    if attribute.mutability == Mutability::Immutable && before.is_some() && before != after {
        return Err(ScimError::bad(
            ScimType::Mutability,
            format_args!("{} can not be changed", attribute.name),
        ));
    }
    Ok(())
}

fn no_target(found: &Found<'_>) -> ScimError {
    ScimError::bad(
        ScimType::NoTarget,
        format_args!("no value of {} is meant by the path", found.attribute.name),
    )
}

fn invalid(detail: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, detail)
}
