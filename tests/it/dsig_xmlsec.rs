//! Two implementations that share no line: ours, and xmlsec1 (libxmlsec, libxml2, OpenSSL).
//!
//! What one signs the other has to verify. For random content that is a comparison of two
//! canonicalizers too: a single differing byte is a differing digest. Where xmlsec1 is not
//! installed (`apt-get install xmlsec1`) these tests say so and pass.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use samlgate::base::{Checks, Timestamp};
use samlgate::dsig::{self, Allowed, Place, SigningKey, Trust, TrustedKey, TrustedKeys};
use samlgate::xml::{Document, Limits, Mode, ns};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_400);
const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const C14N_1_0: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const C14N_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
const INCLUSIVE: Allowed = Allowed { inclusive_c14n: true, sha1: false };

#[test]
fn xmlsec1_verifies_what_we_sign() {
    let Some(bench) = Bench::new() else { return };
    for key in [
        SigningKey::generate_rsa(2048, "idp.example.com", NOW).unwrap(),
        SigningKey::generate_ec("idp.example.com", NOW).unwrap(),
    ] {
        let certificate = bench.file("certificate.pem", key.certificate_pem().unwrap().as_bytes());
        let sign = |xml: &str, id| dsig::sign_enveloped(xml, id, &key, Place::AfterIssuer).unwrap();
        let xml = sign(
            &sign(
                &response("", "<saml:Subject>Alice &lt;é&gt;</saml:Subject>"),
                "_a",
            ),
            "_r",
        );
        let verified = |xml: &str, path: &str| {
            let file = bench.file("signed.xml", xml.as_bytes());
            bench.xmlsec1(&[
                "--verify".as_ref(),
                "--node-xpath".as_ref(),
                path.as_ref(),
                "--verification-time".as_ref(),
                "2026-12-24 12:00:00".as_ref(),
                "--trusted-pem".as_ref(),
                certificate.as_os_str(),
                file.as_os_str(),
            ])
        };
        let outer = "/*/*[local-name()='Signature']";
        let inner = "/*/*[local-name()='Assertion']/*[local-name()='Signature']";
        assert!(verified(&xml, outer), "{}", key.description());
        assert!(verified(&xml, inner), "{}", key.description());
        let tampered = xml.replace("Alice", "Mallory");
        assert!(!verified(&tampered, outer) && !verified(&tampered, inner));
    }
}

#[test]
fn we_verify_what_xmlsec1_signs() {
    let Some(bench) = Bench::new() else { return };
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    let sha384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
    let sha512 = "http://www.w3.org/2001/04/xmlenc#sha512";
    for (key, method, digest, prefixes) in [
        (&*RSA, "rsa-sha256", sha256, None),
        (&*RSA, "rsa-sha384", sha384, Some("#default saml xs")),
        (&*RSA, "rsa-sha512", sha512, Some("xs")),
        (&*P256, "ecdsa-sha256", sha256, Some("#default")),
        (&*P256, "ecdsa-sha512", sha512, None),
        (&*P384, "ecdsa-sha256", sha384, None),
        (&*P384, "ecdsa-sha384", sha384, Some("saml samlp unknown")),
    ] {
        for (c14n, places) in [("", ["_a", ""]), ("WithComments", ["_a", "_r"])] {
            let c14n = format!("{EXC_C14N}{c14n}");
            let method = format!("{more}{method}");
            let template = |id| template(id, &c14n, &method, digest, prefixes);
            let content =
                "<saml:Subject xmlns:xs='urn:xs' b='&#9;' a=''>\r\n&#13;Alice é</saml:Subject>";
            let inner = response(&template("_a"), content);
            let mut xml = bench.sign(key, &inner, "_a");
            if places.contains(&"_r") {
                let outer = xml.replacen(
                    "<samlp:Status",
                    &format!("{}<samlp:Status", template("_r")),
                    1,
                );
                xml = bench.sign(key, &outer, "_r");
                assert_eq!(verify(&xml, "_r", key), Ok(true), "{method}");
            }
            assert_eq!(verify(&xml, "_a", key), Ok(true), "{method}");
            let other = if key.name == RSA.name { &*P256 } else { &*RSA };
            assert_eq!(verify(&xml, "_a", other), Err("sig.algorithm"), "{method}");
        }
    }
}

#[test]
fn we_verify_what_xmlsec1_signs_by_what_has_to_be_allowed() {
    let Some(bench) = Bench::new() else { return };
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    let rsa_sha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let content =
        "<saml:Subject xmlns:xs='urn:xs' xmlns='' a='&#9;'>\r\n<p:x/>é<y/></saml:Subject>";
    for uri in [
        C14N_1_0,
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        C14N_1_1,
        "http://www.w3.org/2006/12/xml-c14n11#WithComments",
    ] {
        let both = template("_a", uri, rsa_sha256, sha256, None);
        let method = format!("CanonicalizationMethod Algorithm='{uri}'");
        let transform = format!("<ds:Transform Algorithm='{uri}'></ds:Transform>");
        assert!(both.contains(&method) && both.contains(&transform));
        let exclusive = format!("CanonicalizationMethod Algorithm='{EXC_C14N}'");
        for (template, refusal) in [
            (both.clone(), "sig.transform"),
            (both.replace(&method, &exclusive), "sig.transform"),
            (
                both.replace(&transform, &transform.replace(uri, EXC_C14N)),
                "sig.c14n",
            ),
            // XML Signature 4.3.3.2: then it is inclusive C14N 1.0.
            (both.replace(&transform, ""), "sig.transform"),
        ] {
            for around in ["", " xml:lang='fr' xml:space='preserve'"] {
                let xml =
                    response(&template, content).replace(" ID='_r'", &format!(" ID='_r'{around}"));
                let xml = bench.sign(&RSA, &xml, "_a");
                assert_eq!(needed(&xml, "_a", &RSA, Allowed::NOTHING), Err(refusal));
                assert_eq!(
                    needed(&xml, "_a", &RSA, INCLUSIVE),
                    Ok(Some(INCLUSIVE)),
                    "{xml}"
                );
            }
        }
    }
    let sha1 = Allowed { sha1: true, inclusive_c14n: false };
    let ds = "http://www.w3.org/2000/09/xmldsig#";
    for (method, digest, refusal) in [
        (
            format!("{ds}rsa-sha1"),
            format!("{ds}sha1"),
            "sig.algorithm",
        ),
        (
            rsa_sha256.to_owned(),
            format!("{ds}sha1"),
            "sig.digest_algorithm",
        ),
    ] {
        let template = template("_a", EXC_C14N, &method, &digest, None);
        let xml = bench.sign(&RSA, &response(&template, content), "_a");
        assert_eq!(needed(&xml, "_a", &RSA, Allowed::NOTHING), Err(refusal));
        assert_eq!(needed(&xml, "_a", &RSA, sha1), Ok(Some(sha1)));
    }
}

/// RSA-PSS is in xmlsec1 from 1.3.0 on.
#[test]
fn we_verify_pss_that_xmlsec1_signs() {
    let Some(bench) = Bench::new() else { return };
    let listed = Command::new("xmlsec1").arg("--list-transforms").output().unwrap();
    if !String::from_utf8_lossy(&listed.stdout).contains("rsa-pss-sha256") {
        writeln!(
            std::io::stderr(),
            "this xmlsec1 has no RSA-PSS: nothing compared"
        )
        .unwrap();
        return;
    }
    for digest in ["sha256", "sha384", "sha512"] {
        let method = format!("http://www.w3.org/2007/05/xmldsig-more#{digest}-rsa-MGF1");
        let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
        let template = template("_a", EXC_C14N, &method, sha256, None);
        let xml = bench.sign(&RSA, &response(&template, "<saml:Subject/>"), "_a");
        assert_eq!(verify(&xml, "_a", &RSA), Ok(true), "{method}");
    }
}

#[test]
fn no_byte_can_be_changed() {
    let Some(bench) = Bench::new() else { return };
    let template = template(
        "_a",
        EXC_C14N,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        Some("xs"),
    );
    let content = "<saml:Subject><saml:NameID>alice@example.com</saml:NameID></saml:Subject>";
    let xml = bench.sign(&P256, &response(&template, content), "_a");
    assert_eq!(verify(&xml, "_a", &P256), Ok(true));
    let assertion = xml.find("<saml:Assertion").unwrap()..xml.find("</samlp:Response").unwrap();
    let name = xml.find("alice@").unwrap();
    for place in assertion {
        let mut bytes = xml.clone().into_bytes();
        bytes[place] ^= 1;
        let tampered = String::from_utf8(bytes).unwrap();
        let result = verify(&tampered, "_a", &P256);
        // `Ok(false)`: with another namespace it is no Signature, and the Assertion is unsigned.
        assert_ne!(result, Ok(true), "byte {place}\n{tampered}");
        if (name..name + "alice@example.com".len()).contains(&place) {
            assert_eq!(result, Err("sig.digest"), "byte {place}");
        }
    }
    let value = xml.find("<ds:SignatureValue>").unwrap() + "<ds:SignatureValue>".len();
    let mut tampered = xml.into_bytes();
    tampered[value] = if tampered[value] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    assert_eq!(verify(&tampered, "_a", &P256), Err("sig.invalid"));
}

#[test]
fn both_canonicalise_random_content_alike() {
    let Some(bench) = Bench::new() else { return };
    let mut dice = Dice(0x5eed);
    for round in 0..80 {
        let mut content = String::new();
        element(&mut dice, 0, &mut content);
        let (c14n, prefixes) = dice.pick(&[
            (EXC_C14N, None),
            (EXC_C14N, Some("#default")),
            (EXC_C14N, Some("p")),
            (EXC_C14N, Some("q xml #default nope")),
            (C14N_1_0, None),
            (C14N_1_0, None),
            (C14N_1_1, None),
            (C14N_1_1, None),
        ]);
        let template = template(
            "_a",
            c14n,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            "http://www.w3.org/2001/04/xmlenc#sha256",
            prefixes,
        );
        let around = dice.pick(&["", " xml:lang='fr'", " xml:space='default' xml:lang=''"]);
        let xml = response(&template, &content).replace(" ID='_r'", &format!(" ID='_r'{around}"));
        let xml = bench.sign(&P256, &xml, "_a");
        assert_eq!(
            needed(&xml, "_a", &P256, INCLUSIVE).map(|needed| needed.is_some()),
            Ok(true),
            "round {round}, {c14n}, {prefixes:?}\n{xml}"
        );
    }
}

/// An element with namespaces declared, undone and declared again, and every kind of character
/// that C14N writes in its own way.
fn element(dice: &mut Dice, depth: usize, out: &mut String) {
    let name = dice.pick(&["a", "b", "p:a", "q:b", "é", "saml:Advice"]);
    let declared = dice.pick(&[
        "",
        "",
        "",
        " xmlns='urn:1'",
        " xmlns=''",
        " xmlns:p='urn:2'",
        " xmlns:q='urn:1?&quot;&#9;&lt;'",
        " xmlns:p='urn:1' xmlns:q='urn:1'",
        " xmlns:unused='urn:u'",
        "\n\txmlns:p=\"urn:1\"  xmlns='urn:q'",
    ]);
    let attributes = dice.pick(&[
        "",
        "",
        " x='1'",
        " z='' p:x='&#9;&#10;&#13;' a='&gt;>&quot;&apos;'",
        " q:x=\"'\ty\"",
        " xml:lang='en' b='é&#233;'",
        " y='&lt;&amp;' xml:space='preserve' q:a='\r\n'",
    ]);
    let declared = if declared.contains("&quot;") {
        " xmlns:q='urn:other'"
    } else {
        declared
    };
    out.push_str(&format!("<{name}{declared}{attributes}>"));
    for _ in 0..dice.below(4) {
        out.push_str(dice.pick(&[
            "",
            "x",
            " \n ",
            "&amp;&lt;&gt;",
            "&#13;\r\n\r",
            "]]&gt;\"'",
            "é&#x1F600;",
        ]));
        if depth < 5 {
            element(dice, depth + 1, out);
        }
    }
    out.push_str(&format!("</{name}>"));
}

/// Always the same throws (xorshift), so that a failure can be looked at twice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }
}

fn response(signature: &str, content: &str) -> String {
    format!(
        "<samlp:Response xmlns:samlp='{}' xmlns:saml='{}' xmlns:p='urn:p' xmlns:q='urn:q' \
         xmlns='urn:d' xmlns:xs='http://www.w3.org/2001/XMLSchema' ID='_r'>\
         <saml:Issuer>https://idp.example.com</saml:Issuer><samlp:Status/>\
         <saml:Assertion ID='_a'><saml:Issuer>https://idp.example.com</saml:Issuer>{signature}\
         {content}</saml:Assertion></samlp:Response>",
        ns::SAMLP,
        ns::SAML,
    )
}

fn template(id: &str, c14n: &str, method: &str, digest: &str, prefixes: Option<&str>) -> String {
    let list = prefixes.map_or_else(String::new, |list| {
        format!("<ec:InclusiveNamespaces xmlns:ec='{EXC_C14N}' PrefixList='{list}'/>")
    });
    format!(
        "<ds:Signature xmlns:ds='{}'>\n <ds:SignedInfo>\n\
         <ds:CanonicalizationMethod Algorithm='{c14n}'>{list}</ds:CanonicalizationMethod>\n\
         <ds:SignatureMethod Algorithm='{method}'/>\n<ds:Reference URI='#{id}'><ds:Transforms>\
         <ds:Transform Algorithm='http://www.w3.org/2000/09/xmldsig#enveloped-signature'/>\n\
         <ds:Transform Algorithm='{c14n}'>{list}</ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm='{digest}'/><ds:DigestValue/></ds:Reference></ds:SignedInfo>\
         <ds:SignatureValue/></ds:Signature>",
        ns::DS,
    )
}

fn verify(xml: &str, id: &str, key: &TestKey) -> Result<bool, &'static str> {
    needed(xml, id, key, Allowed::NOTHING).map(|needed| needed.is_some())
}

/// What had to be allowed for this signature, if there is one.
fn needed(
    xml: &str,
    id: &str,
    key: &TestKey,
    allowed: Allowed,
) -> Result<Option<Allowed>, &'static str> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default())
        .map_err(|error| error.code().as_str())?;
    let root = document.root();
    dsig::signature_positions(root).map_err(|error| error.code().as_str())?;
    let found = std::iter::once(root)
        .chain(root.children())
        .find(|element| element.attribute("ID") == Some(id))
        .ok_or("no such ID")?;
    dsig::verify(
        found,
        Trust { keys: &key.trusted, allowed },
        &mut Checks::off(),
    )
    .map(|verified| verified.map(|verified| verified.needed()))
    .map_err(|error| error.code().as_str())
}

struct TestKey {
    name: &'static str,
    pem: Vec<u8>,
    trusted: TrustedKeys,
}

static RSA: LazyLock<TestKey> = LazyLock::new(|| {
    TestKey::new(
        "rsa.pem",
        PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
    )
});
static P256: LazyLock<TestKey> =
    LazyLock::new(|| TestKey::new("p256.pem", ec(Nid::X9_62_PRIME256V1)));
static P384: LazyLock<TestKey> = LazyLock::new(|| TestKey::new("p384.pem", ec(Nid::SECP384R1)));

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

impl TestKey {
    fn new(name: &'static str, key: PKey<Private>) -> Self {
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, "idp.example.com").unwrap();
        let mut certificate = X509::builder().unwrap();
        certificate.set_subject_name(&subject.build()).unwrap();
        certificate
            .set_not_before(&Asn1Time::from_unix(NOW.unix_seconds()).unwrap())
            .unwrap();
        certificate
            .set_not_after(&Asn1Time::from_unix(NOW.unix_seconds() + 1).unwrap())
            .unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.sign(&key, MessageDigest::sha256()).unwrap();
        let der = certificate.build().to_der().unwrap();
        let trusted = TrustedKeys::one(TrustedKey::from_certificate_der(&der).unwrap());
        Self { name, pem: key.private_key_to_pem_pkcs8().unwrap(), trusted }
    }
}

/// A directory, and xmlsec1 working in it.
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

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn sign(&self, key: &TestKey, xml: &str, id: &str) -> String {
        let key = self.file(key.name, &key.pem);
        let template = self.file("template.xml", xml.as_bytes());
        let signed = self.0.path().join("signed.xml");
        let path = format!("//*[@ID='{id}']/*[local-name()='Signature']");
        let done = self.xmlsec1(&[
            "--sign".as_ref(),
            "--node-xpath".as_ref(),
            path.as_ref(),
            "--privkey-pem".as_ref(),
            key.as_os_str(),
            "--output".as_ref(),
            signed.as_os_str(),
            template.as_os_str(),
        ]);
        assert!(done, "xmlsec1 does not sign\n{xml}");
        fs::read_to_string(&signed).unwrap()
    }

    fn xmlsec1(&self, arguments: &[&std::ffi::OsStr]) -> bool {
        let (command, rest) = arguments.split_first().unwrap();
        let directory: &Path = self.0.path();
        Command::new("xmlsec1")
            .current_dir(directory)
            .arg(command)
            .arg("--id-attr:ID")
            .arg(format!("{}:Response", ns::SAMLP))
            .arg("--id-attr:ID")
            .arg(format!("{}:Assertion", ns::SAML))
            .args(rest)
            .output()
            .unwrap()
            .status
            .success()
    }
}
