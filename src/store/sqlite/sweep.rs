//! Forgetting what nobody will ask for any more.

use std::time::Duration;

use super::SqliteStore;
use super::row::failed;
use crate::base::{StoreError, Timestamp};
use crate::store::keep;

pub(super) async fn sweep(store: &SqliteStore, now: Timestamp) -> Result<u64, StoreError> {
    let before = |age: Duration| now.minus(age).unix_micros();
    let sweeps = [
        (
            "DELETE FROM one_use WHERE expires <= ?",
            before(keep::ONE_USE),
        ),
        (
            "DELETE FROM pending_login WHERE created_at <= ?",
            before(keep::PENDING),
        ),
        ("DELETE FROM kept WHERE expires <= ?", now.unix_micros()),
        (
            "DELETE FROM scim_access WHERE expires <= ?",
            now.unix_micros(),
        ),
        ("DELETE FROM session_end WHERE at <= ?", before(keep::ENDED)),
        (
            "DELETE FROM person_change WHERE at <= ?",
            before(keep::ENDED),
        ),
        ("DELETE FROM gone_group WHERE at <= ?", before(keep::NAMES)),
        (
            "DELETE FROM login_attempt WHERE number <= (SELECT max(number) FROM login_attempt) - ?",
            keep::MOST_ATTEMPTS,
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
