//! Accepted assertion → a person we know, with roles.
pub mod settings;
pub use settings::{
    AttributeMap, AttributeName, IdentitySettings, LinkBy, Provisioning, RoleRule, Target,
};
