//! Guards that stand in the way of deactivations: told again and again, until somebody has looked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use crate::app::App;
use crate::base::{ConnectionName, Stop, StoreError};
use crate::telemetry::SCIM_GUARD_PAUSED;

/// How soon it shows here that another node paused, or an operator approved.
const LOOKS: Duration = Duration::from_secs(10);
/// How often the log says that a pause goes on, in rounds of [`LOOKS`].
const REMINDS: u32 = 360;

/// Looks at the guards until the gateway stops.
pub async fn keep(app: Arc<App>, mut stop: Stop) {
    let mut round = 0_u32;
    let mut known = BTreeSet::new();
    loop {
        // What the database does not say, it says in another log line.
        if let Ok(paused) = look(&app, &known, round.is_multiple_of(REMINDS)).await {
            known = paused;
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOKS) => {}
            () = stop.stopped() => return,
        }
    }
}

/// The connections that are paused now.
async fn look(
    app: &App,
    before: &BTreeSet<ConnectionName>,
    reminds: bool,
) -> Result<BTreeSet<ConnectionName>, StoreError> {
    let mut paused = BTreeSet::new();
    let mut waiting = 0_u64;
    for state in app.ports.guards.guards().await? {
        let is_paused = state.paused_at.is_some();
        let name = state.connection.as_str().to_owned();
        gauge!(SCIM_GUARD_PAUSED, "connection" => name).set(if is_paused { 1.0 } else { 0.0 });
        if is_paused {
            waiting = waiting.saturating_add(state.waiting);
            paused.insert(state.connection);
        }
    }
    for gone in before.difference(&paused) {
        let name = gone.as_str();
        gauge!(SCIM_GUARD_PAUSED, "connection" => name.to_owned()).set(0.0);
        tracing::info!(
            connection = name,
            "provisioning: deactivations are not paused any more"
        );
    }
    if reminds && !paused.is_empty() {
        let names: Vec<&str> = paused.iter().map(ConnectionName::as_str).collect();
        tracing::warn!(
            connections = names.join(", "),
            waiting,
            "provisioning: deactivations are still paused: `samlgate scim guard NAME` says whose"
        );
    }
    Ok(paused)
}
