//! A certificate authority of an organisation, with a certificate for its application and one for
//! the gateway.

use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};
use tempfile::TempDir;

/// Its files are in a folder of its own.
pub(super) struct Authority {
    folder: TempDir,
}

impl Authority {
    /// `ca.crt`; `app.crt` and `app.key` for `app.internal`; `us.crt` and `us.key` for the gateway.
    pub(super) fn new() -> Self {
        let authority = Self {
            folder: tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap(),
        };
        let ca_key = key();
        let mut ca = draft("Example CA", &ca_key);
        ca.append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
        ca.set_issuer_name(&name("Example CA")).unwrap();
        ca.sign(&ca_key, MessageDigest::sha256()).unwrap();
        authority.write("ca.crt", &ca.build().to_pem().unwrap());
        for (file, common_name, alternative) in [
            ("app", "app.internal", Some("app.internal")),
            ("us", "samlgate", None),
        ] {
            let own = key();
            let mut certificate = draft(common_name, &own);
            certificate.set_issuer_name(&name("Example CA")).unwrap();
            if let Some(alternative) = alternative {
                let mut names = SubjectAlternativeName::new();
                let names = names.dns(alternative);
                let names = names.build(&certificate.x509v3_context(None, None)).unwrap();
                certificate.append_extension(names).unwrap();
            }
            certificate.sign(&ca_key, MessageDigest::sha256()).unwrap();
            let certificate: X509 = certificate.build();
            authority.write(&format!("{file}.crt"), &certificate.to_pem().unwrap());
            authority.write(
                &format!("{file}.key"),
                &own.private_key_to_pem_pkcs8().unwrap(),
            );
        }
        authority
    }

    /// The lines of a route whose application it vouches for under this name.
    pub(super) fn route(&self, server_name: &str) -> String {
        format!(
            "[route.upstream_tls]\nca = {:?}\ncertificate = {:?}\nkey = {:?}\nserver_name = {server_name:?}\n",
            self.ca(),
            self.file("us.crt"),
            self.file("us.key"),
        )
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.file("ca.crt")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.file(name), bytes).unwrap();
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn name(common_name: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    name.build()
}

fn draft(common_name: &str, key: &PKey<Private>) -> X509Builder {
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name(common_name)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    builder
}
