//! Verifying.
use super::{DsigError, Place, TrustedKeys, Verified};
use crate::xml::Element;

/// Verifies the signature of a message or assertion.
pub fn verify<'d>(
    element: Element<'d>,
    keys: &TrustedKeys,
) -> Result<Option<Verified<Element<'d>>>, DsigError> {
    verify_at(element, Place::AfterIssuer, keys)
}

/// The same for a signature that stands elsewhere in its parent.
pub fn verify_at<'d>(
    _element: Element<'d>,
    _place: Place,
    _keys: &TrustedKeys,
) -> Result<Option<Verified<Element<'d>>>, DsigError> {
    Err(DsigError::Structure("nothing is verified yet"))
}
