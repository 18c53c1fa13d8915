//! `[attributes]`, `[[role]]`, `[users]`: how an assertion becomes a person with roles.

use std::collections::BTreeMap;

use crate::base::{IdpName, RoleName};
use crate::identity::Source;

/// A field of [`crate::directory::Profile`] that attributes are mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `user_name`: who the person is; the NameID when no mapping names an attribute.
    UserName,
    /// `email`
    Email,
    /// `first_name`
    FirstName,
    /// `last_name`
    LastName,
    /// `display_name`
    DisplayName,
    /// `department`
    Department,
    /// `title`
    Title,
    /// `employee_number`
    EmployeeNumber,
    /// `manager`
    Manager,
    /// `groups`; the only one with several values
    Groups,
    /// `external_id`: the id by which SCIM knows the person
    ExternalId,
}

impl Target {
    /// Every target with its key in `[attributes]`.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::UserName, "user_name"),
        (Self::Email, "email"),
        (Self::FirstName, "first_name"),
        (Self::LastName, "last_name"),
        (Self::DisplayName, "display_name"),
        (Self::Department, "department"),
        (Self::Title, "title"),
        (Self::EmployeeNumber, "employee_number"),
        (Self::Manager, "manager"),
        (Self::Groups, "groups"),
        (Self::ExternalId, "external_id"),
    ];
}

/// How a mapping names an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeName {
    /// By its `Name`, exactly.
    Name(String),
    /// By its `FriendlyName`, written `friendly:mail`. Never the default: a FriendlyName is only
    /// a label (core 2.7.3.1).
    Friendly(String),
}

impl AttributeName {
    /// `friendly:mail` or a Name.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("friendly:") {
            Some(friendly) => Self::Friendly(friendly.to_owned()),
            None => Self::Name(text.to_owned()),
        }
    }
}

/// `[attributes]`: for each target the attributes that are tried, first match wins. The vendor's
/// own names are tried after these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeMap(pub BTreeMap<Target, Vec<AttributeName>>);

/// One `[[role]]`: who is granted a role.
///
/// Granted to whoever has any of [`RoleRule::any`], where that names something, and all of
/// [`RoleRule::all`], and nothing of [`RoleRule::not`], and signed in at one of
/// [`RoleRule::idps`], where that names some. A rule that names nothing is for everybody
/// ([`RoleRule::everybody`]) or for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// The role that is granted.
    pub name: RoleName,
    /// What it is for, in the catalogue of roles.
    pub description: Option<String>,
    /// Whether everybody has it, but for `all`, `not` and `idps` (`default`).
    pub everybody: bool,
    /// One of these is enough.
    pub any: Grounds,
    /// All of these are needed.
    pub all: Grounds,
    /// None of these may be there.
    pub not: Grounds,
    /// People of these identity providers alone; of all, where there are none.
    pub idps: Vec<IdpName>,
}

/// Groups and values by which a role is granted or withheld.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounds {
    /// Groups, whoever says that somebody is in them.
    pub groups: Vec<String>,
    /// Attribute Name, key of `[attributes]`, or attribute of SCIM (`userType`), to values.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl Grounds {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.attributes.is_empty()
    }
}

/// `users.provisioning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// Created at first login.
    Jit,
    /// Only people who were provisioned may enter.
    Scim,
}

/// One way to recognise a person (`users.link_by`), tried in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkBy {
    /// By externalId.
    ExternalId,
    /// By userName.
    UserName,
    /// By e-mail address.
    Email,
}

/// Everything of this module that an operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// `[attributes]`
    pub attributes: AttributeMap,
    /// `[[role]]`
    pub roles: Vec<RoleRule>,
    /// `users.provisioning`
    pub provisioning: Provisioning,
    /// `users.link_by`
    pub link_by: Vec<LinkBy>,
    /// `users.sources`: whose word counts where both say something.
    pub first: Source,
}
