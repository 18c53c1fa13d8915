//! Who is in a group, as a client writes it (RFC 7643, 4.2).

use std::collections::HashSet;

use serde_json::Value;

use crate::scim::ResourceKind;
use crate::scim::document::normalise::{self, Normaliser, Unknown};
use crate::scim::error::ScimError;

/// Somebody, or another group, that a client names as a member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The id.
    pub value: String,
    /// What it is, if the client says so.
    pub kind: Option<ResourceKind>,
}

impl Member {
    /// All members that a value names, each once: a list, one object, or an id alone.
    ///
    /// ```
    /// use samlgate::scim::document::Member;
    /// use serde_json::json;
    /// let members = Member::read_all(&json!([{"$ref": null, "value": "u1"}, "u2", {"value": "u1"}]));
    /// assert_eq!(members.unwrap().len(), 2);
    /// assert!(Member::read_all(&json!([{"value": ""}])).is_err());
    /// ```
    pub fn read_all(value: &Value) -> Result<Vec<Self>, ScimError> {
        Self::read(&mut Normaliser::new(Unknown::Ignored), value).map(Self::each_once)
    }

    pub(in crate::scim) fn read(
        normaliser: &mut Normaliser,
        value: &Value,
    ) -> Result<Vec<Self>, ScimError> {
        let list = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut members = Vec::with_capacity(list.len());
        for element in list.iter().filter(|element| !normalise::is_nothing(element)) {
            members.push(Self::one(normaliser, element)?);
        }
        Ok(members)
    }

    pub(in crate::scim) fn each_once(mut members: Vec<Self>) -> Vec<Self> {
        let mut seen = HashSet::with_capacity(members.len());
        members.retain(|member| seen.insert(member.value.clone()));
        members
    }

    fn one(normaliser: &mut Normaliser, element: &Value) -> Result<Self, ScimError> {
        let parts = match element {
            Value::String(id) => return Self::of(id, None, None),
            Value::Object(parts) => parts,
            _ => {
                return Err(normalise::invalid(
                    "members has to be a list of objects".to_owned(),
                ));
            }
        };
        let (mut id, mut reference, mut kind) = (None, None, None);
        for (name, value) in parts {
            let place = match name.to_ascii_lowercase().as_str() {
                "value" => &mut id,
                "$ref" => &mut reference,
                "type" => &mut kind,
                // RFC 7643, 2.4: a usual part; ours to say.
                "display" => continue,
                _ => {
                    normaliser.unknown(&format!("members.{}", normalise::shortened(name)))?;
                    continue;
                }
            };
            match value {
                Value::String(text) => *place = Some(text.as_str()).filter(|text| !text.is_empty()),
                Value::Null => {}
                _ => {
                    return Err(normalise::invalid(format!(
                        "members.{name} has to be a text"
                    )));
                }
            }
        }
        // A reference says whose it is in its last two parts: `…/Users/2819c223`.
        let mut path = reference.unwrap_or_default().trim_end_matches('/').rsplit('/');
        let from_reference = path.next().filter(|id| !id.is_empty());
        let id = id.or(from_reference);
        let id = id.ok_or_else(|| normalise::invalid("members.value is required".to_owned()))?;
        Self::of(id, kind, path.next())
    }

    fn of(id: &str, kind: Option<&str>, endpoint: Option<&str>) -> Result<Self, ScimError> {
        normalise::storable("members.value", id)?;
        let is = |text: Option<&str>, word| {
            text.is_some_and(|text: &str| text.eq_ignore_ascii_case(word))
        };
        let kind = if is(kind, "User") || is(endpoint, "Users") {
            Some(ResourceKind::User)
        } else if is(kind, "Group") || is(endpoint, "Groups") {
            Some(ResourceKind::Group)
        } else {
            None
        };
        Ok(Self { value: id.to_owned(), kind })
    }
}
