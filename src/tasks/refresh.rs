//! Asks for metadata again, and decides what becomes of what comes.
//!
//! In: identity providers that have one address in common (of an aggregate, many have), and what is
//! known of them. Out: what became of each: [`Outcome`]. Everything is in the store before this
//! returns: the document, how it went, what waits for an administrator, and the audit's record of it.
//! What does not come, or is refused, changes nothing but the next attempt.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::Arc;

use metrics::counter;
use serde_json::json;

use crate::audit::{AuditSink, Event, EventKind};
use crate::base::{Entropy, IdpName, StoreError, Timestamp};
use crate::dsig::Trust;
use crate::notice::{Notice, Notices};
use crate::saml::metadata::aggregate::{Picked, Signers};
use crate::saml::metadata::{Aggregate, IdpMetadata, MetadataChange, MetadataError};
use crate::tasks::fetch::{Answer, Bounds, Fetcher, Validators};
use crate::tasks::registry::{LoadError, Source};
use crate::telemetry::METADATA_REFRESH;
use crate::trust::reading::Way;
use crate::trust::schedule::{History, next};
use crate::trust::{
    IdpStore, MetadataCopy, OnChange, RefreshState, Registry, SeenKey, Standing, WaitingChange,
};

/// The stores that take part.
#[derive(Clone, Copy)]
pub struct Stores<'s> {
    /// Copies, states, and what waits.
    pub idps: &'s dyn IdpStore,
    /// What happened.
    pub audit: &'s dyn AuditSink,
    /// What administrators are told.
    pub notices: &'s dyn Notices,
    /// For the times of the next attempts.
    pub entropy: &'s dyn Entropy,
}

/// What became of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is what we have.
    Same,
    /// It counts from now on; with what is other, if anything is.
    Applied(Option<MetadataChange>),
    /// An administrator has to see this first.
    Waiting(MetadataChange),
}

/// What became of asking about each.
pub type Results = Vec<(IdpName, Result<Outcome, LoadError>)>;

/// Asks the address that `group` has in common. `known` is what counts now, `states` how it went
/// before.
pub async fn refresh(
    stores: Stores<'_>,
    fetcher: &Fetcher,
    group: &[Arc<Source>],
    known: &Registry,
    states: &HashMap<IdpName, RefreshState>,
    now: Timestamp,
) -> Result<Results, StoreError> {
    let fetched = fetch(fetcher, stores.idps, group, now).await?;
    let told = Told::read(stores.idps).await?;
    // One document is asked for once, for all who are in it.
    let mut random = [0; 2];
    stores.entropy.fill(&mut random);
    let asking = Asking {
        stores,
        known,
        states,
        told,
        random: u16::from_le_bytes(random),
        many: group.len() > COUNTED_ONE_BY_ONE,
        now,
    };
    let mut results = Vec::new();
    // Of a federation there are ten thousand, with 100 MB: never all of it in memory, and never a
    // transaction that somebody who signs in would wait for.
    let mut outcome = Ok(());
    for part in group.chunks(AT_ONCE) {
        match asking.part(part, &fetched).await {
            Ok(some) => results.extend(some),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    if asking.many {
        count_together(group, &results);
    }
    if results.iter().any(|(_, result)| matches!(result, Ok(Outcome::Applied(_)))) {
        // Other nodes take it from there.
        stores.idps.renewed().await?;
    }
    outcome.map(|()| results)
}

/// More than these have one series of the counter in common, by the host of their address.
const COUNTED_ONE_BY_ONE: usize = 50;

/// One question is counted once for each result that it had.
fn count_together(group: &[Arc<Source>], results: &Results) {
    let url = group.first().and_then(|first| url::Url::parse(&first.url).ok());
    let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    let words: BTreeSet<&str> = results.iter().map(|(_, result)| word(result)).collect();
    for word in words {
        let labels = [("idp", host.to_owned()), ("result", word.to_owned())];
        counter!(METADATA_REFRESH, &labels).increment(1);
    }
}

fn word(result: &Result<Outcome, LoadError>) -> &'static str {
    result.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok")
}

/// How many are dealt with at once: some megabytes.
const AT_ONCE: usize = 200;

/// What was there before the question, and how everything is kept.
struct Asking<'s> {
    stores: Stores<'s>,
    known: &'s Registry,
    states: &'s HashMap<IdpName, RefreshState>,
    told: Told,
    random: u16,
    /// They are counted together.
    many: bool,
    now: Timestamp,
}

/// What administrators were told.
struct Told {
    waiting: HashMap<IdpName, WaitingChange>,
    seen: HashMap<IdpName, Vec<SeenKey>>,
}

impl Told {
    async fn read(store: &dyn IdpStore) -> Result<Self, StoreError> {
        let waiting = store.waiting().await?.into_iter();
        let mut seen: HashMap<IdpName, Vec<SeenKey>> = HashMap::new();
        for key in store.seen_keys().await? {
            seen.entry(key.idp.clone()).or_default().push(key);
        }
        let waiting = waiting.map(|waiting| (waiting.copy.idp.clone(), waiting)).collect();
        Ok(Self { waiting, seen })
    }
}

impl Asking<'_> {
    /// What becomes of some of them.
    async fn part(
        &self,
        part: &[Arc<Source>],
        fetched: &Result<Document, LoadError>,
    ) -> Result<Results, StoreError> {
        let (stores, now) = (self.stores, self.now);
        let copies = copies(stores.idps, part).await?;
        let entities = match fetched {
            Ok(Document::New(validators, content)) => {
                Some((validators, content.entities(part, now).await))
            }
            Ok(Document::Same) | Err(_) => None,
        };
        let mut results = Vec::new();
        let (mut applied, mut confirmed) = (Vec::new(), Vec::new());
        for (number, source) in part.iter().enumerate() {
            let name = &source.settings.name;
            let current = self.known.named(name).map(|idp| &idp.metadata);
            let one = match (fetched, &entities) {
                (Err(error), _) => Err(error.clone()),
                (Ok(_), None) => Ok(None),
                (Ok(_), Some((validators, entities))) => match entities.get(number) {
                    Some(Ok(entity)) => Ok(Some((validators, entity))),
                    Some(Err(error)) => Err(LoadError::Metadata(error.clone())),
                    None => Err(LoadError::Record),
                },
            };
            let outcome = match one {
                Err(error) => Err(error),
                Ok(None) => {
                    self.nothing_waits(name).await?;
                    confirmed.extend(copies.get(name).map(|copy| copy.idp.clone()));
                    Ok(Outcome::Same)
                }
                Ok(Some((validators, entity))) => {
                    let copy = MetadataCopy {
                        idp: name.clone(),
                        url: source.url.clone(),
                        metadata: entity.document.clone(),
                        etag: validators.etag.clone(),
                        last_modified: validators.last_modified.clone(),
                        fetched_at: now,
                        picked_by: entity.picked_by.clone(),
                    };
                    // What an administrator has let count a moment ago is in the store, and not yet
                    // in the registry.
                    let kept = copies.get(name).is_some_and(|kept| kept.metadata == copy.metadata);
                    let verdict = match kept {
                        true => Ok(Outcome::Same),
                        false => judge(source, current, &entity.metadata, self.known),
                    };
                    if let Ok(verdict) = &verdict {
                        if !matches!(verdict, Outcome::Waiting(_)) {
                            applied.push(copy.clone());
                        }
                        self.follow(source, verdict, copy, &entity.metadata).await?;
                    }
                    verdict
                }
            };
            results.push((name.clone(), outcome));
        }
        if !applied.is_empty() {
            stores.idps.put_copies(&applied).await?;
        }
        if !confirmed.is_empty() {
            stores.idps.confirm_copies(&confirmed, now).await?;
        }
        let entities = entities.as_ref().map(|(_, entities)| entities.as_slice());
        self.keep_states(part, entities, &results).await?;
        Ok(results)
    }
}

/// What an address gave.
enum Document {
    /// Nothing new.
    Same,
    /// Something else than before.
    New(Validators, Content),
}

/// A document of one, or of many.
enum Content {
    One(Box<Result<Entity, MetadataError>>),
    Many(Arc<(File, Aggregate)>),
}

impl Content {
    /// Something for each of these, in their order.
    async fn entities(
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
struct Entity {
    metadata: IdpMetadata,
    document: String,
    picked_by: Option<String>,
}

async fn copies(
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

async fn fetch(
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

/// Whether new metadata counts.
///
/// Under the policy `approve` an administrator sees first what is [big](MetadataChange::is_big). In
/// any case one sees a new entityID of what was imported under another, and one that somebody else
/// has here: who owns one address must not become whom they like. Where nothing counts so far there
/// is no change that could wait, and such a document is refused.
pub fn judge(
    source: &Source,
    current: Option<&IdpMetadata>,
    new: &IdpMetadata,
    known: &Registry,
) -> Result<Outcome, LoadError> {
    let name = &source.settings.name;
    let twin = known.issued_by(&new.entity_id).filter(|other| other.settings.name != *name);
    let Some(current) = current else {
        // Whoever wrote the entityID into the file wants it under this name.
        return match twin.filter(|_| source.settings.entity_id.is_none()) {
            Some(other) => Err(LoadError::Twin {
                other: other.settings.name.clone(),
                entity_id: new.entity_id.clone(),
            }),
            None => Ok(Outcome::Applied(None)),
        };
    };
    let Some(change) = MetadataChange::between(current, new) else {
        return Ok(Outcome::Applied(None));
    };
    let other_name = source.imported.as_ref().is_some_and(|imported| *imported != new.entity_id);
    let shown = source.settings.on_change == OnChange::Approve && change.is_big();
    if other_name || twin.is_some() || shown {
        return Ok(Outcome::Waiting(change));
    }
    Ok(Outcome::Applied(Some(change)))
}

impl Asking<'_> {
    /// What follows from it, besides the copy.
    async fn follow(
        &self,
        source: &Source,
        outcome: &Outcome,
        copy: MetadataCopy,
        metadata: &IdpMetadata,
    ) -> Result<(), StoreError> {
        let (stores, now) = (self.stores, self.now);
        let name = &source.settings.name;
        let key = WaitingChange::notice(name);
        match outcome {
            Outcome::Same => self.nothing_waits(name).await?,
            Outcome::Applied(change) => {
                self.nothing_waits(name).await?;
                forget_keys(
                    stores.idps,
                    self.told.seen.get(name).into_iter().flatten(),
                    name,
                    metadata,
                )
                .await?;
                if let Some(change) = change {
                    let sentences: Vec<String> = change.sentences().collect();
                    tracing::info!(
                        idp = name.as_str(),
                        changes = sentences.join(" "),
                        "metadata changed"
                    );
                    stores.audit.record(&changed(EventKind::IdpChanged, name, change), now).await?;
                }
            }
            Outcome::Waiting(change) => {
                let described = described(change);
                let before = self.told.waiting.get(name);
                if let Some(before) = before.filter(|before| before.change == described) {
                    // Signed again, it says the same: what was said of it counts for this one.
                    if before.copy.metadata != copy.metadata || before.copy.url != copy.url {
                        let before = before.clone();
                        stores.idps.put_waiting(&WaitingChange { copy, ..before }).await?;
                    }
                    return Ok(());
                }
                let waiting = WaitingChange {
                    copy,
                    change: described,
                    standing: Standing::Pending,
                    seen_at: now,
                };
                stores.idps.put_waiting(&waiting).await?;
                let event = changed(EventKind::IdpChangeWaiting, name, change);
                let notice = Notice {
                    key: key.clone(),
                    text: format!("New metadata of {name} waits for an administrator."),
                    advice: format!(
                        "Look at it with `samlgate idp changes {name}`, which says how it is let count."
                    ),
                    detail: json!({ "idp": name, "change": change }),
                    at: now,
                };
                // One that waited before is over.
                stores.notices.clear(&key, now).await?;
                stores.notices.raise(&notice, Some(&event), now).await?;
                tracing::warn!(
                    idp = name.as_str(),
                    notice = notice.text,
                    "{}",
                    notice.advice
                );
            }
        }
        Ok(())
    }

    /// What waited is over: they have taken it back, or it counts.
    async fn nothing_waits(&self, name: &IdpName) -> Result<(), StoreError> {
        let (stores, now) = (self.stores, self.now);
        if self.told.waiting.contains_key(name) {
            stores.idps.forget_waiting(name).await?;
            stores.notices.clear(&WaitingChange::notice(name), now).await?;
        }
        Ok(())
    }

    /// How it went.
    async fn keep_states(
        &self,
        part: &[Arc<Source>],
        entities: Option<&[Result<Entity, MetadataError>]>,
        results: &Results,
    ) -> Result<(), StoreError> {
        let now = self.now;
        let mut new = Vec::new();
        for (number, (source, (name, result))) in part.iter().zip(results).enumerate() {
            let before = self.states.get(name).filter(|state| state.url == source.url);
            let fresh = entities.and_then(|entities| entities.get(number)?.as_ref().ok());
            let current = self.known.named(name).map(|idp| &idp.metadata);
            let metadata = fresh.map(|entity| &entity.metadata).or(current);
            let failures = match result {
                Ok(_) => 0,
                Err(_) => before.map_or(0, |state| state.failures).saturating_add(1),
            };
            let history = History {
                tried_at: now,
                failures,
                cache_duration: metadata.and_then(|metadata| metadata.cache_duration),
                valid_until: metadata.and_then(|metadata| metadata.valid_until),
            };
            let word = word(result);
            if !self.many {
                counter!(METADATA_REFRESH, "idp" => name.to_string(), "result" => word)
                    .increment(1);
            }
            new.push(RefreshState {
                idp: name.clone(),
                url: source.url.clone(),
                tried_at: now,
                fetched_at: match result {
                    Ok(_) => Some(now),
                    Err(_) => before.and_then(|state| state.fetched_at),
                },
                failures,
                result: word.to_owned(),
                detail: result.as_ref().err().map(ToString::to_string).unwrap_or_default(),
                next_at: next(&history, self.random),
            });
        }
        self.stores.idps.put_refreshes(&new).await
    }
}

/// Of keys that the metadata has, nothing needs to be said any more; nor of those that were seen
/// when the name was somebody else's.
///
/// `seen` are those of this name, or of several. The notice goes with the last one that is pending.
/// Whatever brings metadata into force comes here: a refresh, an import, an approval, a file.
pub async fn forget_keys(
    store: &dyn IdpStore,
    seen: impl IntoIterator<Item = &SeenKey>,
    name: &IdpName,
    metadata: &IdpMetadata,
) -> Result<(), StoreError> {
    for key in seen {
        // Among those that count may be some that an administrator has approved.
        let counts = || {
            let mut keys = metadata.signing_keys.iter();
            keys.any(|known| known.fingerprint() == key.fingerprint)
        };
        let is_listed = || {
            let mut keys = metadata.listed_keys.iter();
            keys.any(|known| known.certificate.fingerprint() == key.fingerprint)
        };
        let listed = key.standing != Standing::Rejected && counts() && is_listed();
        let somebody_elses = key.entity_id != metadata.entity_id;
        if key.idp == *name && (listed || somebody_elses) {
            store.forget_key(name, &key.fingerprint).await?;
        }
    }
    Ok(())
}

fn changed(kind: EventKind, name: &IdpName, change: &MetadataChange) -> Event {
    Event {
        idp: Some(name.clone()),
        detail: described(change),
        ..Event::new(kind)
    }
}

/// As data, and as sentences.
fn described(change: &MetadataChange) -> serde_json::Value {
    let sentences: Vec<String> = change.sentences().collect();
    let mut value = json!(change);
    if let Some(object) = value.as_object_mut() {
        object.insert("sentences".to_owned(), json!(sentences));
    }
    value
}
