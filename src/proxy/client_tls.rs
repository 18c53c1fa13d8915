//! How we and an application prove to each other who we are: `upstream_tls`.
//!
//! In: the PEM files that an operator named. Out: what a TLS connection to an upstream needs.
//!
//! ## Deployment caveat
//!
//! The files are read when the configuration is: after a client certificate was renewed, reload.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;

use crate::access::Protocol;
use crate::access::UpstreamTls;

/// Why `upstream_tls` can not be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    /// A file can not be read, or holds something else.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("certificate and key: {0}")]
    Pair(String),
    /// The machine has no certificate authorities.
    #[error("no certificate authorities: {0}")]
    NoRoots(String),
}

/// The settings of connections to the upstreams of a route.
pub fn client_tls(
    settings: Option<&UpstreamTls>,
    protocol: Protocol,
) -> Result<Arc<ClientConfig>, ClientTlsError> {
    let trusting = builder();
    let trusting = match settings.and_then(|settings| settings.ca.as_deref()) {
        Some(ca) => trusting.with_root_certificates(roots(ca)?),
        None => trusting
            .with_native_roots()
            .map_err(|error| ClientTlsError::NoRoots(error.to_string()))?,
    };
    let mut config = match settings.and_then(|settings| settings.identity.as_ref()) {
        Some(files) => trusting
            .with_client_auth_cert(certificates(&files.certificate)?, key(&files.key)?)
            .map_err(|error| ClientTlsError::Pair(error.to_string()))?,
        None => trusting.with_no_client_auth(),
    };
    config.alpn_protocols = alpn(protocol);
    Ok(Arc::new(config))
}

/// The same for connections that trust these certificate authorities and need nothing else.
pub(crate) fn trusting(roots: Arc<RootCertStore>, protocol: Protocol) -> Arc<ClientConfig> {
    let mut config = builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn(protocol);
    Arc::new(config)
}

fn alpn(protocol: Protocol) -> Vec<Vec<u8>> {
    match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    }
}

/// Whether a text can be asked for as the name of a server.
pub fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    #[expect(
        clippy::expect_used,
        reason = "ring knows the versions that rustls calls safe"
    )]
    ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
}

fn roots(path: &Path) -> Result<RootCertStore, ClientTlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| wrong(path, error))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientTlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(path, error))?;
    let certificates = read.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(path, error))?;
    match certificates.is_empty() {
        true => Err(wrong(path, "no certificate in it")),
        false => Ok(certificates),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, ClientTlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| wrong(path, error))
}

fn wrong(path: &Path, detail: impl std::fmt::Display) -> ClientTlsError {
    ClientTlsError::File { path: path.to_owned(), detail: detail.to_string() }
}
