//! A resource in the one form in which it is stored.
//!
//! Names as the schemas write them, values of the type that the schema says, no null, no empty list,
//! no empty object; the attributes of an extension below its URN. What others keep is not in here:
//! `id`, `meta`, `schemas`, `groups`, `members`; nor is `password`, which nobody keeps.

use serde_json::Value;

use crate::scim::Object;

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
        Value::Object(self.0.clone()).to_string()
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

    /// `active`, which is true unless somebody says otherwise.
    pub fn is_active(&self) -> bool {
        self.0.get("active").and_then(Value::as_bool).unwrap_or(true)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}
