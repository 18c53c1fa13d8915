//! What waits to be sent, and to whom it was sent already.
//!
//! In: notices, as they are raised. Out: for each channel a [`Parcel`] after the other, until it says
//! that it took one. The promises: every notice that was raised is in one parcel of every channel; a
//! parcel stays as it is, under the same id, until the channel took it, through restarts and outages;
//! of several nodes one sends at a time.
//!
//! **Deployment caveat.** Between a server's acceptance and our record of it a process can be killed.
//! The parcel is sent again then, under the same id (`Message-ID`, `X-Samlgate-Delivery`), by which a
//! receiver knows it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Notice;
use crate::base::{StoreError, Timestamp};

/// What is sent at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The same however often it is sent.
    pub id: i64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Of several receivers of the channel, those who are not asked again.
    pub settled: Vec<Settled>,
    /// What is in it, the most urgent first; never empty.
    pub entries: Vec<Entry>,
}

/// One of several receivers of a channel, who has the parcel or never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The address.
    pub receiver: String,
    /// Why the parcel was refused for good, if it was.
    pub refused: Option<String>,
}

/// A notice in a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The notice as it was raised.
    pub notice: Notice,
    /// Whether it stands: it may have been cleared since.
    pub stands: bool,
}

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// `email`, `log`, `webhook:NAME`
    pub name: String,
    /// When it last took something.
    pub sent_at: Option<Timestamp>,
    /// How often the next parcel was tried in vain.
    pub attempts: u32,
    /// When it is tried again, after a failure.
    pub next_at: Option<Timestamp>,
    /// What went wrong last. With nothing that waits: for whom the last parcel was refused.
    pub error: Option<String>,
    /// Notices that wait.
    pub waiting: u64,
}

/// Who sends, and for how long nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease<'a> {
    /// The node.
    pub holder: &'a str,
    /// If it is gone, others wait for so long.
    pub time: Duration,
    /// Notices come in groups: none is taken that is younger, so that all of a group come together.
    pub settle: Duration,
}

/// Keeps what has to be sent.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Makes a channel known. One that was not known before gets what stands now, and nothing older.
    async fn open_channel(&self, channel: &str, now: Timestamp) -> Result<(), StoreError>;

    /// What is to be sent to a channel now; `None` while there is nothing, while it is not time for
    /// another attempt, and while another node has it.
    async fn take(
        &self,
        channel: &str,
        lease: &Lease<'_>,
        now: Timestamp,
    ) -> Result<Option<Parcel>, StoreError>;

    /// The channel took it, but not for those of whom `refused` speaks.
    async fn sent(
        &self,
        channel: &str,
        parcel: i64,
        refused: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// It did not, or not for all but those who are `settled`; not before `next` is it tried again.
    async fn failed(
        &self,
        channel: &str,
        parcel: i64,
        error: &str,
        settled: &[Settled],
        next: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// How all channels are that were ever known.
    async fn channels(&self) -> Result<Vec<ChannelState>, StoreError>;

    /// Forgets what was raised before `before`, whether a channel that does not answer took it or not.
    async fn forget_raised(&self, before: Timestamp, now: Timestamp) -> Result<(), StoreError>;
}

/// After which a channel is tried again that failed so often.
pub fn pause(attempts: u32) -> Duration {
    SHORTEST.saturating_mul(1 << attempts.min(10)).min(LONGEST)
}

const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_up_to_one_an_hour() {
        let all: Vec<u64> = [0, 1, 2, 9, 10, 4_000_000_000].map(|n| pause(n).as_secs()).into();
        assert_eq!(all, [5, 10, 20, 2560, 3600, 3600]);
    }
}
