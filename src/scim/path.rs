//! What a PATCH operation is about (RFC 7644, 3.5.2, figure 7).
//!
//! In: a path, or a name in a value that has no path: `name.givenName`, an attribute of an extension
//! with its URN. Out: the attribute that it leads to.

use crate::scim::filter::{self, Expression, Operator, Test};
use crate::scim::schema::{Found, Mutability, ResourceKind, Schema};
use crate::scim::{Catalogue, Filter, Object, ScimError, ScimType};

/// Where a path leads.
#[derive(Clone, Debug)]
pub enum Path<'c> {
    /// The URN of the core schema alone: the resource.
    Resource,
    /// The URN of an extension alone: all that it adds.
    Extension(&'c Schema),
    /// `attr`, `attr.sub`
    Attribute(Found<'c>),
    /// `attr[filter]`, `attr[filter].sub`
    Elements(Elements<'c>),
}

/// Some elements of an attribute that has several.
#[derive(Clone, Debug)]
pub struct Elements<'c> {
    /// The attribute, and the part of each element if one was named.
    pub found: Found<'c>,
    /// Which of them.
    pub filter: Filter,
    /// What an element has to have to be one of them, if that is all that the filter says, and
    /// nothing about `value`. Entra ID writes `emails[type eq "work"].value` for people who have no
    /// such e-mail address, and means that they get one.
    pub described: Option<Object>,
}

impl<'c> Path<'c> {
    /// Parses a path. `invalidPath` if there is no such attribute, `invalidFilter` for what stands
    /// between brackets.
    pub fn parse(
        catalogue: &'c Catalogue,
        kind: ResourceKind,
        text: &str,
    ) -> Result<Self, ScimError> {
        let path = filter::parse_path(text)?;
        if path.filter.is_none() {
            if path.name.eq_ignore_ascii_case(&catalogue.core(kind).id) {
                return Ok(Self::Resource);
            }
            if let Some(schema) = catalogue.extension(kind, path.name) {
                return Ok(Self::Extension(schema));
            }
        }
        let found = catalogue.resolve(kind, path.name).ok_or_else(|| unknown(path.name))?;
        let Some(expression) = path.filter else {
            return Ok(Self::Attribute(found));
        };
        if found.sub.is_some() || !found.attribute.multi_valued {
            return Err(invalid(format_args!("{} has no elements", path.name)));
        }
        let part = |name: &str| filter::part(found, name).ok_or_else(|| unknown(name));
        Ok(Self::Elements(Elements {
            filter: Filter::of_elements(found, &expression)?,
            described: described(found, &expression),
            found: path.part.map_or(Ok(found), part)?,
        }))
    }

    /// Refuses what a client can not change: `id`, `meta`, `groups`, `schemas` (RFC 7644, 3.5.2).
    pub fn writable(self) -> Result<Self, ScimError> {
        match self.found() {
            Some(found) if is_read_only(found) => Err(ScimError::bad(
                ScimType::Mutability,
                format_args!("{} can not be changed", found.name()),
            )),
            _ => Ok(self),
        }
    }

    fn found(&self) -> Option<&Found<'c>> {
        match self {
            Self::Resource | Self::Extension(_) => None,
            Self::Attribute(found) | Self::Elements(Elements { found, .. }) => Some(found),
        }
    }
}

/// Whether only we write it.
pub(in crate::scim) fn is_read_only(found: &Found<'_>) -> bool {
    [found.attribute, found.leaf()]
        .iter()
        .any(|attribute| attribute.mutability == Mutability::ReadOnly)
}

/// What `type eq "work" and primary eq true` says of an element, as it is written there.
fn described(found: Found<'_>, expression: &Expression<'_>) -> Option<Object> {
    match expression {
        Expression::Test(name, Test::Compare(Operator::Equal, value)) => {
            let sub = filter::part(found, name)?.sub?;
            let plain = sub.name != "value" && !value.is_null();
            plain.then(|| Object::from_iter([(sub.name.to_string(), value.clone())]))
        }
        Expression::And(several) => {
            let mut all = Object::new();
            for one in several {
                for (name, value) in described(found, one)? {
                    // Nothing is of two types.
                    if all.insert(name, value).is_some() {
                        return None;
                    }
                }
            }
            Some(all)
        }
        _ => None,
    }
}

fn unknown(name: &str) -> ScimError {
    let name: String = name.chars().take(100).collect();
    invalid(format_args!("there is no attribute {name}"))
}

fn invalid(detail: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidPath, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scim::schema::{ENTERPRISE, GROUP, USER};
    use ResourceKind::{Group, User};

    /// The key of what a path leads to, its filter, and what it describes.
    fn read(kind: ResourceKind, text: &str) -> Result<(String, String, Value), ScimError> {
        let catalogue = Catalogue::standard();
        let path = Path::parse(&catalogue, kind, text)?.writable()?;
        Ok(match path {
            Path::Resource => ("resource".to_owned(), String::new(), Value::Null),
            Path::Extension(schema) => (schema.id.to_string(), String::new(), Value::Null),
            Path::Attribute(found) => (found.name(), String::new(), Value::Null),
            Path::Elements(Elements { found, filter, described }) => (
                found.name(),
                filter.to_string(),
                described.map_or(Value::Null, Value::Object),
            ),
        })
    }

    fn leads(kind: ResourceKind, text: &str, to: &str) {
        assert_eq!(
            read(kind, text).expect(text),
            (to.to_owned(), String::new(), Value::Null)
        );
    }

    fn is_refused(kind: ResourceKind, text: &str, scim_type: ScimType) {
        let error = read(kind, text).expect_err(text);
        assert_eq!(
            (error.status.as_u16(), error.scim_type),
            (400, Some(scim_type)),
            "{text}"
        );
    }

    #[test]
    fn a_path_has_seven_forms() {
        leads(User, "USERNAME", "userName");
        leads(User, " name.familyName ", "name.familyName");
        leads(User, &format!("{USER}:Name.givenname"), "name.givenName");
        leads(
            User,
            &format!("{ENTERPRISE}:manager.value"),
            &format!("{ENTERPRISE}:manager.value"),
        );
        leads(User, "manager", &format!("{ENTERPRISE}:manager"));
        leads(User, &ENTERPRISE.to_uppercase(), ENTERPRISE);
        leads(User, USER, "resource");
        leads(Group, GROUP, "resource");
        leads(Group, "members", "members");
        leads(User, "password", "password");
        assert_eq!(
            read(User, r#"Emails[Type eq "Work"].VALUE"#).unwrap(),
            (
                "emails.value".to_owned(),
                r#"emails.type eq "work""#.to_owned(),
                json!({"type": "Work"})
            )
        );
        assert_eq!(
            read(Group, r#"members[value eq "u1"]"#).unwrap(),
            (
                "members".to_owned(),
                r#"members.value eq "u1""#.to_owned(),
                Value::Null
            )
        );
    }

    #[test]
    fn only_equalities_describe_an_element() {
        let describes = |filter: &str| read(User, &format!("emails[{filter}].display")).unwrap().2;
        assert_eq!(
            describes(r#"(type eq "a" and primary eq "True") and display eq "Büro""#),
            json!({"type": "a", "primary": "True", "display": "Büro"})
        );
        for filter in [
            r#"value eq "a""#,
            r#"type eq "a" and value eq "a""#,
            r#"type eq "a" or type eq "b""#,
            r#"type eq "a" and type eq "b""#,
            r#"not (type eq "a")"#,
            r#"type ne "a""#,
            r#"type eq null"#,
            "type pr",
        ] {
            assert_eq!(describes(filter), Value::Null, "{filter}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_invalid_path() {
        for text in [
            "shoeSize",
            "name.shoe",
            "userName.value",
            "name givenName",
            "emails.value[type eq \"work\"]",
            "userName[value eq \"a\"]",
            "name[givenName eq \"a\"]",
            "emails[type eq \"work\"]value",
            "emails[type eq \"work\"].",
            "emails[type eq \"work\"].shoe",
            "emails[type eq \"work\"].value.more",
            "emails)",
            "[type eq \"work\"]",
            "\"emails\"",
            "urn:example:1.0:User:badge",
            "members",
        ] {
            is_refused(User, text, ScimType::InvalidPath);
        }
        is_refused(Group, "userName", ScimType::InvalidPath);
    }

    #[test]
    fn what_is_wrong_between_brackets_is_invalid_filter() {
        for text in [
            "emails[]",
            "emails[type]",
            "emails[type eq work]",
            "emails[shoe eq \"work\"]",
            "emails[type eq \"work\"",
            "emails[primary gt true]",
            "emails[emails[type eq \"work\"]]",
        ] {
            is_refused(User, text, ScimType::InvalidFilter);
        }
    }

    #[test]
    fn what_only_we_write_is_mutability() {
        for text in [
            "id",
            "META",
            "meta.created",
            "groups",
            "groups[value eq \"g\"]",
            "schemas",
        ] {
            is_refused(User, text, ScimType::Mutability);
        }
        is_refused(Group, "id", ScimType::Mutability);
        is_refused(
            User,
            &format!("{ENTERPRISE}:manager.displayName"),
            ScimType::Mutability,
        );
    }
}
