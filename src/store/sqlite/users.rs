//! People.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{
    Statement, failed, integer, optional_text, optional_time, text, time, unreadable,
};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::{Changed, Created, DirectoryStore, Identifiers, UniqueField, User};

const CREATE: &str = "
    INSERT INTO user (id, user_name, external_id, idp, name_id, email, profile, active,
                      created_at, updated_at, last_login_at, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// The values of [`CREATE`]; `created_at` (?9) stays as it was.
const UPDATE: &str = "
    UPDATE user SET user_name = ?2, external_id = ?3, idp = ?4, name_id = ?5, email = ?6,
                    profile = ?7, active = ?8, updated_at = ?10, last_login_at = ?11,
                    revision = revision + 1
    WHERE id = ?1 AND revision = ?12";

#[async_trait]
impl DirectoryStore for SqliteStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let row = sqlx::query("SELECT * FROM user WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_by_user_name(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query("SELECT * FROM user WHERE user_name = ?")
            .bind(user_name)
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_by_external_id(
        &self,
        idp: &IdpName,
        external_id: &str,
    ) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM user WHERE external_id = ?1 AND idp = ?2
             UNION ALL
             SELECT * FROM user WHERE external_id = ?1 AND idp IS NULL
             LIMIT 1",
        )
        .bind(external_id)
        .bind(idp.as_str())
        .fetch_optional(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_by_email(&self, email: &str) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query("SELECT * FROM user WHERE email = ? ORDER BY id LIMIT 2")
            .bind(email)
            .fetch_all(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        rows.iter().map(read).collect()
    }

    async fn find_by_name_id(
        &self,
        idp: &IdpName,
        name_id: &str,
    ) -> Result<Option<User>, StoreError> {
        let row = sqlx::query("SELECT * FROM user WHERE idp = ? AND name_id = ?")
            .bind(idp.as_str())
            .bind(name_id)
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_any(&self, by: Identifiers<'_>) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM user WHERE idp = ?1 AND name_id = ?2
             UNION SELECT * FROM user WHERE external_id = ?3 AND idp = ?1
             UNION SELECT * FROM user WHERE external_id = ?3 AND idp IS NULL
             UNION SELECT * FROM user WHERE user_name = ?4
             UNION SELECT * FROM (SELECT * FROM user WHERE email = ?5 ORDER BY id LIMIT 2)",
        )
        .bind(by.idp.as_str())
        .bind(by.name_id)
        .bind(by.external_id)
        .bind(by.user_name)
        .bind(by.email)
        .fetch_all(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        rows.iter().map(read).collect()
    }

    async fn create(&self, user: &User) -> Result<Created, StoreError> {
        let user = user.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let create = bind_user(sqlx::query(CREATE), &user)?;
                    let created = create.execute(&mut batch.connection).await;
                    match created {
                        Ok(_) => Ok(Created::Created),
                        Err(error) => {
                            taken(&error).map(Created::Taken).ok_or_else(|| failed(error))
                        }
                    }
                })
            })
            .await
    }

    async fn update(&self, user: &User) -> Result<Changed, StoreError> {
        let user = user.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let update = bind_user(sqlx::query(UPDATE), &user)?;
                    let updated = update.execute(&mut batch.connection).await;
                    match updated {
                        Ok(done) if done.rows_affected() == 1 => Ok(Changed::Changed),
                        Ok(_) => Ok(Changed::Stale),
                        Err(error) => {
                            taken(&error).map(Changed::Taken).ok_or_else(|| failed(error))
                        }
                    }
                })
            })
            .await
    }

    async fn set_active(
        &self,
        id: &UserId,
        active: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = id.clone();
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let updated = sqlx::query(
                        "UPDATE user SET active = ?, updated_at = ?, revision = revision + 1
                         WHERE id = ?",
                    )
                    .bind(active)
                    .bind(now.unix_micros())
                    .bind(id.as_str())
                    .execute(&mut batch.connection)
                    .await
                    .map_err(failed)?;
                    Ok(updated.rows_affected() == 1)
                })
            })
            .await
    }

    async fn list(&self, limit: u32, after: Option<&str>) -> Result<Vec<User>, StoreError> {
        // No userName is empty, so every one of them is behind the empty text.
        let rows = sqlx::query("SELECT * FROM user WHERE user_name > ? ORDER BY user_name LIMIT ?")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        rows.iter().map(read).collect()
    }
}

/// All columns of a person, in their order.
pub(super) fn bind_user(query: Statement, user: &User) -> Result<Statement, StoreError> {
    Ok(query
        .bind(user.id.as_str())
        .bind(&user.user_name)
        .bind(&user.external_id)
        .bind(user.idp.as_ref().map(IdpName::as_str))
        .bind(&user.name_id)
        .bind(&user.profile.email)
        .bind(profile_json(user)?)
        .bind(user.active)
        .bind(user.created_at.unix_micros())
        .bind(user.updated_at.unix_micros())
        .bind(user.last_login_at.map(Timestamp::unix_micros))
        .bind(user.revision))
}

fn profile_json(user: &User) -> Result<String, StoreError> {
    serde_json::to_string(&user.profile).map_err(StoreError::new)
}

/// Which column was not unique, in SQLite's words: `UNIQUE constraint failed: user.user_name`.
pub(super) fn taken(error: &sqlx::Error) -> Option<UniqueField> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    let message = error.message();
    [
        ("user.user_name", UniqueField::UserName),
        ("user.external_id", UniqueField::ExternalId),
        ("user.name_id", UniqueField::NameId),
    ]
    .into_iter()
    .find_map(|(column, field)| message.contains(column).then_some(field))
}

fn read(row: &SqliteRow) -> Result<User, StoreError> {
    let idp = optional_text(row, "idp")?
        .map(|idp| IdpName::parse(&idp).ok_or_else(|| unreadable("idp")))
        .transpose()?;
    Ok(User {
        id: UserId::new(text(row, "id")?),
        user_name: text(row, "user_name")?,
        external_id: optional_text(row, "external_id")?,
        idp,
        name_id: optional_text(row, "name_id")?,
        profile: serde_json::from_str(&text(row, "profile")?).map_err(|_| unreadable("profile"))?,
        active: integer(row, "active")? != 0,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        last_login_at: optional_time(row, "last_login_at")?,
        revision: integer(row, "revision")?,
    })
}
