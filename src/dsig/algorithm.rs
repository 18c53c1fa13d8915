//! The algorithms that we accept, URI by URI. What is not here does not exist.

use openssl::hash::MessageDigest;
use openssl::md::{Md, MdRef};

use super::key::KeyKind;

/// XML Signature 6.6.4: the Signature element itself is not part of what it signs.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Exclusive C14N without comments.
pub(super) const EXC_C14N: &str = crate::xml::ns::EXC_C14N;
/// The same here: where comments are not refused, a Reference to an ID leaves them out
/// (XML Signature 4.3.3.3).
pub(super) const EXC_C14N_WITH_COMMENTS: &str =
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

/// How content is digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestMethod {
    /// `http://www.w3.org/2001/04/xmlenc#sha256`
    Sha256,
    /// `http://www.w3.org/2001/04/xmldsig-more#sha384`
    Sha384,
    /// `http://www.w3.org/2001/04/xmlenc#sha512`
    Sha512,
}

impl DigestMethod {
    /// `None` for what is not on the list; SHA-1 and MD5 are not.
    pub fn from_uri(uri: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|method| method.uri() == uri)
    }

    /// The name in a message.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// Bytes of a digest.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn message_digest(self) -> MessageDigest {
        match self {
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    pub(super) fn md(self) -> &'static MdRef {
        match self {
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// How a signature is made: a kind of key and a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureMethod {
    /// RSASSA-PKCS1-v1_5 (RFC 6931, 2.3.2 to 2.3.4).
    Rsa(DigestMethod),
    /// ECDSA, `r` and `s` one behind the other (RFC 6931, 2.3.6).
    Ecdsa(DigestMethod),
}

impl SignatureMethod {
    /// `None` for what is not on the list: SHA-1, MD5, DSA and every HMAC are not.
    pub fn from_uri(uri: &str) -> Option<Self> {
        [
            DigestMethod::Sha256,
            DigestMethod::Sha384,
            DigestMethod::Sha512,
        ]
        .into_iter()
        .flat_map(|digest| [Self::Rsa(digest), Self::Ecdsa(digest)])
        .find(|method| method.uri() == uri)
    }

    /// The name in a message.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Rsa(DigestMethod::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::Rsa(DigestMethod::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::Rsa(DigestMethod::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::Ecdsa(DigestMethod::Sha256) => {
                "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
            }
            Self::Ecdsa(DigestMethod::Sha384) => {
                "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
            }
            Self::Ecdsa(DigestMethod::Sha512) => {
                "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"
            }
        }
    }

    pub(super) const fn digest(self) -> DigestMethod {
        match self {
            Self::Rsa(digest) | Self::Ecdsa(digest) => digest,
        }
    }

    /// Whether keys of this kind make such signatures. The message names the algorithm, but the
    /// key was typed when it was configured; so no algorithm can make another use of a key.
    pub(super) const fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::Rsa(_) => matches!(kind, KeyKind::Rsa { .. }),
            Self::Ecdsa(_) => matches!(kind, KeyKind::Ec { .. }),
        }
    }
}
