//! What all nodes share, in Redis: sessions, used assertions, requests that wait for their answer,
//! and what is taken once.
//!
//! In: [`RedisSettings`], and the database that has the people. Out: [`RedisStore`]. The promises:
//! what must happen once happens once, on whichever node, since Redis runs a script from its first
//! line to its last; Redis never holds a token, and what it holds of a person is sealed by a key
//! that it does not know ([`seal`]); a Redis that is away is an error and never "not found".
//!
//! People, audit and identity providers stay in the database. A login is decided by Redis, then
//! written there, and only then answered ([`login`]).
//!
//! What is where, each behind `samlgate:` :
//!
//! | key | type | what |
//! |---|---|---|
//! | `s:HASH` | hash | a session: sealed value `v`; `u`, `f`, `n`, `b`, the indexes it is in |
//! | `seen`, `until`, `opened` | sorted sets | hashes by `last_seen`, `not_after`, `opened_at` |
//! | `u:USER`, `f:SID` | sets | hashes of a person, of a login |
//! | `n:DIGEST` | hash | of a NameID at an identity provider: hash → digest of SessionIndex |
//! | `b:BROWSER` | text | the hash that a browser opened last |
//! | `epoch`, `ends` | number, list | how many sessions were ended early, and the last of them |
//! | `o:DIGEST` | text | a used assertion |
//! | `p:HANDLE`, `r:DIGEST`, `pb:BROWSER` | hash, text, sorted set | a request that waits |
//! | `k:KEY` | text | what is taken once |
//!
//! **Deployment caveat.** Redis 6.2 or later, or Valkey. What was acknowledged survives a crash of
//! Redis as far as its own settings promise: `appendonly yes`, and `appendfsync always` where not
//! even the last second may be lost. `maxmemory-policy` has to be `noeviction`: a used assertion
//! that was evicted could be used again on a node that has another database.

use std::sync::Arc;

use openssl::sha::Sha256;

use crate::base::{Clock, Entropy, StoreError, Timestamp};
use crate::store::Database;

mod hear;
mod kept;
mod link;
mod login;
mod one_use;
mod pending;
mod scripts;
pub mod seal;
mod sessions;
pub mod settings;
#[cfg(test)]
mod tests;

pub use seal::{SealKeyError, SealKeys};
pub use settings::RedisSettings;

use link::Link;
use scripts::Scripts;

/// One Redis, shared by several nodes.
pub struct RedisStore {
    link: Link,
    scripts: Scripts,
    channel: String,
    keys: SealKeys,
    /// The people, and the records of logins.
    people: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl RedisStore {
    /// Nothing is asked yet: a gateway can start while Redis does.
    pub fn new(
        settings: &RedisSettings,
        people: Arc<dyn Database>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let link = Link::new(settings.client()?);
        // Publishing knows no databases.
        let channel = format!("{PREFIX}ended:{}", link.database());
        Ok(Self {
            scripts: Scripts::new(&channel),
            link,
            channel,
            keys: settings.keys.clone(),
            people,
            clock,
            entropy,
        })
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.link.read(redis::pipe().cmd("PING").ignore()).await
    }
}

const PREFIX: &str = "samlgate:";

/// A key of ours: `samlgate:`, what it is, and which.
fn key(kind: &str, which: &[u8]) -> Vec<u8> {
    [PREFIX.as_bytes(), kind.as_bytes(), which].concat()
}

/// SHA-256 of several texts, none of which can run into the next.
fn digest(texts: &[&str]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update(&text.len().to_be_bytes());
        sha.update(text.as_bytes());
    }
    sha.finish()
}

/// Milliseconds from now to then, and a margin for clocks that differ; at least a moment, since
/// Redis knows no end in the past.
fn live_until(then: Timestamp, now: Timestamp) -> u64 {
    const MARGIN: u128 = 60 * 60 * 1000;
    u64::try_from(then.since(now).as_millis().saturating_add(MARGIN)).unwrap_or(u64::MAX / 2)
}
