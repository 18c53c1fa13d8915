//! How people stand: asked when a session comes into memory. For every database.

use async_trait::async_trait;

use super::index;
use super::members::memberships;
use super::row::{Sql, Statement, unreadable};
use super::{Database, work};
use crate::base::{StoreError, Timestamp, UserId};
use crate::directory::{Scopes, Standing, Standings, Tenant};
use crate::scim::Document;
use crate::scim::fold::fold;

#[async_trait]
impl<D: Database> Standings for D {
    async fn standing(
        &self,
        id: &UserId,
        groups: &[String],
        asserted: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        self.read(work!(standing, id.clone(), groups.to_vec(), asserted)).await
    }

    async fn says_groups(&self, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
        self.read(work!(says_groups, id.clone(), now)).await
    }
}

async fn standing(
    sql: &mut Sql<'_>,
    (id, groups, asserted): &(UserId, Vec<String>, Timestamp),
) -> Result<Option<Standing>, StoreError> {
    let asked = Statement::new(
        "SELECT number, tenant, managed, user_name, external_id,
                CASE WHEN active = 1 AND locked = 0 AND deleted_at IS NULL THEN 1 ELSE 0 END,
                document
         FROM \"user\" WHERE id = ?",
    );
    let Some(mut row) = sql.fetch_one(asked.with(id.as_str())).await? else {
        return Ok(None);
    };
    let (number, tenant, managed) = (row.integer()?, row.text()?, row.truth()?);
    let mut standing = Standing {
        user_name: row.text()?,
        external_id: row.optional_text()?,
        may_enter: row.truth()?,
        ..Standing::default()
    };
    let document = row.optional_text()?.map(|json| Document::stored(&json));
    standing.document = document.transpose().map_err(|_| unreadable())?;
    if managed {
        standing.groups = names(sql, number).await?;
        standing.provisioned = provisioned(sql, &tenant, groups, *asserted).await?;
    }
    Ok(Some(standing))
}

async fn says_groups(
    sql: &mut Sql<'_>,
    (id, now): &(UserId, Timestamp),
) -> Result<bool, StoreError> {
    let asked = Statement::new("SELECT number, tenant FROM \"user\" WHERE id = ? AND managed = 1");
    let Some(mut row) = sql.fetch_one(asked.with(id.as_str())).await? else {
        return Ok(false);
    };
    let (number, tenant) = (row.integer()?, Tenant::stored(row.text()?));
    if !names(sql, number).await?.is_empty() {
        return Ok(true);
    }
    let asked = Statement::new("SELECT 1 FROM grp WHERE tenant = ? LIMIT 1");
    let (Some(connection), Some(_)) = (
        tenant.connection(),
        sql.fetch_one(asked.with(tenant.as_str())).await?,
    ) else {
        return Ok(false);
    };
    let asked = Statement::new(
        "SELECT scopes FROM scim_token WHERE connection = ? AND (expires IS NULL OR expires > ?)
         UNION SELECT scopes FROM scim_key WHERE connection = ? AND (expires IS NULL OR expires > ?)",
    )
    .with(connection.as_str())
    .with(*now)
    .with(connection.as_str())
    .with(*now);
    let rows = sql.fetch(asked).await?;
    let scopes: Result<Vec<Scopes>, StoreError> = rows
        .into_iter()
        .map(|mut row| serde_json::from_str(&row.text()?).map_err(|_| unreadable()))
        .collect();
    let scopes = scopes?;
    Ok(scopes.is_empty() || scopes.iter().any(|scopes| scopes.groups && !scopes.read_only))
}

/// The names of the groups that somebody is in, also by groups in groups.
async fn names(sql: &mut Sql<'_>, number: i64) -> Result<Vec<String>, StoreError> {
    let around = memberships(sql, &[number]).await?.remove(&number).unwrap_or_default();
    let mut names: Vec<String> = around.into_iter().map(|group| group.display_name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Those of the names that a group of the tenant has, or had after `asserted`, in any case.
async fn provisioned(
    sql: &mut Sql<'_>,
    tenant: &str,
    names: &[String],
    asserted: Timestamp,
) -> Result<Vec<String>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let key = |name: &String| index::kept(&fold(name));
    let keys: Vec<String> = names.iter().map(key).collect();
    let keys = serde_json::to_string(&keys).map_err(StoreError::new)?.replace("\\u0000", "");
    let these = sql.words().texts;
    let asked = Statement::new(format!(
        "SELECT display_name_key FROM grp WHERE tenant = ? AND display_name_key IN ({these})
         UNION SELECT display_name_key FROM gone_group
         WHERE tenant = ? AND display_name_key IN ({these}) AND at > ?"
    ));
    let asked = asked.with(tenant).with(keys.as_str()).with(tenant).with(keys.as_str());
    let rows = sql.fetch(asked.with(asserted)).await?;
    let known: Result<Vec<String>, _> = rows.into_iter().map(|mut row| row.text()).collect();
    let known = known?;
    Ok(names.iter().filter(|name| known.contains(&key(name))).cloned().collect())
}
