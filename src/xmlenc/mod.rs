//! Ciphertext to bytes: XML Encryption, as narrow as SAML allows it.
//!
//! In: an EncryptedAssertion, EncryptedID or EncryptedAttribute that anybody may have made, and
//! our own keys. Out: [`Plaintext`], bytes that are still anybody's: encryption says who may read,
//! never who wrote (CVE-2026-2092). Promised:
//!
//! - The shape is checked before any key is used. Nothing is fetched, nothing is transformed, and
//!   no ID is looked up outside of the element.
//! - The algorithms are those of a list: AES-GCM; AES-CBC where a signature has verified before,
//!   or an operator allows it; RSA-OAEP. Triple DES is an exception with a date; RSA 1.5 is none.
//! - One error and one path in time for all that a private key has decided. All our keys are tried,
//!   a key that can not be unwrapped is replaced by one that nobody knows, and wrong padding is
//!   read like right padding before it is refused. What is left are the microseconds by which a
//!   document is read longer than noise, which is why AES-CBC that nobody signed is refused
//!   before it is decrypted.
//! - What was decrypted, and every key, is wiped when dropped. (The tree that is read from it is
//!   not; neither is that of a message which was never encrypted.)
// Tests may add and multiply; what reads a stranger's bytes may not overflow.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod algorithm;
mod content;
mod error;
mod keys;
mod shape;
mod transport;

pub use content::Plaintext;
pub use error::XmlencError;
pub use keys::{Covered, Decryption, DecryptionKey, DecryptionKeyRefusal, DecryptionKeys, Needed};

use crate::base::Checks;
use crate::xml::Element;
use shape::Ciphertext;

/// Decrypts an EncryptedAssertion, EncryptedID or EncryptedAttribute.
pub fn decrypt(
    encrypted: Element<'_>,
    decryption: Decryption<'_>,
    covered: Covered,
    checks: &mut Checks,
) -> Result<Plaintext, XmlencError> {
    let found = Ciphertext::of(encrypted, decryption)?;
    checks.pass("encryption.structure");
    if found.method.needs(covered).cbc_unsigned && !decryption.allow_cbc_unsigned {
        return Err(XmlencError::CbcUnsigned);
    }
    checks.pass_with("encryption.algorithm", || found.method.uri().to_owned());
    let length = found.method.cipher().key_len();
    let key = transport::unwrap(
        decryption.keys,
        &found.transport,
        &found.wrapped_key,
        length,
    )
    .ok_or(XmlencError::Failed)?;
    content::open(found.method, &key, &found.content, covered)
}

#[cfg(test)]
pub(crate) mod tests;
