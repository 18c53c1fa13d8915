//! How a schema is declared: by us in the tables beside this file, by an operator in the
//! configuration.

use std::borrow::Cow;

use crate::scim::schema::ENTERPRISE;
use crate::scim::schema::GROUP;
use crate::scim::schema::USER;
use crate::scim::schema::{Attribute, Kind, Mutability, Returned, Schema, Uniqueness};

impl Attribute {
    /// An attribute with what RFC 7643, 2.2 takes for granted: one value, optional, case does not
    /// count, a client may read and write it, and two resources may have the same.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            multi_valued: false,
            description: description.into(),
            required: false,
            canonical_values: &[],
            // RFC 7643, 2.3.6: binary values are case exact, and can not be anything else.
            case_exact: kind == Kind::Binary,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: &[],
            sub_attributes: Vec::new(),
        }
    }

    /// There may be several.
    #[must_use]
    pub fn multi_valued(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    /// A resource is nothing without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Case counts.
    #[must_use]
    pub fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    /// Who may write it, also of its sub-attributes.
    #[must_use]
    pub fn mutability(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    /// When it is returned.
    #[must_use]
    pub fn returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    /// Who else may have the same.
    #[must_use]
    pub fn unique(mut self, uniqueness: Uniqueness) -> Self {
        self.uniqueness = uniqueness;
        self
    }

    /// Usual values.
    #[must_use]
    pub fn usually(mut self, values: &'static [&'static str]) -> Self {
        self.canonical_values = values;
        self
    }

    /// What it may refer to.
    #[must_use]
    pub fn leads_to(mut self, types: &'static [&'static str]) -> Self {
        self.reference_types = types;
        self
    }

    /// What it consists of.
    #[must_use]
    pub fn of(mut self, sub_attributes: Vec<Self>) -> Self {
        self.sub_attributes = sub_attributes;
        self
    }
}

/// Why a schema can not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// RFC 7643, 10.2.1, RFC 8141: `urn:` and two parts at least.
    #[error("{0} is not a URN")]
    NotAUrn(String),
    /// Two schemas of one URN, or one of ours.
    #[error("there is already a schema {0}")]
    Taken(String),
    /// RFC 7643, 2.1: a letter, then letters, digits, `-` and `_`.
    #[error("{0} is not the name of an attribute")]
    NotAName(String),
    /// Two attributes of one name; case does not count.
    #[error("there are two attributes {0}")]
    Twice(String),
    /// A complex attribute without parts, or parts of one that is not complex.
    #[error("{0} is complex and has no sub-attributes, or has some and is not complex")]
    Parts(String),
    /// RFC 7643, 2.3.8: a part has no parts.
    #[error("{0} is a complex sub-attribute")]
    Nested(String),
    /// A schema that says nothing.
    #[error("{0} has no attributes")]
    Empty(String),
}

impl Schema {
    /// A schema that an operator declares, to extend users or groups with.
    ///
    /// ```
    /// use samlgate::scim::{Attribute, Kind, Schema};
    /// let badge = || vec![Attribute::new("badge", Kind::String, "The number on it.")];
    /// assert!(Schema::extension("urn:example:scim:2.0:User", "Badges", badge()).is_ok());
    /// assert!(Schema::extension("https://example.com/", "Badges", badge()).is_err());
    /// ```
    pub fn extension(
        id: &str,
        name: &str,
        attributes: Vec<Attribute>,
    ) -> Result<Self, SchemaError> {
        if !is_urn(id) {
            return Err(SchemaError::NotAUrn(id.to_owned()));
        }
        if [USER, GROUP, ENTERPRISE].iter().any(|ours| ours.eq_ignore_ascii_case(id)) {
            return Err(SchemaError::Taken(id.to_owned()));
        }
        if attributes.is_empty() {
            return Err(SchemaError::Empty(id.to_owned()));
        }
        validate(&attributes)?;
        for attribute in &attributes {
            let name = || attribute.name.to_string();
            if (attribute.kind == Kind::Complex) == attribute.sub_attributes.is_empty() {
                return Err(SchemaError::Parts(name()));
            }
            validate(&attribute.sub_attributes)?;
            if attribute.sub_attributes.iter().any(|sub| sub.kind == Kind::Complex) {
                return Err(SchemaError::Nested(name()));
            }
        }
        Ok(Self {
            id: id.to_owned().into(),
            name: name.to_owned().into(),
            description: name.to_owned().into(),
            attributes,
        })
    }
}

fn validate(attributes: &[Attribute]) -> Result<(), SchemaError> {
    for (place, attribute) in attributes.iter().enumerate() {
        if !is_name(&attribute.name) {
            return Err(SchemaError::NotAName(attribute.name.to_string()));
        }
        let same = |other: &&Attribute| other.name.eq_ignore_ascii_case(&attribute.name);
        if attributes.iter().take(place).any(|other| same(&other)) {
            return Err(SchemaError::Twice(attribute.name.to_string()));
        }
    }
    Ok(())
}

/// RFC 8141, 2, as far as a schema needs it: no fragment, no query, nothing that a path or a filter
/// could not carry.
fn is_urn(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let scheme = parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"));
    let namespace = parts.next().is_some_and(|namespace| {
        (2..=32).contains(&namespace.len())
            && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !namespace.starts_with('-')
            && !namespace.ends_with('-')
    });
    let rest = parts.next().is_some_and(|rest| {
        !rest.is_empty()
            && !rest.ends_with(':')
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._:~".contains(&byte))
    });
    scheme && namespace && rest && text.len() <= 200
}

/// RFC 7643, 2.1; `$ref` is the only one with a `$`.
fn is_name(name: &str) -> bool {
    name == "$ref"
        || name.len() <= 100
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &'static str) -> Attribute {
        Attribute::new(name, Kind::String, "")
    }

    fn declared(id: &str, attributes: Vec<Attribute>) -> Result<Schema, SchemaError> {
        Schema::extension(id, "A name", attributes)
    }

    const URN: &str = "urn:example:scim:2.0:User";

    #[test]
    fn a_schema_has_a_urn_of_its_own() {
        for wrong in [
            "",
            "urn:",
            "urn:x:",
            "urn:a:b",
            "http://a/b",
            "urn:ab:c d",
            "urn:ab:c[",
            "urn:ab:c:",
        ] {
            assert!(
                matches!(
                    declared(wrong, vec![text("a")]),
                    Err(SchemaError::NotAUrn(_))
                ),
                "{wrong}"
            );
        }
        for ours in [USER, GROUP, &ENTERPRISE.to_ascii_uppercase()] {
            assert!(matches!(
                declared(ours, vec![text("a")]),
                Err(SchemaError::Taken(_))
            ));
        }
        assert!(declared(URN, vec![text("a"), text("b-c_1")]).is_ok());
    }

    #[test]
    fn attributes_have_names_and_parts_that_can_be_written() {
        for wrong in ["", "1a", "a.b", "a b", "ä", "a[b", "a:b"] {
            assert!(matches!(
                declared(URN, vec![text(wrong)]),
                Err(SchemaError::NotAName(_))
            ));
        }
        let complex = |parts| vec![Attribute::new("a", Kind::Complex, "").of(parts)];
        assert!(matches!(declared(URN, vec![]), Err(SchemaError::Empty(_))));
        assert!(matches!(
            declared(URN, vec![text("a"), text("A")]),
            Err(SchemaError::Twice(_))
        ));
        assert!(matches!(
            declared(URN, complex(vec![])),
            Err(SchemaError::Parts(_))
        ));
        assert!(matches!(
            declared(URN, complex(complex(vec![text("b")]))),
            Err(SchemaError::Nested(_))
        ));
        assert!(matches!(
            declared(URN, vec![text("a").of(vec![text("b")])]),
            Err(SchemaError::Parts(_))
        ));
        assert!(declared(URN, complex(vec![text("$ref"), text("value")])).is_ok());
    }
}
