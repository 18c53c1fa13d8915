//! [`People`], for every database.

use async_trait::async_trait;

use super::members::{MEMBER, member, memberships, tell};
use super::record::{PERSON, of_login, person};
use super::row::{Sql, Statement};
use super::{Database, erase, index, page, work};
use crate::audit::{Event, EventKind};
use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{
    Affected, Changes, Erased, GroupRecord, Member, People, Provisioned, Query, Record, Tenant,
};
use crate::scim::fold::fold;
use crate::scim::{Catalogue, ResourceKind, entries};

#[async_trait]
impl<D: Database> People for D {
    async fn provisioned(&self, id: &UserId) -> Result<Option<Provisioned>, StoreError> {
        self.read(work!(provisioned, id.clone())).await
    }

    async fn look_up(&self, text: &str, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.read(work!(look_up, text.to_owned(), limit)).await
    }

    async fn records(
        &self,
        tenant: Option<&Tenant>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        self.read(work!(records, tenant.cloned(), after, limit)).await
    }

    async fn all_groups(
        &self,
        tenant: Option<&Tenant>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<GroupRecord>, StoreError> {
        self.read(work!(all_groups, tenant.cloned(), after, limit)).await
    }

    async fn look_up_group(&self, text: &str, limit: u32) -> Result<Vec<GroupRecord>, StoreError> {
        self.read(work!(look_up_group, text.to_owned(), limit)).await
    }

    async fn members(
        &self,
        group: &GroupId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, Member)>, StoreError> {
        self.read(work!(members, group.clone(), after, limit)).await
    }

    async fn set_locked(
        &self,
        id: &UserId,
        locked: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(work!(set_locked, id.clone(), locked, now), now).await
    }

    async fn erase(
        &self,
        people: &[UserId],
        now: Timestamp,
    ) -> Result<Vec<(UserId, Erased)>, StoreError> {
        erase::erase(self, people, now).await
    }

    async fn deleted_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        self.read(work!(erase::deleted_before, before, limit)).await
    }

    async fn changes_after(&self, mark: Option<i64>) -> Result<Changes, StoreError> {
        self.read(work!(changes_after, mark)).await
    }
}

async fn provisioned(
    sql: &mut Sql<'_>,
    (id,): &(UserId,),
) -> Result<Option<Provisioned>, StoreError> {
    let asked = Statement::new(format!("SELECT {PERSON} FROM \"user\" t WHERE t.id = ?"));
    let Some(row) = sql.fetch_one(asked.with(id.as_str())).await? else {
        return Ok(None);
    };
    let record = person(row)?.record;
    let groups = memberships(sql, &[record.number]).await?.remove(&record.number);
    Ok(Some(Provisioned {
        user: record.user,
        document: record.document,
        groups: groups.unwrap_or_default(),
    }))
}

async fn look_up(
    sql: &mut Sql<'_>,
    (text, limit): &(String, u32),
) -> Result<Vec<Record>, StoreError> {
    let ways = [
        ("t.id = ?", text.clone()),
        (
            "t.user_name_key = ? AND t.claimed = 1",
            index::kept(&fold(text)),
        ),
        (
            "t.user_name_key = ? AND t.claimed = 0",
            index::kept(&fold(text)),
        ),
        // In the index is the beginning.
        (
            "t.email IS NOT NULL AND lower(substr(t.email, 1, 256)) = substr(?, 1, 256)
             AND lower(t.email) = ?",
            text.to_ascii_lowercase(),
        ),
    ];
    let mut found: Vec<Record> = Vec::new();
    for (condition, value) in ways {
        let asked =
            format!("SELECT {PERSON} FROM \"user\" t WHERE {condition} ORDER BY t.number LIMIT ?");
        let values = condition.matches('?').map(|_| value.as_str());
        let asked = values.fold(Statement::new(asked), Statement::with);
        let rows = sql.fetch(asked.with(i64::from(*limit))).await?;
        for row in rows {
            let record = person(row)?.record;
            if found.iter().all(|known| known.number != record.number) {
                found.push(record);
            }
        }
        // An id is unique, and a name says more than an address.
        if !found.is_empty() && condition != "t.user_name_key = ? AND t.claimed = 1" {
            break;
        }
    }
    found.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
    Ok(found)
}

async fn records(
    sql: &mut Sql<'_>,
    (tenant, after, limit): &(Option<Tenant>, Option<i64>, u32),
) -> Result<Vec<Record>, StoreError> {
    let mut asked = Statement::new(format!(
        "SELECT {PERSON} FROM \"user\" t WHERE t.number > ?"
    ))
    .with(after.unwrap_or(0));
    if let Some(tenant) = tenant {
        asked = asked.and(" AND t.tenant = ?").with(tenant.as_str());
    }
    let asked = asked.and(" ORDER BY t.number LIMIT ?").with(i64::from(*limit));
    sql.fetch(asked)
        .await?
        .into_iter()
        .map(|row| person(row).map(|row| row.record))
        .collect()
}

const GROUP_RECORD: &str = "SELECT t.number, t.id, t.tenant, t.display_name, t.external_id,
    (SELECT count(*) FROM member m WHERE m.grp = t.number), t.created_at, t.changed_at
    FROM grp t WHERE ";

fn group_records(rows: Vec<super::Row>) -> Result<Vec<GroupRecord>, StoreError> {
    let read = |mut row: super::Row| {
        Ok(GroupRecord {
            number: row.integer()?,
            id: GroupId::new(row.text()?),
            tenant: Tenant::stored(row.text()?),
            display_name: row.text()?,
            external_id: row.optional_text()?,
            members: row.count()?,
            created_at: row.time()?,
            changed_at: row.time()?,
        })
    };
    rows.into_iter().map(read).collect()
}

async fn all_groups(
    sql: &mut Sql<'_>,
    (tenant, after, limit): &(Option<Tenant>, Option<i64>, u32),
) -> Result<Vec<GroupRecord>, StoreError> {
    let mut asked = Statement::new(format!("{GROUP_RECORD}t.number < ?")).with(after.unwrap_or(0));
    if let Some(tenant) = tenant {
        asked = asked.and(" AND t.tenant = ?").with(tenant.as_str());
    }
    let asked = asked.and(" ORDER BY t.number DESC LIMIT ?").with(i64::from(*limit));
    group_records(sql.fetch(asked).await?)
}

async fn look_up_group(
    sql: &mut Sql<'_>,
    (text, limit): &(String, u32),
) -> Result<Vec<GroupRecord>, StoreError> {
    let asked = Statement::new(format!("{GROUP_RECORD}t.id = ? LIMIT ?"));
    let by_id = sql.fetch(asked.with(text).with(i64::from(*limit))).await?;
    if !by_id.is_empty() {
        return group_records(by_id);
    }
    let asked = format!("{GROUP_RECORD}t.display_name_key = ? ORDER BY t.number DESC LIMIT ?");
    let asked = Statement::new(asked).with(index::kept(&fold(text))).with(i64::from(*limit));
    group_records(sql.fetch(asked).await?)
}

async fn members(
    sql: &mut Sql<'_>,
    (group, after, limit): &(GroupId, Option<i64>, u32),
) -> Result<Vec<(i64, Member)>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {MEMBER} WHERE m.grp = (SELECT number FROM grp WHERE id = ?) AND m.member > ?
         ORDER BY m.member LIMIT ?"
    ))
    .with(group.as_str())
    .with(after.unwrap_or(i64::MIN))
    .with(i64::from(*limit));
    sql.fetch(asked).await?.into_iter().map(member).collect()
}

async fn set_locked(
    sql: &mut Sql<'_>,
    (id, locked, now): &(UserId, bool, Timestamp),
) -> Result<(bool, Vec<Event>), StoreError> {
    let update = Statement::new(
        "UPDATE \"user\" SET locked = ?, updated_at = ?, revision = revision + 1 WHERE id = ?",
    );
    if sql.execute(update.with(*locked).with(*now).with(id.as_str())).await? == 0 {
        return Ok((false, Vec::new()));
    }
    sql.execute_all(tell(
        &Affected { people: vec![id.clone()], everybody: false },
        *now,
    ))
    .await?;
    if *locked {
        sql.end_sessions(id.as_str(), *now).await?;
    }
    let kind = if *locked {
        EventKind::UserLocked
    } else {
        EventKind::UserUnlocked
    };
    Ok((
        true,
        vec![Event { user: Some(id.clone()), ..Event::new(kind) }],
    ))
}

async fn changes_after(sql: &mut Sql<'_>, (mark,): &(Option<i64>,)) -> Result<Changes, StoreError> {
    let Some(mark) = mark else {
        let asked = Statement::new(sql.words().last_change);
        let last = sql.fetch_one(asked).await?;
        let mark = last.map_or(Ok(0), |mut row| row.integer())?;
        return Ok(Changes { mark, ..Changes::default() });
    };
    let asked = "SELECT sequence, person FROM person_change WHERE sequence > ? ORDER BY sequence";
    let mut changes = Changes { mark: *mark, ..Changes::default() };
    for mut row in sql.fetch(Statement::new(asked).with(*mark)).await? {
        changes.mark = row.integer()?;
        match row.optional_text()?.map(UserId::new) {
            Some(person) => changes.affected.people.push(person),
            None => changes.affected.everybody = true,
        }
    }
    changes.affected.people.sort();
    changes.affected.people.dedup();
    Ok(changes)
}

/// Whether there are people whose values a query asks for, and who are not in the index.
pub(super) async fn is_behind(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    query: &Query,
) -> Result<bool, StoreError> {
    if !page::asks_values(query, tenant, sql) {
        return Ok(false);
    }
    Ok(sql.fetch_one(behind(tenant, "t.number", 1)).await?.is_some())
}

fn behind(tenant: &Tenant, columns: &str, limit: i64) -> Statement {
    Statement::new(format!(
        "SELECT {columns} FROM \"user\" t WHERE t.tenant = ? AND t.tenant < 'd'
         AND t.deleted_at IS NULL AND t.indexed <> 1 LIMIT {limit}"
    ))
    .with(tenant.as_str())
}

/// As many people are looked at in one transaction: some 20 ms of work.
const AT_ONCE: i64 = 200;

/// Puts some of these people into the index.
pub(super) async fn catch_up(
    sql: &mut Sql<'_>,
    (tenant,): &(Tenant,),
) -> Result<((), Vec<Event>), StoreError> {
    let columns = format!("t.indexed, {PERSON}");
    let catalogue = Catalogue::standard();
    let mut counted = 0_i64;
    for mut row in sql.fetch(behind(tenant, &columns, AT_ONCE)).await? {
        if !row.truth()? {
            counted = counted.saturating_add(1);
        }
        let record = person(row)?.record;
        let document = record.document.unwrap_or_else(|| of_login(&record.user));
        let entries = entries::entries(&document, ResourceKind::User, &catalogue);
        let rows = index::rows(tenant, &entries);
        let mut statements = index::change(sql, record.number, &rows).await?;
        let done = Statement::new("UPDATE \"user\" SET indexed = 1 WHERE number = ?");
        statements.push(done.with(record.number));
        sql.execute_all(statements).await?;
    }
    if let Some(connection) = tenant.connection() {
        let more = "UPDATE connection SET people = people + ? WHERE name = ?";
        let more = Statement::new(more).with(counted).with(connection.as_str());
        sql.execute(more).await?;
    }
    Ok(((), Vec::new()))
}
