//! Forgetting what nobody will ask for any more.

use std::time::Duration;

use super::SqliteStore;
use super::row::failed;
use crate::base::{StoreError, Timestamp};

/// At `expires` an assertion is refused as too old, so nothing is left to remember; the margin is
/// for a clock that is set back.
const KEEP_ONE_USE: Duration = Duration::from_secs(60 * 60);

/// A pending login is over after fifteen minutes; for the rest of the hour a late answer is still
/// led to the page that its person wanted, instead of being unknown.
const KEEP_PENDING: Duration = Duration::from_secs(60 * 60);

/// Other processes ask for ended sessions every few seconds.
const KEEP_ENDED: Duration = Duration::from_secs(60 * 60);

/// A help desk is asked about a reference within days. And anybody can make us write attempts.
const KEEP_ATTEMPTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Longer than any session lasts that began with an assertion about such a group.
const KEEP_NAMES: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const MOST_ATTEMPTS: i64 = 100_000;

pub(super) async fn sweep(store: &SqliteStore, now: Timestamp) -> Result<u64, StoreError> {
    let before = |age: Duration| now.minus(age).unix_micros();
    let sweeps = [
        (
            "DELETE FROM one_use WHERE expires <= ?",
            before(KEEP_ONE_USE),
        ),
        (
            "DELETE FROM pending_login WHERE created_at <= ?",
            before(KEEP_PENDING),
        ),
        ("DELETE FROM kept WHERE expires <= ?", now.unix_micros()),
        ("DELETE FROM session_end WHERE at <= ?", before(KEEP_ENDED)),
        (
            "DELETE FROM person_change WHERE at <= ?",
            before(KEEP_ENDED),
        ),
        ("DELETE FROM gone_group WHERE at <= ?", before(KEEP_NAMES)),
        (
            // They are in the order of their time: up to the first that is younger.
            "DELETE FROM login_attempt WHERE at <= ?1 AND number < coalesce(
                 (SELECT number FROM login_attempt WHERE at > ?1 ORDER BY number LIMIT 1),
                 9223372036854775807)",
            before(KEEP_ATTEMPTS),
        ),
        (
            "DELETE FROM login_attempt WHERE number <= (SELECT max(number) FROM login_attempt) - ?",
            MOST_ATTEMPTS,
        ),
    ];
    let mut swept = 0_u64;
    for (statement, limit) in sweeps {
        // Each by itself, so that logins get their turn in between.
        let done = store.writer.run(move |batch| {
            Box::pin(async move {
                let statement = sqlx::query(statement).bind(limit);
                statement.execute(&mut batch.connection).await.map_err(failed)
            })
        });
        let done = done.await?;
        swept = swept.saturating_add(done.rows_affected());
    }
    Ok(swept)
}
