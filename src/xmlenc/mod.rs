//! Ciphertext to bytes: XML Encryption, as narrow as SAML allows it.
//!
//! In: an `xenc:EncryptedData` that anybody may have made, and our own keys. Out: bytes that are
//! still anybody's: encryption says who may read, never who wrote (CVE-2026-2092).

mod error;
mod keys;

pub use error::XmlencError;
pub use keys::{Covered, Decryption, DecryptionKey, DecryptionKeyRefusal, DecryptionKeys};

use crate::base::Checks;
use crate::xml::Element;

/// Decrypts what is in an EncryptedAssertion, EncryptedID or EncryptedAttribute.
pub fn decrypt(
    _encrypted: Element<'_>,
    _decryption: Decryption<'_>,
    _covered: Covered,
    _checks: &mut Checks,
) -> Result<zeroize::Zeroizing<Vec<u8>>, XmlencError> {
    Err(XmlencError::Failed)
}
