//! [`FetchLog`], for every database.

use async_trait::async_trait;

use super::row::{Row, Sql, Statement};
use super::{Database, work};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::keys::{Fetch, FetchLog};

/// So many are kept: who comes for metadata are identity providers, and whoever else is curious.
const MOST: u32 = 500;

#[async_trait]
impl<D: Database> FetchLog for D {
    async fn add_fetches(&self, fetches: &[Fetch], now: Timestamp) -> Result<(), StoreError> {
        self.write(work!(add, fetches.to_vec()), now).await
    }

    async fn fetches(&self) -> Result<Vec<Fetch>, StoreError> {
        self.read(work!(all,)).await
    }
}

async fn add(
    sql: &mut Sql<'_>,
    (fetches,): &(Vec<Fetch>,),
) -> Result<((), Vec<Event>), StoreError> {
    // In one order, so that two nodes do not wait for each other.
    let mut fetches: Vec<&Fetch> = fetches.iter().collect();
    fetches.sort_by_key(|fetch| (&fetch.address, &fetch.agent));
    for fetch in fetches {
        let count = i64::try_from(fetch.count).unwrap_or(i64::MAX);
        let insert = Statement::new(
            "INSERT INTO metadata_fetch (address, agent, first_at, last_at, visits) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (address, agent) DO UPDATE SET
             last_at = CASE WHEN excluded.last_at > metadata_fetch.last_at
                 THEN excluded.last_at ELSE metadata_fetch.last_at END,
             visits = metadata_fetch.visits + excluded.visits",
        )
        .with(&fetch.address)
        .with(&fetch.agent)
        .with(fetch.first)
        .with(fetch.last)
        .with(count);
        sql.execute(insert).await?;
    }
    let forget = format!(
        "DELETE FROM metadata_fetch WHERE last_at < \
         (SELECT last_at FROM metadata_fetch ORDER BY last_at DESC LIMIT 1 OFFSET {MOST})"
    );
    sql.execute(Statement::new(forget)).await?;
    Ok(((), Vec::new()))
}

async fn all(sql: &mut Sql<'_>, (): &()) -> Result<Vec<Fetch>, StoreError> {
    let asked = Statement::new(
        "SELECT address, agent, first_at, last_at, visits FROM metadata_fetch
         ORDER BY last_at DESC, address, agent",
    );
    sql.fetch(asked).await?.iter_mut().map(fetch).collect()
}

fn fetch(row: &mut Row) -> Result<Fetch, StoreError> {
    Ok(Fetch {
        address: row.text()?,
        agent: row.text()?,
        first: row.time()?,
        last: row.time()?,
        count: row.count()?,
    })
}
