//! A page of what was found.
//!
//! Which numbers are on it comes from an index, however far the page is from the beginning; of people
//! their rows come with them, of groups afterwards.

use std::collections::HashMap;

use super::filter::{self, Compiled};
use super::members::members_of;
use super::people;
use super::record::{self, GROUP, list};
use super::row::{Row, Sql, Statement, Value, Words};
use super::seen::{self, Seen};
use crate::base::StoreError;
use crate::directory::{
    Begin, Cursor, GroupParts, GroupResource, Page, Query, Tenant, UserParts, UserResource,
};
use crate::scim::ResourceKind;

/// What is on a page, and where the next one begins.
struct Part<T> {
    found: Vec<T>,
    next: Option<Cursor>,
}

pub(super) async fn users(
    sql: &mut Sql<'_>,
    (tenant, query, with): &(Tenant, Query, UserParts),
) -> Result<Option<Page<UserResource>>, StoreError> {
    if people::is_behind(sql, tenant, query).await? {
        return Ok(None);
    }
    let kind = ResourceKind::User;
    let meant = meant(sql, kind, tenant, query).await?;
    let asked = ask(kind, tenant, query, &meant.page).seen(sql.words(), *with);
    let part = part(sql, kind, query, asked, |_, row| Seen::read(row)).await?;
    let total = total(sql, kind, tenant, query, &part, meant.all).await?;
    let resources = seen::resources(sql, part.found, *with).await?;
    Ok(Some(Page { resources, total, next: part.next }))
}

pub(super) async fn groups(
    sql: &mut Sql<'_>,
    (tenant, query, with): &(Tenant, Query, GroupParts),
) -> Result<Page<GroupResource>, StoreError> {
    let kind = ResourceKind::Group;
    let meant = meant(sql, kind, tenant, query).await?;
    let asked = ask(kind, tenant, query, &meant.page).statement;
    let part = part(sql, kind, query, asked, |number, _| Ok(number)).await?;
    let total = total(sql, kind, tenant, query, &part, meant.all).await?;
    let numbers = &part.found;
    let mut groups = load(sql, numbers).await?;
    if with.members {
        for (number, members) in members_of(sql, numbers).await? {
            if let Some(group) = groups.get_mut(&number) {
                group.members = Some(members);
            }
        }
    }
    let resources = numbers.iter().filter_map(|number| groups.remove(number)).collect();
    Ok(Page { resources, total, next: part.next })
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
    numbers: &[i64],
) -> Result<HashMap<i64, GroupResource>, StoreError> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let integers = sql.words().integers;
    let asked = Statement::new(format!(
        "SELECT {GROUP} FROM grp t WHERE t.number IN ({integers})"
    ));
    let rows = sql.fetch(asked.with(list(numbers))).await?;
    rows.into_iter().map(record::group).collect()
}

/// What a question of [`ask`] finds, with what `read` makes of the columns behind its own.
async fn part<T>(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    query: &Query,
    asked: Statement,
    read: impl Fn(i64, Row) -> Result<T, StoreError>,
) -> Result<Part<T>, StoreError> {
    let count = usize::try_from(query.count).unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(Part { found: Vec::new(), next: None });
    }
    let mut rows = Vec::new();
    for mut row in sql.fetch(asked).await? {
        let cursor = Cursor { number: row.integer()?, value: row.as_text()? };
        let found = read(cursor.number, row)?;
        rows.push((cursor, found));
    }
    if kind == ResourceKind::User && query.sort.is_none() {
        rows.sort_unstable_by_key(|(cursor, _)| cursor.number);
    }
    // One more shows whether there is a next page.
    let is_last = rows.len() <= count;
    rows.truncate(count);
    let next = rows.last().filter(|_| !is_last).map(|(cursor, _)| cursor.clone());
    let found = rows.into_iter().map(|(_, found)| found).collect();
    Ok(Part { found, next })
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
            .and(&format!(") AS d LIMIT {FEW}) AS few"));
        let found = sql.fetch_one(counted).await?;
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
fn ask(kind: ResourceKind, tenant: &Tenant, query: &Query, meant: &Statement) -> Asked {
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
    let mut sorted = String::new();
    let statement = match &query.sort {
        None => {
            let asked = format!("SELECT t.number, NULL AS sorted FROM {table} WHERE ");
            let asked = Statement::new(asked);
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
            sorted = format!(" ORDER BY {missing}x.sorted {direction}, x.number {order}");
            asked.and(&sorted)
        }
    };
    // Not `LIMIT ?`: SQLite looks at its value, and for that plans the statement anew each time.
    let statement = statement.and(&format!(" LIMIT {more} OFFSET ?")).with(offset);
    Asked { statement, sorted }
}

/// A question for the numbers of a page, and how it sorts them if not by number.
struct Asked {
    statement: Statement,
    sorted: String,
}

impl Asked {
    /// The same question for people as clients see them. The rows of those alone are read who are on
    /// the page.
    fn seen(self, words: Words, with: UserParts) -> Statement {
        let columns = seen::columns(words, with);
        Statement::new(format!("SELECT x.number, x.sorted, {columns} FROM ("))
            .piece(self.statement)
            .and(") AS x JOIN \"user\" t ON t.number = x.number")
            .and(&self.sorted)
    }
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

/// How many there are on all pages, if somebody wants to know.
async fn total<T>(
    sql: &mut Sql<'_>,
    kind: ResourceKind,
    tenant: &Tenant,
    query: &Query,
    part: &Part<T>,
    meant: Statement,
) -> Result<Option<u64>, StoreError> {
    if !query.total {
        return Ok(None);
    }
    if query.from == Begin::Offset(0) && part.next.is_none() && query.count > 0 {
        // All of them are here.
        return Ok(Some(u64::try_from(part.found.len()).unwrap_or(u64::MAX)));
    }
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
    let total = sql.fetch_one(asked).await?;
    let total = total.map_or(Ok(None), |mut row| row.optional_integer())?;
    Ok(Some(u64::try_from(total.unwrap_or(0)).unwrap_or(0)))
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
    let asked = ask(*kind, tenant, &query, &meant.page).statement;
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
