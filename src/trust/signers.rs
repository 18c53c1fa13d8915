//! The certificates of whoever signs metadata.

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
