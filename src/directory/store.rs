//! What may be asked of the directory.

use async_trait::async_trait;

use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::{Links, Standings, User};

/// The directory. All look-ups compare verbatim.
#[async_trait]
pub trait DirectoryStore: Standings + Links {
    /// By our id.
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// By `userName`.
    async fn find_by_user_name(&self, user_name: &str) -> Result<Option<User>, StoreError>;

    /// Who holds a `userName`, in whatever case: the application knows nobody else by it.
    async fn find_holder(&self, user_name: &str) -> Result<Option<User>, StoreError>;

    /// By `externalId`, among the people of this identity provider, then among those of none.
    async fn find_by_external_id(
        &self,
        idp: &IdpName,
        external_id: &str,
    ) -> Result<Option<User>, StoreError>;

    /// By e-mail address: the first two at most, which is enough to see that it is ambiguous.
    async fn find_by_email(&self, email: &str) -> Result<Vec<User>, StoreError>;

    /// By the persistent NameID of an identity provider.
    async fn find_by_name_id(
        &self,
        idp: &IdpName,
        name_id: &str,
    ) -> Result<Option<User>, StoreError>;

    /// Everybody whom any of these identifiers may mean, each once: who would be found by the
    /// functions above, in one question. And one person of another identity provider, if there is any,
    /// who has the e-mail address, its ASCII letters in any case.
    async fn find_any(&self, by: Identifiers<'_>) -> Result<Vec<User>, StoreError>;

    /// Adds a person.
    async fn create(&self, user: &User) -> Result<Created, StoreError>;

    /// Replaces a person, if they still are at `user.revision`; stored is the next revision.
    async fn update(&self, user: &User) -> Result<Changed, StoreError>;

    /// Lets a person in or keeps them out, whatever else changes; whether they exist.
    /// Ending their sessions is the caller's part.
    async fn set_active(
        &self,
        id: &UserId,
        active: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// People in the order of their `userName`, at most `limit`, those behind `after`.
    async fn list(&self, limit: u32, after: Option<&str>) -> Result<Vec<User>, StoreError>;
}

/// What an identity provider says somebody is known by.
#[derive(Clone, Copy, Debug)]
pub struct Identifiers<'a> {
    /// Who says it.
    pub idp: &'a IdpName,
    /// The persistent NameID.
    pub name_id: Option<&'a str>,
    /// `externalId`.
    pub external_id: Option<&'a str>,
    /// `userName`.
    pub user_name: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
}

/// What came of [`DirectoryStore::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Created {
    /// They are there.
    Created,
    /// Somebody else has this already; nothing was stored.
    Taken(UniqueField),
}

/// What came of [`DirectoryStore::update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// It is stored.
    Changed,
    /// The person was changed or removed since they were read; nothing was stored.
    Stale,
    /// Somebody else has this already; nothing was stored.
    Taken(UniqueField),
}

/// What only one person can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueField {
    /// `userName`
    UserName,
    /// `externalId`, at one identity provider
    ExternalId,
    /// The persistent NameID, at one identity provider
    NameId,
}
