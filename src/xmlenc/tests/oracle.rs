//! What a stranger may not learn: everything that a private key has decided looks the same.

use super::super::transport;
use super::*;

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
        (
            "a byte behind the last block",
            write(&[&content[..], b"x"].concat(), &wrapped),
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
