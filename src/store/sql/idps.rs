//! [`IdpStore`], for every database: imported identity providers and copies of metadata.

use async_trait::async_trait;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, work};
use crate::audit::Event;
use crate::base::{IdpName, StoreError, Timestamp};
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy};

/// What was done, and no event: whoever imports records one that says more.
type Told<T> = Result<(T, Vec<Event>), StoreError>;

#[async_trait]
impl<D: Database> IdpStore for D {
    async fn put(&self, idp: &ImportedIdp) -> Result<(), StoreError> {
        self.write(work!(put, idp.clone()), Timestamp::EPOCH).await
    }

    async fn list(&self) -> Result<Vec<ImportedIdp>, StoreError> {
        self.read(work!(list,)).await
    }

    async fn remove(&self, name: &IdpName) -> Result<bool, StoreError> {
        self.write(work!(remove, name.clone()), Timestamp::EPOCH).await
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        self.read(work!(revision,)).await
    }

    async fn put_copy(&self, copy: &MetadataCopy) -> Result<(), StoreError> {
        self.write(work!(put_copy, copy.clone()), Timestamp::EPOCH).await
    }

    async fn renewed(&self) -> Result<(), StoreError> {
        self.write(work!(renewed,), Timestamp::EPOCH).await
    }

    async fn copy(&self, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError> {
        self.read(work!(copy, idp.clone())).await
    }
}

async fn put(sql: &mut Sql<'_>, (idp,): &(ImportedIdp,)) -> Told<()> {
    let put = Statement::new(
        "INSERT INTO idp (name, settings, metadata, url, updated_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET settings = excluded.settings,
             metadata = excluded.metadata, url = excluded.url, updated_at = excluded.updated_at",
    )
    .with(idp.name.as_str())
    .with(idp.settings.to_string())
    .with(&idp.metadata)
    .with(idp.url.as_deref())
    .with(idp.updated_at);
    sql.execute_all(vec![put, count_up()]).await?;
    Ok(((), Vec::new()))
}

async fn list(sql: &mut Sql<'_>, (): &()) -> Result<Vec<ImportedIdp>, StoreError> {
    let asked = "SELECT name, settings, metadata, url, updated_at FROM idp ORDER BY name";
    let read = |mut row: Row| {
        Ok(ImportedIdp {
            name: IdpName::parse(&row.text()?).ok_or_else(unreadable)?,
            settings: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
            metadata: row.text()?,
            url: row.optional_text()?,
            updated_at: row.time()?,
        })
    };
    sql.fetch(Statement::new(asked)).await?.into_iter().map(read).collect()
}

async fn remove(sql: &mut Sql<'_>, (name,): &(IdpName,)) -> Told<bool> {
    let remove = Statement::new("DELETE FROM idp WHERE name = ?").with(name.as_str());
    let removed = sql.execute(remove).await?;
    sql.execute(count_up()).await?;
    Ok((removed == 1, Vec::new()))
}

fn count_up() -> Statement {
    Statement::new("UPDATE meta SET value = value + 1 WHERE key = 'idp_revision'")
}

async fn revision(sql: &mut Sql<'_>, (): &()) -> Result<i64, StoreError> {
    let asked = Statement::new("SELECT value FROM meta WHERE key = 'idp_revision'");
    sql.fetch_one(asked).await?.ok_or_else(unreadable)?.integer()
}

async fn put_copy(sql: &mut Sql<'_>, (copy,): &(MetadataCopy,)) -> Told<()> {
    let put = Statement::new(
        "INSERT INTO metadata_copy (idp, url, metadata, etag, last_modified, fetched_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (idp) DO UPDATE SET url = excluded.url, metadata = excluded.metadata,
             etag = excluded.etag, last_modified = excluded.last_modified,
             fetched_at = excluded.fetched_at",
    )
    .with(copy.idp.as_str())
    .with(&copy.url)
    .with(&copy.metadata)
    .with(copy.etag.as_deref())
    .with(copy.last_modified.as_deref())
    .with(copy.fetched_at);
    sql.execute(put).await?;
    Ok(((), Vec::new()))
}

async fn renewed(sql: &mut Sql<'_>, (): &()) -> Told<()> {
    sql.execute(count_up()).await?;
    Ok(((), Vec::new()))
}

async fn copy(sql: &mut Sql<'_>, (idp,): &(IdpName,)) -> Result<Option<MetadataCopy>, StoreError> {
    let asked = Statement::new(
        "SELECT url, metadata, etag, last_modified, fetched_at FROM metadata_copy WHERE idp = ?",
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
    }))
}
