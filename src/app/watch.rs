//! What runs out of all that this gateway uses.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::App;
use crate::access::Routes;
use crate::base::{StoreError, Timestamp};
use crate::directory::{ClientKey, ScimToken};
use crate::keys::{Policy, Ring, Step, Use, due_at};
use crate::store::keys::{KeySettings, KnownKey, Origin, look};
use crate::trust::Registry;
use crate::watch::own::certificates_in;
use crate::watch::{
    Expiry, OwnCertificate, Sources, Thresholds, TlsCertificate, by_urgency, expiries,
};

/// Files that are looked at.
#[derive(Clone, Debug, Default)]
pub struct WatchedFiles {
    /// Where our own keys are.
    pub keys: KeySettings,
    /// When they take their steps by themselves.
    pub policy: Option<Policy>,
    /// PEM files of TLS certificates, and who shows them.
    pub tls: Vec<(String, PathBuf)>,
    /// The identity providers of the configuration.
    pub idps: Vec<String>,
}

impl WatchedFiles {
    /// Those of a configuration.
    pub fn new(
        keys: KeySettings,
        policy: Option<Policy>,
        server: Option<PathBuf>,
        routes: &Routes,
    ) -> Self {
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
        Self { keys, policy, tls, idps: Vec::new() }
    }

    /// What is in them; those that can not be read are named.
    pub fn read(&self) -> (Sources<'static>, Vec<String>) {
        let (tls, unread) = self.read_tls();
        let mut unread: Vec<String> = unread.into_iter().map(|(_, problem)| problem).collect();
        let known = look(&self.keys).unwrap_or_else(|error| {
            unread.push(error.to_string());
            Default::default()
        });
        (sources(&known.0, self.policy, tls), unread)
    }

    /// The certificates for TLS; of those that can not be read, who shows them, and why.
    fn read_tls(&self) -> (Vec<TlsCertificate>, Vec<(String, String)>) {
        let mut unread = Vec::new();
        let mut tls = Vec::new();
        for (owner, path) in &self.tls {
            match certificates_in(path) {
                Ok(all) => tls.extend(all.into_iter().map(|certificate| TlsCertificate {
                    owner: owner.clone(),
                    path: path.clone(),
                    certificate,
                })),
                Err(problem) => unread.push((owner.clone(), problem)),
            }
        }
        (tls, unread)
    }

    /// What changes when a certificate for TLS does.
    pub fn tls_ages(&self) -> Vec<Option<SystemTime>> {
        let age = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        self.tls.iter().map(|(_, path)| age(path)).collect()
    }
}

fn sources(
    known: &[KnownKey],
    policy: Option<Policy>,
    tls: Vec<TlsCertificate>,
) -> Sources<'static> {
    let own = |key| own_certificate(key, next_step(known, policy, key.usage));
    Sources {
        own: known.iter().filter_map(own).collect(),
        tls,
        jwt_since: known.iter().find_map(KnownKey::jwt_since),
        ..Sources::default()
    }
}

/// A certificate that others know, or will.
fn own_certificate(key: &KnownKey, next_step: Option<Timestamp>) -> Option<OwnCertificate> {
    (key.held.step != Step::Retired).then_some(OwnCertificate {
        key_use: key.usage.as_str(),
        active: key.held.step == Step::Active,
        next_step,
        certificate: key.certificate.clone()?,
    })
}

/// When the keys of a use take their next step by themselves, if they do.
pub fn next_step(known: &[KnownKey], policy: Option<Policy>, usage: Use) -> Option<Timestamp> {
    let keys = || known.iter().filter(|key| key.usage == usage);
    if keys().any(|key| key.origin == Origin::Configuration) {
        return None;
    }
    let ring = Ring::new(usage, keys().map(|key| key.held.clone()).collect())?;
    let active = keys().find(|key| key.held.step == Step::Active);
    due_at(&ring, policy?, active.and_then(KnownKey::ends))
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What ends, the most urgent first.
    pub expiries: Vec<Expiry>,
    /// The identity providers that were looked at.
    pub registry: Arc<Registry>,
    /// Those that there are, but whose metadata is not at hand: nobody knows how they stand.
    pub absent: Vec<String>,
    /// Whose certificates for TLS could not be read: `server`, `upstream`.
    pub unread: Vec<String>,
}

impl App {
    /// Looks at everything that this gateway uses.
    pub async fn watched(&self, now: Timestamp) -> Result<Watched, StoreError> {
        let tokens: Vec<ScimToken> = self.ports.connections.tokens(None).await?;
        let keys: Vec<ClientKey> = self.ports.connections.keys(None).await?;
        let registry = self.registry();
        let settings = self.settings();
        let (tls, problems) = settings.watched.read_tls();
        let mut unread = Vec::new();
        for (owner, problem) in problems {
            tracing::warn!(detail = problem, "a certificate can not be watched");
            unread.push(owner);
        }
        // Those in force: what lies in the folder at this moment may be half of it.
        let files = sources(&self.own().keys.known, settings.watched.policy, tls);
        let idps = registry.all().iter().map(|idp| (&*idp.settings, &idp.metadata)).collect();
        let mut expiries = expiries(&Sources { idps, tokens, keys, ..files }, now);
        by_urgency(&mut expiries, Thresholds::default(), now);
        let imported = self.ports.idps.names().await?;
        let mut absent = settings.watched.idps.clone();
        absent.extend(imported.iter().map(ToString::to_string));
        let known: HashSet<&str> =
            registry.all().iter().map(|idp| idp.settings.name.as_str()).collect();
        absent.retain(|name| !known.contains(name.as_str()));
        Ok(Watched { expiries, registry, absent, unread })
    }
}
