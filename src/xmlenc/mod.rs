//! Ciphertext to bytes: XML Encryption, as narrow as SAML allows it.
//!
//! In: an `xenc:EncryptedData` that anybody may have made, and our own keys. Out: bytes that are
//! still anybody's: encryption says who may read, never who wrote (CVE-2026-2092).

mod keys;

pub use keys::{Decryption, DecryptionKeys};
