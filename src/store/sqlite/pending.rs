//! Requests that wait for their answer.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{failed, hash, text, time, unreadable};
use crate::base::{IdpName, ReturnTo, StoreError, Timestamp};
use crate::saml::{PendingLogin, PendingStore, Taken, Wish};

/// Keeps one, and drops the oldest of this browser.
const KEEP: &str = "
    INSERT INTO pending_login (handle, browser, request_id, idp, return_to, asked, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?);
    DELETE FROM pending_login WHERE rowid IN (
        SELECT rowid FROM pending_login
        WHERE browser = ? AND used = 0 AND created_at > ?
        ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?)";

#[async_trait]
impl PendingStore for SqliteStore {
    async fn keep(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        login: &PendingLogin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (request_id, idp) = (login.request_id.clone(), login.idp.clone());
        let (return_to, created_at) = (login.return_to.to_string(), login.created_at);
        let asked = login.wish.to_stored();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    sqlx::query(KEEP)
                        .bind(&handle_hash[..])
                        .bind(&browser[..])
                        .bind(&request_id)
                        .bind(idp.as_str())
                        .bind(return_to)
                        .bind(asked)
                        .bind(created_at.unix_micros())
                        .bind(&browser[..])
                        .bind(still_open_since(now))
                        .bind(PendingLogin::PER_BROWSER)
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn take(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let handle = handle_hash;
        let taken = self.writer.run(move |batch| {
            Box::pin(async move {
                // One statement finds and uses up: that is what makes it once.
                sqlx::query(
                    "UPDATE pending_login SET used = 1
                     WHERE handle = ? AND browser = ? AND used = 0 AND created_at > ?
                     RETURNING request_id, idp, return_to, asked, created_at",
                )
                .bind(&handle[..])
                .bind(&browser[..])
                .bind(still_open_since(now))
                .fetch_optional(&mut batch.connection)
                .await
                .map_err(failed)
            })
        });
        if let Some(row) = taken.await? {
            return read(&row).map(Taken::Login);
        }
        let refused = sqlx::query("SELECT browser, return_to FROM pending_login WHERE handle = ?")
            .bind(&handle_hash[..])
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        why(refused.as_ref(), browser)
    }

    async fn take_by_request(
        &self,
        request_id: &str,
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let id = request_id.to_owned();
        let taken = self.writer.run(move |batch| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE pending_login SET used = 1
                     WHERE request_id = ? AND browser = ? AND used = 0 AND created_at > ?
                     RETURNING request_id, idp, return_to, asked, created_at",
                )
                .bind(id)
                .bind(&browser[..])
                .bind(still_open_since(now))
                .fetch_optional(&mut batch.connection)
                .await
                .map_err(failed)
            })
        });
        if let Some(row) = taken.await? {
            return read(&row).map(Taken::Login);
        }
        let refused =
            sqlx::query("SELECT browser, return_to FROM pending_login WHERE request_id = ?")
                .bind(request_id)
                .fetch_optional(&mut *self.readers.lend().await?)
                .await
                .map_err(failed)?;
        why(refused.as_ref(), browser)
    }
}

/// Requests made at this time or before are too old.
fn still_open_since(now: Timestamp) -> i64 {
    now.minus(PendingLogin::LIFETIME).unix_micros()
}

fn why(row: Option<&SqliteRow>, browser: [u8; 32]) -> Result<Taken, StoreError> {
    let Some(row) = row else {
        return Ok(Taken::Unknown);
    };
    // Where another browser's person wanted to go is nobody else's business.
    if hash(row, "browser")? != browser {
        return Ok(Taken::OtherBrowser);
    }
    Ok(Taken::UsedOrExpired(ReturnTo::from_stored(&text(
        row,
        "return_to",
    )?)))
}

fn read(row: &SqliteRow) -> Result<PendingLogin, StoreError> {
    Ok(PendingLogin {
        request_id: text(row, "request_id")?,
        idp: IdpName::parse(&text(row, "idp")?).ok_or_else(|| unreadable("idp"))?,
        return_to: ReturnTo::from_stored(&text(row, "return_to")?)
            .ok_or_else(|| unreadable("return_to"))?,
        wish: Wish::from_stored(&text(row, "asked")?).ok_or_else(|| unreadable("asked"))?,
        created_at: time(row, "created_at")?,
    })
}
