//! The certificates of whoever signs metadata.

use std::collections::HashMap;

use openssl::x509::X509;

use crate::dsig::{TrustedKey, TrustedKeys};

/// Reads one or more certificates in PEM; or says why not.
pub fn signers(pem: &[u8]) -> Result<TrustedKeys, String> {
    let stack = X509::stack_from_pem(pem).map_err(|_| "is not a certificate in PEM".to_owned())?;
    let mut keys = Vec::new();
    for certificate in stack {
        let der = certificate.to_der().map_err(|error| error.to_string())?;
        let key = TrustedKey::from_certificate_der(&der).map_err(|error| error.to_string())?;
        keys.push(key);
    }
    TrustedKeys::from_vec(keys).ok_or_else(|| "holds no certificate in PEM".to_owned())
}

/// Reads the same certificates once: everybody in a federation has one signer.
#[derive(Debug, Default)]
pub struct SignersOnce(HashMap<String, TrustedKeys>);

impl SignersOnce {
    /// Those in this PEM, if it can be read.
    pub fn read(&mut self, pem: &str) -> Option<TrustedKeys> {
        if let Some(known) = self.0.get(pem) {
            return Some(known.clone());
        }
        let read = signers(pem.as_bytes()).ok()?;
        self.0.insert(pem.to_owned(), read.clone());
        Some(read)
    }
}
