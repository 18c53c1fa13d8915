//! Groups that are provisioned: made, changed, removed.

use std::collections::BTreeSet;

use serde_json::json;

use super::index;
use super::members::{self, MembersChanged, everybody, members_of, tell};
use super::record::find_group;
use super::row::{Sql, Statement};
use super::users::{difference, done, event, refused};
use crate::audit::{Event, EventKind};
use crate::base::{GroupId, StoreError, Timestamp};
use crate::directory::{
    Actor, Affected, Change, GroupParts, GroupResource, How, Outcome, Tenant, Written,
};
use crate::scim::fold::fold;
use crate::scim::{ScimError, ScimType};

/// What came of it, and what the audit is told.
type Told<T> = Result<(Outcome<T>, Vec<Event>), StoreError>;

/// As many members as an event names; of more it says how many.
const NAMED: usize = 100;

/// Adds a group.
pub(super) async fn create(
    sql: &mut Sql<'_>,
    (actor, id, new, with, now): &(Actor, GroupId, Written, GroupParts, Timestamp),
) -> Told<GroupResource> {
    let tenant = actor.connection.tenant();
    let document = &new.document;
    let name = match named(sql, &tenant, new, None).await? {
        Ok(name) => name,
        Err(error) => return refused(error),
    };
    let unknown = actor.connection.settings.unknown_members;
    let resolved = match members::resolve(sql, &tenant, unknown, &new.members).await? {
        Ok(resolved) => resolved,
        Err(error) => return refused(error),
    };
    let next = sql.words().next_group;
    let insert = Statement::new(format!(
        "INSERT INTO grp (number, id, tenant, display_name, display_name_key, external_id,
             created_at, changed_at, version, document)
         VALUES ({next}, ?, ?, ?, ?, ?, ?, ?, 1, ?) RETURNING number"
    ))
    .with(id.as_str())
    .with(tenant.as_str())
    .with(&name)
    .with(index::kept(&fold(&name)))
    .with(document.external_id().map(index::kept))
    .with(*now)
    .with(*now)
    .with(document.to_json());
    let number = match sql.fetch_one(insert).await? {
        Some(mut row) => row.integer()?,
        None => return Err(super::row::unreadable()),
    };
    let owner = Statement::new("SELECT CAST(? AS BIGINT) AS owner").with(number);
    let mut statements = index::insert(&owner, &index::rows(&tenant, &new.entries));
    let changed = members::change(sql, &tenant, number, resolved).await?;
    let affected = everybody(sql, &changed.all()).await?;
    statements.extend(tell(&affected, *now));
    sql.execute_all(statements).await?;
    let mut detail = json!({
        "connection": actor.connection.name, "token": actor.token, "group": id,
        "displayName": name, "after": document.as_object(),
    });
    name_members(sql, &mut detail, &changed).await?;
    let event = Event { detail, ..event(EventKind::GroupProvisioned, actor, None) };
    let members = list_members(sql, number, *with).await?;
    let resource = GroupResource {
        id: id.clone(),
        document: document.clone(),
        version: 1,
        created_at: *now,
        changed_at: *now,
        members,
    };
    done(resource, How::Created, affected, vec![event])
}

/// Changes a group.
pub(super) async fn change(
    sql: &mut Sql<'_>,
    (actor, id, if_match, change, with, now): &(
        Actor,
        GroupId,
        Option<i64>,
        Change,
        GroupParts,
        Timestamp,
    ),
) -> Told<GroupResource> {
    let tenant = actor.connection.tenant();
    let lock = sql.words().for_update;
    let Some((number, group)) = find_group(sql, &tenant, id, lock).await? else {
        return Ok((Outcome::NotFound, Vec::new()));
    };
    if if_match.is_some_and(|version| version != group.version) {
        return Ok((Outcome::PreconditionFailed, Vec::new()));
    }
    let new = match change.apply(&group.document) {
        Ok(new) => new,
        Err(error) => return refused(error),
    };
    let rewritten = new.document != group.document;
    if rewritten && let Err(error) = named(sql, &tenant, &new, Some(number)).await? {
        return refused(error);
    }
    let unknown = actor.connection.settings.unknown_members;
    let resolved = match members::resolve(sql, &tenant, unknown, &new.members).await? {
        Ok(resolved) => resolved,
        Err(error) => return refused(error),
    };
    let changed = members::change(sql, &tenant, number, resolved).await?;
    if !rewritten && changed.is_empty() {
        let members = list_members(sql, number, *with).await?;
        let resource = GroupResource { members, ..group };
        return done(resource, How::Unchanged, Affected::default(), Vec::new());
    }
    let mut statements = Vec::new();
    let mut of_whom = changed.all();
    let before = (group.document.display_name(), group.document.external_id());
    if rewritten {
        let document = &new.document;
        let name = document.display_name().unwrap_or_default();
        let update = Statement::new(
            "UPDATE grp SET display_name = ?, display_name_key = ?, external_id = ?,
                 document = ? WHERE number = ?",
        );
        statements.push(
            update
                .with(name)
                .with(index::kept(&fold(name)))
                .with(document.external_id().map(index::kept))
                .with(document.to_json())
                .with(number),
        );
        let rows = index::rows(&tenant, &new.entries);
        statements.extend(index::change(sql, number, &rows).await?);
        if before != (document.display_name(), document.external_id()) {
            // Roles may go by the name, so that everybody in it may have others.
            of_whom.push(number);
        }
        if before.0.map(fold) != document.display_name().map(fold) {
            statements.extend(gone(&tenant, before.0, *now));
        }
    }
    let touch = "UPDATE grp SET version = version + 1, changed_at = ? WHERE number = ?";
    statements.push(Statement::new(touch).with(*now).with(number));
    let affected = everybody(sql, &of_whom).await?;
    statements.extend(tell(&affected, *now));
    sql.execute_all(statements).await?;
    let mut detail = difference(actor, &group.document, &new.document);
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("group".to_owned(), json!(id));
        detail.insert("displayName".to_owned(), json!(new.document.display_name()));
    }
    name_members(sql, &mut detail, &changed).await?;
    let event = Event { detail, ..event(EventKind::GroupChanged, actor, None) };
    let resource = GroupResource {
        id: id.clone(),
        document: new.document,
        version: group.version.saturating_add(1),
        created_at: group.created_at,
        changed_at: *now,
        members: list_members(sql, number, *with).await?,
    };
    done(resource, How::Changed, affected, vec![event])
}

/// Removes a group.
pub(super) async fn delete(
    sql: &mut Sql<'_>,
    (actor, id, if_match, now): &(Actor, GroupId, Option<i64>, Timestamp),
) -> Told<()> {
    let tenant = actor.connection.tenant();
    let lock = sql.words().for_update;
    let Some((number, group)) = find_group(sql, &tenant, id, lock).await? else {
        return Ok((Outcome::NotFound, Vec::new()));
    };
    if if_match.is_some_and(|version| version != group.version) {
        return Ok((Outcome::PreconditionFailed, Vec::new()));
    }
    let affected = everybody(sql, &[number]).await?;
    let mut statements = remove(number, *now);
    statements.extend(gone(&tenant, group.document.display_name(), *now));
    statements.extend(tell(&affected, *now));
    sql.execute_all(statements).await?;
    let detail = json!({
        "connection": actor.connection.name, "token": actor.token, "group": id,
        "displayName": group.document.display_name(), "before": group.document.as_object(),
    });
    let event = Event { detail, ..event(EventKind::GroupRemoved, actor, None) };
    done((), How::Deleted, affected, vec![event])
}

/// Says that no group has this name any more.
fn gone(tenant: &Tenant, name: Option<&str>, now: Timestamp) -> Option<Statement> {
    let insert = Statement::new(
        "INSERT INTO gone_group (tenant, display_name_key, at) VALUES (?, ?, ?)
         ON CONFLICT (tenant, display_name_key) DO UPDATE SET at = excluded.at",
    );
    Some(insert.with(tenant.as_str()).with(index::kept(&fold(name?))).with(now))
}

/// Statements that remove a group from everywhere.
pub(super) fn remove(number: i64, now: Timestamp) -> Vec<Statement> {
    let mut statements = Vec::from(members::leave_all(number, now));
    statements.extend([
        Statement::new("DELETE FROM member WHERE grp = ?").with(number),
        index::forget(number),
        Statement::new("DELETE FROM grp WHERE number = ?").with(number),
    ]);
    statements
}

/// The name of a group, if nobody else in the tenant has it.
async fn named(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    new: &Written,
    own: Option<i64>,
) -> Result<Result<String, ScimError>, StoreError> {
    let Some(name) = new.document.display_name().filter(|name| !name.is_empty()) else {
        let detail = "displayName is missing";
        return Ok(Err(ScimError::bad(ScimType::InvalidValue, detail)));
    };
    let long = index::too_long("displayName", name);
    let external_id = new.document.external_id();
    let long = long.or_else(|| index::too_long("externalId", external_id.unwrap_or_default()));
    if let Some(long) = long {
        return Ok(Err(long));
    }
    let asked = "SELECT number FROM grp WHERE tenant = ? AND display_name_key = ?";
    let asked = Statement::new(asked).with(tenant.as_str());
    let holder = sql.fetch_one(asked.with(index::kept(&fold(name)))).await?;
    let holder = holder.map(|mut row| row.integer()).transpose()?;
    if holder.is_some() && holder != own {
        let detail = "another group has this displayName";
        return Ok(Err(ScimError::taken(detail)));
    }
    Ok(Ok(name.to_owned()))
}

async fn list_members(
    sql: &mut Sql<'_>,
    number: i64,
    with: GroupParts,
) -> Result<Option<Vec<crate::directory::Member>>, StoreError> {
    if !with.members || is_larger(sql, number, with.at_most).await? {
        return Ok(None);
    }
    let mut members = members_of(sql, &[number]).await?;
    Ok(Some(members.remove(&number).unwrap_or_default()))
}

/// Whether a group has more members than that; it looks at no more of them than it has to.
async fn is_larger(
    sql: &mut Sql<'_>,
    number: i64,
    at_most: Option<u32>,
) -> Result<bool, StoreError> {
    let Some(at_most) = at_most else {
        return Ok(false);
    };
    let beyond = "SELECT 1 FROM member WHERE grp = ? ORDER BY member LIMIT 1 OFFSET ?";
    let beyond = Statement::new(beyond).with(number).with(i64::from(at_most));
    Ok(sql.fetch_one(beyond).await?.is_some())
}

/// Says in an event who came and who went.
async fn name_members(
    sql: &mut Sql<'_>,
    detail: &mut serde_json::Value,
    changed: &MembersChanged,
) -> Result<(), StoreError> {
    let parts: [(&str, &BTreeSet<i64>); 2] =
        [("added", &changed.added), ("removed", &changed.removed)];
    for (name, numbers) in parts {
        if numbers.is_empty() {
            continue;
        }
        let ids = members::ids(sql, numbers, NAMED).await?;
        if let Some(detail) = detail.as_object_mut() {
            detail.insert(
                name.to_owned(),
                json!({ "count": numbers.len(), "ids": ids }),
            );
        }
    }
    Ok(())
}
