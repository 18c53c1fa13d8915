//! People whom an administrator linked to what another identity provider calls them.
//!
//! A person belongs to the identity provider that signed them in first, and the same NameID or e-mail
//! address from another one is somebody else. A [`Link`] is the one exception, and it is made on
//! purpose: this NameID of that identity provider is this person, too. It names a NameID exactly, as it
//! is sent; a transient one is never linked, since the next one is another.

use async_trait::async_trait;

use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::{Operator, User};

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who it is.
    pub person: UserId,
    /// Whose name for them.
    pub idp: IdpName,
    /// The NameID.
    pub name_id: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What came of [`Links::link`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Linked {
    /// It is there.
    Linked,
    /// It was there before.
    Already,
    /// The person has another NameID at this identity provider already.
    Other(String),
    /// The NameID is somebody else: by a link, or since they signed in with it.
    Taken {
        /// Who.
        person: UserId,
        /// Their `userName`.
        user_name: String,
    },
    /// There is no such person any more.
    Nobody,
}

/// Keeps links. Every change is in the audit.
#[async_trait]
pub trait Links: Send + Sync {
    /// Who is meant by a NameID of an identity provider; somebody who was deleted is not active.
    async fn linked(&self, idp: &IdpName, name_id: &str) -> Result<Option<User>, StoreError>;

    /// The links of somebody, by identity provider.
    async fn links(&self, person: &UserId) -> Result<Vec<Link>, StoreError>;

    /// Makes a link.
    async fn link(&self, link: &Link, by: &Operator) -> Result<Linked, StoreError>;

    /// Takes the link to an identity provider away, and ends the sessions of the person; whether
    /// there was one.
    async fn unlink(
        &self,
        person: &UserId,
        idp: &IdpName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
