//! Settings and metadata → the identity providers of this gateway.
//!
//! In: every `[[idp]]`, and those that were imported. Out: a [`Registry`] of all whose metadata
//! is at hand, why the others are missing, and from where newer metadata can be had. Nothing here
//! asks the network: `tasks::refresh` does, and keeps what it gets in the store.

use std::collections::HashMap;
use std::sync::Arc;

use openssl::sha::Sha256;
use serde_json::Value;

use crate::base::{ErrorCode, IdpName, StoreError, Timestamp};
use crate::dsig::{TrustedKey, TrustedKeys};
use crate::saml::metadata::{IdpMetadata, MetadataError};
use crate::tasks::fetch::FetchError;
use crate::trust::{
    Absent, IdpSettings, IdpStore, IdpTrust, ImportedIdp, MetadataCopy, MetadataSource, Registry,
    SeenKey, SignersOnce, Standing,
};

/// Imported identity providers that are read at once: some megabytes, some ten milliseconds.
const AT_ONCE: usize = 200;

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
    pub settings: Arc<IdpSettings>,
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
    load_again(store, configured, &mut Known::default()).await
}

/// One imported identity provider alone: whoever asks about it needs nobody else's documents.
pub async fn load_imported(store: &dyn IdpStore, name: &IdpName) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded {
        registry: Registry::default(),
        missing: Vec::new(),
        sources: Vec::new(),
    };
    let Some(record) = store.imported(name).await? else {
        return Ok(loaded);
    };
    let mut keys: HashMap<IdpName, Vec<SeenKey>> = HashMap::new();
    for key in store.seen_keys().await? {
        if key.standing == Standing::Approved && key.idp == *name {
            keys.entry(key.idp.clone()).or_default().push(key);
        }
    }
    for (name, one) in read(kept(vec![record], store, &keys, &Known::default()).await?).await? {
        match one {
            Ok(one) => {
                loaded.sources.extend(one.source);
                loaded.registry = Registry::new(vec![one.idp]);
            }
            Err(error) => loaded.missing.push((name, error)),
        }
    }
    Ok(loaded)
}

/// The same; of those who are `known` from the time before only what is other is read again.
pub async fn load_again(
    store: &dyn IdpStore,
    configured: &[IdpSettings],
    known: &mut Known,
) -> Result<Loaded, StoreError> {
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
            let (settings, url) = (Arc::new(settings.clone()), url.clone());
            sources.push(Arc::new(Source { settings, url, imported: None }));
        }
        match configured_idp(settings, store).await {
            Ok(metadata) => {
                let approved = keys.get(&settings.name).map_or(&[][..], Vec::as_slice);
                found.push(trust(Arc::new(settings.clone()), metadata, approved));
            }
            Err(error) => missing.push((settings.name.clone(), error)),
        }
    }
    let mut now_known = HashMap::new();
    let mut next = page(store, configured, None, &keys, known).await?;
    while let Some((last, part)) = next {
        // While some are read, the next ones are fetched.
        let (read, after) = tokio::join!(
            read(part),
            page(store, configured, Some(&last), &keys, known)
        );
        for (name, read) in read? {
            match read {
                Ok(read) => {
                    sources.extend(read.source.clone());
                    found.push(Arc::clone(&read.idp));
                    now_known.insert(name, read);
                }
                Err(error) => missing.push((name, error)),
            }
        }
        next = after?;
    }
    known.0 = now_known;
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
    let absent = |(name, error): &(IdpName, LoadError)| {
        (
            name.clone(),
            Absent { code: error.code(), detail: error.to_string() },
        )
    };
    let lost: HashMap<IdpName, Absent> = missing.iter().map(absent).collect();
    let owners = configured.iter().filter(|settings| lost.contains_key(&settings.name));
    let registry = Registry::new(found).keeping(owners).lacking(lost);
    Ok(Loaded { registry, missing, sources })
}

/// With the keys beside it that an administrator has approved.
fn trust(settings: Arc<IdpSettings>, metadata: IdpMetadata, approved: &[SeenKey]) -> Arc<IdpTrust> {
    for refused in &metadata.refused_keys {
        tracing::warn!(
            idp = settings.name.as_str(),
            reason = refused.reason,
            "a signing key is not used"
        );
    }
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

/// The metadata of one, and beside its keys those that an administrator has approved for the same
/// entityID: a name may be somebody else's by now.
pub fn with_approved(mut metadata: IdpMetadata, seen: &[SeenKey]) -> IdpMetadata {
    let approved = seen
        .iter()
        .filter(|key| key.standing == Standing::Approved && key.entity_id == metadata.entity_id);
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

/// What was read of imported identity providers, by what stood in the store: of a federation nearly
/// all are the same after a change, and reading their certificates again would take seconds.
#[derive(Debug, Default)]
pub struct Known(HashMap<IdpName, Read>);

/// One of them.
#[derive(Clone, Debug)]
struct Read {
    /// SHA-256 of everything it was read from.
    of: [u8; 32],
    idp: Arc<IdpTrust>,
    source: Option<Arc<Source>>,
}

/// What the store has of one, and what was read of it before.
struct Kept {
    record: ImportedIdp,
    copy: Option<MetadataCopy>,
    approved: Vec<SeenKey>,
    before: Option<Read>,
}

/// The imported ones behind a name, with what belongs to them, and the last name; `None` behind the last.
async fn page(
    store: &dyn IdpStore,
    configured: &[IdpSettings],
    after: Option<&IdpName>,
    keys: &HashMap<IdpName, Vec<SeenKey>>,
    known: &Known,
) -> Result<Option<(IdpName, Vec<Kept>)>, StoreError> {
    let mut records = store.page(after, AT_ONCE).await?;
    let Some(last) = records.last().map(|last| last.name.clone()) else {
        return Ok(None);
    };
    records.retain(|record| {
        let hidden = configured.iter().any(|settings| settings.name == record.name);
        if hidden {
            tracing::warn!(
                idp = record.name.as_str(),
                "imported, but configured too: the import is ignored"
            );
        }
        !hidden
    });
    Ok(Some((last, kept(records, store, keys, known).await?)))
}

async fn kept(
    records: Vec<ImportedIdp>,
    store: &dyn IdpStore,
    keys: &HashMap<IdpName, Vec<SeenKey>>,
    known: &Known,
) -> Result<Vec<Kept>, StoreError> {
    let with_address = records.iter().filter(|record| record.url.is_some());
    let names: Vec<IdpName> = with_address.map(|record| record.name.clone()).collect();
    let copies = match names.is_empty() {
        true => Vec::new(),
        false => store.copies(&names).await?,
    };
    let mut copies: HashMap<IdpName, MetadataCopy> =
        copies.into_iter().map(|copy| (copy.idp.clone(), copy)).collect();
    let kept = records.into_iter().map(|record| Kept {
        copy: copies.remove(&record.name),
        approved: keys.get(&record.name).cloned().unwrap_or_default(),
        before: known.0.get(&record.name).cloned(),
        record,
    });
    Ok(kept.collect())
}

type Outcome = (IdpName, Result<Read, LoadError>);

/// Ten thousand certificates are seconds of work, which nobody who signs in should wait for.
async fn read(all: Vec<Kept>) -> Result<Vec<Outcome>, StoreError> {
    let work = move || {
        let mut signers = SignersOnce::default();
        let read = |kept: Kept| (kept.record.name.clone(), kept.read(&mut signers));
        all.into_iter().map(read).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(StoreError::new)
}

impl Kept {
    fn read(self, signers: &mut SignersOnce) -> Result<Read, LoadError> {
        let of = self.fingerprint();
        let Self { record, copy, approved, before } = self;
        if let Some(before) = before.filter(|before| before.of == of) {
            return Ok(before);
        }
        let (mut settings, metadata, entity_id) = imported_idp(&record, copy.as_ref(), signers)?;
        settings.imported_from.clone_from(&record.url);
        let settings = Arc::new(settings);
        let source = record.url.map(|url| {
            let (settings, imported) = (Arc::clone(&settings), Some(entity_id));
            Arc::new(Source { settings, url, imported })
        });
        let idp = trust(settings, metadata.without_descriptions(), &approved);
        Ok(Read { of, idp, source })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let Self { record, copy, approved, .. } = self;
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            hash.update(&length.to_be_bytes());
            hash.update(bytes);
        };
        let mut add_optional = |text: Option<&str>| {
            add(&[u8::from(text.is_some())]);
            add(text.unwrap_or_default().as_bytes());
        };
        add_optional(Some(&record.settings.to_string()));
        add_optional(record.url.as_deref());
        // The first document says by which entityID it was imported, if the settings do not.
        let is_named = record.settings.get("entity_id").is_some_and(Value::is_string);
        add_optional((!is_named).then_some(record.metadata.as_str()));
        add_optional(Some(record.document(copy.as_ref())));
        let picked_by = match record.newer(copy.as_ref()) {
            Some(copy) => copy.picked_by.as_deref(),
            None => record.settings.get("picked_by").and_then(Value::as_str),
        };
        add_optional(picked_by);
        for key in approved {
            add(&key.certificate);
        }
        hash.finish()
    }
}

/// An imported identity provider, and the entityID by which it was imported. What comes from its
/// address under another one is not what an administrator imported, and is not used.
fn imported_idp(
    record: &ImportedIdp,
    copy: Option<&MetadataCopy>,
    signers: &mut SignersOnce,
) -> Result<(IdpSettings, IdpMetadata, String), LoadError> {
    let kept = record.kept_settings().ok_or(LoadError::Record)?;
    let picked_by = kept.picked_by.clone();
    let settings = kept.into_settings(&record.name, signers).ok_or(LoadError::Record)?;
    let newest = |entity_id: &str| {
        let copy = record.newer(copy)?;
        if copy.metadata == record.metadata && copy.picked_by == picked_by {
            return None;
        }
        // A copy that can not be read any more is no reason to turn people away.
        settings.read_copy(copy, Some(entity_id), Timestamp::EPOCH).ok()
    };
    // By which name it was imported, what was imported says, if nobody has.
    if let Some(entity_id) = settings.entity_id.clone()
        && let Some(newest) = newest(&entity_id)
    {
        return Ok((settings, newest, entity_id));
    }
    let document = record.metadata.as_bytes();
    let entity_id = settings.entity_id.as_deref();
    let first = settings.read_kept(document, picked_by.as_deref(), entity_id, Timestamp::EPOCH)?;
    let entity_id = first.entity_id.clone();
    let newest = newest(&entity_id);
    Ok((settings, newest.unwrap_or(first), entity_id))
}
