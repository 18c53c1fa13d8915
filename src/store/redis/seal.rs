//! Values that Redis keeps and can not read.
//!
//! In: bytes, and what they are. Out: the same, sealed; and back. The promises: whoever has only
//! what is in Redis reads nothing and changes nothing unnoticed, and can not put one value in the
//! place of another, since what a value is and where it stands is sealed with it.
//!
//! AES-256-GCM, with a key of its own for each value: HMAC-SHA256 of sixteen random bytes under the
//! operator's key. So no nonce can come twice under one key, however many values there are.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use crate::base::{Entropy, Secret, StoreError, entropy};

/// The operator's keys (`session.seal_key`): the first seals, all of them open.
#[derive(Clone, Debug)]
pub struct SealKeys {
    first: SealKey,
    others: Vec<SealKey>,
}

#[derive(Clone, Debug)]
struct SealKey {
    /// The first bytes of its hash, which stand before each value.
    id: [u8; 4],
    key: Secret<Vec<u8>>,
}

/// Why keys can not be read. Their text is in no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealKeyError {
    /// There is none.
    #[error("holds no key")]
    None,
    /// Not 32 bytes.
    #[error("key {0} is not 32 bytes in base64")]
    Length(usize),
    /// The same one twice.
    #[error("key {0} stands there twice")]
    Twice(usize),
}

impl SealKeys {
    /// Reads keys: 32 random bytes each, as base64, with spaces or new lines between them.
    pub fn parse(text: &str) -> Result<Self, SealKeyError> {
        let mut keys: Vec<SealKey> = Vec::new();
        for (number, word) in (1..).zip(text.split_whitespace()) {
            let word = word.trim_end_matches('=');
            let key = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word));
            let key = key.ok().filter(|key| key.len() == 32);
            let key = SealKey::new(key.ok_or(SealKeyError::Length(number))?);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(SealKeyError::Twice(number));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(SealKeyError::None)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// Seals a value for its place.
    pub fn seal(
        &self,
        place: &Place<'_>,
        value: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, StoreError> {
        let salt: [u8; SALT] = entropy::bytes(entropy);
        let nonce: [u8; NONCE] = entropy::bytes(entropy);
        let key = self.first.derive(&salt)?;
        let mut tag = [0; TAG];
        let sealed = encrypt_aead(
            cipher(),
            key.reveal(),
            Some(&nonce),
            &place.bytes(),
            value,
            &mut tag,
        )
        .map_err(StoreError::new)?;
        Ok([&[VERSION][..], &self.first.id, &salt, &nonce, &tag, &sealed].concat())
    }

    /// Opens a value from its place. A key that is not among ours is an error, since it is the
    /// configuration that has to change; a value that was tampered with is `None`.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(parts) = Parts::of(sealed) else {
            return Ok(None);
        };
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        let key = keys.find(|key| key.id == parts.id).ok_or_else(|| {
            let id = entropy::hex(parts.id);
            StoreError::new(format_args!(
                "a value in Redis is sealed with the key {id}…, which is not in session.seal_key"
            ))
        })?;
        let key = key.derive(parts.salt)?;
        let opened = decrypt_aead(
            cipher(),
            key.reveal(),
            Some(parts.nonce),
            &place.bytes(),
            parts.value,
            parts.tag,
        );
        Ok(opened.ok())
    }
}

/// What a value is, and under which key it stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(pub &'static str, pub &'a [u8]);

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.0.as_bytes(), b":", self.1].concat()
    }
}

impl SealKey {
    fn new(key: Vec<u8>) -> Self {
        let [a, b, c, d, ..] = openssl::sha::sha256(&key);
        Self { id: [a, b, c, d], key: Secret::new(key) }
    }

    fn derive(&self, salt: &[u8]) -> Result<Secret<Vec<u8>>, StoreError> {
        let derived = PKey::hmac(self.key.reveal()).and_then(|key| {
            let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
            signer.update(PURPOSE)?;
            signer.update(salt)?;
            signer.sign_to_vec()
        });
        derived.map(Secret::new).map_err(StoreError::new)
    }
}

struct Parts<'a> {
    id: &'a [u8],
    salt: &'a [u8],
    nonce: &'a [u8],
    tag: &'a [u8],
    value: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Option<Self> {
        let (version, rest) = sealed.split_first()?;
        let (id, rest) = rest.split_at_checked(4)?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (tag, value) = rest.split_at_checked(TAG)?;
        (*version == VERSION).then_some(Self { id, salt, nonce, tag, value })
    }
}

fn cipher() -> Cipher {
    Cipher::aes_256_gcm()
}

const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"samlgate seal 1";
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn text(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    fn keys(text: &str) -> SealKeys {
        SealKeys::parse(text).unwrap()
    }

    const PLACE: Place<'_> = Place("session", &[1; 32]);

    fn seal(keys: &SealKeys) -> Vec<u8> {
        keys.seal(&PLACE, b"alice", &SystemEntropy).unwrap()
    }

    #[test]
    fn a_value_opens_at_its_place_and_nowhere_else() {
        let keys = keys(&text(1));
        let sealed = seal(&keys);
        assert!(!sealed.windows(5).any(|part| part == b"alice"));
        assert_ne!(sealed, seal(&keys), "never the same twice");
        let open = |place| keys.open(&place, &sealed).unwrap();
        assert_eq!(open(PLACE).as_deref(), Some(&b"alice"[..]));
        assert_eq!(open(Place("session", &[2; 32])), None);
        assert_eq!(open(Place("kept", &[1; 32])), None);
    }

    #[test]
    fn a_value_that_was_changed_or_cut_does_not_open() {
        let keys = keys(&text(1));
        let sealed = seal(&keys);
        for place in 5..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(keys.open(&PLACE, &changed).unwrap(), None, "{place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(keys.open(&PLACE, &sealed[..length]).unwrap(), None);
        }
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let (old, new) = (keys(&text(1)), keys(&text(2)));
        let rolled = keys(&format!("{}\n{}\n", text(2), text(1)));
        for sealed in [seal(&old), seal(&new), seal(&rolled)] {
            assert_eq!(rolled.open(&PLACE, &sealed).unwrap().unwrap(), b"alice");
        }
        assert!(new.open(&PLACE, &seal(&rolled)).unwrap().is_some());
        let unknown = new.open(&PLACE, &seal(&old)).unwrap_err();
        assert_eq!(unknown.code().as_str(), "store.unavailable");
    }

    #[test]
    fn keys_are_thirty_two_bytes_in_base64() {
        let parse = |text: &str| SealKeys::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(parse(" \n"), SealKeyError::None);
        assert_eq!(parse("hunter2"), SealKeyError::Length(1));
        assert_eq!(parse(&STANDARD.encode([1; 16])), SealKeyError::Length(1));
        assert_eq!(parse(&format!("{} x", text(1))), SealKeyError::Length(2));
        assert_eq!(parse(&format!("{0} {0}", text(1))), SealKeyError::Twice(2));
        assert!(!format!("{:?}", keys(&text(1))).contains("AQEB"));
    }
}
