//! What was accepted only because an operator allows it to one identity provider.
//!
//! An exception that nobody looks at stays for ever; so each use of one is logged and counted.

use std::ops::BitOr;

use crate::dsig::Allowed;
use crate::xmlenc::Needed;

/// The exceptions that one message needed. Without them it would have been refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// RSA-SHA1 or a SHA-1 digest (`allow_sha1_until`).
    pub sha1: bool,
    /// Inclusive C14N (`allow_inclusive_c14n`).
    pub inclusive_c14n: bool,
    /// AES-CBC in a Response that is not signed (`allow_cbc_in_unsigned_response`).
    pub cbc_unsigned: bool,
    /// Triple DES (`allow_tripledes_until`).
    pub tripledes: bool,
}

impl Exceptions {
    /// None were needed.
    pub const NONE: Self = Self {
        sha1: false,
        inclusive_c14n: false,
        cbc_unsigned: false,
        tripledes: false,
    };

    /// Those that were needed.
    pub fn iter(self) -> impl Iterator<Item = Exception> {
        let all = [
            (self.sha1, Exception::Sha1),
            (self.inclusive_c14n, Exception::InclusiveC14n),
            (self.cbc_unsigned, Exception::CbcUnsigned),
            (self.tripledes, Exception::TripleDes),
        ];
        all.into_iter().filter_map(|(needed, exception)| needed.then_some(exception))
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// [`Exceptions::sha1`]
    Sha1,
    /// [`Exceptions::inclusive_c14n`]
    InclusiveC14n,
    /// [`Exceptions::cbc_unsigned`]
    CbcUnsigned,
    /// [`Exceptions::tripledes`]
    TripleDes,
}

impl Exception {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::InclusiveC14n => "inclusive_c14n",
            Self::CbcUnsigned => "cbc_unsigned",
            Self::TripleDes => "tripledes",
        }
    }

    /// The key of `[[idp]]` that allows it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sha1 => "allow_sha1_until",
            Self::InclusiveC14n => "allow_inclusive_c14n",
            Self::CbcUnsigned => "allow_cbc_in_unsigned_response",
            Self::TripleDes => "allow_tripledes_until",
        }
    }
}

/// What a signature needed.
impl From<Allowed> for Exceptions {
    fn from(needed: Allowed) -> Self {
        let Allowed { sha1, inclusive_c14n } = needed;
        Self { sha1, inclusive_c14n, ..Self::NONE }
    }
}

/// What a ciphertext needed.
impl From<Needed> for Exceptions {
    fn from(needed: Needed) -> Self {
        let Needed { cbc_unsigned, tripledes } = needed;
        Self { cbc_unsigned, tripledes, ..Self::NONE }
    }
}

/// What either of two parts of a message needed.
impl BitOr for Exceptions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            sha1: self.sha1 || other.sha1,
            inclusive_c14n: self.inclusive_c14n || other.inclusive_c14n,
            cbc_unsigned: self.cbc_unsigned || other.cbc_unsigned,
            tripledes: self.tripledes || other.tripledes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_part_of_a_message_needed_the_message_needed() {
        let sha1 = Exceptions::from(Allowed { sha1: true, inclusive_c14n: false });
        let c14n = Exceptions::from(Allowed { sha1: false, inclusive_c14n: true });
        let cbc = Exceptions::from(Needed { cbc_unsigned: true, tripledes: false });
        let tripledes = Exceptions::from(Needed { cbc_unsigned: false, tripledes: true });
        let parts = [sha1, c14n, cbc, tripledes];
        let keys = |needed: Exceptions| needed.iter().map(Exception::key).collect::<Vec<_>>();
        let all = [
            "allow_sha1_until",
            "allow_inclusive_c14n",
            "allow_cbc_in_unsigned_response",
            "allow_tripledes_until",
        ];
        for (part, key) in parts.into_iter().zip(all) {
            assert_eq!(keys(part), [key]);
            assert_eq!(part | Exceptions::NONE, part);
            assert_eq!(Exceptions::NONE | part, part);
        }
        let together = parts.into_iter().fold(Exceptions::NONE, BitOr::bitor);
        assert_eq!(keys(together), all);
        let names = together.iter().map(Exception::name).collect::<Vec<_>>();
        assert_eq!(
            names,
            ["sha1", "inclusive_c14n", "cbc_unsigned", "tripledes"]
        );
        assert!(keys(Exceptions::NONE).is_empty());
    }
}
