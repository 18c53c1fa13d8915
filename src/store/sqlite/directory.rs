//! People, groups and connections: how this database runs what is written for all of them.

use async_trait::async_trait;

use super::{SqliteStore, audit};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::store::sql::{Database, Sql, Work};

#[async_trait]
impl Database for SqliteStore {
    async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T, StoreError> {
        work(Sql::Sqlite(&mut *self.readers.lend().await?)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: Work<(T, Vec<Event>)>,
        now: Timestamp,
    ) -> Result<T, StoreError> {
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let (done, events) = work(Sql::Sqlite(&mut batch.connection)).await?;
                    for event in &events {
                        audit::append(batch, event, now).await?;
                    }
                    Ok(done)
                })
            })
            .await
    }
}
