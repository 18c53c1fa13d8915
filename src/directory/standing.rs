//! How somebody stands now, whatever was said when they signed in.

use async_trait::async_trait;

use crate::base::{StoreError, Timestamp, UserId};
use crate::scim::Document;

/// What the directory knows of a person at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// `userName`
    pub user_name: String,
    /// `externalId`
    pub external_id: Option<String>,
    /// Whether they may sign in, and go on: active, and not locked by an administrator.
    pub may_enter: bool,
    /// What is provisioned of them; `None` for somebody whom nobody provisions.
    pub document: Option<Document>,
    /// The names of the provisioned groups that they are in, directly or by another group.
    pub groups: Vec<String>,
    /// Those of the asked names that are provisioned groups of their tenant: who is in these is
    /// said by provisioning alone. None for somebody whom nobody provisions.
    pub provisioned: Vec<String>,
}

/// Who tells it.
#[async_trait]
pub trait Standings: Send + Sync {
    /// How somebody stands; `None`: nobody here ever knew them. `groups` are names of which
    /// it is asked whether provisioning decides about them: it does where there is such a group, or
    /// was one after `asserted`.
    async fn standing(
        &self,
        id: &UserId,
        groups: &[String],
        asserted: Timestamp,
    ) -> Result<Option<Standing>, StoreError>;

    /// Whether provisioning says which groups somebody is in, also where that is none: they are in
    /// one, or their connection has groups and a client that keeps them. Where all its tokens and
    /// keys are for people alone, nobody does; where none is good any more, what was said last counts.
    async fn says_groups(&self, id: &UserId, now: Timestamp) -> Result<bool, StoreError>;
}
