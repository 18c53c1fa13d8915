//! Who is in which group: rows that come and go one by one.
//!
//! A list of members is never read to be changed. What a change costs depends on the change alone,
//! not on how many are in the group.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::filter;
use super::record::list;
use super::row::{Row, Sql, Statement, Words};
use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{Affected, Member, Membership, Tenant, UnknownMembers};
use crate::scim::patch::MemberChange;
use crate::scim::{ScimError, ScimType};

/// As many ids as are looked up at once.
const AT_ONCE: usize = 1000;

/// Of more people than this it is said that it is everybody.
const COUNTED: usize = 10_000;

/// What became of the members of a group: numbers.
#[derive(Debug, Default)]
pub(super) struct MembersChanged {
    pub(super) added: BTreeSet<i64>,
    pub(super) removed: BTreeSet<i64>,
}

impl MembersChanged {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// All of whom it is about.
    pub(super) fn all(&self) -> Vec<i64> {
        self.added.union(&self.removed).copied().collect()
    }
}

/// A change whose ids were looked up.
pub(super) struct Resolved<'c> {
    change: &'c MemberChange,
    numbers: Vec<i64>,
}

/// Statements that take a person or a group out of every group, whose versions move by it.
pub(super) fn leave_all(number: i64, now: Timestamp) -> [Statement; 2] {
    let around = Statement::new(
        "UPDATE grp SET version = version + 1, changed_at = ?
         WHERE number IN (SELECT grp FROM member WHERE member = ?)",
    );
    [
        around.with(now).with(number),
        Statement::new("DELETE FROM member WHERE member = ?").with(number),
    ]
}

/// Looks up all ids, before anything is written.
pub(super) async fn resolve<'c>(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    unknown: UnknownMembers,
    changes: &'c [MemberChange],
) -> Result<Result<Vec<Resolved<'c>>, ScimError>, StoreError> {
    let mut resolved = Vec::with_capacity(changes.len());
    for change in changes {
        let (ids, must_exist): (Vec<&str>, _) = match change {
            MemberChange::Add(members) | MemberChange::ReplaceAll(members) => (
                members.iter().map(|member| member.value.as_str()).collect(),
                true,
            ),
            MemberChange::Remove(ids) => (ids.iter().map(String::as_str).collect(), false),
            MemberChange::RemoveAll | MemberChange::RemoveWhere(_) => (Vec::new(), false),
        };
        let (numbers, strangers) = numbers(sql, tenant, &ids).await?;
        if must_exist && !strangers.is_empty() && unknown == UnknownMembers::Refuse {
            let named: Vec<_> = strangers.iter().take(10).copied().collect();
            let detail = format!("there is no user or group {}", named.join(", "));
            return Ok(Err(ScimError::bad(ScimType::InvalidValue, detail)));
        }
        resolved.push(Resolved { change, numbers });
    }
    Ok(Ok(resolved))
}

/// Changes the members of a group, one change after another.
pub(super) async fn change(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    group: i64,
    changes: Vec<Resolved<'_>>,
) -> Result<MembersChanged, StoreError> {
    let mut changed = MembersChanged::default();
    let integers = sql.words().integers;
    for Resolved { change, numbers } in changes {
        let numbers = list(&numbers);
        let remove = Statement::new("DELETE FROM member AS m WHERE m.grp = ?").with(group);
        let remove = match change {
            MemberChange::Add(_) => None,
            MemberChange::Remove(_) => {
                let these = format!(" AND m.member IN ({integers})");
                Some(remove.and(&these).with(&numbers))
            }
            MemberChange::ReplaceAll(_) => {
                let others = format!(" AND m.member NOT IN ({integers})");
                Some(remove.and(&others).with(&numbers))
            }
            MemberChange::RemoveAll => Some(remove),
            MemberChange::RemoveWhere(filter) => {
                let condition = filter::of_members(filter, tenant, sql.words());
                Some(remove.and(" AND ").piece(condition))
            }
        };
        let removed = match remove {
            Some(remove) => sql.fetch(remove.and(" RETURNING member")).await?,
            None => Vec::new(),
        };
        for mut row in removed {
            let number = row.integer()?;
            if !changed.added.remove(&number) {
                changed.removed.insert(number);
            }
        }
        if matches!(change, MemberChange::Add(_) | MemberChange::ReplaceAll(_)) {
            let add = format!(
                "INSERT INTO member (grp, member)
                 SELECT CAST(? AS BIGINT), i.value FROM ({integers}) AS i WHERE true
                 ON CONFLICT DO NOTHING RETURNING member"
            );
            for mut row in sql.fetch(Statement::new(add).with(group).with(&numbers)).await? {
                let number = row.integer()?;
                if !changed.removed.remove(&number) {
                    changed.added.insert(number);
                }
            }
        }
    }
    Ok(changed)
}

/// The numbers of these ids, and the ids that nobody of the tenant has.
async fn numbers<'i>(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    ids: &[&'i str],
) -> Result<(Vec<i64>, Vec<&'i str>), StoreError> {
    let (mut numbers, mut strangers) = (Vec::with_capacity(ids.len()), Vec::new());
    for some in ids.chunks(AT_ONCE) {
        let json = serde_json::to_string(some).map_err(StoreError::new)?.replace("\\u0000", "");
        let asked = by_id(sql.words());
        let asked = asked.with(&json).with(tenant.as_str()).with(&json).with(tenant.as_str());
        let mut known = HashMap::with_capacity(some.len());
        for mut row in sql.fetch(asked).await? {
            known.insert(row.text()?, row.integer()?);
        }
        for id in some {
            match known.get(*id) {
                Some(number) => numbers.push(*number),
                None => strangers.push(*id),
            }
        }
    }
    Ok((numbers, strangers))
}

/// CROSS JOIN: SQLite goes from the few who are asked for to the many that there are, whatever it
/// believes of how many they are.
fn by_id(words: Words) -> Statement {
    let texts = words.texts;
    Statement::new(format!(
        "SELECT u.id, u.number FROM ({texts}) AS i CROSS JOIN \"user\" u
         WHERE u.id = i.value AND u.tenant = ? AND u.deleted_at IS NULL
         UNION ALL SELECT g.id, g.number FROM ({texts}) AS i CROSS JOIN grp g
         WHERE g.id = i.value AND g.tenant = ?"
    ))
}

/// The ids of some of these numbers, for the audit.
pub(super) async fn ids(
    sql: &mut Sql<'_>,
    numbers: &BTreeSet<i64>,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let some: Vec<i64> = numbers.iter().copied().take(most).collect();
    let some = list(&some);
    let integers = sql.words().integers;
    let asked = Statement::new(format!(
        "SELECT u.id FROM \"user\" u WHERE u.number IN ({integers})
         UNION ALL SELECT g.id FROM grp g WHERE g.number IN ({integers})"
    ));
    let rows = sql.fetch(asked.with(&some).with(&some)).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

/// Everybody among these people and in these groups, or in groups in them.
pub(super) async fn everybody(sql: &mut Sql<'_>, numbers: &[i64]) -> Result<Affected, StoreError> {
    if numbers.len() > COUNTED {
        return Ok(Affected { people: Vec::new(), everybody: true });
    }
    let rows = sql.fetch(inside(sql.words()).with(list(numbers))).await?;
    if rows.len() > COUNTED {
        return Ok(Affected { people: Vec::new(), everybody: true });
    }
    let people: Result<Vec<_>, _> =
        rows.into_iter().map(|mut row| row.text().map(UserId::new)).collect();
    Ok(Affected { people: people?, everybody: false })
}

/// Those among numbers, and in groups among them, one more than are counted.
fn inside(words: Words) -> Statement {
    let (integers, most) = (words.integers, COUNTED.saturating_add(1));
    Statement::new(format!(
        "WITH RECURSIVE inside(number) AS (
             SELECT i.value FROM ({integers}) AS i
             UNION SELECT m.member FROM inside JOIN member m ON m.grp = inside.number
             WHERE inside.number < 0)
         SELECT u.id FROM inside CROSS JOIN \"user\" u
         WHERE u.number = inside.number AND inside.number > 0 LIMIT {most}"
    ))
}

/// How SQLite finds those whom a change of members is about, line by line.
#[cfg(test)]
pub(super) async fn plan(sql: &mut Sql<'_>, (): &()) -> Result<String, StoreError> {
    let mut lines = Vec::new();
    for asked in [by_id(sql.words()), inside(sql.words())] {
        for mut row in sql.fetch(Statement::new("EXPLAIN QUERY PLAN ").piece(asked)).await? {
            for _ in 0..3 {
                row.integer()?;
            }
            lines.push(row.text()?);
        }
    }
    Ok(lines.join("\n"))
}

/// Statements that tell other processes whose sessions have to be looked at.
pub(super) fn tell(affected: &Affected, now: Timestamp) -> Vec<Statement> {
    let all = affected.everybody.then_some(None);
    let rows: Vec<Option<&UserId>> = affected.people.iter().map(Some).chain(all).collect();
    let insert = |rows: &[Option<&UserId>]| {
        let places = vec!["(?,?)"; rows.len()].join(",");
        let statement = Statement::new(format!(
            "INSERT INTO person_change (person, at) VALUES {places}"
        ));
        rows.iter().fold(statement, |statement, row| {
            statement.with(row.map(UserId::as_str)).with(now)
        })
    };
    rows.chunks(100).map(insert).collect()
}

/// The groups of each of these people.
pub(super) async fn memberships(
    sql: &mut Sql<'_>,
    people: &[i64],
) -> Result<BTreeMap<i64, Vec<Membership>>, StoreError> {
    let mut all: BTreeMap<_, _> = people.iter().map(|number| (*number, Vec::new())).collect();
    if people.is_empty() {
        return Ok(all);
    }
    let integers = sql.words().integers;
    let asked = Statement::new(format!(
        "WITH RECURSIVE around(person, grp, depth) AS (
             SELECT m.member, m.grp, 0 FROM member m WHERE m.member IN ({integers})
             UNION SELECT a.person, m.grp, 1 FROM around a JOIN member m ON m.member = a.grp)
         SELECT a.person, g.id, g.display_name, g.external_id, min(a.depth)
         FROM around a JOIN grp g ON g.number = a.grp
         GROUP BY a.person, g.number, g.id, g.display_name, g.external_id
         ORDER BY a.person, g.number DESC"
    ));
    for mut row in sql.fetch(asked.with(list(people))).await? {
        let person = row.integer()?;
        all.entry(person).or_default().push(Membership {
            group: GroupId::new(row.text()?),
            display_name: row.text()?,
            external_id: row.optional_text()?,
            direct: row.integer()? == 0,
        });
    }
    Ok(all)
}

/// Who is in each of these groups.
pub(super) async fn members_of(
    sql: &mut Sql<'_>,
    groups: &[i64],
) -> Result<BTreeMap<i64, Vec<Member>>, StoreError> {
    let mut all: BTreeMap<_, _> = groups.iter().map(|number| (*number, Vec::new())).collect();
    if groups.is_empty() {
        return Ok(all);
    }
    let integers = sql.words().integers;
    let asked = Statement::new(format!(
        "SELECT m.grp, {MEMBER} WHERE m.grp IN ({integers}) ORDER BY m.grp, m.member"
    ));
    for mut row in sql.fetch(asked.with(list(groups))).await? {
        let group = row.integer()?;
        all.entry(group).or_default().push(member(row)?.1);
    }
    Ok(all)
}

/// What [`member`] reads.
pub(super) const MEMBER: &str = "m.member, coalesce(u.id, g.id) FROM member m
    LEFT JOIN \"user\" u ON u.number = m.member LEFT JOIN grp g ON g.number = m.member";

/// Somebody in a group, and their number.
pub(super) fn member(mut row: Row) -> Result<(i64, Member), StoreError> {
    let (number, id) = (row.integer()?, row.text()?);
    let member = if number > 0 {
        Member::User(UserId::new(id))
    } else {
        Member::Group(GroupId::new(id))
    };
    Ok((number, member))
}
