//! Assertion → a person we know, with roles.
//!
//! In: a [`ValidAssertion`](crate::saml::ValidAssertion) and the settings. Out: an [`Identity`].
//! Promised: an identity provider speaks for its own people only ([`provision`]), and what it says
//! is passed on verbatim or refused ([`mapping`]).

pub mod error;
pub mod mapping;
pub mod person;
pub mod provision;
pub mod roles;
pub mod settings;
pub mod sources;
pub mod today;
pub mod value;
pub mod vendor_names;
pub use error::IdentityError;
pub use mapping::{Mapped, NamedBy, map};
pub use person::Identity;
pub use provision::{Asserter, Keeper, Kept, Person, asserted, resolve, said};
pub use roles::{Facts, Granted, granted, roles};
pub use settings::{
    AttributeMap, AttributeName, Grounds, IdentitySettings, LinkBy, Provisioning, RoleRule, Target,
};
pub use sources::Source;
pub use today::{has_lost, today};
pub use vendor_names::is_identifier;
