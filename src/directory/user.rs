//! A person that the gateway knows.

use crate::base::{IdpName, Timestamp, UserId};
use crate::directory::Profile;

/// One person. Identifiers are compared and kept verbatim: no trimming, no case folding (core 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Our id; never changes.
    pub id: UserId,
    /// `userName`. Several people of different tenants may have the same, but one alone holds it.
    pub user_name: String,
    /// `externalId`: the id at whoever provisions; unique among the people of one identity
    /// provider, since two of them may both count from 1.
    pub external_id: Option<String>,
    /// The identity provider this person belongs to. `None` until the first login of somebody who
    /// was provisioned; afterwards no other identity provider can speak for them.
    pub idp: Option<IdpName>,
    /// The persistent NameID (core 8.3.7) by which that identity provider knows them. A NameID of
    /// another format is not kept here: it changes, or is the `userName` already.
    pub name_id: Option<String>,
    /// Everything else.
    pub profile: Profile,
    /// Whether whoever provisions them lets them in; not, for who was deleted.
    pub active: bool,
    /// Whether an administrator keeps them out.
    pub locked: bool,
    /// Whether they are provisioned: then names and e-mail address are not a login's to change.
    pub managed: bool,
    /// When they were created.
    pub created_at: Timestamp,
    /// When anything but `last_login_at` last changed.
    pub updated_at: Timestamp,
    /// When they last signed in.
    pub last_login_at: Option<Timestamp>,
    /// Counts changes. A change is made against the revision that was read, so that a login which
    /// is under way can not undo what somebody decided in the meantime.
    pub revision: i64,
}

impl User {
    /// Whether they may sign in.
    pub const fn may_enter(&self) -> bool {
        self.active && !self.locked
    }
}
