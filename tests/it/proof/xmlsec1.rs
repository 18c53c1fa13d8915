//! xmlsec1, a process for each question.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use samlgate::xml::ns;
use tempfile::TempDir;

use super::message::Key;

/// A folder, and xmlsec1 working in it with one key.
pub(crate) struct Xmlsec1 {
    folder: TempDir,
    key: PathBuf,
    certificate: PathBuf,
}

impl Xmlsec1 {
    pub(crate) fn with(key: &Key) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, pem: Vec<u8>| {
            let path = folder.path().join(name);
            fs::write(&path, pem).unwrap();
            path
        };
        let (key, certificate) = (
            file("key.pem", key.pem()),
            file("certificate.pem", key.certificate_pem()),
        );
        Self { folder, key, certificate }
    }

    /// Fills in the template of a Signature in the element with this ID.
    pub(crate) fn sign(&self, template: &str, id: &str) -> String {
        let signed = self.folder.path().join("signed.xml");
        let arguments = [
            "--privkey-pem".as_ref(),
            self.key.as_os_str(),
            "--output".as_ref(),
        ];
        let arguments = [&arguments[..], &[signed.as_os_str()]].concat();
        let done = self.run("--sign", template.as_bytes(), id, &arguments);
        assert!(done, "xmlsec1 does not sign\n{template}");
        fs::read_to_string(&signed).unwrap()
    }

    /// Whether the Signature in the element with this ID is good.
    pub(crate) fn verifies(&self, document: &[u8], id: &str) -> bool {
        // The key is ours alone: what is in KeyInfo is not asked, as we do not.
        let arguments = ["--pubkey-cert-pem".as_ref(), self.certificate.as_os_str()];
        self.run("--verify", document, id, &arguments)
    }

    fn run(&self, what: &str, document: &[u8], id: &str, arguments: &[&OsStr]) -> bool {
        let file = self.folder.path().join("document.xml");
        fs::write(&file, document).unwrap();
        let signature = format!(
            "//*[@ID='{id}']/*[local-name()='Signature' and namespace-uri()='{}']",
            ns::DS
        );
        let output = Command::new("xmlsec1")
            .arg(what)
            .args(["--id-attr:ID", &format!("{}:Response", ns::SAMLP)])
            .args(["--id-attr:ID", &format!("{}:Assertion", ns::SAML)])
            .args(["--node-xpath", &signature])
            .args(arguments)
            .arg(&file)
            .output()
            .expect("xmlsec1 runs (scripts/install-packages.sh test)");
        output.status.success()
    }
}
