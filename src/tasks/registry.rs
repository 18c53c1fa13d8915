//! Settings and metadata → the identity providers of this gateway.
//!
//! In: every `[[idp]]`, and those that were imported. Out: a [`Registry`] of all whose metadata
//! is at hand, why the others are missing, and from where newer metadata can be had. Nothing here
//! asks the network: `tasks::refresh` does, and keeps what it gets in the store.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{ErrorCode, IdpName, StoreError, Timestamp};
use crate::dsig::{TrustedKey, TrustedKeys};
use crate::saml::metadata::{IdpMetadata, MetadataError};
use crate::tasks::fetch::FetchError;
use crate::trust::{
    IdpSettings, IdpStore, IdpTrust, ImportedIdp, MetadataSource, Registry, SeenKey, Standing,
};

/// Why an identity provider, or newer metadata of it, is not at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Its address does not answer.
    #[error("{url}: {error}")]
    Fetch {
        /// The address.
        url: String,
        /// What happened.
        error: FetchError,
    },
    /// Its file can not be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        error: String,
    },
    /// The document is refused.
    #[error("{0}")]
    Metadata(#[from] MetadataError),
    /// Nothing was fetched so far.
    #[error("{url} was not fetched yet")]
    NotYet {
        /// The address.
        url: String,
    },
    /// Another one has this entityID: answers that nobody asked for could not be told apart.
    #[error("{other} has the entityID {entity_id} already")]
    Twin {
        /// The other.
        other: IdpName,
        /// What both are called.
        entity_id: String,
    },
    /// The store can not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What the store has is not what this version writes.
    #[error("the record in the store can not be read")]
    Record,
}

impl LoadError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Fetch { error, .. } => error.code(),
            Self::File { .. } | Self::NotYet { .. } => ErrorCode::MetadataFetch,
            Self::Twin { .. } => ErrorCode::MetadataEntity,
            Self::Metadata(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Record => ErrorCode::Internal,
        }
    }
}

/// From where newer metadata of one identity provider can be had.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its settings.
    pub settings: IdpSettings,
    /// The address.
    pub url: String,
    /// It was imported: by this entityID.
    pub imported: Option<String>,
}

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// All that can be used.
    pub registry: Registry,
    /// The others.
    pub missing: Vec<(IdpName, LoadError)>,
    /// All that have an address.
    pub sources: Vec<Arc<Source>>,
}

/// Loads all identity providers: the configured ones first, then the imported ones. A configured
/// name hides an imported one.
///
/// Metadata whose validUntil has passed is loaded: it is not used, and whoever comes with it is told
/// so by name ([`IdpTrust::ended`]).
pub async fn load(store: &dyn IdpStore, configured: &[IdpSettings]) -> Result<Loaded, StoreError> {
    let mut keys: HashMap<IdpName, Vec<SeenKey>> = HashMap::new();
    for key in store.seen_keys().await? {
        if key.standing == Standing::Approved {
            keys.entry(key.idp.clone()).or_default().push(key);
        }
    }
    let mut found: Vec<Arc<IdpTrust>> = Vec::new();
    let mut missing = Vec::new();
    let mut sources = Vec::new();
    for settings in configured {
        if let MetadataSource::Url(url) = &settings.metadata {
            let (settings, url) = (settings.clone(), url.clone());
            sources.push(Arc::new(Source { settings, url, imported: None }));
        }
        match configured_idp(settings, store).await {
            Ok(metadata) => found.push(trust(settings.clone(), metadata, &keys)),
            Err(error) => missing.push((settings.name.clone(), error)),
        }
    }
    let names: Vec<&IdpName> = configured.iter().map(|settings| &settings.name).collect();
    for record in store.list().await? {
        if names.contains(&&record.name) {
            tracing::warn!(
                idp = record.name.as_str(),
                "imported, but configured too: the import is ignored"
            );
            continue;
        }
        match imported_idp(&record, store).await {
            Ok((settings, metadata, entity_id)) => {
                if let Some(url) = record.url {
                    let (settings, imported) = (settings.clone(), Some(entity_id));
                    sources.push(Arc::new(Source { settings, url, imported }));
                }
                found.push(trust(settings, metadata, &keys));
            }
            Err(error) => missing.push((record.name, error)),
        }
        // Ten thousand of them are seconds, and sign-ins go on meanwhile.
        tokio::task::yield_now().await;
    }
    // Two names for one entityID could not be told apart by an answer that nobody asked for.
    let mut seen: HashMap<String, IdpName> = HashMap::new();
    found.retain(|idp| {
        let (name, entity_id) = (&idp.settings.name, &idp.metadata.entity_id);
        if let Some(other) = seen.get(entity_id) {
            let (other, entity_id) = (other.clone(), entity_id.clone());
            missing.push((name.clone(), LoadError::Twin { other, entity_id }));
            return false;
        }
        seen.insert(entity_id.clone(), name.clone());
        true
    });
    Ok(Loaded { registry: Registry::new(found), missing, sources })
}

/// With the keys beside it that an administrator has approved.
fn trust(
    settings: IdpSettings,
    metadata: IdpMetadata,
    approved: &HashMap<IdpName, Vec<SeenKey>>,
) -> Arc<IdpTrust> {
    for refused in &metadata.refused_keys {
        tracing::warn!(
            idp = settings.name.as_str(),
            reason = refused.reason,
            "a signing key is not used"
        );
    }
    let approved = approved.get(&settings.name).map_or(&[][..], Vec::as_slice);
    let metadata = with_approved(metadata, approved);
    let idp = IdpTrust { settings, metadata };
    // Nobody can sign in there until its settings are others: the log says so before people do.
    if let Err(error) = idp.wishes("").for_vendor(idp.metadata.vendor) {
        tracing::error!(
            idp = idp.settings.name.as_str(),
            code = ErrorCode::ConfigValue.as_str(),
            detail = error.to_string(),
            "its settings ask for what it does not take"
        );
    }
    Arc::new(idp)
}

/// The metadata of one, and beside its keys those that an administrator has approved.
pub fn with_approved(mut metadata: IdpMetadata, seen: &[SeenKey]) -> IdpMetadata {
    let approved = seen.iter().filter(|key| key.standing == Standing::Approved);
    let keys = approved.filter_map(|key| TrustedKey::from_certificate_der(&key.certificate).ok());
    let mut all: Vec<TrustedKey> = metadata.signing_keys.iter().cloned().collect();
    for key in keys {
        if !all.iter().any(|known| known.fingerprint() == key.fingerprint()) {
            all.push(key);
        }
    }
    if let Some(all) = TrustedKeys::from_vec(all) {
        metadata.signing_keys = all;
    }
    metadata
}

async fn configured_idp(
    settings: &IdpSettings,
    store: &dyn IdpStore,
) -> Result<IdpMetadata, LoadError> {
    let entity_id = settings.entity_id.as_deref();
    match &settings.metadata {
        MetadataSource::File(path) => {
            let bytes = tokio::fs::read(path).await.map_err(|error| LoadError::File {
                path: path.display().to_string(),
                error: error.to_string(),
            })?;
            Ok(settings.read(&bytes, entity_id, Timestamp::EPOCH)?)
        }
        MetadataSource::Url(url) => {
            let copy = store.copy(&settings.name).await?.filter(|copy| copy.url == *url);
            let copy = copy.ok_or_else(|| LoadError::NotYet { url: url.clone() })?;
            Ok(settings.read_copy(&copy, entity_id, Timestamp::EPOCH)?)
        }
        MetadataSource::Stored => Err(LoadError::Record),
    }
}

/// An imported identity provider, and the entityID by which it was imported. What comes from its
/// address under another one is not what an administrator imported, and is not used.
async fn imported_idp(
    record: &ImportedIdp,
    store: &dyn IdpStore,
) -> Result<(IdpSettings, IdpMetadata, String), LoadError> {
    let settings = record.to_settings().ok_or(LoadError::Record)?;
    let copy = match record.url {
        Some(_) => store.copy(&record.name).await?,
        None => None,
    };
    let entity_id = settings.entity_id.as_deref();
    let (document, picked_by) = (record.metadata.as_bytes(), record.picked_by(None));
    let first = settings.read_kept(document, picked_by.as_deref(), entity_id, Timestamp::EPOCH)?;
    let entity_id = first.entity_id.clone();
    let (document, picked_by) = (
        record.document(copy.as_ref()),
        record.picked_by(copy.as_ref()),
    );
    if document == record.metadata {
        return Ok((settings, first, entity_id));
    }
    let known = Some(entity_id.as_str());
    let newest = settings.read_kept(
        document.as_bytes(),
        picked_by.as_deref(),
        known,
        Timestamp::EPOCH,
    );
    // A copy that can not be read any more is no reason to turn people away.
    Ok((settings, newest.unwrap_or(first), entity_id))
}
