//! [`Connections`], for every database.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, groups, keys, requests, work};
use crate::audit::{Event, EventKind};
use crate::base::{ConnectionName, GroupId, IdpName, StoreError, Timestamp, json};
use crate::directory::client_key::is_key_id;
use crate::directory::{
    AccessToken, Affected, ClientKey, Connection, ConnectionWritten, Connections, Operator,
    ScimToken, Tenant,
};

/// The last use of a token is noted once in this time.
const NOTED: Duration = Duration::from_secs(60);
/// Access tokens of one long token. A client that keeps what it is given has one or two.
const MOST_ACCESS: i64 = 100;

#[async_trait]
impl<D: Database> Connections for D {
    async fn create_connection(
        &self,
        connection: &Connection,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError> {
        self.write(work!(create, connection.clone(), by.clone(), now), now).await
    }

    async fn update_connection(
        &self,
        connection: &Connection,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError> {
        self.write(work!(update, connection.clone(), by.clone(), now), now).await
    }

    async fn delete_connection(
        &self,
        name: &ConnectionName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError> {
        self.write(work!(delete, name.clone(), by.clone(), now), now).await
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.read(work!(all,)).await
    }

    async fn create_token(
        &self,
        token: &ScimToken,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError> {
        self.write(work!(create_token, token.clone(), by.clone()), now).await
    }

    async fn find_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ScimToken, Connection)>, StoreError> {
        self.read(work!(find_token, *hash)).await
    }

    async fn tokens(
        &self,
        connection: Option<&ConnectionName>,
    ) -> Result<Vec<ScimToken>, StoreError> {
        self.read(work!(tokens, connection.cloned())).await
    }

    async fn expire_token(
        &self,
        id: &str,
        at: Timestamp,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(work!(expire_token, id.to_owned(), at, by.clone()), now).await
    }

    async fn revoke_token(
        &self,
        id: &str,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(work!(revoke_token, id.to_owned(), by.clone(), now), now).await
    }

    async fn create_key(
        &self,
        key: &ClientKey,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError> {
        self.write(work!(keys::create, key.clone(), by.clone()), now).await
    }

    async fn keys(
        &self,
        connection: Option<&ConnectionName>,
    ) -> Result<Vec<ClientKey>, StoreError> {
        self.read(work!(keys::all, connection.cloned())).await
    }

    async fn remove_key(
        &self,
        id: &str,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(work!(keys::remove, id.to_owned(), by.clone()), now).await
    }

    async fn create_access(&self, access: &AccessToken, now: Timestamp) -> Result<(), StoreError> {
        self.write(work!(create_access, access.clone()), now).await
    }

    async fn find_access(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ScimToken, Connection)>, StoreError> {
        self.read(work!(find_access, *hash)).await
    }

    async fn note_use(&self, token: &ScimToken, now: Timestamp) -> Result<(), StoreError> {
        if token.last_used.is_some_and(|used| now < used.plus(NOTED)) {
            return Ok(());
        }
        self.write(work!(note_use, token.id.clone(), now), now).await
    }
}

pub(super) type Told<T> = Result<(T, Vec<Event>), StoreError>;

pub(super) const CONNECTION: &str = "c.name, c.idp, c.settings, c.created_at";

pub(super) fn connection(row: &mut Row) -> Result<Connection, StoreError> {
    let name = ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?;
    let idp = row.optional_text()?.map(|idp| IdpName::parse(&idp).ok_or_else(unreadable));
    Ok(Connection {
        name,
        idp: idp.transpose()?,
        settings: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
        created_at: row.time()?,
    })
}

async fn all(sql: &mut Sql<'_>, (): &()) -> Result<Vec<Connection>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {CONNECTION} FROM connection c ORDER BY c.name"
    ));
    sql.fetch(asked).await?.iter_mut().map(connection).collect()
}

pub(super) async fn find(
    sql: &mut Sql<'_>,
    name: &ConnectionName,
) -> Result<Option<Connection>, StoreError> {
    let asked = format!("SELECT {CONNECTION} FROM connection c WHERE c.name = ?");
    let row = sql.fetch_one(Statement::new(asked).with(name.as_str())).await?;
    row.map(|mut row| connection(&mut row)).transpose()
}

/// Whether another connection has this identity provider.
async fn is_taken(sql: &mut Sql<'_>, wanted: &Connection) -> Result<bool, StoreError> {
    let asked = Statement::new("SELECT 1 FROM connection WHERE idp = ? AND name <> ?")
        .with(wanted.idp.as_ref().map(IdpName::as_str))
        .with(wanted.name.as_str());
    Ok(sql.fetch_one(asked).await?.is_some())
}

async fn create(
    sql: &mut Sql<'_>,
    (connection, by, now): &(Connection, Operator, Timestamp),
) -> Told<ConnectionWritten> {
    if find(sql, &connection.name).await?.is_some() {
        return Ok((ConnectionWritten::NameTaken, Vec::new()));
    }
    if is_taken(sql, connection).await? {
        return Ok((ConnectionWritten::IdpTaken, Vec::new()));
    }
    let insert = Statement::new(
        "INSERT INTO connection (name, idp, settings, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .with(connection.name.as_str())
    .with(connection.idp.as_ref().map(IdpName::as_str))
    .with(json::to_string(&connection.settings).map_err(StoreError::new)?)
    .with(connection.created_at)
    .with(*now);
    sql.execute(insert).await?;
    adopt(sql, connection).await?;
    Ok((
        ConnectionWritten::Written,
        vec![signed(event(EventKind::ConnectionMade, connection), by)],
    ))
}

/// Makes the people of an identity provider those of its connection.
async fn adopt(sql: &mut Sql<'_>, connection: &Connection) -> Result<(), StoreError> {
    let Some(idp) = &connection.idp else {
        return Ok(());
    };
    let tenant = connection.tenant();
    let named = Statement::new("UPDATE \"user\" SET idp = ? WHERE tenant = ? AND idp IS NULL");
    sql.execute(named.with(idp.as_str()).with(tenant.as_str())).await?;
    // Who has the name of somebody there stays, for an operator to decide.
    let moved = Statement::new(
        "UPDATE \"user\" SET tenant = ?, indexed = 0
         WHERE tenant = ? AND NOT EXISTS (
             SELECT 1 FROM \"user\" o WHERE o.tenant = ? AND o.tenant < 'd'
             AND o.deleted_at IS NULL AND \"user\".deleted_at IS NULL
             AND (o.user_name_key = \"user\".user_name_key
                  OR o.external_id = \"user\".external_id))",
    )
    .with(tenant.as_str())
    .with(Tenant::of_idp(Some(idp)).as_str())
    .with(tenant.as_str());
    sql.execute(moved).await?;
    Ok(())
}

async fn update(
    sql: &mut Sql<'_>,
    (connection, by, now): &(Connection, Operator, Timestamp),
) -> Told<ConnectionWritten> {
    if find(sql, &connection.name).await?.is_none() {
        return Ok((ConnectionWritten::NotFound, Vec::new()));
    }
    if is_taken(sql, connection).await? {
        return Ok((ConnectionWritten::IdpTaken, Vec::new()));
    }
    let update = Statement::new(
        "UPDATE connection SET idp = ?, settings = ?, updated_at = ? WHERE name = ?",
    )
    .with(connection.idp.as_ref().map(IdpName::as_str))
    .with(json::to_string(&connection.settings).map_err(StoreError::new)?)
    .with(*now)
    .with(connection.name.as_str());
    sql.execute(update).await?;
    adopt(sql, connection).await?;
    Ok((
        ConnectionWritten::Written,
        vec![signed(event(EventKind::ConnectionChanged, connection), by)],
    ))
}

async fn delete(
    sql: &mut Sql<'_>,
    (name, by, now): &(ConnectionName, Operator, Timestamp),
) -> Told<ConnectionWritten> {
    let Some(connection) = find(sql, name).await? else {
        return Ok((ConnectionWritten::NotFound, Vec::new()));
    };
    let tenant = connection.tenant();
    let asked = Statement::new("SELECT number, id FROM grp WHERE tenant = ?");
    let mut any = false;
    for mut row in sql.fetch(asked.with(tenant.as_str())).await? {
        let (number, _) = (row.integer()?, row.text().map(GroupId::new)?);
        any = true;
        sql.execute_all(groups::remove(number, *now)).await?;
    }
    // Without an identity provider they are nobody's, and keep a tenant of their own.
    let left = match &connection.idp {
        Some(idp) => Tenant::of_idp(Some(idp)),
        None => Tenant::stored(format!("x:{name}")),
    };
    let forget = Statement::new(
        "DELETE FROM value WHERE owner IN (SELECT number FROM \"user\" WHERE tenant = ?)",
    );
    let moved = Statement::new(
        "UPDATE \"user\" SET tenant = ?, indexed = 0,
             external_id = CASE WHEN EXISTS (
                 SELECT 1 FROM \"user\" o WHERE o.external_id = \"user\".external_id
                 AND o.tenant = ? AND o.deleted_at IS NULL) THEN NULL ELSE external_id END
         WHERE tenant = ?",
    );
    let mut statements = vec![
        forget.with(tenant.as_str()),
        moved.with(left.as_str()).with(left.as_str()).with(tenant.as_str()),
        Statement::new(
            "DELETE FROM scim_access WHERE token IN (SELECT id FROM scim_token WHERE connection = ?)",
        )
        .with(name.as_str()),
        Statement::new("DELETE FROM scim_token WHERE connection = ?").with(name.as_str()),
        Statement::new(
            "DELETE FROM scim_access WHERE token IN (SELECT id FROM scim_key WHERE connection = ?)",
        )
        .with(name.as_str()),
        Statement::new("DELETE FROM scim_key WHERE connection = ?").with(name.as_str()),
        Statement::new("DELETE FROM connection WHERE name = ?").with(name.as_str()),
    ];
    statements.extend(requests::forget_connection(name));
    statements.extend(super::guard::remove(name));
    if any {
        let affected = Affected { people: Vec::new(), everybody: true };
        statements.extend(super::members::tell(&affected, *now));
    }
    sql.execute_all(statements).await?;
    Ok((
        ConnectionWritten::Written,
        vec![signed(event(EventKind::ConnectionRemoved, &connection), by)],
    ))
}

/// Says who did it.
pub(super) fn signed(mut event: Event, by: &Operator) -> Event {
    if let Some(detail) = event.detail.as_object_mut() {
        detail.insert("actor".to_owned(), by.way.into());
    }
    Event { client: by.client.clone(), ..event }
}

pub(super) fn event(kind: EventKind, connection: &Connection) -> Event {
    Event {
        idp: connection.idp.clone(),
        detail: json!({ "connection": connection.name, "settings": connection.settings }),
        ..Event::new(kind)
    }
}

const TOKEN: &str = "s.id, s.connection, s.hash, s.scopes, s.created_at, s.expires, s.last_used";

fn token(row: &mut Row) -> Result<ScimToken, StoreError> {
    Ok(ScimToken {
        id: row.text()?,
        connection: ConnectionName::parse(&row.text()?).ok_or_else(unreadable)?,
        hash: row.hash()?,
        scopes: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
        created_at: row.time()?,
        expires: row.optional_time()?,
        last_used: row.optional_time()?,
    })
}

async fn create_token(
    sql: &mut Sql<'_>,
    (token, by): &(ScimToken, Operator),
) -> Told<ConnectionWritten> {
    let Some(connection) = find(sql, &token.connection).await? else {
        return Ok((ConnectionWritten::NotFound, Vec::new()));
    };
    let insert = Statement::new(
        "INSERT INTO scim_token (id, connection, hash, scopes, created_at, expires, last_used)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .with(&token.id)
    .with(token.connection.as_str())
    .with(&token.hash)
    .with(json::to_string(&token.scopes).map_err(StoreError::new)?)
    .with(token.created_at)
    .with(token.expires)
    .with(token.last_used);
    sql.execute(insert).await?;
    Ok((
        ConnectionWritten::Written,
        vec![signed(about_token(&connection, &token.id, "created"), by)],
    ))
}

fn about_token(connection: &Connection, id: &str, what: &str) -> Event {
    Event {
        detail: json!({ "connection": connection.name, "token": id, "change": what }),
        ..event(EventKind::ConnectionTokens, connection)
    }
}

async fn find_token(
    sql: &mut Sql<'_>,
    (hash,): &([u8; 32],),
) -> Result<Option<(ScimToken, Connection)>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {TOKEN}, {CONNECTION} FROM scim_token s
         JOIN connection c ON c.name = s.connection WHERE s.hash = ?"
    ));
    let row = sql.fetch_one(asked.with(hash)).await?;
    row.map(|mut row| Ok((token(&mut row)?, connection(&mut row)?))).transpose()
}

async fn tokens(
    sql: &mut Sql<'_>,
    (connection,): &(Option<ConnectionName>,),
) -> Result<Vec<ScimToken>, StoreError> {
    let asked = Statement::new(format!("SELECT {TOKEN} FROM scim_token s"));
    let asked = match connection {
        Some(name) => asked.and(" WHERE s.connection = ?").with(name.as_str()),
        None => asked,
    };
    let asked = asked.and(" ORDER BY s.created_at, s.id");
    sql.fetch(asked).await?.iter_mut().map(token).collect()
}

/// The connection of a token.
async fn of_token(sql: &mut Sql<'_>, id: &str) -> Result<Option<Connection>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {CONNECTION} FROM scim_token s JOIN connection c ON c.name = s.connection
         WHERE s.id = ?"
    ));
    let row = sql.fetch_one(asked.with(id)).await?;
    row.map(|mut row| connection(&mut row)).transpose()
}

async fn expire_token(
    sql: &mut Sql<'_>,
    (id, at, by): &(String, Timestamp, Operator),
) -> Told<bool> {
    let Some(connection) = of_token(sql, id).await? else {
        return Ok((false, Vec::new()));
    };
    let update = Statement::new(
        "UPDATE scim_token SET expires = ? WHERE id = ? AND (expires IS NULL OR expires > ?)",
    );
    sql.execute(update.with(*at).with(id).with(*at)).await?;
    Ok((
        true,
        vec![signed(about_token(&connection, id, "expires"), by)],
    ))
}

async fn revoke_token(
    sql: &mut Sql<'_>,
    (id, by, now): &(String, Operator, Timestamp),
) -> Told<bool> {
    let Some(connection) = of_token(sql, id).await? else {
        return Ok((false, Vec::new()));
    };
    let gone = [
        requests::revoke(id, *now),
        Statement::new("DELETE FROM scim_access WHERE token = ?").with(id),
        Statement::new("DELETE FROM scim_token WHERE id = ?").with(id),
    ];
    sql.execute_all(gone.into()).await?;
    Ok((
        true,
        vec![signed(about_token(&connection, id, "revoked"), by)],
    ))
}

async fn create_access(sql: &mut Sql<'_>, (access,): &(AccessToken,)) -> Told<()> {
    let insert = Statement::new(
        "INSERT INTO scim_access (hash, token, scopes, expires) VALUES (?, ?, ?, ?)",
    )
    .with(&access.hash)
    .with(&access.token)
    .with(json::to_string(&access.scopes).map_err(StoreError::new)?)
    .with(access.expires);
    let oldest = Statement::new(
        "DELETE FROM scim_access WHERE token = ? AND expires < (
             SELECT expires FROM scim_access WHERE token = ?
             ORDER BY expires DESC LIMIT 1 OFFSET ?)",
    )
    .with(&access.token)
    .with(&access.token)
    .with(MOST_ACCESS - 1);
    sql.execute_all(vec![insert, oldest]).await?;
    Ok(((), Vec::new()))
}

async fn find_access(
    sql: &mut Sql<'_>,
    (hash,): &([u8; 32],),
) -> Result<Option<(ScimToken, Connection)>, StoreError> {
    let asked = Statement::new("SELECT token, scopes, expires FROM scim_access WHERE hash = ?");
    let Some(mut row) = sql.fetch_one(asked.with(hash)).await? else {
        return Ok(None);
    };
    let id = row.text()?;
    let scopes = serde_json::from_str(&row.text()?).map_err(|_| unreadable())?;
    let expires = row.time()?;
    let table = if is_key_id(&id) {
        "scim_key"
    } else {
        "scim_token"
    };
    let asked = Statement::new(format!(
        "SELECT {TOKEN}, {CONNECTION} FROM {table} s
         JOIN connection c ON c.name = s.connection WHERE s.id = ?"
    ));
    let Some(mut row) = sql.fetch_one(asked.with(id)).await? else {
        return Ok(None);
    };
    let (token, connection) = (token(&mut row)?, connection(&mut row)?);
    let expires = token.expires.map_or(expires, |end| end.min(expires));
    let access = ScimToken { scopes, expires: Some(expires), ..token };
    Ok(Some((access, connection)))
}

async fn note_use(sql: &mut Sql<'_>, (id, now): &(String, Timestamp)) -> Told<()> {
    let table = if is_key_id(id) {
        "scim_key"
    } else {
        "scim_token"
    };
    let update = Statement::new(format!("UPDATE {table} SET last_used = ? WHERE id = ?"));
    sql.execute(update.with(*now).with(id)).await?;
    Ok(((), Vec::new()))
}
