//! The values of documents, as they are looked for.

use std::collections::BTreeSet;

use openssl::sha::sha256;

use super::row::{Sql, Statement};
use crate::base::StoreError;
use crate::directory::Tenant;
use crate::scim::entries::Entry;
use crate::scim::fold::fold;
use crate::scim::{ScimError, ScimType};

/// So much of a value is in the index; whoever finds more there looks at the whole value.
pub(super) const INDEXED: usize = 200;

/// The longest name by which a person or a group is known, folded, in octets: what is unique is in an
/// index as a whole, and PostgreSQL's take no more than 2,700 together with the tenant.
const LONGEST_NAME: usize = 2000;

/// Why a name can not be one.
pub(super) fn too_long(attribute: &str, name: &str) -> Option<ScimError> {
    (fold(name).len().max(name.len()) > LONGEST_NAME).then(|| {
        let detail = format!("{attribute} is longer than {LONGEST_NAME} octets");
        ScimError::bad(ScimType::InvalidValue, detail)
    })
}

/// As many rows as one statement writes.
const MOST: usize = 32;

/// What stands for an attribute of a tenant: 64 bits of the hash of both, without the sign. Whether
/// it is negative says that nobody is looked for by it alone.
pub(super) fn key(tenant: &str, attribute: &str) -> i64 {
    let mut text = String::with_capacity(tenant.len().saturating_add(attribute.len()));
    text.push_str(tenant);
    text.push('\0');
    text.push_str(attribute);
    let hash = sha256(text.as_bytes());
    let bytes = hash.first_chunk::<8>().copied().unwrap_or_default();
    let key = i64::from_be_bytes(bytes) & i64::MAX;
    if is_alone(attribute) {
        key.max(1)
    } else {
        key.max(1).saturating_neg()
    }
}

/// Whether somebody may be looked for by this attribute alone. Half of all people have the same
/// `primary`, and a mark of an element ([`marked`]) is no value.
pub(super) fn is_alone(attribute: &str) -> bool {
    !attribute.ends_with(".primary") && !attribute.ends_with('*')
}

/// A value without the one character that not all databases keep.
pub(in crate::store) fn kept(value: &str) -> String {
    value.replace('\0', "\u{2400}")
}

/// The attribute that an entry's part belongs to: `emails` of `emails.value`.
pub(super) fn whole(attribute: &str) -> Option<&str> {
    // A URN may have dots of its own.
    let name = attribute.rfind(':').map_or(0, |colon| colon.saturating_add(1));
    let dot = attribute.get(name..)?.find('.')?;
    attribute.get(..name.saturating_add(dot))
}

/// What marks the elements of a complex attribute, whichever parts they have.
pub(super) fn marked(whole: &str) -> String {
    format!("{whole}*")
}

/// One row of the index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Indexed {
    key: i64,
    element: i64,
    value: String,
}

/// All rows of a document, each once.
pub(super) fn rows(tenant: &Tenant, entries: &[Entry]) -> BTreeSet<Indexed> {
    let mut rows = BTreeSet::new();
    for entry in entries {
        let element = i64::from(entry.element);
        if let Some(whole) = whole(&entry.key) {
            let key = key(tenant.as_str(), &marked(whole));
            rows.insert(Indexed { key, element, value: String::new() });
        }
        if in_a_column(&entry.key) {
            continue;
        }
        let key = key(tenant.as_str(), &entry.key);
        rows.insert(Indexed { key, element, value: kept(&entry.value) });
    }
    rows
}

/// Attributes that have a column of their own.
fn in_a_column(attribute: &str) -> bool {
    matches!(attribute, "username" | "externalid" | "active" | "id")
}

/// Statements that add rows of an owner, who is found by a piece of SQL.
pub(super) fn insert(owner: &Statement, rows: &BTreeSet<Indexed>) -> Vec<Statement> {
    let rows: Vec<_> = rows.iter().collect();
    let insert = |rows: &[&Indexed]| {
        let places = vec!["(?,?,?)"; rows.len()].join(",");
        let statement = Statement::new(
            "INSERT INTO value (owner, key, element, value)
             SELECT o.owner, v.column1, v.column2, v.column3 FROM (",
        );
        let statement = statement
            .piece(owner.clone())
            .and(") AS o CROSS JOIN (VALUES ")
            .and(&places)
            .and(") AS v");
        rows.iter().fold(statement, |statement, row| {
            statement.with(row.key).with(row.element).with(&row.value)
        })
    };
    rows.chunks(MOST).map(insert).collect()
}

/// Statements that make the rows of an owner these.
pub(super) async fn change(
    sql: &mut Sql<'_>,
    owner: i64,
    rows: &BTreeSet<Indexed>,
) -> Result<Vec<Statement>, StoreError> {
    let asked = Statement::new("SELECT key, element, value FROM value WHERE owner = ?").with(owner);
    let mut known = BTreeSet::new();
    for mut row in sql.fetch(asked).await? {
        known.insert(Indexed {
            key: row.integer()?,
            element: row.integer()?,
            value: row.text()?,
        });
    }
    let gone: Vec<_> = known.difference(rows).collect();
    let come = rows.difference(&known).cloned().collect();
    let delete = |rows: &[&Indexed]| {
        let places = vec!["(?,?)"; rows.len()].join(",");
        let statement = Statement::new("DELETE FROM value WHERE owner = ?").with(owner);
        let statement = statement.and(" AND (key, element) IN (VALUES ").and(&places).and(")");
        rows.iter().fold(statement, |statement, row| {
            statement.with(row.key).with(row.element)
        })
    };
    let mut statements: Vec<_> = gone.chunks(MOST).map(delete).collect();
    let owner = Statement::new("SELECT CAST(? AS BIGINT) AS owner").with(owner);
    statements.extend(insert(&owner, &come));
    Ok(statements)
}

/// A statement that forgets all rows of an owner.
pub(super) fn forget(owner: i64) -> Statement {
    Statement::new("DELETE FROM value WHERE owner = ?").with(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_leads_to_its_whole() {
        assert_eq!(whole("emails.value"), Some("emails"));
        assert_eq!(whole("e:manager.value"), Some("e:manager"));
        assert_eq!(whole("e:department"), None);
        assert_eq!(whole("urn:example:2.0:user:badge"), None);
        assert_eq!(
            whole("urn:example:2.0:user:badge.color"),
            Some("urn:example:2.0:user:badge")
        );
    }
}
