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
use crate::scim::fold::fold;

/// The tenant of the people of `$4`.
macro_rules! tenant {
    () => {
        "coalesce((SELECT 'c:' || name FROM connection WHERE idp = $4), 'i:' || coalesce($4, ''))"
    };
}

const CREATE: &str = concat!(
    r#"
    INSERT INTO "user" (id, user_name, external_id, idp, name_id, email, profile, active,
                        created_at, updated_at, last_login_at, revision, user_name_key, tenant,
                        claimed, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "#,
    tenant!(),
    ", 1, $10)"
);
/// The values of [`CREATE`]; `created_at` stays as it was, and is named so that it has a type. Of who
/// is provisioned names and address stay as well.
const UPDATE: &str = concat!(
    r#"
    UPDATE "user" SET user_name = CASE WHEN managed = 1 THEN user_name ELSE $2 END,
                      user_name_key = CASE WHEN managed = 1 THEN user_name_key ELSE $13 END,
                      external_id = CASE WHEN managed = 1 THEN external_id ELSE $3 END,
                      email = CASE WHEN managed = 1 THEN email ELSE $6 END,
                      idp = $4, name_id = $5, profile = $7, active = $8, updated_at = $10,
                      last_login_at = $11, revision = revision + 1,
                      tenant = CASE WHEN tenant = 'i:' THEN "#,
    tenant!(),
    r#" ELSE tenant END, claimed = 1,
                      changed_at = CASE WHEN managed = 1 THEN changed_at ELSE $10 END,
                      version = version
                          + CASE WHEN managed = 1 OR updated_at = $10 THEN 0 ELSE 1 END,
                      indexed = CASE WHEN managed = 1 OR updated_at = $10 OR indexed = 0
                                          OR tenant = 'i:'
                                     THEN indexed ELSE 2 END
    WHERE id = $1 AND revision = $12 AND deleted_at IS NULL AND $9::bigint IS NOT NULL"#
);

const FIND: &str = r#"SELECT * FROM "user" WHERE id = $1"#;
/// `$1` is the name with case folded, `$2` as it is.
const FIND_BY_USER_NAME: &str = r#"
    (SELECT * FROM "user" WHERE user_name_key = $1 AND claimed = 1 AND user_name = $2)
    UNION ALL
    (SELECT * FROM "user" WHERE user_name_key = $1 AND claimed = 0 AND user_name = $2
         AND deleted_at IS NULL)
    LIMIT 1"#;
const FIND_HOLDER: &str = r#"SELECT * FROM "user" WHERE user_name_key = $1 AND claimed = 1"#;
const FIND_BY_EXTERNAL_ID: &str = r#"
    (SELECT * FROM "user" WHERE external_id = $1 AND idp = $2 AND deleted_at IS NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $1 AND idp IS NULL AND deleted_at IS NULL)
    LIMIT 1"#;
const FIND_BY_EMAIL: &str = r#"
    SELECT * FROM "user" WHERE lower(substr(email, 1, 256)) = lower(substr($1 COLLATE "C", 1, 256))
        AND email = $1 AND deleted_at IS NULL
    ORDER BY id LIMIT 2"#;
const FIND_BY_NAME_ID: &str = r#"
    SELECT * FROM "user" WHERE idp = $1 AND name_id = $2 AND deleted_at IS NULL"#;
/// Each way by an index of its own. Who was deleted does not come in as a newcomer, and is only meant
/// if nobody else is.
const FIND_ANY: &str = r#"
    (SELECT * FROM "user" WHERE idp = $1 AND name_id = $2 AND deleted_at IS NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $3 AND idp = $1 AND deleted_at IS NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $3 AND idp IS NULL AND deleted_at IS NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE user_name_key = $4 AND claimed = 1)
    UNION ALL
    (SELECT * FROM "user" WHERE user_name_key = $4 AND claimed = 0 AND (idp = $1 OR idp IS NULL))
    UNION ALL
    (SELECT * FROM "user" WHERE lower(substr(email, 1, 256)) = lower(substr($5 COLLATE "C", 1, 256))
         AND email = $5 AND deleted_at IS NULL ORDER BY id LIMIT 2)
    UNION ALL
    (SELECT * FROM "user" WHERE lower(substr(email, 1, 256)) = lower(substr($5 COLLATE "C", 1, 256))
         AND lower(email) = lower($5 COLLATE "C") AND idp <> $1 AND deleted_at IS NULL LIMIT 1)
    UNION ALL
    (SELECT * FROM "user" WHERE name_id = $2 AND idp = $1 AND deleted_at IS NOT NULL)
    UNION ALL
    (SELECT * FROM "user" WHERE external_id = $3 AND idp = $1 AND deleted_at IS NOT NULL)"#;
/// No userName is empty, so every one of them is behind the empty text.
const LIST: &str = r#"
    SELECT * FROM "user" WHERE user_name > $1 AND deleted_at IS NULL
    ORDER BY user_name LIMIT $2"#;
const SET_ACTIVE: &str = r#"
    UPDATE "user" SET active = $1, updated_at = $2, revision = revision + 1 WHERE id = $3"#;

#[async_trait]
impl DirectoryStore for PostgresStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.one(FIND, vec![Some(id.as_str().to_owned())]).await
    }

    async fn find_by_user_name(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        let by = vec![Some(fold(user_name)), Some(user_name.to_owned())];
        self.one(FIND_BY_USER_NAME, by).await
    }

    async fn find_holder(&self, user_name: &str) -> Result<Option<User>, StoreError> {
        self.one(FIND_HOLDER, vec![Some(fold(user_name))]).await
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
            own(Some(&fold(by.user_name))),
            own(by.email),
        ];
        let mut people: Vec<(bool, User)> = Vec::new();
        for (gone, user) in self.rows(FIND_ANY, by).await? {
            // Found by several of their identifiers.
            if people.iter().all(|(_, known)| known.id != user.id) {
                people.push((gone, user));
            }
        }
        people.sort_by_key(|(gone, _)| *gone);
        Ok(people.into_iter().map(|(_, user)| user).collect())
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
        rows.await?.iter().map(|row| read(row).map(|(_, user)| user)).collect()
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
        let people = self.rows(statement, by).await?;
        Ok(people.into_iter().map(|(_, user)| user).collect())
    }

    /// The same, and whether each was deleted.
    async fn rows(
        &self,
        statement: &'static str,
        by: Vec<Option<String>>,
    ) -> Result<Vec<(bool, User)>, StoreError> {
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
    user_name_key: String,
}

impl Row {
    pub(super) fn of(user: &User) -> Result<Self, StoreError> {
        let profile = json::to_string(&user.profile).map_err(StoreError::new)?;
        let user_name_key = fold(&user.user_name);
        Ok(Self { user: user.clone(), profile, user_name_key })
    }

    /// The values of [`CREATE`] and [`UPDATE`].
    fn bind(
        self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Query<'static, Postgres, PgArguments> {
        let Self { user, profile, user_name_key } = self;
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
            .bind(user_name_key)
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

/// Whether they were deleted, and who they are.
fn read(row: &PgRow) -> Result<(bool, User), StoreError> {
    let idp = optional_text(row, "idp")?
        .map(|idp| IdpName::parse(&idp).ok_or_else(|| unreadable("idp")))
        .transpose()?;
    let deleted = optional_time(row, "deleted_at")?.is_some();
    let user = User {
        id: UserId::new(text(row, "id")?),
        user_name: text(row, "user_name")?,
        external_id: optional_text(row, "external_id")?,
        idp,
        name_id: optional_text(row, "name_id")?,
        profile: serde_json::from_str(&text(row, "profile")?).map_err(|_| unreadable("profile"))?,
        active: integer(row, "active")? != 0 && !deleted,
        locked: integer(row, "locked")? != 0,
        managed: integer(row, "managed")? != 0,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        last_login_at: optional_time(row, "last_login_at")?,
        revision: integer(row, "revision")?,
    };
    Ok((deleted, user))
}
