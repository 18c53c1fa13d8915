//! People, groups and connections: how this database runs what is written for all of them.
//!
//! A change locks the end of the audit before it looks at anything, as a login does: so none waits
//! for another in a circle, and what nodes read up to a mark (`person_change`) comes in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sqlx::PgPool;

use super::row::failed;
use super::{PostgresStore, audit};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::store::sql::{Database, PostgresSql, Sql, Work};

/// How often a change is tried. Logins make people without waiting for others; a name that one of
/// them took meanwhile is found taken the next time.
const TRIES: u8 = 5;

#[async_trait]
impl Database for PostgresStore {
    async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T, StoreError> {
        self.run(move |connection| {
            Box::pin(async move {
                let again = AtomicBool::new(false);
                work(Sql::Postgres(PostgresSql::new(connection, &again))).await
            })
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: Work<(T, Vec<Event>)>,
        now: Timestamp,
    ) -> Result<T, StoreError> {
        let (pool, line) = (self.pool.clone(), Arc::clone(&self.changes));
        self.at_home(async move {
            let _place = line.acquire_owned().await.map_err(StoreError::new)?;
            let mut tries = 1;
            loop {
                let again = AtomicBool::new(false);
                let done = write(&pool, &work, now, &again).await;
                if done.is_ok() || tries == TRIES || !again.load(Ordering::Relaxed) {
                    return done;
                }
                tries += 1;
            }
        })
        .await
    }
}

async fn write<T: Send + 'static>(
    pool: &PgPool,
    work: &Work<(T, Vec<Event>)>,
    now: Timestamp,
    again: &AtomicBool,
) -> Result<T, StoreError> {
    let mut transaction = pool.begin().await.map_err(failed)?;
    let mut head = audit::lock_head(&mut transaction).await?;
    let (done, events) = work(Sql::Postgres(PostgresSql::new(&mut transaction, again))).await?;
    if !events.is_empty() {
        let events: Result<Vec<_>, _> =
            events.iter().map(|event| audit::unchained(event, now)).collect();
        let events = events?;
        let events: Vec<_> = events.iter().collect();
        audit::append(&mut transaction, &mut head, &events).await?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(done)
}
