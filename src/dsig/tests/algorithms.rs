//! Each algorithm made without our own signing: what is accepted, what is refused, and what had
//! to be allowed for it.

use openssl::asn1::Asn1Time;
use openssl::ecdsa::EcdsaSig;
use openssl::sign::{RsaPssSaltlen, Signer};

use super::super::made_by::Signed;
use super::*;

const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const INCLUSIVE_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
const EXCLUSIVE: &str = canonicalization::EXCLUSIVE;
const SHA1_TOO: Allowed = Allowed { sha1: true, ..Allowed::NOTHING };
const INCLUSIVE_TOO: Allowed = Allowed { inclusive_c14n: true, ..Allowed::NOTHING };

static RSA_2048: LazyLock<PKey<Private>> = LazyLock::new(rsa);
static P256: LazyLock<PKey<Private>> = LazyLock::new(|| ec(Nid::X9_62_PRIME256V1));
static P384: LazyLock<PKey<Private>> = LazyLock::new(|| ec(Nid::SECP384R1));
static P521: LazyLock<PKey<Private>> = LazyLock::new(|| ec(Nid::SECP521R1));
static ED25519: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::generate_ed25519().unwrap());

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn ec(nid: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(nid).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// The public half, by way of a certificate.
fn trusted(key: &PKey<Private>) -> TrustedKey {
    let mut certificate = X509::builder().unwrap();
    certificate.set_pubkey(key).unwrap();
    let time = Asn1Time::from_unix(NOW.unix_seconds()).unwrap();
    certificate.set_not_before(&time).unwrap();
    certificate.set_not_after(&time).unwrap();
    let md = match key.id() {
        openssl::pkey::Id::ED25519 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    };
    certificate.sign(key, md).unwrap();
    TrustedKey::from_certificate_der(&certificate.build().to_der().unwrap()).unwrap()
}

/// A salt as long as the digest is, as OpenSSL writes it.
const LIKE_DIGEST: i32 = -1;

/// What an identity provider signs with, and how.
#[derive(Clone)]
struct Signing {
    key: PKey<Private>,
    method: String,
    digest_method: String,
    c14n: &'static str,
    /// The transform behind enveloped-signature, if there is one.
    transform: Option<&'static str>,
    /// Salt and digest of MGF1, when it is PSS.
    pss: Option<(i32, MessageDigest)>,
}

impl Signing {
    fn new(key: &PKey<Private>, method: &str) -> Self {
        let pss = method.ends_with("-MGF1").then(|| (LIKE_DIGEST, digest_in(method).unwrap()));
        Self {
            key: key.clone(),
            method: method.to_owned(),
            digest_method: SHA256.to_owned(),
            c14n: EXCLUSIVE,
            transform: Some(EXCLUSIVE),
            pss,
        }
    }

    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(digest) = digest_in(&self.method) else {
            return Signer::new_without_digest(&self.key)
                .unwrap()
                .sign_oneshot_to_vec(bytes)
                .unwrap();
        };
        let mut signer = Signer::new(digest, &self.key).unwrap();
        if let Some((salt, mgf1)) = &self.pss {
            signer.set_rsa_padding(openssl::rsa::Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_mgf1_md(*mgf1).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(*salt)).unwrap();
        }
        let signature = signer.sign_oneshot_to_vec(bytes).unwrap();
        if self.key.id() != openssl::pkey::Id::EC {
            return signature;
        }
        let field = self.key.ec_key().unwrap().group().degree().div_ceil(8);
        let signature = EcdsaSig::from_der(&signature).unwrap();
        let length = i32::try_from(field).unwrap();
        let mut both = signature.r().to_vec_padded(length).unwrap();
        both.extend(signature.s().to_vec_padded(length).unwrap());
        both
    }

    /// Signs the Assertion in `xml`.
    fn sign(&self, xml: &str) -> String {
        const ISSUER: &str = "<saml:Issuer>https://idp.example.com</saml:Issuer>";
        let assertion = |document: &Document, what: &dyn Fn(Element<'_>) -> Vec<u8>| {
            what(document.root().child(ns::SAML, "Assertion").unwrap())
        };
        let bytes = |uri: &str, element: Element<'_>| {
            let mut out = Vec::new();
            match uri.split('#').next().unwrap() {
                INCLUSIVE => c14n::inclusive(element, c14n::Version::V1_0, &mut out),
                INCLUSIVE_1_1 => c14n::inclusive(element, c14n::Version::V1_1, &mut out),
                _ => c14n::exclusive(element, &[], &mut out),
            }
            out
        };
        let document = parse(xml).unwrap();
        let content = assertion(&document, &|element| {
            bytes(self.transform.unwrap_or(INCLUSIVE), element)
        });
        let digest = digest_in(&self.digest_method).unwrap();
        let digest = base64(&openssl::hash::hash(digest, &content).unwrap());
        let second = self.transform.map_or_else(String::new, |uri| {
            format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>")
        });
        let signature = format!(
            "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo>\
             <ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#_a\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{}\"></ds:Transform>{second}</ds:Transforms>\
             <ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>\
             <ds:SignatureValue>VALUE</ds:SignatureValue></ds:Signature>",
            ns::DS,
            self.c14n,
            self.method,
            algorithm::ENVELOPED,
            self.digest_method,
        );
        let (before, behind) = xml.rsplit_once(ISSUER).unwrap();
        let xml = format!("{before}{ISSUER}{signature}{behind}");
        let document = parse(&xml).unwrap();
        let signed = assertion(&document, &|element| {
            let signature = element.child(ns::DS, "Signature").unwrap();
            bytes(self.c14n, signature.child(ns::DS, "SignedInfo").unwrap())
        });
        xml.replace("VALUE", &base64(&self.raw(&signed)))
    }
}

/// The digest that a name ends with, or begins with.
fn digest_in(uri: &str) -> Option<MessageDigest> {
    let name = uri.rsplit('#').next().unwrap();
    [
        ("sha1", MessageDigest::sha1()),
        ("sha256", MessageDigest::sha256()),
        ("sha384", MessageDigest::sha384()),
        ("sha512", MessageDigest::sha512()),
    ]
    .into_iter()
    .find_map(|(digest, md)| name.contains(digest).then_some(md))
}

fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}

/// What had to be allowed for the signature of the Assertion, or why it is refused.
fn needed(xml: &str, key: &PKey<Private>, allowed: Allowed) -> Result<Allowed, &'static str> {
    let document = parse(xml)?;
    let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
    let keys = TrustedKeys::one(trusted(key));
    verify(
        assertion,
        Trust { keys: &keys, allowed },
        &mut Checks::off(),
    )
    .map(|verified| verified.unwrap().needed())
    .map_err(|error| error.code().as_str())
}

#[test]
fn every_method_on_the_list_is_accepted() {
    let pss = "http://www.w3.org/2007/05/xmldsig-more#";
    let sha512 = "http://www.w3.org/2001/04/xmlenc#sha512";
    let sha384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
    let strangers = [
        rsa(),
        ec(Nid::X9_62_PRIME256V1),
        PKey::generate_ed25519().unwrap(),
    ];
    for (key, method) in [
        (&RSA_2048, format!("{MORE}rsa-sha256")),
        (&RSA_2048, format!("{MORE}rsa-sha384")),
        (&RSA_2048, format!("{MORE}rsa-sha512")),
        (&RSA_2048, format!("{pss}sha256-rsa-MGF1")),
        (&RSA_2048, format!("{pss}sha384-rsa-MGF1")),
        (&RSA_2048, format!("{pss}sha512-rsa-MGF1")),
        (&P256, format!("{MORE}ecdsa-sha256")),
        (&P256, format!("{MORE}ecdsa-sha512")),
        (&P384, format!("{MORE}ecdsa-sha384")),
        (&P521, format!("{MORE}ecdsa-sha384")),
        (&P521, format!("{MORE}ecdsa-sha512")),
        (
            &ED25519,
            "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519".to_owned(),
        ),
    ] {
        for digest_method in [SHA256, sha384, sha512] {
            let signing = Signing {
                digest_method: digest_method.to_owned(),
                ..Signing::new(key, &method)
            };
            let xml = signing.sign(UNSIGNED);
            // Twice by one key: the second time what OpenSSL had made ready is used again.
            let keys = TrustedKeys::one(trusted(key));
            let trust = Trust::only(&keys);
            let document = parse(&xml).unwrap();
            let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
            for _ in 0..2 {
                let verified = verify(assertion, trust, &mut Checks::off()).unwrap().unwrap();
                assert_eq!(verified.needed(), Allowed::NOTHING, "{method}");
            }
            let other = xml.replace("alice@", "carol@");
            assert_eq!(needed(&other, key, Allowed::NOTHING), Err("sig.digest"));
            let value = part(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
            let again = base64(&signing.raw(b"something else"));
            let other = format!("<ds:SignatureValue>{again}</ds:SignatureValue>");
            let other = xml.replace(value, &other);
            assert_eq!(
                needed(&other, key, Allowed::NOTHING),
                Err("sig.invalid"),
                "{method}"
            );
            for stranger in &strangers {
                let refused = needed(&xml, stranger, Allowed::NOTHING).unwrap_err();
                let same_type = stranger.id() == key.id();
                let expected = if same_type {
                    "sig.invalid"
                } else {
                    "sig.algorithm"
                };
                assert_eq!(refused, expected, "{method}");
            }
        }
    }
}

/// What OpenSSL has made ready of a key is used again, whatever the last answer was.
#[test]
fn no_signature_depends_on_the_one_before_it() {
    let pss = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
    for (key, method) in [
        (&RSA_2048, format!("{MORE}rsa-sha256")),
        (&RSA_2048, pss.to_owned()),
        (&P256, format!("{MORE}ecdsa-sha256")),
    ] {
        let keys = TrustedKeys::one(trusted(key));
        let signing = Signing::new(key, &method);
        let good = signing.sign(UNSIGNED);
        let own = part(&good, "<ds:SignatureValue>", "</ds:SignatureValue>");
        let with = |value: &[u8]| {
            let value = format!("<ds:SignatureValue>{}</ds:SignatureValue>", base64(value));
            good.replace(own, &value)
        };
        let length = signing.raw(b"").len();
        let mut one = vec![0; length];
        one[length - 1] = 1;
        let bad = [
            with(&signing.raw(b"something else")),
            with(&vec![0; length]),
            with(&vec![0xff; length]),
            with(&one),
            with(&one[1..]),
        ];
        assert!(bad.iter().all(|bad| bad != &good));
        for bad in bad.iter().chain(&bad) {
            for (xml, expected) in [
                (bad, Err("sig.invalid")),
                (bad, Err("sig.invalid")),
                (&good, Ok(true)),
            ] {
                let document = parse(xml).unwrap();
                let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
                let verified = verify(assertion, Trust::only(&keys), &mut Checks::off());
                let verified = verified.map(|verified| verified.is_some());
                assert_eq!(
                    verified.map_err(|error| error.code().as_str()),
                    expected,
                    "{method}"
                );
            }
        }
    }
}

#[test]
fn what_is_not_on_the_list_is_refused_whatever_is_allowed() {
    let all = Allowed { sha1: true, inclusive_c14n: true };
    let rsa = Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256"));
    let xml = rsa.sign(UNSIGNED);
    for uri in [
        "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
        "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#sha224-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#sha3-256-rsa-MGF1",
        "http://www.w3.org/2007/05/xmldsig-more#md5-rsa-MGF1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2009/xmldsig11#dsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519ph",
        "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
        " http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ] {
        let other = changed(&xml, &rsa.method, uri);
        assert_eq!(
            needed(&other, &RSA_2048, all),
            Err("sig.algorithm"),
            "{uri}"
        );
    }
    for uri in [
        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "http://www.w3.org/2001/04/xmldsig-more#sha224",
        "http://www.w3.org/2001/04/xmlenc#ripemd160",
    ] {
        let other = changed(&xml, SHA256, uri);
        assert_eq!(
            needed(&other, &RSA_2048, all),
            Err("sig.digest_algorithm"),
            "{uri}"
        );
    }
    for uri in [
        "http://www.w3.org/2010/xml-c14n2",
        "urn:none",
        "http://www.w3.org/2006/12/xml-c14n11#",
    ] {
        let other = changed(
            &xml,
            &format!("Method Algorithm=\"{EXCLUSIVE}"),
            &format!("Method Algorithm=\"{uri}"),
        );
        assert_eq!(needed(&other, &RSA_2048, all), Err("sig.c14n"), "{uri}");
        let other = changed(
            &xml,
            &format!("Transform Algorithm=\"{EXCLUSIVE}"),
            &format!("Transform Algorithm=\"{uri}"),
        );
        assert_eq!(
            needed(&other, &RSA_2048, all),
            Err("sig.transform"),
            "{uri}"
        );
    }
}

#[test]
fn sha_1_is_for_those_who_may_and_is_noted() {
    let rsa_sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    let rsa_sha256 = format!("{MORE}rsa-sha256");
    for (method, digest, refusal) in [
        (rsa_sha1, SHA256, "sig.algorithm"),
        (&rsa_sha256, sha1, "sig.digest_algorithm"),
        (rsa_sha1, sha1, "sig.algorithm"),
    ] {
        let signing = Signing {
            digest_method: digest.to_owned(),
            ..Signing::new(&RSA_2048, method)
        };
        let xml = signing.sign(UNSIGNED);
        assert_eq!(needed(&xml, &RSA_2048, Allowed::NOTHING), Err(refusal));
        assert_eq!(needed(&xml, &RSA_2048, INCLUSIVE_TOO), Err(refusal));
        assert_eq!(needed(&xml, &RSA_2048, SHA1_TOO), Ok(SHA1_TOO));
    }
    // Whoever may and does not, has not needed it.
    let xml = Signing::new(&RSA_2048, &rsa_sha256).sign(UNSIGNED);
    assert_eq!(needed(&xml, &RSA_2048, SHA1_TOO), Ok(Allowed::NOTHING));
}

#[test]
fn a_pss_signature_is_as_its_name_says() {
    let method = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
    let pss = Signing::new(&RSA_2048, method);
    let good = pss.sign(UNSIGNED);
    assert_eq!(
        needed(&good, &RSA_2048, Allowed::NOTHING),
        Ok(Allowed::NOTHING)
    );
    for (salt, mgf1) in [
        (0, MessageDigest::sha256()),
        (20, MessageDigest::sha256()),
        (222, MessageDigest::sha256()),
        (LIKE_DIGEST, MessageDigest::sha1()),
        (LIKE_DIGEST, MessageDigest::sha512()),
    ] {
        let xml = Signing { pss: Some((salt, mgf1)), ..pss.clone() }.sign(UNSIGNED);
        assert_eq!(
            needed(&xml, &RSA_2048, Allowed::NOTHING),
            Err("sig.invalid")
        );
    }
    // Neither padding passes for the other.
    let xml = Signing { pss: None, ..pss.clone() }.sign(UNSIGNED);
    assert_eq!(
        needed(&xml, &RSA_2048, Allowed::NOTHING),
        Err("sig.invalid")
    );
    let pkcs1 = Signing {
        pss: pss.pss,
        ..Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256"))
    };
    assert_eq!(
        needed(&pkcs1.sign(UNSIGNED), &RSA_2048, Allowed::NOTHING),
        Err("sig.invalid")
    );
    // It has no parameters.
    let name = format!("{method}\">");
    let other = changed(&good, &name, &format!("{name}<x/>"));
    assert_eq!(
        needed(&other, &RSA_2048, Allowed::NOTHING),
        Err("sig.algorithm")
    );
}

#[test]
fn an_rsa_signature_is_as_long_as_the_modulus() {
    let key = trusted(&RSA_2048);
    for (name, method) in [
        (format!("{MORE}rsa-sha256"), SignatureMethod::RsaSha256),
        (
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1".to_owned(),
            SignatureMethod::RsaPssSha256,
        ),
    ] {
        let signing = Signing::new(&RSA_2048, &name);
        // One signature in 256 begins with a zero, which is easily lost.
        let (text, signature) = (0_u32..)
            .map(|number| number.to_be_bytes())
            .map(|text| (text, signing.raw(&text)))
            .find(|(_, signature)| signature[0] == 0)
            .unwrap();
        let signed = Signed::new(method, &text);
        assert!(signed.made_by(&key, &signature));
        assert!(!signed.made_by(&key, &signature[1..]), "{name}");
        assert!(
            !signed.made_by(&key, &[&[0], signature.as_slice()].concat()),
            "{name}"
        );
        assert!(!signed.made_by(&key, &[]));
        assert!(signed.made_by(&key, &signature));
    }
}

#[test]
fn an_ed25519_signature_has_64_bytes_and_one_form() {
    let key = trusted(&ED25519);
    let name = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519";
    let signature = Signing::new(&ED25519, name).raw(b"text");
    let made =
        |signature: &[u8]| Signed::new(SignatureMethod::Ed25519, b"text").made_by(&key, signature);
    assert_eq!(signature.len(), 64);
    assert!(made(&signature));
    assert!(!Signed::new(SignatureMethod::Ed25519, b"texts").made_by(&key, &signature));
    assert!(!made(&signature[..63]) && !made(&[signature.as_slice(), &[0]].concat()) && !made(&[]));
    // RFC 8032, 5.1.7: S is below the order of the group; S plus that order is another writing of
    // the same number.
    let order = hex_number("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
    let mut other = signature;
    let mut carry = 0_u16;
    for (byte, add) in other[32..].iter_mut().zip(order.iter().rev()) {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(!made(&other));
}

fn hex_number(digits: &str) -> Vec<u8> {
    BigNum::from_hex_str(digits).unwrap().to_vec()
}

#[test]
fn inclusive_c14n_is_for_those_who_may_and_is_noted() {
    let rsa = Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256"));
    let inclusive = [
        INCLUSIVE,
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        INCLUSIVE_1_1,
        "http://www.w3.org/2006/12/xml-c14n11#WithComments",
    ];
    // More in scope than the Assertion uses, and attributes that it inherits.
    let around = changed(
        UNSIGNED,
        " ID=\"_r\"",
        " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"urn:d\" xml:lang=\"en\" ID=\"_r\"",
    );
    for xml in [UNSIGNED, &around] {
        for c14n in inclusive {
            let signing = Signing { c14n, ..rsa.clone() };
            let signed = signing.sign(xml);
            assert_eq!(
                needed(&signed, &RSA_2048, Allowed::NOTHING),
                Err("sig.c14n")
            );
            assert_eq!(needed(&signed, &RSA_2048, SHA1_TOO), Err("sig.c14n"));
            assert_eq!(
                needed(&signed, &RSA_2048, INCLUSIVE_TOO),
                Ok(INCLUSIVE_TOO),
                "{c14n}"
            );
        }
        for transform in inclusive.into_iter().map(Some).chain([None]) {
            let signing = Signing { transform, ..rsa.clone() };
            let signed = signing.sign(xml);
            assert_eq!(
                needed(&signed, &RSA_2048, Allowed::NOTHING),
                Err("sig.transform")
            );
            assert_eq!(needed(&signed, &RSA_2048, SHA1_TOO), Err("sig.transform"));
            assert_eq!(
                needed(&signed, &RSA_2048, INCLUSIVE_TOO),
                Ok(INCLUSIVE_TOO),
                "{transform:?}"
            );
            let other = signed.replace("alice@", "carol@");
            assert_eq!(needed(&other, &RSA_2048, INCLUSIVE_TOO), Err("sig.digest"));
            // What is in scope is signed along: another declaration is another text.
            let other = changed(&signed, " ID=\"_r\"", " xmlns:y=\"urn:y\" ID=\"_r\"");
            assert_eq!(needed(&other, &RSA_2048, INCLUSIVE_TOO), Err("sig.digest"));
        }
        let both = Signing {
            c14n: INCLUSIVE,
            transform: Some(INCLUSIVE_1_1),
            ..rsa.clone()
        };
        assert_eq!(
            needed(&both.sign(xml), &RSA_2048, INCLUSIVE_TOO),
            Ok(INCLUSIVE_TOO)
        );
    }
    // Whoever may and does not, has not needed it.
    let signed = rsa.sign(&around);
    assert_eq!(
        needed(&signed, &RSA_2048, INCLUSIVE_TOO),
        Ok(Allowed::NOTHING)
    );
}

#[test]
fn what_is_allowed_goes_no_further() {
    let rsa = Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256"));
    let inclusive = Signing { transform: Some(INCLUSIVE), c14n: INCLUSIVE, ..rsa.clone() };
    let signed = inclusive.sign(UNSIGNED);
    let refused = |from: &str, to: &str| {
        needed(&changed(&signed, from, to), &RSA_2048, INCLUSIVE_TOO).unwrap_err()
    };
    let transform = format!("<ds:Transform Algorithm=\"{INCLUSIVE}\"></ds:Transform>");
    let list = format!(
        "<ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"xs\"></ec:InclusiveNamespaces>"
    );
    let enveloped = format!(
        "<ds:Transform Algorithm=\"{}\"></ds:Transform>",
        algorithm::ENVELOPED
    );
    // Two transforms at most, in this order, without parameters.
    assert_eq!(refused(&transform, &transform.repeat(2)), "sig.transform");
    assert_eq!(refused(&enveloped, ""), "sig.transform");
    assert_eq!(refused(&enveloped, &enveloped.repeat(2)), "sig.transform");
    assert_eq!(
        refused(&format!("{enveloped}{transform}"), ""),
        "sig.transform"
    );
    assert_eq!(
        refused(
            &format!("{enveloped}{transform}"),
            &format!("{transform}{enveloped}")
        ),
        "sig.transform"
    );
    let with_list = transform.replace("></", &format!(">{list}</"));
    assert_eq!(refused(&transform, &with_list), "sig.transform");
    let method = format!(
        "<ds:CanonicalizationMethod Algorithm=\"{INCLUSIVE}\"></ds:CanonicalizationMethod>"
    );
    let with_list = method.replace("></", &format!(">{list}</"));
    assert_eq!(refused(&method, &with_list), "sig.c14n");
    // SignedInfo may inherit xml:lang. It may not have it.
    assert_eq!(
        refused("<ds:SignedInfo>", "<ds:SignedInfo xml:lang=\"en\">"),
        "sig.structure"
    );

    // Joining URIs is the one thing that we do not do.
    let based = changed(
        UNSIGNED,
        " ID=\"_r\"",
        " xml:base=\"https://idp.example.com/\" ID=\"_r\"",
    );
    for (c14n, transform, expected) in [
        (INCLUSIVE, INCLUSIVE, Ok(INCLUSIVE_TOO)),
        (EXCLUSIVE, INCLUSIVE_1_1, Err("sig.transform")),
        (INCLUSIVE_1_1, EXCLUSIVE, Err("sig.c14n")),
    ] {
        let signing = Signing { c14n, transform: Some(transform), ..rsa.clone() };
        assert_eq!(
            needed(&signing.sign(&based), &RSA_2048, INCLUSIVE_TOO),
            expected
        );
    }
}

#[test]
fn at_most_four_keys_of_the_type_are_tried() {
    let xml = Signing::new(&P256, &format!("{MORE}ecdsa-sha256")).sign(UNSIGNED);
    let document = parse(&xml).unwrap();
    let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
    let strangers = (0..4).map(|_| trusted(&ec(Nid::X9_62_PRIME256V1))).collect::<Vec<_>>();
    let read = |before: &[TrustedKey]| {
        let keys = before.iter().cloned().chain([trusted(&P256)]).collect();
        let keys = TrustedKeys::from_vec(keys).unwrap();
        verify(assertion, Trust::only(&keys), &mut Checks::off()).map(|verified| verified.is_some())
    };
    assert_eq!(read(&strangers[..3]), Ok(true));
    assert_eq!(
        read(&strangers),
        Err(DsigError::Invalid { tried: 4, of: 5 })
    );
    // Keys of another type could not have made it, and are not tried.
    let mut others = vec![trusted(&RSA_2048), trusted(&ED25519), trusted(&RSA_2048)];
    others.extend_from_slice(&strangers[..3]);
    assert_eq!(read(&others), Ok(true));
}

#[test]
fn a_line_is_written_for_each_rule_that_holds() {
    let rsa = Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256"));
    let xml = rsa.sign(UNSIGNED);
    let key = trusted(&RSA_2048);
    let keys = TrustedKeys::one(key.clone());
    let lines = |xml: &str| {
        let document = parse(xml).unwrap();
        let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
        let mut checks = Checks::on();
        let refused = verify(assertion, Trust::only(&keys), &mut checks).err();
        let lines = checks
            .lines()
            .iter()
            .map(|check| (check.name.clone(), check.values.found.clone()));
        (
            lines.collect::<Vec<_>>(),
            refused.map(|error| (error.code().as_str(), error.rule().into_owned())),
        )
    };
    let found = |text: &str| Some(text.to_owned());
    let all = [
        ("signature.position", None),
        ("signature.structure", None),
        ("signature.reference", found("#_a")),
        (
            "signature.transforms",
            Some(format!("{} {EXCLUSIVE}", algorithm::ENVELOPED)),
        ),
        ("signature.c14n", found(EXCLUSIVE)),
        ("signature.algorithm", found(&rsa.method)),
        ("signature.digest_algorithm", found(SHA256)),
        ("signature.encoding", None),
        ("signature.digest", None),
        ("signature.value", found(key.fingerprint())),
    ];
    let all = all.map(|(name, found)| (name.to_owned(), found));
    assert_eq!(lines(&xml), (all.to_vec(), None));
    assert_eq!(lines(UNSIGNED), (Vec::new(), None));
    // Up to the rule that does not hold, and without it.
    for (from, to, code, held) in [
        (
            "<ds:SignedInfo>",
            "<ds:SignedInfo x=\"y\">",
            "sig.structure",
            1,
        ),
        ("URI=\"#_a\"", "URI=\"#_r\"", "sig.reference", 2),
        (
            "Transform Algorithm=\"http://www.w3.org/2001/10/",
            "Transform Algorithm=\"urn:",
            "sig.transform",
            3,
        ),
        (
            "Method Algorithm=\"http://www.w3.org/2001/10/",
            "Method Algorithm=\"urn:",
            "sig.c14n",
            4,
        ),
        ("#rsa-sha256", "#rsa-md5", "sig.algorithm", 5),
        ("xmlenc#sha256", "xmlenc#md5", "sig.digest_algorithm", 6),
        (
            "<ds:SignatureValue>",
            "<ds:SignatureValue>!",
            "sig.encoding",
            7,
        ),
        ("alice@", "carol@", "sig.digest", 8),
        (
            "<ds:SignedInfo>",
            "<ds:SignedInfo Id=\"x\">",
            "sig.invalid",
            9,
        ),
    ] {
        let refused = Some((code, all[held].0.clone()));
        assert_eq!(
            lines(&changed(&xml, from, to)),
            (all[..held].to_vec(), refused),
            "{to}"
        );
    }
}

#[test]
fn a_refusal_says_what_it_expected_and_what_it_found() {
    let xml = Signing::new(&RSA_2048, &format!("{MORE}rsa-sha256")).sign(UNSIGNED);
    let keys = TrustedKeys::one(trusted(&RSA_2048));
    let values = |from: &str, to: &str| {
        let document = parse(&changed(&xml, from, to)).unwrap();
        let assertion = document.root().child(ns::SAML, "Assertion").unwrap();
        verify(assertion, Trust::only(&keys), &mut Checks::off()).unwrap_err().values()
    };
    let reference = values("URI=\"#_a\"", "URI=\"#_r\"");
    assert_eq!(reference.found.as_deref(), Some("#_r"));
    assert!(reference.expected.is_some());
    let method = values("#rsa-sha256", "#rsa-md5");
    assert_eq!(method.found, Some(format!("{MORE}rsa-md5")));
    assert!(method.expected.is_some_and(|text| text.contains("SHA-2")));
    assert_eq!(
        values(SHA256, "urn:digest"),
        Values::new("SHA-256, SHA-384 or SHA-512", "urn:digest")
    );
    assert_eq!(
        values("alice@", "carol@"),
        Values::found("the digest does not match the content")
    );
}

#[test]
fn a_query_is_verified_as_it_was_received() {
    let pss = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1".to_owned();
    let ed25519 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519".to_owned();
    let encoded = |uri: &str| uri.replace(':', "%3A").replace('/', "%2F").replace('#', "%23");
    for (key, method) in [
        (&RSA_2048, format!("{MORE}rsa-sha256")),
        (&RSA_2048, pss),
        (&P256, format!("{MORE}ecdsa-sha256")),
        (&ED25519, ed25519),
    ] {
        let keys = TrustedKeys::one(trusted(key));
        let signing = Signing::new(key, &method);
        let code = |signed: &str, sig_alg: &str, signature: &[u8]| {
            verify_query(signed.as_bytes(), sig_alg, signature, Trust::only(&keys))
                .map(|signed_by| (signed_by.fingerprint().to_owned(), signed_by.needed()))
                .map_err(|error| error.code().as_str())
        };
        let fingerprint = keys.iter().next().unwrap().fingerprint().to_owned();
        let us = Ok((fingerprint, Allowed::NOTHING));
        // ADFS writes small letters, others capital ones.
        for escaped in [
            encoded(&method),
            encoded(&method).to_lowercase().replace("mgf1", "MGF1"),
            method.replace('#', "%23"),
        ] {
            let signed = format!("SAMLRequest=fZ%2b%3d&RelayState=%c3%A4&SigAlg={escaped}");
            let signature = signing.raw(signed.as_bytes());
            assert_eq!(code(&signed, &method, &signature), us, "{signed}");
            // Decoded and encoded again it is another text.
            let other = signed.replace("%2b", "%2B");
            assert_eq!(code(&other, &method, &signature), Err("sig.invalid"));
            let other = signed.replace("&RelayState=%c3%A4", "");
            assert_eq!(code(&other, &method, &signature), Err("sig.invalid"));
            assert_eq!(code(&signed, &method, &signature[1..]), Err("sig.invalid"));
            assert_eq!(code(&signed, &method, &[]), Err("sig.invalid"));
        }
        // The algorithm is what was signed as the algorithm.
        for signed in [
            "SAMLRequest=a".to_owned(),
            String::new(),
            format!("SAMLRequest=a&SigAlg={method}&RelayState=b"),
            format!("SAMLRequest=a&SigAlg={method}x"),
            format!("SAMLRequest=a&sigalg={method}"),
            format!("SAMLRequest=a&xSigAlg={method}"),
            "SAMLRequest=a&SigAlg=http://www.w3.org/2000/09/xmldsig%23rsa-sha1".to_owned(),
        ] {
            let signature = signing.raw(signed.as_bytes());
            assert_eq!(
                code(&signed, &method, &signature),
                Err("sig.algorithm"),
                "{signed}"
            );
        }
        for sig_alg in [
            "",
            "none",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        ] {
            let signed = format!("SAMLRequest=a&SigAlg={}", encoded(sig_alg));
            assert_eq!(
                code(&signed, sig_alg, &signing.raw(signed.as_bytes())),
                Err("sig.algorithm")
            );
        }
    }
    // A key of another type.
    let method = format!("{MORE}ecdsa-sha256");
    let signed = format!("SAMLRequest=a&SigAlg={}", encoded(&method));
    let keys = TrustedKeys::one(trusted(&RSA_2048));
    let signature = Signing::new(&P256, &method).raw(signed.as_bytes());
    let error =
        verify_query(signed.as_bytes(), &method, &signature, Trust::only(&keys)).unwrap_err();
    assert_eq!(error.code().as_str(), "sig.algorithm");
}

#[test]
fn a_query_with_sha_1_is_for_those_who_may_and_is_noted() {
    let method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    let signed = b"SAMLResponse=a&SigAlg=http%3a%2f%2fwww.w3.org%2f2000%2f09%2fxmldsig%23rsa-sha1";
    let signature = Signing::new(&RSA_2048, method).raw(signed);
    let keys = TrustedKeys::one(trusted(&RSA_2048));
    let read = |allowed| {
        verify_query(signed, method, &signature, Trust { keys: &keys, allowed })
            .map(|signed_by| signed_by.needed())
            .map_err(|error| error.code().as_str())
    };
    assert_eq!(read(Allowed::NOTHING), Err("sig.algorithm"));
    assert_eq!(read(INCLUSIVE_TOO), Err("sig.algorithm"));
    assert_eq!(read(SHA1_TOO), Ok(SHA1_TOO));
}

#[test]
fn any_message_of_ours_can_be_signed() {
    let ed25519 = {
        let mut certificate = X509::builder().unwrap();
        certificate.set_pubkey(&ED25519).unwrap();
        let time = Asn1Time::from_unix(NOW.unix_seconds()).unwrap();
        certificate.set_not_before(&time).unwrap();
        certificate.set_not_after(&time).unwrap();
        certificate.sign(&ED25519, MessageDigest::null()).unwrap();
        let key = ED25519.private_key_to_pem_pkcs8().unwrap();
        SigningKey::from_pem(&key, &certificate.build().to_pem().unwrap()).unwrap()
    };
    let message = |name: &str, content: &str| {
        format!(
            "<samlp:{name} xmlns:samlp=\"{}\" xmlns:saml=\"{}\" ID=\"_m\" Version=\"2.0\">\
             <saml:Issuer>https://sp.example.com</saml:Issuer>{content}</samlp:{name}>",
            ns::SAMLP,
            ns::SAML
        )
    };
    let logout_request = message(
        "LogoutRequest",
        "<saml:NameID>alice@example.com</saml:NameID>",
    );
    let logout_response = message("LogoutResponse", "<samlp:Status/>");
    let authn_request = message("AuthnRequest", "");
    let metadata = format!(
        "<md:EntityDescriptor xmlns:md=\"{}\" ID=\"_m\"><md:SPSSODescriptor/></md:EntityDescriptor>",
        ns::MD
    );
    for key in [&*IDP, &*RSA, &ed25519] {
        for (xml, place) in [
            (&logout_request, Place::AfterIssuer),
            (&logout_response, Place::AfterIssuer),
            (&authn_request, Place::AfterIssuer),
            (&metadata, Place::First),
        ] {
            let signed = sign_enveloped(xml, "_m", key, place).unwrap();
            let document = parse(&signed).unwrap();
            let keys = keys(&[key]);
            let trust = Trust::only(&keys);
            let verified = verify_at(document.root(), place, trust, &mut Checks::off());
            let verified = verified.unwrap().unwrap();
            assert_eq!(
                canonical(verified.get()),
                canonical(parse(xml).unwrap().root())
            );
            assert_eq!(verified.signed_by(), key.fingerprint());
            let other = parse(&changed(&signed, "ID=\"_m\"", "ID=\"_m\" x=\"y\"")).unwrap();
            let error = verify_at(other.root(), place, trust, &mut Checks::off()).unwrap_err();
            assert_eq!(error.code().as_str(), "sig.digest");
        }
        for parameter in ["SAMLRequest", "SAMLResponse"] {
            let query = sign_query(&format!("{parameter}=fZ%2B"), key).unwrap();
            let (signed, signature) = query.rsplit_once("&Signature=").unwrap();
            let signature = percent_encoding::percent_decode_str(signature).decode_utf8().unwrap();
            let signature = openssl::base64::decode_block(&signature).unwrap();
            let keys = keys(&[key]);
            let uri = key.method().uri();
            let trust = Trust::only(&keys);
            assert!(verify_query(signed.as_bytes(), uri, &signature, trust).is_ok());
        }
    }
}
