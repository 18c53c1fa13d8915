//! A page of what was found: first the numbers, then the rows.
//!
//! The numbers alone come from an index, however far the page is from the beginning.

use std::collections::HashMap;

use super::filter::{self, Compiled};
use super::members::{members_of, memberships};
use super::record::{self, GROUP, PERSON, list};
use super::row::{Sql, Statement, Value};
use crate::base::StoreError;
use crate::directory::{
    Begin, Cursor, GroupParts, GroupResource, Page, Query, Tenant, UserParts, UserResource,
};
use crate::scim::ResourceKind;

/// The numbers of a page, how many there are, and where the next page begins.
struct Numbers {
    numbers: Vec<i64>,
    total: Option<u64>,
    next: Option<Cursor>,
}

pub(super) async fn users(
    sql: &mut Sql<'_>,
    (tenant, query, with): &(Tenant, Query, UserParts),
) -> Result<Page<UserResource>, StoreError> {
    let found = numbers(sql, ResourceKind::User, tenant, query).await?;
    let rows = load(sql, ResourceKind::User, &found.numbers).await?;
    let mut people = HashMap::with_capacity(rows.len());
    for row in rows {
        let row = record::person(row)?;
        people.insert(row.record.number, row.resource());
    }
    if with.groups {
        for (number, groups) in memberships(sql, &found.numbers).await? {
            if let Some(person) = people.get_mut(&number) {
                person.groups = Some(groups);
            }
        }
    }
    let resources = found.numbers.iter().filter_map(|number| people.remove(number)).collect();
    Ok(Page { resources, total: found.total, next: found.next })
}

pub(super) async fn groups(
    sql: &mut Sql<'_>,
    (tenant, query, with): &(Tenant, Query, GroupParts),
) -> Result<Page<GroupResource>, StoreError> {
    let found = numbers(sql, ResourceKind::Group, tenant, query).await?;
    let rows = load(sql, ResourceKind::Group, &found.numbers).await?;
    let groups: Result<HashMap<_, _>, _> = rows.into_iter().map(record::group).collect();
    let mut groups = groups?;
    if with.members {
        for (number, members) in members_of(sql, &found.numbers).await? {
            if let Some(group) = groups.get_mut(&number) {
                group.members = Some(members);
            }
        }
    }
    let resources = found.numbers.iter().filter_map(|number| groups.remove(number)).collect();
    Ok(Page { resources, total: found.total, next: found.next })
}

/// Whether a query asks the index of values.
pub(super) fn asks_values(query: &Query, tenant: &Tenant, sql: &Sql<'_>) -> bool {
    let kind = ResourceKind::User;
    let filter = query.filter.as_ref();
    let by_filter =
        filter.is_some_and(|filter| filter::compile(filter, kind, tenant, sql.words()).by_values);
    let sort = query.sort.as_ref();
    by_filter
        || sort.is_some_and(|sort| {
            filter::sorted_by(&sort.by, kind, tenant).0.text.contains("FROM value")
        })
}

async fn load(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    numbers: &[i64],
) -> Result<Vec<super::Row>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let columns = match kind {
        ResourceKind::User => PERSON,
        ResourceKind::Group => GROUP,
    };
    let asked = Statement::new(format!(
        "SELECT {columns} FROM {} WHERE t.number IN ({})",
        filter::table(kind),
        sql.words().integers,
    ));
    sql.fetch(asked.with(list(numbers))).await
}

async fn numbers(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    tenant: &Tenant,
    query: &Query,
) -> Result<Numbers, StoreError> {
    let meant = meant(sql, kind, tenant, query).await?;
    let mut numbers = Vec::new();
    let mut next = None;
    let count = usize::try_from(query.count).unwrap_or(usize::MAX);
    if query.count > 0 {
        let mut last = None;
        // One more shows whether there is a next page.
        for mut row in sql.fetch(ask(kind, tenant, query, &meant.page)).await? {
            if numbers.len() == count {
                next = last.take();
                break;
            }
            let number = row.integer()?;
            numbers.push(number);
            last = Some(Cursor { value: row.as_text()?, number });
        }
    }
    let total = match (&query.from, query.total) {
        (_, false) => None,
        // All of them are here.
        (Begin::Offset(0), true) if next.is_none() && query.count > 0 => {
            Some(u64::try_from(numbers.len()).unwrap_or(u64::MAX))
        }
        (_, true) => Some(total(sql, kind, tenant, query, meant.all).await?),
    };
    Ok(Numbers { numbers, total, next })
}

/// Which resources are meant, as conditions: for a page of them, and for all.
struct Meant {
    page: Statement,
    all: Statement,
}

/// More than this are found sooner by walking through everybody until a page is full.
const FEW: i64 = 4000;

async fn meant(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    tenant: &Tenant,
    query: &Query,
) -> Result<Meant, StoreError> {
    let scope = filter::scope(kind, tenant);
    let Some(filter) = &query.filter else {
        return Ok(Meant { page: scope.clone(), all: scope });
    };
    let Compiled { condition, driver, .. } = filter::compile(filter, kind, tenant, sql.words());
    let walked = scope.clone().and(" AND ").piece(condition.clone());
    let Some(driver) = driver else {
        return Ok(Meant { page: walked.clone(), all: walked });
    };
    let are_few = driver.rank == 0 || {
        let counted = Statement::new("SELECT count(*) FROM (SELECT 1 FROM (")
            .piece(driver.question.clone())
            .and(") AS d LIMIT ?) AS few");
        let found = sql.fetch_one(counted.with(FEW)).await?;
        found.map_or(Ok(0), |mut row| row.integer())? < FEW
    };
    let (among, end) = sql.words().found_first;
    let mut driven = scope.and(" AND t.number").and(among).piece(driver.question).and(end);
    if !driver.exact {
        driven = driven.and(" AND ").piece(condition);
    }
    let page = if are_few || query.sort.is_some() {
        driven.clone()
    } else {
        walked
    };
    Ok(Meant { page, all: driven })
}

/// The numbers of a page and one more, with what they are sorted by.
fn ask(kind: ResourceKind, tenant: &Tenant, query: &Query, meant: &Statement) -> Statement {
    // Groups count downwards.
    let (behind, order) = match kind {
        ResourceKind::User => (">", "ASC"),
        ResourceKind::Group => ("<", "DESC"),
    };
    let table = filter::table(kind);
    let more = i64::from(query.count).saturating_add(1);
    let (offset, cursor) = match &query.from {
        Begin::Offset(offset) => (i64::try_from(*offset).unwrap_or(i64::MAX), None),
        Begin::Cursor(cursor) => (0, Some(cursor)),
    };
    let statement = match &query.sort {
        None => {
            let asked = Statement::new(format!("SELECT t.number, NULL FROM {table} WHERE "));
            let mut asked = asked.piece(meant.clone());
            if let Some(cursor) = cursor {
                asked = asked.and(&format!(" AND t.number {behind} ?")).with(cursor.number);
            }
            asked.and(&format!(" ORDER BY t.number {order}"))
        }
        Some(sort) => {
            let (by, always) = filter::sorted_by(&sort.by, kind, tenant);
            let inner =
                Statement::new("SELECT x.number, x.sorted FROM (SELECT t.number AS number, ")
                    .piece(by)
                    .and(&format!(" AS sorted FROM {table} WHERE "))
                    .piece(meant.clone())
                    .and(") AS x");
            let mut asked = inner;
            if let Some(cursor) = cursor {
                let is_number = filter::is_number(&sort.by, kind);
                asked =
                    asked.and(" WHERE ").piece(after(cursor, is_number, sort.descending, behind));
            }
            let direction = if sort.descending { "DESC" } else { "ASC" };
            let missing = if always {
                String::new()
            } else {
                format!("CASE WHEN x.sorted IS NULL THEN 1 ELSE 0 END {direction}, ")
            };
            asked.and(&format!(
                " ORDER BY {missing}x.sorted {direction}, x.number {order}"
            ))
        }
    };
    statement.and(" LIMIT ? OFFSET ?").with(more).with(offset)
}

/// What comes after the end of a page in a sorted list.
fn after(cursor: &Cursor, is_number: bool, descending: bool, behind: &str) -> Statement {
    let sign = if descending { "<" } else { ">" };
    match &cursor.value {
        Some(value) => {
            let value = match value.parse() {
                Ok(number) if is_number => Value::Integer(number),
                Ok(_) | Err(_) => Value::from(value),
            };
            let missing = if descending {
                ""
            } else {
                " OR x.sorted IS NULL"
            };
            Statement::new(format!(
                "(x.sorted {sign} ? OR (x.sorted = ? AND x.number {behind} ?){missing})"
            ))
            .with(value.clone())
            .with(value)
            .with(cursor.number)
        }
        None => {
            let others = if descending {
                " OR x.sorted IS NOT NULL"
            } else {
                ""
            };
            Statement::new(format!(
                "((x.sorted IS NULL AND x.number {behind} ?){others})"
            ))
            .with(cursor.number)
        }
    }
}

async fn total(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    tenant: &Tenant,
    query: &Query,
    meant: Statement,
) -> Result<u64, StoreError> {
    let asked = match (kind, &query.filter, tenant.connection()) {
        // Who is not counted yet has not been looked at either.
        (ResourceKind::User, None, Some(connection)) => Statement::new(
            "SELECT (SELECT people FROM connection WHERE name = ?)
                  + (SELECT count(*) FROM \"user\" t WHERE t.tenant = ? AND t.tenant < 'd'
                     AND t.deleted_at IS NULL AND t.indexed <> 1 AND t.indexed = 0)",
        )
        .with(connection.as_str())
        .with(tenant.as_str()),
        _ => {
            let counted = format!("SELECT count(*) FROM {} WHERE ", filter::table(kind));
            Statement::new(counted).piece(meant)
        }
    };
    match sql.fetch_one(asked).await? {
        Some(mut row) => Ok(u64::try_from(row.optional_integer()?.unwrap_or(0)).unwrap_or(0)),
        None => Ok(0),
    }
}

/// How the numbers of all that a filter means are found.
#[cfg(test)]
pub(super) async fn plan(
    sql: &mut Sql<'_>,
    (kind, tenant, filter): &(ResourceKind, Tenant, crate::scim::Filter),
) -> Result<String, StoreError> {
    let filter = Some(filter.clone());
    let query = Query {
        filter,
        sort: None,
        from: Begin::Offset(0),
        count: 10,
        total: false,
    };
    let meant = meant(sql, *kind, tenant, &query).await?;
    let asked = ask(*kind, tenant, &query, &meant.page);
    // SQLite says three numbers before each line.
    let (explain, before) = match sql {
        Sql::Sqlite(_) => ("EXPLAIN QUERY PLAN ", 3),
        Sql::Postgres(_) => ("EXPLAIN ", 0),
    };
    let rows = sql.fetch(Statement::new(explain).piece(asked)).await?;
    let mut lines = Vec::new();
    for mut row in rows {
        for _ in 0..before {
            row.integer()?;
        }
        lines.push(row.text()?);
    }
    Ok(lines.join("\n"))
}
