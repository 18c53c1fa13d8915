//! What a certificate says of itself, whether its key is one that we would use or not.

use std::sync::Arc;

use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use openssl::sha::sha256;
use openssl::x509::{X509, X509Ref};

use super::facts::Facts;
use super::key::{fingerprint, subject, timestamp};
use super::{KeyRefusal, TrustedKey};
use crate::base::Timestamp;
use crate::base::entropy::hex;

/// A certificate to be shown, compared and watched. Nothing is verified by it: for that there is
/// [`super::TrustedKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Arc<[u8]>,
    fingerprint: Arc<str>,
    subject: Arc<str>,
    key: Option<Arc<str>>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Certificate {
    /// Reads an X.509 certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyRefusal> {
        match Facts::read(der) {
            Some(facts) => Ok(Self::of_facts(&facts, der)),
            None => Self::read(&*X509::from_der(der)?, der),
        }
    }

    /// Reads an X.509 certificate, and with it its key, if signatures may be verified with that.
    pub fn with_key(der: &[u8]) -> Result<(Self, Result<TrustedKey, KeyRefusal>), KeyRefusal> {
        if let Some(facts) = Facts::read(der) {
            let certificate = Self::of_facts(&facts, der);
            let key = TrustedKey::of_facts(&certificate, facts);
            return Ok((certificate, key));
        }
        let read = X509::from_der(der)?;
        let certificate = Self::read(&read, der)?;
        let key = read.public_key().map_err(KeyRefusal::from);
        let key = TrustedKey::of_key(&certificate, key);
        Ok((certificate, key))
    }

    fn of_facts(facts: &Facts, der: &[u8]) -> Self {
        Self {
            der: der.into(),
            fingerprint: hex(&sha256(der)).into(),
            subject: facts.subject.as_str().into(),
            key: Some(format!("RSA {}", facts.bits).into()),
            not_before: facts.not_before,
            not_after: facts.not_after,
        }
    }

    fn read(certificate: &X509Ref, der: &[u8]) -> Result<Self, KeyRefusal> {
        let key = certificate.public_key().ok();
        Ok(Self {
            der: der.into(),
            fingerprint: fingerprint(certificate)?.into(),
            subject: subject(certificate).into(),
            key: key.and_then(|key| description(&key)).map(Into::into),
            not_before: timestamp(certificate.not_before())?,
            not_after: timestamp(certificate.not_after())?,
        })
    }

    pub(super) fn shared_der(&self) -> Arc<[u8]> {
        Arc::clone(&self.der)
    }

    pub(super) fn shared_fingerprint(&self) -> Arc<str> {
        Arc::clone(&self.fingerprint)
    }

    pub(super) fn shared_subject(&self) -> Arc<str> {
        Arc::clone(&self.subject)
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of it, in lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whose it says it is: `CN=idp.example.com, O=Example Corp`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `RSA 1024`, `EC P-256`, `Ed25519`: whether it is one that we use or not, if it is of a type
    /// that we know.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// When it begins.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it ends.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it has begun and not ended.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// Nothing about the key is checked, which takes long for some.
fn description(key: &PKeyRef<Public>) -> Option<String> {
    match key.id() {
        Id::RSA => Some(format!("RSA {}", key.bits())),
        Id::EC => {
            let curve = key.ec_key().ok()?.group().curve_name()?;
            Some(match curve {
                Nid::X9_62_PRIME256V1 => "EC P-256".to_owned(),
                Nid::SECP384R1 => "EC P-384".to_owned(),
                Nid::SECP521R1 => "EC P-521".to_owned(),
                other => format!("EC {}", other.short_name().ok()?),
            })
        }
        Id::ED25519 => Some("Ed25519".to_owned()),
        _ => None,
    }
}
