//! A person that the gateway knows.

use crate::base::{IdpName, Timestamp, UserId};
use crate::directory::Profile;

/// One person. Identifiers are compared and kept verbatim: no trimming, no case folding (core 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Our id; never changes.
    pub id: UserId,
    /// `userName`, unique in the whole directory.
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
    /// Whether they may sign in.
    pub active: bool,
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
