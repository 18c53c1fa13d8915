//! The public keys by which a client shows who it is (RFC 7523): what is kept of one, and the
//! signatures that it takes.
//!
//! In: a key that an operator was given. Out: whether a signature is its own. The promises: each
//! type of key has its algorithms and no others, so that nobody gets to choose how a key is
//! understood; there is no `none`, and no algorithm with a secret.

mod read;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Padding;
use openssl::sha::sha256;
use openssl::sign::{RsaPssSaltlen, Verifier};
use serde_json::{Map, Value, json};

use crate::base::{ConnectionName, Timestamp};
use crate::directory::{ScimToken, Scopes};

pub use read::read;

/// A key of a connection.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// What it is called in lists and records: `k`, and digits as an id of a token has them.
    pub id: String,
    /// Whose it is.
    pub connection: ConnectionName,
    /// The key.
    pub key: PublicKey,
    /// What its owner calls it.
    pub kid: Option<String>,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was added.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires: Option<Timestamp>,
    /// When it was last used, to a minute or so.
    pub last_used: Option<Timestamp>,
}

impl ClientKey {
    /// Whether it is still good.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// What there is to say of it, for programs. What they call it is theirs to add.
    pub fn facts(&self, now: Timestamp) -> Map<String, Value> {
        let facts = [
            ("kid", json!(self.kid)),
            ("kind", json!(self.key.description())),
            (
                "thumbprint",
                json!(self.key.thumbprint().unwrap_or_default()),
            ),
            ("scopes", json!(self.scopes)),
            ("created", json!(self.created_at.to_saml())),
            ("expires", json!(self.expires.map(Timestamp::to_saml))),
            ("expired", json!(!self.is_live(now))),
            ("last_used", json!(self.last_used.map(Timestamp::to_saml))),
        ];
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What stands for it where access tokens are given out.
    pub fn as_token(&self) -> ScimToken {
        ScimToken {
            id: self.id.clone(),
            connection: self.connection.clone(),
            hash: self.key.hash,
            scopes: self.scopes,
            created_at: self.created_at,
            expires: self.expires,
            last_used: self.last_used,
        }
    }
}

/// Whether an id is that of a key: the others begin with no such letter.
pub fn is_key_id(id: &str) -> bool {
    id.starts_with('k')
}

/// A key that we take, and the name that its owner gave it.
#[derive(Clone, Debug)]
pub struct NamedKey {
    /// The key.
    pub key: PublicKey,
    /// `kid` of a JWK.
    pub kid: Option<String>,
}

/// A public key of a type and a size that we take.
#[derive(Clone)]
pub struct PublicKey {
    key: PKey<Public>,
    kind: Kind,
    hash: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa(i32),
    P256,
    Ed25519,
}

/// How an assertion may be signed (RFC 7518, 3.1; RFC 8037, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PSS with SHA-256, also in MGF1, and a salt as long
    Ps256,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// Ed25519
    EdDsa,
}

impl Algorithm {
    /// Every one, with its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Rs256, "RS256"),
        (Self::Ps256, "PS256"),
        (Self::Es256, "ES256"),
        (Self::EdDsa, "EdDSA"),
    ];

    /// By its name, which is written in this one way.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(algorithm, _)| *algorithm)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(algorithm, _)| *algorithm == self);
        known.map_or("", |(_, name)| *name)
    }
}

/// Why a key is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither of the forms that we read.
    #[error("this is no public key: send PEM (PUBLIC KEY, CERTIFICATE), a JWK or a JWKS")]
    Unreadable,
    /// It is too long to be a key.
    #[error("this is longer than 64 KiB")]
    TooLong,
    /// What signs has no business here.
    #[error("this is a private key: keep it where it is, and send the public one")]
    Private,
    /// It is not clear which one is meant.
    #[error("there is more than one key in this file: send one, or a JWKS")]
    Several,
    /// A list with nothing in it that signs.
    #[error("there is no key for signatures in this JWKS")]
    None,
    /// Of another type, or on another curve.
    #[error("the key is neither RSA nor EC on P-256 nor Ed25519")]
    Unsupported,
    /// NIST SP 800-131A; beyond the upper end a verification takes too long.
    #[error("an RSA key of {0} bits is not taken (2048 to 8192)")]
    Size(i32),
    /// An even one, or one of more than 64 bits.
    #[error("the RSA key has an unusable public exponent")]
    Exponent,
    /// A member of a JWK is not what it has to be.
    #[error("{0} of the JWK is not what it has to be")]
    Member(&'static str),
}

impl From<ErrorStack> for KeyError {
    fn from(_: ErrorStack) -> Self {
        Self::Unreadable
    }
}

impl PublicKey {
    fn new(key: PKey<Public>) -> Result<Self, KeyError> {
        let kind = match key.id() {
            Id::RSA => {
                let rsa = key.rsa()?;
                let bits = rsa.n().num_bits();
                if !(2048..=8192).contains(&bits) {
                    return Err(KeyError::Size(bits));
                }
                if !rsa.e().is_odd() || !(2..=64).contains(&rsa.e().num_bits()) {
                    return Err(KeyError::Exponent);
                }
                Kind::Rsa(bits)
            }
            Id::EC => {
                let ec = key.ec_key()?;
                if ec.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
                    return Err(KeyError::Unsupported);
                }
                ec.check_key()?;
                Kind::P256
            }
            Id::ED25519 => Kind::Ed25519,
            _ => return Err(KeyError::Unsupported),
        };
        let hash = sha256(&key.public_key_to_der()?);
        Ok(Self { key, kind, hash })
    }

    /// As a store keeps it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::new(PKey::public_key_from_pem(pem.as_bytes())?)
    }

    /// For a store.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self.key.public_key_to_pem()?;
        String::from_utf8(pem).map_err(|_| KeyError::Unreadable)
    }

    /// SHA-256 of it, as X.509 writes it.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// `RSA 2048`, `EC P-256`, `Ed25519`
    pub fn description(&self) -> String {
        match self.kind {
            Kind::Rsa(bits) => format!("RSA {bits}"),
            Kind::P256 => "EC P-256".to_owned(),
            Kind::Ed25519 => "Ed25519".to_owned(),
        }
    }

    /// RFC 7638: what many call a key that has no other name.
    pub fn thumbprint(&self) -> Result<String, KeyError> {
        read::thumbprint(self)
    }

    /// The algorithms of its type.
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        match self.kind {
            Kind::Rsa(_) => &[Algorithm::Rs256, Algorithm::Ps256],
            Kind::P256 => &[Algorithm::Es256],
            Kind::Ed25519 => &[Algorithm::EdDsa],
        }
    }

    /// Whether it made this signature in this way.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let fits = self.algorithms().contains(&algorithm);
        fits && self.try_verify(algorithm, message, signature).unwrap_or(false)
    }

    fn try_verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        match algorithm {
            Algorithm::Rs256 => Verifier::new(MessageDigest::sha256(), &self.key)?
                .verify_oneshot(signature, message),
            Algorithm::Ps256 => {
                let mut verifier = Verifier::new(MessageDigest::sha256(), &self.key)?;
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                verifier.verify_oneshot(signature, message)
            }
            // RFC 7518, 3.4: R and S side by side, not the DER of elsewhere.
            Algorithm::Es256 => match signature.split_at_checked(32) {
                Some((r, s)) if s.len() == 32 => {
                    let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
                    let signature = EcdsaSig::from_private_components(r, s)?;
                    signature.verify(&sha256(message), &*self.key.ec_key()?)
                }
                _ => Ok(false),
            },
            Algorithm::EdDsa => {
                Verifier::new_without_digest(&self.key)?.verify_oneshot(signature, message)
            }
        }
    }

    /// The coordinates of a point on P-256.
    fn coordinates(&self) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
        let key = self.key.ec_key()?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        let mut context = BigNumContext::new()?;
        key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        Ok((x.to_vec_padded(32)?, y.to_vec_padded(32)?))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PublicKey").field(&self.description()).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
