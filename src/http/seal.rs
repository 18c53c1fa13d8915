//! What leaves our hands and comes back: marked, so that nobody else can have written it, or sealed,
//! so that nobody else can read it.
//!
//! Both by keys derived from the one that signs the identity header, which every node has.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use crate::base::{Entropy, Secret, entropy};

/// Our key for marks and seals.
#[derive(Debug)]
pub struct Seal(Secret<[u8; 32]>);

/// What a mark or seal is for: one of one kind never counts as one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Another host asks the auth host for a session.
    Asking,
    /// The auth host hands a session over.
    Code,
    /// A form that waits for a login.
    Form,
}

impl Seal {
    /// By this key.
    pub const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// HMAC-SHA256 of these parts in this order.
    pub fn mark(&self, purpose: Purpose, parts: &[&str]) -> Result<[u8; 32], ErrorStack> {
        let key = PKey::hmac(self.0.reveal())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.update(purpose.label())?;
        for part in parts {
            // Each with its length, so that no part can move into the next.
            signer.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes())?;
            signer.update(part.as_bytes())?;
        }
        let mut mark = [0; 32];
        signer.sign(&mut mark)?;
        Ok(mark)
    }

    /// Whether a mark is the one of these parts.
    pub fn is_mark(&self, purpose: Purpose, parts: &[&str], mark: &[u8]) -> bool {
        let own = self.mark(purpose, parts);
        own.is_ok_and(|own| own.len() == mark.len() && memcmp::eq(&own, mark))
    }

    /// AES-256-GCM by a key of its own for each `token`, which whoever opens it has to bring: the
    /// store that keeps the sealed value can not open it, nor can whoever has the token alone.
    pub fn seal(
        &self,
        purpose: Purpose,
        token: &str,
        bound_to: &[&str],
        value: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, ErrorStack> {
        let key = self.mark(purpose, &[token])?;
        let bound_to = self.mark(purpose, bound_to)?;
        let nonce = entropy::bytes::<NONCE>(entropy);
        let mut tag = [0; TAG];
        let cipher = Cipher::aes_256_gcm();
        let body = encrypt_aead(cipher, &key, Some(&nonce), &bound_to, value, &mut tag)?;
        Ok([&nonce[..], &tag[..], &body[..]].concat())
    }

    /// The value, with the same token and bound to the same.
    pub fn open(
        &self,
        purpose: Purpose,
        token: &str,
        bound_to: &[&str],
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE)?;
        let (tag, body) = rest.split_at_checked(TAG)?;
        let key = self.mark(purpose, &[token]).ok()?;
        let bound_to = self.mark(purpose, bound_to).ok()?;
        let cipher = Cipher::aes_256_gcm();
        decrypt_aead(cipher, &key, Some(nonce), &bound_to, body, tag).ok()
    }
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Asking => b"samlgate asking 1\0",
            Self::Code => b"samlgate code 1\0",
            Self::Form => b"samlgate form 1\0",
        }
    }
}

const NONCE: usize = 12;
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn seal() -> Seal {
        Seal::new(Secret::new([7; 32]))
    }

    #[test]
    fn a_mark_is_for_these_parts_in_this_order_and_for_this_purpose() {
        let mark = seal().mark(Purpose::Code, &["ab", "c"]).unwrap();
        assert!(seal().is_mark(Purpose::Code, &["ab", "c"], &mark));
        assert!(!seal().is_mark(Purpose::Asking, &["ab", "c"], &mark));
        for parts in [&["a", "bc"][..], &["c", "ab"], &["ab", "c", ""], &["abc"]] {
            assert!(!seal().is_mark(Purpose::Code, parts, &mark), "{parts:?}");
        }
        assert!(!seal().is_mark(Purpose::Code, &["ab", "c"], &mark[..31]));
        assert!(!seal().is_mark(Purpose::Code, &["ab", "c"], b""));
    }

    #[test]
    fn what_is_sealed_opens_with_its_token_and_what_it_is_bound_to() {
        let sealed = seal().seal(
            Purpose::Form,
            "token",
            &["host", "browser"],
            b"a=1",
            &SystemEntropy,
        );
        let sealed = sealed.unwrap();
        assert!(!sealed.windows(3).any(|window| window == b"a=1"));
        let open = |purpose, token, bound_to: &[&str], sealed: &[u8]| {
            seal().open(purpose, token, bound_to, sealed)
        };
        let bound_to = ["host", "browser"];
        let opened = open(Purpose::Form, "token", &bound_to, &sealed);
        assert_eq!(opened.as_deref(), Some(&b"a=1"[..]));
        assert_eq!(open(Purpose::Code, "token", &bound_to, &sealed), None);
        assert_eq!(open(Purpose::Form, "taken", &bound_to, &sealed), None);
        assert_eq!(
            open(Purpose::Form, "token", &["host", "other"], &sealed),
            None
        );
        assert_eq!(open(Purpose::Form, "token", &bound_to, &sealed[..20]), None);
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open(Purpose::Form, "token", &bound_to, &changed), None);
    }
}
