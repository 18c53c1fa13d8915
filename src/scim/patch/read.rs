//! From the body of a PATCH request to the changes that it means.

use serde_json::Value;

use crate::scim::document::{Member, Normaliser, Unknown, is_nothing};
use crate::scim::patch::{Action, Change, MemberChange, OPERATIONS, PATCH_OP, PatchRequest};
use crate::scim::path::{Elements, Path, is_read_only};
use crate::scim::schema::{Found, Mutability, ResourceKind, Schema, after_urn, within};
use crate::scim::{Catalogue, Kind, Object, ScimError, ScimType};

pub(super) fn read<'c>(
    body: &Object,
    kind: ResourceKind,
    catalogue: &'c Catalogue,
    unknown: Unknown,
) -> Result<PatchRequest<'c>, ScimError> {
    match named(body, "schemas") {
        Some(schemas) if names_patch_op(schemas) => {}
        // Some clients leave it out. There is no other message that it could be.
        None if unknown == Unknown::Ignored => {}
        _ => return Err(syntax(format_args!("\"schemas\" has to name {PATCH_OP}"))),
    }
    let operations = named(body, "Operations")
        .and_then(Value::as_array)
        .filter(|operations| !operations.is_empty())
        .ok_or_else(|| syntax("\"Operations\" has to be a list of operations"))?;
    if operations.len() > OPERATIONS {
        let detail = format!("one request may have {OPERATIONS} operations");
        return Err(ScimError::of(http::StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let mut reader = Reader {
        catalogue,
        kind,
        normaliser: Normaliser::new(unknown),
        changes: Vec::with_capacity(operations.len()),
        members: Vec::new(),
    };
    operations.iter().try_for_each(|operation| reader.operation(operation))?;
    Ok(PatchRequest {
        catalogue,
        kind,
        changes: reader.changes,
        members: reader.members,
        ignored: reader.normaliser.into_ignored(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

struct Reader<'c> {
    catalogue: &'c Catalogue,
    kind: ResourceKind,
    normaliser: Normaliser,
    changes: Vec<Change<'c>>,
    members: Vec<MemberChange>,
}

impl<'c> Reader<'c> {
    fn operation(&mut self, operation: &Value) -> Result<(), ScimError> {
        let operation =
            operation.as_object().ok_or_else(|| syntax("an operation is not an object"))?;
        let verb = named(operation, "op").and_then(Value::as_str).and_then(Verb::parse);
        let verb = verb.ok_or_else(|| syntax("\"op\" has to be add, replace or remove"))?;
        let value = named(operation, "value");
        let path = match named(operation, "path") {
            None | Some(Value::Null) => Path::Resource,
            Some(Value::String(path)) if path.is_empty() => Path::Resource,
            Some(Value::String(path)) => {
                Path::parse(self.catalogue, self.kind, path)?.writable()?
            }
            Some(_) => {
                let detail = "\"path\" is not a text";
                return Err(ScimError::bad(ScimType::InvalidSyntax, detail));
            }
        };
        match (path, value) {
            (Path::Resource, _) if verb == Verb::Remove => {
                let detail = "what is to be removed has to be named by a path";
                Err(ScimError::bad(ScimType::NoTarget, detail))
            }
            (_, None) if verb != Verb::Remove => Err(invalid("an operation has no value")),
            (Path::Resource, Some(Value::Object(value))) => self.resource(verb, value),
            (Path::Resource, _) => Err(invalid("without a path, the value has to be an object")),
            (Path::Extension(schema), value) => self.extension(verb, schema, value),
            (Path::Attribute(found), value) => self.attribute(verb, found, value),
            (Path::Elements(elements), value) => self.elements(verb, elements, value),
        }
    }

    /// A value without a path. Its names may be paths: `name.givenName`, an attribute of an
    /// extension with its URN. What only we write is no mistake here: clients send back what they
    /// read.
    fn resource(&mut self, verb: Verb, value: &Object) -> Result<(), ScimError> {
        for (name, value) in value {
            match Path::parse(self.catalogue, self.kind, name) {
                Err(_) => self.normaliser.unknown(name)?,
                Ok(Path::Resource) => match value {
                    Value::Object(value) => self.resource(verb, value)?,
                    value if is_nothing(value) => {}
                    _ => return Err(invalid("the value of a schema has to be an object")),
                },
                Ok(Path::Extension(schema)) => self.extension(verb, schema, Some(value))?,
                Ok(Path::Attribute(found)) if is_read_only(&found) => {}
                Ok(Path::Attribute(found)) => self.attribute(verb, found, Some(value))?,
                Ok(Path::Elements(elements)) if is_read_only(&elements.found) => {}
                Ok(Path::Elements(elements)) => self.elements(verb, elements, Some(value))?,
            }
        }
        Ok(())
    }

    fn extension(
        &mut self,
        verb: Verb,
        schema: &'c Schema,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        match (verb, value) {
            (Verb::Add, Some(value)) if is_nothing(value) => {}
            (Verb::Replace, Some(value)) if is_nothing(value) => self.leave(schema)?,
            (Verb::Remove, _) => self.leave(schema)?,
            (_, Some(Value::Object(value))) => {
                for (name, value) in value {
                    match within(schema, after_urn(&schema.id, name).unwrap_or(name)) {
                        None => self.normaliser.unknown(name)?,
                        Some(found) if is_read_only(&found) => {}
                        Some(found) => self.attribute(verb, found, Some(value))?,
                    }
                }
            }
            _ => return Err(invalid("the value of an extension has to be an object")),
        }
        Ok(())
    }

    fn leave(&mut self, schema: &'c Schema) -> Result<(), ScimError> {
        match schema.attributes.iter().find(|attribute| attribute.required) {
            Some(attribute) => Err(required(&attribute.name)),
            None => {
                self.changes.push(Change::Leave(schema));
                Ok(())
            }
        }
    }

    fn attribute(
        &mut self,
        verb: Verb,
        found: Found<'c>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if is_thrown_away(&found) {
            return Ok(());
        }
        if self.is_members(&found) {
            return self.members(verb, &found, value);
        }
        let list = found.sub.is_none() && found.attribute.multi_valued;
        let change = match (verb, value.unwrap_or(&Value::Null)) {
            // There is nothing in it that could be added.
            (Verb::Add, Value::Object(parts)) if parts.is_empty() => return Ok(()),
            (Verb::Remove, listed) if list && !listed.is_null() => {
                let listed = self.normaliser.value(&found, listed)?;
                Change::Take(found, elements_of(listed))
            }
            (Verb::Remove, _) if found.leaf().required => return Err(required(&found.name())),
            (Verb::Remove, _) => Change::Put(found, None),
            (Verb::Add, value) if list => {
                let value = self.normaliser.value(&found, value)?;
                Change::Append(found, elements_of(value))
            }
            (_, value) => {
                let one_complex = found.leaf().kind == Kind::Complex && !list;
                let of_parts = one_complex.then(|| given_parts(value)).flatten();
                let value = self.normaliser.value(&found, value)?;
                if let Some(given) = of_parts {
                    self.parts(found, given, value);
                    return Ok(());
                }
                if value.is_none() && found.leaf().required {
                    return Err(invalid(format_args!("{} can not be empty", found.name())));
                }
                Change::Put(found, value)
            }
        };
        self.changes.push(change);
        Ok(())
    }

    /// A complex attribute with one value, in the one form: what was not given stays.
    fn parts(&mut self, found: Found<'c>, given: &Object, value: Option<Value>) {
        let mut value = match value {
            Some(Value::Object(value)) => value,
            _ => Object::new(),
        };
        let mut subs: Vec<_> = found
            .attribute
            .sub_attributes
            .iter()
            .filter(|sub| {
                sub.mutability != Mutability::ReadOnly && named(given, &sub.name).is_some()
            })
            .collect();
        // Who is meant comes before what else is said about them.
        subs.sort_by_key(|sub| sub.name != "value");
        for sub in subs {
            let found = Found { sub: Some(sub), ..found };
            self.changes.push(Change::Put(found, value.remove(&*sub.name)));
        }
    }

    fn elements(
        &mut self,
        verb: Verb,
        mut elements: Elements<'c>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let found = elements.found;
        if is_thrown_away(&found) {
            return Ok(());
        }
        if self.is_members(&found) {
            return self.some_members(verb, &elements, value);
        }
        if let Some(described) = elements.described.take() {
            // It may become part of an element.
            let element = Value::Object(described);
            let element = self.normaliser.one(found.attribute, &found.name(), &element)?;
            elements.described = element.and_then(|element| element.as_object().cloned());
        }
        let value = value.unwrap_or(&Value::Null);
        let action = match (verb, found.sub) {
            (Verb::Remove, None) => Action::Remove,
            (Verb::Remove, Some(_)) => Action::Part(None),
            (_, Some(_)) => Action::Part(self.normaliser.value(&found, value)?),
            (_, None) => match self.normaliser.one(found.attribute, &found.name(), alone(value))? {
                Some(value) if verb == Verb::Add => Action::Merge(value),
                Some(value) => Action::Replace(value),
                None if verb == Verb::Add => return Ok(()),
                None => Action::Remove,
            },
        };
        if matches!(action, Action::Part(None)) && found.leaf().required {
            return Err(required(&found.name()));
        }
        self.changes.push(Change::Choose(elements, action));
        Ok(())
    }

    fn is_members(&self, found: &Found<'_>) -> bool {
        self.kind == ResourceKind::Group
            && found.extension.is_none()
            && found.attribute.name == "members"
    }

    fn members(
        &mut self,
        verb: Verb,
        found: &Found<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if found.sub.is_some() {
            return Err(fixed(found));
        }
        let value = value.filter(|value| !value.is_null());
        let listed = match value {
            Some(value) => Member::each_once(Member::read(&mut self.normaliser, value)?),
            None => Vec::new(),
        };
        let change = match verb {
            Verb::Add if listed.is_empty() => return Ok(()),
            Verb::Add => MemberChange::Add(listed),
            Verb::Replace if listed.is_empty() => MemberChange::RemoveAll,
            Verb::Replace => MemberChange::ReplaceAll(listed),
            Verb::Remove if value.is_none() => MemberChange::RemoveAll,
            // Entra ID names those who go. By the letter of the standard all would.
            Verb::Remove => {
                MemberChange::Remove(listed.into_iter().map(|member| member.value).collect())
            }
        };
        self.members.push(change);
        Ok(())
    }

    fn some_members(
        &mut self,
        verb: Verb,
        elements: &Elements<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if elements.found.sub.is_some() {
            return Err(fixed(&elements.found));
        }
        if verb == Verb::Remove || (verb == Verb::Replace && value.is_none_or(is_nothing)) {
            self.members.push(MemberChange::remove(&elements.filter));
            return Ok(());
        }
        let detail = "members are added and replaced by the path members, without a filter";
        Err(ScimError::bad(ScimType::InvalidPath, detail))
    }
}

impl Verb {
    /// Entra ID writes `Add`, `Replace`, `Remove`.
    fn parse(text: &str) -> Option<Self> {
        [
            (Self::Add, "add"),
            (Self::Replace, "replace"),
            (Self::Remove, "remove"),
        ]
        .into_iter()
        .find_map(|(verb, name)| name.eq_ignore_ascii_case(text).then_some(verb))
    }
}

/// A member of an object, in any case.
fn named<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    let any_case = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    object.get(name).or_else(|| any_case().map(|(_, value)| value))
}

fn names_patch_op(schemas: &Value) -> bool {
    let is = |schema: &Value| schema.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP));
    schemas.as_array().map_or_else(|| is(schemas), |schemas| schemas.iter().any(is))
}

/// The password, which nobody keeps.
fn is_thrown_away(found: &Found<'_>) -> bool {
    found.attribute.mutability == Mutability::WriteOnly
}

/// A list of one is taken for the one.
fn alone(value: &Value) -> &Value {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] => one,
            _ => value,
        },
        value => value,
    }
}

/// Which parts of a complex attribute a value is about; `None`: all of it, as it is nothing, or has
/// nothing as its `value` (Entra ID takes a manager away like that), or is written without parts.
fn given_parts(value: &Value) -> Option<&Object> {
    let given = alone(value).as_object()?;
    let nothing = given.is_empty() || named(given, "value").is_some_and(is_nothing);
    (!nothing).then_some(given)
}

fn elements_of(list: Option<Value>) -> Vec<Value> {
    match list {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// RFC 7644, 3.5.2.2.
fn required(name: &str) -> ScimError {
    ScimError::bad(ScimType::Mutability, format_args!("{name} is required"))
}

fn fixed(found: &Found<'_>) -> ScimError {
    let name = found.name();
    ScimError::bad(
        ScimType::Mutability,
        format_args!("{name} can not be changed; a member can be added and removed"),
    )
}

fn invalid(detail: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, detail)
}

fn syntax(detail: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, detail)
}
