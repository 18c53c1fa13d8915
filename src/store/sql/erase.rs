//! What is known of a person is erased, from every table.
//!
//! The audit is looked through while others write; what was recorded since then is looked at in the
//! transaction that erases. No index says whom an event is about: it would cost each login a page, and
//! of whoever was refused it would know nothing.

use serde_json::json;

use super::members::tell;
use super::record::{PERSON, list, person};
use super::row::{Sql, Statement};
use super::{Database, index, work};
use crate::audit::recorded::without_private;
use crate::audit::{Event, EventKind, sequences};
use crate::base::{StoreError, Timestamp, UserId, json};
use crate::directory::{Affected, Erased};
use crate::store::walk::{Line, hash_of_left, may_be_erased};

/// How many rows are looked at in one go.
const PAGE: i64 = 2000;

/// Erases people; those who were there.
pub(super) async fn erase<D: Database>(
    database: &D,
    people: &[UserId],
    now: Timestamp,
) -> Result<Vec<(UserId, Erased)>, StoreError> {
    let mut wanted = Vec::new();
    for id in people {
        wanted.extend(database.read(work!(wanted_of, id.clone())).await?);
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Found::of(wanted.len());
    for kind in [Rows::Events, Rows::Attempts] {
        loop {
            let behind = found.passed(kind);
            let page = database.read(work!(page, kind, behind, wanted.clone())).await?;
            let is_last = page.last.is_none();
            found.add(kind, page);
            if is_last {
                break;
            }
        }
    }
    let mut erased = Vec::new();
    for (place, wanted) in wanted.into_iter().enumerate() {
        let id = wanted.id.clone();
        let known = found.of_one(place);
        erased.push((
            id,
            database.write(work!(write, wanted, known, now), now).await?,
        ));
    }
    Ok(erased)
}

/// People who were deleted before a moment, and of whom something is still known.
pub(super) async fn deleted_before(
    sql: &mut Sql<'_>,
    (before, limit): &(Timestamp, u32),
) -> Result<Vec<UserId>, StoreError> {
    let asked = Statement::new(
        "SELECT id FROM \"user\" WHERE deleted_at IS NOT NULL AND deleted_at < ? AND user_name <> id
         ORDER BY deleted_at LIMIT ?",
    );
    let rows = sql.fetch(asked.with(*before).with(i64::from(*limit))).await?;
    rows.into_iter().map(|mut row| row.text().map(UserId::new)).collect()
}

/// Somebody who is going to be erased.
#[derive(Clone, Debug)]
struct Wanted {
    id: UserId,
    /// By what a text may mean them that is about nobody we knew: as JSON has it.
    words: Vec<String>,
}

/// Shorter names are words of everybody.
const SHORTEST: usize = 3;

async fn wanted_of(sql: &mut Sql<'_>, (id,): &(UserId,)) -> Result<Option<Wanted>, StoreError> {
    let asked = Statement::new(format!("SELECT {PERSON} FROM \"user\" t WHERE t.id = ?"));
    let Some(row) = sql.fetch_one(asked.with(id.as_str())).await? else {
        return Ok(None);
    };
    let person = person(row)?;
    let (user, document) = (&person.record.user, person.document());
    let mut words = vec![user.user_name.clone()];
    words.extend(
        [&user.external_id, &user.name_id, &user.profile.email]
            .into_iter()
            .flatten()
            .cloned(),
    );
    words.extend(
        [document.user_name(), document.external_id()]
            .into_iter()
            .flatten()
            .map(str::to_owned),
    );
    let emails = document.as_object().get("emails").and_then(serde_json::Value::as_array);
    let emails = emails.into_iter().flatten().filter_map(|email| email.get("value")?.as_str());
    words.extend(emails.map(str::to_owned));
    words.retain(|word| word.len() >= SHORTEST);
    let escaped = |word: &String| {
        let mut quoted = Vec::new();
        json::string(&mut quoted, word);
        let quoted = String::from_utf8(quoted).unwrap_or_default();
        quoted
            .strip_prefix('"')
            .and_then(|word| word.strip_suffix('"'))
            .map(str::to_owned)
    };
    let mut words: Vec<String> = words.iter().filter_map(escaped).collect();
    words.sort();
    words.dedup();
    Ok(Some(Wanted { id: id.clone(), words }))
}

impl Wanted {
    fn is_meant(&self, user: Option<&str>, text: &str) -> bool {
        match user {
            Some(user) => user == self.id.as_str(),
            None => self.words.iter().any(|word| mentions(text, word)),
        }
    }
}

/// Whether a word is in a text, and not only in another word.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(place, word)| {
        let before = text.get(..place).and_then(|before| before.chars().next_back());
        let end = place.saturating_add(word.len());
        let after = text.get(end..).and_then(|after| after.chars().next());
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// What may be about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    Events,
    Attempts,
}

/// Numbers of rows of a page, by person.
struct Page {
    last: Option<i64>,
    found: Vec<Vec<i64>>,
}

async fn page(
    sql: &mut Sql<'_>,
    (kind, after, wanted): &(Rows, i64, Vec<Wanted>),
) -> Result<Page, StoreError> {
    let mut page = Page { last: None, found: vec![Vec::new(); wanted.len()] };
    let asked = Statement::new(match kind {
        Rows::Events => {
            "SELECT sequence, json, private FROM audit_event
             WHERE sequence > ? ORDER BY sequence LIMIT ?"
        }
        Rows::Attempts => {
            "SELECT number, \"user\", detail FROM login_attempt
             WHERE number > ? ORDER BY number LIMIT ?"
        }
    });
    for mut row in sql.fetch(asked.with(*after).with(PAGE)).await? {
        let number = row.integer()?;
        page.last = Some(number);
        let (first, second) = (row.optional_text()?, row.optional_text()?);
        let (first, second) = (first.as_deref(), second.as_deref());
        let (user, text) = match kind {
            Rows::Attempts => (first.map(str::to_owned), second),
            Rows::Events => {
                let public = first.unwrap_or_default();
                let line: Line<'_> = serde_json::from_str(public).unwrap_or_default();
                let kind = line.kind.as_deref().unwrap_or_default();
                let is_gone = line.erased || (line.private.is_some() && second.is_none());
                if is_gone || !may_be_erased(kind, line.user.as_deref()) {
                    continue;
                }
                let user = line.user.as_deref().map(str::to_owned);
                (user, second.or(first))
            }
        };
        for (wanted, found) in wanted.iter().zip(&mut page.found) {
            if wanted.is_meant(user.as_deref(), text.unwrap_or_default()) {
                found.push(number);
            }
        }
    }
    Ok(page)
}

/// What was found of several people.
struct Found {
    passed: [i64; 2],
    people: Vec<[Vec<i64>; 2]>,
}

/// What was found of one of them, and up to where was looked.
#[derive(Clone, Debug)]
struct OfOne {
    passed: [i64; 2],
    numbers: [Vec<i64>; 2],
}

impl Rows {
    const fn pick<T>(self, [events, attempts]: &[T; 2]) -> &T {
        match self {
            Self::Events => events,
            Self::Attempts => attempts,
        }
    }

    const fn pick_mut<T>(self, [events, attempts]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Events => events,
            Self::Attempts => attempts,
        }
    }
}

impl Found {
    fn of(people: usize) -> Self {
        Self {
            passed: [0; 2],
            people: vec![[Vec::new(), Vec::new()]; people],
        }
    }

    const fn passed(&self, kind: Rows) -> i64 {
        *kind.pick(&self.passed)
    }

    fn add(&mut self, kind: Rows, page: Page) {
        if let Some(last) = page.last {
            *kind.pick_mut(&mut self.passed) = last;
        }
        for (known, found) in self.people.iter_mut().zip(page.found) {
            kind.pick_mut(known).extend(found);
        }
    }

    fn of_one(&self, place: usize) -> OfOne {
        let numbers = self.people.get(place).cloned().unwrap_or_default();
        OfOne { passed: self.passed, numbers }
    }
}

/// Everything that was found before, and since then.
async fn all(
    sql: &mut Sql<'_>,
    kind: Rows,
    wanted: &Wanted,
    known: &OfOne,
) -> Result<Vec<i64>, StoreError> {
    let mut numbers = kind.pick(&known.numbers).clone();
    let mut passed = *kind.pick(&known.passed);
    loop {
        let page = page(sql, &(kind, passed, vec![wanted.clone()])).await?;
        numbers.extend(page.found.into_iter().flatten());
        match page.last {
            Some(last) => passed = last,
            None => return Ok(numbers),
        }
    }
}

async fn write(
    sql: &mut Sql<'_>,
    (wanted, known, now): &(Wanted, OfOne, Timestamp),
) -> Result<(Erased, Vec<Event>), StoreError> {
    let (id, now) = (&wanted.id, *now);
    let attempts = all(sql, Rows::Attempts, wanted, known).await?;
    let events = all(sql, Rows::Events, wanted, known).await?;
    let (events, left) = take_out(sql, &events).await?;
    let forget = format!(
        "DELETE FROM login_attempt WHERE number IN ({})",
        sql.words().integers
    );
    let forgotten = sql.execute(Statement::new(forget).with(list(&attempts))).await?;
    let was_there = blank(sql, id, now).await?;
    if !was_there && events.is_empty() && forgotten == 0 {
        // Another node was faster.
        return Ok((Erased::default(), Vec::new()));
    }
    sql.execute_all(elsewhere(id)).await?;
    sql.end_sessions(id.as_str(), now).await?;
    let erased = Erased {
        events: u64::try_from(events.len()).unwrap_or(u64::MAX),
        attempts: forgotten,
    };
    let mut public = json!({ "events": sequences::write(&events) });
    if let (Some(public), Some(left)) = (public.as_object_mut(), left) {
        public.insert("left".to_owned(), left.into());
    }
    let event = Event {
        user: Some(id.clone()),
        public,
        detail: json!({ "events": erased.events, "attempts": erased.attempts }),
        ..Event::new(EventKind::UserErased)
    };
    Ok((erased, vec![event]))
}

/// Tables that know people by their id, and in which nothing of them stays.
fn elsewhere(user: &UserId) -> Vec<Statement> {
    [
        "DELETE FROM scim_request WHERE target = ?",
        "DELETE FROM user_link WHERE person = ?",
        "DELETE FROM scim_deactivation
             WHERE waiting = 1 AND person = (SELECT number FROM \"user\" WHERE id = ?)",
    ]
    .map(|forget| Statement::new(forget).with(user.as_str()))
    .into()
}

/// Takes the private halves out of events. Those from which it was taken; and of those of the first
/// version, the hash of what is left.
async fn take_out(
    sql: &mut Sql<'_>,
    numbers: &[i64],
) -> Result<(Vec<i64>, Option<String>), StoreError> {
    let integers = sql.words().integers;
    let asked = format!(
        "SELECT sequence, json, private FROM audit_event WHERE sequence IN ({integers})
         ORDER BY sequence"
    );
    let (mut taken, mut split, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for mut row in sql.fetch(Statement::new(asked).with(list(numbers))).await? {
        let (sequence, public) = (row.integer()?, row.text()?);
        let line: Line<'_> = serde_json::from_str(&public).unwrap_or_default();
        match (row.optional_text()?, line.private) {
            (Some(_), _) => split.push(sequence),
            // Another process was faster.
            (None, Some(_)) => continue,
            (None, None) if line.erased => continue,
            (None, None) => {
                let kept = without_private(&public).ok_or_else(super::row::unreadable)?;
                let update = "UPDATE audit_event SET json = ? WHERE sequence = ?";
                sql.execute(Statement::new(update).with(&kept).with(sequence)).await?;
                left.push(kept);
            }
        }
        taken.push(sequence);
    }
    let erase = format!("UPDATE audit_event SET private = NULL WHERE sequence IN ({integers})");
    sql.execute(Statement::new(erase).with(list(&split))).await?;
    let hash = (!left.is_empty()).then(|| hash_of_left(left.iter().map(String::as_str)));
    Ok((taken, hash))
}

/// Leaves an id. Whether there was more.
async fn blank(sql: &mut Sql<'_>, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let asked = Statement::new(
        "SELECT number, tenant, CASE WHEN deleted_at IS NULL AND indexed <> 0 THEN 1 ELSE 0 END
         FROM \"user\" WHERE id = ? AND user_name <> id",
    );
    let Some(mut row) = sql.fetch_one(asked.with(id.as_str())).await? else {
        return Ok(false);
    };
    let (number, tenant, counted) = (row.integer()?, row.text()?, row.truth()?);
    let blank = Statement::new(
        "UPDATE \"user\" SET user_name = id, user_name_key = id, claimed = 0, managed = 0,
             external_id = NULL, name_id = NULL, email = NULL, profile = '{}', active = 0,
             updated_at = ?, changed_at = ?, deleted_at = coalesce(deleted_at, ?), document = NULL,
             revision = revision + 1, version = version + 1, indexed = 1
         WHERE number = ?",
    );
    let around = Statement::new(
        "UPDATE grp SET version = version + 1, changed_at = ?
         WHERE number IN (SELECT grp FROM member WHERE member = ?)",
    );
    let mut statements = vec![
        blank.with(now).with(now).with(now).with(number),
        around.with(now).with(number),
        Statement::new("DELETE FROM member WHERE member = ?").with(number),
        index::forget(number),
    ];
    if counted && let Some(name) = tenant.strip_prefix("c:") {
        let less = "UPDATE connection SET people = people - 1 WHERE name = ?";
        statements.push(Statement::new(less).with(name));
    }
    statements.extend(tell(
        &Affected { people: vec![id.clone()], everybody: false },
        now,
    ));
    sql.execute_all(statements).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_found_inside_another() {
        assert!(mentions(r#""reason":"alice is locked""#, "alice"));
        assert!(mentions("of alice", "alice"));
        assert!(!mentions("malice, alices", "alice"));
        assert!(!mentions("aliceé", "alice"));
        assert!(mentions("alices: alice", "alice"));
    }
}
