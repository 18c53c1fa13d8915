//! Our own keys: what we sign with, and the certificate by which others know it.
//!
//! In: PEM files, or nothing. Out: [`SigningKey`], a private key of an accepted type and size
//! with its certificate. Where the files are and who may read them is decided elsewhere.

use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::md_ctx::MdCtx;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};
use openssl::x509::X509;

use super::algorithm::{DigestMethod, SignatureMethod};
use super::key::{self, KeyKind, KeyRefusal, TrustedKey};
use crate::base::certificate::{KeyPurpose, self_signed};
use crate::base::{Secret, Timestamp};

/// A private key and its certificate.
pub struct SigningKey {
    key: PKey<Private>,
    kind: KeyKind,
    certificate: X509,
    certificate_der: Vec<u8>,
    fingerprint: String,
    not_after: Timestamp,
}

impl SigningKey {
    /// Size of the RSA keys that we make.
    ///
    /// 3072 bits are as hard as AES-128 (NIST SP 800-57); a certificate lives for ten years, and
    /// 2048 bits are not recommended beyond 2030. It costs 2.2 ms a signature instead of
    /// 0.45 (`openssl speed`), once a login, and the other side 0.05 ms instead of 0.02.
    pub const RSA_BITS: u32 = 3072;

    /// Reads a private key (PKCS#8 or the older forms, not encrypted) and its certificate.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, KeyRefusal> {
        Self::new(
            PKey::private_key_from_pem_callback(key, |_| Ok(0))?,
            X509::from_pem(certificate)?,
        )
    }

    /// Makes an RSA key of `bits` bits (see [`SigningKey::RSA_BITS`]) and a certificate for it.
    pub fn generate_rsa(bits: u32, common_name: &str, now: Timestamp) -> Result<Self, KeyRefusal> {
        let key = PKey::from_rsa(Rsa::generate(bits)?)?;
        KeyKind::of(&key)?;
        let certificate = self_signed(&key, common_name, KeyPurpose::Signing, now)?;
        Self::new(key, certificate)
    }

    /// Makes a P-256 key and a certificate for it.
    pub fn generate_ec(common_name: &str, now: Timestamp) -> Result<Self, KeyRefusal> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let certificate = self_signed(&key, common_name, KeyPurpose::Signing, now)?;
        Self::new(key, certificate)
    }

    fn new(key: PKey<Private>, certificate: X509) -> Result<Self, KeyRefusal> {
        let kind = KeyKind::of(&key)?;
        if !certificate.public_key()?.public_eq(&key) {
            return Err(KeyRefusal::OtherKey);
        }
        Ok(Self {
            kind,
            key,
            certificate_der: certificate.to_der()?,
            fingerprint: key::fingerprint(&certificate)?,
            not_after: key::timestamp(certificate.not_after())?,
            certificate,
        })
    }

    /// The private key as PKCS#8 in PEM, for a file that only we can read.
    pub fn key_pem(&self) -> Result<Secret<Vec<u8>>, KeyRefusal> {
        Ok(Secret::new(self.key.private_key_to_pem_pkcs8()?))
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> Result<String, KeyRefusal> {
        let pem = self.certificate.to_pem()?;
        String::from_utf8(pem).map_err(|error| KeyRefusal::Unreadable(error.to_string()))
    }

    /// The certificate, as metadata and KeyInfo carry it before base64.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// When the certificate ends.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// `RSA 3072`, `EC P-256`, `Ed25519`.
    pub fn description(&self) -> String {
        self.kind.description()
    }

    /// The public half, as the other side trusts it.
    pub fn trusted(&self) -> Result<TrustedKey, KeyRefusal> {
        TrustedKey::from_certificate(&self.certificate)
    }

    /// How this key signs: with SHA-256, but for Ed25519, which has its own.
    pub const fn method(&self) -> SignatureMethod {
        match self.kind {
            KeyKind::Rsa { .. } => SignatureMethod::RsaSha256,
            KeyKind::Ec { .. } => SignatureMethod::EcdsaSha256,
            KeyKind::Ed25519 => SignatureMethod::Ed25519,
        }
    }

    /// Signs bytes by [`SigningKey::method`]. An ECDSA signature is `r` and `s`, each as long as
    /// the curve's field (RFC 6931, 2.3.6), which is also what JWS wants.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyRefusal> {
        let digest = DigestMethod::Sha256.digest(bytes);
        match self.kind {
            KeyKind::Rsa { .. } => {
                let mut context = PkeyCtx::new(&self.key)?;
                context.sign_init()?;
                context.set_rsa_padding(Padding::PKCS1)?;
                context.set_signature_md(DigestMethod::Sha256.md())?;
                let mut signature = Vec::new();
                context.sign_to_vec(digest.as_ref(), &mut signature)?;
                Ok(signature)
            }
            KeyKind::Ec { field, .. } => {
                let signature = EcdsaSig::sign(digest.as_ref(), &*self.key.ec_key()?)?;
                let length = i32::try_from(field).unwrap_or(i32::MAX);
                let mut bytes = signature.r().to_vec_padded(length)?;
                bytes.extend(signature.s().to_vec_padded(length)?);
                Ok(bytes)
            }
            KeyKind::Ed25519 => {
                let mut context = MdCtx::new()?;
                context.digest_sign_init(None, &self.key)?;
                let mut signature = Vec::new();
                context.digest_sign_to_vec(bytes, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kind", &self.kind)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
