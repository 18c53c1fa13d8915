//! Every rule from a message that is right, by changing one thing.

use std::sync::LazyLock;

use openssl::bn::{BigNum, BigNumRef};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509;
use proptest::prelude::*;

mod algorithms;
mod signed_info;

use super::*;
use crate::base::{Checks, Refusal, Timestamp, Values};
use crate::xml::{Document, Element, Limits, Mode, c14n, ns};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_400);

static IDP: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp.example.com", NOW).unwrap());
static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_rsa(2048, "idp.example.com", NOW).unwrap());
static STRANGER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp.example.com", NOW).unwrap());

const UNSIGNED: &str = concat!(
    r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol""#,
    r#" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0">"#,
    r#"<saml:Issuer>https://idp.example.com</saml:Issuer><samlp:Status/>"#,
    r#"<saml:Assertion ID="_a"><saml:Issuer>https://idp.example.com</saml:Issuer>"#,
    r#"<saml:Subject><saml:NameID>alice@example.com</saml:NameID></saml:Subject>"#,
    r#"</saml:Assertion></samlp:Response>"#,
);

/// The Response, with these elements signed in this order.
fn signed(ids: &[&str]) -> String {
    // ECDSA never makes the same signature twice; the tests want to find this one again.
    static ASSERTION: LazyLock<String> =
        LazyLock::new(|| sign_enveloped(UNSIGNED, "_a", &IDP, Place::AfterIssuer).unwrap());
    if ids == ["_a"] {
        return ASSERTION.clone();
    }
    ids.iter().fold(UNSIGNED.to_owned(), |xml, id| {
        sign_enveloped(&xml, id, &IDP, Place::AfterIssuer).unwrap()
    })
}

fn keys(keys: &[&SigningKey]) -> TrustedKeys {
    TrustedKeys::from_vec(keys.iter().map(|key| key.trusted().unwrap()).collect()).unwrap()
}

fn parse(xml: &str) -> Result<Document, &'static str> {
    Document::parse(xml.as_bytes(), Mode::Message, &Limits::default())
        .map_err(|error| error.code().as_str())
}

/// What a service provider does with a Response: the canonical bytes of all that is verified.
fn read_with(xml: &str, keys: &TrustedKeys) -> Result<Vec<String>, &'static str> {
    let document = parse(xml)?;
    let root = document.root();
    signature_positions(root).map_err(|error| error.code().as_str())?;
    let assertions = root.children().filter(|child| child.is(ns::SAML, "Assertion"));
    let mut found = Vec::new();
    for element in std::iter::once(root).chain(assertions) {
        let verified = verify(element, Trust::only(keys), &mut Checks::off())
            .map_err(|error| error.code().as_str())?;
        found.extend(verified.map(|verified| canonical(verified.get())));
    }
    Ok(found)
}

fn read(xml: &str) -> Result<Vec<String>, &'static str> {
    read_with(xml, &keys(&[&IDP]))
}

fn canonical(element: Element<'_>) -> String {
    let mut out = Vec::new();
    c14n::exclusive(element, &[], &mut out);
    String::from_utf8(out).unwrap()
}

/// The message with one thing changed, which must be there to be changed.
fn changed(xml: &str, from: &str, to: &str) -> String {
    assert!(xml.contains(from), "{from} is not there");
    xml.replacen(from, to, 1)
}

fn refused(from: &str, to: &str) -> &'static str {
    read(&changed(&signed(&["_a"]), from, to)).expect_err(to)
}

/// The Signature in a message that has one.
fn signature_of(xml: &str) -> &str {
    let start = xml.find("<ds:Signature ").unwrap();
    let end = xml.rfind("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    xml.get(start..end).unwrap()
}

/// The text from `start` to `end`, both included.
fn part<'x>(xml: &'x str, start: &str, end: &str) -> &'x str {
    let from = xml.find(start).unwrap();
    let behind = xml.get(from..).unwrap();
    behind.get(..behind.find(end).unwrap() + end.len()).unwrap()
}

#[test]
fn what_we_sign_is_verified() {
    assert_eq!(read(UNSIGNED).unwrap().len(), 0);
    let assertion = read(&signed(&["_a"])).unwrap();
    assert!(assertion[0].contains("alice@example.com") && !assertion[0].contains("Signature"));
    assert_eq!(read(&signed(&["_r"])).unwrap().len(), 1);
    // The inner one first: the outer one signs it too.
    assert_eq!(read(&signed(&["_a", "_r"])).unwrap().len(), 2);
    assert_eq!(read(&signed(&["_r", "_a"])), Err("sig.digest"));

    let xml = sign_enveloped(UNSIGNED, "_r", &RSA, Place::AfterIssuer).unwrap();
    assert_eq!(read_with(&xml, &keys(&[&IDP, &RSA])).unwrap().len(), 1);
}

#[test]
fn signing_the_wrong_thing_is_refused() {
    let code =
        |xml: &str, id, place| sign_enveloped(xml, id, &IDP, place).unwrap_err().code().as_str();
    assert_eq!(code(UNSIGNED, "_other", Place::AfterIssuer), "internal");
    assert_eq!(code(&signed(&["_a"]), "_a", Place::AfterIssuer), "internal");
    assert_eq!(code("<a ID='_a'/>", "_a", Place::First), "internal");
    assert_eq!(
        code("<a ID='_a'></a>", "_a", Place::AfterIssuer),
        "internal"
    );
    assert_eq!(code("<a ID='_a'>", "_a", Place::First), "internal");
}

#[test]
fn metadata_is_signed_in_front() {
    let xml = "<md:EntityDescriptor xmlns:md='urn:oasis:names:tc:SAML:2.0:metadata' ID='_m'><md:IDPSSODescriptor/></md:EntityDescriptor>";
    let xml = sign_enveloped(xml, "_m", &IDP, Place::First).unwrap();
    let verified = |xml: &str, place| {
        let document =
            Document::parse(xml.as_bytes(), Mode::Metadata, &Limits::metadata()).unwrap();
        verify_at(
            document.root(),
            place,
            Trust::only(&keys(&[&IDP])),
            &mut Checks::off(),
        )
        .map(|verified| verified.is_some())
        .map_err(|error| error.code().as_str())
    };
    assert_eq!(verified(&xml, Place::First), Ok(true));
    assert_eq!(verified(&xml, Place::AfterIssuer), Err("sig.position"));
    let signature = signature_of(&xml).to_owned();
    let moved = xml.replace(&signature, "").replace(
        "<md:IDPSSODescriptor/>",
        &format!("<md:IDPSSODescriptor/>{signature}"),
    );
    assert_eq!(verified(&moved, Place::First), Err("sig.position"));
    // Comments are read over, and C14N does not write them.
    assert_eq!(
        verified(&xml.replace("<md:IDP", "<!-- us --><md:IDP"), Place::First),
        Ok(true)
    );
}

#[test]
fn s1_a_signature_in_another_place_is_sig_position() {
    let xml = signed(&["_a"]);
    let signature = signature_of(&xml).to_owned();
    let bare = xml.replace(&signature, "");
    assert_eq!(bare, UNSIGNED);
    for (from, to) in [
        (
            "<saml:Assertion ID=\"_a\">",
            "<saml:Assertion ID=\"_a\">SIGNATURE",
        ),
        (
            "<saml:Subject>",
            "<saml:Conditions/>SIGNATURE<saml:Subject>",
        ),
        ("<saml:Subject>", "<saml:Subject>SIGNATURE"),
        ("</saml:Subject>", "</saml:Subject>SIGNATURE"),
        ("<samlp:Status/>", "<samlp:Status/>SIGNATURE"),
        (
            "<samlp:Status/>",
            "<samlp:Extensions>SIGNATURE</samlp:Extensions><samlp:Status/>",
        ),
        (
            "<saml:Subject>",
            "<saml:Advice><saml:Assertion><saml:Issuer/>SIGNATURE</saml:Assertion></saml:Advice><saml:Subject>",
        ),
        (
            "<saml:Issuer>",
            "<saml:Issuer/>SIGNATURE<saml:Issuer><saml:Issuer/>SIGNATURE",
        ),
    ] {
        let at = changed(&bare, from, &to.replace("SIGNATURE", &signature));
        assert_eq!(read(&at), Err("sig.position"), "{at}");
    }
    assert_eq!(
        read(&changed(&xml, &signature, &signature.repeat(2))),
        Err("sig.position")
    );
    // Without a census `verify` finds the same.
    let twice = changed(&xml, &signature, &signature.repeat(2));
    let document = parse(&twice).unwrap();
    let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
    let error = verify(assertion, Trust::only(&keys(&[&IDP])), &mut Checks::off()).unwrap_err();
    assert_eq!(error.code().as_str(), "sig.position");
    // A Response without Issuer has no place for a Signature.
    let xml = changed(
        &signed(&["_r"]),
        "<saml:Issuer>https://idp.example.com</saml:Issuer>",
        "",
    );
    assert_eq!(read(&xml), Err("sig.position"));
}

#[test]
fn the_census_counts_assertions_wherever_they_are() {
    let counted = |xml: &str| {
        let document = parse(xml).unwrap();
        signature_positions(document.root()).unwrap().assertions
    };
    assert_eq!(counted(&signed(&["_a"])), 1);
    let more = "<samlp:Status><x:Assertion xmlns:x='urn:x'/><saml:Advice><saml:EncryptedAssertion/><saml:Assertion/></saml:Advice></samlp:Status>";
    assert_eq!(counted(&changed(UNSIGNED, "<samlp:Status/>", more)), 3);
}

#[test]
fn s2_other_content_of_the_signature_is_sig_structure() {
    let xml = signed(&["_a"]);
    let value = part(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>").to_owned();
    let info = part(&xml, "<ds:KeyInfo>", "</ds:KeyInfo>").to_owned();
    for (from, to) in [
        (info.as_str(), format!("{info}<ds:Object/>")),
        (&info, "<ds:Object/>".to_owned()),
        (&info, info.repeat(2)),
        (&info, format!("{info}<x/>")),
        (&info, format!("{info}text")),
        (&value, String::new()),
        (&value, format!("{value}{value}")),
        (&value, format!("{info}{value}")),
        (
            "<ds:SignatureValue>",
            "<ds:SignatureValue x='y'>".to_owned(),
        ),
        ("<ds:Signature ", "<ds:Signature x='y' ".to_owned()),
        ("<ds:Signature ", "<ds:Signature xml:lang='en' ".to_owned()),
    ] {
        assert_eq!(refused(from, &to), "sig.structure", "{to}");
    }
}

#[test]
fn key_info_is_not_read() {
    let xml = signed(&["_a"]);
    let info = part(&xml, "<ds:KeyInfo>", "</ds:KeyInfo>").to_owned();
    for other in [
        "",
        "<ds:KeyInfo/>",
        "<ds:KeyInfo Id='k'><x xmlns='urn:x'/>&amp;</ds:KeyInfo>",
    ] {
        assert_eq!(read(&changed(&xml, &info, other)).unwrap().len(), 1);
    }
    // A stranger's signature with the stranger's own certificate beside it is a stranger's.
    let xml = sign_enveloped(UNSIGNED, "_a", &STRANGER, Place::AfterIssuer).unwrap();
    assert_eq!(read(&xml), Err("sig.invalid"));
}

#[test]
fn s3_other_content_of_signed_info_is_sig_structure() {
    let xml = signed(&["_a"]);
    let method = part(&xml, "<ds:SignatureMethod", "/>").to_owned();
    let c14n = part(&xml, "<ds:CanonicalizationMethod", "/>").to_owned();
    for (from, to) in [
        (method.as_str(), String::new()),
        (&method, method.repeat(2)),
        (&c14n, String::new()),
        (&method, format!("text{method}")),
        (&method, format!("{method}<ds:Object/>")),
        ("<ds:SignedInfo>", "<ds:SignedInfo x='y'>".to_owned()),
        ("<ds:DigestValue>", "<ds:DigestValue x='y'>".to_owned()),
        ("<ds:Transforms>", "<ds:Transforms Id='y'>".to_owned()),
        ("</ds:Transforms>", "text</ds:Transforms>".to_owned()),
        (
            "<ds:CanonicalizationMethod ",
            "<ds:CanonicalizationMethod Id='y' ".to_owned(),
        ),
        ("<ds:DigestMethod ", "<ds:DigestMethod Id='y' ".to_owned()),
    ] {
        assert_eq!(refused(from, &to), "sig.structure", "{to}");
    }
}

#[test]
fn s4_another_reference_is_sig_reference() {
    let xml = signed(&["_a"]);
    let reference = part(&xml, "<ds:Reference", "</ds:Reference>").to_owned();
    assert_eq!(refused(&reference, &reference.repeat(2)), "sig.reference");
    assert_eq!(refused(&reference, ""), "sig.reference");
    for to in [
        "URI=\"\"",
        "URI=\"#\"",
        "URI=\"#_r\"",
        "URI=\"_a\"",
        "URI=\"#_a \"",
        "URI=\"##_a\"",
        "",
        "URI=\"#xpointer(id('_a'))\"",
        "URI=\"https://idp.example.com/#_a\"",
        "URI=\"#_a\" Type=\"http://www.w3.org/2000/09/xmldsig#Object\"",
    ] {
        assert_eq!(refused("URI=\"#_a\"", to), "sig.reference", "{to}");
    }
    assert_eq!(
        refused("<saml:Assertion ID=\"_a\"", "<saml:Assertion"),
        "sig.reference"
    );
    assert_eq!(
        refused("<saml:Assertion ID=\"_a\"", "<saml:Assertion ID=\"_b\""),
        "sig.reference"
    );
}

#[test]
fn s5_other_transforms_are_sig_transform() {
    let xml = signed(&["_a"]);
    let transforms = part(&xml, "<ds:Transforms>", "</ds:Transforms>").to_owned();
    let enveloped = part(&transforms, "<ds:Transform ", "/>").to_owned();
    let c14n = enveloped.replace(algorithm::ENVELOPED, canonicalization::EXCLUSIVE);
    let with = |list: &str| c14n.replace("/>", &format!(">{list}</ds:Transform>"));
    let prefixes = |list: &str| {
        with(&format!(
            "<InclusiveNamespaces xmlns='{}' PrefixList='{list}'/>",
            ns::EXC_C14N
        ))
    };
    let xpath = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>";
    for to in [
        String::new(),
        enveloped.clone(),
        c14n.clone(),
        format!("{c14n}{enveloped}"),
        format!("{enveloped}{c14n}{c14n}"),
        format!("{enveloped}{xpath}{c14n}"),
        format!(
            "{enveloped}{}",
            c14n.replace(
                canonicalization::EXCLUSIVE,
                "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
            )
        ),
        format!("{}{c14n}", enveloped.replace("/>", "><x/></ds:Transform>")),
        format!("{enveloped}{}", with("<x/>")),
        format!("{enveloped}{}", with("text")),
        format!(
            "{enveloped}{}",
            with(&format!("<InclusiveNamespaces xmlns='{}'/>", ns::EXC_C14N))
        ),
        format!("{enveloped}{}", prefixes("a:b")),
        format!("{enveloped}{}", prefixes("a ".repeat(17).as_str())),
        format!(
            "{enveloped}{}",
            prefixes("a").replace("/>", "><x/></InclusiveNamespaces>")
        ),
    ] {
        let to = format!("<ds:Transforms>{to}</ds:Transforms>");
        assert_eq!(refused(&transforms, &to), "sig.transform", "{to}");
    }
    assert_eq!(refused(&transforms, ""), "sig.transform");
    // These are right, and only the signature over them is missing.
    for list in ["", "#default xs", "a ".repeat(16).as_str()] {
        let to = format!(
            "<ds:Transforms>{enveloped}{}</ds:Transforms>",
            prefixes(list)
        );
        assert_eq!(refused(&transforms, &to), "sig.invalid", "{to}");
    }
}

#[test]
fn s6_another_canonicalization_is_sig_c14n() {
    for uri in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2010/xml-c14n2",
        "",
    ] {
        let from = format!(
            "CanonicalizationMethod Algorithm=\"{}\"",
            canonicalization::EXCLUSIVE
        );
        let to = format!("CanonicalizationMethod Algorithm=\"{uri}\"");
        assert_eq!(refused(&from, &to), "sig.c14n", "{uri}");
    }
}

#[test]
fn s7_another_signature_method_is_sig_algorithm() {
    let ours = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    for uri in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "none",
        "",
        // On the list, but the key is an EC key.
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ] {
        assert_eq!(refused(ours, uri), "sig.algorithm", "{uri}");
    }
    let to = format!("{ours}\"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>");
    assert_eq!(refused(&format!("{ours}\"/>"), &to), "sig.algorithm");
}

#[test]
fn s8_another_digest_is_sig_digest_algorithm() {
    let ours = "http://www.w3.org/2001/04/xmlenc#sha256";
    for uri in [
        "http://www.w3.org/2000/09/xmldsig#sha1",
        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "",
    ] {
        assert_eq!(refused(ours, uri), "sig.digest_algorithm", "{uri}");
    }
}

#[test]
fn s9_broken_base64_is_sig_encoding() {
    for to in ["", "AA==", "=", "!", "<x/>"] {
        let xml = signed(&["_a"]);
        let value = part(&xml, "<ds:DigestValue>", "</ds:DigestValue>");
        let to = format!("<ds:DigestValue>{to}</ds:DigestValue>");
        assert_eq!(refused_in(&xml, value, &to), "sig.encoding", "{to}");
    }
    let xml = signed(&["_a"]);
    let value = part(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
    for to in ["A", "AB==", "AA", "AAA-", "AA==AA==", "AA==x"] {
        let to = format!("<ds:SignatureValue>{to}</ds:SignatureValue>");
        assert_eq!(refused_in(&xml, value, &to), "sig.encoding", "{to}");
    }
    // Wrapped lines are base64 too, also with the carriage returns that Java leaves in.
    let (begin, rest) = value.split_at("<ds:SignatureValue>".len() + 8);
    let wrapped = format!("{begin}&#13;\n\t {rest}");
    assert_eq!(read(&changed(&xml, value, &wrapped)).unwrap().len(), 1);
}

fn refused_in(xml: &str, from: &str, to: &str) -> &'static str {
    read(&changed(xml, from, to)).expect_err(to)
}

#[test]
fn s12_changed_content_is_sig_digest() {
    assert_eq!(refused("alice@", "mallory@"), "sig.digest");
    assert_eq!(
        refused("<saml:Subject>", "<saml:Subject x='y'>"),
        "sig.digest"
    );
    assert_eq!(refused("<saml:Subject>", " <saml:Subject>"), "sig.digest");
    assert_eq!(
        refused("</saml:Subject>", "</saml:Subject><saml:Subject/>"),
        "sig.digest"
    );
    // What C14N does not write may change.
    let xml = changed(
        &signed(&["_a"]),
        "<saml:Subject>",
        "<saml:Subject  xmlns:x='urn:x' >",
    );
    assert_eq!(read(&xml).unwrap().len(), 1);
}

#[test]
fn s13_a_signature_of_nobody_we_trust_is_sig_invalid() {
    let xml = signed(&["_a"]);
    assert_eq!(read_with(&xml, &keys(&[&STRANGER])), Err("sig.invalid"));
    assert_eq!(
        read_with(&xml, &keys(&[&STRANGER, &IDP, &RSA])).unwrap().len(),
        1
    );
    assert_eq!(
        refused("<ds:SignedInfo>", "<ds:SignedInfo Id='x'>"),
        "sig.invalid"
    );
    assert_eq!(
        refused("<ds:SignedInfo>", "<ds:SignedInfo> "),
        "sig.invalid"
    );
    let value = part(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
    for bytes in [[0; 64].as_slice(), &[0; 63], &[0xff; 64], &[1; 65], &[]] {
        let to = openssl::base64::encode_block(bytes);
        let to = format!("<ds:SignatureValue>{to}</ds:SignatureValue>");
        assert_eq!(refused_in(&xml, value, &to), "sig.invalid", "{to}");
    }
    // S14: one good signature does not make up for a bad one.
    let xml = sign_enveloped(&signed(&["_a"]), "_r", &STRANGER, Place::AfterIssuer).unwrap();
    assert_eq!(read(&xml), Err("sig.invalid"));
}

#[test]
fn a_verified_element_shows_what_was_signed_and_nothing_else() {
    let xml = signed(&["_a"]);
    let document = parse(&xml).unwrap();
    let response = document.root();
    let assertion = response.child(ns::SAML, "Assertion").unwrap();
    let signature = assertion.child(ns::DS, "Signature").unwrap();
    let verified = verify(
        assertion,
        Trust::only(&keys(&[&STRANGER, &IDP])),
        &mut Checks::off(),
    )
    .unwrap()
    .unwrap();
    assert_eq!(verified.signed_by(), IDP.fingerprint());
    assert!(verified.get().parent().is_none());
    assert!(verified.child(ns::DS, "Signature").is_none());
    assert!(verified.map_child(signature).is_none());
    assert!(verified.map_child(signature.children().next().unwrap()).is_none());
    assert!(verified.map_child(response).is_none());
    assert!(verified.map_child(response.child(ns::SAML, "Issuer").unwrap()).is_none());
    let subject = verified.map_child(assertion.child(ns::SAML, "Subject").unwrap()).unwrap();
    assert!(subject.get().parent().unwrap().parent().is_none());
    assert_eq!(verified.children().count(), 2);
    let other = parse(UNSIGNED).unwrap();
    assert!(verified.map_child(other.root().child(ns::SAML, "Assertion").unwrap()).is_none());
}

#[test]
fn an_assertion_in_a_signed_response_is_verified_with_it() {
    let xml = signed(&["_a", "_r"]);
    let document = parse(&xml).unwrap();
    let response = verify(
        document.root(),
        Trust::only(&keys(&[&IDP])),
        &mut Checks::off(),
    )
    .unwrap()
    .unwrap();
    assert_eq!(response.get().children().count(), 3);
    let assertion = response.child(ns::SAML, "Assertion").unwrap();
    // Its own Signature is a part of what the Response's covers, and is verified for itself.
    assert!(assertion.child(ns::DS, "Signature").is_some());
    let inner = verify(
        assertion.get(),
        Trust::only(&keys(&[&IDP])),
        &mut Checks::off(),
    )
    .unwrap()
    .unwrap();
    assert!(inner.child(ns::DS, "Signature").is_none());
    assert!(inner.get().parent().is_none());
    // Seen through the proof, the Response has no Signature to be verified again.
    assert!(
        verify(
            response.get(),
            Trust::only(&keys(&[&IDP])),
            &mut Checks::off()
        )
        .unwrap()
        .is_none()
    );
}

#[test]
fn a_comment_inside_what_is_signed_is_xml_forbidden_node() {
    let commented = |xml: &str| changed(xml, "<samlp:Status/>", "<!-- x --><samlp:Status/>");
    assert_eq!(
        read(&commented(&signed(&["_r"]))),
        Err("xml.forbidden_node")
    );
    assert_eq!(
        read(&commented(&signed(&["_a", "_r"]))),
        Err("xml.forbidden_node")
    );
    // Beside the signed Assertion it changes nothing, and around the message neither.
    assert_eq!(read(&commented(&signed(&["_a"]))), read(&signed(&["_a"])));
    let around = format!("<!-- x -->{}<!-- y -->", signed(&["_a", "_r"]));
    assert_eq!(read(&around).unwrap().len(), 2);
}

#[test]
fn nothing_but_verify_attests() {
    let mut files = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "tests.rs" {
                files.push(path);
            }
        }
    }
    let calls = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .any(|line| line.contains("attest(") && !line.contains("fn attest("))
    };
    let found = files.iter().filter(|path| calls(path)).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("src/dsig/verify.rs"));
}

#[test]
fn signature_wrapping_has_nothing_to_wrap() {
    const EVIL: &str = "mallory@example.com";
    let assertion_signed = signed(&["_a"]);
    let response_signed = signed(&["_r"]);
    let assertion = part(&assertion_signed, "<saml:Assertion", "</saml:Assertion>");
    let sig_a = signature_of(&assertion_signed);
    let sig_r = signature_of(&response_signed);
    let bare_assertion = assertion.replace(sig_a, "");
    let bare_response = UNSIGNED;
    let evil = bare_assertion.replace("alice@example.com", EVIL).replace("\"_a\"", "\"_evil\"");
    let evil_signed = assertion
        .replace("alice@example.com", EVIL)
        .replace("ID=\"_a\"", "ID=\"_evil\"");
    let evil_response = |signature: &str| {
        response_signed
            .replace("alice@example.com", EVIL)
            .replace("ID=\"_r\"", "ID=\"_evil_r\"")
            .replace("ID=\"_a\"", "ID=\"_evil_a\"")
            .replace(sig_r, signature)
    };
    let around = |content: &str| assertion_signed.replace(assertion, content);
    let into = |signature: &str, content: &str| {
        signature.replace("</ds:Signature>", &format!("{content}</ds:Signature>"))
    };
    let wrapped_evil = evil.replace(
        "</saml:Assertion>",
        &format!("{assertion}</saml:Assertion>"),
    );
    let extensions =
        |content: &str| format!("<samlp:Extensions>{content}</samlp:Extensions>{assertion}");
    let cases = [
        (
            "XSW1",
            evil_response(&into(sig_r, bare_response)),
            Err("sig.structure"),
        ),
        (
            "XSW2",
            evil_response(&format!("{sig_r}{bare_response}")),
            Err("sig.reference"),
        ),
        (
            "XSW2, in front",
            evil_response(&format!("{bare_response}{sig_r}")),
            Err("sig.position"),
        ),
        ("XSW3", around(&format!("{evil}{assertion}")), Ok(1)),
        ("XSW3, behind", around(&format!("{assertion}{evil}")), Ok(1)),
        ("XSW4", around(&wrapped_evil), Err("sig.position")),
        (
            "XSW5",
            around(&format!("{evil_signed}{bare_assertion}")),
            Err("sig.reference"),
        ),
        (
            "XSW6",
            around(&evil_signed.replace(sig_a, &into(sig_a, &bare_assertion))),
            Err("sig.structure"),
        ),
        ("XSW7", around(&extensions(&evil)), Ok(1)),
        (
            "XSW7, one ID",
            around(&extensions(&evil.replace("_evil", "_a"))),
            Err("xml.id"),
        ),
        (
            "XSW8",
            around(&evil_signed.replace(
                sig_a,
                &into(sig_a, &format!("<ds:Object>{bare_assertion}</ds:Object>")),
            )),
            Err("sig.structure"),
        ),
    ];
    for (name, xml, expected) in cases {
        assert!(xml.contains(EVIL), "{name}");
        let found = read(&xml);
        assert_eq!(
            found.as_ref().map(Vec::len).map_err(|code| *code),
            expected,
            "{name}"
        );
        // Where Alice's own assertion is still what is read, Mallory's is not there at all.
        assert!(
            found.iter().flatten().all(|verified| !verified.contains(EVIL)),
            "{name}"
        );
    }
}

#[test]
fn keys_that_are_too_weak_or_odd_are_refused() {
    let refusal = |key: PKey<Private>| {
        let mut certificate = X509::builder().unwrap();
        certificate.set_pubkey(&key).unwrap();
        let time = openssl::asn1::Asn1Time::from_unix(NOW.unix_seconds()).unwrap();
        certificate.set_not_before(&time).unwrap();
        certificate.set_not_after(&time).unwrap();
        let md = match key.id() {
            openssl::pkey::Id::ED25519 => MessageDigest::null(),
            _ => MessageDigest::sha256(),
        };
        certificate.sign(&key, md).unwrap();
        let der = certificate.build().to_der().unwrap();
        TrustedKey::from_certificate_der(&der).map(|key| key.description())
    };
    let ec = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let small = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    assert_eq!(refusal(small), Err(KeyRefusal::TooSmall { bits: 1024 }));
    assert_eq!(refusal(ec(Nid::SECP256K1)), Err(KeyRefusal::Unsupported));
    assert_eq!(
        refusal(PKey::generate_ed25519().unwrap()),
        Ok("Ed25519".to_owned())
    );
    assert_eq!(
        refusal(ec(Nid::X9_62_PRIME256V1)),
        Ok("EC P-256".to_owned())
    );
    assert_eq!(refusal(ec(Nid::SECP384R1)), Ok("EC P-384".to_owned()));
    assert_eq!(refusal(ec(Nid::SECP521R1)), Ok("EC P-521".to_owned()));
    for der in [&b""[..], b"\x30\x03\x02\x01", &[0x30; 40]] {
        let refusal = TrustedKey::from_certificate_der(der).unwrap_err();
        assert!(matches!(refusal, KeyRefusal::Unreadable(_)));
        assert_eq!(refusal.code().as_str(), "md.key");
    }
    assert!(matches!(
        SigningKey::generate_rsa(1024, "a", NOW),
        Err(KeyRefusal::TooSmall { bits: 1024 })
    ));
    assert!(TrustedKeys::from_vec(Vec::new()).is_none());
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits_and_an_exponent_that_is_one() {
    let kind = |bits: i32, exponent: &BigNumRef| {
        let mut modulus = BigNum::new().unwrap();
        modulus.set_bit(bits - 1).unwrap();
        modulus.set_bit(0).unwrap();
        let rsa = Rsa::from_public_components(modulus, exponent.to_owned().unwrap()).unwrap();
        key::KeyKind::of(&PKey::from_rsa(rsa).unwrap()).map(key::KeyKind::description)
    };
    let number = |value| BigNum::from_u32(value).unwrap();
    let usual = number(65_537);
    for bits in [2048, 8192] {
        assert_eq!(kind(bits, &usual), Ok(format!("RSA {bits}")));
    }
    assert_eq!(kind(2047, &usual), Err(KeyRefusal::TooSmall { bits: 2047 }));
    assert_eq!(kind(8193, &usual), Err(KeyRefusal::TooLarge { bits: 8193 }));
    assert!(kind(2048, &number(3)).is_ok());
    for exponent in [0, 1, 2, 4, 65_536] {
        let refused = kind(2048, &number(exponent));
        assert_eq!(refused, Err(KeyRefusal::Exponent), "{exponent}");
    }
    for (highest, accepted) in [(63, true), (64, false)] {
        let mut long = number(1);
        long.set_bit(highest).unwrap();
        assert_eq!(kind(2048, &long).is_ok(), accepted, "{highest}");
    }
}

#[test]
fn trusted_keys_are_counted() {
    assert_eq!(keys(&[&IDP]).len(), 1);
    assert_eq!(keys(&[&IDP, &RSA, &STRANGER]).len(), 3);
}

#[test]
fn our_own_key_is_kept_as_pem() {
    let (key, certificate) = (IDP.key_pem().unwrap(), IDP.certificate_pem().unwrap());
    let again = SigningKey::from_pem(key.reveal(), certificate.as_bytes()).unwrap();
    assert_eq!(again.fingerprint(), IDP.fingerprint());
    let read = X509::from_der(IDP.certificate_der()).unwrap();
    assert_eq!(read.to_pem().unwrap(), certificate.as_bytes());
    assert_eq!(again.description(), "EC P-256");
    assert_eq!(
        again.not_after(),
        NOW.plus(std::time::Duration::from_secs(3652 * 86_400))
    );
    assert_eq!(again.trusted().unwrap().subject(), "CN=idp.example.com");
    assert_eq!(again.trusted().unwrap().fingerprint().len(), 64);
    let other = STRANGER.certificate_pem().unwrap();
    let refusal = SigningKey::from_pem(key.reveal(), other.as_bytes()).unwrap_err();
    assert_eq!(refusal, KeyRefusal::OtherKey);
    assert!(!format!("{IDP:?}").contains("PRIVATE"));
}

#[test]
fn a_query_is_signed_as_it_stands() {
    for key in [&IDP, &RSA] {
        let query = sign_query("SAMLRequest=a%2Bb&RelayState=%c3", key).unwrap();
        let (signed, signature) = query.rsplit_once("&Signature=").unwrap();
        assert!(signed.starts_with("SAMLRequest=a%2Bb&RelayState=%c3&SigAlg=http%3A%2F%2F"));
        let text = percent_encoding::percent_decode_str(signature).decode_utf8().unwrap();
        let signature = openssl::base64::decode_block(&text).unwrap();
        let trusted = key.trusted().unwrap();
        let method = key.method();
        assert!(
            signed.ends_with(
                &method.uri().replace(':', "%3A").replace('/', "%2F").replace('#', "%23")
            )
        );
        assert!(made_by::Signed::new(method, signed.as_bytes()).made_by(&trusted, &signature));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is done to a signed message: what comes out verified is what was signed.
    #[test]
    fn a_changed_message_is_refused_or_means_the_same(
        place in 0..4000_usize,
        cut in 0_usize..4,
        insert in prop::collection::vec(prop::sample::select(b"<>/&;#x='\"! aA\n0".to_vec()), 0..4),
    ) {
        static SIGNED: LazyLock<(String, Vec<String>)> = LazyLock::new(|| {
            let xml = signed(&["_a", "_r"]);
            let meaning = read(&xml).unwrap();
            (xml, meaning)
        });
        let (xml, meaning) = &*SIGNED;
        let mut bytes = xml.clone().into_bytes();
        let place = place % bytes.len();
        let end = (place + cut).min(bytes.len());
        bytes.splice(place..end, insert);
        if let Ok(found) = read(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(found.iter().all(|verified| meaning.contains(verified)));
        }
    }
}
