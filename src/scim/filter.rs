//! What a client looks for (RFC 7644, 3.4.2.2).
//!
//! Names are resolved against the schemas and values are brought into the form in which they are
//! compared when a filter is read, so that whoever evaluates one knows nothing about schemas.

use crate::scim::Kind;

/// A filter that was understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them; never empty.
    And(Vec<Filter>),
    /// Any of them; never empty.
    Or(Vec<Filter>),
    /// Whatever does not match.
    Not(Box<Filter>),
    /// `pr`: there is a value that is not empty. `ne null` is read as this, `eq null` as its
    /// opposite.
    Present(Target),
    /// An attribute compared with a value. Of several values any will do.
    Compare(Target, Operator, Operand),
    /// `emails[…]`: one element of which all of this is true. The targets inside are those of its
    /// parts, with their whole keys (`emails.type`).
    Element(Target, Box<Filter>),
}

/// An attribute that a filter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// [`crate::scim::schema::Found::key`]: `username`, `emails.value`, `meta.created`, `id`, `groups.value`, `members.value`,
    /// `e:department`. Of a complex attribute without `value` (`name`): `name`, of which only
    /// [`Filter::Present`] can ask.
    pub key: String,
    /// The URN of the extension, as the document writes it.
    pub extension: Option<String>,
    /// The attribute, as the document writes it.
    pub attribute: String,
    /// The part of it, as the document writes it.
    pub sub: Option<String>,
    /// The type of its values.
    pub kind: Kind,
    /// Whether case counts.
    pub case_exact: bool,
    /// Whether the attribute has several values.
    pub multi_valued: bool,
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

/// A value to compare with: [`crate::scim::values::comparable`] of it, by the type of the target.
/// Comparing these texts octet by octet compares the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand(pub String);
