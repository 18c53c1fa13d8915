//! The algorithms that we accept, URI by URI. What is not here does not exist.

use openssl::md::{Md, MdRef};
use openssl::sha;

use super::Allowed;
use super::key::KeyKind;
use crate::xml::c14n;

/// XML Signature 6.6.4: the Signature element itself is not part of what it signs.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// How content is digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestMethod {
    /// `http://www.w3.org/2000/09/xmldsig#sha1`, which is refused unless [`Allowed::sha1`].
    Sha1,
    /// `http://www.w3.org/2001/04/xmlenc#sha256`
    Sha256,
    /// `http://www.w3.org/2001/04/xmldsig-more#sha384`
    Sha384,
    /// `http://www.w3.org/2001/04/xmlenc#sha512`
    Sha512,
}

impl DigestMethod {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// `None` for what is not on the list, as it is allowed; MD5 never is.
    pub fn from_uri(uri: &str, allowed: Allowed) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|method| method.uri() == uri && allowed.covers(method.needs()))
    }

    /// The name in a message.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// Bytes of a digest.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) const fn needs(self) -> Allowed {
        Allowed { sha1: matches!(self, Self::Sha1), ..Allowed::NOTHING }
    }

    /// The digest of these bytes. It can not fail, and needs no memory but its own. (OpenSSL's
    /// functions in one call look the algorithm up each time, which takes longer than a short text.)
    pub(super) fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of what `write` writes, which is nowhere kept.
    pub(super) fn digest_of(self, write: impl FnOnce(&mut Digesting)) -> Digest {
        let mut digesting = Digesting::new(self);
        write(&mut digesting);
        digesting.finish()
    }

    pub(super) fn md(self) -> &'static MdRef {
        match self {
            Self::Sha1 => Md::sha1(),
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// Digests canonical bytes as they come. Most come in long pieces, straight from the message; the
/// few others are collected, since a digest is slow in small bites.
pub(super) struct Digesting {
    hasher: Hasher,
    short: Vec<u8>,
}

impl Digesting {
    /// Pieces of this length are not worth a copy.
    const SHORT: usize = 512;

    pub(super) fn new(method: DigestMethod) -> Self {
        Self {
            hasher: Hasher::new(method),
            short: Vec::with_capacity(Self::SHORT.saturating_mul(2)),
        }
    }

    /// The digest of all that came.
    pub(super) fn finish(mut self) -> Digest {
        self.flush();
        self.hasher.finish()
    }

    fn flush(&mut self) {
        self.hasher.update(&self.short);
        self.short.clear();
    }
}

impl c14n::Output for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() >= Self::SHORT {
            self.flush();
            self.hasher.update(bytes);
            return;
        }
        self.short.extend_from_slice(bytes);
        if self.short.len() >= Self::SHORT {
            self.flush();
        }
    }
}

enum Hasher {
    Sha1(sha::Sha1),
    Sha256(sha::Sha256),
    Sha384(sha::Sha384),
    Sha512(sha::Sha512),
}

impl Hasher {
    fn new(method: DigestMethod) -> Self {
        match method {
            DigestMethod::Sha1 => Self::Sha1(sha::Sha1::new()),
            DigestMethod::Sha256 => Self::Sha256(sha::Sha256::new()),
            DigestMethod::Sha384 => Self::Sha384(sha::Sha384::new()),
            DigestMethod::Sha512 => Self::Sha512(sha::Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha1(hasher) => Digest::Sha1(hasher.finish()),
            Self::Sha256(hasher) => Digest::Sha256(hasher.finish()),
            Self::Sha384(hasher) => Digest::Sha384(hasher.finish()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finish()),
        }
    }
}

/// A digest, as long as its method makes it.
pub(super) enum Digest {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
    Sha384([u8; 48]),
    Sha512([u8; 64]),
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
            Self::Sha384(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureMethod {
    /// RSASSA-PKCS1-v1_5 with SHA-1 (XML Signature 6.4.2), refused unless [`Allowed::sha1`].
    RsaSha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 6931, 2.3.2).
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 6931, 2.3.3).
    RsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 6931, 2.3.4).
    RsaSha512,
    /// RSASSA-PSS without parameters (RFC 6931, 2.3.10): SHA-256 also in MGF1, and a salt as long
    /// as the digest. The name with parameters (2.3.9) is not on the list.
    RsaPssSha256,
    /// The same with SHA-384.
    RsaPssSha384,
    /// The same with SHA-512.
    RsaPssSha512,
    /// ECDSA with SHA-256, `r` and `s` one behind the other (RFC 6931, 2.3.6).
    EcdsaSha256,
    /// The same with SHA-384.
    EcdsaSha384,
    /// The same with SHA-512.
    EcdsaSha512,
    /// Ed25519 (RFC 9231), which signs the bytes and not a digest of them.
    Ed25519,
}

impl SignatureMethod {
    const ALL: [Self; 11] = [
        Self::RsaSha1,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
    ];

    /// `None` for what is not on the list, as it is allowed: MD5, DSA, ECDSA with SHA-1 and every
    /// HMAC never are.
    pub fn from_uri(uri: &str, allowed: Allowed) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|method| method.uri() == uri && allowed.covers(method.needs()))
    }

    /// The name in a message.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPssSha256 => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPssSha384 => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPssSha512 => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::EcdsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
            Self::Ed25519 => "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        }
    }

    pub(super) const fn needs(self) -> Allowed {
        Allowed { sha1: matches!(self, Self::RsaSha1), ..Allowed::NOTHING }
    }

    pub(super) const fn scheme(self) -> Scheme {
        match self {
            Self::RsaSha1 => Scheme::RsaPkcs1(DigestMethod::Sha1),
            Self::RsaSha256 => Scheme::RsaPkcs1(DigestMethod::Sha256),
            Self::RsaSha384 => Scheme::RsaPkcs1(DigestMethod::Sha384),
            Self::RsaSha512 => Scheme::RsaPkcs1(DigestMethod::Sha512),
            Self::RsaPssSha256 => Scheme::RsaPss(DigestMethod::Sha256),
            Self::RsaPssSha384 => Scheme::RsaPss(DigestMethod::Sha384),
            Self::RsaPssSha512 => Scheme::RsaPss(DigestMethod::Sha512),
            Self::EcdsaSha256 => Scheme::Ecdsa(DigestMethod::Sha256),
            Self::EcdsaSha384 => Scheme::Ecdsa(DigestMethod::Sha384),
            Self::EcdsaSha512 => Scheme::Ecdsa(DigestMethod::Sha512),
            Self::Ed25519 => Scheme::Ed25519,
        }
    }

    /// Whether keys of this kind make such signatures. The message names the algorithm, but the
    /// key was typed when it was configured; so no algorithm can make another use of a key.
    pub(super) const fn fits(self, kind: KeyKind) -> bool {
        match self.scheme() {
            Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => matches!(kind, KeyKind::Rsa { .. }),
            Scheme::Ecdsa(_) => matches!(kind, KeyKind::Ec { .. }),
            Scheme::Ed25519 => matches!(kind, KeyKind::Ed25519),
        }
    }
}

/// What a method is made of: what is done with a key, and with the digest of what.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scheme {
    RsaPkcs1(DigestMethod),
    RsaPss(DigestMethod),
    Ecdsa(DigestMethod),
    Ed25519,
}
