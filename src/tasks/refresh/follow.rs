//! What follows from what came: whether it counts, what waits for an administrator, what the audit and
//! administrators are told, and when it is asked for again.

use std::sync::Arc;

use metrics::counter;
use serde_json::json;

use super::document::Entity;
use super::{Asking, Outcome, Results, word};
use crate::audit::{Event, EventKind};
use crate::base::{IdpName, StoreError};
use crate::notice::Notice;
use crate::saml::metadata::{IdpMetadata, MetadataChange, MetadataError};
use crate::tasks::registry::{LoadError, Source};
use crate::telemetry::METADATA_REFRESH;
use crate::trust::schedule::{History, next};
use crate::trust::{
    IdpStore, MetadataCopy, OnChange, RefreshState, Registry, SeenKey, Standing, WaitingChange,
};

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
    pub(super) async fn follow(
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
    pub(super) async fn nothing_waits(&self, name: &IdpName) -> Result<(), StoreError> {
        let (stores, now) = (self.stores, self.now);
        if self.told.waiting.contains_key(name) {
            stores.idps.forget_waiting(name).await?;
            stores.notices.clear(&WaitingChange::notice(name), now).await?;
        }
        Ok(())
    }

    /// How it went.
    pub(super) async fn keep_states(
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
