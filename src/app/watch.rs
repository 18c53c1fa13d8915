//! What runs out of all that this gateway uses.

use std::path::PathBuf;
use std::sync::Arc;

use super::App;
use crate::access::Routes;
use crate::base::{StoreError, Timestamp};
use crate::directory::{ClientKey, ScimToken};
use crate::trust::Registry;
use crate::watch::own::certificates_in;
use crate::watch::{Expiry, Sources, TlsCertificate, expiries, own};

/// Files that are looked at.
#[derive(Clone, Debug, Default)]
pub struct WatchedFiles {
    /// The folder of our own keys.
    pub keys: PathBuf,
    /// PEM files of TLS certificates, and who shows them.
    pub tls: Vec<(String, PathBuf)>,
    /// The identity providers of the configuration.
    pub idps: Vec<String>,
}

impl WatchedFiles {
    /// Those of a configuration.
    pub fn new(keys: PathBuf, server: Option<PathBuf>, routes: &Routes) -> Self {
        let mut tls: Vec<(String, PathBuf)> =
            server.map(|path| ("server".to_owned(), path)).into_iter().collect();
        for route in routes.iter() {
            let identity = route.upstream_tls.as_ref().and_then(|tls| tls.identity.as_ref());
            let Some(identity) = identity else { continue };
            let known = tls.iter().any(|(_, path)| *path == identity.certificate);
            if !known {
                tls.push(("upstream".to_owned(), identity.certificate.clone()));
            }
        }
        Self { keys, tls, idps: Vec::new() }
    }

    /// What is in them; those that can not be read are named.
    pub fn read(&self) -> (Sources<'static>, Vec<String>) {
        let mut unread = Vec::new();
        let mut tls = Vec::new();
        for (owner, path) in &self.tls {
            match certificates_in(path) {
                Ok(all) => tls.extend(all.into_iter().map(|certificate| TlsCertificate {
                    owner: owner.clone(),
                    path: path.clone(),
                    certificate,
                })),
                Err(problem) => unread.push(problem),
            }
        }
        let jwt = std::fs::metadata(self.keys.join("jwt-signing.key"));
        let jwt = jwt.and_then(|file| file.modified()).ok();
        let since = jwt.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        // In images that are built the same every time, files are of 1970 or so.
        let since = since.map(|since| Timestamp::EPOCH.plus(since)).filter(|at| *at > REAL);
        let sources = Sources {
            own: own::own_certificates(&self.keys),
            tls,
            jwt_since: since,
            ..Sources::default()
        };
        (sources, unread)
    }
}

/// No file of ours is older: 2026-01-01.
const REAL: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// What was found.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What ends, the most urgent first.
    pub expiries: Vec<Expiry>,
    /// The identity providers that were looked at.
    pub registry: Arc<Registry>,
    /// Those that there are, but whose metadata is not at hand: nobody knows how they stand.
    pub absent: Vec<String>,
}

impl App {
    /// Looks at everything that this gateway uses.
    pub async fn watched(&self, now: Timestamp) -> Result<Watched, StoreError> {
        let tokens: Vec<ScimToken> = self.ports.connections.tokens(None).await?;
        let keys: Vec<ClientKey> = self.ports.connections.keys(None).await?;
        let registry = self.registry();
        let (files, unread) = self.settings().watched.read();
        for problem in unread {
            tracing::warn!(detail = problem, "a certificate can not be watched");
        }
        let idps = registry.all().iter().map(|idp| (&idp.settings, &idp.metadata)).collect();
        let expiries = expiries(&Sources { idps, tokens, keys, ..files }, now);
        let imported = self.ports.idps.list().await?.into_iter().map(|idp| idp.name.to_string());
        let mut absent = self.settings().watched.idps.clone();
        absent.extend(imported);
        absent.retain(|name| !registry.all().iter().any(|idp| idp.settings.name.as_str() == name));
        Ok(Watched { expiries, registry, absent })
    }
}
