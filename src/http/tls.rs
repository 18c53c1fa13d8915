//! TLS that ends at us: `server.tls`.
//!
//! In: a certificate chain and a key, as PEM files. Out: what a listener needs. The files can be
//! read again while the server runs; connections that are open keep what they began with.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Why a certificate or key can not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can not be read, or holds something else.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("certificate and key: {0}")]
    Pair(String),
}

/// Certificate and key of the listeners.
#[derive(Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<ArcSwap<CertifiedKey>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(read(certificate, key)?));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Pair(error.to_string()))?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Current(Arc::clone(&current))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Ok(Self { certificate, key, current, config: Arc::new(config) })
    }

    /// Reads both files again; when that fails, the old ones stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.certificate, &self.key)?));
        Ok(())
    }

    /// The certificate in use, DER.
    pub fn certificate_der(&self) -> Vec<u8> {
        let current = self.current.load();
        current.cert.first().map(|der| der.to_vec()).unwrap_or_default()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.certificate.display())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls::pki_types::pem::Error| TlsError::File {
            path,
            detail: error.to_string(),
        }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(wrong(certificate))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(wrong(certificate))?;
    if chain.is_empty() {
        let detail = "holds no certificate".to_owned();
        return Err(TlsError::File { path: certificate.to_owned(), detail });
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(wrong(key))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| TlsError::Pair(error.to_string()))
}

#[derive(Debug)]
struct Current(Arc<ArcSwap<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
