//! What a document says, for rules and for people.

use serde_json::Value;

use crate::scim::schema::ENTERPRISE;
use crate::scim::{Document, Object};

impl Document {
    /// The e-mail address by which somebody may be recognised: the primary one, else that at work,
    /// else the first.
    pub fn email(&self) -> Option<&str> {
        let emails = self.as_object().get("emails")?.as_array()?;
        let value = |email: &'_ Value| email.get("value").and_then(Value::as_str).is_some();
        let is = |part: &str, wanted: Value| {
            emails
                .iter()
                .find(|email| email.get(part) == Some(&wanted))
                .filter(|email| value(email))
        };
        let email = is("primary", Value::Bool(true)).or_else(|| is("type", Value::from("work")));
        email.or_else(|| emails.first())?.get("value")?.as_str()
    }

    /// What it says under a name, as texts: `userType`, `name.familyName`, `emails` (the `value` of
    /// each), `department` of the enterprise extension, `urn:example:2.0:User:badge`. Names are
    /// compared as they are written.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let extensions = self.as_object().iter().filter_map(|(urn, value)| match value {
            Value::Object(parts) if urn.contains(':') => Some((urn, parts)),
            _ => None,
        });
        let mut texts = within(self.as_object(), name);
        for (urn, parts) in extensions {
            match name.strip_prefix(urn.as_str()).and_then(|rest| rest.strip_prefix(':')) {
                Some(rest) => texts.extend(within(parts, rest)),
                None if urn == ENTERPRISE => texts.extend(within(parts, name)),
                None => {}
            }
        }
        texts
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
    use crate::scim::Document;

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
