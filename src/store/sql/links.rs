//! [`Links`], for every database.

use async_trait::async_trait;
use serde_json::json;

use super::connections::signed;
use super::members::tell;
use super::record::{PERSON, person};
use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, work};
use crate::audit::{Event, EventKind};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::links::{Link, Linked, Links};
use crate::directory::{Affected, Operator, User};

#[async_trait]
impl<D: Database> Links for D {
    async fn linked(&self, idp: &IdpName, name_id: &str) -> Result<Option<User>, StoreError> {
        self.read(work!(linked, idp.clone(), name_id.to_owned())).await
    }

    async fn links(&self, person: &UserId) -> Result<Vec<Link>, StoreError> {
        self.read(work!(of_person, person.clone())).await
    }

    async fn link(&self, link: &Link, by: &Operator) -> Result<Linked, StoreError> {
        let now = link.created_at;
        self.write(work!(add, link.clone(), by.clone()), now).await
    }

    async fn unlink(
        &self,
        person: &UserId,
        idp: &IdpName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(
            work!(remove, person.clone(), idp.clone(), by.clone(), now),
            now,
        )
        .await
    }
}

async fn linked(
    sql: &mut Sql<'_>,
    (idp, name_id): &(IdpName, String),
) -> Result<Option<User>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {PERSON} FROM user_link l JOIN \"user\" t ON t.id = l.person
         WHERE l.idp = ? AND l.name_id = ?"
    ));
    let row = sql.fetch_one(asked.with(idp.as_str()).with(name_id)).await?;
    row.map(|row| person(row).map(|person| person.record.user)).transpose()
}

async fn of_person(sql: &mut Sql<'_>, (id,): &(UserId,)) -> Result<Vec<Link>, StoreError> {
    let asked = Statement::new(
        "SELECT person, idp, name_id, created_at FROM user_link WHERE person = ? ORDER BY idp",
    );
    sql.fetch(asked.with(id.as_str())).await?.iter_mut().map(link).collect()
}

fn link(row: &mut Row) -> Result<Link, StoreError> {
    Ok(Link {
        person: UserId::new(row.text()?),
        idp: IdpName::parse(&row.text()?).ok_or_else(unreadable)?,
        name_id: row.text()?,
        created_at: row.time()?,
    })
}

async fn add(
    sql: &mut Sql<'_>,
    (link, by): &(Link, Operator),
) -> Result<(Linked, Vec<Event>), StoreError> {
    let done = |linked| Ok((linked, Vec::new()));
    let (idp, name_id) = (link.idp.as_str(), link.name_id.as_str());
    let known = Statement::new("SELECT 1 FROM \"user\" WHERE id = ? AND deleted_at IS NULL");
    if sql.fetch_one(known.with(link.person.as_str())).await?.is_none() {
        return done(Linked::Nobody);
    }
    let own = of_person(sql, &(link.person.clone(),)).await?;
    if let Some(own) = own.into_iter().find(|own| own.idp == link.idp) {
        return done(match own.name_id == link.name_id {
            true => Linked::Already,
            false => Linked::Other(own.name_id),
        });
    }
    // Whoever signed in by that name is found by it, whether as NameID or as userName.
    let taken = Statement::new(
        "SELECT t.id, t.user_name FROM user_link l JOIN \"user\" t ON t.id = l.person
         WHERE l.idp = ? AND l.name_id = ?
         UNION ALL
         SELECT id, user_name FROM \"user\"
         WHERE idp = ? AND (name_id = ? OR user_name = ?) AND deleted_at IS NULL AND id <> ?",
    )
    .with(idp)
    .with(name_id)
    .with(idp)
    .with(name_id)
    .with(name_id)
    .with(link.person.as_str());
    if let Some(mut row) = sql.fetch_one(taken).await? {
        return done(Linked::Taken { person: UserId::new(row.text()?), user_name: row.text()? });
    }
    let insert = Statement::new(
        "INSERT INTO user_link (idp, name_id, person, created_at) VALUES (?, ?, ?, ?)",
    );
    let insert = insert.with(idp).with(name_id).with(link.person.as_str());
    sql.execute(insert.with(link.created_at)).await?;
    let event = about(EventKind::UserLinked, link, by);
    Ok((Linked::Linked, vec![event]))
}

async fn remove(
    sql: &mut Sql<'_>,
    (id, idp, by, now): &(UserId, IdpName, Operator, Timestamp),
) -> Result<(bool, Vec<Event>), StoreError> {
    let own = of_person(sql, &(id.clone(),)).await?;
    let Some(link) = own.into_iter().find(|own| own.idp == *idp) else {
        return Ok((false, Vec::new()));
    };
    let gone = Statement::new("DELETE FROM user_link WHERE person = ? AND idp = ?");
    sql.execute(gone.with(id.as_str()).with(idp.as_str())).await?;
    let affected = Affected { people: vec![id.clone()], everybody: false };
    sql.execute_all(tell(&affected, *now)).await?;
    sql.end_sessions(id.as_str(), *now).await?;
    Ok((true, vec![about(EventKind::UserUnlinked, &link, by)]))
}

fn about(kind: EventKind, link: &Link, by: &Operator) -> Event {
    let event = Event {
        user: Some(link.person.clone()),
        idp: Some(link.idp.clone()),
        detail: json!({ "name_id": link.name_id }),
        ..Event::new(kind)
    };
    signed(event, by)
}
