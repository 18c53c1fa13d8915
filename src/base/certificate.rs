//! Certificates for our own keys.
//!
//! In: a private key, a name, the time. Out: a certificate that the key has signed itself. In SAML
//! it is an envelope for the key in metadata, and nobody's word is taken for it.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage};
use openssl::x509::{X509, X509NameBuilder};

use super::Timestamp;

/// What a key is for. Some identity providers compare it with the certificate (RFC 5280, 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// `digitalSignature`
    Signing,
    /// `keyEncipherment`
    Encryption,
}

/// A certificate for ten years: when it ends nothing but warnings happens. Rotating the key is
/// what keeps it young.
pub fn self_signed(
    key: &PKeyRef<Private>,
    common_name: &str,
    purpose: KeyPurpose,
    now: Timestamp,
) -> Result<X509, ErrorStack> {
    const TEN_YEARS: i64 = 3652 * 86_400;
    // X.509 has room for 64 characters (RFC 5280, appendix A, ub-common-name).
    let common_name = common_name.chars().take(64).collect::<String>();
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", &common_name)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::ONE, false)?;
    let mut usage = KeyUsage::new();
    match purpose {
        KeyPurpose::Signing => usage.critical().digital_signature(),
        KeyPurpose::Encryption => usage.critical().key_encipherment(),
    };
    let begin = now.unix_seconds();
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_not_before(&*Asn1Time::from_unix(begin)?)?;
    certificate.set_not_after(&*Asn1Time::from_unix(begin.saturating_add(TEN_YEARS))?)?;
    certificate.set_pubkey(key)?;
    certificate.append_extension(BasicConstraints::new().critical().build()?)?;
    certificate.append_extension(usage.build()?)?;
    certificate.sign(key, MessageDigest::sha256())?;
    Ok(certificate.build())
}
