//! Which algorithms decrypt, and under which conditions. The plaintexts are any bytes here.

mod keys;
mod oracle;
pub(crate) mod seal;
mod shape;

use std::sync::LazyLock;

use openssl::pkey::{PKey, Private};

use self::seal::{Place, Seal};
use super::*;
use crate::xml::{Document, Limits, Mode};

/// Keys that are in the repository, and protect nothing.
pub(crate) const SP_KEY: &[u8] = include_bytes!("sp.key");
const OLDER_KEY: &[u8] = include_bytes!("older.key");
const PLAINTEXT: &[u8] = b"<saml:Assertion>Alice Example, alice@example.com</saml:Assertion>";

static SP: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::private_key_from_pem(SP_KEY).unwrap());
static OURS: LazyLock<DecryptionKeys> = LazyLock::new(|| {
    DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()])
        .known_as("https://sp.example.com/saml/metadata")
});

/// Nothing out of the ordinary.
fn strict() -> Decryption<'static> {
    Decryption {
        keys: &OURS,
        allow_cbc_unsigned: false,
        allow_tripledes: false,
        required: false,
    }
}

fn lenient() -> Decryption<'static> {
    Decryption { allow_cbc_unsigned: true, allow_tripledes: true, ..strict() }
}

fn opened(xml: &str, decryption: Decryption<'_>, covered: Covered) -> Result<Vec<u8>, XmlencError> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let plaintext = decrypt(document.root(), decryption, covered, &mut Checks::off())?;
    plaintext.read(|bytes| Ok::<_, &str>(bytes.to_vec()))
}

fn code(xml: &str, decryption: Decryption<'_>, covered: Covered) -> &'static str {
    opened(xml, decryption, covered).map_or_else(|error| error.code().as_str(), |_| "accepted")
}

#[test]
fn every_algorithm_decrypts_in_every_place() {
    let contents = [
        seal::AES128_GCM,
        seal::AES192_GCM,
        seal::AES256_GCM,
        seal::AES128_CBC,
        seal::AES192_CBC,
        seal::AES256_CBC,
        seal::TRIPLEDES,
    ];
    let hashes = [
        None,
        Some("sha1"),
        Some("sha256"),
        Some("sha384"),
        Some("sha512"),
    ];
    let mut transports = Vec::new();
    for digest in hashes {
        transports.push((seal::OAEP_MGF1P, digest, None));
        transports.extend(hashes.map(|mask| (seal::OAEP, digest, mask)));
    }
    let places = [
        Place::Inside,
        Place::Retrieved,
        Place::Listed,
        Place::Beside,
    ];
    // Each content once with each place, each transport once: they do not know each other.
    for content in contents {
        for place in places {
            let xml = Seal { place, ..Seal::new(content) }.seal("EncryptedID", PLAINTEXT, &SP);
            let found = opened(&xml, lenient(), Covered::BySignature);
            assert_eq!(found.as_deref(), Ok(PLAINTEXT), "{content} {place:?}");
        }
    }
    for (transport, digest, mask) in transports {
        for label in [b"".as_slice(), b"a label"] {
            let seal = Seal {
                transport,
                digest,
                mask,
                label,
                ..Seal::new(seal::AES128_GCM)
            };
            let found = opened(
                &seal.seal("EncryptedID", PLAINTEXT, &SP),
                strict(),
                Covered::ByNothing,
            );
            assert_eq!(found.as_deref(), Ok(PLAINTEXT), "{seal:?}");
        }
    }
}

#[test]
fn a_plaintext_of_any_length_comes_back_whole() {
    let plaintext = [b'x'; 40];
    for method in [seal::AES256_GCM, seal::AES256_CBC, seal::TRIPLEDES] {
        for length in 0..plaintext.len() {
            let plaintext = &plaintext[..length];
            let xml = Seal::new(method).seal("EncryptedID", plaintext, &SP);
            let found = opened(&xml, lenient(), Covered::BySignature);
            assert_eq!(found.as_deref(), Ok(plaintext), "{method} {length}");
        }
    }
}

#[test]
fn cbc_that_no_signature_covers_is_enc_cbc_unsigned() {
    for method in [seal::AES128_CBC, seal::AES192_CBC, seal::AES256_CBC] {
        let xml = Seal::new(method).seal("EncryptedAssertion", PLAINTEXT, &SP);
        assert_eq!(code(&xml, strict(), Covered::ByNothing), "enc.cbc_unsigned");
        assert_eq!(code(&xml, strict(), Covered::BySignature), "accepted");
        assert_eq!(code(&xml, lenient(), Covered::ByNothing), "accepted");
    }
    // Triple DES is CBC as well: one exception is not the other.
    let xml = Seal::new(seal::TRIPLEDES).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let dated = Decryption { allow_tripledes: true, ..strict() };
    assert_eq!(code(&xml, dated, Covered::ByNothing), "enc.cbc_unsigned");
    assert_eq!(code(&xml, dated, Covered::BySignature), "accepted");
}

#[test]
fn what_had_to_be_allowed_is_said() {
    let needed = |method, covered| {
        let xml = Seal::new(method).seal("EncryptedAssertion", PLAINTEXT, &SP);
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let plaintext = decrypt(document.root(), lenient(), covered, &mut Checks::off());
        plaintext.unwrap().needed()
    };
    for (method, covered, cbc_unsigned, tripledes) in [
        (seal::AES256_GCM, Covered::ByNothing, false, false),
        (seal::AES256_CBC, Covered::BySignature, false, false),
        (seal::AES256_CBC, Covered::ByNothing, true, false),
        (seal::TRIPLEDES, Covered::BySignature, false, true),
        (seal::TRIPLEDES, Covered::ByNothing, true, true),
    ] {
        let wanted = Needed { cbc_unsigned, tripledes };
        assert_eq!(needed(method, covered), wanted, "{method} {covered:?}");
    }
}

#[test]
fn an_algorithm_that_is_not_on_the_list_is_enc_algorithm() {
    let good = Seal::new(seal::AES256_GCM).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let sha256 = Seal { digest: Some("sha256"), ..Seal::new(seal::AES256_GCM) };
    let digested = sha256.seal("EncryptedAssertion", PLAINTEXT, &SP);
    let masked = Seal { transport: seal::OAEP, mask: Some("sha256"), ..sha256 };
    let masked = masked.seal("EncryptedAssertion", PLAINTEXT, &SP);
    let rsa = Seal { transport: seal::RSA_1_5, ..Seal::new(seal::AES256_GCM) };
    let cases = [
        ("RSA 1.5", rsa.seal("EncryptedAssertion", PLAINTEXT, &SP)),
        (
            "Triple DES",
            Seal::new(seal::TRIPLEDES).seal("EncryptedAssertion", PLAINTEXT, &SP),
        ),
        (
            "an unknown cipher",
            good.replace(seal::AES256_GCM, "urn:rot13"),
        ),
        (
            "no cipher",
            good.replace(&format!(" Algorithm=\"{}\"", seal::AES256_GCM), ""),
        ),
        (
            "AES key wrap",
            good.replace(
                seal::OAEP_MGF1P,
                "http://www.w3.org/2001/04/xmlenc#kw-aes256",
            ),
        ),
        (
            "MD5",
            digested.replace(
                "http://www.w3.org/2001/04/xmlenc#sha256",
                "http://www.w3.org/2001/04/xmldsig-more#md5",
            ),
        ),
        (
            "a mask by SHA-224",
            masked.replace("#mgf1sha256", "#mgf1sha224"),
        ),
        (
            "a mask where the name has one",
            masked.replace(seal::OAEP, seal::OAEP_MGF1P),
        ),
    ];
    for (claim, xml) in cases {
        assert_eq!(
            code(&xml, strict(), Covered::BySignature),
            "enc.algorithm",
            "{claim}"
        );
    }
}

#[test]
fn what_was_found_right_is_said_in_order() {
    let xml = Seal::new(seal::AES256_GCM).seal("EncryptedID", PLAINTEXT, &SP);
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let mut checks = Checks::on();
    decrypt(document.root(), strict(), Covered::ByNothing, &mut checks).unwrap();
    let lines = checks
        .lines()
        .iter()
        .map(|line| (line.name.as_str(), line.values.found.as_deref()));
    let wanted = [
        ("encryption.structure", None),
        ("encryption.algorithm", Some(seal::AES256_GCM)),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), wanted);
}
