//! [`Outbox`], for every database.
//!
//! Every notice that was raised is a row of `notice_log`, by number. A channel has taken all up to a
//! number (`done`), and is being sent all up to another one (`parcel`).

use std::time::Duration;

use async_trait::async_trait;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, work};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::notice::Notice;
use crate::notice::outbox::{ChannelState, Entry, Lease, Outbox, Parcel, Settled};

/// So many notices are sent at once at most: nobody reads a longer mail.
const AT_ONCE: i64 = 200;

#[async_trait]
impl<D: Database> Outbox for D {
    async fn open_channel(&self, channel: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.read(work!(state, channel.to_owned())).await?.is_some() {
            return Ok(());
        }
        self.write(work!(open, channel.to_owned(), now), now).await
    }

    async fn take(
        &self,
        channel: &str,
        lease: &Lease<'_>,
        now: Timestamp,
    ) -> Result<Option<Parcel>, StoreError> {
        let asked = Asked {
            channel: channel.to_owned(),
            holder: lease.holder.to_owned(),
            until: now.plus(lease.time),
            settled: now.minus(lease.settle),
            now,
        };
        // Asked for again and again: nothing is written as long as there is nothing to be done.
        if !self.read(work!(is_due, asked.clone())).await? {
            return Ok(None);
        }
        self.write(work!(take, asked), now).await
    }

    async fn sent(
        &self,
        channel: &str,
        parcel: i64,
        refused: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let refused = refused.map(shortened);
        self.write(work!(sent, channel.to_owned(), parcel, refused, now), now).await
    }

    async fn failed(
        &self,
        channel: &str,
        parcel: i64,
        error: &str,
        settled: &[Settled],
        next: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (error, settled) = (shortened(error), serde_json::json!(settled).to_string());
        self.write(
            work!(failed, channel.to_owned(), parcel, error, settled, next),
            now,
        )
        .await
    }

    async fn channels(&self) -> Result<Vec<ChannelState>, StoreError> {
        self.read(work!(channels,)).await
    }

    async fn forget_raised(&self, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        if !self.read(work!(any_old, before)).await? {
            return Ok(());
        }
        self.write(work!(forget, before), now).await
    }
}

fn shortened(error: &str) -> String {
    error.chars().take(500).collect()
}

/// Adds a notice to the log, inside the transaction that raises it.
///
/// Numbers have no holes and are visible in their order: of two transactions that draw the same one,
/// one is done again.
pub(super) fn entry(notice: &Notice) -> Statement {
    Statement::new(
        "INSERT INTO notice_log (number, key, at, text, advice, detail)
         SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM notice_log",
    )
    .with(&notice.key)
    .with(notice.at)
    .with(&notice.text)
    .with(&notice.advice)
    .with(notice.detail.to_string())
}

/// A notice that was raised after `since` stands again: the row of then is that of now.
pub(super) fn again(notice: &Notice, since: Timestamp) -> Statement {
    Statement::new(
        "UPDATE notice_log SET at = ?
         WHERE number = (SELECT max(number) FROM notice_log WHERE key = ? AND at > ?)",
    )
    .with(notice.at)
    .with(&notice.key)
    .with(since)
}

/// Whether a notice of the log stands as it was raised then.
const STANDS: &str = "EXISTS (SELECT 1 FROM notice
                      WHERE notice.key = notice_log.key AND notice.at = notice_log.at)";

/// What is asked by a channel.
#[derive(Clone, Debug)]
struct Asked {
    channel: String,
    holder: String,
    until: Timestamp,
    settled: Timestamp,
    now: Timestamp,
}

/// How far a channel is.
#[derive(Clone, Debug)]
struct Far {
    done: i64,
    parcel: Option<i64>,
    since: Timestamp,
    holder: Option<String>,
    held_until: Timestamp,
    attempts: i64,
    next_at: Option<Timestamp>,
    settled: Vec<Settled>,
}

async fn state(sql: &mut Sql<'_>, (channel,): &(String,)) -> Result<Option<Far>, StoreError> {
    let asked = Statement::new(
        "SELECT done, parcel, since, holder, held_until, attempts, next_at, settled
         FROM notice_channel WHERE name = ?",
    );
    let Some(mut row) = sql.fetch_one(asked.with(channel)).await? else {
        return Ok(None);
    };
    Ok(Some(Far {
        done: row.integer()?,
        parcel: row.optional_integer()?,
        since: row.time()?,
        holder: row.optional_text()?,
        held_until: row.time()?,
        attempts: row.integer()?,
        next_at: row.optional_time()?,
        settled: match row.optional_text()? {
            Some(settled) => serde_json::from_str(&settled).map_err(|_| unreadable())?,
            None => Vec::new(),
        },
    }))
}

async fn open(
    sql: &mut Sql<'_>,
    (channel, now): &(String, Timestamp),
) -> Result<((), Vec<Event>), StoreError> {
    let first = number(
        sql,
        &format!("SELECT min(number) - 1 FROM notice_log WHERE {STANDS}"),
    )
    .await?;
    let last = number(sql, "SELECT max(number) FROM notice_log").await?;
    let insert = Statement::new(
        "INSERT INTO notice_channel (name, done, since, held_until, attempts)
         VALUES (?, ?, ?, 0, 0) ON CONFLICT (name) DO NOTHING",
    );
    let done = first.or(last).unwrap_or(0);
    sql.execute(insert.with(channel).with(done).with(*now)).await?;
    Ok(((), Vec::new()))
}

async fn number(sql: &mut Sql<'_>, question: &str) -> Result<Option<i64>, StoreError> {
    match sql.fetch_one(Statement::new(question)).await? {
        Some(mut row) => row.optional_integer(),
        None => Ok(None),
    }
}

async fn is_due(sql: &mut Sql<'_>, (asked,): &(Asked,)) -> Result<bool, StoreError> {
    let Some(far) = state(sql, &(asked.channel.clone(),)).await? else {
        return Ok(false);
    };
    if !far.may_be_sent_by(asked) {
        return Ok(false);
    }
    Ok(far.parcel.is_some() || next_parcel(sql, &far, asked).await?.is_some())
}

impl Far {
    fn may_be_sent_by(&self, asked: &Asked) -> bool {
        let is_time = self.next_at.is_none_or(|next| next <= asked.now);
        let is_ours = self.holder.as_deref() == Some(asked.holder.as_str());
        is_time && (is_ours || self.holder.is_none() || self.held_until <= asked.now)
    }
}

/// Up to which number the next parcel goes, if what waits has settled.
async fn next_parcel(
    sql: &mut Sql<'_>,
    far: &Far,
    asked: &Asked,
) -> Result<Option<i64>, StoreError> {
    // Not by number: of those that follow, any that nobody could be told may be forgotten by now.
    let question = Statement::new(
        "SELECT max(number), min(at), max(at) FROM
         (SELECT number, at FROM notice_log WHERE number > ? ORDER BY number LIMIT ?) AS waiting",
    );
    let question = question.with(far.done).with(AT_ONCE);
    let Some(mut row) = sql.fetch_one(question).await? else {
        return Ok(None);
    };
    let (last, oldest, newest) = (
        row.optional_integer()?,
        row.optional_time()?,
        row.optional_time()?,
    );
    let has_settled = newest.is_some_and(|newest| newest <= asked.settled);
    // Something may be raised all the time.
    let waits_long = oldest.is_some_and(|oldest| oldest.plus(LONGEST_WAIT) <= asked.now);
    Ok(last.filter(|_| has_settled || waits_long))
}

const LONGEST_WAIT: Duration = Duration::from_secs(60);

async fn take(
    sql: &mut Sql<'_>,
    (asked,): &(Asked,),
) -> Result<(Option<Parcel>, Vec<Event>), StoreError> {
    loop {
        let Some(far) = state(sql, &(asked.channel.clone(),)).await? else {
            return Ok((None, Vec::new()));
        };
        if !far.may_be_sent_by(asked) {
            return Ok((None, Vec::new()));
        }
        let parcel = match far.parcel {
            Some(parcel) => parcel,
            None => match next_parcel(sql, &far, asked).await? {
                Some(parcel) => parcel,
                None => return Ok((None, Vec::new())),
            },
        };
        let entries = entries(sql, &far, parcel).await?;
        if entries.is_empty() {
            // Of before the channel, and over: nobody has to be told.
            sql.execute(done(&asked.channel, parcel, None)).await?;
            continue;
        }
        let hold = Statement::new(
            "UPDATE notice_channel SET parcel = ?, holder = ?, held_until = ?
             WHERE name = ? AND done = ? AND (holder IS NULL OR holder = ? OR held_until <= ?)",
        )
        .with(parcel)
        .with(&asked.holder)
        .with(asked.until)
        .with(&asked.channel)
        .with(far.done)
        .with(&asked.holder)
        .with(asked.now);
        let attempts = u32::try_from(far.attempts).unwrap_or(u32::MAX);
        let held = sql.execute(hold).await? > 0;
        let parcel = Parcel { id: parcel, attempts, settled: far.settled, entries };
        return Ok((Some(parcel).filter(|_| held), Vec::new()));
    }
}

async fn entries(sql: &mut Sql<'_>, far: &Far, parcel: i64) -> Result<Vec<Entry>, StoreError> {
    let question = Statement::new(format!(
        "SELECT key, at, text, advice, detail, CASE WHEN {STANDS} THEN 1 ELSE 0 END
         FROM notice_log WHERE number > ? AND number <= ? ORDER BY number"
    ));
    let rows = sql.fetch(question.with(far.done).with(parcel)).await?;
    let mut entries = Vec::new();
    for mut row in rows {
        let entry = entry_of(&mut row)?;
        if entry.stands || entry.notice.at >= far.since {
            entries.push(entry);
        }
    }
    entries.sort_by_key(|entry| (!entry.stands, entry.notice.urgent_at()));
    Ok(entries)
}

fn entry_of(row: &mut Row) -> Result<Entry, StoreError> {
    let notice = Notice {
        key: row.text()?,
        at: row.time()?,
        text: row.text()?,
        advice: row.text()?,
        detail: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
    };
    Ok(Entry { notice, stands: row.truth()? })
}

/// A parcel is through.
fn done(channel: &str, parcel: i64, refused: Option<&str>) -> Statement {
    Statement::new(
        "UPDATE notice_channel SET done = ?, parcel = NULL, attempts = 0, next_at = NULL, error = ?,
                settled = NULL
         WHERE name = ? AND done < ?",
    )
    .with(parcel)
    .with(refused)
    .with(channel)
    .with(parcel)
}

async fn sent(
    sql: &mut Sql<'_>,
    (channel, parcel, refused, now): &(String, i64, Option<String>, Timestamp),
) -> Result<((), Vec<Event>), StoreError> {
    let at = Statement::new(
        "UPDATE notice_channel SET sent_at = ?, holder = NULL, held_until = 0 WHERE name = ?",
    );
    sql.execute(done(channel, *parcel, refused.as_deref())).await?;
    sql.execute(at.with(*now).with(channel)).await?;
    Ok(((), Vec::new()))
}

async fn failed(
    sql: &mut Sql<'_>,
    (channel, parcel, error, settled, next): &(String, i64, String, String, Timestamp),
) -> Result<((), Vec<Event>), StoreError> {
    let update = Statement::new(
        "UPDATE notice_channel SET attempts = attempts + 1, next_at = ?, error = ?, settled = ?,
                holder = NULL, held_until = 0
         WHERE name = ? AND parcel = ?",
    );
    let update = update.with(*next).with(error).with(settled).with(channel).with(*parcel);
    sql.execute(update).await?;
    Ok(((), Vec::new()))
}

async fn channels(sql: &mut Sql<'_>, (): &()) -> Result<Vec<ChannelState>, StoreError> {
    let question = Statement::new(
        "SELECT name, sent_at, attempts, next_at, error,
                (SELECT count(*) FROM notice_log WHERE number > done)
         FROM notice_channel ORDER BY name",
    );
    let state = |row: &mut Row| {
        Ok(ChannelState {
            name: row.text()?,
            sent_at: row.optional_time()?,
            attempts: u32::try_from(row.integer()?).unwrap_or(u32::MAX),
            next_at: row.optional_time()?,
            error: row.optional_text()?,
            waiting: row.count()?,
        })
    };
    sql.fetch(question).await?.iter_mut().map(state).collect()
}

/// The last row stays: the next number follows upon it.
const OLD: &str = "at < ? AND number < (SELECT max(number) FROM notice_log)";

async fn any_old(sql: &mut Sql<'_>, (before,): &(Timestamp,)) -> Result<bool, StoreError> {
    let question = Statement::new(format!("SELECT 1 FROM notice_log WHERE {OLD}"));
    Ok(sql.fetch_one(question.with(*before)).await?.is_some())
}

async fn forget(
    sql: &mut Sql<'_>,
    (before,): &(Timestamp,),
) -> Result<((), Vec<Event>), StoreError> {
    let delete = Statement::new(format!("DELETE FROM notice_log WHERE {OLD}"));
    sql.execute(delete.with(*before)).await?;
    Ok(((), Vec::new()))
}
