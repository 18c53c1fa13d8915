//! What is taken once.

use async_trait::async_trait;
use sqlx::Row as _;

use super::PostgresStore;
use super::row::{failed, time};
use crate::base::{StoreError, Timestamp};
use crate::session::KeptStore;

#[async_trait]
impl KeptStore for PostgresStore {
    async fn keep(
        &self,
        key: [u8; 32],
        value: &[u8],
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let value = value.to_vec();
        self.run(move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO kept (key, value, expires) VALUES ($1, $2, $3)")
                    .bind(&key[..])
                    .bind(value)
                    .bind(expires.unix_micros())
                    .execute(connection)
                    .await
                    .map_err(failed)?;
                Ok(())
            })
        })
        .await
    }

    async fn take(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let key = *key;
        let taken = self.run(move |connection| {
            Box::pin(async move {
                // One statement finds and removes: that is what makes it once.
                sqlx::query("DELETE FROM kept WHERE key = $1 RETURNING value, expires")
                    .bind(&key[..])
                    .fetch_optional(connection)
                    .await
                    .map_err(failed)
            })
        });
        let Some(row) = taken.await? else {
            return Ok(None);
        };
        let in_time = now < time(&row, "expires")?;
        let value: Vec<u8> = row.try_get("value").map_err(failed)?;
        Ok(in_time.then_some(value))
    }
}
