//! Assertion → the person it is about, known before or created now.

use crate::base::{Entropy, IdpName, Timestamp};
use crate::directory::DirectoryStore;
use crate::identity::{Identity, IdentityError, IdentitySettings, map};
use crate::saml::{Accepted, Vendor};

/// Finds or creates.
#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing, and all are needed"
)]
pub async fn resolve(
    accepted: &Accepted,
    vendor: Vendor,
    _idp: &IdpName,
    allow_duplicates: bool,
    settings: &IdentitySettings,
    _store: &dyn DirectoryStore,
    _entropy: &dyn Entropy,
    _now: Timestamp,
) -> Result<Identity, IdentityError> {
    let mapped = map(
        accepted.claims(),
        vendor,
        allow_duplicates,
        &settings.attributes,
    )?;
    Err(IdentityError::NotProvisioned { user_name: mapped.user_name })
}
