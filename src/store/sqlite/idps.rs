//! Imported identity providers and copies of metadata.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{failed, optional_text, text, time, unreadable};
use super::writer::Batch;
use crate::base::{IdpName, StoreError};
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy};

const PUT: &str = "
    INSERT INTO idp (name, settings, metadata, url, updated_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, metadata = excluded.metadata,
        url = excluded.url, updated_at = excluded.updated_at";

#[async_trait]
impl IdpStore for SqliteStore {
    async fn put(&self, idp: &ImportedIdp) -> Result<(), StoreError> {
        let idp = idp.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    sqlx::query(PUT)
                        .bind(idp.name.as_str())
                        .bind(idp.settings.to_string())
                        .bind(&idp.metadata)
                        .bind(&idp.url)
                        .bind(idp.updated_at.unix_micros())
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    bump(batch).await
                })
            })
            .await
    }

    async fn list(&self) -> Result<Vec<ImportedIdp>, StoreError> {
        let rows = sqlx::query("SELECT * FROM idp ORDER BY name")
            .fetch_all(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        rows.iter().map(read).collect()
    }

    async fn remove(&self, name: &IdpName) -> Result<bool, StoreError> {
        let name = name.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let removed = sqlx::query("DELETE FROM idp WHERE name = ?")
                        .bind(name.as_str())
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    bump(batch).await?;
                    Ok(removed.rows_affected() == 1)
                })
            })
            .await
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = 'idp_revision'")
            .fetch_one(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)
    }

    async fn put_copy(&self, copy: &MetadataCopy) -> Result<(), StoreError> {
        let copy = copy.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT OR REPLACE INTO metadata_copy
                             (idp, url, metadata, etag, last_modified, fetched_at)
                         VALUES (?, ?, ?, ?, ?, ?)",
                    )
                    .bind(copy.idp.as_str())
                    .bind(&copy.url)
                    .bind(&copy.metadata)
                    .bind(&copy.etag)
                    .bind(&copy.last_modified)
                    .bind(copy.fetched_at.unix_micros())
                    .execute(&mut batch.connection)
                    .await
                    .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn copy(&self, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError> {
        let row = sqlx::query("SELECT * FROM metadata_copy WHERE idp = ?")
            .bind(idp.as_str())
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        let Some(row) = row else {
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

async fn bump(batch: &mut Batch) -> Result<(), StoreError> {
    let bump = sqlx::query("UPDATE meta SET value = value + 1 WHERE key = 'idp_revision'");
    bump.execute(&mut batch.connection).await.map_err(failed)?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<ImportedIdp, StoreError> {
    Ok(ImportedIdp {
        name: IdpName::parse(&text(row, "name")?).ok_or_else(|| unreadable("name"))?,
        settings: serde_json::from_str(&text(row, "settings")?)
            .map_err(|_| unreadable("settings"))?,
        metadata: text(row, "metadata")?,
        url: optional_text(row, "url")?,
        updated_at: time(row, "updated_at")?,
    })
}
