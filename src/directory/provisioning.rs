//! What a provisioning client may ask, and what comes of it.
//!
//! In: documents that were checked, filters that were understood, and the tenant that asks. Out:
//! resources, or why not. The promises: a tenant sees its own people and groups alone; a change is
//! whole or it is not; of two that race one is made upon the other; nothing is loaded that was not
//! asked for; and whoever may not enter any more has no session when the change is answered.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{Actor, Member, Membership, Paused, Tenant};
use crate::scim::document::StoredDocument;
use crate::scim::entries::Entry;
use crate::scim::filter::Target;
use crate::scim::patch::MemberChange;
use crate::scim::{Document, Filter, ScimError};

/// People and groups, as the clients of connections keep them.
#[async_trait]
pub trait Provisioning: Send + Sync {
    /// One person; `None` also for another tenant's, and for who was deleted.
    async fn user(
        &self,
        tenant: &Tenant,
        id: &UserId,
        with: UserParts,
    ) -> Result<Option<UserResource>, StoreError>;

    /// One group; `None` also for another tenant's.
    async fn group(
        &self,
        tenant: &Tenant,
        id: &GroupId,
        with: GroupParts,
    ) -> Result<Option<GroupResource>, StoreError>;

    /// A page of people.
    async fn users(
        &self,
        tenant: &Tenant,
        query: &Query,
        with: UserParts,
    ) -> Result<Page<UserResource>, StoreError>;

    /// A page of groups.
    async fn groups(
        &self,
        tenant: &Tenant,
        query: &Query,
        with: GroupParts,
    ) -> Result<Page<GroupResource>, StoreError>;

    /// Adds a person under a new id; or, where somebody is known whom this must be (they signed in
    /// before they were provisioned, or were deleted and return), makes it theirs, under their id.
    async fn create_user(
        &self,
        actor: &Actor,
        id: UserId,
        new: Written,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError>;

    /// Changes a person, if they are at the version that the client read.
    async fn change_user(
        &self,
        actor: &Actor,
        id: &UserId,
        if_match: Option<i64>,
        change: Change,
        with: UserParts,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError>;

    /// Removes a person: their sessions and memberships end, their names are free. The record
    /// stays, in case they return.
    async fn delete_user(
        &self,
        actor: &Actor,
        id: &UserId,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError>;

    /// Adds a group, whose members are in [`Written::members`].
    async fn create_group(
        &self,
        actor: &Actor,
        id: GroupId,
        new: Written,
        with: GroupParts,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError>;

    /// Changes a group, if it is at the version that the client read.
    async fn change_group(
        &self,
        actor: &Actor,
        id: &GroupId,
        if_match: Option<i64>,
        change: Change,
        with: GroupParts,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError>;

    /// Removes a group from everywhere.
    async fn delete_group(
        &self,
        actor: &Actor,
        id: &GroupId,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError>;
}

/// What belongs to a person and costs a question of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserParts {
    /// The groups that they are in, also by groups in groups.
    pub groups: bool,
}

/// What belongs to a group and costs a question of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupParts {
    /// Who is in it.
    pub members: bool,
    /// Not if there are more.
    pub at_most: Option<u32>,
}

/// A person, as a client sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct UserResource {
    /// Our id.
    pub id: UserId,
    /// Their attributes.
    pub document: StoredDocument,
    /// Counts changes: the `ETag`.
    pub version: i64,
    /// When they were created.
    pub created_at: Timestamp,
    /// When they last changed.
    pub changed_at: Timestamp,
    /// The groups that they are in, if they were asked for.
    pub groups: Option<Vec<Membership>>,
}

/// A group, as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupResource {
    /// Our id.
    pub id: GroupId,
    /// Its attributes.
    pub document: Document,
    /// Counts changes, those of its members included: the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// Who is in it, if that was asked for.
    pub members: Option<Vec<Member>>,
}

/// What is looked for, and which part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Which resources; all of them without.
    pub filter: Option<Filter>,
    /// In which order; in that of their creation without.
    pub sort: Option<Sort>,
    /// From which on.
    pub from: Begin,
    /// How many at most. None at all is a question for the total.
    pub count: u32,
    /// Whether somebody wants to know how many there are.
    pub total: bool,
}

/// The order of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which attribute. Of several values that of the primary one, else the first, counts.
    pub by: Target,
    /// From the greatest on; who has no value then comes first.
    pub descending: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After so many.
    Offset(u64),
    /// Where an earlier page ended, whatever came or went since.
    Cursor(Cursor),
}

/// The end of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The value that is sorted by, of the last one.
    pub value: Option<String>,
    /// The place of the last one in the store.
    pub number: i64,
}

/// A part of what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// These.
    pub resources: Vec<T>,
    /// How many there are, if that was asked.
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// A document that is going to be kept, and what of it can be looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The document.
    pub document: Document,
    /// Each of its values.
    pub entries: Vec<Entry>,
    /// How the members change; of groups alone.
    pub members: Vec<MemberChange>,
}

/// What becomes of the document that is there now. It is asked inside the transaction, more than
/// once if the database wants that.
#[derive(Clone)]
pub struct Change(Arc<Apply>);

type Apply = dyn Fn(&Document) -> Result<Written, ScimError> + Send + Sync;

impl Change {
    /// A change.
    pub fn new(
        change: impl Fn(&Document) -> Result<Written, ScimError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(change))
    }

    /// What the document becomes.
    pub fn apply(&self, document: &Document) -> Result<Written, ScimError> {
        (self.0)(document)
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Outcome<T> {
    /// It is written, or was so already.
    Done(Done<T>),
    /// There is no such resource, or it is another tenant's.
    NotFound,
    /// The client read another version.
    PreconditionFailed,
    /// It can not be.
    Refused(ScimError),
    /// Too many were deactivated already: not until somebody who runs the gateway has looked.
    Paused(Paused),
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Done<T> {
    /// The resource as it is now.
    pub resource: T,
    /// What kind of change it was.
    pub how: How,
    /// Whose sessions are not what they were.
    pub affected: Affected,
}

/// What kind of change was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is new.
    Created,
    /// It was known already by a login, and is provisioned from now on.
    Linked,
    /// It had been deleted, and is there again.
    Returned,
    /// It is different.
    Changed,
    /// It was so already.
    Unchanged,
    /// It is gone.
    Deleted,
}

/// People whose sessions have to be looked at: they end, or are loaded anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// These, each once.
    pub people: Vec<UserId>,
    /// More than it makes sense to count.
    pub everybody: bool,
}
