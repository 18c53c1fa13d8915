//! Our own certificates, as they lie in the folder of keys.

use std::path::Path;

use openssl::x509::X509;

use crate::dsig::Certificate;

/// One of our certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// `signing`, `encryption`
    pub key_use: &'static str,
    /// Whether it is the one in use, where there are several.
    pub active: bool,
    /// It.
    pub certificate: Certificate,
}

/// The certificates in the folder: `sp-signing*.crt`, `sp-encryption*.crt`.
///
/// Nothing is made and nothing is changed; a file that is missing, or is no certificate, is left
/// out, since the gateway says so itself when it starts.
pub fn own_certificates(folder: &Path) -> Vec<OwnCertificate> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".crt") else {
            continue;
        };
        let key_use = match name {
            name if name.starts_with("sp-signing") => "signing",
            name if name.starts_with("sp-encryption") => "encryption",
            _ => continue,
        };
        let active = matches!(name, "sp-signing" | "sp-encryption");
        let first = certificates_in(&path).ok().and_then(|all| all.into_iter().next());
        found.extend(first.map(|certificate| OwnCertificate { key_use, active, certificate }));
    }
    found
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
