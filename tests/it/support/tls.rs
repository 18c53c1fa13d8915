//! A certificate for `localhost`, so that Secure cookies and `SameSite=None` are exercised as in
//! production: a browser treats `https://localhost` and `http://127.0.0.1` as different sites.

use std::path::{Path, PathBuf};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;

use super::certificate::self_signed;

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
        let mut names = SubjectAlternativeName::new();
        names.dns("localhost").ip("127.0.0.1");
        let certificate = self_signed(&key, "localhost", Some(&names));

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
