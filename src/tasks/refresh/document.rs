//! An address → what it gives of each identity provider that is asked about.
//!
//! In: those that have the address in common, with the copies that are kept of them. Out: "nothing
//! new", or an [`Entity`] for each. Of an aggregate only some are in memory at a time.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use super::AT_ONCE;
use crate::base::{IdpName, StoreError, Timestamp};
use crate::dsig::Trust;
use crate::saml::metadata::aggregate::{Picked, Signers};
use crate::saml::metadata::{Aggregate, IdpMetadata, MetadataError};
use crate::tasks::fetch::{Answer, Bounds, Fetcher, Validators};
use crate::tasks::registry::{LoadError, Source};
use crate::trust::reading::Way;
use crate::trust::{IdpStore, MetadataCopy};

/// What an address gave.
pub(super) enum Document {
    /// Nothing new.
    Same,
    /// Something else than before.
    New(Validators, Content),
}

/// A document of one, or of many.
pub(super) enum Content {
    One(Box<Result<Entity, MetadataError>>),
    Many(Arc<(File, Aggregate)>),
}

impl Content {
    /// Something for each of these, in their order.
    pub(super) async fn entities(
        &self,
        part: &[Arc<Source>],
        now: Timestamp,
    ) -> Vec<Result<Entity, MetadataError>> {
        let opened = match self {
            Self::One(entity) => return vec![Result::clone(entity)],
            Self::Many(opened) => Arc::clone(opened),
        };
        let owned = part.to_vec();
        // Certificates take their time, and nobody who signs in should wait for it.
        let picked = tokio::task::spawn_blocking(move || pick(&opened, &owned, now)).await;
        picked.unwrap_or_else(|error| {
            let fell = MetadataError::Read(error.to_string());
            part.iter().map(|_| Err(fell.clone())).collect()
        })
    }
}

/// One identity provider in it.
#[derive(Clone)]
pub(super) struct Entity {
    pub(super) metadata: IdpMetadata,
    pub(super) document: String,
    pub(super) picked_by: Option<String>,
}

pub(super) async fn copies(
    store: &dyn IdpStore,
    group: &[Arc<Source>],
) -> Result<HashMap<IdpName, MetadataCopy>, StoreError> {
    let names: Vec<IdpName> = group.iter().map(|source| source.settings.name.clone()).collect();
    let copies = store.copies(&names).await?;
    let mut copies: HashMap<IdpName, MetadataCopy> =
        copies.into_iter().map(|copy| (copy.idp.clone(), copy)).collect();
    for source in group {
        let name = &source.settings.name;
        if copies.get(name).is_some_and(|copy| copy.url != source.url) {
            copies.remove(name);
        }
    }
    Ok(copies)
}

/// Those that all copies came with; of one that has none, or one that the settings do not accept any
/// more, the whole document is needed.
async fn validators(store: &dyn IdpStore, group: &[Arc<Source>]) -> Result<Validators, StoreError> {
    let mut common = None;
    for part in group.chunks(AT_ONCE) {
        let (mut copies, part) = (copies(store, part).await?, part.to_vec());
        let work = move || {
            let one = |source: &Arc<Source>| {
                let copy = copies.remove(&source.settings.name)?;
                let entity_id = entity_of(source);
                source.settings.read_copy(&copy, entity_id, Timestamp::EPOCH).ok()?;
                Some(Validators { etag: copy.etag, last_modified: copy.last_modified })
            };
            let all: Option<Vec<Validators>> = part.iter().map(one).collect();
            all
        };
        let all = tokio::task::spawn_blocking(work).await.map_err(StoreError::new)?;
        for one in all.unwrap_or_else(|| vec![Validators::default()]) {
            let first = common.get_or_insert_with(|| one.clone());
            if one == Validators::default() || *first != one {
                return Ok(Validators::default());
            }
        }
    }
    Ok(common.unwrap_or_default())
}

pub(super) async fn fetch(
    fetcher: &Fetcher,
    store: &dyn IdpStore,
    group: &[Arc<Source>],
    now: Timestamp,
) -> Result<Result<Document, LoadError>, StoreError> {
    let known = validators(store, group).await?;
    Ok(ask(fetcher, &known, group, now).await)
}

async fn ask(
    fetcher: &Fetcher,
    known: &Validators,
    group: &[Arc<Source>],
    now: Timestamp,
) -> Result<Document, LoadError> {
    let Some(first) = group.first() else {
        return Ok(Document::Same);
    };
    let url = &first.url;
    let failed = |error| LoadError::Fetch { url: url.clone(), error };
    if !may_be_aggregate(group) {
        let answer = fetcher.fetch_if(url, known, Bounds::DOCUMENT).await.map_err(failed)?;
        let Answer::New(fetched) = answer else {
            return Ok(Document::Same);
        };
        let Validators { etag, last_modified } =
            Validators { etag: fetched.etag, last_modified: fetched.last_modified };
        let entity = whole(first, &fetched.body, now);
        let content = Content::One(Box::new(entity));
        return Ok(Document::New(Validators { etag, last_modified }, content));
    }
    let file = tempfile::tempfile().map_err(disk)?;
    let mut writer = tokio::fs::File::from_std(file.try_clone().map_err(disk)?);
    let answer = fetcher.download(url, known, &mut writer, Bounds::AGGREGATE).await;
    let Answer::New(validators) = answer.map_err(failed)? else {
        return Ok(Document::Same);
    };
    drop(writer);
    let group = group.to_vec();
    // Seconds of work, which nobody who signs in should wait for.
    let read = tokio::task::spawn_blocking(move || open(file, &group, now)).await;
    let content = read.map_err(|error| disk(std::io::Error::other(error)))??;
    Ok(Document::New(validators, content))
}

fn disk(error: std::io::Error) -> LoadError {
    LoadError::Metadata(MetadataError::Read(error.to_string()))
}

/// Several of one address, or one that was chosen out of what may be many.
fn may_be_aggregate(group: &[Arc<Source>]) -> bool {
    let chosen = |source: &Arc<Source>| {
        source.settings.way == Way::Document && source.settings.entity_id.is_some()
    };
    group.len() > 1 || group.iter().any(chosen)
}

/// The document of one identity provider.
fn whole(source: &Source, bytes: &[u8], now: Timestamp) -> Result<Entity, MetadataError> {
    let metadata = source.settings.read(bytes, source.settings.entity_id.as_deref(), now)?;
    let document = String::from_utf8_lossy(bytes).into_owned();
    Ok(Entity { metadata, document, picked_by: None })
}

/// Reads what was downloaded, once for all.
fn open(file: File, group: &[Arc<Source>], now: Timestamp) -> Result<Content, LoadError> {
    use std::io::{Read as _, Seek as _};
    let mut reader = &file;
    reader.rewind().map_err(disk)?;
    let length = file.metadata().map_err(disk)?.len();
    if let ([only], true) = (group, length <= Bounds::DOCUMENT.bytes) {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(disk)?;
        return Ok(Content::One(Box::new(whole(only, &bytes, now))));
    }
    let settings = group.first().map(|source| &source.settings);
    let signers = settings.and_then(|settings| settings.metadata_signers.as_ref());
    let signers = signers.map_or(Signers::Nobody, |keys| Signers::Keys(Trust::only(keys)));
    let aggregate = Aggregate::read(std::io::BufReader::new(&file), signers, now)?;
    Ok(Content::Many(Arc::new((file, aggregate))))
}

/// Picks some out of it.
fn pick(
    (file, aggregate): &(File, Aggregate),
    part: &[Arc<Source>],
    now: Timestamp,
) -> Vec<Result<Entity, MetadataError>> {
    let wanted: Vec<&str> = part.iter().map(|source| entity_of(source).unwrap_or("")).collect();
    let picked = aggregate.pick(std::io::BufReader::new(file), &wanted, now);
    picked.map(|picked| picked.map(Entity::from)).collect()
}

impl From<Picked> for Entity {
    fn from(picked: Picked) -> Self {
        let picked_by = picked.signed_by().map(ToOwned::to_owned);
        Self {
            metadata: picked.metadata,
            document: picked.document,
            picked_by,
        }
    }
}

fn entity_of(source: &Source) -> Option<&str> {
    source.settings.entity_id.as_deref().or(source.imported.as_deref())
}
