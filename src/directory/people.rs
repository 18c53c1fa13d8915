//! What operators, logins and other nodes ask about people and groups.

use async_trait::async_trait;

use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{Affected, Member, Membership, Tenant, User};
use crate::scim::Document;

/// People and groups of all tenants.
#[async_trait]
pub trait People: Send + Sync {
    /// What whoever provisions says of somebody, for a login and for the roles of a session.
    /// `None`: there is nobody of this id.
    async fn provisioned(&self, id: &UserId) -> Result<Option<Provisioned>, StoreError>;

    /// Whom an operator may mean: by id, else by `userName` in any case, else by e-mail address.
    async fn look_up(&self, text: &str, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// People in the order of their creation, those behind `after`; of one tenant or of all.
    async fn records(
        &self,
        tenant: Option<&Tenant>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Groups in the order of their creation, those behind `after`; of one tenant or of all.
    async fn all_groups(
        &self,
        tenant: Option<&Tenant>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<GroupRecord>, StoreError>;

    /// Groups of this id, else of this `displayName` in any case.
    async fn look_up_group(&self, text: &str, limit: u32) -> Result<Vec<GroupRecord>, StoreError>;

    /// Who is in a group, those behind `after`, with the place of each.
    async fn members(
        &self,
        group: &GroupId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, Member)>, StoreError>;

    /// Locks somebody out, whatever whoever provisions says, or lets them in again. Their sessions
    /// end with it. Whether there is such a person.
    async fn set_locked(
        &self,
        id: &UserId,
        locked: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Forgets everything about people but that there were some of these ids: also what the audit
    /// and the login attempts say of them. Those who were there.
    async fn erase(
        &self,
        people: &[UserId],
        now: Timestamp,
    ) -> Result<Vec<(UserId, Erased)>, StoreError>;

    /// People who were deleted before a moment, and of whom something is still known.
    async fn deleted_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError>;

    /// Whose sessions have to be looked at since `mark`; without one, where to begin.
    async fn changes_after(&self, mark: Option<i64>) -> Result<Changes, StoreError>;
}

/// What whoever provisions says of somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The person, with what was asserted of them last.
    pub user: User,
    /// What was provisioned, if it ever was.
    pub document: Option<Document>,
    /// The groups that they are in, also by groups in groups.
    pub groups: Vec<Membership>,
}

/// A person, as an operator sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Their place in lists.
    pub number: i64,
    /// The person.
    pub user: User,
    /// Among whose people they are.
    pub tenant: Tenant,
    /// Whether the application knows them by their `userName`, and nobody else.
    pub claimed: bool,
    /// When they were deleted by whoever provisions them.
    pub deleted_at: Option<Timestamp>,
    /// What was provisioned, if it ever was.
    pub document: Option<Document>,
}

/// A group, as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRecord {
    /// Its place in lists.
    pub number: i64,
    /// Our id.
    pub id: GroupId,
    /// Among whose groups it is.
    pub tenant: Tenant,
    /// `displayName`
    pub display_name: String,
    /// `externalId`
    pub external_id: Option<String>,
    /// How many people and groups are in it themselves.
    pub members: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Where something was said of somebody who was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Events of the audit.
    pub events: u64,
    /// Login attempts.
    pub attempts: u64,
}

/// What has changed about people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Where to go on.
    pub mark: i64,
    /// Whom it is about.
    pub affected: Affected,
}
