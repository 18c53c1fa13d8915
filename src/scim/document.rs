//! A resource in the one form in which it is stored.
//!
//! Names as the schemas write them, values of the type that the schema says, no null, no empty list,
//! no empty object; the attributes of an extension below its URN. What others keep is not in here:
//! `id`, `meta`, `schemas`, `groups`, `members`; nor is `password`, which nobody keeps.

mod member;
mod normalise;
mod read;
mod stored;

use serde_json::Value;

use crate::scim::{Found, Object, ScimError};

pub use member::Member;
pub use normalise::{LONGEST, Unknown};
pub(in crate::scim) use normalise::{Normaliser, is_nothing};
pub use read::ReadDocument;
pub use stored::StoredDocument;

/// The attributes of a user, or of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(Object);

impl Document {
    /// What a store kept; not checked again.
    pub fn stored(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json).map(Self)
    }

    /// For a store to keep.
    pub fn to_json(&self) -> String {
        // A map of texts has nothing that JSON could not say.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Its attributes.
    pub const fn as_object(&self) -> &Object {
        &self.0
    }

    /// `userName`
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// `externalId`
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId")
    }

    /// `displayName`
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName")
    }

    /// `active`, if anything is said of it.
    pub fn active(&self) -> Option<bool> {
        self.0.get("active").and_then(Value::as_bool)
    }

    /// `active`, which is true unless somebody says otherwise.
    pub fn is_active(&self) -> bool {
        self.active().unwrap_or(true)
    }

    /// Says `active`. A stored user should: it is written faster then.
    pub fn set_active(&mut self, active: bool) {
        self.0.insert("active".to_owned(), Value::Bool(active));
    }

    /// The value of an attribute (all of it, also where `found` names a part).
    pub fn get(&self, found: &Found<'_>) -> Option<&Value> {
        let parent = match found.extension {
            None => &self.0,
            Some(schema) => self.0.get(&*schema.id)?.as_object()?,
        };
        parent.get(&*found.attribute.name)
    }

    /// Puts a value in the one form ([`Document::normalise_value`]) in the place of an attribute,
    /// all of it; `None`, and what is empty, unassigns it. An extension comes and goes with its
    /// attributes.
    pub fn set(&mut self, found: &Found<'_>, value: Option<Value>) {
        let value = value.filter(|value| !is_nothing(value));
        let name = &*found.attribute.name;
        let Some(schema) = found.extension else {
            put(&mut self.0, name, value);
            return;
        };
        let parent = self.0.entry(&*schema.id).or_insert_with(|| Value::Object(Object::new()));
        if let Value::Object(parent) = parent {
            put(parent, name, value);
            if parent.is_empty() {
                self.0.remove(&*schema.id);
            }
        }
    }

    /// Its attributes, to be changed by whoever keeps the form.
    pub const fn as_object_mut(&mut self) -> &mut Object {
        &mut self.0
    }

    /// A single value in the one form: of the part if `found` names one, else of the attribute, all
    /// of it (of several: the list). `None`: unassigned. Names that no schema has are left out.
    pub fn normalise_value(found: &Found<'_>, value: &Value) -> Result<Option<Value>, ScimError> {
        Normaliser::new(Unknown::Ignored).value(found, value)
    }

    /// The same of one element of an attribute that has several.
    pub fn normalise_element(found: &Found<'_>, value: &Value) -> Result<Option<Value>, ScimError> {
        Normaliser::new(Unknown::Ignored).one(found.attribute, &found.name(), value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

fn put(parent: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            parent.insert(name.to_owned(), value);
        }
        None => {
            parent.remove(name);
        }
    }
}

#[cfg(test)]
mod dialects;
#[cfg(test)]
mod tests;
