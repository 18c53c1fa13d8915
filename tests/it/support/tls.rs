//! A certificate for `localhost`, so that Secure cookies and `SameSite=None` are exercised as in
//! production: a browser treats `https://localhost` and `http://127.0.0.1` as different sites.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};

/// A certificate that signed itself, and its key, as files.
pub(crate) struct SelfSigned {
    /// PEM.
    pub(crate) certificate: PathBuf,
    /// PEM, PKCS #8.
    pub(crate) key: PathBuf,
    /// What a client that trusts it needs.
    pub(crate) der: Vec<u8>,
}

impl SelfSigned {
    /// Makes both in this folder, for `localhost` and `127.0.0.1`.
    pub(crate) fn for_localhost(folder: &Path) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("CN", "localhost").unwrap();
        let name = name.build();
        let mut serial = BigNum::new().unwrap();
        serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();

        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .ip("127.0.0.1")
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();

        let files = Self {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            der: certificate.to_der().unwrap(),
        };
        std::fs::write(&files.certificate, certificate.to_pem().unwrap()).unwrap();
        std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        files
    }
}
