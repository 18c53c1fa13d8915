//! Encrypts as identity providers do, by OpenSSL alone: what the tests decrypt is made here.
//!
//! `tests/it` includes this file too, so it names nothing of the crate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::md::Md;
use openssl::pkey::{HasPublic, PKeyRef};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode, encrypt_aead};

pub(crate) const AES128_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
pub(crate) const AES192_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes192-gcm";
pub(crate) const AES256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
pub(crate) const AES128_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
pub(crate) const AES192_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes192-cbc";
pub(crate) const AES256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
pub(crate) const TRIPLEDES: &str = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc";
pub(crate) const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub(crate) const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
pub(crate) const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";

/// Where the EncryptedKey is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In KeyInfo of the EncryptedData.
    Inside,
    /// Beside it, named by a RetrievalMethod.
    Retrieved,
    /// Beside it, with a ReferenceList.
    Listed,
    /// Beside it, and nothing says so.
    Beside,
}

/// How something is encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal {
    pub(crate) content: &'static str,
    pub(crate) transport: &'static str,
    /// `sha1`, `sha256`, `sha384`, `sha512`; `None` says nothing, which is SHA-1.
    pub(crate) digest: Option<&'static str>,
    /// The same, for the mask.
    pub(crate) mask: Option<&'static str>,
    pub(crate) label: &'static [u8],
    pub(crate) place: Place,
    pub(crate) recipient: Option<&'static str>,
}

impl Seal {
    /// By this algorithm, with RSA-OAEP as most do it.
    pub(crate) const fn new(content: &'static str) -> Self {
        Self {
            content,
            transport: OAEP_MGF1P,
            digest: None,
            mask: None,
            label: b"",
            place: Place::Inside,
            recipient: None,
        }
    }

    /// `<saml:WRAPPER>` with the ciphertext of this in it.
    pub(crate) fn seal<T: HasPublic>(
        self,
        wrapper: &str,
        plaintext: &[u8],
        key: &PKeyRef<T>,
    ) -> String {
        let content_key = random(cipher(self.content).key_len());
        let content = encrypt(self.content, &content_key, plaintext);
        self.write(wrapper, &content, &self.wrap(&content_key, key))
    }

    /// The key of a content as ciphertext.
    pub(crate) fn wrap<T: HasPublic>(self, content_key: &[u8], key: &PKeyRef<T>) -> Vec<u8> {
        let mut context = PkeyCtx::new(key).unwrap();
        context.encrypt_init().unwrap();
        if self.transport == RSA_1_5 {
            context.set_rsa_padding(Padding::PKCS1).unwrap();
        } else {
            context.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
            context.set_rsa_oaep_md(md(self.digest)).unwrap();
            context.set_rsa_mgf1_md(md(self.mask)).unwrap();
            if !self.label.is_empty() {
                context.set_rsa_oaep_label(self.label).unwrap();
            }
        }
        let mut wrapped = Vec::new();
        context.encrypt_to_vec(content_key, &mut wrapped).unwrap();
        wrapped
    }

    /// The XML around two ciphertexts.
    pub(crate) fn write(self, wrapper: &str, content: &[u8], wrapped: &[u8]) -> String {
        let (data_id, key_id) = ("_data", "_key");
        let list = match self.place {
            Place::Listed => format!(
                "<xenc:ReferenceList><xenc:DataReference URI=\"#{data_id}\"/></xenc:ReferenceList>"
            ),
            _ => String::new(),
        };
        let key = format!(
            "<xenc:EncryptedKey Id=\"{key_id}\"{}><xenc:EncryptionMethod Algorithm=\"{}\">{}{}{}\
             </xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue>\
             </xenc:CipherData>{list}</xenc:EncryptedKey>",
            self.recipient.map(|name| format!(" Recipient=\"{name}\"")).unwrap_or_default(),
            self.transport,
            if self.label.is_empty() {
                String::new()
            } else {
                format!(
                    "<xenc:OAEPparams>{}</xenc:OAEPparams>",
                    STANDARD.encode(self.label)
                )
            },
            self.digest
                .map(|name| format!("<ds:DigestMethod Algorithm=\"{}\"/>", digest_uri(name)))
                .unwrap_or_default(),
            self.mask
                .map(|name| format!(
                    "<x:MGF xmlns:x=\"http://www.w3.org/2009/xmlenc11#\" \
                     Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1{name}\"/>"
                ))
                .unwrap_or_default(),
            STANDARD.encode(wrapped),
        );
        let retrieval = format!(
            "<ds:RetrievalMethod Type=\"http://www.w3.org/2001/04/xmlenc#EncryptedKey\" \
             URI=\"#{key_id}\"/>"
        );
        let (info, beside) = match self.place {
            Place::Inside => (format!("<ds:KeyInfo>{key}</ds:KeyInfo>"), String::new()),
            Place::Retrieved => (format!("<ds:KeyInfo>{retrieval}</ds:KeyInfo>"), key),
            Place::Listed | Place::Beside => (String::new(), key),
        };
        format!(
            "<saml:{wrapper} xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
             xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
             xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">\
             <xenc:EncryptedData Id=\"{data_id}\" \
             Type=\"http://www.w3.org/2001/04/xmlenc#Element\">\
             <xenc:EncryptionMethod Algorithm=\"{}\"/>{info}<xenc:CipherData><xenc:CipherValue>{}\
             </xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{beside}</saml:{wrapper}>",
            self.content,
            STANDARD.encode(content),
        )
    }
}

/// IV or nonce, ciphertext, and the tag.
pub(crate) fn encrypt(method: &str, key: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = cipher(method);
    if method.ends_with("-gcm") {
        let mut content = random(12);
        let mut tag = [0; 16];
        let nonce = content.clone();
        content.extend(encrypt_aead(cipher, key, Some(&nonce), &[], plaintext, &mut tag).unwrap());
        content.extend(tag);
        return content;
    }
    // XML Encryption 5.2: random bytes, and their number in the last one.
    let added = cipher.block_size() - plaintext.len() % cipher.block_size();
    let mut padded = plaintext.to_vec();
    padded.extend(random(added - 1));
    padded.push(u8::try_from(added).unwrap());
    encrypt_padded(method, key, &padded)
}

/// CBC of whole blocks.
pub(crate) fn encrypt_padded(method: &str, key: &[u8], padded: &[u8]) -> Vec<u8> {
    let cipher = cipher(method);
    let mut content = random(cipher.block_size());
    let mut crypter = Crypter::new(cipher, Mode::Encrypt, key, Some(&content)).unwrap();
    crypter.pad(false);
    let mut bytes = vec![0; padded.len() + cipher.block_size()];
    let mut length = crypter.update(padded, &mut bytes).unwrap();
    length += crypter.finalize(&mut bytes[length..]).unwrap();
    content.extend_from_slice(&bytes[..length]);
    content
}

pub(crate) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    bytes
}

fn cipher(method: &str) -> Cipher {
    match method {
        AES128_GCM => Cipher::aes_128_gcm(),
        AES192_GCM => Cipher::aes_192_gcm(),
        AES256_GCM => Cipher::aes_256_gcm(),
        AES128_CBC => Cipher::aes_128_cbc(),
        AES192_CBC => Cipher::aes_192_cbc(),
        AES256_CBC => Cipher::aes_256_cbc(),
        TRIPLEDES => Cipher::des_ede3_cbc(),
        other => panic!("no cipher {other}"),
    }
}

fn md(name: Option<&str>) -> &'static openssl::md::MdRef {
    match name.unwrap_or("sha1") {
        "sha1" => Md::sha1(),
        "sha256" => Md::sha256(),
        "sha384" => Md::sha384(),
        "sha512" => Md::sha512(),
        other => panic!("no digest {other}"),
    }
}

fn digest_uri(name: &str) -> &'static str {
    match name {
        "sha1" => "http://www.w3.org/2000/09/xmldsig#sha1",
        "sha256" => "http://www.w3.org/2001/04/xmlenc#sha256",
        "sha384" => "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "sha512" => "http://www.w3.org/2001/04/xmlenc#sha512",
        other => panic!("no digest {other}"),
    }
}
