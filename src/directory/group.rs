//! Groups, and who is in them.

use crate::base::{GroupId, UserId};
use crate::scim::Filter;

/// A group that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// Its `displayName`.
    pub display_name: String,
    /// Its `externalId`.
    pub external_id: Option<String>,
    /// Whether they are in it themselves, and not only in a group that is in it.
    pub direct: bool,
}

/// Somebody, or a group, in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// A person.
    User(UserId),
    /// A group.
    Group(GroupId),
}

impl Member {
    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Self::User(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
        }
    }
}

/// How the members of a group change. Ids as the client sent them; what they mean is looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberChange {
    /// These are in it from now on; who was is still.
    Add(Vec<String>),
    /// These are not any more; who was not is still not.
    Remove(Vec<String>),
    /// These and nobody else.
    ReplaceAll(Vec<String>),
    /// Nobody.
    RemoveAll,
    /// Of whom this is true is not any more. Its targets are those of elements of `members`.
    RemoveWhere(Filter),
}
