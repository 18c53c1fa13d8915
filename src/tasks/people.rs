//! Has the sessions of people looked at whose standing changed, on this node or on another.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::app::App;
use crate::base::{Stop, StoreError};

/// How soon a change that another process wrote is in force here: inside five seconds.
const POLL: Duration = Duration::from_secs(1);

/// Looks every second, and at once when `changed` says so.
pub async fn keep(app: Arc<App>, changed: Arc<Notify>, mut stop: Stop) {
    let mut mark = None;
    let mut failed = false;
    loop {
        match look(&app, mark).await {
            Ok(seen) => {
                mark = Some(seen);
                failed = false;
            }
            Err(error) => {
                if !failed {
                    let detail = error.detail;
                    tracing::warn!(detail, "changes of people could not be looked at");
                }
                failed = true;
            }
        }
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.stopped() => return,
        }
    }
}

/// What changed after `mark`; where to go on.
async fn look(app: &App, mark: Option<i64>) -> Result<i64, StoreError> {
    let changes = app.ports.people.changes_after(mark).await?;
    let now = app.now();
    if mark.is_none() || changes.affected.everybody {
        // What came before the first look is not known, so nothing in memory is believed.
        app.sessions.renew_all(now).await?;
    }
    for user in &changes.affected.people {
        app.sessions.renew_user(user, now).await?;
    }
    Ok(changes.mark)
}
