//! What xmlsec1 (libxmlsec, libxml2, OpenSSL) encrypts is decrypted here.
//!
//! It is what pysaml2, Mellon, Lasso and many others encrypt with, and it cuts an element out of a
//! document as it stands: namespaces that are declared further out stay there. Where it is not
//! installed (`apt-get install xmlsec1`) these tests say so and pass.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use samlgate::base::{Checks, Timestamp};
use samlgate::dsig::{Place, SigningKey, Trust, TrustedKeys, sign_enveloped};
use samlgate::saml::keys::Keys;
use samlgate::saml::response::ResponseMessage;
use samlgate::saml::schema::ASSERTION_NS;
use samlgate::xml::{Document, Limits, Mode};
use samlgate::xmlenc::{Covered, Decryption, DecryptionKey, DecryptionKeys, decrypt};
use tempfile::TempDir;

use crate::support::encryption::{self, seal};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_400);
const NAMES: &str = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"";

#[test]
fn what_xmlsec1_encrypts_is_decrypted_and_its_signature_verifies() {
    let Some(bench) = Bench::new() else { return };
    let idp = SigningKey::generate_ec("idp.example.com", NOW).unwrap();
    let trusted = TrustedKeys::from_vec(vec![idp.trusted().unwrap()]).unwrap();
    let keys = vec![DecryptionKey::from_pem(encryption::KEY).unwrap()];
    let keys = DecryptionKeys::from_vec(keys);
    let decryption = Decryption {
        keys: &keys,
        allow_cbc_unsigned: true,
        allow_tripledes: true,
        required: true,
    };
    let sha1 = "<DigestMethod xmlns=\"http://www.w3.org/2000/09/xmldsig#\" \
                Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/>";
    let label = "<OAEPparams>bGFiZWw=</OAEPparams>";
    for (session_key, method, parameters) in [
        ("aes-128", seal::AES128_GCM, ""),
        ("aes-192", seal::AES192_GCM, sha1),
        ("aes-256", seal::AES256_GCM, label),
        ("aes-128", seal::AES128_CBC, ""),
        ("aes-192", seal::AES192_CBC, ""),
        ("aes-256", seal::AES256_CBC, sha1),
        ("des-192", seal::TRIPLEDES, ""),
    ] {
        // The prefix is declared on the Response alone, or on the Assertion as well.
        for (outer, own) in [(NAMES, ""), (NAMES, NAMES)] {
            let xml = response(outer, own);
            let signed = sign_enveloped(&xml, "_a", &idp, Place::AfterIssuer).unwrap();
            let encrypted = bench.encrypt(&signed, session_key, method, parameters);
            assert!(!encrypted.contains("Alice"), "{encrypted}");
            let document = parse(&encrypted);
            let keys = Keys { signing: Trust::only(&trusted), decryption };
            let checks = &mut Checks::off();
            let message = ResponseMessage::parse(&document, checks).unwrap();
            let verified = message.verify(keys, checks);
            assert!(
                verified.is_ok(),
                "{method} {own}: {verified:?}\n{encrypted}"
            );

            let wrapper = document.root().child(ASSERTION_NS, "EncryptedAssertion").unwrap();
            let plaintext = decrypt(wrapper, decryption, Covered::ByNothing, checks).unwrap();
            let text = plaintext.read(|bytes| String::from_utf8(bytes.to_vec())).unwrap();
            assert_eq!(text, cut_out(&signed), "{method}");

            // Whoever changes it in between is noticed by the Assertion's own signature.
            let changed = signed.replace("Alice", "Mallory");
            let changed = parse(&bench.encrypt(&changed, session_key, method, parameters));
            let message = ResponseMessage::parse(&changed, checks).unwrap();
            let code = message.verify(keys, checks).unwrap_err().code();
            assert_eq!(code.as_str(), "sig.digest");
        }
    }
}

#[test]
fn an_unsigned_assertion_of_xmlsec1_needs_its_namespaces_and_a_signed_response() {
    let Some(bench) = Bench::new() else { return };
    let idp = SigningKey::generate_ec("idp.example.com", NOW).unwrap();
    let trusted = TrustedKeys::from_vec(vec![idp.trusted().unwrap()]).unwrap();
    let keys = vec![DecryptionKey::from_pem(encryption::KEY).unwrap()];
    let keys = DecryptionKeys::from_vec(keys);
    let decryption = Decryption {
        keys: &keys,
        allow_cbc_unsigned: false,
        allow_tripledes: false,
        required: true,
    };
    for (own, verdict) in [(NAMES, None), ("", Some("enc.content"))] {
        for method in [seal::AES256_GCM, seal::AES256_CBC] {
            let encrypted = bench.encrypt(&response(NAMES, own), "aes-256", method, "");
            let signed = sign_enveloped(&encrypted, "_r", &idp, Place::AfterIssuer).unwrap();
            let document = parse(&signed);
            let keys = Keys { signing: Trust::only(&trusted), decryption };
            let checks = &mut Checks::off();
            let message = ResponseMessage::parse(&document, checks).unwrap();
            let refused = message.verify(keys, checks).err().map(|error| error.code().as_str());
            assert_eq!(refused, verdict, "{method} {own}");
        }
    }
}

fn response(outer: &str, own: &str) -> String {
    let space = if own.is_empty() { "" } else { " " };
    format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" {outer} ID=\"_r\" \
         Version=\"2.0\" IssueInstant=\"2026-11-21T09:30:00Z\">\
         <saml:Issuer>https://idp.example.com</saml:Issuer><samlp:Status>\
         <samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>\
         <saml:EncryptedAssertion><saml:Assertion{space}{own} ID=\"_a\" Version=\"2.0\" \
         IssueInstant=\"2026-11-21T09:30:00Z\"><saml:Issuer>https://idp.example.com</saml:Issuer>\
         <saml:Subject><saml:NameID>Alice &lt;\u{e9}&gt;</saml:NameID></saml:Subject>\
         </saml:Assertion></saml:EncryptedAssertion></samlp:Response>"
    )
}

fn cut_out(xml: &str) -> &str {
    let (start, end) = ("<saml:EncryptedAssertion>", "</saml:EncryptedAssertion>");
    &xml[xml.find(start).unwrap() + start.len()..xml.find(end).unwrap()]
}

fn parse(xml: &str) -> Document {
    Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap()
}

struct Bench(TempDir);

impl Bench {
    /// `None`, with a word about it, where there is no xmlsec1.
    fn new() -> Option<Self> {
        if Command::new("xmlsec1").arg("--version").output().is_ok() {
            return Some(Self(tempfile::tempdir().unwrap()));
        }
        writeln!(
            std::io::stderr(),
            "xmlsec1 is not installed: nothing compared"
        )
        .unwrap();
        None
    }

    /// The Assertion in place, by the template of pysaml2.
    fn encrypt(&self, xml: &str, session_key: &str, method: &str, parameters: &str) -> String {
        let template = format!(
            "<EncryptedData xmlns=\"http://www.w3.org/2001/04/xmlenc#\" \
             Type=\"http://www.w3.org/2001/04/xmlenc#Element\">\n  \
             <EncryptionMethod Algorithm=\"{method}\"/>\n  \
             <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\n    \
             <EncryptedKey xmlns=\"http://www.w3.org/2001/04/xmlenc#\">\n      \
             <EncryptionMethod Algorithm=\"{}\">{parameters}</EncryptionMethod>\n      \
             <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><KeyName/></KeyInfo>\n      \
             <CipherData><CipherValue/></CipherData>\n    </EncryptedKey>\n  </KeyInfo>\n  \
             <CipherData><CipherValue/></CipherData>\n</EncryptedData>",
            seal::OAEP_MGF1P
        );
        let path = |name: &str| self.0.path().join(name);
        fs::write(path("template.xml"), template).unwrap();
        fs::write(path("data.xml"), xml).unwrap();
        fs::write(path("certificate.pem"), encryption::certificate()).unwrap();
        let done = Command::new("xmlsec1")
            .current_dir(self.0.path())
            .args(["--encrypt", "--pubkey-cert-pem", "certificate.pem"])
            .args(["--session-key", session_key, "--xml-data", "data.xml"])
            .args(["--node-xpath", "//*[local-name()='Assertion']"])
            .args(["--output", "encrypted.xml", "template.xml"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "xmlsec1 does not encrypt: {said}");
        fs::read_to_string(path("encrypted.xml")).unwrap()
    }
}
