//! Signatures: what is accepted here says what one of the seeds says, and xmlsec1 accepts it, too.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use samlgate::base::Checks;
use samlgate::dsig::{Allowed, Trust, verify};
use samlgate::xml::{Document, Element, Limits, Mode};

use super::seeds::{IDP, SEEDS};
use super::xml::canonical;

/// What the identity provider has really signed: the canonical bytes of all that verifies in the
/// valid messages of the corpus.
static SIGNED: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let mut signed = HashSet::new();
    for seed in SEEDS.iter() {
        accepted(&seed.bytes, |view| {
            signed.insert(canonical(view));
        });
    }
    assert!(!signed.is_empty(), "no seed verifies");
    signed
});

pub fn check(bytes: &[u8]) {
    let mut signed = Vec::new();
    accepted(bytes, |view| {
        assert!(
            SIGNED.contains(&canonical(view)),
            "a forged signature is accepted"
        );
        signed.push(view.attribute("ID").unwrap_or_default().to_owned());
    });
    // Of xmlsec1 1.2, which Debian has, these two are not to be had.
    let text = String::from_utf8_lossy(bytes);
    let unknown = ["rsa-MGF1", "eddsa-ed25519"].iter().any(|name| text.contains(name));
    if !unknown && !SEEDS.iter().any(|seed| seed.bytes == bytes) {
        for id in signed {
            assert!(
                xmlsec1_accepts(bytes, &id),
                "{id}: accepted here, refused by xmlsec1"
            );
        }
    }
}

/// Everything in a message that verifies by a key of the corpus.
fn accepted(bytes: &[u8], mut each: impl FnMut(Element<'_>)) {
    let Ok(document) = Document::parse(bytes, Mode::Message, &Limits::default()) else {
        return;
    };
    let trust = Trust {
        keys: &IDP.signing_keys,
        allowed: Allowed { sha1: true, inclusive_c14n: true },
    };
    let root = document.root();
    for element in std::iter::once(root).chain(root.children()) {
        if let Ok(Some(verified)) = verify(element, trust, &mut Checks::off()) {
            each(verified.get());
        }
    }
}

/// A second opinion about the signature in the element with this ID, under the same keys.
fn xmlsec1_accepts(bytes: &[u8], id: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let (message, pem) = (
        folder.path().join("message.xml"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&message, bytes).expect("written");
    let signature = format!("//*[@ID='{id}']/*[local-name()='Signature']");
    IDP.signing_keys.iter().any(|key| {
        let public = key.public_key().expect("a key");
        std::fs::write(&pem, public.public_key_to_pem().expect("PEM")).expect("written");
        Command::new("xmlsec1")
            // What KeyInfo says is not asked, as we do not.
            .args([
                "--verify",
                "--enabled-key-data",
                "key-name",
                "--node-xpath",
                &signature,
            ])
            .args([
                "--id-attr:ID",
                "urn:oasis:names:tc:SAML:2.0:protocol:Response",
            ])
            .args([
                "--id-attr:ID",
                "urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest",
            ])
            .args([
                "--id-attr:ID",
                "urn:oasis:names:tc:SAML:2.0:protocol:LogoutResponse",
            ])
            .args([
                "--id-attr:ID",
                "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
            ])
            .arg("--pubkey-pem")
            .args([&pem, &message])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
