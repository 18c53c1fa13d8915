//! [`RequestLog`], for every database.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::notices;
use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, index, work};
use crate::audit::{Event, EventKind};
use crate::base::{ConnectionName, IdpName, StoreError, Timestamp, json};
use crate::directory::health::State;
use crate::directory::lookups::LookUps;
use crate::directory::requests::{Effect, Kept};
use crate::directory::{Health, RequestLog, RequestQuery, ScimRequest, Transition, discreet};
use crate::notice::Notice;
use crate::scim::fold::fold;

/// Rows that one statement writes: few lengths, since a statement stays prepared, and one of many rows is
/// large.
const AT_ONCE: [usize; 4] = [64, 16, 4, 1];
/// Rows that one statement forgets: some milliseconds, so that others get their turn in between.
const FORGOTTEN_AT_ONCE: i64 = 2000;
/// Longer than anybody leaves a token in a client that does not work.
const REVOKED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

#[async_trait]
impl<D: Database> RequestLog for D {
    async fn append(
        &self,
        requests: Vec<ScimRequest>,
        reviewed: Vec<ConnectionName>,
        now: Timestamp,
    ) -> Result<Vec<(ConnectionName, Transition)>, StoreError> {
        if requests.is_empty() && reviewed.is_empty() {
            return Ok(Vec::new());
        }
        self.write(work!(append, requests, reviewed, now), now).await
    }

    async fn requests(&self, asked: &RequestQuery) -> Result<Vec<ScimRequest>, StoreError> {
        self.read(work!(requests, asked.clone())).await
    }

    async fn health(&self) -> Result<Vec<(ConnectionName, Health)>, StoreError> {
        self.read(work!(all_health,)).await
    }

    async fn revoked_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ConnectionName, String)>, StoreError> {
        self.read(work!(revoked_token, *hash)).await
    }

    async fn forget_requests(&self, kept: Kept, now: Timestamp) -> Result<bool, StoreError> {
        let Some(work) = self.read(work!(forgettable, kept, now)).await? else {
            return Ok(false);
        };
        self.write(work!(forget, work), now).await
    }
}

type Told<T> = Result<(T, Vec<Event>), StoreError>;

async fn append(
    sql: &mut Sql<'_>,
    (requests, reviewed, now): &(Vec<ScimRequest>, Vec<ConnectionName>, Timestamp),
) -> Told<Vec<(ConnectionName, Transition)>> {
    let mut known = BTreeMap::new();
    for name in requests.iter().map(|request| &request.connection).chain(reviewed) {
        if !known.contains_key(name) {
            known.insert(name.clone(), find(sql, name).await?);
        }
    }
    let of_known: Vec<&ScimRequest> = requests
        .iter()
        .filter(|request| matches!(known.get(&request.connection), Some(Some(_))))
        .collect();
    let mut rest = of_known.as_slice();
    for size in AT_ONCE {
        while let Some((some, others)) = rest.split_at_checked(size) {
            // Not together with others: each sum of lengths would be a statement of its own.
            sql.execute(insert(some)?).await?;
            rest = others;
        }
    }
    let (mut statements, mut transitions, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for (name, found) in known {
        let Some(Known { idp, mut health }) = found else {
            continue;
        };
        let event = |kind, detail| Event { idp: idp.clone(), detail, ..Event::new(kind) };
        let told = |look_ups: LookUps| Event {
            request_id: look_ups.request_id.clone(),
            client: look_ups.client.clone(),
            ..event(EventKind::UserLookedUp, about(&name, &look_ups))
        };
        for request in of_known.iter().filter(|request| request.connection == name) {
            events.extend(health.take(request, *now).into_iter().map(told));
        }
        events.extend(health.look_ups.due(*now).map(told));
        if let Some(transition) = health.review(*now) {
            let detail = json!({
                "connection": name,
                "before": { "state": transition.before },
                "after": {
                    "state": transition.after, "why": transition.why,
                },
            });
            events.push(event(EventKind::ConnectionChanged, detail));
            let key = format!("scim-state/{name}");
            sql.execute(notices::clear(&key)).await?;
            if transition.after != State::Healthy {
                let notice = Notice {
                    key,
                    text: transition.sentence(&name),
                    advice: transition.advice(&name),
                    detail: json!({ "connection": name, "state": transition.after }),
                    at: *now,
                };
                notices::raise(sql, &notice).await?;
            }
            transitions.push((name.clone(), transition));
        }
        statements.push(keep(&name, &health)?);
    }
    sql.execute_all(statements).await?;
    Ok((transitions, events))
}

struct Known {
    idp: Option<IdpName>,
    health: Health,
}

/// A connection, if there is one.
async fn find(sql: &mut Sql<'_>, name: &ConnectionName) -> Result<Option<Known>, StoreError> {
    let asked = Statement::new(
        "SELECT c.idp, h.health FROM connection c
         LEFT JOIN scim_health h ON h.connection = c.name WHERE c.name = ?",
    );
    let Some(mut row) = sql.fetch_one(asked.with(name.as_str())).await? else {
        return Ok(None);
    };
    let idp = row.optional_text()?.map(|idp| IdpName::parse(&idp).ok_or_else(unreadable));
    let health = row.optional_text()?.map(|json| read(&json)).transpose()?;
    Ok(Some(Known {
        idp: idp.transpose()?,
        health: health.unwrap_or_default(),
    }))
}

fn read(json: &str) -> Result<Health, StoreError> {
    serde_json::from_str(json).map_err(|_| unreadable())
}

fn keep(name: &ConnectionName, health: &Health) -> Result<Statement, StoreError> {
    let upsert = Statement::new(
        "INSERT INTO scim_health (connection, health) VALUES (?, ?)
         ON CONFLICT (connection) DO UPDATE SET health = excluded.health",
    );
    let health = json::to_string(health).map_err(StoreError::new)?;
    Ok(upsert.with(name.as_str()).with(health))
}

fn about(name: &ConnectionName, look_ups: &LookUps) -> serde_json::Value {
    let mut detail = json!({
        "connection": name, "lookups": look_ups.lookups, "found": look_ups.found,
        "by": look_ups.by,
    });
    if let (Some(target), Some(detail)) = (&look_ups.target, detail.as_object_mut()) {
        detail.insert("target".to_owned(), json!(target));
    }
    detail
}

const COLUMNS: &str = "connection, at, token, request_id, method, resource, operation, target, \
    name, effect, attributes, filter, matched, status, scim_type, detail, micros, client, agent, \
    body, answer";

fn insert(requests: &[&ScimRequest]) -> Result<Statement, StoreError> {
    let row = format!("({})", ["?"; 21].join(", "));
    let rows = vec![row; requests.len()].join(", ");
    let mut statement = Statement::new(format!(
        "INSERT INTO scim_request ({COLUMNS}) VALUES {rows}"
    ));
    let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    for request in requests {
        let attributes = match request.attributes.is_empty() {
            true => None,
            false => Some(json::to_string(&request.attributes).map_err(StoreError::new)?),
        };
        statement = statement
            .with(request.connection.as_str())
            .with(request.at)
            .with(request.token.as_deref())
            .with(request.request_id.as_deref())
            .with(&*request.method)
            .with(&*request.resource)
            .with(&*request.operation)
            .with(request.target.as_deref())
            .with(request.name.as_deref())
            .with(request.effect.map(Effect::as_str))
            .with(attributes)
            .with(request.filter.as_deref())
            .with(request.matched.map(integer))
            .with(i64::from(request.status))
            .with(request.scim_type.as_deref())
            .with(request.detail.as_deref())
            .with(integer(request.micros))
            .with(request.client.as_deref())
            .with(request.agent.as_deref())
            .with(request.body.as_deref())
            .with(request.answer.as_deref());
    }
    Ok(statement)
}

async fn requests(
    sql: &mut Sql<'_>,
    (asked,): &(RequestQuery,),
) -> Result<Vec<ScimRequest>, StoreError> {
    let columns: Vec<String> = COLUMNS
        .split(", ")
        .map(|column| match column {
            "name" => "coalesce(u.user_name, r.name)".to_owned(),
            column => format!("r.{column}"),
        })
        .collect();
    let columns = columns.join(", ");
    let mut statement = Statement::new(format!(
        "SELECT {columns} FROM scim_request r
         LEFT JOIN \"user\" u ON u.id = r.target AND u.tenant = ?
         WHERE r.connection = ? AND r.at >= ?"
    ))
    .with(format!("c:{}", asked.connection))
    .with(asked.connection.as_str())
    .with(asked.since);
    if asked.failed {
        statement = statement.and(
            " AND r.status >= 400
              AND NOT (r.status = 404 AND r.operation IN ('get', 'list', 'search'))",
        );
    }
    if let Some(user) = &asked.user {
        statement = statement
            .and(" AND (r.target = ? OR u.user_name_key = ? OR r.name = ?)")
            .with(user)
            .with(index::kept(&fold(user)))
            .with(discreet::name(user));
    }
    let statement = statement
        .and(" ORDER BY r.at DESC, r.number DESC LIMIT ?")
        .with(i64::from(asked.limit));
    sql.fetch(statement).await?.iter_mut().map(request).collect()
}

fn request(row: &mut Row) -> Result<ScimRequest, StoreError> {
    let connection = ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?;
    Ok(ScimRequest {
        connection,
        at: row.time()?,
        token: row.optional_text()?,
        request_id: row.optional_text()?,
        method: Cow::Owned(row.text()?),
        resource: Cow::Owned(row.text()?),
        operation: Cow::Owned(row.text()?),
        target: row.optional_text()?,
        name: row.optional_text()?,
        effect: row.optional_text()?.as_deref().and_then(Effect::parse),
        attributes: match row.optional_text()? {
            None => Vec::new(),
            Some(json) => serde_json::from_str(&json).map_err(|_| unreadable())?,
        },
        filter: row.optional_text()?,
        matched: row.optional_integer()?.and_then(|matched| u64::try_from(matched).ok()),
        page: None,
        status: u16::try_from(row.integer()?).map_err(|_| unreadable())?,
        scim_type: row.optional_text()?,
        detail: row.optional_text()?,
        micros: row.count()?,
        client: row.optional_text()?,
        agent: row.optional_text()?,
        body: row.optional_text()?,
        answer: row.optional_text()?,
    })
}

async fn all_health(
    sql: &mut Sql<'_>,
    (): &(),
) -> Result<Vec<(ConnectionName, Health)>, StoreError> {
    let asked = Statement::new("SELECT connection, health FROM scim_health ORDER BY connection");
    let one = |row: &mut Row| {
        let name = ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?;
        Ok((name, read(&row.text()?)?))
    };
    sql.fetch(asked).await?.iter_mut().map(one).collect()
}

async fn revoked_token(
    sql: &mut Sql<'_>,
    (hash,): &([u8; 32],),
) -> Result<Option<(ConnectionName, String)>, StoreError> {
    let asked = Statement::new("SELECT connection, id FROM scim_token_revoked WHERE hash = ?");
    let row = sql.fetch_one(asked.with(hash)).await?;
    row.map(|mut row| {
        Ok((
            ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?,
            row.text()?,
        ))
    })
    .transpose()
}

/// Keeps in mind whose token it was.
pub(super) fn revoke(id: &str, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO scim_token_revoked (hash, id, connection, at)
         SELECT hash, id, connection, ? FROM scim_token WHERE id = ? ON CONFLICT DO NOTHING",
    )
    .with(now)
    .with(id)
}

/// Forgets what is known of a connection's requests.
pub(super) fn forget_connection(name: &ConnectionName) -> Vec<Statement> {
    let of = |table: &str| {
        let text = format!("DELETE FROM {table} WHERE connection = ?");
        Statement::new(text).with(name.as_str())
    };
    vec![
        of("scim_request"),
        of("scim_health"),
        of("scim_token_revoked"),
        notices::clear(&format!("scim-state/{name}")),
        notices::clear(&format!("scim-token/{name}")),
    ]
}

/// What is to be forgotten, in statements that forget some of it each.
#[derive(Clone, Debug)]
struct Forgettable(Vec<Statement>);

/// Looks for it by reading alone: most of the time there is nothing.
async fn forgettable(
    sql: &mut Sql<'_>,
    (kept, now): &(Kept, Timestamp),
) -> Result<Option<Forgettable>, StoreError> {
    let mut statements = Vec::new();
    let names = Statement::new("SELECT name FROM connection ORDER BY name");
    for mut row in sql.fetch(names).await? {
        let name = row.text()?;
        let place = "SELECT at FROM scim_request WHERE connection = ?
                     ORDER BY at DESC LIMIT 1 OFFSET ?";
        let mut limits = [Some(now.minus(kept.keep)), None];
        for (most, limit) in [(kept.most, 0), (kept.most_bodies, 1)] {
            let asked = Statement::new(place).with(&name).with(i64::from(most));
            if let Some(mut row) = sql.fetch_one(asked).await? {
                let at = Some(row.time()?);
                if let Some(limit) = limits.get_mut(limit) {
                    *limit = (*limit).max(at);
                }
            }
        }
        let [rows, bodies] = limits;
        let some = |condition: &str, limit: Timestamp| {
            let text = format!(
                "SELECT number FROM scim_request WHERE connection = ? AND at <= ?{condition}
                 ORDER BY at LIMIT ?"
            );
            Statement::new(text).with(&name).with(limit).with(FORGOTTEN_AT_ONCE)
        };
        let has_body = " AND (body IS NOT NULL OR answer IS NOT NULL)";
        let forget = "DELETE FROM scim_request WHERE number IN (";
        let strip = "UPDATE scim_request SET body = NULL, answer = NULL WHERE number IN (";
        for (text, condition, limit) in [(forget, "", rows), (strip, has_body, bodies)] {
            if let Some(limit) = limit {
                let some = some(condition, limit);
                if sql.fetch_one(some.clone()).await?.is_some() {
                    statements.push(Statement::new(text).piece(some).and(")"));
                }
            }
        }
    }
    let asked = Statement::new("SELECT 1 FROM scim_token_revoked WHERE at <= ? LIMIT 1");
    let before = now.minus(REVOKED);
    if sql.fetch_one(asked.with(before)).await?.is_some() {
        let forget = Statement::new("DELETE FROM scim_token_revoked WHERE at <= ?");
        statements.push(forget.with(before));
    }
    Ok((!statements.is_empty()).then_some(Forgettable(statements)))
}

async fn forget(sql: &mut Sql<'_>, (work,): &(Forgettable,)) -> Told<bool> {
    sql.execute_all(work.0.clone()).await?;
    Ok((true, Vec::new()))
}
