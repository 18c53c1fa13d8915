//! Requests that wait for their answer.

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};

use super::PostgresStore;
use super::row::{failed, findable, hash, text, time, unreadable};
use crate::base::{IdpName, ReturnTo, StoreError, Timestamp};
use crate::saml::{PendingLogin, PendingStore, Taken, Wish};

const KEEP: &str = "
    INSERT INTO pending_login (handle, browser, request_id, idp, return_to, asked, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// The oldest of this browser, beyond those that it may have.
const DROP_OLDEST: &str = "
    DELETE FROM pending_login WHERE number IN (
        SELECT number FROM pending_login
        WHERE browser = $1 AND used = 0 AND created_at > $2
        ORDER BY created_at DESC, number DESC OFFSET $3 FOR UPDATE SKIP LOCKED)";
/// One statement finds and uses up: that is what makes it once.
const TAKE: &str = "
    UPDATE pending_login SET used = 1
    WHERE handle = $1 AND browser = $2 AND used = 0 AND created_at > $3
    RETURNING request_id, idp, return_to, asked, created_at";
const TAKE_BY_REQUEST: &str = "
    UPDATE pending_login SET used = 1
    WHERE request_id = $1 AND browser = $2 AND used = 0 AND created_at > $3
    RETURNING request_id, idp, return_to, asked, created_at";
const WHY: &str = "SELECT browser, return_to FROM pending_login WHERE handle = $1";
const WHY_BY_REQUEST: &str = "SELECT browser, return_to FROM pending_login WHERE request_id = $1";

#[async_trait]
impl PendingStore for PostgresStore {
    async fn keep(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        login: &PendingLogin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (request_id, idp) = (login.request_id.clone(), login.idp.as_str().to_owned());
        let (return_to, created_at) = (login.return_to.to_string(), login.created_at);
        let asked = login.wish.to_stored();
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(KEEP)
                    .bind(&handle_hash[..])
                    .bind(&browser[..])
                    .bind(request_id)
                    .bind(idp)
                    .bind(return_to)
                    .bind(asked)
                    .bind(created_at.unix_micros())
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                sqlx::query(DROP_OLDEST)
                    .bind(&browser[..])
                    .bind(still_open_since(now))
                    .bind(i64::from(PendingLogin::PER_BROWSER))
                    .execute(connection)
                    .await
                    .map(|_| ())
                    .map_err(failed)
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
        self.run(move |connection| {
            Box::pin(async move {
                let take = sqlx::query(TAKE).bind(handle_hash.to_vec());
                let why = sqlx::query(WHY).bind(handle_hash.to_vec());
                take_or_say_why(connection, take, why, browser, now).await
            })
        })
        .await
    }

    async fn take_by_request(
        &self,
        request_id: &str,
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let Some(id) = findable(request_id).map(str::to_owned) else {
            return Ok(Taken::Unknown);
        };
        self.run(move |connection| {
            Box::pin(async move {
                let take = sqlx::query(TAKE_BY_REQUEST).bind(id.clone());
                let why = sqlx::query(WHY_BY_REQUEST).bind(id);
                take_or_say_why(connection, take, why, browser, now).await
            })
        })
        .await
    }
}

type Statement = Query<'static, Postgres, PgArguments>;

async fn take_or_say_why(
    connection: &mut PgConnection,
    take: Statement,
    why: Statement,
    browser: [u8; 32],
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let take = take.bind(browser.to_vec()).bind(still_open_since(now));
    if let Some(row) = take.fetch_optional(&mut *connection).await.map_err(failed)? {
        return read(&row).map(Taken::Login);
    }
    let Some(row) = why.fetch_optional(connection).await.map_err(failed)? else {
        return Ok(Taken::Unknown);
    };
    // Where another browser's person wanted to go is nobody else's business.
    if hash(&row, "browser")? != browser {
        return Ok(Taken::OtherBrowser);
    }
    let return_to = ReturnTo::from_stored(&text(&row, "return_to")?);
    Ok(Taken::UsedOrExpired(return_to))
}

/// Requests made at this time or before are too old.
fn still_open_since(now: Timestamp) -> i64 {
    now.minus(PendingLogin::LIFETIME).unix_micros()
}

fn read(row: &PgRow) -> Result<PendingLogin, StoreError> {
    Ok(PendingLogin {
        request_id: text(row, "request_id")?,
        idp: IdpName::parse(&text(row, "idp")?).ok_or_else(|| unreadable("idp"))?,
        return_to: ReturnTo::from_stored(&text(row, "return_to")?)
            .ok_or_else(|| unreadable("return_to"))?,
        wish: Wish::from_stored(&text(row, "asked")?).ok_or_else(|| unreadable("asked"))?,
        created_at: time(row, "created_at")?,
    })
}
