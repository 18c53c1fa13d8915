//! Who came for our metadata.
//!
//! In: the address and the `User-Agent` of each request for it. Out: for each pair when it came
//! first and last, and how often. That says who could know a key, never who does: caches answer for
//! others, and whoever imported a file by hand never comes.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::base::{StoreError, Timestamp};

/// One who comes for our metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Where from; empty where that is not known.
    pub address: String,
    /// What it calls itself.
    pub agent: String,
    /// When it came first.
    pub first: Timestamp,
    /// When it came last.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}

impl Fetch {
    /// A first visit.
    pub fn new(address: &str, agent: &str, now: Timestamp) -> Self {
        Self {
            address: address.to_owned(),
            agent: agent.chars().take(LONGEST_AGENT).collect(),
            first: now,
            last: now,
            count: 1,
        }
    }
}

/// Keeps who came.
#[async_trait]
pub trait FetchLog: Send + Sync {
    /// Adds visits to those that are known; of too many the oldest are forgotten.
    async fn add_fetches(&self, fetches: &[Fetch], now: Timestamp) -> Result<(), StoreError>;

    /// All that are known, the last one first.
    async fn fetches(&self) -> Result<Vec<Fetch>, StoreError>;
}

/// Visits that are not written yet. A request does not wait for a database, and there is an end to
/// what strangers can put here.
#[derive(Debug, Default)]
pub struct Fetches(Mutex<HashMap<(String, String), Fetch>>);

impl Fetches {
    /// Notes a visit.
    pub fn note(&self, fetch: Fetch) {
        let mut waiting = self.waiting();
        let key = (fetch.address.clone(), fetch.agent.clone());
        if let Some(known) = waiting.get_mut(&key) {
            known.last = known.last.max(fetch.last);
            known.count = known.count.saturating_add(fetch.count);
        } else if waiting.len() < MOST_WAITING {
            waiting.insert(key, fetch);
        }
    }

    /// Takes what was noted, to write it.
    pub fn take(&self) -> Vec<Fetch> {
        std::mem::take(&mut *self.waiting()).into_values().collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Fetch>> {
        match self.0.lock() {
            Ok(waiting) => waiting,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// More of a name is of no use to anybody.
const LONGEST_AGENT: usize = 200;
/// So many pairs between two writes; identity providers are few.
const MOST_WAITING: usize = 200;
