//! The public keys of connections, for every database.

use serde_json::json;

use super::connections::{CONNECTION, Told, connection, event, find, signed};
use super::row::{Row, Sql, Statement, unreadable};
use crate::audit::{Event, EventKind};
use crate::base::{ConnectionName, StoreError, json};
use crate::directory::client_key::PublicKey;
use crate::directory::{ClientKey, Connection, ConnectionWritten, Operator};

fn key(row: &mut Row) -> Result<ClientKey, StoreError> {
    Ok(ClientKey {
        id: row.text()?,
        connection: ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?,
        kid: row.optional_text()?,
        key: PublicKey::from_pem(&row.text()?).map_err(|_| unreadable())?,
        scopes: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
        created_at: row.time()?,
        expires: row.optional_time()?,
        last_used: row.optional_time()?,
    })
}

pub(super) async fn create(
    sql: &mut Sql<'_>,
    (key, by): &(ClientKey, Operator),
) -> Told<ConnectionWritten> {
    let Some(connection) = find(sql, &key.connection).await? else {
        return Ok((ConnectionWritten::NotFound, Vec::new()));
    };
    let insert = Statement::new(
        "INSERT INTO scim_key
         (id, connection, hash, kid, public, scopes, created_at, expires, last_used)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (connection, hash) DO NOTHING",
    )
    .with(&key.id)
    .with(key.connection.as_str())
    .with(key.key.hash())
    .with(key.kid.as_deref())
    .with(key.key.to_pem().map_err(StoreError::new)?)
    .with(json::to_string(&key.scopes).map_err(StoreError::new)?)
    .with(key.created_at)
    .with(key.expires)
    .with(key.last_used);
    if sql.execute(insert).await? == 0 {
        return Ok((ConnectionWritten::NameTaken, Vec::new()));
    }
    Ok((
        ConnectionWritten::Written,
        vec![signed(about(&connection, &key.id, "created"), by)],
    ))
}

pub(super) async fn all(
    sql: &mut Sql<'_>,
    (connection,): &(Option<ConnectionName>,),
) -> Result<Vec<ClientKey>, StoreError> {
    let asked = Statement::new(
        "SELECT id, connection, kid, public, scopes, created_at, expires, last_used FROM scim_key",
    );
    let asked = match connection {
        Some(name) => asked.and(" WHERE connection = ?").with(name.as_str()),
        None => asked,
    };
    let asked = asked.and(" ORDER BY created_at, id");
    sql.fetch(asked).await?.iter_mut().map(key).collect()
}

pub(super) async fn remove(sql: &mut Sql<'_>, (id, by): &(String, Operator)) -> Told<bool> {
    let asked = Statement::new(format!(
        "SELECT {CONNECTION} FROM scim_key s JOIN connection c ON c.name = s.connection
         WHERE s.id = ?"
    ));
    let Some(mut row) = sql.fetch_one(asked.with(id)).await? else {
        return Ok((false, Vec::new()));
    };
    let connection = connection(&mut row)?;
    let gone = [
        Statement::new("DELETE FROM scim_access WHERE token = ?").with(id),
        Statement::new("DELETE FROM scim_key WHERE id = ?").with(id),
    ];
    sql.execute_all(gone.into()).await?;
    Ok((true, vec![signed(about(&connection, id, "removed"), by)]))
}

fn about(connection: &Connection, id: &str, what: &str) -> Event {
    Event {
        detail: json!({ "connection": connection.name, "key": id, "change": what }),
        ..event(EventKind::ConnectionTokens, connection)
    }
}
