//! Groups, and who is in them.

use crate::base::{GroupId, UserId};

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
