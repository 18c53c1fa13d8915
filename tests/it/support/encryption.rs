//! The gateway's encryption key, and what others do with its public half.
//!
//! The key is in the repository, so that no test has to make one, and protects nothing.

use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};

use super::certificate::self_signed;
#[path = "../../../src/xmlenc/tests/seal.rs"]
pub(crate) mod seal;

use seal::Seal;

/// The key, in PEM.
pub(crate) const KEY: &[u8] = include_bytes!("../../../src/xmlenc/tests/sp.key");
/// The one before, for a roll-over.
pub(crate) const OLDER_KEY: &[u8] = include_bytes!("../../../src/xmlenc/tests/older.key");

/// The key itself.
pub(crate) fn key() -> PKey<Private> {
    PKey::private_key_from_pem(KEY).unwrap()
}

/// A certificate for the key, in PEM.
pub(crate) fn certificate() -> Vec<u8> {
    self_signed(&key(), "localhost", None).to_pem().unwrap()
}

/// The same message with its only `saml:WHAT` encrypted, as it stands.
pub(crate) fn encrypted(xml: &str, what: &str, wrapper: &str, seal: Seal) -> String {
    encrypted_to(&key(), xml, what, wrapper, seal)
}

/// The same to another key.
pub(crate) fn encrypted_to<T: HasPublic>(
    key: &PKeyRef<T>,
    xml: &str,
    what: &str,
    wrapper: &str,
    seal: Seal,
) -> String {
    let begins = [" ", ">"].map(|behind| xml.find(&format!("<saml:{what}{behind}")));
    let start = begins.into_iter().flatten().min().unwrap();
    let end = format!("</saml:{what}>");
    let end = start + xml[start..].find(&end).unwrap() + end.len();
    let sealed = seal.seal(wrapper, &xml.as_bytes()[start..end], key);
    [&xml[..start], &sealed, &xml[end..]].concat()
}
