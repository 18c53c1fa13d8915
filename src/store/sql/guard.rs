//! [`Guards`], and the count that each deactivation passes, for every database.
//!
//! A deactivation costs a few rows that are found by their key: those whose time is over go, one
//! comes. Everybody is counted only when more than `guard.people` were deactivated, by an index
//! of those who do not count, and once a minute.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::connections;
use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, work};
use crate::audit::{Event, EventKind};
use crate::base::{ConnectionName, StoreError, Timestamp};
use crate::directory::guard::Waiting;
use crate::directory::{Actor, Approval, Guard, GuardState, Guards, Operator, Paused, Tenant};

/// How long it is believed how many people there are.
const COUNTED: Duration = Duration::from_secs(60);

#[async_trait]
impl<D: Database> Guards for D {
    async fn guards(&self) -> Result<Vec<GuardState>, StoreError> {
        self.read(work!(guards,)).await
    }

    async fn waiting(
        &self,
        connection: &ConnectionName,
        limit: u32,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.read(work!(waiting, connection.clone(), limit)).await
    }

    async fn approve(
        &self,
        connection: &ConnectionName,
        approval: Approval,
        by: &Operator,
        now: Timestamp,
    ) -> Result<Option<GuardState>, StoreError> {
        let write = work!(settle, connection.clone(), Some(approval), by.clone());
        self.write(write, now).await
    }

    async fn resume(
        &self,
        connection: &ConnectionName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<Option<GuardState>, StoreError> {
        let write = work!(settle, connection.clone(), None, by.clone());
        self.write(write, now).await
    }
}

/// Counts a deactivation that is about to be written; or says that it must not be, with what the
/// audit is told of that. Whoever is active now is not any more when the transaction ends.
pub(super) async fn pass(
    sql: &mut Sql<'_>,
    actor: &Actor,
    number: i64,
    now: Timestamp,
) -> Result<Result<(), (Paused, Vec<Event>)>, StoreError> {
    let Some(guard) = actor.guard.filter(Guard::is_on) else {
        return Ok(Ok(()));
    };
    let name = &actor.connection.name;
    let kept = kept(sql, name).await?;
    if kept.approval.is_some_and(|approval| approval.holds(now)) {
        sql.execute_all(vec![
            Statement::new(
                "UPDATE scim_guard SET approved = approved - 1
                 WHERE connection = ? AND approved IS NOT NULL",
            )
            .with(name.as_str()),
            forget(name, number),
        ])
        .await?;
        return Ok(Ok(()));
    }
    if kept.is_paused {
        sql.execute(note(name, number, true, now)).await?;
        let paused = Paused {
            began: false,
            deactivated: kept.deactivated,
            people: kept.people,
        };
        return Ok(Err((paused, Vec::new())));
    }
    // Two statements, since each finds by its index what it means.
    let their_own = forget(name, number).and(" AND waiting = 0");
    let over = Statement::new(
        "DELETE FROM scim_deactivation WHERE connection = ? AND waiting = 0 AND at <= ?",
    );
    let over = over.with(name.as_str()).with(now.minus(guard.window));
    let gone = sql.execute(their_own).await?.saturating_add(sql.execute(over).await?);
    let before = kept.deactivated.saturating_sub(gone);
    let one_more = before.saturating_add(1);
    let (mut people, mut counted_at) = (kept.people, kept.counted_at);
    if one_more > guard.people.into() {
        let is_known = counted_at.is_some_and(|at| at <= now && now.since(at) < COUNTED);
        if !is_known || one_more > guard.most(people) {
            // Those who have just been deactivated were active when the window began.
            people = active(sql, &actor.connection.tenant()).await?.saturating_add(before);
            counted_at = Some(now);
        }
        if one_more > guard.most(people) {
            let waits = [
                write(name, before, people, counted_at, Some(now)),
                note(name, number, true, now),
            ];
            sql.execute_all(waits.into()).await?;
            let paused = Paused { began: true, deactivated: before, people };
            return Ok(Err((paused, vec![began(actor, guard, paused)])));
        }
    }
    let passes = [
        write(name, one_more, people, counted_at, None),
        note(name, number, false, now),
    ];
    sql.execute_all(passes.into()).await?;
    Ok(Ok(()))
}

/// Somebody is active again, whose deactivation may have been counted.
pub(super) async fn returned(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    number: i64,
) -> Result<(), StoreError> {
    let Some(name) = tenant.connection() else {
        return Ok(());
    };
    let counted = Statement::new(
        "DELETE FROM scim_deactivation WHERE connection = ? AND person = ? AND waiting = 0",
    );
    if sql.execute(counted.with(name.as_str()).with(number)).await? > 0 {
        let fewer = "UPDATE scim_guard SET deactivated = deactivated - 1 WHERE connection = ?";
        sql.execute(Statement::new(fewer).with(name.as_str())).await?;
    }
    Ok(())
}

/// Everything about a connection that is removed.
pub(super) fn remove(name: &ConnectionName) -> [Statement; 2] {
    [
        Statement::new("DELETE FROM scim_deactivation WHERE connection = ?").with(name.as_str()),
        Statement::new("DELETE FROM scim_guard WHERE connection = ?").with(name.as_str()),
    ]
}

/// What is kept of a guard.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    deactivated: u64,
    people: u64,
    counted_at: Option<Timestamp>,
    is_paused: bool,
    approval: Option<Approval>,
}

async fn kept(sql: &mut Sql<'_>, name: &ConnectionName) -> Result<Kept, StoreError> {
    let asked = Statement::new(
        "SELECT deactivated, people, counted_at, CASE WHEN paused_at IS NULL THEN 0 ELSE 1 END,
                approved_until, approved
         FROM scim_guard WHERE connection = ?",
    );
    let Some(mut row) = sql.fetch_one(asked.with(name.as_str())).await? else {
        return Ok(Kept::default());
    };
    Ok(Kept {
        deactivated: row.count()?,
        people: row.count()?,
        counted_at: row.optional_time()?,
        is_paused: row.truth()?,
        approval: approval(&mut row)?,
    })
}

fn approval(row: &mut Row) -> Result<Option<Approval>, StoreError> {
    let (until, people) = (row.optional_time()?, row.optional_integer()?);
    let people = people.map(|people| u64::try_from(people).unwrap_or(0));
    Ok(until.map(|until| Approval { until, people }))
}

/// How many of a tenant are active and provisioned.
async fn active(sql: &mut Sql<'_>, tenant: &Tenant) -> Result<u64, StoreError> {
    let asked = Statement::new(
        "SELECT c.people - (SELECT count(*) FROM \"user\" u
             WHERE u.tenant = ? AND u.tenant < 'd' AND u.deleted_at IS NULL AND u.indexed <> 0
               AND (u.active = 0 OR u.managed = 0))
         FROM connection c WHERE c.name = ?",
    );
    let name = tenant.connection();
    let asked = asked.with(tenant.as_str()).with(name.as_ref().map(ConnectionName::as_str));
    sql.fetch_one(asked).await?.map_or(Ok(0), |mut row| row.count())
}

fn write(
    name: &ConnectionName,
    deactivated: u64,
    people: u64,
    counted_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
) -> Statement {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Statement::new(
        "INSERT INTO scim_guard (connection, deactivated, people, counted_at, paused_at)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (connection) DO UPDATE SET deactivated = excluded.deactivated,
             people = excluded.people, counted_at = excluded.counted_at,
             paused_at = excluded.paused_at, approved_until = NULL, approved = NULL",
    )
    .with(name.as_str())
    .with(number(deactivated))
    .with(number(people))
    .with(counted_at)
    .with(paused_at)
}

fn note(name: &ConnectionName, number: i64, waiting: bool, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO scim_deactivation (connection, person, waiting, at) VALUES (?, ?, ?, ?)
         ON CONFLICT (connection, person) DO UPDATE SET waiting = excluded.waiting, at = excluded.at",
    )
    .with(name.as_str())
    .with(number)
    .with(waiting)
    .with(now)
}

fn forget(name: &ConnectionName, number: i64) -> Statement {
    Statement::new("DELETE FROM scim_deactivation WHERE connection = ? AND person = ?")
        .with(name.as_str())
        .with(number)
}

fn began(actor: &Actor, guard: Guard, paused: Paused) -> Event {
    let detail = json!({
        "connection": actor.connection.name, "token": actor.token,
        "deactivated": paused.deactivated, "people": paused.people, "guard": guard,
    });
    Event {
        detail,
        ..super::users::event(EventKind::GuardPaused, actor, None)
    }
}

const STATE: &str = "SELECT g.connection, g.paused_at, g.deactivated,
    (SELECT count(*) FROM scim_deactivation w WHERE w.connection = g.connection AND w.waiting = 1),
    g.approved_until, g.approved
    FROM scim_guard g";

fn state(row: &mut Row) -> Result<GuardState, StoreError> {
    Ok(GuardState {
        connection: ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?,
        paused_at: row.optional_time()?,
        deactivated: row.count()?,
        waiting: row.count()?,
        approval: approval(row)?,
    })
}

async fn guards(sql: &mut Sql<'_>, (): &()) -> Result<Vec<GuardState>, StoreError> {
    let asked = Statement::new(format!("{STATE} ORDER BY g.connection"));
    sql.fetch(asked).await?.iter_mut().map(state).collect()
}

async fn waiting(
    sql: &mut Sql<'_>,
    (connection, limit): &(ConnectionName, u32),
) -> Result<Vec<Waiting>, StoreError> {
    let asked = Statement::new(
        "SELECT u.id, u.user_name, w.at FROM scim_deactivation w
         JOIN \"user\" u ON u.number = w.person
         WHERE w.connection = ? AND w.waiting = 1 ORDER BY w.at DESC, w.person LIMIT ?",
    );
    let rows = sql.fetch(asked.with(connection.as_str()).with(i64::from(*limit))).await?;
    let read = |mut row: Row| {
        Ok(Waiting {
            id: row.text()?,
            user_name: row.text()?,
            asked_at: row.time()?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Ends a pause, with an approval or without one, and counts from the beginning.
async fn settle(
    sql: &mut Sql<'_>,
    (name, approval, by): &(ConnectionName, Option<Approval>, Operator),
) -> Result<(Option<GuardState>, Vec<Event>), StoreError> {
    let Some(connection) = connections::find(sql, name).await? else {
        return Ok((None, Vec::new()));
    };
    let asked = Statement::new(format!("{STATE} WHERE g.connection = ?")).with(name.as_str());
    let before = sql.fetch_one(asked).await?.map(|mut row| state(&mut row)).transpose()?;
    let before = before.unwrap_or_else(|| GuardState::quiet(name.clone()));
    if approval.is_none() && before.paused_at.is_none() && before.approval.is_none() {
        return Ok((Some(before), Vec::new()));
    }
    let people = approval.and_then(|approval| approval.people);
    let people = people.map(|people| i64::try_from(people).unwrap_or(i64::MAX));
    let mut statements = Vec::from(remove(name));
    statements.push(
        Statement::new(
            "INSERT INTO scim_guard (connection, approved_until, approved) VALUES (?, ?, ?)",
        )
        .with(name.as_str())
        .with(approval.map(|approval| approval.until))
        .with(people),
    );
    sql.execute_all(statements).await?;
    let kind = match approval {
        Some(_) => EventKind::GuardApproved,
        None => EventKind::GuardRejected,
    };
    let detail = json!({
        "connection": name, "waiting": before.waiting,
        "paused": before.paused_at.map(Timestamp::to_saml),
        "until": approval.map(|approval| approval.until.to_saml()),
        "people": people,
    });
    let event = Event { idp: connection.idp, detail, ..Event::new(kind) };
    Ok((Some(before), vec![connections::signed(event, by)]))
}
