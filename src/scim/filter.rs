//! What a client looks for (RFC 7644, 3.4.2.2).
//!
//! Names are resolved against the schemas and values are brought into the form in which they are
//! compared when a filter is read, so that whoever evaluates one knows nothing about schemas.

mod display;
mod syntax;
#[cfg(test)]
mod tests;

pub use syntax::{DEPTH, LENGTH, TERMS};
pub(in crate::scim) use syntax::{Expression, Test, parse_path};

use serde_json::Value;

use crate::scim::schema::{Found, Mutability, ResourceKind, Returned};
use crate::scim::values::comparable;
use crate::scim::{Catalogue, Kind, ScimError, ScimType};

/// A filter that was understood.
///
/// Written out again (`Display`), it is a filter that is read as the same one.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them; never empty, and none of them is another `And`.
    And(Vec<Self>),
    /// Any of them; never empty, and none of them is another `Or`.
    Or(Vec<Self>),
    /// Whatever does not match.
    Not(Box<Self>),
    /// `pr`: there is a value that is not empty. `ne null` is read as this, `eq null` as its
    /// opposite.
    Present(Target),
    /// An attribute compared with a value. Of several values any will do.
    Compare(Target, Operator, Operand),
    /// `emails[…]`: one element of which all of this is true. The targets inside are those of its
    /// parts, with their whole keys (`emails.type`). Of several texts (`tags[value eq "x"]`) the
    /// target inside is that of the attribute itself.
    Element(Target, Box<Self>),
}

impl Filter {
    /// Reads a filter over users, or over groups. `invalidFilter` if it is none, names what there is
    /// not, or compares what can not be compared.
    pub fn parse(catalogue: &Catalogue, kind: ResourceKind, text: &str) -> Result<Self, ScimError> {
        let names = Names::Resource { catalogue, kind };
        Self::read(names, &syntax::parse(text)?)
    }

    /// What stands between the brackets of a path.
    pub(in crate::scim) fn of_elements(
        attribute: Found<'_>,
        expression: &Expression<'_>,
    ) -> Result<Self, ScimError> {
        Self::read(Names::Element(attribute), expression)
    }

    fn read(names: Names<'_>, expression: &Expression<'_>) -> Result<Self, ScimError> {
        let all = |several: &[Expression<'_>]| {
            several.iter().map(|one| Self::read(names, one)).collect::<Result<Vec<_>, _>>()
        };
        match expression {
            Expression::And(several) => Ok(Self::and(all(several)?)),
            Expression::Or(several) => Ok(Self::or(all(several)?)),
            Expression::Not(one) => Ok(Self::not(Self::read(names, one)?)),
            Expression::Test(name, test) => Self::test(names.find(name)?, test),
            Expression::Element(name, inner, part) => {
                if matches!(names, Names::Element(_)) {
                    return Err(invalid(format_args!("{name} has brackets within brackets")));
                }
                let found = names.find(name)?;
                let complex = found.leaf().kind == Kind::Complex;
                if found.sub.is_some() || !(complex || found.attribute.multi_valued) {
                    return Err(invalid(format_args!("{name} has no elements")));
                }
                let part = part.as_ref().map(|(name, test)| (*name, test));
                Self::element(found, inner, part)
            }
        }
    }

    fn element(
        found: Found<'_>,
        inner: &Expression<'_>,
        part: Option<(&str, &Test)>,
    ) -> Result<Self, ScimError> {
        let inner = Self::of_elements(found, inner)?;
        let one = |inner| Self::Element(Target::whole(found), Box::new(inner));
        let Some((name, test)) = part else {
            return Ok(one(inner));
        };
        let part = Names::Element(found).find(name)?;
        // "Not equal" is the opposite of "equal", which no such element is.
        Ok(match Self::test(part, test)? {
            Self::Compare(target, Operator::NotEqual, operand) => {
                let equal = Self::Compare(target, Operator::Equal, operand);
                Self::not(one(Self::and(vec![inner, equal])))
            }
            Self::Not(present) => Self::not(one(Self::and(vec![inner, *present]))),
            test => one(Self::and(vec![inner, test])),
        })
    }

    fn test(found: Found<'_>, test: &Test) -> Result<Self, ScimError> {
        let target = Target::of(found);
        let cannot = |why: &str| invalid(format_args!("{target} {why}"));
        let Test::Compare(operator, value) = test else {
            return Ok(Self::Present(target));
        };
        let text = matches!(target.kind, Kind::String | Kind::Reference);
        match (operator, value) {
            (Operator::Equal, Value::Null) => return Ok(Self::not(Self::Present(target))),
            (Operator::NotEqual, Value::Null) => return Ok(Self::Present(target)),
            _ if target.kind == Kind::Complex => {
                return Err(cannot("has parts; one of them can be compared"));
            }
            (Operator::Equal | Operator::NotEqual, _) => {}
            (Operator::Contains | Operator::StartsWith | Operator::EndsWith, _) if !text => {
                return Err(cannot("is no text that could contain another"));
            }
            (_, _) if matches!(target.kind, Kind::Boolean | Kind::Binary) => {
                return Err(cannot("has no order"));
            }
            (_, _) => {}
        }
        match comparable(target.kind, target.case_exact, value) {
            Some(operand) => Ok(Self::Compare(target, *operator, Operand(operand))),
            None => Err(cannot("has values of another type")),
        }
    }

    /// How many comparisons there are.
    pub(in crate::scim) fn terms(&self) -> usize {
        match self {
            Self::And(several) | Self::Or(several) => several.iter().map(Self::terms).sum(),
            Self::Not(inner) | Self::Element(_, inner) => inner.terms(),
            Self::Present(_) | Self::Compare(..) => 1,
        }
    }

    fn and(filters: Vec<Self>) -> Self {
        let flat = |filter| match filter {
            Self::And(inner) => inner,
            other => vec![other],
        };
        Self::And(filters.into_iter().flat_map(flat).collect())
    }

    fn or(filters: Vec<Self>) -> Self {
        let flat = |filter| match filter {
            Self::Or(inner) => inner,
            other => vec![other],
        };
        Self::Or(filters.into_iter().flat_map(flat).collect())
    }

    fn not(filter: Self) -> Self {
        Self::Not(Box::new(filter))
    }
}

/// An attribute that a filter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// [`Found::key`]: `username`, `emails.value`, `meta.created`, `id`, `groups.value`,
    /// `members.value`, `e:department`. Of a complex attribute without `value` (`name`): `name`, of
    /// which only [`Filter::Present`] can ask. Of [`Filter::Element`] without any part: `emails`.
    pub key: String,
    /// The URN of the extension, as the document writes it.
    pub extension: Option<String>,
    /// The attribute, as the document writes it.
    pub attribute: String,
    /// The part of it, as the document writes it: `value`, if a filter names none and there is one.
    pub sub: Option<String>,
    /// The type of its values.
    pub kind: Kind,
    /// Whether case counts.
    pub case_exact: bool,
    /// Whether the attribute has several values.
    pub multi_valued: bool,
}

impl Target {
    /// What is compared if this is compared (RFC 7644, 3.4.2.2: `emails co "x"` asks for
    /// `emails.value`).
    pub fn of(found: Found<'_>) -> Self {
        let value =
            || found.attribute.sub_attributes.iter().find(|sub| sub.name.as_ref() == "value");
        Self::named(Found { sub: found.sub.or_else(value), ..found })
    }

    /// The elements of an attribute.
    fn whole(found: Found<'_>) -> Self {
        let mut target = Self::named(found);
        if found.attribute.kind == Kind::Complex
            && let Some(whole) = target.key.strip_suffix(".value")
        {
            target.key = whole.to_owned();
        }
        target
    }

    fn named(found: Found<'_>) -> Self {
        let leaf = found.leaf();
        Self {
            key: found.key(),
            extension: found.extension.map(|schema| schema.id.to_string()),
            attribute: found.attribute.name.to_string(),
            sub: found.sub.map(|sub| sub.name.to_string()),
            kind: leaf.kind,
            case_exact: leaf.case_exact,
            multi_valued: found.attribute.multi_valued,
        }
    }
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`: the opposite of `eq`, so that it matches where there is no value.
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

impl Operator {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Equal, "eq"),
        (Self::NotEqual, "ne"),
        (Self::Contains, "co"),
        (Self::StartsWith, "sw"),
        (Self::EndsWith, "ew"),
        (Self::Greater, "gt"),
        (Self::GreaterOrEqual, "ge"),
        (Self::Less, "lt"),
        (Self::LessOrEqual, "le"),
    ];

    fn parse(word: &str) -> Option<Self> {
        let (operator, _) = Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word))?;
        Some(*operator)
    }
}

/// A value to compare with: [`comparable`] of it, by the type of the target. Comparing these texts
/// octet by octet compares the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand(pub String);

/// What a name can be a name of.
#[derive(Clone, Copy)]
enum Names<'c> {
    Resource {
        catalogue: &'c Catalogue,
        kind: ResourceKind,
    },
    /// Parts of this.
    Element(Found<'c>),
}

impl<'c> Names<'c> {
    fn find(self, name: &str) -> Result<Found<'c>, ScimError> {
        let found = match self {
            Self::Resource { catalogue, kind } => catalogue.resolve(kind, name),
            Self::Element(found) => part(found, name),
        };
        let may_be_known = |found: &Found<'_>| {
            [found.attribute, found.leaf()].into_iter().all(|attribute| {
                attribute.returned != Returned::Never
                    && attribute.mutability != Mutability::WriteOnly
            })
        };
        found.filter(may_be_known).ok_or_else(|| {
            let name: String = name.chars().take(100).collect();
            invalid(format_args!("there is no attribute {name} to look for"))
        })
    }
}

/// A part of an element. Elements that are no objects are called `value`, as if they were.
pub(in crate::scim) fn part<'c>(found: Found<'c>, name: &str) -> Option<Found<'c>> {
    if found.attribute.kind != Kind::Complex {
        return name.eq_ignore_ascii_case("value").then_some(found);
    }
    let parts = &found.attribute.sub_attributes;
    let sub = parts.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))?;
    Some(Found { sub: Some(sub), ..found })
}

fn invalid(detail: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidFilter, detail)
}
