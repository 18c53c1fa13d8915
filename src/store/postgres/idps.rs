//! Imported identity providers and copies of metadata.

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::row::{failed, optional_text, text, time, unreadable};
use crate::base::{IdpName, StoreError};
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy};

const PUT: &str = "
    INSERT INTO idp (name, settings, metadata, url, updated_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, metadata = excluded.metadata,
        url = excluded.url, updated_at = excluded.updated_at";

const PUT_COPY: &str = "
    INSERT INTO metadata_copy (idp, url, metadata, etag, last_modified, fetched_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (idp) DO UPDATE SET url = excluded.url, metadata = excluded.metadata,
        etag = excluded.etag, last_modified = excluded.last_modified,
        fetched_at = excluded.fetched_at";

#[async_trait]
impl IdpStore for PostgresStore {
    async fn put(&self, idp: &ImportedIdp) -> Result<(), StoreError> {
        let idp = idp.clone();
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(PUT)
                    .bind(idp.name.as_str())
                    .bind(idp.settings.to_string())
                    .bind(&idp.metadata)
                    .bind(&idp.url)
                    .bind(idp.updated_at.unix_micros())
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                bump(connection).await
            })
        })
        .await
    }

    async fn list(&self) -> Result<Vec<ImportedIdp>, StoreError> {
        let rows = self.run(|connection| {
            Box::pin(async {
                let list = sqlx::query("SELECT * FROM idp ORDER BY name");
                list.fetch_all(connection).await.map_err(failed)
            })
        });
        rows.await?.iter().map(read).collect()
    }

    async fn remove(&self, name: &IdpName) -> Result<bool, StoreError> {
        let name = name.clone();
        self.transact(move |connection| {
            Box::pin(async move {
                let removed = sqlx::query("DELETE FROM idp WHERE name = $1")
                    .bind(name.as_str())
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                bump(connection).await?;
                Ok(removed.rows_affected() == 1)
            })
        })
        .await
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        self.run(|connection| {
            Box::pin(async {
                let revision =
                    sqlx::query_scalar("SELECT value FROM meta WHERE key = 'idp_revision'");
                revision.fetch_one(connection).await.map_err(failed)
            })
        })
        .await
    }

    async fn put_copy(&self, copy: &MetadataCopy) -> Result<(), StoreError> {
        let copy = copy.clone();
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(PUT_COPY)
                    .bind(copy.idp.as_str())
                    .bind(&copy.url)
                    .bind(&copy.metadata)
                    .bind(&copy.etag)
                    .bind(&copy.last_modified)
                    .bind(copy.fetched_at.unix_micros())
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                Ok(())
            })
        })
        .await
    }

    async fn copy(&self, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError> {
        let name = idp.as_str().to_owned();
        let row = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query("SELECT * FROM metadata_copy WHERE idp = $1").bind(name);
                find.fetch_optional(connection).await.map_err(failed)
            })
        });
        let Some(row) = row.await? else {
            return Ok(None);
        };
        Ok(Some(MetadataCopy {
            idp: idp.clone(),
            url: text(&row, "url")?,
            metadata: text(&row, "metadata")?,
            etag: optional_text(&row, "etag")?,
            last_modified: optional_text(&row, "last_modified")?,
            fetched_at: time(&row, "fetched_at")?,
        }))
    }
}

async fn bump(connection: &mut PgConnection) -> Result<(), StoreError> {
    let bump = sqlx::query("UPDATE meta SET value = value + 1 WHERE key = 'idp_revision'");
    bump.execute(connection).await.map_err(failed)?;
    Ok(())
}

fn read(row: &PgRow) -> Result<ImportedIdp, StoreError> {
    Ok(ImportedIdp {
        name: IdpName::parse(&text(row, "name")?).ok_or_else(|| unreadable("name"))?,
        settings: serde_json::from_str(&text(row, "settings")?)
            .map_err(|_| unreadable("settings"))?,
        metadata: text(row, "metadata")?,
        url: optional_text(row, "url")?,
        updated_at: time(row, "updated_at")?,
    })
}
