//! Asks for metadata again, and decides what becomes of what comes.
//!
//! In: identity providers that have one address in common (of an aggregate, many have), and what is
//! known of them. Out: what became of each: [`Outcome`]. Everything is in the store before this
//! returns: the document, how it went, what waits for an administrator, and the audit's record of it.
//! What does not come, or is refused, changes nothing but the next attempt.

mod document;
mod follow;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use metrics::counter;

use self::document::{Document, copies, fetch};
pub use self::follow::{forget_keys, judge};
use crate::audit::AuditSink;
use crate::base::{Entropy, IdpName, StoreError, Timestamp};
use crate::notice::Notices;
use crate::saml::metadata::MetadataChange;
use crate::tasks::fetch::Fetcher;
use crate::tasks::registry::{LoadError, Source};
use crate::telemetry::METADATA_REFRESH;
use crate::trust::{IdpStore, MetadataCopy, RefreshState, Registry, SeenKey, WaitingChange};

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
