//! [`Notices`], for every database.

use std::time::Duration;

use async_trait::async_trait;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, outbox, work};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::notice::{Notice, Notices};

#[async_trait]
impl<D: Database> Notices for D {
    async fn raise(
        &self,
        notice: &Notice,
        event: Option<&Event>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // Asked for again and again: nothing is written as long as it stands.
        if self.read(work!(stands, notice.key.clone())).await? {
            return Ok(false);
        }
        self.write(work!(raise_new, notice.clone(), event.cloned()), now).await
    }

    async fn raise_again(
        &self,
        notice: &Notice,
        quiet: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if self.read(work!(stands, notice.key.clone())).await? {
            return Ok(false);
        }
        self.write(work!(raise_quietly, notice.clone(), now.minus(quiet)), now).await
    }

    async fn clear(&self, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        if !self.read(work!(any, key.to_owned())).await? {
            return Ok(false);
        }
        self.write(work!(clear_all, key.to_owned()), now).await
    }

    async fn notices(&self) -> Result<Vec<Notice>, StoreError> {
        self.read(work!(all,)).await
    }
}

async fn stands(sql: &mut Sql<'_>, (key,): &(String,)) -> Result<bool, StoreError> {
    let asked = Statement::new("SELECT 1 FROM notice WHERE key = ?").with(key);
    Ok(sql.fetch_one(asked).await?.is_some())
}

async fn raise_new(
    sql: &mut Sql<'_>,
    (notice, event): &(Notice, Option<Event>),
) -> Result<(bool, Vec<Event>), StoreError> {
    let is_new = raise(sql, notice).await?;
    let events = event.iter().filter(|_| is_new).cloned().collect();
    Ok((is_new, events))
}

async fn raise_quietly(
    sql: &mut Sql<'_>,
    (notice, since): &(Notice, Timestamp),
) -> Result<(bool, Vec<Event>), StoreError> {
    let is_new = stand(sql, notice).await?;
    // Whoever has it has it; whoever has not gets it as one that stands.
    if is_new && sql.execute(outbox::again(notice, *since)).await? > 0 {
        return Ok((false, Vec::new()));
    }
    if is_new {
        sql.execute(outbox::entry(notice)).await?;
    }
    Ok((is_new, Vec::new()))
}

/// Raises a notice inside a transaction; whether it is new.
pub(super) async fn raise(sql: &mut Sql<'_>, notice: &Notice) -> Result<bool, StoreError> {
    let is_new = stand(sql, notice).await?;
    if is_new {
        sql.execute(outbox::entry(notice)).await?;
    }
    Ok(is_new)
}

async fn stand(sql: &mut Sql<'_>, notice: &Notice) -> Result<bool, StoreError> {
    let insert = Statement::new(
        "INSERT INTO notice (key, at, text, advice, detail) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (key) DO NOTHING",
    )
    .with(&notice.key)
    .with(notice.at)
    .with(&notice.text)
    .with(&notice.advice)
    .with(notice.detail.to_string());
    Ok(sql.execute(insert).await? > 0)
}

/// Those of a key: itself, and what is below it. `0` follows upon `/`.
const BELOW: &str = "key = ? OR (key > ? AND key < ?)";

/// Clears inside a transaction.
pub(super) fn clear(key: &str) -> Statement {
    below(&format!("DELETE FROM notice WHERE {BELOW}"), key)
}

fn below(text: &str, key: &str) -> Statement {
    Statement::new(text).with(key).with(format!("{key}/")).with(format!("{key}0"))
}

async fn any(sql: &mut Sql<'_>, (key,): &(String,)) -> Result<bool, StoreError> {
    let asked = below(&format!("SELECT 1 FROM notice WHERE {BELOW}"), key);
    Ok(sql.fetch_one(asked).await?.is_some())
}

async fn clear_all(
    sql: &mut Sql<'_>,
    (key,): &(String,),
) -> Result<(bool, Vec<Event>), StoreError> {
    Ok((sql.execute(clear(key)).await? > 0, Vec::new()))
}

async fn all(sql: &mut Sql<'_>, (): &()) -> Result<Vec<Notice>, StoreError> {
    let asked = Statement::new("SELECT key, at, text, advice, detail FROM notice ORDER BY at, key");
    sql.fetch(asked).await?.iter_mut().map(notice).collect()
}

fn notice(row: &mut Row) -> Result<Notice, StoreError> {
    Ok(Notice {
        key: row.text()?,
        at: row.time()?,
        text: row.text()?,
        advice: row.text()?,
        detail: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
    })
}
