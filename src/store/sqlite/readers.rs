//! Connections that read.
//!
//! In: a question. Out: a connection that nobody else asks at the moment. The driver's own pool
//! would do, but it asks each connection that comes back whether it is still there, which for a
//! file in the same process is as dear as the question itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::base::StoreError;

/// How long a request waits for a connection of ours before it answers 503.
const PATIENCE: Duration = Duration::from_secs(5);

/// A few connections; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    /// `None` when it is closed.
    connections: Arc<[Mutex<Option<SqliteConnection>>]>,
    next: Arc<AtomicUsize>,
}

impl Readers {
    /// Opens this many connections.
    pub(super) async fn open(
        options: &SqliteConnectOptions,
        number: usize,
    ) -> Result<Self, sqlx::Error> {
        let mut connections = Vec::with_capacity(number);
        for _ in 0..number {
            connections.push(Mutex::new(Some(options.connect().await?)));
        }
        Ok(Self {
            connections: connections.into(),
            next: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// One that is free, or the next that will be.
    pub(super) async fn lend(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let free = self.connections.iter().find_map(|connection| connection.try_lock().ok());
        let lent = match free {
            Some(free) => free,
            None => self.wait().await?,
        };
        MutexGuard::try_map(lent, Option::as_mut)
            .map_err(|_| StoreError::new("the database was closed"))
    }

    async fn wait(&self) -> Result<MutexGuard<'_, Option<SqliteConnection>>, StoreError> {
        let busy = || StoreError::new("no connection was free in time");
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let place = turn.checked_rem(self.connections.len()).unwrap_or(0);
        let connection = self.connections.get(place).ok_or_else(busy)?;
        tokio::time::timeout(PATIENCE, connection.lock()).await.map_err(|_| busy())
    }

    /// Closes each as soon as its reader is done.
    pub(super) async fn close(&self) {
        for connection in self.connections.iter() {
            if let Some(connection) = connection.lock().await.take()
                && let Err(error) = connection.close().await
            {
                tracing::warn!(%error, "the database was not closed well; nothing is lost");
            }
        }
    }
}
