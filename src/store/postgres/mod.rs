//! Everything in one PostgreSQL database, which several nodes may share.
//!
//! In: [`PostgresSettings`]. Out: [`PostgresStore`], which is all the stores that the modules below
//! ask for. The promises are those of SQLite: what was answered with `Ok` survives a crash of the
//! server, and everything that must happen once happens once, whichever node asks.
//!
//! PostgreSQL runs what several ask for at the same moment, where SQLite has one writer. Three rules
//! make up for that:
//!
//! - whoever adds to the audit locks its end (`audit_head`) first of all, so the chain has no gaps
//!   and every login is decided by itself ([`login`], [`audit`]);
//! - whoever ends sessions locks their counter (`session_ends` in `meta`) next, so the numbers of
//!   endings are seen in their order and a node that reads up to a mark skips none ([`sessions`]);
//! - then come sessions, in the order of their hashes, and everything else. Locks taken in one order
//!   never wait for each other in a circle.
//!
//! **Deployment caveat.** PostgreSQL 13 or later. `synchronous_commit` may be anything but `off`, which
//! is switched on for our connections. Prepared statements and `LISTEN` need a connection of their own: a
//! pooler in front has to pool by session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::{PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::base::{StoreError, Timestamp};

mod audit;
mod directory;
mod hear;
mod kept;
mod login;
mod one_use;
mod open;
mod pending;
mod record;
mod row;
mod sessions;
pub mod settings;
mod sweep;
#[cfg(test)]
mod tests;
mod users;

pub(in crate::store) use one_use::short;
pub(in crate::store) use open::{alone, compact};
pub(in crate::store) use sessions::end_sessions_of;
pub use settings::PostgresSettings;

use login::Logins;
use row::failed;

/// One database; cheap to clone.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    /// Connections belong to the runtime that opened them, and requests come from others, which end
    /// before the last word is written.
    home: Handle,
    logins: Logins,
    /// Where those stand in line who change people.
    changes: Arc<Semaphore>,
}

/// What is asked of a connection.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What a transaction comes to.
enum Decision<T> {
    Keep(T),
    TakeBack(T),
}

impl PostgresStore {
    /// Connects, and brings the tables up to date; of several nodes that start at once, one does.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, StoreError> {
        open::open(settings).await
    }

    /// Connects only to read, and changes nothing: not the tables of an older version either.
    pub async fn open_to_read(settings: &PostgresSettings) -> Result<Self, StoreError> {
        open::open_to_read(settings).await
    }

    /// Which version the tables are of; 0 where there are none. Changes nothing.
    pub async fn version(settings: &PostgresSettings) -> Result<i64, StoreError> {
        open::version(settings).await
    }

    /// The version of the tables that this program makes.
    pub fn newest_version() -> i64 {
        open::newest()
    }

    /// Whether the database answers: for `/readyz`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.run(|connection| {
            Box::pin(async {
                let ping = sqlx::query("SELECT value FROM meta WHERE key = 'schema'");
                ping.fetch_optional(connection).await.map(|_| ()).map_err(failed)
            })
        })
        .await
    }

    /// Removes rows whose time is over, but for sessions, which [`crate::session::Sessions`]
    /// sweeps; how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        sweep::sweep(self, now).await
    }

    /// Closes all connections when they are done.
    pub async fn close(&self) {
        let pool = self.pool.clone();
        // An error is a runtime that has ended, and the connections with it.
        let _ = self.home.spawn(async move { pool.close().await }).await;
    }

    /// Asks by a connection. Work that has begun is finished, also when nobody waits for it any more.
    async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut PgConnection) -> Boxed<'a, T> + Send + 'static,
    {
        let pool = self.pool.clone();
        self.at_home(async move {
            let mut connection = pool.acquire().await.map_err(failed)?;
            work(&mut connection).await
        })
        .await
    }

    /// The same in a transaction: of work that fails nothing is written.
    async fn transact<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut PgConnection) -> Boxed<'a, T> + Send + 'static,
    {
        self.decide(move |connection| {
            let work = work(connection);
            Box::pin(async move { work.await.map(Decision::Keep) })
        })
        .await
    }

    /// The same, where work decides whether what it wrote is kept.
    async fn decide<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut PgConnection) -> Boxed<'a, Decision<T>> + Send + 'static,
    {
        let pool = self.pool.clone();
        self.at_home(async move {
            let mut transaction = pool.begin().await.map_err(failed)?;
            match work(&mut transaction).await? {
                Decision::Keep(result) => {
                    transaction.commit().await.map_err(failed)?;
                    Ok(result)
                }
                Decision::TakeBack(result) => {
                    transaction.rollback().await.map_err(failed)?;
                    Ok(result)
                }
            }
        })
        .await
    }

    async fn at_home<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = self.home.spawn(tokio::time::timeout(open::PATIENCE, work));
        match work.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::new("the database did not answer in time")),
            Err(_) => Err(StoreError::new("the database was closed")),
        }
    }
}
