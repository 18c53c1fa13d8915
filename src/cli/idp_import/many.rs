//! Stores many identity providers, some at a time, with names made for them.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use openssl::sha::sha256;
use serde_json::json;

use super::documents::Opened;
use super::{Choices, Found, entity_id_of};
use crate::audit::{Event, EventKind};
use crate::base::entropy::SystemEntropy;
use crate::base::{Entropy as _, IdpName, Timestamp};
use crate::cli::{idps, output};
use crate::config::Loaded;
use crate::store::Database;
use crate::trust::schedule::{History, next};
use crate::trust::{ImportedIdp, MetadataCopy, RefreshState};

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
        let written = known.keep(store, all, choices, now).await?;
        recorded(store, written, all.len(), now).await
    };
    say(done.await, choices.json)
}

/// Stores those who are wanted of an aggregate.
pub(super) async fn aggregate(
    loaded: &Loaded,
    store: &dyn Database,
    opened: &Opened,
    choices: &Choices,
    now: Timestamp,
) -> ExitCode {
    say(
        pick(loaded, store, opened, choices, now).await,
        choices.json,
    )
}

fn say(done: Result<Done, String>, is_json: bool) -> ExitCode {
    match done {
        Ok(Done { written: 0, same }) if same > 0 => {
            output::note(&format!(
                "nothing is other than before: {same} are as they were"
            ));
            told(0, same, is_json)
        }
        Ok(Done { written, same }) => {
            output::note(&format!(
                "imported {written}; a running gateway uses them within seconds"
            ));
            if same > 0 {
                output::note(&format!("{same} are as they were"));
            }
            told(written, same, is_json)
        }
        Err(message) => {
            output::error(&message);
            ExitCode::FAILURE
        }
    }
}

fn told(written: usize, same: usize, is_json: bool) -> ExitCode {
    match is_json {
        true => output::json(&json!({ "imported": written, "same": same })),
        false => ExitCode::SUCCESS,
    }
}

async fn pick(
    loaded: &Loaded,
    store: &dyn Database,
    opened: &Opened,
    choices: &Choices,
    now: Timestamp,
) -> Result<Done, String> {
    let mut known = Names::read(loaded, store).await?;
    let wanted = opened.wanted();
    if !opened.all {
        // They are named: all of them are meant, or it is a mistake.
        for found in opened.pick(&wanted, now) {
            found?;
        }
    }
    let mut picked = opened.pick(&wanted, now);
    let (mut looked, mut count, mut written) = (0_usize, 0_usize, 0_usize);
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
        written = written.saturating_add(known.keep(store, &batch, choices, now).await?);
        count = count.saturating_add(batch.len());
        if looked >= opened.count() {
            return recorded(store, written, count, now).await;
        }
    }
}

/// What became of those who were imported.
struct Done {
    written: usize,
    same: usize,
}

async fn recorded(
    store: &dyn Database,
    written: usize,
    count: usize,
    now: Timestamp,
) -> Result<Done, String> {
    let same = count.saturating_sub(written);
    if written > 0 || count == 0 {
        let event = Event {
            detail: json!({ "count": written, "same": same }),
            ..Event::new(EventKind::IdpImported)
        };
        store.record(&event, now).await.map_err(|error| error.detail)?;
    }
    Ok(Done { written, same })
}

/// Who is here, and how they are called.
struct Names {
    /// By entityID.
    known: HashMap<String, Before>,
    taken: HashSet<IdpName>,
    /// The next number for those who would be called the same.
    next: HashMap<IdpName, u32>,
    /// For when their address is asked again.
    random: u16,
}

/// One who is here: its document is known by its hash.
struct Before {
    /// Without the document.
    record: ImportedIdp,
    document: [u8; 32],
}

impl Before {
    /// Whether importing `record` would change nothing: neither what was imported, nor what its
    /// address gave since.
    fn is(&self, record: &ImportedIdp, copy: Option<&MetadataCopy>) -> bool {
        let of_copy = self.record.newer(copy);
        self.document == sha256(record.metadata.as_bytes())
            && self.record.settings == record.settings
            && self.record.url == record.url
            && of_copy.is_none_or(|copy| copy.metadata == record.metadata)
    }
}

impl Names {
    async fn read(loaded: &Loaded, store: &dyn Database) -> Result<Self, String> {
        let mut taken: HashSet<IdpName> =
            loaded.config.idps.iter().map(|idp| idp.name.clone()).collect();
        let bare = |record: ImportedIdp| {
            let entity_id = entity_id_of(&record)?;
            let document = sha256(record.metadata.as_bytes());
            let record = ImportedIdp { metadata: String::new(), ..record };
            Some((entity_id, Before { record, document }))
        };
        let (mut known, mut after) = (HashMap::new(), None);
        loop {
            let some = store.page(after.as_ref(), AT_ONCE).await.map_err(|error| error.detail)?;
            let Some(last) = some.last() else { break };
            after = Some(last.name.clone());
            taken.extend(some.iter().map(|record| record.name.clone()));
            known.extend(some.into_iter().filter_map(bare));
        }
        let mut random = [0; 2];
        SystemEntropy.fill(&mut random);
        let random = u16::from_le_bytes(random);
        Ok(Self { known, taken, next: HashMap::new(), random })
    }

    /// Stores some; how many. Those that are here already keep their names and settings, and what
    /// would change nothing is not written.
    async fn keep(
        &mut self,
        store: &dyn Database,
        all: &[Found],
        choices: &Choices,
        now: Timestamp,
    ) -> Result<usize, String> {
        let before = all.iter().filter_map(|found| self.known.get(&found.metadata.entity_id));
        let names: Vec<IdpName> = before.map(|before| before.record.name.clone()).collect();
        let copies = store.copies(&names).await.map_err(|error| error.detail)?;
        let copies: HashMap<&IdpName, &MetadataCopy> =
            copies.iter().map(|copy| (&copy.idp, copy)).collect();
        let (mut records, mut states) = (Vec::new(), Vec::new());
        for found in all {
            let entity_id = &found.metadata.entity_id;
            let before = self.known.get(entity_id);
            let name = match before {
                Some(before) => before.record.name.clone(),
                None => free(found, &self.taken, &mut self.next)
                    .ok_or_else(|| format!("no short name can be made for {entity_id}"))?,
            };
            let record = choices.record(&name, found, before.map(|before| &before.record), now)?;
            if !before.is_some_and(|before| before.is(&record, copies.get(&name).copied())) {
                states.extend(asked(&record, found, self.random, now));
                records.push(record);
            }
            self.taken.insert(name);
        }
        if !records.is_empty() {
            store.put_all(&records).await.map_err(|error| error.detail)?;
            // Its address was asked just now: a gateway that runs need not ask for all of it again.
            store.put_refreshes(&states).await.map_err(|error| error.detail)?;
        }
        Ok(records.len())
    }
}

/// How asking went for one that came from an address.
fn asked(record: &ImportedIdp, found: &Found, random: u16, now: Timestamp) -> Option<RefreshState> {
    let history = History {
        tried_at: now,
        failures: 0,
        cache_duration: found.metadata.cache_duration,
        valid_until: found.metadata.valid_until,
    };
    Some(RefreshState {
        idp: record.name.clone(),
        url: record.url.clone()?,
        tried_at: now,
        fetched_at: Some(now),
        failures: 0,
        result: "ok".to_owned(),
        detail: String::new(),
        next_at: next(&history, random),
    })
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
