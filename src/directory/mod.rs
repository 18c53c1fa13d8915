//! People, and what may be asked of them.
//!
//! A [`User`] is somebody we have met; a [`Profile`] is what their identity provider says of them,
//! a document what was provisioned. [`DirectoryStore`] is all that a login may ask,
//! [`Provisioning`] what a client may that keeps people and groups, [`Connections`] who such a
//! client is, [`Guards`] what keeps it from deactivating everybody, [`People`] everything else; a
//! store implements them. [`RequestLog`] keeps what such clients asked, and [`Health`] says what that
//! means.

pub mod administration;
pub mod client_assertion;
pub mod client_key;
pub mod connection;
pub mod connections;
pub mod discreet;
pub mod expiry;
pub mod group;
pub mod guard;
pub mod health;
pub mod links;
pub mod lookups;
pub mod people;
pub mod profile;
pub mod provisioning;
pub mod recorder;
pub mod requests;
pub mod run;
pub mod secret;
pub mod standing;
pub mod store;
mod stored;
pub mod user;
pub use administration::{Administration, Refusal, Rotated};
pub use client_key::ClientKey;
pub use connection::{
    AccessToken, Actor, Connection, ConnectionSettings, Operator, ScimToken, Scopes, Tenant,
    UnknownMembers,
};
pub use connections::{ConnectionWritten, Connections};
pub use group::{Member, Membership};
pub use guard::{Approval, Guard, GuardState, Guards, Paused, Share};
pub use health::{Health, Transition};
pub use links::{Link, Linked, Links};
pub use people::{Changes, Erased, GroupRecord, People, Provisioned, Record};
pub use profile::Profile;
pub use provisioning::{
    Affected, Begin, Change, Cursor, Done, GroupParts, GroupResource, How, Outcome, Page,
    Provisioning, Query, Sort, UserParts, UserResource, Written,
};
pub use recorder::{LogSettings, Recorded, Recorder};
pub use requests::{RequestLog, RequestQuery, ScimRequest};
pub use standing::{Standing, Standings};
pub use store::{Changed, Created, DirectoryStore, Identifiers, UniqueField};
pub use user::User;
