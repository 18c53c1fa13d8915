//! People.

use std::sync::LazyLock;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::row::{Columns, failed, integer, optional_text, optional_time, text, time, unreadable};
use super::writer::Order;
use crate::base::{IdpName, StoreError, Timestamp, UserId, json};
use crate::directory::{Changed, Created, DirectoryStore, Identifiers, UniqueField, User};

pub(super) const CREATE: &str = "
    INSERT INTO user (id, user_name, external_id, idp, name_id, email, profile, active,
                      created_at, updated_at, last_login_at, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// The values of [`CREATE`]; `created_at` (?9) stays as it was.
pub(super) const UPDATE: &str = "
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
        let identifiers = Columns::default()
            .with(by.idp.as_str())
            .with(by.name_id)
            .with(by.external_id)
            .with(by.user_name)
            .with(by.email);
        let (answer, told) = oneshot::channel();
        self.writer.ask(Order::Search(Search { identifiers, answer }), told).await
    }

    async fn create(&self, user: &User) -> Result<Created, StoreError> {
        let user = columns(Columns::default(), user)?;
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let create = user.bind(sqlx::query(CREATE));
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
        let user = columns(Columns::default(), user)?;
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    let update = user.bind(sqlx::query(UPDATE));
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

/// Somebody who is looked for.
pub(super) struct Search {
    /// As [`search`] wants them.
    identifiers: Columns,
    pub(super) answer: oneshot::Sender<Result<Vec<User>, StoreError>>,
}

/// Statements for so many searches, the largest first.
static SEARCHES: LazyLock<[(usize, String); 6]> =
    LazyLock::new(|| [32, 16, 8, 4, 2, 1].map(|searches| (searches, search(searches))));

/// Looks for many people at once.
pub(super) async fn find_many(
    connection: &mut SqliteConnection,
    searches: &[Search],
) -> Result<Vec<Result<Vec<User>, StoreError>>, StoreError> {
    let mut found = Vec::with_capacity(searches.len());
    let mut rest = searches;
    while let Some((number, statement)) =
        SEARCHES.iter().find(|(number, _)| (1..=rest.len()).contains(number))
    {
        let (some, others) = rest.split_at(*number);
        rest = others;
        let query = some.iter().fold(sqlx::query(statement.as_str()), |query, search| {
            search.identifiers.bind(query)
        });
        let rows = query.fetch_all(&mut *connection).await.map_err(failed)?;
        for place in 0_i64..i64::try_from(*number).unwrap_or(0) {
            let mut people: Vec<User> = Vec::new();
            let mut result = Ok(());
            for row in &rows {
                if integer(row, "place")? != place {
                    continue;
                }
                match read(row) {
                    // Found by several of their identifiers.
                    Ok(user) if people.iter().any(|known| known.id == user.id) => {}
                    Ok(user) => people.push(user),
                    Err(error) => result = Err(error),
                }
            }
            found.push(result.map(|()| people));
        }
    }
    Ok(found)
}

fn search(searches: usize) -> String {
    let one = |place: usize| format!("({place}, ?, ?, ?, ?, ?)");
    let wanted: Vec<_> = (0..searches).map(one).collect();
    let by = |condition: &str| {
        format!("SELECT place, user.* FROM wanted CROSS JOIN user ON {condition}")
    };
    let ways = [
        "user.idp = wanted.idp AND user.name_id = wanted.name_id",
        "user.external_id = wanted.external_id AND user.idp = wanted.idp",
        "user.external_id = wanted.external_id AND user.idp IS NULL",
        "user.user_name = wanted.user_name",
        "user.id IN (SELECT id FROM user WHERE email = wanted.email ORDER BY id LIMIT 2)",
    ];
    format!(
        "WITH wanted (place, idp, name_id, external_id, user_name, email) AS (VALUES {}) {}",
        wanted.join(", "),
        ways.map(by).join(" UNION ALL "),
    )
}

/// All columns of a person, in their order.
pub(super) fn columns(columns: Columns, user: &User) -> Result<Columns, StoreError> {
    Ok(columns
        .with(user.id.as_str())
        .with(&user.user_name)
        .with(&user.external_id)
        .with(user.idp.as_ref().map(IdpName::as_str))
        .with(&user.name_id)
        .with(&user.profile.email)
        .with(profile_json(user)?)
        .with(user.active)
        .with(user.created_at.unix_micros())
        .with(user.updated_at.unix_micros())
        .with(user.last_login_at.map(Timestamp::unix_micros))
        .with(user.revision))
}

fn profile_json(user: &User) -> Result<String, StoreError> {
    json::to_string(&user.profile).map_err(StoreError::new)
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
