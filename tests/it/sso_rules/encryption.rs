//! Encrypted assertions through the running gateway: what is accepted, and code by code what is
//! not. Every algorithm, place and refusal is in `xmlenc`; here is what a browser carries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use openssl::x509::X509;

use super::Bend::{Afterwards, Parts, SignedXml, Xml};
use super::{NOWHERE, Stage, begin, between};
use crate::support::encryption::seal::{self, Place, Seal};
use crate::support::encryption::{self, encrypted, encrypted_to};
use crate::support::gateway::Setup;
use crate::support::idp::{self, Response, Sign, TestIdp, attribute};

const GCM: Seal = Seal::new(seal::AES256_GCM);
const CBC: Seal = Seal::new(seal::AES256_CBC);

#[tokio::test]
async fn an_encrypted_assertion_signs_in() {
    let stage = Stage::set("").await;
    let modern = Seal {
        transport: seal::OAEP,
        digest: Some("sha256"),
        mask: Some("sha256"),
        ..GCM
    };
    for (seal, sign) in [
        (GCM, Sign::Assertion),
        (GCM, Sign::Response),
        (GCM, Sign::Both),
        (Seal::new(seal::AES128_GCM), Sign::Response),
        (CBC, Sign::Response),
        (CBC, Sign::Both),
        (modern, Sign::Assertion),
        (Seal { place: Place::Retrieved, ..GCM }, Sign::Response),
        (Seal { place: Place::Listed, ..GCM }, Sign::Assertion),
    ] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/reports").await;
        let mut response = stage.idp.answer(&request);
        (response.encrypt, response.sign) = (Some(seal), sign);
        let xml = stage.idp.write(&response);
        assert!(!xml.contains("alice"));
        let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
        stage.accepted(&mut visitor, &answer, "/reports").await;
    }
}

#[tokio::test]
async fn an_encrypted_name_id_and_attribute_are_read() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let mut response = stage.idp.answer(&request);
    response.assertion().attributes = vec![attribute("department", &["Secret Service"])];
    let xml = encrypted(&response.to_xml(), "NameID", "EncryptedID", GCM);
    let xml = encrypted(&xml, "Attribute", "EncryptedAttribute", CBC);
    assert!(!xml.contains("alice") && !xml.contains("Service"));
    let xml = stage.idp.sign(&response, xml);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
}

#[tokio::test]
async fn what_can_not_be_trusted_is_refused_code_by_code() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[
            (
                "XSW-37: encrypted by anybody, signed by nobody",
                "sig.missing",
                Parts(|response| (response.encrypt, response.sign) = (Some(GCM), Sign::Nothing)),
            ),
            (
                "CBC in an unsigned Response",
                "enc.cbc_unsigned",
                Parts(|response| response.encrypt = Some(CBC)),
            ),
            (
                "ENC-01: RSA 1.5",
                "enc.algorithm",
                Parts(|response| {
                    response.encrypt = Some(Seal { transport: seal::RSA_1_5, ..GCM });
                    response.sign = Sign::Both;
                }),
            ),
            (
                "ENC-02: Triple DES",
                "enc.algorithm",
                Parts(|response| {
                    response.encrypt = Some(Seal::new(seal::TRIPLEDES));
                    response.sign = Sign::Both;
                }),
            ),
            (
                "nothing in it",
                "enc.structure",
                SignedXml(Sign::Response, |xml| {
                    let inner = between(&xml, "<saml:Assertion ", "</saml:Assertion>");
                    let assertion = format!("<saml:Assertion {inner}</saml:Assertion>");
                    xml.replace(&assertion, "<saml:EncryptedAssertion/>")
                }),
            ),
            (
                "ENC-17: Type Content",
                "enc.structure",
                SignedXml(Sign::Response, |xml| {
                    encrypted(&xml, "Assertion", "EncryptedAssertion", GCM)
                        .replace("xmlenc#Element", "xmlenc#Content")
                }),
            ),
            (
                "ENC-08: changed on its way",
                "enc.failed",
                Afterwards(|xml| {
                    let xml = encrypted(&xml, "Assertion", "EncryptedAssertion", GCM);
                    let value = between(
                        &xml,
                        "</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>",
                        "<",
                    );
                    let mut bytes = STANDARD.decode(&value).unwrap();
                    bytes[20] ^= 1;
                    xml.replace(&value, &STANDARD.encode(bytes))
                }),
            ),
            (
                "to another key",
                "enc.failed",
                Afterwards(|xml| {
                    let other = PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
                    encrypted_to(&other, &xml, "Assertion", "EncryptedAssertion", GCM)
                }),
            ),
            (
                "ENC-16: a comment in the plaintext",
                "enc.content",
                Afterwards(|xml| {
                    let xml = xml.replace("alice@", "alice<!---->@");
                    encrypted(&xml, "Assertion", "EncryptedAssertion", GCM)
                }),
            ),
            (
                "ENC-14: encrypted twice",
                "enc.content",
                Afterwards(|xml| {
                    let xml = encrypted(&xml, "Assertion", "EncryptedAssertion", GCM);
                    encrypted(&xml, "EncryptedAssertion", "EncryptedAssertion", GCM)
                }),
            ),
            (
                "changed before it was encrypted",
                "sig.digest",
                Afterwards(|xml| {
                    let xml = xml.replace("alice@", "carol@");
                    encrypted(&xml, "Assertion", "EncryptedAssertion", GCM)
                }),
            ),
            (
                "a NameID to another key",
                "enc.failed",
                Xml(|xml| {
                    let other = PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
                    encrypted_to(&other, &xml, "NameID", "EncryptedID", GCM)
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn the_key_in_the_metadata_is_one_that_is_decrypted_with() {
    let idp = TestIdp::new("corp");
    let gateway = Setup::https()
        .key("sp-encryption-old", encryption::OLDER_KEY, None)
        .idp("corp", &idp.metadata_file(), "")
        .route(NOWHERE, "")
        .start()
        .await;
    let metadata = gateway.visitor().get(&gateway.url("/saml/metadata")).await.text();
    let descriptor = between(&metadata, "use=\"encryption\">", "</md:KeyDescriptor>");
    let methods: Vec<&str> = descriptor.split("Algorithm=\"").skip(1).collect();
    let methods: Vec<&str> = methods.iter().map(|rest| rest.split('"').next().unwrap()).collect();
    let wanted = [
        seal::AES256_GCM,
        seal::AES128_GCM,
        seal::AES256_CBC,
        seal::AES128_CBC,
        seal::OAEP_MGF1P,
        seal::OAEP,
    ];
    assert_eq!(methods, wanted);
    let certificate = between(&descriptor, "<ds:X509Certificate>", "<");
    let certificate = X509::from_der(&STANDARD.decode(certificate).unwrap()).unwrap();
    let published = certificate.public_key().unwrap();
    assert_eq!(published.bits(), 3072);
    let older = PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
    let older = PKey::public_key_from_der(&older.public_key_to_der().unwrap()).unwrap();
    for key in [published, older] {
        let mut visitor = gateway.visitor();
        let request = begin(&gateway, &idp, "corp", &mut visitor, "/").await;
        let mut response: Response = idp.answer(&request);
        response.sign = Sign::Assertion;
        let signed = idp.write(&response);
        let assertion = between(&signed, "<saml:Assertion ", "</saml:Assertion>");
        let assertion = format!("<saml:Assertion {assertion}</saml:Assertion>");
        let sealed = GCM.seal("EncryptedAssertion", assertion.as_bytes(), &key);
        let xml = signed.replace(&assertion, &sealed);
        let fields = idp::fields(xml, Some(&request.relay_state));
        let answer = visitor.send(idp::post(&gateway.url("/saml/acs"), &fields)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_folder_without_an_encryption_key_gets_one_at_the_next_start() {
    let idp = TestIdp::new("corp");
    let setup = Setup::http().quick_key();
    let mut gateway = setup.idp("corp", &idp.metadata_file(), "").route(NOWHERE, "").start().await;
    gateway.stop().await;
    let certs = gateway.folder().join("certs");
    let signing = std::fs::read(certs.join("sp-signing.key")).unwrap();
    for name in ["sp-encryption.key", "sp-encryption.crt"] {
        std::fs::remove_file(certs.join(name)).unwrap();
    }
    gateway.start_again().await;
    assert_eq!(
        std::fs::read(certs.join("sp-signing.key")).unwrap(),
        signing
    );
    let made = std::fs::read(certs.join("sp-encryption.crt")).unwrap();
    let made = STANDARD.encode(X509::from_pem(&made).unwrap().to_der().unwrap());
    let metadata = gateway.visitor().get(&gateway.url("/saml/metadata")).await.text();
    assert!(metadata.contains(&made));
}
