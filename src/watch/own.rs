//! Certificates of our own, and those in files.

use std::path::Path;

use openssl::x509::X509;

use crate::base::Timestamp;
use crate::dsig::Certificate;

/// One of our certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// `signing`, `encryption`
    pub key_use: &'static str,
    /// Whether it is the one in use, where there are several.
    pub active: bool,
    /// When the next step of its roll-over is taken by itself, where that is so.
    pub next_step: Option<Timestamp>,
    /// It.
    pub certificate: Certificate,
}

/// Every certificate in a PEM file; why there is none.
pub fn certificates_in(path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    let stack = X509::stack_from_pem(&pem).map_err(|error| wrong(&error))?;
    let mut all = Vec::new();
    for certificate in stack {
        let der = certificate.to_der().map_err(|error| wrong(&error))?;
        all.push(Certificate::from_der(&der).map_err(|error| wrong(&error))?);
    }
    if all.is_empty() {
        return Err(wrong(&"holds no certificate"));
    }
    Ok(all)
}
