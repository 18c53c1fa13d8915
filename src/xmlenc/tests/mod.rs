//! What decrypts, and what is refused with which code. The plaintexts are any bytes here.
#![expect(clippy::string_slice, reason = "a test cuts XML that it wrote itself")]

pub(crate) mod seal;

use std::sync::LazyLock;

use openssl::pkey::{PKey, Private};

use self::seal::{Place, Seal};
use super::transport;
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
fn a_shape_that_saml_has_no_use_for_is_enc_structure() {
    let inside = Seal::new(seal::AES256_GCM).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let at = |place| {
        Seal { place, ..Seal::new(seal::AES256_GCM) }.seal("EncryptedAssertion", PLAINTEXT, &SP)
    };
    let (retrieved, listed, beside) = (at(Place::Retrieved), at(Place::Listed), at(Place::Beside));
    let data_value = between(
        &inside,
        "</ds:KeyInfo><xenc:CipherData>",
        "</xenc:CipherData>",
    );
    let key = with_ends(&inside, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>");
    let data = with_ends(&inside, "<xenc:EncryptedData ", "</xenc:EncryptedData>");
    let method =
        "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>";
    let cases = [
        ("nothing inside", inside.replace(data, "")),
        ("two EncryptedData", inside.replace(data, &format!("{data}{data}"))),
        ("text around", inside.replace(data, &format!("x{data}"))),
        ("an attribute on the wrapper", inside.replace("<saml:EncryptedAssertion", "<saml:EncryptedAssertion a='b'")),
        ("an attribute on the data", inside.replace(" Id=\"_data\"", " Id=\"_data\" Encoding=\"x\"")),
        ("Type Content", inside.replace("xmlenc#Element", "xmlenc#Content")),
        ("no EncryptionMethod", inside.replace(method, "")),
        ("a KeySize", inside.replace(method, &method.replace("/>", "><xenc:KeySize>256</xenc:KeySize></xenc:EncryptionMethod>"))),
        ("no CipherData", inside.replace(&format!("<xenc:CipherData>{data_value}</xenc:CipherData>"), "")),
        ("a CipherReference", inside.replace(data_value, "<xenc:CipherReference URI=\"http://127.0.0.1:9/canary\"/>")),
        ("a CipherReference beside the value", inside.replace(data_value, &format!("{data_value}<xenc:CipherReference URI=\"#a\"/>"))),
        ("not base64", inside.replace("<xenc:CipherValue>", "<xenc:CipherValue>!")),
        ("an element in base64", inside.replace("<xenc:CipherValue>", "<xenc:CipherValue><a/>")),
        ("EncryptionProperties", inside.replace("</xenc:EncryptedData>", "<xenc:EncryptionProperties/></xenc:EncryptedData>")),
        ("no key at all", inside.replace(key, "")),
        ("no KeyInfo", inside.replace(&format!("<ds:KeyInfo>{key}</ds:KeyInfo>"), "")),
        ("two keys", inside.replace(key, &format!("{key}{key}"))),
        ("inside and beside", inside.replace(data, &format!("{data}{key}"))),
        ("a DEREncodedKeyValue", inside.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:X509Data/>")),
        ("an AgreementMethod", inside.replace(key, "<xenc:AgreementMethod/>")),
        ("a key of another Type", inside.replace("<xenc:EncryptedKey ", "<xenc:EncryptedKey Type=\"urn:x\" ")),
        ("the key before the data", beside_first(&beside)),
        ("a RetrievalMethod elsewhere", retrieved.replace("URI=\"#_key\"", "URI=\"http://127.0.0.1:9/canary\"")),
        ("a RetrievalMethod to everything", retrieved.replace("URI=\"#_key\"", "URI=\"\"")),
        ("a RetrievalMethod by XPointer", retrieved.replace("URI=\"#_key\"", "URI=\"#xpointer(id('_key'))\"")),
        ("a RetrievalMethod to nothing", retrieved.replace("URI=\"#_key\"", "URI=\"#_none\"")),
        ("a RetrievalMethod without URI", retrieved.replace(" URI=\"#_key\"", "")),
        ("a RetrievalMethod of another Type", retrieved.replace("#EncryptedKey\" URI", "#X\" URI")),
        ("a RetrievalMethod with a transform", retrieved.replace(
            "URI=\"#_key\"/>",
            "URI=\"#_key\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/></ds:Transforms></ds:RetrievalMethod>",
        )),
        ("a RetrievalMethod and a key", retrieved.replace("</ds:KeyInfo>", &format!("{key}</ds:KeyInfo>"))),
        ("two keys with one Id", retrieved.replace("</xenc:EncryptedData>", &format!("</xenc:EncryptedData>{key}"))),
        ("a ReferenceList for other data", listed.replace("URI=\"#_data\"", "URI=\"#_other\"")),
        ("an empty ReferenceList", listed.replace("<xenc:DataReference URI=\"#_data\"/>", "")),
        ("a KeyReference", listed.replace("DataReference", "KeyReference")),
        ("a ReferenceList for data without Id", listed.replace(" Id=\"_data\"", "")),
    ];
    for (claim, xml) in cases {
        assert_eq!(
            code(&xml, strict(), Covered::BySignature),
            "enc.structure",
            "{claim}\n{xml}"
        );
    }
}

#[test]
fn what_may_be_there_without_being_needed_is_read_over() {
    let inside = Seal::new(seal::AES256_GCM).seal("EncryptedAssertion", PLAINTEXT, &SP);
    let cases = [
        (
            "no Type",
            inside.replace(" Type=\"http://www.w3.org/2001/04/xmlenc#Element\"", ""),
        ),
        (
            "lines in base64",
            inside.replace("<xenc:CipherValue>", "<xenc:CipherValue>\r\n  "),
        ),
        (
            "a MimeType",
            inside.replace(" Id=\"_data\"", " MimeType=\"text/xml\""),
        ),
        (
            "a KeyName",
            inside.replace("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>sp</ds:KeyName>"),
        ),
        (
            "another Recipient",
            inside.replace(" Id=\"_key\"", " Recipient=\"https://sp.example.net\""),
        ),
        (
            "a certificate",
            inside.replacen(
                "</xenc:EncryptionMethod>",
                "</xenc:EncryptionMethod><ds:KeyInfo><ds:X509Data/></ds:KeyInfo>",
                1,
            ),
        ),
        (
            "a CarriedKeyName",
            inside.replace(
                "</xenc:EncryptedKey>",
                "<xenc:CarriedKeyName>k</xenc:CarriedKeyName></xenc:EncryptedKey>",
            ),
        ),
    ];
    for (claim, xml) in cases {
        assert_eq!(
            code(&xml, strict(), Covered::ByNothing),
            "accepted",
            "{claim}\n{xml}"
        );
    }
}

#[test]
fn of_several_keys_the_one_for_us_is_taken() {
    let (us, them) = (
        "https://sp.example.com/saml/metadata",
        "https://sp.example.net",
    );
    let content_key = seal::random(32);
    let content = seal::encrypt(seal::AES256_GCM, &content_key, PLAINTEXT);
    let older = PKey::private_key_from_pem(OLDER_KEY).unwrap();
    for place in [Place::Inside, Place::Beside, Place::Listed] {
        let seal = Seal { place, ..Seal::new(seal::AES256_GCM) };
        let whole = |recipient, key: &PKey<Private>| {
            let seal = Seal { recipient, ..seal };
            seal.write(
                "EncryptedAssertion",
                &content,
                &seal.wrap(&content_key, key),
            )
        };
        let (ours, theirs) = (whole(Some(us), &SP), whole(Some(them), &older));
        let part =
            |xml: &str| with_ends(xml, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>").to_owned();
        let both = ours.replace(&part(&ours), &format!("{}{}", part(&theirs), part(&ours)));
        assert_eq!(
            code(&both, strict(), Covered::ByNothing),
            "accepted",
            "{place:?}"
        );
        for other in [whole(Some(us), &older), whole(None, &SP)] {
            let two = match other.contains("Recipient") {
                true => ours.replace(&part(&ours), &format!("{}{}", part(&ours), part(&other))),
                false => theirs.replace(
                    &part(&theirs),
                    &format!("{}{}", part(&theirs), part(&other)),
                ),
            };
            assert_eq!(
                code(&two, strict(), Covered::ByNothing),
                "enc.structure",
                "{place:?}"
            );
        }
        let nameless = DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()]);
        let nameless = Decryption { keys: &nameless, ..strict() };
        assert_eq!(code(&both, nameless, Covered::ByNothing), "enc.structure");
    }
}

#[test]
fn everything_that_a_key_decides_is_enc_failed() {
    let seal = Seal::new(seal::AES256_CBC);
    let gcm = Seal::new(seal::AES256_GCM);
    let key = seal::random(32);
    let wrapped = seal.wrap(&key, &*SP);
    let content = seal::encrypt(seal::AES256_CBC, &key, PLAINTEXT);
    let sealed = seal::encrypt(seal::AES256_GCM, &key, PLAINTEXT);
    let flipped = |bytes: &[u8], place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 0x80;
        bytes
    };
    let older = PKey::private_key_from_pem(OLDER_KEY).unwrap();
    let (one, last) = (wrapped.len() - 1, content.len() - 17);
    let mut padded = PLAINTEXT.to_vec();
    padded.resize(80, 0);
    let unpadded = seal::encrypt_padded(seal::AES256_CBC, &key, &padded);
    *padded.last_mut().unwrap() = 17;
    let overlong = seal::encrypt_padded(seal::AES256_CBC, &key, &padded);
    let write = |content: &[u8], wrapped: &[u8]| seal.write("EncryptedAssertion", content, wrapped);
    let write_gcm =
        |content: &[u8], wrapped: &[u8]| gcm.write("EncryptedAssertion", content, wrapped);
    let cases = [
        (
            "another key",
            gcm.seal("EncryptedAssertion", PLAINTEXT, &older),
        ),
        (
            "a wrapped key that was changed",
            write_gcm(&sealed, &flipped(&wrapped, one)),
        ),
        (
            "a wrapped key that is too short",
            write_gcm(&sealed, &wrapped[..255]),
        ),
        ("an empty wrapped key", write_gcm(&sealed, b"")),
        (
            "a wrapped key that is too long",
            write_gcm(&sealed, &[&wrapped[..], b"\0"].concat()),
        ),
        (
            "a key of 128 bits for AES-256",
            write_gcm(&sealed, &gcm.wrap(&key[..16], &*SP)),
        ),
        ("an empty key", write_gcm(&sealed, &gcm.wrap(b"", &*SP))),
        (
            "another digest",
            gcm.write(
                "EncryptedAssertion",
                &sealed,
                &Seal { digest: Some("sha256"), ..gcm }.wrap(&key, &*SP),
            ),
        ),
        (
            "another label",
            write_gcm(&sealed, &Seal { label: b"a", ..gcm }.wrap(&key, &*SP)),
        ),
        (
            "a nonce that was changed",
            write_gcm(&flipped(&sealed, 0), &wrapped),
        ),
        (
            "a ciphertext that was changed",
            write_gcm(&flipped(&sealed, 12), &wrapped),
        ),
        (
            "a tag that was changed",
            write_gcm(&flipped(&sealed, sealed.len() - 1), &wrapped),
        ),
        (
            "a tag that was cut",
            write_gcm(&sealed[..sealed.len() - 1], &wrapped),
        ),
        (
            "shorter than nonce and tag",
            write_gcm(&sealed[..27], &wrapped),
        ),
        ("GCM: five bytes", write_gcm(b"12345", &wrapped)),
        ("GCM: nothing", write_gcm(b"", &wrapped)),
        (
            "a padding that was changed",
            write(&flipped(&content, last), &wrapped),
        ),
        ("a padding of 0", write(&unpadded, &wrapped)),
        ("a padding of 17", write(&overlong, &wrapped)),
        (
            "no whole blocks",
            write(&content[..content.len() - 1], &wrapped),
        ),
        ("an IV alone", write(&content[..16], &wrapped)),
        ("CBC: five bytes", write(b"12345", &wrapped)),
        ("CBC: nothing", write(b"", &wrapped)),
    ];
    for (claim, xml) in cases {
        for covered in [Covered::ByNothing, Covered::BySignature] {
            assert_eq!(code(&xml, lenient(), covered), "enc.failed", "{claim}");
        }
    }
    let none = Decryption { keys: &DecryptionKeys::default(), ..strict() };
    assert_eq!(
        code(&write_gcm(&sealed, &wrapped), none, Covered::ByNothing),
        "enc.failed"
    );
}

#[test]
fn what_can_not_be_read_is_explained_only_to_its_author() {
    let read = |method, covered| {
        let xml = Seal::new(method).seal("EncryptedID", PLAINTEXT, &SP);
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let plaintext = decrypt(document.root(), lenient(), covered, &mut Checks::off()).unwrap();
        assert!(!format!("{plaintext:?}").contains("Alice"));
        plaintext.read(|_| Err::<(), _>("xml.syntax")).unwrap_err()
    };
    let content = XmlencError::Content("xml.syntax".to_owned());
    assert_eq!(read(seal::AES256_GCM, Covered::ByNothing), content);
    assert_eq!(read(seal::AES256_GCM, Covered::BySignature), content);
    assert_eq!(read(seal::AES256_CBC, Covered::BySignature), content);
    assert_eq!(
        read(seal::AES256_CBC, Covered::ByNothing),
        XmlencError::Failed
    );
}

#[test]
fn wrong_padding_is_read_like_right_padding() {
    let key = seal::random(32);
    let seal = Seal::new(seal::AES256_CBC);
    let content = seal::encrypt_padded(seal::AES256_CBC, &key, &[0; 32]);
    let xml = seal.write("EncryptedID", &content, &seal.wrap(&key, &*SP));
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let plaintext = decrypt(
        document.root(),
        lenient(),
        Covered::ByNothing,
        &mut Checks::off(),
    )
    .unwrap();
    let mut seen = 0;
    let outcome = plaintext.read(|bytes| {
        seen = bytes.len();
        Ok::<_, &str>(())
    });
    assert_eq!((outcome, seen), (Err(XmlencError::Failed), 32));
}

#[test]
fn a_key_that_can_not_be_unwrapped_is_replaced_by_one_that_stays_the_same() {
    let transport = algorithm::KeyTransport {
        digest: algorithm::OaepDigest::Sha1,
        mask: algorithm::OaepDigest::Sha1,
        label: Vec::new(),
    };
    let unwrap = |keys: &DecryptionKeys, wrapped: &[u8], length| {
        transport::unwrap(keys, &transport, wrapped, length).unwrap().to_vec()
    };
    let wrapped = seal::random(256);
    let first = unwrap(&OURS, &wrapped, 32);
    assert_eq!(first, unwrap(&OURS, &wrapped, 32));
    assert_eq!(first[..16], unwrap(&OURS, &wrapped, 16));
    assert_ne!(first, unwrap(&OURS, &seal::random(256), 32));
    let older = DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(OLDER_KEY).unwrap()]);
    assert_ne!(first, unwrap(&older, &wrapped, 32));
    for length in [16, 24, 32] {
        assert_eq!(unwrap(&OURS, b"", length).len(), length);
    }
}

#[test]
fn every_key_of_ours_may_be_the_one() {
    let key = |pem| DecryptionKey::from_pem(pem).unwrap();
    let both = [
        vec![key(SP_KEY), key(OLDER_KEY)],
        vec![key(OLDER_KEY), key(SP_KEY)],
    ];
    for keys in both.map(DecryptionKeys::from_vec) {
        let decryption = Decryption { keys: &keys, ..strict() };
        for pem in [SP_KEY, OLDER_KEY] {
            let theirs = PKey::private_key_from_pem(pem).unwrap();
            let xml = Seal::new(seal::AES128_GCM).seal("EncryptedID", PLAINTEXT, &theirs);
            let found = opened(&xml, decryption, Covered::ByNothing);
            assert_eq!(found.as_deref(), Ok(PLAINTEXT));
        }
    }
    let many = DecryptionKeys::from_vec(vec![key(SP_KEY); 5]);
    assert_eq!(many.iter().count(), DecryptionKeys::MOST);
}

#[test]
fn keys_that_are_not_rsa_of_a_good_size_are_refused() {
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let ec = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
    let ec = DecryptionKey::from_pem(&ec.private_key_to_pem_pkcs8().unwrap());
    assert_eq!(ec.unwrap_err(), DecryptionKeyRefusal::NotRsa);
    let small = DecryptionKey::generate(1024).unwrap_err();
    assert_eq!(small, DecryptionKeyRefusal::Size { bits: 1024 });
    let none = DecryptionKey::from_pem(b"not a key").unwrap_err();
    assert_eq!(none.code().as_str(), "config.value");
    let key = DecryptionKey::from_pem(SP_KEY).unwrap();
    let again = DecryptionKey::from_pem(key.key_pem().unwrap().reveal()).unwrap();
    assert!(again.key.public_eq(&key.key));
    assert_eq!(format!("{key:?}"), "DecryptionKey { bits: 2048, .. }");
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

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

fn with_ends<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap();
    let to = from + text[from..].find(end).unwrap() + end.len();
    &text[from..to]
}

/// The EncryptedKey moved in front of the EncryptedData.
fn beside_first(beside: &str) -> String {
    let key = with_ends(beside, "<xenc:EncryptedKey ", "</xenc:EncryptedKey>");
    let rest = beside.replace(key, "");
    rest.replacen(
        "<xenc:EncryptedData ",
        &format!("{key}<xenc:EncryptedData "),
        1,
    )
}
