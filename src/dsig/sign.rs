//! Signing what we send.
use super::{DsigError, Place, SigningKey};

/// Signs the element whose `ID` is `id` and puts the signature into it.
pub fn sign_enveloped(
    _xml: &str,
    _id: &str,
    _key: &SigningKey,
    _place: Place,
) -> Result<String, DsigError> {
    Err(DsigError::Signing("nothing is signed yet".to_owned()))
}

/// Bindings 3.4.4.1: signs `SAMLRequest=…&RelayState=…` and returns the whole query with `SigAlg`
/// and `Signature` behind it.
pub fn sign_query(_query: &str, _key: &SigningKey) -> Result<String, DsigError> {
    Err(DsigError::Signing("nothing is signed yet".to_owned()))
}
