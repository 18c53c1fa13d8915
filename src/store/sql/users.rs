//! People who are provisioned: made, linked, changed, removed.

use std::collections::BTreeSet;

use serde_json::json;

use super::members::{leave_all, memberships, tell};
use super::record::{PersonRow, find_person, person};
use super::row::{Sql, Statement};
use super::{guard, index};
use crate::audit::{Event, EventKind};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::{
    Actor, Affected, Change, Done, How, Outcome, Paused, Tenant, UserParts, UserResource, Written,
};
use crate::scim::document::StoredDocument;
use crate::scim::fold::fold;
use crate::scim::{Document, ScimError, ScimType};

/// What came of it, and what the audit is told.
type Told<T> = Result<(Outcome<T>, Vec<Event>), StoreError>;

/// Adds a person, or takes over who must be the same.
pub(super) async fn create(
    sql: &mut Sql<'_>,
    (actor, id, new, now): &(Actor, UserId, Written, Timestamp),
) -> Told<UserResource> {
    let tenant = actor.connection.tenant();
    let Some(user_name) = new.document.user_name().filter(|name| !name.is_empty()) else {
        let detail = "userName is missing";
        return refused(ScimError::bad(ScimType::InvalidValue, detail));
    };
    if let Some(long) = too_long(user_name, &new.document) {
        return refused(long);
    }
    let known = match same(sql, &tenant, user_name, new.document.external_id()).await? {
        Ok(known) => known,
        Err(taken) => return refused(taken),
    };
    match known {
        Some(known) => take_over(sql, actor, known, new, *now).await,
        None => add(sql, actor, id, new, *now).await,
    }
}

/// What of a document is too long to be known by.
fn too_long(user_name: &str, document: &Document) -> Option<ScimError> {
    let external_id = document.external_id().unwrap_or_default();
    index::too_long("userName", user_name).or_else(|| index::too_long("externalId", external_id))
}

async fn add(
    sql: &mut Sql<'_>,
    actor: &Actor,
    id: &UserId,
    new: &Written,
    now: Timestamp,
) -> Told<UserResource> {
    let connection = &actor.connection;
    let tenant = connection.tenant();
    let document = &new.document;
    let json = document.to_json();
    let user_name = document.user_name().unwrap_or_default();
    let insert = Statement::new(
        "INSERT INTO \"user\" (id, tenant, user_name, user_name_key, claimed, managed, external_id,
             idp, email, profile, active, created_at, updated_at, revision, changed_at, version,
             indexed, document)
         VALUES (?, ?, ?, ?, 0, 1, ?, ?, ?, '{}', ?, ?, ?, 1, ?, 1, 1, ?)",
    )
    .with(id.as_str())
    .with(tenant.as_str())
    .with(user_name)
    .with(index::kept(&fold(user_name)))
    .with(document.external_id().map(index::kept))
    .with(connection.idp.as_ref().map(IdpName::as_str))
    .with(document.email())
    .with(document.is_active())
    .with(now)
    .with(now)
    .with(now)
    .with(json.as_str());
    let owner =
        Statement::new("SELECT number AS owner FROM \"user\" WHERE id = ?").with(id.as_str());
    let mut statements = vec![insert];
    statements.extend(index::insert(&owner, &index::rows(&tenant, &new.entries)));
    statements.push(count(&tenant, 1));
    sql.execute_all(statements).await?;
    let event = Event {
        detail: json!({
            "connection": connection.name, "token": actor.token, "userName": user_name,
            "after": document.as_object(),
        }),
        ..event(EventKind::UserProvisioned, actor, Some(id))
    };
    let resource = UserResource {
        id: id.clone(),
        document: StoredDocument::Text(json),
        version: 1,
        created_at: now,
        changed_at: now,
        groups: Some(Vec::new()),
    };
    done(resource, How::Created, Affected::default(), vec![event])
}

/// Somebody whom a new resource must mean.
struct Known {
    row: PersonRow,
    by: &'static str,
}

/// Looks for who is meant by these names: somebody who signed in already, else somebody who was
/// deleted. An error: somebody else is provisioned under one of them.
async fn same(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    user_name: &str,
    external_id: Option<&str>,
) -> Result<Result<Option<Known>, ScimError>, StoreError> {
    let key = index::kept(&fold(user_name));
    let columns = super::record::PERSON;
    let of = |condition: &str| format!("SELECT {columns} FROM \"user\" t WHERE {condition}");
    let mut ways = vec![
        Statement::new(of(
            "t.user_name_key = ? AND t.tenant = ? AND t.tenant < 'd' AND t.deleted_at IS NULL",
        ))
        .with(&key)
        .with(tenant.as_str()),
        Statement::new(of("t.user_name_key = ? AND t.claimed = 0 AND t.tenant = ?
             AND t.deleted_at IS NOT NULL"))
        .with(&key)
        .with(tenant.as_str()),
    ];
    let external_id = external_id.map(index::kept);
    if let Some(external_id) = &external_id {
        for there in ["t.deleted_at IS NULL", "t.deleted_at IS NOT NULL"] {
            let of = of(&format!("t.external_id = ? AND t.tenant = ? AND {there}"));
            ways.push(Statement::new(of).with(external_id).with(tenant.as_str()));
        }
    }
    let rows = sql.fetch(Statement::joined(ways, " UNION ALL ")).await?;
    let found: Result<Vec<_>, _> = rows.into_iter().map(person).collect();
    let found = found?;
    let is_named = |row: &PersonRow| index::kept(&fold(&row.record.user.user_name)) == key;
    let has_id =
        |row: &PersonRow| external_id.is_some() && row.record.user.external_id == external_id;
    let (there, gone): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|row| row.record.deleted_at.is_none());
    if let Some(holder) = there.iter().find(|row| row.record.user.managed) {
        return Ok(Err(taken(if is_named(holder) {
            "userName"
        } else {
            "externalId"
        })));
    }
    let people: BTreeSet<_> = there.iter().map(|row| row.record.number).collect();
    if people.len() > 1 {
        return Ok(Err(taken("userName")));
    }
    let by = |row: &PersonRow| {
        if has_id(row) {
            "externalId"
        } else {
            "userName"
        }
    };
    if let Some(row) = there.into_iter().next() {
        return Ok(Ok(Some(Known { by: by(&row), row })));
    }
    // Who left with another externalId is another person of the same name.
    let other = |row: &PersonRow| {
        external_id.is_some()
            && row.record.user.external_id.is_some()
            && row.record.user.external_id != external_id
    };
    let newest = |row: &&PersonRow| (has_id(row), row.record.deleted_at);
    let returned = gone.iter().filter(|row| !other(row)).max_by_key(newest).cloned();
    if let Some(number) = gone.iter().find(|row| other(row)).map(|row| row.record.number) {
        // Their NameID may be that of whoever has their name now, who must not be kept out by it.
        let free = Statement::new("UPDATE \"user\" SET name_id = NULL WHERE number = ?");
        sql.execute(free.with(number)).await?;
    }
    Ok(Ok(returned.map(|row| Known { by: by(&row), row })))
}

async fn take_over(
    sql: &mut Sql<'_>,
    actor: &Actor,
    known: Known,
    new: &Written,
    now: Timestamp,
) -> Told<UserResource> {
    let returns = known.row.record.deleted_at.is_some();
    let before = known.row.document();
    let number = known.row.record.number;
    match (!returns && before.is_active(), new.document.is_active()) {
        (true, false) => {
            if let Err(paused) = guard::pass(sql, actor, number, now).await? {
                return stopped(paused);
            }
        }
        (false, true) => guard::returned(sql, &known.row.record.tenant, number).await?,
        _ => {}
    }
    let by = known.by;
    let linked = write(sql, actor, &known.row, new, now).await?;
    let resource = linked.resource(&known.row, new, now);
    let (kind, how) = if returns {
        (EventKind::UserReactivated, How::Returned)
    } else {
        (EventKind::IdentityLinked, How::Linked)
    };
    let mut detail = difference(actor, &before, &new.document);
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("by".to_owned(), json!(by));
    }
    let linked_event = Event { detail, ..event(kind, actor, Some(&resource.id)) };
    let mut events = vec![linked_event];
    if !returns {
        let detail = json!({
            "connection": actor.connection.name, "token": actor.token,
            "userName": new.document.user_name(), "linked": true,
        });
        events.push(Event {
            detail,
            ..event(EventKind::UserProvisioned, actor, Some(&resource.id))
        });
    }
    done(resource, how, linked.affected, events)
}

/// Changes a person.
pub(super) async fn change(
    sql: &mut Sql<'_>,
    (actor, id, if_match, change, with, now): &(
        Actor,
        UserId,
        Option<i64>,
        Change,
        UserParts,
        Timestamp,
    ),
) -> Told<UserResource> {
    let tenant = actor.connection.tenant();
    let lock = sql.words().for_update;
    let Some(row) = find_person(sql, &tenant, id, lock).await? else {
        return Ok((Outcome::NotFound, Vec::new()));
    };
    if if_match.is_some_and(|version| version != row.version) {
        return Ok((Outcome::PreconditionFailed, Vec::new()));
    }
    let before = row.document();
    let new = match change.apply(&before) {
        Ok(new) => new,
        Err(error) => return refused(error),
    };
    let groups = if with.groups {
        memberships(sql, &[row.record.number]).await?.remove(&row.record.number)
    } else {
        None
    };
    if new.document == before {
        let resource = UserResource { groups, ..row.resource() };
        return done(resource, How::Unchanged, Affected::default(), Vec::new());
    }
    let Some(user_name) = new.document.user_name().filter(|name| !name.is_empty()) else {
        let detail = "userName is missing";
        return refused(ScimError::bad(ScimType::InvalidValue, detail));
    };
    if let Some(long) = too_long(user_name, &new.document) {
        return refused(long);
    }
    if let Some(taken) = others(sql, &tenant, &row, user_name, new.document.external_id()).await? {
        return refused(taken);
    }
    match (before.is_active(), new.document.is_active()) {
        (true, false) => {
            if let Err(paused) = guard::pass(sql, actor, row.record.number, *now).await? {
                return stopped(paused);
            }
        }
        (false, true) => guard::returned(sql, &tenant, row.record.number).await?,
        _ => {}
    }
    let written = write(sql, actor, &row, &new, *now).await?;
    let kind = match (before.is_active(), new.document.is_active()) {
        (true, false) => EventKind::UserDeprovisioned,
        (false, true) => EventKind::UserReactivated,
        _ => EventKind::UserChanged,
    };
    let mut events = vec![Event {
        detail: difference(actor, &before, &new.document),
        ..event(kind, actor, Some(id))
    }];
    if !row.record.user.managed {
        let detail = json!({
            "connection": actor.connection.name, "token": actor.token, "by": "id",
        });
        events.push(Event { detail, ..event(EventKind::IdentityLinked, actor, Some(id)) });
    }
    let resource = UserResource { groups, ..written.resource(&row, &new, *now) };
    done(resource, How::Changed, written.affected, events)
}

/// Who else of the tenant has one of these names.
async fn others(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    row: &PersonRow,
    user_name: &str,
    external_id: Option<&str>,
) -> Result<Option<ScimError>, StoreError> {
    let known = &row.record.user;
    let key = index::kept(&fold(user_name));
    let mut ways = Vec::new();
    if key != index::kept(&fold(&known.user_name)) {
        let named = "SELECT t.number, 0 FROM \"user\" t WHERE t.user_name_key = ? AND t.tenant = ?
                     AND t.tenant < 'd' AND t.deleted_at IS NULL";
        ways.push(Statement::new(named).with(&key).with(tenant.as_str()));
    }
    if let Some(external_id) = external_id
        && known.external_id.as_deref() != Some(external_id)
    {
        let named = "SELECT t.number, 1 FROM \"user\" t WHERE t.external_id = ? AND t.tenant = ?
                     AND t.deleted_at IS NULL";
        ways.push(Statement::new(named).with(index::kept(external_id)).with(tenant.as_str()));
    }
    if ways.is_empty() {
        return Ok(None);
    }
    for mut other in sql.fetch(Statement::joined(ways, " UNION ALL ")).await? {
        if other.integer()? != row.record.number {
            return Ok(Some(taken(if other.truth()? {
                "externalId"
            } else {
                "userName"
            })));
        }
    }
    Ok(None)
}

/// What was written of somebody.
struct Wrote {
    affected: Affected,
}

impl Wrote {
    fn resource(&self, row: &PersonRow, new: &Written, now: Timestamp) -> UserResource {
        UserResource {
            id: row.record.user.id.clone(),
            document: new.document.clone().into(),
            version: row.version.saturating_add(1),
            created_at: row.record.user.created_at,
            changed_at: now,
            groups: None,
        }
    }
}

/// Writes a document over somebody who is there, or was, and ends their sessions if it says so.
async fn write(
    sql: &mut Sql<'_>,
    actor: &Actor,
    row: &PersonRow,
    new: &Written,
    now: Timestamp,
) -> Result<Wrote, StoreError> {
    let record = &row.record;
    let document = &new.document;
    let user_name = document.user_name().unwrap_or_default();
    let key = index::kept(&fold(user_name));
    // Another name is held only if nobody else holds it.
    let update = Statement::new(
        "UPDATE \"user\" SET user_name = ?, user_name_key = ?,
             claimed = CASE WHEN user_name_key = ? THEN claimed
                            WHEN EXISTS (SELECT 1 FROM \"user\" h
                                         WHERE h.user_name_key = ? AND h.claimed = 1) THEN 0
                            ELSE claimed END,
             managed = 1, external_id = ?, idp = coalesce(idp, ?), email = coalesce(?, email),
             active = ?, updated_at = ?, revision = revision + 1, changed_at = ?,
             version = version + 1, deleted_at = NULL, indexed = 1, document = ?,
             name_id = CASE WHEN deleted_at IS NULL THEN name_id
                            WHEN EXISTS (SELECT 1 FROM \"user\" h
                                         WHERE h.idp = \"user\".idp AND h.name_id = \"user\".name_id
                                           AND h.deleted_at IS NULL) THEN NULL
                            ELSE name_id END
         WHERE number = ?",
    )
    .with(user_name)
    .with(&key)
    .with(&key)
    .with(&key)
    .with(document.external_id().map(index::kept))
    .with(actor.connection.idp.as_ref().map(IdpName::as_str))
    .with(document.email())
    .with(document.is_active())
    .with(now)
    .with(now)
    .with(document.to_json())
    .with(record.number);
    let tenant = &record.tenant;
    let mut statements = vec![update];
    statements.extend(index::change(sql, record.number, &index::rows(tenant, &new.entries)).await?);
    // Whoever comes back, or has not been looked at yet, was not counted.
    if !is_counted(sql, record.number).await? {
        statements.push(count(tenant, 1));
    }
    let affected = Affected { people: vec![record.user.id.clone()], everybody: false };
    statements.extend(tell(&affected, now));
    sql.execute_all(statements).await?;
    if !document.is_active() {
        sql.end_sessions(record.user.id.as_str(), now).await?;
    }
    Ok(Wrote { affected })
}

/// Whether somebody is among those who are counted in their tenant.
async fn is_counted(sql: &mut Sql<'_>, number: i64) -> Result<bool, StoreError> {
    let asked = Statement::new(
        "SELECT CASE WHEN deleted_at IS NULL AND indexed <> 0 THEN 1 ELSE 0 END
         FROM \"user\" WHERE number = ?",
    );
    sql.fetch_one(asked.with(number))
        .await?
        .map_or(Ok(false), |mut row| row.truth())
}

/// Removes a person.
pub(super) async fn delete(
    sql: &mut Sql<'_>,
    (actor, id, if_match, now): &(Actor, UserId, Option<i64>, Timestamp),
) -> Told<()> {
    let tenant = actor.connection.tenant();
    let lock = sql.words().for_update;
    let Some(row) = find_person(sql, &tenant, id, lock).await? else {
        return Ok((Outcome::NotFound, Vec::new()));
    };
    if if_match.is_some_and(|version| version != row.version) {
        return Ok((Outcome::PreconditionFailed, Vec::new()));
    }
    let number = row.record.number;
    if row.document().is_active()
        && let Err(paused) = guard::pass(sql, actor, number, *now).await?
    {
        return stopped(paused);
    }
    let was_counted = is_counted(sql, number).await?;
    // They are active again when they return; until then nothing lets them in.
    let gone = Statement::new(
        "UPDATE \"user\" SET deleted_at = ?, claimed = 0, revision = revision + 1,
             updated_at = ?, changed_at = ?, version = version + 1 WHERE number = ?",
    );
    let mut statements = vec![gone.with(*now).with(*now).with(*now).with(number)];
    statements.extend(leave_all(number, *now));
    statements.push(index::forget(number));
    if was_counted {
        statements.push(count(&tenant, -1));
    }
    let affected = Affected { people: vec![id.clone()], everybody: false };
    statements.extend(tell(&affected, *now));
    sql.execute_all(statements).await?;
    sql.end_sessions(id.as_str(), *now).await?;
    let detail = json!({
        "connection": actor.connection.name, "token": actor.token,
        "userName": row.record.user.user_name, "before": row.document().as_object(),
    });
    let event = Event { detail, ..event(EventKind::UserRemoved, actor, Some(id)) };
    done((), How::Deleted, affected, vec![event])
}

/// One more or less in a tenant.
fn count(tenant: &Tenant, difference: i64) -> Statement {
    let name = tenant.connection();
    Statement::new("UPDATE connection SET people = people + ? WHERE name = ?")
        .with(difference)
        .with(name.as_ref().map(crate::base::ConnectionName::as_str))
}

/// An event about somebody, or about a group.
pub(super) fn event(kind: EventKind, actor: &Actor, user: Option<&UserId>) -> Event {
    Event {
        request_id: actor.request_id.clone(),
        idp: actor.connection.idp.clone(),
        user: user.cloned(),
        client: actor.client.clone(),
        ..Event::new(kind)
    }
}

/// What of a document is not as it was: before, and after.
pub(super) fn difference(actor: &Actor, before: &Document, after: &Document) -> serde_json::Value {
    let of = |this: &Document, other: &Document| -> crate::scim::Object {
        let changed = this.as_object().iter();
        changed
            .filter(|(name, value)| other.as_object().get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    json!({
        "connection": actor.connection.name, "token": actor.token,
        "before": of(before, after), "after": of(after, before),
    })
}

pub(super) fn done<T>(resource: T, how: How, affected: Affected, events: Vec<Event>) -> Told<T> {
    Ok((Outcome::Done(Done { resource, how, affected }), events))
}

pub(super) fn refused<T>(error: ScimError) -> Told<T> {
    Ok((Outcome::Refused(error), Vec::new()))
}

fn stopped<T>((paused, events): (Paused, Vec<Event>)) -> Told<T> {
    Ok((Outcome::Paused(paused), events))
}

fn taken(attribute: &str) -> ScimError {
    ScimError::taken(format_args!("somebody else has this {attribute}"))
}
