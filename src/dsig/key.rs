//! The keys of an identity provider.
//!
//! In: certificates from configured metadata. Out: [`TrustedKeys`], never an empty list. Promised:
//! every key has a type and a size that we accept; nothing else about a certificate is validated
//! (interop profile IIP-MD07 and -12: in metadata it is an envelope for the key, and even an
//! expired one still names it).

use std::sync::{Arc, OnceLock};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::bn::BigNumContext;
use openssl::ec::EcKeyRef;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::rsa::RsaRef;
use openssl::x509::{X509, X509Ref};

use super::certificate::Certificate;
use super::facts::Facts;
use super::made_by::Contexts;
use crate::base::entropy::hex;
use crate::base::{ErrorCode, NonEmpty, Timestamp};

/// A public key that a signature may be verified with.
///
/// Clones have everything in common. Of most keys of a federation nobody ever sees a signature: what
/// OpenSSL makes of a certificate is made when the first one comes.
#[derive(Clone, Debug)]
pub struct TrustedKey(Arc<Known>);

#[derive(Debug)]
struct Known {
    der: Arc<[u8]>,
    kind: KeyKind,
    fingerprint: Arc<str>,
    not_after: Timestamp,
    subject: Arc<str>,
    public_key: OnceLock<Option<PKey<Public>>>,
    contexts: Contexts,
}

impl TrustedKey {
    /// Takes the key out of an X.509 certificate.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, KeyRefusal> {
        Certificate::with_key(der)?.1
    }

    pub(super) fn from_certificate(certificate: &X509Ref) -> Result<Self, KeyRefusal> {
        Self::from_certificate_der(&certificate.to_der()?)
    }

    /// Of what was read of a certificate without OpenSSL.
    pub(super) fn of_facts(certificate: &Certificate, facts: Facts) -> Result<Self, KeyRefusal> {
        Ok(Self::of(certificate, facts.kind?, OnceLock::new()))
    }

    /// Of what OpenSSL has read.
    pub(super) fn of_key(
        certificate: &Certificate,
        key: Result<PKey<Public>, KeyRefusal>,
    ) -> Result<Self, KeyRefusal> {
        let key = key?;
        let kind = KeyKind::of(&key)?;
        Ok(Self::of(certificate, kind, OnceLock::from(Some(key))))
    }

    fn of(
        certificate: &Certificate,
        kind: KeyKind,
        public_key: OnceLock<Option<PKey<Public>>>,
    ) -> Self {
        Self(Arc::new(Known {
            der: certificate.shared_der(),
            kind,
            fingerprint: certificate.shared_fingerprint(),
            not_after: certificate.not_after(),
            subject: certificate.shared_subject(),
            public_key,
            contexts: Contexts::default(),
        }))
    }

    /// The key itself; none, of a certificate that OpenSSL can not read after all: then no signature
    /// is by it.
    pub fn public_key(&self) -> Option<&PKeyRef<Public>> {
        let known = &self.0;
        let read = || {
            let key = X509::from_der(&known.der).ok()?.public_key().ok()?;
            (KeyKind::of(&key).ok()? == known.kind).then_some(key)
        };
        known.public_key.get_or_init(read).as_deref()
    }

    /// SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    pub(super) fn shared_fingerprint(&self) -> Arc<str> {
        Arc::clone(&self.0.fingerprint)
    }

    /// When the certificate ends.
    ///
    /// # Deployment caveat
    ///
    /// Nothing is refused because of this date. It is for the warning that an operator gets: many
    /// identity providers change their key about then.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whose certificate it says it is: `CN=idp.example.com, O=Example Corp`.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// `RSA 2048`, `EC P-256`, `Ed25519`.
    pub fn description(&self) -> String {
        self.0.kind.description()
    }

    pub(super) fn kind(&self) -> KeyKind {
        self.0.kind
    }

    pub(super) fn contexts(&self) -> &Contexts {
        &self.0.contexts
    }
}

/// All keys of one identity provider; at least one.
#[derive(Clone, Debug)]
pub struct TrustedKeys(NonEmpty<TrustedKey>);

impl TrustedKeys {
    /// A single key.
    pub const fn one(key: TrustedKey) -> Self {
        Self(NonEmpty::one(key))
    }

    /// `None` for an empty vector: an identity provider without a key can not be written down,
    /// and so can not be believed.
    pub fn from_vec(keys: Vec<TrustedKey>) -> Option<Self> {
        NonEmpty::from_vec(keys).map(Self)
    }

    /// The keys, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.0.iter()
    }

    /// How many; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

/// Why a key is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Not a certificate or key that OpenSSL can read.
    #[error("can not be read: {0}")]
    Unreadable(String),
    /// Deployment profile SDP-MD06: RSA keys have at least 2048 bits.
    #[error("an RSA key of {bits} bits is too small (2048 to 8192)")]
    TooSmall {
        /// Bits of the modulus.
        bits: u32,
    },
    /// So large that a single signature would keep us busy.
    #[error("an RSA key of {bits} bits is too large (2048 to 8192)")]
    TooLarge {
        /// Bits of the modulus.
        bits: u32,
    },
    /// The public exponent is even, below 3, or longer than 64 bits.
    #[error("the RSA key has an unusable public exponent")]
    Exponent,
    /// Neither RSA nor EC on P-256, P-384 or P-521 nor Ed25519.
    #[error("the key is neither RSA nor EC on P-256, P-384 or P-521 nor Ed25519")]
    Unsupported,
    /// The certificate is for another key.
    #[error("the certificate belongs to another key")]
    OtherKey,
}

impl KeyRefusal {
    /// The stable name of this failure.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::MetadataKey
    }
}

impl From<openssl::error::ErrorStack> for KeyRefusal {
    fn from(errors: openssl::error::ErrorStack) -> Self {
        // The queue names lines in C files; what went wrong first is enough.
        let first = errors.errors().first().and_then(openssl::error::Error::reason);
        Self::Unreadable(first.unwrap_or("no reason is known").to_owned())
    }
}

/// Type and size of a key that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa { bits: u32 },
    Ec { curve: &'static str, field: usize },
    Ed25519,
}

impl KeyKind {
    pub(super) fn of<T: openssl::pkey::HasPublic>(key: &PKeyRef<T>) -> Result<Self, KeyRefusal> {
        match key.id() {
            Id::RSA => Self::of_rsa(&*key.rsa()?),
            Id::EC => Self::of_ec(&*key.ec_key()?),
            Id::ED25519 => Ok(Self::Ed25519),
            _ => Err(KeyRefusal::Unsupported),
        }
    }

    fn of_rsa<T: openssl::pkey::HasPublic>(rsa: &RsaRef<T>) -> Result<Self, KeyRefusal> {
        let bits = |number: &openssl::bn::BigNumRef| u32::try_from(number.num_bits()).unwrap_or(0);
        Self::rsa(bits(rsa.n()), rsa.e().is_odd(), bits(rsa.e()))
    }

    /// Of the length of the modulus, and the exponent.
    pub(super) fn rsa(bits: u32, odd: bool, exponent_bits: u32) -> Result<Self, KeyRefusal> {
        if bits < 2048 {
            return Err(KeyRefusal::TooSmall { bits });
        }
        if bits > 8192 {
            return Err(KeyRefusal::TooLarge { bits });
        }
        if !odd || !(2..=64).contains(&exponent_bits) {
            return Err(KeyRefusal::Exponent);
        }
        Ok(Self::Rsa { bits })
    }

    fn of_ec<T: openssl::pkey::HasPublic>(key: &EcKeyRef<T>) -> Result<Self, KeyRefusal> {
        let (curve, field) = match key.group().curve_name() {
            Some(Nid::X9_62_PRIME256V1) => ("P-256", 32),
            Some(Nid::SECP384R1) => ("P-384", 48),
            Some(Nid::SECP521R1) => ("P-521", 66),
            _ => return Err(KeyRefusal::Unsupported),
        };
        key.check_key()?;
        let mut context = BigNumContext::new()?;
        if !key.public_key().is_on_curve(key.group(), &mut context)? {
            return Err(KeyRefusal::Unsupported);
        }
        Ok(Self::Ec { curve, field })
    }

    pub(super) fn description(self) -> String {
        match self {
            Self::Rsa { bits } => format!("RSA {bits}"),
            Self::Ec { curve, .. } => format!("EC {curve}"),
            Self::Ed25519 => "Ed25519".to_owned(),
        }
    }
}

pub(super) fn fingerprint(certificate: &X509Ref) -> Result<String, KeyRefusal> {
    Ok(hex(
        &certificate.digest(openssl::hash::MessageDigest::sha256())?
    ))
}

pub(super) fn timestamp(time: &Asn1TimeRef) -> Result<Timestamp, KeyRefusal> {
    let from_epoch = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(from_epoch.days)
        .saturating_mul(86_400)
        .saturating_add(i64::from(from_epoch.secs));
    Ok(Timestamp::from_unix_seconds(seconds))
}

pub(super) fn subject(certificate: &X509Ref) -> String {
    let entries = certificate.subject_name().entries().map(|entry| {
        let name = entry.object().nid().short_name().unwrap_or("?").to_owned();
        let value = entry.data().to_string().unwrap_or_default();
        format!("{name}={value}")
    });
    entries.collect::<Vec<_>>().join(", ")
}
