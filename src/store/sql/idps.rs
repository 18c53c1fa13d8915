//! [`IdpStore`], for every database: imported identity providers and copies of metadata.

use async_trait::async_trait;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, idps_over_time as over_time, notices, work};
use crate::audit::Event;
use crate::base::{IdpName, StoreError, Timestamp};
use crate::trust::{
    IdpStore, ImportedIdp, MetadataCopy, RefreshState, SeenKey, Standing, WaitingChange,
};

/// What was done, and no event: whoever imports records one that says more.
type Told<T> = Result<(T, Vec<Event>), StoreError>;

#[async_trait]
impl<D: Database> IdpStore for D {
    async fn put(&self, idp: &ImportedIdp) -> Result<(), StoreError> {
        self.put_all(std::slice::from_ref(idp)).await
    }

    async fn put_all(&self, idps: &[ImportedIdp]) -> Result<(), StoreError> {
        self.write(work!(put_all, idps.to_vec()), Timestamp::EPOCH).await
    }

    async fn list(&self) -> Result<Vec<ImportedIdp>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            // The driver's rows are not all there beside our own.
            let some = self.page(after.as_ref(), AT_ONCE).await?;
            let Some(last) = some.last() else {
                return Ok(all);
            };
            after = Some(last.name.clone());
            all.extend(some);
        }
    }

    async fn page(
        &self,
        after: Option<&IdpName>,
        most: usize,
    ) -> Result<Vec<ImportedIdp>, StoreError> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.read(work!(page, after, i64::try_from(most).unwrap_or(i64::MAX))).await
    }

    async fn imported(&self, name: &IdpName) -> Result<Option<ImportedIdp>, StoreError> {
        self.read(work!(imported, name.clone())).await
    }

    async fn names(&self) -> Result<Vec<IdpName>, StoreError> {
        self.read(work!(names,)).await
    }

    async fn remove(&self, name: &IdpName) -> Result<bool, StoreError> {
        self.write(work!(remove, name.clone()), Timestamp::EPOCH).await
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        self.read(work!(revision,)).await
    }

    async fn put_copy(&self, copy: &MetadataCopy) -> Result<(), StoreError> {
        self.put_copies(std::slice::from_ref(copy)).await
    }

    async fn put_copies(&self, copies: &[MetadataCopy]) -> Result<(), StoreError> {
        self.write(work!(put_copies, copies.to_vec()), Timestamp::EPOCH).await
    }

    async fn confirm_copies(&self, idps: &[IdpName], at: Timestamp) -> Result<(), StoreError> {
        self.write(work!(confirm_copies, idps.to_vec(), at), Timestamp::EPOCH).await
    }

    async fn renewed(&self) -> Result<(), StoreError> {
        self.write(work!(renewed,), Timestamp::EPOCH).await
    }

    async fn copy(&self, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError> {
        self.read(work!(copy, idp.clone())).await
    }

    async fn copies(&self, idps: &[IdpName]) -> Result<Vec<MetadataCopy>, StoreError> {
        self.read(work!(copies, idps.to_vec())).await
    }

    async fn refreshes(&self) -> Result<Vec<RefreshState>, StoreError> {
        self.read(work!(over_time::refreshes,)).await
    }

    async fn put_refreshes(&self, states: &[RefreshState]) -> Result<(), StoreError> {
        let work = work!(over_time::put_refreshes, states.to_vec());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn forget_refresh(&self, idp: &IdpName) -> Result<(), StoreError> {
        let work = work!(over_time::forget_refresh, idp.clone());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn saw_key(&self, key: &SeenKey) -> Result<bool, StoreError> {
        let work = work!(over_time::saw_key, key.clone());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn seen_keys(&self) -> Result<Vec<SeenKey>, StoreError> {
        self.read(work!(over_time::seen_keys,)).await
    }

    async fn decide_key(
        &self,
        idp: &IdpName,
        fingerprint: &str,
        standing: Standing,
    ) -> Result<bool, StoreError> {
        let (idp, fingerprint) = (idp.clone(), fingerprint.to_owned());
        let work = work!(over_time::decide_key, idp, fingerprint, standing);
        self.write(work, Timestamp::EPOCH).await
    }

    async fn forget_key(&self, idp: &IdpName, fingerprint: &str) -> Result<(), StoreError> {
        let work = work!(over_time::forget_key, idp.clone(), fingerprint.to_owned());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn put_waiting(&self, change: &WaitingChange) -> Result<(), StoreError> {
        let work = work!(over_time::put_waiting, change.clone());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn waiting(&self) -> Result<Vec<WaitingChange>, StoreError> {
        self.read(work!(over_time::waiting,)).await
    }

    async fn forget_waiting(&self, idp: &IdpName) -> Result<bool, StoreError> {
        let work = work!(over_time::forget_waiting, idp.clone());
        self.write(work, Timestamp::EPOCH).await
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let work = work!(over_time::lease, name, holder, until, now);
        self.write(work, now).await
    }
}

async fn put_all(sql: &mut Sql<'_>, (idps,): &(Vec<ImportedIdp>,)) -> Told<()> {
    for idp in idps {
        sql.execute(put(idp)).await?;
    }
    sql.execute(count_up()).await?;
    Ok(((), Vec::new()))
}

fn put(idp: &ImportedIdp) -> Statement {
    Statement::new(
        "INSERT INTO idp (name, settings, metadata, url, updated_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET settings = excluded.settings,
             metadata = excluded.metadata, url = excluded.url, updated_at = excluded.updated_at",
    )
    .with(idp.name.as_str())
    .with(idp.settings.to_string())
    .with(&idp.metadata)
    .with(idp.url.as_deref())
    .with(idp.updated_at)
}

/// Records that are read at once: some megabytes.
const AT_ONCE: usize = 200;

async fn page(
    sql: &mut Sql<'_>,
    (after, most): &(String, i64),
) -> Result<Vec<ImportedIdp>, StoreError> {
    let asked = Statement::new(
        "SELECT name, settings, metadata, url, updated_at FROM idp
         WHERE name > ? ORDER BY name LIMIT ?",
    )
    .with(after)
    .with(*most);
    sql.fetch(asked).await?.into_iter().map(record).collect()
}

fn record(mut row: Row) -> Result<ImportedIdp, StoreError> {
    Ok(ImportedIdp {
        name: IdpName::parse(&row.text()?).ok_or_else(unreadable)?,
        settings: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
        metadata: row.text()?,
        url: row.optional_text()?,
        updated_at: row.time()?,
    })
}

async fn imported(
    sql: &mut Sql<'_>,
    (name,): &(IdpName,),
) -> Result<Option<ImportedIdp>, StoreError> {
    let asked =
        Statement::new("SELECT name, settings, metadata, url, updated_at FROM idp WHERE name = ?");
    sql.fetch_one(asked.with(name.as_str())).await?.map(record).transpose()
}

async fn names(sql: &mut Sql<'_>, (): &()) -> Result<Vec<IdpName>, StoreError> {
    let asked = Statement::new("SELECT name FROM idp ORDER BY name");
    let read = |mut row: Row| IdpName::parse(&row.text()?).ok_or_else(unreadable);
    sql.fetch(asked).await?.into_iter().map(read).collect()
}

async fn remove(sql: &mut Sql<'_>, (name,): &(IdpName,)) -> Told<bool> {
    let remove = Statement::new("DELETE FROM idp WHERE name = ?").with(name.as_str());
    let removed = sql.execute(remove).await?;
    over_time::forget(
        sql,
        name,
        &[
            "metadata_copy",
            "idp_refresh",
            "idp_key",
            "idp_change",
            "user_link",
        ],
    )
    .await?;
    for notice in [SeenKey::notice(name), WaitingChange::notice(name)] {
        sql.execute(notices::clear(&notice)).await?;
    }
    sql.execute(count_up()).await?;
    Ok((removed == 1, Vec::new()))
}

pub(super) fn count_up() -> Statement {
    Statement::new("UPDATE meta SET value = value + 1 WHERE key = 'idp_revision'")
}

async fn revision(sql: &mut Sql<'_>, (): &()) -> Result<i64, StoreError> {
    let asked = Statement::new("SELECT value FROM meta WHERE key = 'idp_revision'");
    sql.fetch_one(asked).await?.ok_or_else(unreadable)?.integer()
}

async fn put_copies(sql: &mut Sql<'_>, (copies,): &(Vec<MetadataCopy>,)) -> Told<()> {
    for copy in copies {
        sql.execute(put_copy(copy)).await?;
    }
    Ok(((), Vec::new()))
}

async fn confirm_copies(sql: &mut Sql<'_>, (idps, at): &(Vec<IdpName>, Timestamp)) -> Told<()> {
    for idp in idps {
        let confirm = Statement::new("UPDATE metadata_copy SET fetched_at = ? WHERE idp = ?");
        sql.execute(confirm.with(*at).with(idp.as_str())).await?;
    }
    Ok(((), Vec::new()))
}

fn put_copy(copy: &MetadataCopy) -> Statement {
    Statement::new(
        "INSERT INTO metadata_copy (idp, url, metadata, etag, last_modified, fetched_at, picked_by)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (idp) DO UPDATE SET url = excluded.url, metadata = excluded.metadata,
             etag = excluded.etag, last_modified = excluded.last_modified,
             fetched_at = excluded.fetched_at, picked_by = excluded.picked_by",
    )
    .with(copy.idp.as_str())
    .with(&copy.url)
    .with(&copy.metadata)
    .with(copy.etag.as_deref())
    .with(copy.last_modified.as_deref())
    .with(copy.fetched_at)
    .with(copy.picked_by.as_deref())
}

async fn renewed(sql: &mut Sql<'_>, (): &()) -> Told<()> {
    sql.execute(count_up()).await?;
    Ok(((), Vec::new()))
}

async fn copies(
    sql: &mut Sql<'_>,
    (idps,): &(Vec<IdpName>,),
) -> Result<Vec<MetadataCopy>, StoreError> {
    let mut found = Vec::new();
    for idp in idps {
        found.extend(copy_of(sql, idp).await?);
    }
    Ok(found)
}

async fn copy(sql: &mut Sql<'_>, (idp,): &(IdpName,)) -> Result<Option<MetadataCopy>, StoreError> {
    copy_of(sql, idp).await
}

async fn copy_of(sql: &mut Sql<'_>, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError> {
    let asked = Statement::new(
        "SELECT url, metadata, etag, last_modified, fetched_at, picked_by
         FROM metadata_copy WHERE idp = ?",
    );
    let Some(mut row) = sql.fetch_one(asked.with(idp.as_str())).await? else {
        return Ok(None);
    };
    Ok(Some(MetadataCopy {
        idp: idp.clone(),
        url: row.text()?,
        metadata: row.text()?,
        etag: row.optional_text()?,
        last_modified: row.optional_text()?,
        fetched_at: row.time()?,
        picked_by: row.optional_text()?,
    }))
}
