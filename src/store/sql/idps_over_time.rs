//! [`crate::trust::IdpStore`], the part that goes on over time: how asking for metadata went, keys
//! and changes that wait for an administrator, and who of several nodes asks.

use super::idps::count_up;
use super::notices;
use super::row::{Row, Sql, Statement, unreadable};
use crate::audit::Event;
use crate::base::{IdpName, StoreError, Timestamp};
use crate::trust::{MetadataCopy, RefreshState, SeenKey, Standing, WaitingChange};

type Told<T> = Result<(T, Vec<Event>), StoreError>;

/// Everything about an identity provider in these tables.
pub(super) async fn forget(
    sql: &mut Sql<'_>,
    idp: &IdpName,
    tables: &[&str],
) -> Result<(), StoreError> {
    for table in tables {
        let forget = Statement::new(format!("DELETE FROM {table} WHERE idp = ?"));
        sql.execute(forget.with(idp.as_str())).await?;
    }
    Ok(())
}

pub(super) async fn refreshes(sql: &mut Sql<'_>, (): &()) -> Result<Vec<RefreshState>, StoreError> {
    let asked = "SELECT idp, url, tried_at, fetched_at, failures, result, detail, next_at
                 FROM idp_refresh ORDER BY idp";
    let read = |mut row: Row| {
        Ok(RefreshState {
            idp: name(&mut row)?,
            url: row.text()?,
            tried_at: row.time()?,
            fetched_at: row.optional_time()?,
            failures: u32::try_from(row.integer()?).map_err(|_| unreadable())?,
            result: row.text()?,
            detail: row.text()?,
            next_at: row.time()?,
        })
    };
    sql.fetch(Statement::new(asked)).await?.into_iter().map(read).collect()
}

pub(super) async fn put_refreshes(sql: &mut Sql<'_>, (states,): &(Vec<RefreshState>,)) -> Told<()> {
    for state in states {
        sql.execute(put_refresh(state)).await?;
    }
    Ok(((), Vec::new()))
}

fn put_refresh(state: &RefreshState) -> Statement {
    Statement::new(
        "INSERT INTO idp_refresh
             (idp, url, tried_at, fetched_at, failures, result, detail, next_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (idp) DO UPDATE SET url = excluded.url, tried_at = excluded.tried_at,
             fetched_at = excluded.fetched_at, failures = excluded.failures,
             result = excluded.result, detail = excluded.detail, next_at = excluded.next_at",
    )
    .with(state.idp.as_str())
    .with(&state.url)
    .with(state.tried_at)
    .with(state.fetched_at)
    .with(i64::from(state.failures))
    .with(&state.result)
    .with(&state.detail)
    .with(state.next_at)
}

pub(super) async fn forget_refresh(sql: &mut Sql<'_>, (idp,): &(IdpName,)) -> Told<()> {
    forget(sql, idp, &["idp_refresh", "idp_change"]).await?;
    sql.execute(notices::clear(&WaitingChange::notice(idp))).await?;
    Ok(((), Vec::new()))
}

pub(super) async fn saw_key(sql: &mut Sql<'_>, (key,): &(SeenKey,)) -> Told<bool> {
    let again = Statement::new(
        "UPDATE idp_key SET seen = seen + 1, last_seen = ?
         WHERE idp = ? AND fingerprint = ? AND entity_id = ?",
    )
    .with(key.last_seen)
    .with(key.idp.as_str())
    .with(&key.fingerprint)
    .with(&key.entity_id);
    if sql.execute(again).await? > 0 {
        return Ok((false, Vec::new()));
    }
    // Two nodes may see it at the same moment. What was said of it when the name was somebody else's
    // does not count.
    let add = Statement::new(
        "INSERT INTO idp_key
             (idp, fingerprint, entity_id, certificate, standing, seen, first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?, 1, ?, ?)
         ON CONFLICT (idp, fingerprint) DO UPDATE SET entity_id = excluded.entity_id,
             certificate = excluded.certificate, standing = excluded.standing, seen = 1,
             first_seen = excluded.first_seen, last_seen = excluded.last_seen
         WHERE idp_key.entity_id <> excluded.entity_id",
    )
    .with(key.idp.as_str())
    .with(&key.fingerprint)
    .with(&key.entity_id)
    .with(key.certificate.clone())
    .with(Standing::Pending.as_str())
    .with(key.first_seen)
    .with(key.last_seen);
    let added = sql.execute(add).await? > 0;
    let most = i64::try_from(SeenKey::MOST).unwrap_or(i64::MAX);
    let crowd = Statement::new(
        "DELETE FROM idp_key WHERE idp = ? AND standing = 'pending' AND fingerprint <> ?
             AND fingerprint NOT IN
             (SELECT fingerprint FROM idp_key
              WHERE idp = ? AND standing = 'pending' AND fingerprint <> ?
              ORDER BY seen DESC, first_seen, fingerprint LIMIT ?)",
    )
    .with(key.idp.as_str())
    .with(&key.fingerprint)
    .with(key.idp.as_str())
    .with(&key.fingerprint)
    .with(most.saturating_sub(1));
    sql.execute(crowd).await?;
    Ok((added, Vec::new()))
}

pub(super) async fn seen_keys(sql: &mut Sql<'_>, (): &()) -> Result<Vec<SeenKey>, StoreError> {
    let asked = "SELECT idp, fingerprint, entity_id, certificate, standing, seen, first_seen,
                     last_seen
                 FROM idp_key ORDER BY idp, fingerprint";
    let read = |mut row: Row| {
        Ok(SeenKey {
            idp: name(&mut row)?,
            fingerprint: row.text()?,
            entity_id: row.text()?,
            certificate: row.octets()?,
            standing: standing(&mut row)?,
            seen: row.count()?,
            first_seen: row.time()?,
            last_seen: row.time()?,
        })
    };
    sql.fetch(Statement::new(asked)).await?.into_iter().map(read).collect()
}

pub(super) async fn decide_key(
    sql: &mut Sql<'_>,
    (idp, fingerprint, standing): &(IdpName, String, Standing),
) -> Told<bool> {
    let decide =
        Statement::new("UPDATE idp_key SET standing = ? WHERE idp = ? AND fingerprint = ?")
            .with(standing.as_str())
            .with(idp.as_str())
            .with(fingerprint);
    let decided = sql.execute(decide).await? > 0;
    none_pending(sql, idp).await?;
    sql.execute(count_up()).await?;
    Ok((decided, Vec::new()))
}

pub(super) async fn forget_key(
    sql: &mut Sql<'_>,
    (idp, fingerprint): &(IdpName, String),
) -> Told<()> {
    let forget = Statement::new("DELETE FROM idp_key WHERE idp = ? AND fingerprint = ?");
    sql.execute(forget.with(idp.as_str()).with(fingerprint)).await?;
    none_pending(sql, idp).await?;
    sql.execute(count_up()).await?;
    Ok(((), Vec::new()))
}

/// Takes the notice back, if no key waits any more.
async fn none_pending(sql: &mut Sql<'_>, idp: &IdpName) -> Result<(), StoreError> {
    let asked =
        Statement::new("SELECT 1 FROM idp_key WHERE idp = ? AND standing = 'pending' LIMIT 1");
    if sql.fetch_one(asked.with(idp.as_str())).await?.is_none() {
        sql.execute(notices::clear(&SeenKey::notice(idp))).await?;
    }
    Ok(())
}

pub(super) async fn put_waiting(sql: &mut Sql<'_>, (waiting,): &(WaitingChange,)) -> Told<()> {
    let copy = &waiting.copy;
    let put = Statement::new(
        "INSERT INTO idp_change (idp, url, metadata, picked_by, change, standing, seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (idp) DO UPDATE SET url = excluded.url, metadata = excluded.metadata,
             picked_by = excluded.picked_by, change = excluded.change,
             standing = excluded.standing, seen_at = excluded.seen_at",
    )
    .with(copy.idp.as_str())
    .with(&copy.url)
    .with(&copy.metadata)
    .with(copy.picked_by.as_deref())
    .with(waiting.change.to_string())
    .with(waiting.standing.as_str())
    .with(waiting.seen_at);
    sql.execute(put).await?;
    Ok(((), Vec::new()))
}

pub(super) async fn waiting(sql: &mut Sql<'_>, (): &()) -> Result<Vec<WaitingChange>, StoreError> {
    let asked = "SELECT idp, url, metadata, picked_by, change, standing, seen_at
                 FROM idp_change ORDER BY idp";
    let read = |mut row: Row| {
        let mut copy = MetadataCopy {
            idp: name(&mut row)?,
            url: row.text()?,
            metadata: row.text()?,
            picked_by: row.optional_text()?,
            etag: None,
            last_modified: None,
            fetched_at: Timestamp::EPOCH,
        };
        let change = serde_json::from_str(&row.text()?).map_err(|_| unreadable())?;
        let standing = standing(&mut row)?;
        let seen_at = row.time()?;
        copy.fetched_at = seen_at;
        Ok(WaitingChange { copy, change, standing, seen_at })
    };
    sql.fetch(Statement::new(asked)).await?.into_iter().map(read).collect()
}

pub(super) async fn forget_waiting(sql: &mut Sql<'_>, (idp,): &(IdpName,)) -> Told<bool> {
    let forget = Statement::new("DELETE FROM idp_change WHERE idp = ?").with(idp.as_str());
    Ok((sql.execute(forget).await? > 0, Vec::new()))
}

pub(super) async fn lease(
    sql: &mut Sql<'_>,
    (name, holder, until, now): &(String, String, Timestamp, Timestamp),
) -> Told<bool> {
    let take = Statement::new(
        "INSERT INTO lease (name, holder, until) VALUES (?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE lease.holder = excluded.holder OR lease.until <= ?",
    )
    .with(name)
    .with(holder)
    .with(*until)
    .with(*now);
    Ok((sql.execute(take).await? > 0, Vec::new()))
}

fn name(row: &mut Row) -> Result<IdpName, StoreError> {
    IdpName::parse(&row.text()?).ok_or_else(unreadable)
}

fn standing(row: &mut Row) -> Result<Standing, StoreError> {
    Standing::find(&row.text()?).ok_or_else(unreadable)
}
