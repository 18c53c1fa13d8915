//! Our own keys that things may be encrypted to.
//!
//! In: PEM, or nothing. Out: [`DecryptionKeys`], RSA keys of an accepted size. Where they are kept
//! and who may read them is decided elsewhere.

use std::fmt;
use std::sync::Arc;

use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::rsa::Rsa;
use openssl::sha::Sha256;
use zeroize::Zeroizing;

use crate::base::{ErrorCode, Secret};

/// A private key that things may be encrypted to.
#[derive(Clone)]
pub struct DecryptionKey {
    pub(super) key: PKey<Private>,
    /// What the key of a content is made of when this key can not unwrap it; see `transport`.
    pub(super) rejection: Arc<Zeroizing<[u8; 32]>>,
}

/// Why a private key is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptionKeyRefusal {
    /// Not a private key, or OpenSSL says no.
    #[error("not a readable key: {0}")]
    Unreadable(String),
    /// RSA-OAEP is the one key transport that SAML products have in common.
    #[error("the key is not RSA")]
    NotRsa,
    /// Smaller than NIST SP 800-131A allows, or so large that a stranger could keep us busy.
    #[error("the RSA key has {bits} bits; 2048 to 8192 are accepted")]
    Size {
        /// Its size.
        bits: u32,
    },
}

impl DecryptionKeyRefusal {
    /// `config.value`: the folder of keys is part of the configuration.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::ConfigValue
    }
}

impl From<openssl::error::ErrorStack> for DecryptionKeyRefusal {
    fn from(errors: openssl::error::ErrorStack) -> Self {
        Self::Unreadable(errors.to_string())
    }
}

impl DecryptionKey {
    /// Size of the keys that we make: as hard as AES-128 (NIST SP 800-57), and good beyond 2030,
    /// which 2048 bits are not. What is encrypted today can be kept and read when the key breaks.
    pub const RSA_BITS: u32 = 3072;

    /// Reads a private RSA key: PKCS#8 or the older form, not encrypted.
    pub fn from_pem(key_pem: &[u8]) -> Result<Self, DecryptionKeyRefusal> {
        // Nobody sits there to be asked for a passphrase.
        Self::new(PKey::private_key_from_pem_callback(key_pem, |_| Ok(0))?)
    }

    /// Makes an RSA key of `bits` bits; see [`DecryptionKey::RSA_BITS`].
    pub fn generate(bits: u32) -> Result<Self, DecryptionKeyRefusal> {
        Self::new(PKey::from_rsa(Rsa::generate(bits)?)?)
    }

    fn new(key: PKey<Private>) -> Result<Self, DecryptionKeyRefusal> {
        if key.id() != Id::RSA {
            return Err(DecryptionKeyRefusal::NotRsa);
        }
        let bits = key.bits();
        if !(2048..=8192).contains(&bits) {
            return Err(DecryptionKeyRefusal::Size { bits });
        }
        // Derived and not drawn: the same key rejects the same ciphertext in the same way, also
        // after a restart, so that asking twice says nothing.
        let private = Zeroizing::new(key.private_key_to_der()?);
        let mut digest = Sha256::new();
        digest.update(b"samlgate: implicit rejection of a wrapped key\0");
        digest.update(&private);
        let rejection = Arc::new(Zeroizing::new(digest.finish()));
        Ok(Self { key, rejection })
    }

    /// The private key as PKCS#8 in PEM, for a file that only we can read.
    pub fn key_pem(&self) -> Result<Secret<Vec<u8>>, DecryptionKeyRefusal> {
        Ok(Secret::new(self.key.private_key_to_pem_pkcs8()?))
    }

    /// The key itself, to certify it.
    pub fn private_key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// Whether this is the public half of it.
    pub fn belongs_to(&self, public_key: &PKeyRef<Public>) -> bool {
        self.key.public_eq(public_key)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("bits", &self.key.bits())
            .finish_non_exhaustive()
    }
}

/// All keys of ours that may decrypt; several while one replaces another.
#[derive(Clone, Debug, Default)]
pub struct DecryptionKeys {
    keys: Vec<DecryptionKey>,
    entity_id: Option<String>,
}

impl DecryptionKeys {
    /// How many keys are tried: the one before, the one that is published, the one after.
    ///
    /// All of them are tried each time, and each try is a private operation that anybody may ask
    /// for (2 ms for RSA 3072). Somebody who keeps more is not in the middle of a roll-over.
    pub const MOST: usize = 3;

    /// These keys, in this order; those beyond [`DecryptionKeys::MOST`] are left out.
    #[must_use]
    pub fn from_vec(mut keys: Vec<DecryptionKey>) -> Self {
        keys.truncate(Self::MOST);
        Self { keys, entity_id: None }
    }

    /// Our name, by which a sender with several recipients says which EncryptedKey is ours.
    #[must_use]
    pub fn known_as(mut self, entity_id: &str) -> Self {
        self.entity_id = Some(entity_id.to_owned());
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &DecryptionKey> {
        self.keys.iter()
    }

    pub(super) fn entity_id(&self) -> Option<&str> {
        self.entity_id.as_deref()
    }
}

/// What a message of one identity provider may be decrypted with, and what it may be made of.
#[derive(Clone, Copy, Debug)]
pub struct Decryption<'k> {
    /// Ours.
    pub keys: &'k DecryptionKeys,
    /// AES-CBC although the Response is not signed (`allow_cbc_in_unsigned_response`).
    pub allow_cbc_unsigned: bool,
    /// Triple DES (`allow_tripledes_until`, decided for now).
    pub allow_tripledes: bool,
    /// An assertion that is not encrypted is refused (`want_encrypted`).
    pub required: bool,
}

/// What had to be allowed for a ciphertext to be decrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// [`Decryption::allow_cbc_unsigned`]
    pub cbc_unsigned: bool,
    /// [`Decryption::allow_tripledes`]
    pub tripledes: bool,
}

/// Whether a signature that has verified covers the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// Nobody but the identity provider has had a hand in it.
    BySignature,
    /// Anybody may have made it.
    ByNothing,
}
