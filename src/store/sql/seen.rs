//! People as clients see them: read to be answered with, not to be changed.
//!
//! A look-up is one statement that gives one row for each person. Their document stays the text that
//! it is; their groups come as JSON in one column.

use std::collections::{BTreeMap, HashMap};

use super::members::memberships;
use super::record::{PERSON, list, person};
use super::row::{Row, Sql, Statement, Words, unreadable};
use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{Membership, UserParts, UserResource};
use crate::scim::document::StoredDocument;

/// What [`Seen::read`] reads, of `"user" t`.
pub(super) fn columns(words: Words, with: UserParts) -> String {
    const OWN: &str = "t.number, t.id, t.version, t.created_at, t.changed_at, t.document";
    if !with.groups {
        return format!("{OWN}, NULL");
    }
    let (begin, end) = words.json_rows;
    // The last says that the group is in another, which has to be looked for then.
    format!(
        "{OWN}, (SELECT {begin}g.number, g.id, g.display_name, g.external_id,
            CASE WHEN EXISTS (SELECT 1 FROM member a WHERE a.member = m.grp) THEN 1 ELSE 0 END{end}
         FROM member m JOIN grp g ON g.number = m.grp WHERE m.member = t.number)"
    )
}

/// A row of [`columns`].
pub(super) struct Seen {
    number: i64,
    id: UserId,
    version: i64,
    created_at: Timestamp,
    changed_at: Timestamp,
    /// `None`: only their logins made them.
    document: Option<String>,
    groups: Vec<Membership>,
    /// One of the groups is in another.
    is_nested: bool,
}

/// A group as [`columns`] has it.
type Around = (i64, String, String, Option<String>, u8);

impl Seen {
    pub(super) fn read(mut row: Row) -> Result<Self, StoreError> {
        let (number, id) = (row.integer()?, UserId::new(row.text()?));
        let (version, created_at, changed_at) = (row.integer()?, row.time()?, row.time()?);
        let document = row.optional_text()?;
        let groups = row.optional_text()?.map(|json| serde_json::from_str(&json));
        let groups: Option<Vec<Around>> = groups.transpose().map_err(|_| unreadable())?;
        let mut groups = groups.unwrap_or_default();
        // Groups count downwards: the oldest first.
        groups.sort_unstable_by_key(|group| std::cmp::Reverse(group.0));
        let is_nested = groups.iter().any(|group| group.4 != 0);
        let groups = groups.into_iter().map(|(_, id, display_name, external_id, _)| Membership {
            group: GroupId::new(id),
            display_name,
            external_id,
            direct: true,
        });
        Ok(Self {
            number,
            id,
            version,
            created_at,
            changed_at,
            document,
            groups: groups.collect(),
            is_nested,
        })
    }
}

/// These people, with what one row could not say.
pub(super) async fn resources(
    sql: &mut Sql<'_>,
    seen: Vec<Seen>,
    with: UserParts,
) -> Result<Vec<UserResource>, StoreError> {
    let numbers = |wanted: fn(&Seen) -> bool| -> Vec<i64> {
        seen.iter().filter(|seen| wanted(seen)).map(|seen| seen.number).collect()
    };
    let mut unwritten = of_logins(sql, &numbers(|seen| seen.document.is_none())).await?;
    let mut nested: BTreeMap<_, _> = memberships(sql, &numbers(|seen| seen.is_nested)).await?;
    let resource = |seen: Seen| {
        let groups = nested.remove(&seen.number).unwrap_or(seen.groups);
        Some(UserResource {
            document: match seen.document {
                Some(text) => StoredDocument::Text(text),
                None => unwritten.remove(&seen.number)?,
            },
            id: seen.id,
            version: seen.version,
            created_at: seen.created_at,
            changed_at: seen.changed_at,
            groups: with.groups.then_some(groups),
        })
    };
    Ok(seen.into_iter().filter_map(resource).collect())
}

/// What the logins of these people said.
async fn of_logins(
    sql: &mut Sql<'_>,
    numbers: &[i64],
) -> Result<HashMap<i64, StoredDocument>, StoreError> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let integers = sql.words().integers;
    let asked = Statement::new(format!(
        "SELECT {PERSON} FROM \"user\" t WHERE t.number IN ({integers})"
    ));
    let rows = sql.fetch(asked.with(list(numbers))).await?;
    let documents = rows.into_iter().map(|row| {
        let row = person(row)?;
        Ok((row.record.number, StoredDocument::Read(row.document())))
    });
    documents.collect()
}
