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
use crate::scim::fold::fold;

/// The tenant of the people of `?4`.
macro_rules! tenant {
    () => {
        "coalesce((SELECT 'c:' || name FROM connection WHERE idp = ?4), 'i:' || coalesce(?4, ''))"
    };
}

pub(super) const CREATE: &str = concat!(
    "INSERT INTO user (id, user_name, external_id, idp, name_id, email, profile, active,
                       created_at, updated_at, last_login_at, revision, user_name_key, tenant,
                       claimed, changed_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ",
    tenant!(),
    ", 1, ?10)"
);
/// The values of [`CREATE`]; `created_at` (?9) stays as it was, and of who is provisioned names and
/// address as well.
pub(super) const UPDATE: &str = concat!(
    "UPDATE user SET user_name = iif(managed, user_name, ?2),
                     user_name_key = iif(managed, user_name_key, ?13),
                     external_id = iif(managed, external_id, ?3),
                     email = iif(managed, email, ?6),
                     idp = ?4, name_id = ?5, profile = ?7, active = ?8, updated_at = ?10,
                     last_login_at = ?11, revision = revision + 1,
                     tenant = iif(tenant = 'i:', ",
    tenant!(),
    ", tenant), claimed = 1,
                     changed_at = iif(managed OR updated_at = ?10, changed_at, ?10),
                     version = iif(managed OR updated_at = ?10, version, version + 1),
                     indexed = iif(managed OR updated_at = ?10 OR indexed = 0 OR tenant = 'i:',
                                   indexed, 2)
     WHERE id = ?1 AND revision = ?12 AND deleted_at IS NULL"
);

/// What [`read`] reads, of some rows.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT user.id, user.user_name, user.external_id, user.idp, user.name_id,
                    user.profile, user.active, user.locked, user.managed, user.created_at,
                    user.updated_at, user.last_login_at, user.revision, user.deleted_at ",
            $which
        )
    };
}

#[async_trait]
impl DirectoryStore for SqliteStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(select!("FROM user WHERE id = ?"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_by_user_name(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        self.named(
            concat!(
                select!("FROM user WHERE user_name_key = ?1 AND claimed = 1 AND user_name = ?2"),
                " UNION ALL ",
                select!(
                    "FROM user WHERE user_name_key = ?1 AND claimed = 0 AND user_name = ?2
                     AND deleted_at IS NULL LIMIT 1"
                ),
            ),
            user_name,
        )
        .await
    }

    async fn find_holder(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        let holder = select!("FROM user WHERE user_name_key = ?1 AND claimed = 1");
        self.named(holder, user_name).await
    }

    async fn find_by_external_id(
        &self,
        idp: &IdpName,
        external_id: &str,
    ) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(concat!(
            select!("FROM user WHERE external_id = ?1 AND idp = ?2 AND deleted_at IS NULL"),
            " UNION ALL ",
            select!(
                "FROM user WHERE external_id = ?1 AND idp IS NULL AND deleted_at IS NULL
                     LIMIT 1"
            ),
        ))
        .bind(external_id)
        .bind(idp.as_str())
        .fetch_optional(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }

    async fn find_by_email(&self, email: &str) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(select!(
            "FROM user WHERE email IS NOT NULL
                     AND lower(substr(email, 1, 256)) = lower(substr(?1, 1, 256)) AND email = ?1
             AND deleted_at IS NULL ORDER BY id LIMIT 2"
        ))
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
        let row = sqlx::query(select!(
            "FROM user WHERE idp = ? AND name_id = ? AND deleted_at IS NULL"
        ))
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
            .with(fold(by.user_name))
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
        let rows = sqlx::query(select!(
            "FROM user WHERE user_name > ? AND deleted_at IS NULL ORDER BY user_name LIMIT ?"
        ))
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
            let mut people: Vec<(bool, User)> = Vec::new();
            let mut result = Ok(());
            for row in &rows {
                if integer(row, "place")? != place {
                    continue;
                }
                match read(row) {
                    // Found by several of their identifiers.
                    Ok(user) if people.iter().any(|(_, known)| known.id == user.id) => {}
                    Ok(user) => people.push((optional_time(row, "deleted_at")?.is_some(), user)),
                    Err(error) => result = Err(error),
                }
            }
            // Who is gone is only meant if nobody else is.
            people.sort_by_key(|(gone, _)| *gone);
            let people = people.into_iter().map(|(_, user)| user).collect();
            found.push(result.map(|()| people));
        }
    }
    Ok(found)
}

pub(super) fn search(searches: usize) -> String {
    let one = |place: usize| format!("({place}, ?, ?, ?, ?, ?)");
    let wanted: Vec<_> = (0..searches).map(one).collect();
    let by = |condition: &str| {
        format!(
            "{} FROM wanted CROSS JOIN user ON {condition}",
            select!("").replacen("SELECT ", "SELECT place, ", 1)
        )
    };
    let ways = [
        "user.idp = wanted.idp AND user.name_id = wanted.name_id AND user.deleted_at IS NULL",
        "user.external_id = wanted.external_id AND user.idp = wanted.idp
             AND user.deleted_at IS NULL",
        "user.external_id = wanted.external_id AND user.idp IS NULL AND user.deleted_at IS NULL",
        "user.user_name_key = wanted.user_name_key AND user.claimed = 1",
        "user.user_name_key = wanted.user_name_key AND user.claimed = 0
             AND (user.idp = wanted.idp OR user.idp IS NULL)",
        "user.id IN (SELECT id FROM user WHERE email IS NOT NULL
                     AND lower(substr(email, 1, 256)) = lower(substr(wanted.email, 1, 256))
                     AND email = wanted.email AND deleted_at IS NULL ORDER BY id LIMIT 2)",
        "user.id IN (SELECT id FROM user WHERE email IS NOT NULL
                     AND lower(substr(email, 1, 256)) = lower(substr(wanted.email, 1, 256))
                     AND lower(email) = lower(wanted.email) AND idp <> wanted.idp
                     AND deleted_at IS NULL LIMIT 1)",
        // Who was deleted does not come in as a newcomer.
        "user.name_id = wanted.name_id AND user.idp = wanted.idp AND user.deleted_at IS NOT NULL",
        "user.external_id = wanted.external_id AND user.idp = wanted.idp
             AND user.deleted_at IS NOT NULL",
    ];
    format!(
        "WITH wanted (place, idp, name_id, external_id, user_name_key, email) AS (VALUES {}) {}",
        wanted.join(", "),
        ways.map(by).join(" UNION ALL "),
    )
}

impl SqliteStore {
    /// A person by name: `?1` is the name with case folded, `?2` as it is.
    async fn named(
        &self,
        statement: &'static str,
        user_name: &str,
    ) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(statement)
            .bind(fold(user_name))
            .bind(user_name)
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map(read).transpose()
    }
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
        .with(user.revision)
        .with(fold(&user.user_name)))
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
        ("user_named", UniqueField::UserName),
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
        active: integer(row, "active")? != 0 && optional_time(row, "deleted_at")?.is_none(),
        locked: integer(row, "locked")? != 0,
        managed: integer(row, "managed")? != 0,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        last_login_at: optional_time(row, "last_login_at")?,
        revision: integer(row, "revision")?,
    })
}
