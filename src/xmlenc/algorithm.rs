//! The algorithms that we accept, URI by URI. What is not here does not exist: RSA 1.5 above all,
//! which every implementation gets wrong once (Bleichenbacher 1998, ROBOT 2018, Marvin 2023).

use openssl::md::{Md, MdRef};
use openssl::symm::Cipher;

use super::keys::{Covered, Needed};

/// How a content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentMethod {
    /// XML Encryption 1.1, 5.2.4: nobody changes it without being noticed.
    Gcm(AesKey),
    /// XML Encryption 5.2.2: somebody else has to guard it.
    Cbc(AesKey),
    /// XML Encryption 5.2.1: Triple DES, in the same mode.
    TripleDes,
}

/// Bits of an AES key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AesKey {
    Bits128,
    Bits192,
    Bits256,
}

impl ContentMethod {
    const ALL: [Self; 7] = [
        Self::Gcm(AesKey::Bits128),
        Self::Gcm(AesKey::Bits192),
        Self::Gcm(AesKey::Bits256),
        Self::Cbc(AesKey::Bits128),
        Self::Cbc(AesKey::Bits192),
        Self::Cbc(AesKey::Bits256),
        Self::TripleDes,
    ];

    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.uri() == uri)
    }

    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::Gcm(AesKey::Bits128) => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            Self::Gcm(AesKey::Bits192) => "http://www.w3.org/2009/xmlenc11#aes192-gcm",
            Self::Gcm(AesKey::Bits256) => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Self::Cbc(AesKey::Bits128) => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Self::Cbc(AesKey::Bits192) => "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
            Self::Cbc(AesKey::Bits256) => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
            Self::TripleDes => "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
        }
    }

    /// Whether the ciphertext itself shows that nobody changed it.
    pub(super) const fn is_authenticated(self) -> bool {
        matches!(self, Self::Gcm(_))
    }

    /// What this would be refused without.
    pub(super) fn needs(self, covered: Covered) -> Needed {
        Needed {
            cbc_unsigned: !self.is_authenticated() && covered == Covered::ByNothing,
            tripledes: self == Self::TripleDes,
        }
    }

    pub(super) fn cipher(self) -> Cipher {
        match self {
            Self::Gcm(AesKey::Bits128) => Cipher::aes_128_gcm(),
            Self::Gcm(AesKey::Bits192) => Cipher::aes_192_gcm(),
            Self::Gcm(AesKey::Bits256) => Cipher::aes_256_gcm(),
            Self::Cbc(AesKey::Bits128) => Cipher::aes_128_cbc(),
            Self::Cbc(AesKey::Bits192) => Cipher::aes_192_cbc(),
            Self::Cbc(AesKey::Bits256) => Cipher::aes_256_cbc(),
            Self::TripleDes => Cipher::des_ede3_cbc(),
        }
    }
}

/// How the key of a content is encrypted: RSA-OAEP (RFC 8017, 7.1) and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyTransport {
    /// Over the label.
    pub(super) digest: OaepDigest,
    /// In the mask generation function.
    pub(super) mask: OaepDigest,
    /// `OAEPparams`, which nobody sends; empty.
    pub(super) label: Vec<u8>,
}

/// XML Encryption 5.4.2: the mask is made with SHA-1, whatever the digest is.
pub(super) const RSA_OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/// XML Encryption 1.1, 5.5.2: the mask is made as it says.
pub(super) const RSA_OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";

/// A hash inside RSA-OAEP. SHA-1 is one of them: what is asked of it there is nothing that its
/// collisions break, and it is what everybody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OaepDigest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl OaepDigest {
    pub(super) fn from_digest_uri(uri: &str) -> Option<Self> {
        match uri {
            "http://www.w3.org/2000/09/xmldsig#sha1" => Some(Self::Sha1),
            "http://www.w3.org/2001/04/xmlenc#sha256" => Some(Self::Sha256),
            // XML Encryption 1.1 gave it a second name.
            "http://www.w3.org/2001/04/xmldsig-more#sha384"
            | "http://www.w3.org/2001/04/xmlenc#sha384" => Some(Self::Sha384),
            "http://www.w3.org/2001/04/xmlenc#sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn from_mask_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix("http://www.w3.org/2009/xmlenc11#mgf1")? {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
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
