//! What the browser holds, and what we hold of it.

use std::fmt;

use crate::base::{Entropy, Secret, entropy};

/// The value of the session cookie: 256 random bits as 43 characters. It is shown to the browser
/// once and kept nowhere else.
#[derive(Clone, Debug)]
pub struct SessionToken(Secret<String>);

impl SessionToken {
    /// Characters in a token.
    pub const LENGTH: usize = entropy::TOKEN_LENGTH;

    /// A new one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(entropy::token(entropy)))
    }

    /// The text, for the `Set-Cookie` header.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// Its hash.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.reveal())
    }
}

/// SHA-256 of a token: what the store and the cache know a session by.
///
/// The token can not be
/// found from it, so a copy of the database opens no session; and a look-up by hash tells by its
/// timing nothing that helps to guess a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes what a browser sent.
    pub fn of(token: &str) -> Self {
        // Not `sha256`: OpenSSL 3 looks the algorithm up by its name each time, behind a lock.
        let mut hash = openssl::sha::Sha256::new();
        hash.update(token.as_bytes());
        Self(hash.finish())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first bytes are enough to compare log lines by.
        let [first, second, third, fourth, ..] = self.0;
        write!(f, "{}…", entropy::hex(&[first, second, third, fourth]))
    }
}
