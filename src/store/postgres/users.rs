//! People.

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Postgres, query::Query};

use super::PostgresStore;
use super::row::{
    failed, findable, integer, optional_text, optional_time, taken, text, time, unreadable,
};
use crate::base::{IdpName, StoreError, Timestamp, UserId, json};
use crate::directory::{Changed, Created, DirectoryStore, Identifiers, User};

const CREATE: &str = r#"
    INSERT INTO "user" (id, user_name, external_id, idp, name_id, email, profile, active,
                        created_at, updated_at, last_login_at, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"#;
/// The values of [`CREATE`]; `created_at` stays as it was, and is named so that it has a type.
const UPDATE: &str = r#"
    UPDATE "user" SET user_name = $2, external_id = $3, idp = $4, name_id = $5, email = $6,
                      profile = $7, active = $8, updated_at = $10,
                      last_login_at = $11, revision = revision + 1
    WHERE id = $1 AND revision = $12 AND $9::bigint IS NOT NULL"#;

const FIND: &str = r#"SELECT * FROM "user" WHERE id = $1"#;
const FIND_BY_USER_NAME: &str = r#"SELECT * FROM "user" WHERE user_name = $1"#;
const FIND_BY_EXTERNAL_ID: &str = r#"
    (SELECT * FROM "user" WHERE external_id = $1 AND idp = $2)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $1 AND idp IS NULL)
    LIMIT 1"#;
const FIND_BY_EMAIL: &str = r#"SELECT * FROM "user" WHERE left(email, 256) = left($1, 256) AND email = $1 ORDER BY id LIMIT 2"#;
const FIND_BY_NAME_ID: &str = r#"SELECT * FROM "user" WHERE idp = $1 AND name_id = $2"#;
/// Each way by an index of its own.
const FIND_ANY: &str = r#"
    (SELECT * FROM "user" WHERE idp = $1 AND name_id = $2)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $3 AND idp = $1)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $3 AND idp IS NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE user_name = $4)
    UNION ALL
    (SELECT * FROM "user" WHERE left(email, 256) = left($5, 256) AND email = $5 ORDER BY id LIMIT 2)"#;
/// No userName is empty, so every one of them is behind the empty text.
const LIST: &str = r#"SELECT * FROM "user" WHERE user_name > $1 ORDER BY user_name LIMIT $2"#;
const SET_ACTIVE: &str = r#"
    UPDATE "user" SET active = $1, updated_at = $2, revision = revision + 1 WHERE id = $3"#;

#[async_trait]
impl DirectoryStore for PostgresStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.one(FIND, vec![Some(id.as_str().to_owned())]).await
    }

    async fn find_by_user_name(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        self.one(FIND_BY_USER_NAME, vec![Some(user_name.to_owned())]).await
    }

    async fn find_by_external_id(
        &self,
        idp: &IdpName,
        external_id: &str,
    ) -> Result<Option<User>, StoreError> {
        let by = vec![Some(external_id.to_owned()), Some(idp.as_str().to_owned())];
        self.one(FIND_BY_EXTERNAL_ID, by).await
    }

    async fn find_by_email(&self, email: &str) -> Result<Vec<User>, StoreError> {
        self.people(FIND_BY_EMAIL, vec![Some(email.to_owned())]).await
    }

    async fn find_by_name_id(
        &self,
        idp: &IdpName,
        name_id: &str,
    ) -> Result<Option<User>, StoreError> {
        let by = vec![Some(idp.as_str().to_owned()), Some(name_id.to_owned())];
        self.one(FIND_BY_NAME_ID, by).await
    }

    async fn find_any(&self, by: Identifiers<'_>) -> Result<Vec<User>, StoreError> {
        let own = |text: Option<&str>| text.and_then(findable).map(str::to_owned);
        let by = vec![
            own(Some(by.idp.as_str())),
            own(by.name_id),
            own(by.external_id),
            own(Some(by.user_name)),
            own(by.email),
        ];
        let mut people: Vec<User> = Vec::new();
        for user in self.people(FIND_ANY, by).await? {
            // Found by several of their identifiers.
            if people.iter().all(|known| known.id != user.id) {
                people.push(user);
            }
        }
        Ok(people)
    }

    async fn create(&self, user: &User) -> Result<Created, StoreError> {
        let row = Row::of(user)?;
        self.run(move |connection| {
            Box::pin(async move {
                match row.bind(sqlx::query(CREATE)).execute(connection).await {
                    Ok(_) => Ok(Created::Created),
                    Err(error) => taken(&error).map(Created::Taken).ok_or_else(|| failed(error)),
                }
            })
        })
        .await
    }

    async fn update(&self, user: &User) -> Result<Changed, StoreError> {
        let row = Row::of(user)?;
        self.run(move |connection| {
            Box::pin(async move {
                match row.bind(sqlx::query(UPDATE)).execute(connection).await {
                    Ok(done) if done.rows_affected() == 1 => Ok(Changed::Changed),
                    Ok(_) => Ok(Changed::Stale),
                    Err(error) => taken(&error).map(Changed::Taken).ok_or_else(|| failed(error)),
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
        let id = id.as_str().to_owned();
        self.run(move |connection| {
            Box::pin(async move {
                let updated = sqlx::query(SET_ACTIVE)
                    .bind(i64::from(active))
                    .bind(now.unix_micros())
                    .bind(id)
                    .execute(connection)
                    .await
                    .map_err(failed)?;
                Ok(updated.rows_affected() == 1)
            })
        })
        .await
    }

    async fn list(&self, limit: u32, after: Option<&str>) -> Result<Vec<User>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        let rows = self.run(move |connection| {
            Box::pin(async move {
                sqlx::query(LIST)
                    .bind(after)
                    .bind(i64::from(limit))
                    .fetch_all(connection)
                    .await
                    .map_err(failed)
            })
        });
        rows.await?.iter().map(read).collect()
    }
}

impl PostgresStore {
    async fn one(
        &self,
        statement: &'static str,
        by: Vec<Option<String>>,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.people(statement, by).await?.into_iter().next())
    }

    /// Who is found by these texts.
    async fn people(
        &self,
        statement: &'static str,
        by: Vec<Option<String>>,
    ) -> Result<Vec<User>, StoreError> {
        if by.iter().flatten().any(|text| findable(text).is_none()) {
            return Ok(Vec::new());
        }
        let rows = self.run(move |connection| {
            Box::pin(async move {
                let query = by.into_iter().fold(sqlx::query(statement), Query::bind);
                query.fetch_all(connection).await.map_err(failed)
            })
        });
        rows.await?.iter().map(read).collect()
    }
}

/// All columns of a person.
pub(super) struct Row {
    user: User,
    profile: String,
}

impl Row {
    pub(super) fn of(user: &User) -> Result<Self, StoreError> {
        let profile = json::to_string(&user.profile).map_err(StoreError::new)?;
        Ok(Self { user: user.clone(), profile })
    }

    /// The values of [`CREATE`] and [`UPDATE`].
    fn bind(
        self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Query<'static, Postgres, PgArguments> {
        let Self { user, profile } = self;
        query
            .bind(user.id.as_str().to_owned())
            .bind(user.user_name)
            .bind(user.external_id)
            .bind(user.idp.map(|idp| idp.as_str().to_owned()))
            .bind(user.name_id)
            .bind(user.profile.email)
            .bind(profile)
            .bind(i64::from(user.active))
            .bind(user.created_at.unix_micros())
            .bind(user.updated_at.unix_micros())
            .bind(user.last_login_at.map(Timestamp::unix_micros))
            .bind(user.revision)
    }

    /// Adds them, or replaces who is at the revision that was read; whether it was done.
    pub(super) async fn write(
        self,
        is_new: bool,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        let statement = if is_new { CREATE } else { UPDATE };
        let done = self.bind(sqlx::query(statement)).execute(connection).await?;
        Ok(done.rows_affected() == 1)
    }
}

fn read(row: &PgRow) -> Result<User, StoreError> {
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
