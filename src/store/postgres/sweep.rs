//! Forgetting what nobody will ask for any more.

use super::PostgresStore;
use super::open::APPLICATION_ID;
use super::row::failed;
use crate::base::{StoreError, Timestamp};
use crate::store::keep;

/// Of several nodes that sweep at once, one does; the lock goes with the transaction.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock($1)";
/// Another one than that under which tables are made.
const SWEEPING: i64 = APPLICATION_ID + 1;

pub(super) async fn sweep(store: &PostgresStore, now: Timestamp) -> Result<u64, StoreError> {
    let before = |age| now.minus(age).unix_micros();
    let sweeps = [
        (
            "DELETE FROM one_use WHERE expires <= $1",
            before(keep::ONE_USE),
        ),
        (
            "DELETE FROM pending_login WHERE created_at <= $1",
            before(keep::PENDING),
        ),
        ("DELETE FROM kept WHERE expires <= $1", now.unix_micros()),
        (
            "DELETE FROM scim_access WHERE expires <= $1",
            now.unix_micros(),
        ),
        (
            "DELETE FROM session_end WHERE at <= $1",
            before(keep::ENDED),
        ),
        (
            // The last number stays known: who begins to read begins behind it.
            "WITH gone AS (DELETE FROM person_change WHERE at <= $1 RETURNING sequence),
                  noted AS (UPDATE meta SET value = last.sequence
                            FROM (SELECT max(sequence) AS sequence FROM gone) AS last
                            WHERE key = 'person_changes' AND last.sequence > value)
             SELECT 1 FROM gone",
            before(keep::ENDED),
        ),
        ("DELETE FROM gone_group WHERE at <= $1", before(keep::NAMES)),
        (
            "DELETE FROM login_attempt
             WHERE number <= (SELECT max(number) FROM login_attempt) - $1",
            keep::MOST_ATTEMPTS,
        ),
    ];
    let mut swept = 0_u64;
    for (statement, limit) in sweeps {
        let done = store.transact(move |connection| {
            Box::pin(async move {
                let alone = sqlx::query_scalar(ALONE).bind(SWEEPING);
                if !alone.fetch_one(&mut *connection).await.map_err(failed)? {
                    return Ok(0);
                }
                let done = sqlx::query(statement).bind(limit).execute(connection).await;
                Ok(done.map_err(failed)?.rows_affected())
            })
        });
        swept = swept.saturating_add(done.await?);
    }
    Ok(swept)
}
