//! What has to be done now and then, whether or not anybody asks for something.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use crate::app::App;
use crate::base::clock::Stopwatch;
use crate::base::{Stop, StoreError};
use crate::store::Database;
use crate::telemetry::SESSIONS_ACTIVE;

/// How soon a session that another process ended stops working here: inside five seconds.
const ENDINGS: Duration = Duration::from_secs(2);
/// How often sessions are counted, in rounds of [`ENDINGS`]: the store looks at each for it.
const COUNTS: u32 = 5;
/// First and longest pause before endings are listened for again.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often what has expired is removed, in rounds of [`ENDINGS`].
const SWEEPS: u32 = 30;

/// Sessions: hear of endings, write back last-seen times, remove what has expired.
///
/// `answers` hears each round whether the store answered, and if not, why. Sessions that are kept
/// elsewhere count as answered as long as memory goes on without them.
pub async fn sessions(
    app: Arc<App>,
    store: Arc<dyn Database>,
    answers: impl Fn(Result<(), &StoreError>) + Send,
    mut stop: Stop,
) {
    let mut round = 0_u32;
    let mut failed = false;
    loop {
        // At once the first time: what a gauge has not been told yet is not in /metrics.
        round = round.wrapping_add(1);
        let tended = tend(&app, round).await;
        if let Err(error) = &tended {
            tracing::warn!(detail = error.detail, "sessions could not be tended");
        } else if failed {
            tracing::info!("sessions are tended again");
        }
        failed = tended.is_err();
        let swept = match round % SWEEPS {
            1 => store.forget_expired(app.now()).await.map(|_| ()),
            _ if app.sessions.is_shared() => store.ping().await,
            _ => Ok(()),
        };
        if let Err(error) = &swept {
            tracing::warn!(detail = error.detail, "the database could not be tended");
        }
        let goes_on = app.sessions.is_shared() && app.sessions.is_believed(app.now());
        let tended = if goes_on { Ok(()) } else { tended };
        answers(tended.as_ref().and(swept.as_ref()).copied());
        tokio::select! {
            () = tokio::time::sleep(ENDINGS) => {}
            () = stop.stopped() => return,
        }
    }
}

/// Hears of endings at once, where the store can tell; begins again when that breaks.
pub async fn endings(app: Arc<App>, mut stop: Stop) {
    let mut pause = PAUSE;
    loop {
        let listening = Stopwatch::start();
        tokio::select! {
            heard = app.sessions.hear_endings() => {
                let detail = heard.err().map(|error| error.detail);
                tracing::info!(detail, "endings are not heard at once for now");
            }
            () = stop.stopped() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopped() => return,
        }
        pause = match listening.elapsed() > LONGEST_PAUSE.saturating_mul(2) {
            true => PAUSE,
            false => pause.saturating_mul(2).min(LONGEST_PAUSE),
        };
    }
}

async fn tend(app: &App, round: u32) -> Result<(), StoreError> {
    let now = app.now();
    app.sessions.forget_ended(now).await?;
    app.sessions.end_watched(now).await?;
    let touches = app.sessions.write_back().as_secs().div_ceil(ENDINGS.as_secs()).max(1);
    if u64::from(round).is_multiple_of(touches) {
        app.sessions.flush_touched(now).await?;
    }
    if round % SWEEPS == 1 {
        app.sessions.sweep(now).await?;
    }
    if round % COUNTS == 1 {
        let count = app.sessions.count(now).await?;
        gauge!(SESSIONS_ACTIVE).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
    Ok(())
}
