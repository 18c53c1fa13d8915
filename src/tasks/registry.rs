//! Settings and metadata → the identity providers of this gateway.
//!
//! In: every `[[idp]]`, and those that were imported. Out: a [`Registry`] of all whose metadata
//! can be had, and why the others are missing. A metadata address that does not answer costs
//! nobody their sign-in: the last good copy is in the store.

use std::sync::Arc;

use metrics::counter;

use crate::app::App;
use crate::base::{ErrorCode, IdpName, StoreError, Timestamp};
use crate::saml::metadata::{IdpMetadata, MetadataError};
use crate::tasks::fetch::{FetchError, Fetcher};
use crate::telemetry::METADATA_REFRESH;
use crate::trust::{
    IdpSettings, IdpStore, IdpTrust, ImportedIdp, MetadataCopy, MetadataSource, Registry,
};

/// Why an identity provider is not at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Its address does not answer, and there is no copy.
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
            Self::File { .. } => ErrorCode::MetadataFetch,
            Self::Metadata(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Record => ErrorCode::Internal,
        }
    }
}

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// All that can be used.
    pub registry: Registry,
    /// The others.
    pub missing: Vec<(IdpName, LoadError)>,
}

/// Loads all identity providers: the configured ones first, then the imported ones. A configured
/// name hides an imported one.
pub async fn load(
    app: &App,
    configured: &[IdpSettings],
    fetcher: &Fetcher,
    now: Timestamp,
) -> Result<Loaded, StoreError> {
    let store = app.ports.idps.as_ref();
    let mut found: Vec<Arc<IdpTrust>> = Vec::new();
    let mut missing = Vec::new();
    for settings in configured {
        match configured_idp(settings, store, fetcher, now).await {
            Ok(metadata) => found.push(trust(settings.clone(), metadata)),
            Err(error) => missing.push((settings.name.clone(), error)),
        }
    }
    for record in store.list().await? {
        if configured.iter().any(|settings| settings.name == record.name) {
            tracing::warn!(
                idp = record.name.as_str(),
                "imported, but configured too: the import is ignored"
            );
            continue;
        }
        match imported_idp(&record, store, fetcher, now).await {
            Ok(idp) => found.push(idp),
            Err(error) => missing.push((record.name, error)),
        }
    }
    // Two names for one entityID could not be told apart by an answer that nobody asked for.
    let mut seen: Vec<Arc<IdpTrust>> = Vec::new();
    for idp in found {
        let twin = seen.iter().find(|other| other.metadata.entity_id == idp.metadata.entity_id);
        if let Some(twin) = twin {
            tracing::error!(
                idp = idp.settings.name.as_str(),
                other = twin.settings.name.as_str(),
                entity_id = idp.metadata.entity_id,
                "two identity providers have one entityID: the second is ignored"
            );
        } else {
            seen.push(idp);
        }
    }
    Ok(Loaded { registry: Registry::new(seen), missing })
}

fn trust(settings: IdpSettings, metadata: IdpMetadata) -> Arc<IdpTrust> {
    for refused in &metadata.refused_keys {
        tracing::warn!(
            idp = settings.name.as_str(),
            reason = refused.reason,
            "a signing key is not used"
        );
    }
    Arc::new(IdpTrust { settings, metadata })
}

async fn configured_idp(
    settings: &IdpSettings,
    store: &dyn IdpStore,
    fetcher: &Fetcher,
    now: Timestamp,
) -> Result<IdpMetadata, LoadError> {
    let entity_id = settings.entity_id.as_deref();
    match &settings.metadata {
        MetadataSource::File(path) => {
            let bytes = tokio::fs::read(path).await.map_err(|error| LoadError::File {
                path: path.display().to_string(),
                error: error.to_string(),
            })?;
            Ok(IdpMetadata::read(&bytes, entity_id, now)?)
        }
        MetadataSource::Url(url) => {
            let error = match fresh(&settings.name, url, entity_id, store, fetcher, now).await {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            let copy = store.copy(&settings.name).await?.filter(|copy| copy.url == *url);
            let copy = copy.and_then(|copy| {
                let metadata = IdpMetadata::read(copy.metadata.as_bytes(), entity_id, now).ok()?;
                Some((copy.fetched_at, metadata))
            });
            let Some((fetched_at, metadata)) = copy else {
                return Err(error);
            };
            tracing::warn!(
                idp = settings.name.as_str(),
                code = error.code().as_str(),
                detail = error.to_string(),
                fetched_at = fetched_at.to_string(),
                "metadata could not be fetched: going on with the copy"
            );
            Ok(metadata)
        }
        MetadataSource::Stored => Err(LoadError::Record),
    }
}

/// An imported identity provider. Where it has an address, that is asked for newer metadata; what
/// comes from there under another entityID is not what an admin imported, and is not used.
async fn imported_idp(
    record: &ImportedIdp,
    store: &dyn IdpStore,
    fetcher: &Fetcher,
    now: Timestamp,
) -> Result<Arc<IdpTrust>, LoadError> {
    let settings = record.to_settings().ok_or(LoadError::Record)?;
    let entity_id = settings.entity_id.as_deref();
    let first = IdpMetadata::read(record.metadata.as_bytes(), entity_id, Timestamp::EPOCH)?;
    let known = Some(first.entity_id.as_str());
    if let Some(url) = &record.url
        && let Err(error) = fresh(&record.name, url, known, store, fetcher, now).await
    {
        tracing::warn!(
            idp = record.name.as_str(),
            code = error.code().as_str(),
            detail = error.to_string(),
            "metadata could not be fetched again: going on with what there is"
        );
    }
    let copy = store.copy(&record.name).await?;
    let metadata = IdpMetadata::read(record.document(copy.as_ref()).as_bytes(), known, now)?;
    Ok(trust(settings, metadata))
}

/// Fetches, reads and keeps, and counts how that went.
async fn fresh(
    name: &IdpName,
    url: &str,
    entity_id: Option<&str>,
    store: &dyn IdpStore,
    fetcher: &Fetcher,
    now: Timestamp,
) -> Result<IdpMetadata, LoadError> {
    let result = fetch(name, url, entity_id, store, fetcher, now).await;
    let word = result.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok");
    counter!(METADATA_REFRESH, "idp" => name.to_string(), "result" => word).increment(1);
    result
}

async fn fetch(
    name: &IdpName,
    url: &str,
    entity_id: Option<&str>,
    store: &dyn IdpStore,
    fetcher: &Fetcher,
    now: Timestamp,
) -> Result<IdpMetadata, LoadError> {
    let fetched = fetcher.fetch(url).await;
    let fetched = fetched.map_err(|error| LoadError::Fetch { url: url.to_owned(), error })?;
    let metadata = IdpMetadata::read(&fetched.body, entity_id, now)?;
    let copy = MetadataCopy {
        idp: name.clone(),
        url: url.to_owned(),
        metadata: String::from_utf8_lossy(&fetched.body).into_owned(),
        etag: fetched.etag,
        last_modified: fetched.last_modified,
        fetched_at: now,
    };
    store.put_copy(&copy).await?;
    Ok(metadata)
}
