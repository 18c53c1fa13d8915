//! Used assertions.

use async_trait::async_trait;
use openssl::sha::sha256;

use super::PostgresStore;
use super::row::failed;
use crate::base::entropy::hex;
use crate::base::{StoreError, Timestamp};
use crate::saml::OneUseStore;

/// As it is kept: a key of PostgreSQL has at most 2,700 bytes, and nobody limits what an identity
/// provider calls its assertions.
pub(in crate::store) fn short(text: &str) -> String {
    if text.len() <= 512 {
        return text.to_owned();
    }
    format!("sha256:{}", hex(&sha256(text.as_bytes())))
}

#[async_trait]
impl OneUseStore for PostgresStore {
    async fn claim(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        // The primary key is what makes it once. A row whose time is over but which was not swept
        // yet also counts as used: refusing is the safe answer, and validation refused it before.
        let (issuer, id) = (short(issuer), short(id));
        self.run(move |connection| {
            Box::pin(async move {
                let claimed = sqlx::query(
                    "INSERT INTO one_use (issuer, id, expires) VALUES ($1, $2, $3)
                         ON CONFLICT DO NOTHING",
                )
                .bind(issuer)
                .bind(id)
                .bind(until.unix_micros())
                .execute(connection)
                .await
                .map_err(failed)?;
                Ok(claimed.rows_affected() == 1)
            })
        })
        .await
    }

    async fn is_claimed(&self, issuer: &str, id: &str, _: Timestamp) -> Result<bool, StoreError> {
        let (issuer, id) = (short(issuer), short(id));
        self.run(move |connection| {
            Box::pin(async move {
                let claimed = sqlx::query("SELECT 1 FROM one_use WHERE issuer = $1 AND id = $2")
                    .bind(issuer)
                    .bind(id)
                    .fetch_optional(connection)
                    .await
                    .map_err(failed)?;
                Ok(claimed.is_some())
            })
        })
        .await
    }
}
