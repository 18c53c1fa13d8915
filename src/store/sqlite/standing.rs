//! How people stand: asked when a session comes into memory.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::row::{failed, integer, optional_text, text, unreadable};
use crate::base::{StoreError, Timestamp, UserId};
use crate::directory::{Standing, Standings};
use crate::scim::Document;
use crate::scim::fold::fold;

#[async_trait]
impl Standings for SqliteStore {
    async fn standing(
        &self,
        id: &UserId,
        groups: &[String],
        asserted: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let connection = &mut *self.readers.lend().await?;
        let row = sqlx::query(
            "SELECT number, tenant, user_name, external_id, managed,
                    active = 1 AND locked = 0 AND deleted_at IS NULL AS may_enter, document
             FROM user WHERE id = ?",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let document = optional_text(&row, "document")?;
        let document = document.map(|json| Document::stored(&json)).transpose();
        let mut standing = Standing {
            user_name: text(&row, "user_name")?,
            external_id: optional_text(&row, "external_id")?,
            may_enter: integer(&row, "may_enter")? != 0,
            document: document.map_err(|_| unreadable("document"))?,
            ..Standing::default()
        };
        if integer(&row, "managed")? != 0 {
            standing.groups = memberships(connection, integer(&row, "number")?).await?;
            let tenant = text(&row, "tenant")?;
            standing.provisioned = provisioned(connection, tenant, groups, asserted).await?;
        }
        Ok(Some(standing))
    }
}

/// The groups that somebody is in, and those that these are in, and so on. `UNION` meets each once,
/// so that groups which are in each other do no harm.
const MEMBERSHIPS: &str = "
    WITH RECURSIVE around (grp) AS (
        SELECT grp FROM member WHERE member = ?
        UNION SELECT member.grp FROM around JOIN member ON member.member = around.grp)
    SELECT display_name FROM around JOIN grp ON grp.number = around.grp ORDER BY display_name";

async fn memberships(
    connection: &mut SqliteConnection,
    number: i64,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar(MEMBERSHIPS).bind(number);
    names.fetch_all(connection).await.map_err(failed)
}

/// Those of the names that a group of the tenant has, or had after `asserted`, in any case.
async fn provisioned(
    connection: &mut SqliteConnection,
    tenant: String,
    names: &[String],
    asserted: Timestamp,
) -> Result<Vec<String>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = names.iter().map(|name| fold(name)).collect();
    let known: Vec<String> = sqlx::query_scalar(
        "SELECT display_name_key FROM grp
         WHERE tenant = ?1 AND display_name_key IN (SELECT value FROM json_each(?2))
         UNION SELECT display_name_key FROM gone_group
         WHERE tenant = ?1 AND display_name_key IN (SELECT value FROM json_each(?2)) AND at > ?3",
    )
    .bind(tenant)
    .bind(serde_json::Value::from(keys).to_string())
    .bind(asserted.unix_micros())
    .fetch_all(connection)
    .await
    .map_err(failed)?;
    Ok(names.iter().filter(|name| known.contains(&fold(name))).cloned().collect())
}
