//! Attributes → profile.

use crate::directory::Profile;
use crate::identity::{AttributeMap, IdentityError};
use crate::saml::{Claims, Vendor};

/// What an assertion says about a person, under our names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// `userName`.
    pub user_name: String,
    /// Whether `user_name` was only concluded from an e-mail address.
    pub named_by_email: bool,
    /// `externalId`.
    pub external_id: Option<String>,
    /// Everything else.
    pub profile: Profile,
    /// All attributes by Name, values of repeated elements together.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Maps.
pub fn map(
    _claims: &Claims,
    _vendor: Vendor,
    _allow_duplicates: bool,
    _attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    Err(IdentityError::SubjectMissing { sent: Vec::new() })
}
