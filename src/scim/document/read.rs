//! A whole resource as a client writes it: the body of a POST or a PUT (RFC 7644, 3.3, 3.5.1).
//!
//! In: an object in any client's dialect. Out: the document, the members apart from it, and the
//! names that nobody knows.

use serde_json::Value;

use crate::scim::document::Document;
use crate::scim::document::member::Member;
use crate::scim::document::normalise::{self, Normaliser, Unknown};
use crate::scim::error::{ScimError, ScimType};
use crate::scim::schema::{self, Attribute, Kind, Mutability, Schema};
use crate::scim::{Catalogue, Found, Object, ResourceKind};

/// A body that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadDocument {
    /// What is stored.
    pub document: Document,
    /// The members of a group, each once.
    pub members: Vec<Member>,
    /// Names of which no schema knows, for the log.
    pub ignored: Vec<String>,
}

impl Document {
    /// Reads a body.
    ///
    /// `schemas`, `id`, `meta` and all that is readOnly are passed over, as RFC 7644, 3.3 and 3.5.1
    /// want; so is `password`. Attributes of an extension are also taken beside those of the core,
    /// as Entra ID writes `department` and `manager`. Whether `active` is missing is for the caller
    /// to see: [`Document::active`].
    ///
    /// ```
    /// use samlgate::scim::document::Unknown;
    /// use samlgate::scim::{Catalogue, Document, ResourceKind::User, json};
    /// let body = br#"{"USERNAME": "alice", "active": "True", "nickName": null, "shoeSize": 42}"#;
    /// let body = json::object(body).unwrap();
    /// let read = Document::read(&body, User, &Catalogue::standard(), Unknown::Ignored).unwrap();
    /// assert_eq!(read.document.to_json(), r#"{"active":true,"userName":"alice"}"#);
    /// assert_eq!(read.ignored, ["shoeSize"]);
    /// ```
    pub fn read(
        body: &Object,
        kind: ResourceKind,
        catalogue: &Catalogue,
        unknown: Unknown,
    ) -> Result<ReadDocument, ScimError> {
        let mut reader = Reader {
            kind,
            catalogue,
            normaliser: Normaliser::new(unknown),
            document: Self::default(),
            members: Vec::new(),
            beside: Vec::new(),
        };
        reader.core(body)?;
        reader.extensions_beside()?;
        let Reader { document, members, normaliser, .. } = reader;
        document.validate(kind, catalogue)?;
        Ok(ReadDocument {
            document,
            members: Member::each_once(members),
            ignored: normaliser.into_ignored(),
        })
    }

    /// Whether all is there that has to be: `invalidValue` if not.
    pub fn validate(&self, kind: ResourceKind, catalogue: &Catalogue) -> Result<(), ScimError> {
        let core = catalogue.core(kind);
        missing(None, core, self.as_object())?;
        for schema in catalogue.extensions(kind) {
            if let Some(Value::Object(parts)) = self.as_object().get(&*schema.id) {
                missing(Some(schema), schema, parts)?;
            }
        }
        Ok(())
    }

    /// Whether what can only be said once is as it was: `mutability` if not (RFC 7644, 3.5.1).
    pub fn validate_change(
        &self,
        before: &Self,
        kind: ResourceKind,
        catalogue: &Catalogue,
    ) -> Result<(), ScimError> {
        let core = catalogue.core(kind);
        let extensions = catalogue.extensions(kind).iter().map(Some);
        for extension in [None].into_iter().chain(extensions) {
            for attribute in &extension.unwrap_or(core).attributes {
                let found = Found { extension, attribute, sub: None };
                let fixed = attribute.mutability == Mutability::Immutable;
                if fixed && before.get(&found).is_some_and(|was| self.get(&found) != Some(was)) {
                    let detail = format!("{} can not be changed", found.name());
                    return Err(ScimError::bad(ScimType::Mutability, detail));
                }
            }
        }
        Ok(())
    }
}

fn missing(extension: Option<&Schema>, schema: &Schema, parts: &Object) -> Result<(), ScimError> {
    let blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    for attribute in schema.attributes.iter().filter(|attribute| attribute.required) {
        if parts.get(&*attribute.name).is_none_or(blank) {
            let name = Found { extension, attribute, sub: None }.name();
            return Err(normalise::invalid(format!("{name} is required")));
        }
    }
    Ok(())
}

struct Reader<'b> {
    kind: ResourceKind,
    catalogue: &'b Catalogue,
    normaliser: Normaliser,
    document: Document,
    members: Vec<Member>,
    /// Attributes of extensions without their URN: what stands below the URN goes first.
    beside: Vec<(Found<'b>, &'b Value)>,
}

impl<'b> Reader<'b> {
    fn core(&mut self, body: &'b Object) -> Result<(), ScimError> {
        let core = self.catalogue.core(self.kind);
        for (name, value) in body {
            if let Some(schema) = self.catalogue.extension(self.kind, name) {
                self.extension(schema, value)?;
            } else if core.id.eq_ignore_ascii_case(name) {
                match value {
                    Value::Object(parts) => self.core(parts)?,
                    value if normalise::is_nothing(value) => {}
                    _ => return Err(not_an_object(core)),
                }
            } else {
                match self.catalogue.resolve(self.kind, name) {
                    Some(found) if found.extension.is_some() && !name.contains(':') => {
                        self.beside.push((found, value));
                    }
                    Some(found) => self.attribute(&found, value)?,
                    None => self.normaliser.unknown(name)?,
                }
            }
        }
        Ok(())
    }

    fn extension(&mut self, schema: &'b Schema, value: &'b Value) -> Result<(), ScimError> {
        let parts = match value {
            Value::Object(parts) => parts,
            value if normalise::is_nothing(value) => return Ok(()),
            _ => return Err(not_an_object(schema)),
        };
        for (name, value) in parts {
            // Some write the URN again.
            let short = schema::after_urn(&schema.id, name).unwrap_or(name);
            match schema::within(schema, short) {
                Some(found) => self.attribute(&found, value)?,
                None => {
                    let short = normalise::shortened(name);
                    self.normaliser.unknown(&format!("{}:{short}", schema.id))?;
                }
            }
        }
        Ok(())
    }

    fn extensions_beside(&mut self) -> Result<(), ScimError> {
        let beside = std::mem::take(&mut self.beside);
        let below: Vec<bool> =
            beside.iter().map(|(found, _)| self.document.get(found).is_some()).collect();
        for ((found, value), _) in beside.iter().zip(below).filter(|(_, below)| !below) {
            self.attribute(found, value)?;
        }
        Ok(())
    }

    fn attribute(&mut self, found: &Found<'_>, value: &Value) -> Result<(), ScimError> {
        let attribute = found.attribute;
        let of_core = |name: &str| found.extension.is_none() && attribute.name == name;
        if attribute.mutability == Mutability::ReadOnly || of_core("password") {
            return Ok(());
        }
        if self.kind == ResourceKind::Group && of_core("members") {
            self.members.extend(Member::read(&mut self.normaliser, value)?);
            return Ok(());
        }
        let Some(value) = self.normaliser.value(found, value)? else {
            return Ok(());
        };
        let value = match found.sub {
            Some(sub) => {
                let part = Value::Object(Object::from_iter([(sub.name.to_string(), value)]));
                if attribute.multi_valued {
                    Value::Array(vec![part])
                } else {
                    part
                }
            }
            None => value,
        };
        let value = match self.document.get(found) {
            Some(before) => joined(found, attribute, before, value)?,
            None => value,
        };
        self.document.set(found, Some(value));
        Ok(())
    }
}

/// One attribute under two names: `name` and `name.givenName`, or `userName` and `username`.
fn joined(
    found: &Found<'_>,
    attribute: &Attribute,
    before: &Value,
    value: Value,
) -> Result<Value, ScimError> {
    let twice = || {
        let detail = format!("{} is given twice", found.name());
        ScimError::bad(ScimType::InvalidSyntax, detail)
    };
    match (before, value) {
        (before, value) if *before == value => Ok(value),
        (Value::Object(before), Value::Object(parts)) if attribute.kind == Kind::Complex => {
            let mut both = before.clone();
            for (name, part) in parts {
                if both.get(&name).is_some_and(|before| *before != part) {
                    return Err(twice());
                }
                both.insert(name, part);
            }
            Ok(Value::Object(both))
        }
        // `emails.value` and `emails.type` are of one element.
        (Value::Array(before), Value::Array(parts)) if found.sub.is_some() => {
            let mut list = before.clone();
            if let (Some(Value::Object(element)), Some(Value::Object(part))) =
                (list.first_mut(), parts.into_iter().next())
            {
                element.extend(part);
            }
            Ok(Value::Array(list))
        }
        _ => Err(twice()),
    }
}

fn not_an_object(schema: &Schema) -> ScimError {
    normalise::invalid(format!("{} has to be an object", schema.id))
}
