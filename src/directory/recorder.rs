//! What has to be written to the log of requests: handed over by requests, taken by a task.
//!
//! The promise: a request hands over and goes on; there is an end to what waits, and where it is
//! reached the oldest look-up goes, and is counted. Changes go only when nothing else waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::Notify;

use super::discreet;
use super::requests::ScimRequest;
use crate::base::{ConnectionName, Timestamp};

/// Many enough for a breath of the database, at a kilobyte each.
const MOST: usize = 5_000;
/// So many are worth a transaction of their own, before their second is over: some milliseconds of
/// work, and a megabyte at most that waits where the database keeps up.
const ENOUGH: usize = 1_000;
/// Bodies that wait, in bytes.
const MOST_BYTES: usize = 8 << 20;

/// Settings of the log, which a reload may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// For how long requests are kept.
    pub keep: std::time::Duration,
    /// Until when bodies are logged too.
    pub bodies_until: Option<Timestamp>,
}

/// A request with its bodies, as they came and went.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What is known of it.
    pub request: ScimRequest,
    /// What was sent.
    pub body: Option<Bytes>,
    /// What was answered.
    pub answer: Option<Bytes>,
}

impl Recorded {
    fn size(&self) -> usize {
        let of = |body: &Option<Bytes>| body.as_ref().map_or(0, Bytes::len);
        of(&self.body).saturating_add(of(&self.answer))
    }

    /// As it is written: with the bodies redacted.
    pub fn written(self) -> ScimRequest {
        let of =
            |body: Option<Bytes>| body.filter(|it| !it.is_empty()).map(|it| discreet::body(&it));
        ScimRequest { body: of(self.body), answer: of(self.answer), ..self.request }
    }
}

/// Where requests are handed over.
#[derive(Debug)]
pub struct Recorder {
    waiting: Mutex<Waiting>,
    enough: Notify,
    settings: ArcSwap<LogSettings>,
}

#[derive(Debug, Default)]
struct Waiting {
    reads: VecDeque<(u64, Recorded)>,
    writes: VecDeque<(u64, Recorded)>,
    next: u64,
    bytes: usize,
    dropped: BTreeMap<ConnectionName, u64>,
}

/// What waited.
#[derive(Debug, Default)]
pub struct Taken {
    /// Requests in their order.
    pub requests: Vec<Recorded>,
    /// How many had to go, by connection.
    pub dropped: BTreeMap<ConnectionName, u64>,
}

impl Recorder {
    /// Nothing waits yet.
    pub fn new(settings: LogSettings) -> Self {
        Self {
            waiting: Mutex::default(),
            enough: Notify::new(),
            settings: ArcSwap::from_pointee(settings),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> LogSettings {
        **self.settings.load()
    }

    /// Puts other settings in force.
    pub fn replace(&self, settings: LogSettings) {
        self.settings.store(settings.into());
    }

    /// Whether bodies are logged.
    pub fn logs_bodies(&self, now: Timestamp) -> bool {
        self.settings.load().bodies_until.is_some_and(|until| now < until)
    }

    /// Hands a request over.
    pub fn push(&self, mut recorded: Recorded) {
        let mut waiting = self.lock();
        // The request itself is worth more than what it held.
        if waiting.bytes.saturating_add(recorded.size()) > MOST_BYTES {
            recorded.body = recorded.body.map(|_| Bytes::from_static(TOO_MUCH));
            recorded.answer = None;
        }
        if waiting.count() >= MOST {
            waiting.drop_one();
        }
        waiting.bytes = waiting.bytes.saturating_add(recorded.size());
        let number = waiting.next;
        waiting.next = number.wrapping_add(1);
        match recorded.request.is_write() {
            true => waiting.writes.push_back((number, recorded)),
            false => waiting.reads.push_back((number, recorded)),
        }
        if waiting.count() == ENOUGH {
            self.enough.notify_one();
        }
    }

    /// Until many wait.
    pub async fn enough(&self) {
        self.enough.notified().await;
    }

    /// Takes all that waits.
    pub fn take(&self) -> Taken {
        let Waiting { reads, writes, dropped, .. } = {
            let mut waiting = self.lock();
            let next = waiting.next;
            std::mem::replace(&mut *waiting, Waiting { next, ..Waiting::default() })
        };
        let mut all: Vec<(u64, Recorded)> = reads.into_iter().chain(writes).collect();
        all.sort_by_key(|(number, _)| *number);
        Taken {
            requests: all.into_iter().map(|(_, recorded)| recorded).collect(),
            dropped,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the place of a body for which there is no room; it is no JSON.
const TOO_MUCH: &[u8] = b"(not kept)";

impl Waiting {
    fn count(&self) -> usize {
        self.reads.len().saturating_add(self.writes.len())
    }

    fn drop_one(&mut self) {
        let dropped = self.reads.pop_front().or_else(|| self.writes.pop_front());
        if let Some((_, recorded)) = dropped {
            self.bytes = self.bytes.saturating_sub(recorded.size());
            let count = self.dropped.entry(recorded.request.connection).or_default();
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::requests::tests::request;
    use std::time::Duration;

    fn recorded(operation: &'static str, status: u16) -> Recorded {
        let request = request(operation, status, Timestamp::EPOCH);
        Recorded { request, body: None, answer: None }
    }

    fn recorder() -> Recorder {
        Recorder::new(LogSettings { keep: Duration::ZERO, bodies_until: None })
    }

    #[test]
    fn requests_are_taken_in_their_order() {
        let recorder = recorder();
        for (status, operation) in ["get", "create", "list", "patch"].into_iter().enumerate() {
            recorder.push(recorded(operation, u16::try_from(status).unwrap()));
        }
        let taken = recorder.take().requests;
        let order: Vec<u16> = taken.iter().map(|it| it.request.status).collect();
        assert_eq!(order, [0, 1, 2, 3]);
        assert!(recorder.take().requests.is_empty());
    }

    #[tokio::test]
    async fn whoever_takes_hears_when_many_wait() {
        let recorder = recorder();
        for _ in 1..ENOUGH {
            recorder.push(recorded("get", 200));
        }
        let early = tokio::time::timeout(Duration::ZERO, recorder.enough());
        assert!(early.await.is_err());
        recorder.push(recorded("get", 200));
        recorder.enough().await;
    }

    #[test]
    fn what_waits_has_an_end_and_look_ups_go_first() {
        let recorder = recorder();
        for _ in 0..MOST {
            recorder.push(recorded("get", 200));
        }
        for _ in 0..MOST + 5 {
            recorder.push(recorded("create", 201));
        }
        let taken = recorder.take();
        assert_eq!(taken.requests.len(), MOST);
        assert!(taken.requests.iter().all(|it| it.request.is_write()));
        let dropped: u64 = taken.dropped.values().sum();
        assert_eq!(dropped, u64::try_from(MOST).unwrap() + 5);
        assert!(recorder.take().dropped.is_empty());
    }

    #[test]
    fn bodies_that_wait_have_an_end_too() {
        let recorder = recorder();
        let body = Bytes::from(vec![b'x'; MOST_BYTES / 4]);
        for _ in 0..6 {
            let recorded = Recorded { body: Some(body.clone()), ..recorded("create", 201) };
            recorder.push(recorded);
        }
        let taken = recorder.take().requests;
        let bytes: usize = taken.iter().map(Recorded::size).sum();
        assert!(taken.len() == 6 && bytes < MOST_BYTES + 100, "{bytes}");
    }

    #[test]
    fn bodies_are_logged_until_it_is_over() {
        let recorder = recorder();
        assert!(!recorder.logs_bodies(Timestamp::EPOCH));
        let until = Timestamp::from_unix_seconds(60);
        recorder.replace(LogSettings { keep: Duration::ZERO, bodies_until: Some(until) });
        assert!(recorder.logs_bodies(Timestamp::from_unix_seconds(59)));
        assert!(!recorder.logs_bodies(until));
    }
}
