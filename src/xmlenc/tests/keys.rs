//! Our own keys.

use super::*;

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
fn a_key_belongs_to_its_own_public_half_alone() {
    let key = DecryptionKey::from_pem(SP_KEY).unwrap();
    let public_half = |pem: &[u8]| {
        let private = PKey::private_key_from_pem(pem).unwrap();
        PKey::public_key_from_pem(&private.public_key_to_pem().unwrap()).unwrap()
    };
    assert!(key.belongs_to(&public_half(SP_KEY)));
    assert!(!key.belongs_to(&public_half(OLDER_KEY)));
}
