//! [`AuditSink`], for every database.

use async_trait::async_trait;
use serde_json::json;

use super::row::{Row, Sql, Statement, unreadable};
use super::{Database, work};
use crate::audit::{
    AuditSink, Chain, Event, EventKind, LoginAttempt, LoginOutcome, Older, RecordedEvent,
};
use crate::base::entropy::hex;
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::store::chain::{BEGINNING, detail_json};
use crate::store::walk::{Begin, Walk};

/// How many events [`AuditSink::verify`] reads at once.
const PAGE: u32 = 1000;

/// How many events are removed in one transaction: some milliseconds of work.
const REMOVED: i64 = 5000;

#[async_trait]
impl<D: Database> AuditSink for D {
    async fn record(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        self.write(work!(record, event.clone()), now).await
    }

    async fn record_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.write(work!(record_attempt, attempt.clone(), None), attempt.at).await
    }

    async fn record_refusal(
        &self,
        attempt: &LoginAttempt,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let write = work!(record_attempt, attempt.clone(), Some(event.clone()));
        self.write(write, now).await
    }

    async fn attempt(&self, reference: &str) -> Result<Option<LoginAttempt>, StoreError> {
        let found = self.read(work!(attempts, Some(reference.to_owned()), 1)).await?;
        Ok(found.into_iter().next())
    }

    async fn attempts(&self, limit: u32) -> Result<Vec<LoginAttempt>, StoreError> {
        self.read(work!(attempts, None, limit)).await
    }

    async fn events(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read(work!(events, Some(since), after, limit)).await
    }

    async fn verify(&self) -> Result<Chain, StoreError> {
        loop {
            let begin = self.read(work!(beginning,)).await?;
            let found = match &begin {
                Ok(begin) => walk(self, begin).await?,
                Err(broken) => broken.clone(),
            };
            // What was pruned meanwhile was not found.
            if matches!(found, Chain::Whole { .. }) || self.read(work!(beginning,)).await? == begin
            {
                return Ok(found);
            }
        }
    }

    async fn forget_attempts(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(work!(forget_attempts, before), Timestamp::EPOCH).await
    }

    async fn older(&self, before: Timestamp) -> Result<Option<Older>, StoreError> {
        self.read(work!(older, before)).await
    }

    async fn prune(&self, last: i64, now: Timestamp) -> Result<bool, StoreError> {
        self.write(work!(prune, last), now).await
    }

    async fn remove_pruned(&self) -> Result<u64, StoreError> {
        self.write(work!(remove_pruned,), Timestamp::EPOCH).await
    }
}

async fn walk<D: Database>(database: &D, begin: &Begin) -> Result<Chain, StoreError> {
    // The number is read first: events that are recorded meanwhile may be more, never fewer.
    let recorded = database.read(work!(recorded,)).await?;
    let mut walk = Walk::new(begin, recorded);
    loop {
        let events = database.read(work!(events, None, walk.passed(), PAGE)).await?;
        if events.is_empty() {
            return Ok(walk.end());
        }
        for event in &events {
            if let Err(broken) = walk.pass(event) {
                return Ok(broken);
            }
        }
    }
}

async fn record(_: &mut Sql<'_>, (event,): &(Event,)) -> Result<((), Vec<Event>), StoreError> {
    Ok(((), vec![event.clone()]))
}

async fn record_attempt(
    sql: &mut Sql<'_>,
    (attempt, event): &(LoginAttempt, Option<Event>),
) -> Result<((), Vec<Event>), StoreError> {
    let insert = Statement::new(
        "INSERT INTO login_attempt (reference, at, idp, outcome, \"user\", request_id, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .with(&attempt.reference)
    .with(attempt.at)
    .with(attempt.idp.as_ref().map(IdpName::as_str))
    .with(attempt.outcome.as_str())
    .with(attempt.user.as_ref().map(UserId::as_str))
    .with(attempt.request_id.as_deref())
    .with(detail_json(&attempt.detail)?);
    sql.execute(insert).await?;
    Ok(((), event.iter().cloned().collect()))
}

async fn attempts(
    sql: &mut Sql<'_>,
    (reference, limit): &(Option<String>, u32),
) -> Result<Vec<LoginAttempt>, StoreError> {
    let mut asked = Statement::new(
        "SELECT reference, at, idp, outcome, \"user\", request_id, detail FROM login_attempt",
    );
    if let Some(reference) = reference {
        asked = asked.and(" WHERE reference = ?").with(reference);
    }
    let asked = asked.and(" ORDER BY number DESC LIMIT ?").with(i64::from(*limit));
    sql.fetch(asked).await?.into_iter().map(read_attempt).collect()
}

fn read_attempt(mut row: Row) -> Result<LoginAttempt, StoreError> {
    Ok(LoginAttempt {
        reference: row.text()?,
        at: row.time()?,
        idp: row.optional_text()?.as_deref().and_then(IdpName::parse),
        outcome: LoginOutcome::parse(&row.text()?).ok_or_else(unreadable)?,
        user: row.optional_text()?.map(UserId::new),
        request_id: row.optional_text()?,
        detail: serde_json::from_str(&row.text()?).map_err(|_| unreadable())?,
    })
}

async fn forget_attempts(
    sql: &mut Sql<'_>,
    (before,): &(Timestamp,),
) -> Result<(u64, Vec<Event>), StoreError> {
    // They are nearly in the order of their time: up to the first that is younger.
    let forget = Statement::new(
        "DELETE FROM login_attempt WHERE at < ? AND number < coalesce(
             (SELECT number FROM login_attempt WHERE at >= ? ORDER BY number LIMIT 1),
             9223372036854775807)",
    );
    Ok((
        sql.execute(forget.with(*before).with(*before)).await?,
        Vec::new(),
    ))
}

/// Events behind `after`; without `since` of any time.
pub(in crate::store) async fn events(
    sql: &mut Sql<'_>,
    (since, after, limit): &(Option<Timestamp>, i64, u32),
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut asked = Statement::new(
        "SELECT sequence, at, kind, json, private, hash FROM audit_event WHERE sequence > ?",
    )
    .with(*after);
    if let Some(since) = since {
        asked = asked.and(" AND at >= ?").with(*since);
    }
    let asked = asked.and(" ORDER BY sequence LIMIT ?").with(i64::from(*limit));
    sql.fetch(asked).await?.into_iter().map(read_event).collect()
}

fn read_event(mut row: Row) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        sequence: row.integer()?,
        at: row.time()?,
        kind: row.text()?,
        public: row.text()?,
        private: row.optional_text()?,
        // A hash of another length was not written by us: no hash at all, which breaks the chain.
        hash: row.octets()?.try_into().unwrap_or(BEGINNING),
    })
}

/// How many events were ever recorded.
pub(in crate::store) async fn recorded(sql: &mut Sql<'_>, (): &()) -> Result<i64, StoreError> {
    let asked = Statement::new(sql.words().recorded);
    sql.fetch_one(asked).await?.ok_or_else(unreadable)?.integer()
}

/// Where the chain begins, which the last `audit.pruned` says; or that this event is not there.
pub(in crate::store) async fn beginning(
    sql: &mut Sql<'_>,
    (): &(),
) -> Result<Result<Begin, Chain>, StoreError> {
    let asked = "SELECT m.value, e.json FROM meta m LEFT JOIN audit_event e ON e.sequence = m.value
                 WHERE m.key = 'audit_pruned' AND m.value > 0";
    let Some(mut row) = sql.fetch_one(Statement::new(asked)).await? else {
        return Ok(Ok(Begin::FIRST));
    };
    let sequence = row.integer()?;
    let begin = row.optional_text()?.and_then(|public| Begin::read(&public));
    Ok(begin.ok_or(Chain::Broken { sequence }))
}

async fn older(sql: &mut Sql<'_>, (before,): &(Timestamp,)) -> Result<Option<Older>, StoreError> {
    // From the first on, up to the first that is younger: clocks of several nodes differ.
    let asked = "SELECT max(sequence), count(*) FROM audit_event WHERE sequence < coalesce(
                     (SELECT sequence FROM audit_event WHERE at >= ? ORDER BY sequence LIMIT 1),
                     9223372036854775807)";
    let found = sql.fetch_one(Statement::new(asked).with(*before)).await?;
    let mut row = found.ok_or_else(unreadable)?;
    let last = row.optional_integer()?;
    last.map(|last| Ok(Older { last, events: row.count()? })).transpose()
}

async fn prune(sql: &mut Sql<'_>, (last,): &(i64,)) -> Result<(bool, Vec<Event>), StoreError> {
    let known = match beginning(sql, &()).await? {
        Ok(begin) => begin.last,
        Err(_) => {
            return Err(StoreError::new(
                "the audit is broken: see samlgate audit --verify",
            ));
        }
    };
    let asked = "SELECT hash, (SELECT max(sequence) FROM audit_event) FROM audit_event
                 WHERE sequence = ?";
    let Some(mut row) = sql.fetch_one(Statement::new(asked).with(*last)).await? else {
        return Ok((false, Vec::new()));
    };
    if *last <= known {
        return Ok((false, Vec::new()));
    }
    let (hash, newest) = (row.hash()?, row.integer()?);
    // The place of the event below: nobody else writes until this transaction is over.
    let note = Statement::new("UPDATE meta SET value = ? WHERE key = 'audit_pruned'");
    sql.execute(note.with(newest.saturating_add(1))).await?;
    let event = Event {
        public: json!({ "last": last, "hash": hex(&hash) }),
        detail: json!({ "events": last.saturating_sub(known) }),
        ..Event::new(EventKind::AuditPruned)
    };
    Ok((true, vec![event]))
}

async fn remove_pruned(sql: &mut Sql<'_>, (): &()) -> Result<(u64, Vec<Event>), StoreError> {
    let Ok(begin) = beginning(sql, &()).await? else {
        return Ok((0, Vec::new()));
    };
    if begin.last == 0 {
        return Ok((0, Vec::new()));
    }
    let remove = Statement::new(
        "DELETE FROM audit_event WHERE sequence IN (
             SELECT sequence FROM audit_event WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
    );
    let removed = sql.execute(remove.with(begin.last).with(REMOVED)).await?;
    Ok((removed, Vec::new()))
}
