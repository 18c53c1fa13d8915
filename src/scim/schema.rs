//! What attributes there are, and what is true of each (RFC 7643, 7).

mod declare;
mod resolve;
mod tables;

use std::borrow::Cow;

pub use declare::SchemaError;
pub(in crate::scim) use resolve::{after_urn, within};

/// The URN of the core schema of users (RFC 7643, 4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the core schema of groups (RFC 7643, 4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension (RFC 7643, 4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Which resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// `/Users`
    User,
    /// `/Groups`
    Group,
}

/// The type of an attribute (RFC 7643, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text.
    String,
    /// `true`, `false`.
    Boolean,
    /// A number.
    Decimal,
    /// A whole number.
    Integer,
    /// An instant, in the form of XML Schema's `dateTime`.
    DateTime,
    /// Base64.
    Binary,
    /// The address of something.
    Reference,
    /// With sub-attributes.
    Complex,
}

/// Whether a client may write it (RFC 7643, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Never.
    ReadOnly,
    /// At any time.
    ReadWrite,
    /// When the resource is made, and not afterwards.
    Immutable,
    /// It may, and can not read it.
    WriteOnly,
}

/// When it is in an answer (RFC 7643, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// In each.
    Always,
    /// In none.
    Never,
    /// Unless something else was asked for.
    Default,
    /// When it was asked for.
    Request,
}

/// Whether two resources may have the same value (RFC 7643, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// Any number may.
    None,
    /// Not two of one tenant.
    Server,
    /// Not two anywhere.
    Global,
}

/// An attribute, or a sub-attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, as the schema writes it.
    pub name: Cow<'static, str>,
    /// Its type.
    pub kind: Kind,
    /// Whether there may be several.
    pub multi_valued: bool,
    /// What it is about.
    pub description: Cow<'static, str>,
    /// Whether a resource is nothing without it.
    pub required: bool,
    /// Usual values. Suggestions: others are taken as well.
    pub canonical_values: &'static [&'static str],
    /// Whether `A` is another value than `a`.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Who else may have the same.
    pub uniqueness: Uniqueness,
    /// What a reference may lead to.
    pub reference_types: &'static [&'static str],
    /// What a complex one consists of.
    pub sub_attributes: Vec<Self>,
}

/// A schema: a URN and its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The URN.
    pub id: Cow<'static, str>,
    /// A name for people.
    pub name: Cow<'static, str>,
    /// What it is about.
    pub description: Cow<'static, str>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// All schemas that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// The core schema of users, the common attributes (`id`, `externalId`, `meta`) not in it.
    pub user: Schema,
    /// What may be added to users: the enterprise extension first, then those of an operator.
    pub user_extensions: Vec<Schema>,
    /// The core schema of groups.
    pub group: Schema,
    /// What may be added to groups.
    pub group_extensions: Vec<Schema>,
}

/// An attribute that a name led to: of which schema, and which part of it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'c> {
    /// The extension that it is of; `None`: the core schema, or a common attribute.
    pub extension: Option<&'c Schema>,
    /// The attribute.
    pub attribute: &'c Attribute,
    /// The part of it that was named.
    pub sub: Option<&'c Attribute>,
}

impl Found<'_> {
    /// The part if there is one, else the attribute: whose type a value has to have.
    pub fn leaf(&self) -> &Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// What it is called in a message to a client.
    pub fn name(&self) -> String {
        let urn = self.extension.map(|schema| format!("{}:", schema.id)).unwrap_or_default();
        match self.sub {
            Some(sub) => format!("{urn}{}.{}", self.attribute.name, sub.name),
            None => format!("{urn}{}", self.attribute.name),
        }
    }

    /// What stores and filters call it, in lower case: `name.familyname`, `emails.value`,
    /// `e:department` of the enterprise extension, `urn:example:2.0:User:badge` of any other. Of a
    /// multi-valued complex attribute without a part, that of its `value` (RFC 7644, 3.4.2.2).
    pub fn key(&self) -> String {
        let mut key = match self.extension {
            None => String::new(),
            Some(schema) if schema.id == ENTERPRISE => "e:".to_owned(),
            Some(schema) => format!("{}:", schema.id.to_ascii_lowercase()),
        };
        key.push_str(&self.attribute.name.to_ascii_lowercase());
        let sub = self.sub.map(|sub| sub.name.to_ascii_lowercase());
        let value = || self.attribute.has_value().then(|| "value".to_owned());
        if let Some(sub) = sub.or_else(value) {
            key.push('.');
            key.push_str(&sub);
        }
        key
    }
}
