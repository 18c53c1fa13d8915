//! Encrypted Responses up to the verified Assertion: who may read what, and who wrote it.
#![expect(clippy::string_slice, reason = "a test cuts XML that it wrote itself")]

use std::sync::LazyLock;

use super::*;
use crate::base::Timestamp;
use crate::dsig::{Place as SignaturePlace, SigningKey, Trust, TrustedKeys, sign_enveloped};
use crate::saml::exceptions::Exception;
use crate::xml::{Limits, Mode};
use crate::xmlenc::tests::SP_KEY;
use crate::xmlenc::tests::seal::{self, Place, Seal};
use crate::xmlenc::{DecryptionKey, DecryptionKeys};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_262_400);
const NAMES: &str = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"";

static IDP: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp.example.com", NOW).unwrap());
static MALLORY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp.example.com", NOW).unwrap());
static TRUSTED: LazyLock<TrustedKeys> =
    LazyLock::new(|| TrustedKeys::from_vec(vec![IDP.trusted().unwrap()]).unwrap());
static SP: LazyLock<openssl::pkey::PKey<openssl::pkey::Private>> =
    LazyLock::new(|| openssl::pkey::PKey::private_key_from_pem(SP_KEY).unwrap());
static OURS: LazyLock<DecryptionKeys> =
    LazyLock::new(|| DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()]));

fn keys() -> Keys<'static> {
    Keys {
        signing: Trust::only(&TRUSTED),
        decryption: Decryption {
            keys: &OURS,
            allow_cbc_unsigned: false,
            allow_tripledes: false,
            required: false,
        },
    }
}

fn cbc_allowed() -> Keys<'static> {
    let strict = keys();
    Keys {
        decryption: Decryption { allow_cbc_unsigned: true, ..strict.decryption },
        ..strict
    }
}

/// Who is signed in, or the code.
fn outcome(xml: &str, keys: Keys<'_>) -> Result<AssertionFields, &'static str> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default())
        .map_err(|error| error.code().as_str())?;
    let checks = &mut Checks::off();
    let signed = ResponseMessage::parse(&document, checks)
        .and_then(|message| message.verify(keys, checks))
        .map_err(|error| error.code().as_str())?;
    Ok(signed.assertion.unwrap().0)
}

fn who(xml: &str, keys: Keys<'_>) -> String {
    match outcome(xml, keys) {
        Ok(fields) => fields.name_id.map(|name_id| name_id.value).unwrap_or_default(),
        Err(code) => code.to_owned(),
    }
}

fn name_id(name: &str) -> String {
    format!("<saml:NameID>{name}</saml:NameID>")
}

fn assertion_with(subject: &str, statements: &str) -> String {
    format!(
        "<saml:Assertion {NAMES} ID=\"_a\" Version=\"2.0\" IssueInstant=\"2026-11-21T12:00:00Z\">\
         <saml:Issuer>https://idp.example.com/metadata</saml:Issuer>\
         <saml:Subject>{subject}</saml:Subject>{statements}</saml:Assertion>"
    )
}

fn assertion(name: &str) -> String {
    assertion_with(&name_id(name), "")
}

fn response(content: &str) -> String {
    format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" {NAMES} ID=\"_r\" \
         Version=\"2.0\" IssueInstant=\"2026-11-21T12:00:00Z\">\
         <saml:Issuer>https://idp.example.com/metadata</saml:Issuer><samlp:Status>\
         <samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>\
         {content}</samlp:Response>"
    )
}

fn sign(xml: &str, id: &str, key: &SigningKey) -> String {
    sign_enveloped(xml, id, key, SignaturePlace::AfterIssuer).unwrap()
}

fn encrypt(plaintext: &str, seal: Seal) -> String {
    seal.seal("EncryptedAssertion", plaintext.as_bytes(), &SP)
}

/// The Response as it is signed: `r` the Response, `a` the Assertion.
fn encrypted(signed: &str, seal: Seal) -> String {
    let mut inner = assertion("alice@example.com");
    if signed.contains('a') {
        inner = sign(&inner, "_a", &IDP);
    }
    let outer = response(&encrypt(&inner, seal));
    if signed.contains('r') {
        sign(&outer, "_r", &IDP)
    } else {
        outer
    }
}

#[test]
fn what_products_send_is_decrypted() {
    let gcm = Seal::new(seal::AES128_GCM);
    let cbc = Seal::new(seal::AES256_CBC);
    let modern = Seal {
        transport: seal::OAEP,
        digest: Some("sha256"),
        mask: Some("sha256"),
        ..Seal::new(seal::AES256_GCM)
    };
    for (claim, signed, seal, keys) in [
        ("VAL-40, Shibboleth", "r", gcm, keys()),
        ("VAL-41", "ra", gcm, keys()),
        ("VAL-42, Okta", "ra", cbc, keys()),
        ("VAL-43, Entra ID and ADFS", "a", cbc, cbc_allowed()),
        (
            "VAL-44",
            "r",
            Seal { place: Place::Retrieved, ..gcm },
            keys(),
        ),
        ("VAL-45", "r", Seal { place: Place::Listed, ..gcm }, keys()),
        ("VAL-46", "r", modern, keys()),
        (
            "VAL-47",
            "r",
            Seal { digest: Some("sha256"), ..gcm },
            keys(),
        ),
        ("VAL-48", "a", gcm, keys()),
    ] {
        assert_eq!(
            who(&encrypted(signed, seal), keys),
            "alice@example.com",
            "{claim}"
        );
    }
}

#[test]
fn encryption_is_no_signature() {
    for method in [seal::AES256_GCM, seal::AES256_CBC] {
        let xml = encrypted("", Seal::new(method));
        assert_eq!(who(&xml, cbc_allowed()), "sig.missing", "XSW-37, ENC-06");
    }
    assert_eq!(
        who(&encrypted("", Seal::new(seal::AES256_CBC)), keys()),
        "enc.cbc_unsigned"
    );
    assert_eq!(
        who(&encrypted("a", Seal::new(seal::AES256_CBC)), keys()),
        "enc.cbc_unsigned"
    );
}

#[test]
fn every_signature_that_is_there_has_to_hold() {
    let gcm = Seal::new(seal::AES256_GCM);
    let forged = sign(&assertion("carol@example.com"), "_a", &MALLORY);
    let changed = sign(&assertion("alice@example.com"), "_a", &IDP).replace("alice", "carol");
    for (inner, code) in [(&forged, "sig.invalid"), (&changed, "sig.digest")] {
        let outer = response(&encrypt(inner, gcm));
        assert_eq!(who(&outer, keys()), code);
        assert_eq!(who(&sign(&outer, "_r", &IDP), keys()), code);
    }
    let outer = sign(
        &response(&encrypt(&assertion("carol@example.com"), gcm)),
        "_r",
        &MALLORY,
    );
    assert_eq!(who(&outer, keys()), "sig.invalid");
    // A signed Response is verified first: what was put into it is not decrypted.
    let theirs = encrypted("r", gcm);
    let put = encrypt(&assertion("carol@example.com"), gcm).replace("rsa-oaep-mgf1p", "rsa-1_5");
    let start = theirs.find("<saml:EncryptedAssertion").unwrap();
    let end = theirs.find("</samlp:Response>").unwrap();
    let swapped = format!("{}{put}{}", &theirs[..start], &theirs[end..]);
    assert_eq!(who(&swapped, keys()), "sig.digest");
}

#[test]
fn there_is_one_assertion_encrypted_or_not() {
    let gcm = Seal::new(seal::AES256_GCM);
    let signed = sign(&assertion("alice@example.com"), "_a", &IDP);
    let evil = assertion("carol@example.com").replace("_a", "_evil");
    let (sealed_evil, sealed) = (encrypt(&evil, gcm), encrypt(&signed, gcm));
    for (claim, content) in [
        ("XSW-35", format!("{sealed_evil}{signed}")),
        ("XSW-35, behind", format!("{signed}{sealed_evil}")),
        ("XSW-36", format!("{evil}{sealed}")),
        ("XSW-36, behind", format!("{sealed}{evil}")),
        ("XSW-40", format!("{sealed_evil}{sealed}")),
        ("none", String::new()),
    ] {
        assert_eq!(
            who(&response(&content), keys()),
            "proto.assertion_count",
            "{claim}"
        );
        let outer = sign(&response(&content), "_r", &IDP);
        assert_eq!(
            who(&outer, keys()),
            "proto.assertion_count",
            "{claim}, signed"
        );
    }
}

#[test]
fn what_decrypts_and_is_not_one_assertion_is_enc_content() {
    let gcm = Seal::new(seal::AES256_GCM);
    let signed = sign(&assertion("alice@example.com"), "_a", &IDP);
    let evil = assertion("carol@example.com").replace("_a", "_evil");
    let cases = [
        ("XSW-39: two roots", format!("{evil}{signed}")),
        ("two roots, the other way", format!("{signed}{evil}")),
        ("ENC-14: encrypted once more", encrypt(&signed, gcm)),
        (
            "ENC-15: a DOCTYPE",
            format!("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">{signed}"),
        ),
        (
            "ENC-16: a comment",
            signed.replace("alice@", "alice<!-- -->@"),
        ),
        (
            "another element",
            name_id("alice@example.com").replace(">alice", &format!(" {NAMES}>alice")),
        ),
        (
            "another namespace",
            signed.replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:x"),
        ),
        (
            "a prefix that nobody declares",
            signed.replace("<saml:Subject>", "<x:y/><saml:Subject>"),
        ),
        ("a text", "alice".to_owned()),
        ("nothing", String::new()),
        (
            "not UTF-8",
            String::from_utf8_lossy(b"\xff").replace('\u{fffd}', "\u{fffe}"),
        ),
    ];
    for (claim, plaintext) in cases {
        let outer = response(&encrypt(&plaintext, gcm));
        assert_eq!(who(&outer, keys()), "enc.content", "{claim}");
        assert_eq!(
            who(&sign(&outer, "_r", &IDP), keys()),
            "enc.content",
            "{claim}, signed"
        );
        let cbc = response(&encrypt(&plaintext, Seal::new(seal::AES256_CBC)));
        assert_eq!(
            who(&sign(&cbc, "_r", &IDP), keys()),
            "enc.content",
            "{claim}, CBC"
        );
        assert_eq!(
            who(&cbc, cbc_allowed()),
            "enc.failed",
            "{claim}, CBC, unsigned"
        );
    }
}

/// Where the schema lets everything in, too: whoever signs the Assertion around it has signed it.
#[test]
fn nowhere_in_a_message_is_a_second_assertion() {
    let gcm = Seal::new(seal::AES256_GCM);
    let second = assertion("carol@example.com").replace("_a", "_b");
    let advice = assertion_with(
        &name_id("alice@example.com"),
        &format!("<saml:Advice>{second}</saml:Advice>"),
    );
    let signed = sign(&advice, "_a", &IDP);
    let extended = |content: &str| {
        let status = "<samlp:Status>";
        let extensions = format!("<samlp:Extensions>{second}</samlp:Extensions>{status}");
        response(content).replacen(status, &extensions, 1)
    };
    let honest = sign(&assertion("alice@example.com"), "_a", &IDP);
    let unsigned = encrypt(&assertion("alice@example.com"), gcm);
    for (claim, xml) in [
        ("in Advice", response(&signed)),
        ("in Advice, encrypted", response(&encrypt(&signed, gcm))),
        (
            "in Advice, encrypted and signed outside",
            sign(&response(&encrypt(&advice, gcm)), "_r", &IDP),
        ),
        ("in Extensions", extended(&honest)),
        ("in Extensions, encrypted", extended(&encrypt(&honest, gcm))),
        (
            "in Extensions, encrypted and signed outside",
            sign(&extended(&unsigned), "_r", &IDP),
        ),
    ] {
        assert_eq!(who(&xml, keys()), "proto.assertion_count", "{claim}");
    }
    assert_eq!(who(&response(&honest), keys()), "alice@example.com");
}

#[test]
fn a_decrypted_assertion_is_held_to_the_rules_of_every_message() {
    let gcm = Seal::new(seal::AES256_GCM);
    let signed = sign(&assertion("alice@example.com"), "_a", &IDP);
    let start = signed.find("<ds:Signature").unwrap();
    let end = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &signed[start..end];
    let elsewhere = signed
        .replace(signature, "")
        .replace("</saml:Subject>", &format!("</saml:Subject>{signature}"));
    let deeper = format!("<saml:Advice>{signed}</saml:Advice>");
    let deeper = assertion("carol@example.com")
        .replace("_a", "_b")
        .replace("</saml:Assertion>", &format!("{deeper}</saml:Assertion>"));
    let below = assertion("carol@example.com")
        .replace("_a", "_b")
        .replace("</saml:Assertion>", &format!("{signed}</saml:Assertion>"));
    let twin = sign(
        &assertion("alice@example.com").replace("\"_a\"", "\"_r\""),
        "_r",
        &IDP,
    );
    for (claim, plaintext, code) in [
        ("a Signature at the end", elsewhere, "sig.position"),
        ("a signed Assertion in Advice", deeper, "sig.position"),
        ("a signed Assertion in the Assertion", below, "sig.position"),
        ("the ID of the Response", twin, "xml.id"),
    ] {
        for outer in [false, true] {
            let xml = response(&encrypt(&plaintext, gcm));
            let xml = if outer { sign(&xml, "_r", &IDP) } else { xml };
            assert_eq!(who(&xml, keys()), code, "{claim}, {outer}");
        }
    }
}

#[test]
fn namespaces_may_stay_outside_if_the_assertion_is_signed_itself() {
    let gcm = Seal::new(seal::AES256_GCM);
    // As xmlsec1 cuts it out: signed in its place, encrypted without the declaration above.
    let bare = |xml: &str| xml.replacen(&format!(" {NAMES}"), "", 1);
    let signed = bare(&sign(&assertion("alice@example.com"), "_a", &IDP));
    assert_eq!(
        who(&response(&encrypt(&signed, gcm)), keys()),
        "alice@example.com"
    );
    let both = sign(&response(&encrypt(&signed, gcm)), "_r", &IDP);
    assert_eq!(who(&both, keys()), "alice@example.com");
    // The Response's digest does not cover what a prefix means that only the ciphertext uses.
    let unsigned = bare(&assertion("alice@example.com"));
    let outer = sign(&response(&encrypt(&unsigned, gcm)), "_r", &IDP);
    assert_eq!(who(&outer, keys()), "enc.content");
    assert_eq!(
        who(&response(&encrypt(&unsigned, gcm)), keys()),
        "sig.missing"
    );
    // A default namespace is outside just the same.
    let default = assertion("alice@example.com")
        .replace("saml:", "")
        .replace(&format!(" xmlns:{}", &NAMES[6..]), "");
    let default = default.replace(&format!(" {NAMES}"), "");
    let wrapper = "<saml:EncryptedAssertion";
    let around = format!("{wrapper} xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    let context = encrypt(&default, gcm).replace(wrapper, &around);
    assert_eq!(
        who(&sign(&response(&context), "_r", &IDP), keys()),
        "enc.content"
    );
    assert_eq!(who(&response(&context), keys()), "sig.missing");
}

#[test]
fn an_assertion_that_has_to_be_encrypted_and_is_not_is_enc_required() {
    let strict = keys();
    let required = Keys {
        decryption: Decryption { required: true, ..strict.decryption },
        ..strict
    };
    let plain = response(&sign(&assertion("alice@example.com"), "_a", &IDP));
    assert_eq!(who(&plain, keys()), "alice@example.com");
    assert_eq!(who(&plain, required), "enc.required");
    assert_eq!(
        who(&response(&assertion("alice@example.com")), required),
        "sig.missing"
    );
    let sealed = encrypted("a", Seal::new(seal::AES256_GCM));
    assert_eq!(who(&sealed, required), "alice@example.com");
}

fn encrypted_id(plaintext: &str, seal: Seal) -> String {
    seal.seal("EncryptedID", plaintext.as_bytes(), &SP)
}

fn whole(plain: &str) -> String {
    plain.replacen('>', &format!(" {NAMES}>"), 1)
}

#[test]
fn an_encrypted_name_id_is_read_as_a_part_of_what_was_signed() {
    let read = |subject: &str| {
        let inner = sign(&assertion_with(subject, ""), "_a", &IDP);
        (
            who(&response(&inner), keys()),
            who(
                &response(&encrypt(&inner, Seal::new(seal::AES256_GCM))),
                keys(),
            ),
        )
    };
    let alice = whole(&name_id("alice@example.com"));
    for method in [seal::AES128_GCM, seal::AES256_CBC] {
        let (plain, encrypted) = read(&encrypted_id(&alice, Seal::new(method)));
        assert_eq!(
            plain, "alice@example.com",
            "CBC is fine: the signature covers it"
        );
        assert_eq!(encrypted, "alice@example.com");
    }
    // A prefix from the outside, as above.
    let bare = encrypted_id(&name_id("alice@example.com"), Seal::new(seal::AES256_GCM));
    assert_eq!(read(&bare).0, "alice@example.com");
    // In a SubjectConfirmation it is not looked at.
    let unread = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
                  <saml:EncryptedID/></saml:SubjectConfirmation>";
    assert_eq!(
        read(&format!("{}{unread}", name_id("alice@example.com"))).0,
        "alice@example.com"
    );

    let gcm = Seal::new(seal::AES256_GCM);
    for (claim, subject, code) in [
        ("nothing", "<saml:EncryptedID/>".to_owned(), "enc.structure"),
        (
            "an Attribute",
            encrypted_id(&whole("<saml:Attribute Name=\"a\"></saml:Attribute>"), gcm),
            "enc.content",
        ),
        (
            "a BaseID",
            encrypted_id(&alice.replace("NameID", "BaseID"), gcm),
            "enc.content",
        ),
        (
            "a comment",
            encrypted_id(&alice.replace("alice", "al<!---->ice"), gcm),
            "enc.content",
        ),
        (
            "two",
            encrypted_id(&format!("{alice}{alice}"), gcm),
            "enc.content",
        ),
        (
            "an element in the name",
            encrypted_id(&alice.replace("alice", "<saml:b/>"), gcm),
            "xml.schema",
        ),
        (
            "a Signature in the name",
            encrypted_id(
                &alice.replace(
                    "alice",
                    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>",
                ),
                gcm,
            ),
            "enc.content",
        ),
        (
            "RSA 1.5",
            encrypted_id(&alice, Seal { transport: seal::RSA_1_5, ..gcm }),
            "enc.algorithm",
        ),
        (
            "for somebody else",
            encrypted_id(&alice, gcm).replacen("<xenc:CipherValue>", "<xenc:CipherValue>AAAA", 1),
            "enc.failed",
        ),
    ] {
        let (plain, encrypted) = read(&subject);
        assert_eq!(
            (plain.as_str(), encrypted.as_str()),
            (code, code),
            "{claim}"
        );
    }
}

#[test]
fn encrypted_attributes_stand_among_the_others() {
    let attribute = |name: &str| {
        format!(
            "<saml:Attribute {NAMES} Name=\"{name}\"><saml:AttributeValue>x</saml:AttributeValue></saml:Attribute>"
        )
    };
    let sealed = |name: &str| {
        Seal::new(seal::AES256_CBC).seal("EncryptedAttribute", attribute(name).as_bytes(), &SP)
    };
    let read = |attributes: &str| {
        let statement = format!("<saml:AttributeStatement>{attributes}</saml:AttributeStatement>");
        let inner = sign(
            &assertion_with(&name_id("alice@example.com"), &statement),
            "_a",
            &IDP,
        );
        outcome(&response(&inner), keys())
            .map(|fields| fields.attributes.into_iter().map(|one| one.name).collect::<Vec<_>>())
    };
    let mixed = format!(
        "{}{}{}",
        attribute("mail"),
        sealed("groups"),
        attribute("title")
    );
    assert_eq!(
        read(&mixed),
        Ok(vec![
            "mail".to_owned(),
            "groups".to_owned(),
            "title".to_owned()
        ])
    );
    assert_eq!(read(&sealed("a").repeat(8)).map(|names| names.len()), Ok(8));
    assert_eq!(read(&sealed("a").repeat(9)), Err("enc.structure"));
    assert_eq!(read("<saml:EncryptedAttribute/>"), Err("enc.structure"));
    let signature = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>";
    let forged = attribute("a").replace(">x<", &format!(">{signature}<"));
    let forged = Seal::new(seal::AES256_GCM).seal("EncryptedAttribute", forged.as_bytes(), &SP);
    assert_eq!(read(&forged), Err("enc.content"));
}

#[test]
fn what_was_found_right_is_said_in_order() {
    let xml = encrypted("ra", Seal::new(seal::AES256_GCM));
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let mut checks = Checks::on();
    let message = ResponseMessage::parse(&document, &mut checks).unwrap();
    message.verify(keys(), &mut checks).unwrap();
    let names = checks.lines().iter().map(|line| line.name.as_str());
    let ours = names.filter(|name| !name.contains("sign")).collect::<Vec<_>>();
    let wanted = [
        "response.root",
        "response.schema",
        "response.assertion_count",
        "assertion.encryption.structure",
        "assertion.encryption.algorithm",
        "assertion.encryption.decrypted",
        "assertion.schema",
    ];
    assert_eq!(ours, wanted);
}

#[test]
fn a_response_that_is_not_signed_is_said_to_be_so_and_no_other() {
    for (signed, skipped) in [("ra", false), ("a", true)] {
        let xml = encrypted(signed, Seal::new(seal::AES256_GCM));
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let mut checks = Checks::on();
        let message = ResponseMessage::parse(&document, &mut checks).unwrap();
        message.verify(keys(), &mut checks).unwrap();
        let line = |line: &crate::base::Check| {
            line.name == "response.signature" && line.outcome == crate::base::Outcome::Skip
        };
        assert_eq!(checks.lines().iter().any(line), skipped, "{signed}");
    }
}

/// What the operator is told of the exceptions that this needed.
fn needed(xml: &str, keys: Keys<'_>) -> Vec<&'static str> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let checks = &mut Checks::off();
    let message = ResponseMessage::parse(&document, checks).unwrap();
    let signed = message.verify(keys, checks).unwrap();
    signed.exceptions().iter().map(Exception::name).collect()
}

/// The same message, whose signature is over the same bytes by another way to them.
fn by_inclusive_c14n(signed: &str) -> String {
    let method = |uri: &str| format!("Transform Algorithm=\"{uri}\"");
    let exclusive = method("http://www.w3.org/2001/10/xml-exc-c14n#");
    let inclusive = method("http://www.w3.org/TR/2001/REC-xml-c14n-20010315");
    let changed = signed.replace(&exclusive, &inclusive);
    assert_ne!(changed, signed);
    let document = Document::parse(changed.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let signature = document.root().child(ns::DS, "Signature").unwrap();
    let mut bytes = Vec::new();
    let signed_info = signature.child(ns::DS, "SignedInfo").unwrap();
    crate::xml::c14n::exclusive(signed_info, &[], &mut bytes);
    let before = signature.child(ns::DS, "SignatureValue").and_then(Element::text).unwrap();
    changed.replace(
        &*before,
        &openssl::base64::encode_block(&IDP.sign(&bytes).unwrap()),
    )
}

#[test]
fn exceptions_for_a_signature_are_named_too() {
    let allowed = dsig::Allowed { sha1: false, inclusive_c14n: true };
    let keys = Keys { signing: Trust { allowed, ..keys().signing }, ..keys() };
    let gcm = Seal::new(seal::AES256_GCM);
    let signed = sign(&assertion("alice@example.com"), "_a", &IDP);
    let inclusive = by_inclusive_c14n(&signed);
    let sealed = |assertion: &str| response(&encrypt(assertion, gcm));
    assert_eq!(needed(&sealed(&signed), keys), [""; 0]);
    assert_eq!(needed(&sealed(&inclusive), keys), ["inclusive_c14n"]);
}

#[test]
fn exceptions_for_a_ciphertext_are_named_where_they_were_needed_and_nowhere_else() {
    let all = Decryption {
        allow_cbc_unsigned: true,
        allow_tripledes: true,
        ..keys().decryption
    };
    let all = Keys { decryption: all, ..keys() };
    let cases: [(&str, &str, &[&str]); 6] = [
        ("a", seal::AES256_GCM, &[]),
        ("a", seal::AES128_CBC, &["cbc_unsigned"]),
        ("a", seal::TRIPLEDES, &["cbc_unsigned", "tripledes"]),
        ("r", seal::AES128_CBC, &[]),
        ("ra", seal::AES256_CBC, &[]),
        ("r", seal::TRIPLEDES, &["tripledes"]),
    ];
    for (signed, method, names) in cases {
        let found = needed(&encrypted(signed, Seal::new(method)), all);
        assert_eq!(found, names, "{signed} {method}");
    }
    // Also for what is encrypted within the Assertion, which its signature covers.
    let alice = encrypted_id(&whole(&name_id("alice")), Seal::new(seal::TRIPLEDES));
    let inner = sign(&assertion_with(&alice, ""), "_a", &IDP);
    assert_eq!(needed(&response(&inner), all), ["tripledes"]);
    let twice = encrypt(&inner, Seal::new(seal::AES256_CBC));
    assert_eq!(
        needed(&response(&twice), all),
        ["cbc_unsigned", "tripledes"]
    );
}

#[test]
fn a_comment_in_a_decrypted_assertion_is_xml_forbidden_node_whatever_covers_it() {
    let seal = || Seal::new(seal::AES256_GCM);
    let plain = assertion("alice").replace("<saml:Subject>", "<!-- --><saml:Subject>");
    let outer = sign(&response(&encrypt(&plain, seal())), "_r", &IDP);
    assert_eq!(who(&outer, keys()), "xml.forbidden_node");
    let inner =
        sign(&assertion("alice"), "_a", &IDP).replace("<saml:Subject>", "<!-- --><saml:Subject>");
    assert_eq!(
        who(&response(&encrypt(&inner, seal())), keys()),
        "xml.forbidden_node"
    );
}

#[test]
fn hints_are_those_of_the_response_or_else_of_its_assertion() {
    let hints = |xml: &str| {
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let message = ResponseMessage::parse(&document, &mut Checks::off()).unwrap();
        let asked = message.in_response_to_hint().map(ToOwned::to_owned);
        (message.issuer_hint().map(Cow::into_owned), asked)
    };
    let idp = || Some("https://idp.example.com/metadata".to_owned());
    let confirmation = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
        <saml:SubjectConfirmationData InResponseTo=\"_inner\"/></saml:SubjectConfirmation>";
    let subject = format!("{}{confirmation}", name_id("alice"));
    let inner = response(&assertion_with(&subject, ""));
    assert_eq!(hints(&inner), (idp(), Some("_inner".to_owned())));
    let outer = inner.replace("ID=\"_r\"", "ID=\"_r\" InResponseTo=\"_outer\"");
    assert_eq!(hints(&outer), (idp(), Some("_outer".to_owned())));
    let issuer = "<saml:Issuer>https://idp.example.com/metadata</saml:Issuer><samlp:Status>";
    assert_eq!(hints(&inner.replace(issuer, "<samlp:Status>")).0, idp());
}

#[test]
fn a_response_that_reports_an_error_needs_no_assertion() {
    let verified = |xml: &str| {
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let checks = &mut Checks::off();
        let message = ResponseMessage::parse(&document, checks).unwrap();
        let signed = message.verify(keys(), checks);
        signed
            .map(|signed| signed.assertion.is_some())
            .map_err(|error| error.code().as_str())
    };
    let nothing = response("");
    assert_eq!(verified(&nothing), Err("proto.assertion_count"));
    assert_eq!(
        verified(&nothing.replace("status:Success", "status:Responder")),
        Ok(false)
    );
}
