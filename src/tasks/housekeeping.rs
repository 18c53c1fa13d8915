//! What has to be done now and then, whether or not anybody asks for something.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use crate::app::App;
use crate::base::{Stop, StoreError};
use crate::store::SqliteStore;
use crate::telemetry::SESSIONS_ACTIVE;

/// How soon a session that another process ended stops working here: inside five seconds.
const ENDINGS: Duration = Duration::from_secs(2);
/// How often last-seen times are written: at most this much idle time is lost by a `kill -9`.
const TOUCHES: u32 = 15;
/// How often what has expired is removed, in rounds of [`ENDINGS`].
const SWEEPS: u32 = 30;

/// Sessions: hear of endings, write back last-seen times, remove what has expired.
///
/// `answers` hears each round whether the store answered, and if not, why.
pub async fn sessions(
    app: Arc<App>,
    store: Arc<SqliteStore>,
    answers: impl Fn(Result<(), &StoreError>) + Send,
    mut stop: Stop,
) {
    let mut round = 0_u32;
    loop {
        // At once the first time: what a gauge has not been told yet is not in /metrics.
        round = round.wrapping_add(1);
        let tended = tend(&app, &store, round).await;
        if let Err(error) = &tended {
            tracing::warn!(detail = error.detail, "sessions could not be tended");
        }
        answers(tended.as_ref().copied());
        tokio::select! {
            () = tokio::time::sleep(ENDINGS) => {}
            () = stop.stopped() => return,
        }
    }
}

async fn tend(app: &App, store: &SqliteStore, round: u32) -> Result<(), StoreError> {
    let now = app.now();
    app.sessions.forget_ended().await?;
    app.sessions.end_watched(now).await?;
    if round.is_multiple_of(TOUCHES) {
        app.sessions.flush_touched(now).await?;
    }
    if round.is_multiple_of(SWEEPS) || round == 1 {
        app.sessions.sweep(now).await?;
        store.sweep(now).await?;
    }
    let count = app.sessions.count(now).await?;
    gauge!(SESSIONS_ACTIVE).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    Ok(())
}
