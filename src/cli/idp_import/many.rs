//! Stores many identity providers, some at a time, with names made for them.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use serde_json::json;

use super::documents::Opened;
use super::{Choices, Found, entity_id_of};
use crate::audit::{Event, EventKind};
use crate::base::{IdpName, Timestamp};
use crate::cli::{idps, output};
use crate::config::Loaded;
use crate::store::Database;
use crate::trust::ImportedIdp;

/// In one transaction: some megabytes, whatever the federation has.
const AT_ONCE: usize = 200;
/// How often one hears how far it is.
const PROGRESS: usize = 1000;

/// Stores these.
pub(super) async fn documents(
    loaded: &Loaded,
    store: &dyn Database,
    all: &[Found],
    choices: &Choices,
    now: Timestamp,
) -> ExitCode {
    let done = async {
        let mut known = Names::read(loaded, store).await?;
        known.keep(store, all, choices, now).await?;
        recorded(store, all.len(), now).await
    };
    say(done.await)
}

/// Stores those who are wanted of an aggregate.
pub(super) async fn aggregate(
    loaded: &Loaded,
    store: &dyn Database,
    opened: &Opened,
    choices: &Choices,
    now: Timestamp,
) -> ExitCode {
    say(pick(loaded, store, opened, choices, now).await)
}

fn say(done: Result<usize, String>) -> ExitCode {
    match done {
        Ok(count) => {
            output::note(&format!(
                "imported {count}; a running gateway uses them within seconds"
            ));
            ExitCode::SUCCESS
        }
        Err(message) => {
            output::error(&message);
            ExitCode::FAILURE
        }
    }
}

async fn pick(
    loaded: &Loaded,
    store: &dyn Database,
    opened: &Opened,
    choices: &Choices,
    now: Timestamp,
) -> Result<usize, String> {
    let mut known = Names::read(loaded, store).await?;
    let wanted = opened.wanted();
    if !opened.all {
        // They are named: all of them are meant, or it is a mistake.
        for found in opened.pick(&wanted, now) {
            found?;
        }
    }
    let mut picked = opened.pick(&wanted, now);
    let (mut looked, mut count) = (0_usize, 0_usize);
    loop {
        let mut batch = Vec::new();
        for found in picked.by_ref().take(AT_ONCE) {
            looked = looked.saturating_add(1);
            match found {
                Ok(found) => batch.push(found),
                Err(message) if opened.all => output::warning(&message),
                Err(message) => return Err(message),
            }
            if looked.is_multiple_of(PROGRESS) {
                output::note(&format!("{looked} of {}", opened.count()));
            }
        }
        known.keep(store, &batch, choices, now).await?;
        count = count.saturating_add(batch.len());
        if looked >= opened.count() {
            return recorded(store, count, now).await;
        }
    }
}

async fn recorded(store: &dyn Database, count: usize, now: Timestamp) -> Result<usize, String> {
    let event = Event {
        detail: json!({ "count": count }),
        ..Event::new(EventKind::IdpImported)
    };
    store.record(&event, now).await.map_err(|error| error.detail)?;
    Ok(count)
}

/// Who is here, and how they are called.
struct Names {
    /// By entityID; without their metadata.
    known: HashMap<String, ImportedIdp>,
    taken: HashSet<IdpName>,
    /// The next number for those who would be called the same.
    next: HashMap<IdpName, u32>,
}

impl Names {
    async fn read(loaded: &Loaded, store: &dyn Database) -> Result<Self, String> {
        let mut taken: HashSet<IdpName> =
            loaded.config.idps.iter().map(|idp| idp.name.clone()).collect();
        let bare = |record: ImportedIdp| {
            let entity_id = entity_id_of(&record)?;
            Some((entity_id, ImportedIdp { metadata: String::new(), ..record }))
        };
        let (mut known, mut after) = (HashMap::new(), None);
        loop {
            let some = store.page(after.as_ref(), AT_ONCE).await.map_err(|error| error.detail)?;
            let Some(last) = some.last() else { break };
            after = Some(last.name.clone());
            taken.extend(some.iter().map(|record| record.name.clone()));
            known.extend(some.into_iter().filter_map(bare));
        }
        Ok(Self { known, taken, next: HashMap::new() })
    }

    /// Stores some. Those that are here already keep their names and settings.
    async fn keep(
        &mut self,
        store: &dyn Database,
        all: &[Found],
        choices: &Choices,
        now: Timestamp,
    ) -> Result<(), String> {
        let mut records = Vec::new();
        for found in all {
            let entity_id = &found.metadata.entity_id;
            let before = self.known.get(entity_id);
            let name = match before {
                Some(before) => before.name.clone(),
                None => free(found, &self.taken, &mut self.next)
                    .ok_or_else(|| format!("no short name can be made for {entity_id}"))?,
            };
            records.push(choices.record(&name, found, before, now)?);
            self.taken.insert(name);
        }
        store.put_all(&records).await.map_err(|error| error.detail)
    }
}

/// A name that nobody has: with a number behind it, if need be. Thousands may have one name.
fn free(
    found: &Found,
    taken: &HashSet<IdpName>,
    next: &mut HashMap<IdpName, u32>,
) -> Option<IdpName> {
    let base = idps::propose_name(&found.metadata).or_else(|| IdpName::parse("idp"))?;
    if !taken.contains(&base) {
        return Some(base);
    }
    let stem: String = base.as_str().chars().take(56).collect();
    let number = next.entry(base).or_insert(2);
    while *number < 1_000_000 {
        let name = IdpName::parse(&format!("{stem}-{number}"));
        *number = number.saturating_add(1);
        if let Some(name) = name.filter(|name| !taken.contains(name)) {
            return Some(name);
        }
    }
    None
}
