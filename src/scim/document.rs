//! A resource in the one form in which it is stored.
//!
//! Names as the schemas write them, values of the type that the schema says, no null, no empty list,
//! no empty object; the attributes of an extension below its URN. What others keep is not in here:
//! `id`, `meta`, `schemas`, `groups`, `members`; nor is `password`, which nobody keeps.

use serde_json::Value;

use crate::scim::Object;
use crate::scim::schema::ENTERPRISE;

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

    /// What it says under a name, as texts: `userType`, `name.familyName`, `emails` (the `value` of
    /// each), `department` of the enterprise extension, `urn:example:2.0:User:badge`. Names are
    /// compared as they are written.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let extensions = self.0.iter().filter_map(|(urn, value)| match value {
            Value::Object(parts) if urn.contains(':') => Some((urn, parts)),
            _ => None,
        });
        let mut texts = within(&self.0, name);
        for (urn, parts) in extensions {
            match name.strip_prefix(urn.as_str()).and_then(|rest| rest.strip_prefix(':')) {
                Some(rest) => texts.extend(within(parts, rest)),
                None if urn == ENTERPRISE => texts.extend(within(parts, name)),
                None => {}
            }
        }
        texts
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

/// The texts under `attribute` or `attribute.sub`; of a complex one its `value`.
fn within<'d>(object: &'d Object, name: &str) -> Vec<&'d str> {
    let (attribute, sub) = match name.split_once('.') {
        Some((attribute, sub)) => (attribute, Some(sub)),
        None => (name, None),
    };
    let one = |value: &'d Value| match value {
        Value::Object(parts) => parts.get(sub.unwrap_or("value")).and_then(text_of),
        value if sub.is_none() => text_of(value),
        _ => None,
    };
    match object.get(attribute) {
        Some(Value::Array(values)) => values.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_the_names_of_the_standard() {
        let json = r#"{"userType":"Employee","active":true,"name":{"familyName":"Doe"},
            "emails":[{"value":"a@example.com","type":"work"},{"value":"b@example.com"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"department":"IT","manager":{"value":"26","displayName":"Ann"}},
            "urn:example:2.0:User":{"badge":"7.1"}}"#;
        let document = Document::stored(json).unwrap();
        assert_eq!(document.texts("userType"), ["Employee"]);
        assert_eq!(document.texts("active"), ["true"]);
        assert_eq!(document.texts("name.familyName"), ["Doe"]);
        assert_eq!(document.texts("emails"), ["a@example.com", "b@example.com"]);
        assert_eq!(document.texts("emails.type"), ["work"]);
        assert_eq!(document.texts("department"), ["IT"]);
        assert_eq!(document.texts("manager"), ["26"]);
        assert_eq!(document.texts("manager.displayName"), ["Ann"]);
        assert_eq!(document.texts("urn:example:2.0:User:badge"), ["7.1"]);
        assert!(document.texts("badge").is_empty() && document.texts("name").is_empty());
    }
}
