//! Encrypted assertions: whatever comes out of the ciphertext, nobody is made up by it.
//!
//! The input is a Response that is decrypted as it came, and again a plaintext that is encrypted
//! to us in an unsigned Response: whoever has our certificate can send that.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::symm::{Cipher, encrypt, encrypt_aead};

use super::response;
use super::seeds::corpus;

pub fn check(bytes: &[u8]) {
    response::check(bytes);
    let Some((how, plaintext)) = bytes.split_first() else {
        return;
    };
    response::check(&around(plaintext, how % 2 == 0));
}

/// The key of our certificate, wrapped once: the fuzzer is after what is inside.
static WRAPPED: LazyLock<String> = LazyLock::new(|| {
    let pem = std::fs::read(corpus().join("keys/sp.key")).expect("a key");
    let key: PKey<Private> = PKey::private_key_from_pem(&pem).expect("a key");
    let mut encrypter = Encrypter::new(&key).expect("RSA");
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP).expect("OAEP");
    encrypter.set_rsa_oaep_md(MessageDigest::sha1()).expect("OAEP");
    encrypter.set_rsa_mgf1_md(MessageDigest::sha1()).expect("OAEP");
    let mut out = vec![0; encrypter.encrypt_len(&KEY).expect("RSA")];
    let length = encrypter.encrypt(&KEY, &mut out).expect("RSA");
    STANDARD.encode(&out[..length])
});

const KEY: [u8; 16] = *b"0123456789abcdef";

fn around(plaintext: &[u8], authenticated: bool) -> Vec<u8> {
    let (name, value) = if authenticated {
        let mut tag = [0; 16];
        let sealed = encrypt_aead(
            Cipher::aes_128_gcm(),
            &KEY,
            Some(&[7; 12]),
            &[],
            plaintext,
            &mut tag,
        );
        let value = [&[7; 12], sealed.expect("AES").as_slice(), &tag].concat();
        ("http://www.w3.org/2009/xmlenc11#aes128-gcm", value)
    } else {
        let sealed = encrypt(Cipher::aes_128_cbc(), &KEY, Some(&[7; 16]), plaintext);
        let value = [&[7; 16], sealed.expect("AES").as_slice()].concat();
        ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", value)
    };
    format!(
        r##"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" IssueInstant="2026-11-21T11:59:58Z" InResponseTo="_request"><saml:Issuer>https://idp.example.com/metadata</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{name}"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion></samlp:Response>"##,
        *WRAPPED,
        STANDARD.encode(value),
    )
    .into_bytes()
}
