//! Whose signatures count, and what they may be made of.

use super::TrustedKeys;

/// The keys of one identity provider, and what it alone may do besides.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'k> {
    /// Its keys.
    pub keys: &'k TrustedKeys,
    /// What an operator allows it.
    pub allowed: Allowed,
}

impl<'k> Trust<'k> {
    /// These keys, and nothing out of the ordinary.
    pub const fn only(keys: &'k TrustedKeys) -> Self {
        Self { keys, allowed: Allowed::NOTHING }
    }
}

/// What is refused, unless an operator allows it to one identity provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// RSA-SHA1 and SHA-1 digests (`allow_sha1_until`, decided for now).
    pub sha1: bool,
    /// Inclusive C14N 1.0 and 1.1 (`allow_inclusive_c14n`), also where it is implied because there
    /// is no transform but enveloped-signature.
    pub inclusive_c14n: bool,
}

impl Allowed {
    /// The default: none of it.
    pub const NOTHING: Self = Self { sha1: false, inclusive_c14n: false };

    /// Whether all that is `needed` is allowed.
    pub const fn covers(self, needed: Self) -> bool {
        (self.sha1 || !needed.sha1) && (self.inclusive_c14n || !needed.inclusive_c14n)
    }

    /// What is in either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            sha1: self.sha1 || other.sha1,
            inclusive_c14n: self.inclusive_c14n || other.inclusive_c14n,
        }
    }
}
