//! Keys that the configuration gives instead of the folder: PEM from the environment or a file of
//! secrets.
//!
//! The first private key is the active one. Further ones, each with its certificate, are published
//! beside it, and decrypt; a certificate alone is published too: the key may still lie elsewhere.

use std::cell::Cell;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::{BoxedError, Pair, PemKey};
use crate::base::Secret;

/// Reads a private key. One that needs a passphrase is refused: nobody sits there to be asked for it.
pub(super) fn private_key(pem: &[u8]) -> Result<PKey<Private>, BoxedError> {
    let asked = Cell::new(false);
    let key = PKey::private_key_from_pem_callback(pem, |_| {
        asked.set(true);
        Ok(0)
    });
    match key {
        Err(_) if asked.get() => Err(
            "the private key in it has a passphrase; `openssl pkey -in KEY -out NEW` \
                                      writes it without one"
                .into(),
        ),
        key => Ok(key?),
    }
}

/// What a PEM text holds, in its order.
pub(super) struct Given {
    /// Private keys, each with its certificate where there is one.
    pub(super) keys: Vec<PemKey>,
    /// Certificates of keys that are not here.
    pub(super) certificates: Vec<Vec<u8>>,
}

impl Given {
    /// Finds the blocks, and which belong together.
    pub(super) fn read(pem: &str) -> Result<Self, BoxedError> {
        let mut private = Vec::new();
        let mut certificates = Vec::new();
        for block in blocks(pem) {
            let text = block.reveal();
            if text.starts_with("-----BEGIN CERTIFICATE-----") {
                certificates.push(X509::from_pem(text.as_bytes())?);
            } else if text.lines().next().is_some_and(|line| line.contains("PRIVATE KEY")) {
                private.push((private_key(text.as_bytes())?, text.clone()));
            }
        }
        if private.is_empty() {
            return Err("there is no private key in it (-----BEGIN PRIVATE KEY-----)".into());
        }
        let mut keys = Vec::new();
        for (key, text) in private {
            let place = certificates.iter().position(|certificate| {
                certificate.public_key().is_ok_and(|public| public.public_eq(&key))
            });
            let certificate = match place {
                Some(place) => Some(certificates.remove(place).to_pem()?),
                None => None,
            };
            let key = Secret::new(text.into_bytes());
            keys.push(PemKey { key, certificate });
        }
        let rest = certificates
            .iter()
            .map(|certificate| certificate.to_pem())
            .collect::<Result<_, _>>()?;
        Ok(Self { keys, certificates: rest })
    }

    /// Keys and certificates, where each key has to have one.
    pub(super) fn pairs(self) -> Result<(Vec<Pair>, Vec<Vec<u8>>), BoxedError> {
        let mut pairs = Vec::new();
        for PemKey { key, certificate } in self.keys {
            let reason = match self.certificates.is_empty() {
                true => "a private key in it has no certificate in it",
                false => "no certificate in it belongs to a private key in it",
            };
            let certificate = certificate.ok_or(reason)?;
            pairs.push(Pair { key, certificate });
        }
        Ok((pairs, self.certificates))
    }
}

fn blocks(pem: &str) -> Vec<Secret<String>> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in pem.lines().map(str::trim) {
        if line.starts_with("-----BEGIN ") {
            open = Some(String::new());
        }
        if let Some(block) = &mut open {
            block.push_str(line);
            block.push('\n');
        }
        if line.starts_with("-----END ") {
            blocks.extend(open.take().map(Secret::new));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use openssl::symm::Cipher;

    use super::*;
    use crate::base::Timestamp;
    use crate::dsig::SigningKey;

    #[test]
    fn a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it() {
        let key = SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap();
        let plain = PKey::private_key_from_pem(key.key_pem().unwrap().reveal()).unwrap();
        let locked = plain.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret");
        let refused = Given::read(&String::from_utf8(locked.unwrap()).unwrap()).map(|_| ());
        assert!(refused.unwrap_err().to_string().contains("has a passphrase"));
    }
}
