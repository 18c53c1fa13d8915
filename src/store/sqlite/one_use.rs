//! Used assertions.

use async_trait::async_trait;

use super::SqliteStore;
use super::row::failed;
use crate::base::{StoreError, Timestamp};
use crate::saml::OneUseStore;

#[async_trait]
impl OneUseStore for SqliteStore {
    async fn claim(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        // The primary key is what makes it once. A row whose time is over but which was not swept
        // yet also counts as used: refusing is the safe answer, and validation refused it before.
        let (issuer, id) = (issuer.to_owned(), id.to_owned());
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let claimed = sqlx::query(
                        "INSERT INTO one_use (issuer, id, expires) VALUES (?, ?, ?)
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(issuer)
                    .bind(id)
                    .bind(until.unix_micros())
                    .execute(&mut batch.connection)
                    .await
                    .map_err(failed)?;
                    Ok(claimed.rows_affected() == 1)
                })
            })
            .await
    }

    async fn is_claimed(&self, issuer: &str, id: &str, _: Timestamp) -> Result<bool, StoreError> {
        let mut reader = self.readers.lend().await?;
        let claimed = sqlx::query("SELECT 1 FROM one_use WHERE issuer = ? AND id = ?")
            .bind(issuer)
            .bind(id)
            .fetch_optional(&mut *reader)
            .await
            .map_err(failed)?;
        Ok(claimed.is_some())
    }
}
