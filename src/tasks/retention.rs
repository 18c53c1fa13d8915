//! What was kept for long enough is forgotten: events of the audit, login attempts, people who were
//! deleted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::base::{Stop, StoreError, Timestamp};
use crate::store::Database;

/// How long what is over is kept; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Events of the audit.
    pub events: Option<Duration>,
    /// Login attempts.
    pub attempts: Option<Duration>,
    /// People who were deleted by whoever provisions them.
    pub deleted: Option<Duration>,
}

/// How often it is looked for what is old enough.
const EACH: Duration = Duration::from_secs(60 * 60);
/// Not at once: whoever starts has other things to do.
const FIRST: Duration = Duration::from_secs(60);
/// So many people are erased after one look through the audit.
const TOGETHER: u32 = 200;

/// Looks each hour, and soon after other settings come.
pub async fn keep(
    app: Arc<App>,
    store: Arc<dyn Database>,
    mut settings: watch::Receiver<Retention>,
    mut stop: Stop,
) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = EACH,
            changed = settings.changed() => match changed {
                Ok(()) => {
                    pause = FIRST;
                    continue;
                }
                Err(_) => return,
            },
            () = stop.stopped() => return,
        }
        let keep = *settings.borrow_and_update();
        tokio::select! {
            // What is written is written whole, and the rest the next time.
            forgotten = forget(&*store, keep, app.now()) => match forgotten {
                Ok(forgotten) if forgotten == Forgotten::default() => {}
                Ok(Forgotten { people, events, attempts }) => {
                    tracing::info!(people, events, attempts, "what was kept for long enough is gone");
                }
                Err(error) => {
                    tracing::warn!(detail = error.detail, "what is old could not be removed");
                }
            },
            () = stop.stopped() => return,
        }
    }
}

/// How much is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// People who were erased.
    pub people: u64,
    /// Events that were pruned.
    pub events: u64,
    /// Login attempts.
    pub attempts: u64,
}

/// Forgets what is older than it is kept.
pub async fn forget(
    store: &dyn Database,
    keep: Retention,
    now: Timestamp,
) -> Result<Forgotten, StoreError> {
    let mut forgotten = Forgotten::default();
    if let Some(age) = keep.attempts {
        forgotten.attempts = store.forget_attempts(now.minus(age)).await?;
    }
    // Before people are looked for in them.
    if let Some(age) = keep.events {
        if let Some(older) = store.older(now.minus(age)).await? {
            store.prune(older.last, now).await?;
        }
        loop {
            let removed = store.remove_pruned().await?;
            if removed == 0 {
                break;
            }
            forgotten.events = forgotten.events.saturating_add(removed);
        }
    }
    if let Some(age) = keep.deleted {
        loop {
            let due = store.deleted_before(now.minus(age), TOGETHER).await?;
            if due.is_empty() {
                break;
            }
            let erased = store.erase(&due, now).await?.len();
            forgotten.people = forgotten.people.saturating_add(u64::try_from(erased).unwrap_or(0));
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditSink as _, Chain, Event, EventKind};
    use crate::store::SqliteStore;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_unix_seconds(day * 86_400)
    }

    #[tokio::test]
    async fn what_is_old_enough_goes_and_the_chain_stays_whole() {
        let store = SqliteStore::open(":memory:").await.unwrap();
        for number in 0..10 {
            store.record(&Event::new(EventKind::ServerStarted), day(number)).await.unwrap();
        }
        let forever = Retention::default();
        let nothing = Forgotten::default();
        assert_eq!(forget(&store, forever, day(10)).await.unwrap(), nothing);
        let keep = Retention { events: Some(Duration::from_secs(7 * 86_400)), ..forever };
        let forgotten = forget(&store, keep, day(10)).await.unwrap();
        assert_eq!(forgotten, Forgotten { events: 3, ..nothing });
        let chain = store.verify().await.unwrap();
        assert!(
            matches!(chain, Chain::Whole { events: 11, pruned: 3, .. }),
            "{chain:?}"
        );
        assert_eq!(forget(&store, keep, day(10)).await.unwrap(), nothing);
        let events = store.events(Timestamp::EPOCH, 0, 100).await.unwrap();
        assert_eq!(events.len(), 8, "nothing to prune is no event");
    }
}
