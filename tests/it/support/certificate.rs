//! Certificates that sign themselves.

use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};
use samlgate::base::clock::SystemClock;
use samlgate::base::{Clock as _, Timestamp};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// For this key and name, from now on for 30 days; `names` are what TLS clients look for.
pub(crate) fn self_signed(
    key: &PKey<Private>,
    common_name: &str,
    names: Option<&SubjectAlternativeName>,
) -> X509 {
    let now = SystemClock.now();
    between(key, common_name, names, now, now.plus(30 * DAY))
}

/// The same for other times.
pub(crate) fn between(
    key: &PKey<Private>,
    common_name: &str,
    names: Option<&SubjectAlternativeName>,
    begin: Timestamp,
    end: Timestamp,
) -> X509 {
    let at = |time: Timestamp| Asn1Time::from_unix(time.unix_seconds()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    let name = name.build();
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&at(begin)).unwrap();
    builder.set_not_after(&at(end)).unwrap();
    if let Some(names) = names {
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
