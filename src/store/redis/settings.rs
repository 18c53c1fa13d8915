//! `session.store = "redis://…"` and what belongs to it.

use std::path::PathBuf;

use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, TlsCertificates};

use super::seal::SealKeys;
use crate::base::{Secret, StoreError};

/// Which Redis, and how its values are sealed.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Where it is. May hold a password, and is not printed.
    url: Secret<String>,
    /// `session.ca`: certificate authorities in PEM; `None` is the system's.
    pub ca: Option<PathBuf>,
    /// `session.seal_key`
    pub keys: SealKeys,
}

impl RedisSettings {
    /// Reads an address: `redis://`, `rediss://` (TLS) or `redis+unix://`.
    pub fn new(url: &str, ca: Option<PathBuf>, keys: SealKeys) -> Result<Self, StoreError> {
        address(url)?;
        Ok(Self { url: Secret::new(url.to_owned()), ca, keys })
    }

    /// Whether an address is one, and whether it is one of TLS.
    pub fn is_tls(url: &str) -> Result<bool, StoreError> {
        Ok(matches!(
            address(url)?.addr(),
            ConnectionAddr::TcpTls { .. }
        ))
    }

    /// Something that connects there.
    pub(super) fn client(&self) -> Result<Client, StoreError> {
        let info = address(self.url.reveal())?;
        // RESP3: what is published comes over the connection that asks.
        let redis = info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        let info = info.set_redis_settings(redis);
        let Some(ca) = &self.ca else {
            return Client::open(info).map_err(StoreError::new);
        };
        let pem = std::fs::read(ca).map_err(|error| {
            StoreError::new(format_args!("{} can not be read: {error}", ca.display()))
        })?;
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
        Client::build_with_tls(info, certificates).map_err(StoreError::new)
    }
}

fn address(url: &str) -> Result<redis::ConnectionInfo, StoreError> {
    // What is in the fragment would switch verification off, and ours is never off.
    if url.contains('#') {
        return Err(StoreError::new("an address of Redis has no fragment"));
    }
    url.into_connection_info()
        .map_err(|_| StoreError::new("not an address of Redis"))
}
