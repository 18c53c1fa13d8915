//! People, groups and connections: how this database runs what is written for all of them.

use async_trait::async_trait;

use super::writer::Batch;
use super::{SqliteStore, audit};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::store::sql::{Database, Sql, SqliteSql, Work};

#[async_trait]
impl Database for SqliteStore {
    async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T, StoreError> {
        let connection = &mut *self.readers.lend().await?;
        work(Sql::sqlite(connection)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: Work<(T, Vec<Event>)>,
        now: Timestamp,
    ) -> Result<T, StoreError> {
        self.writer
            .run_waiting(move |batch| {
                Box::pin(async move {
                    let Batch { connection, waiting, .. } = batch;
                    let sql = SqliteSql { connection, waiting: Some(waiting) };
                    let (done, events) = work(Sql::Sqlite(sql)).await?;
                    for event in &events {
                        audit::append(batch, event, now).await?;
                    }
                    batch.do_what_waits().await?;
                    Ok(done)
                })
            })
            .await
    }
}
