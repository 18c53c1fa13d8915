//! Keeps the identity providers up to date with configuration, imports and metadata addresses.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;

use crate::app::App;
use crate::base::Stop;
use crate::tasks::fetch::Fetcher;
use crate::tasks::registry::load;
use crate::telemetry::{CERTIFICATE_NOT_AFTER, METADATA_VALID_UNTIL, seconds};
use crate::trust::{IdpSettings, Registry};

/// How often the store is asked whether `samlgate idp …` changed something.
const POLL: Duration = Duration::from_secs(2);
/// How often metadata addresses are asked again: new keys are published days before their use.
const REFRESH: Duration = Duration::from_secs(3600);
/// Longest pause between attempts for an identity provider that has no metadata at all.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Loads them now, and again whenever there is a reason to.
pub async fn keep(
    app: Arc<App>,
    mut configured: watch::Receiver<Arc<Vec<IdpSettings>>>,
    fetcher: Fetcher,
    loaded_once: impl Fn() + Send,
    mut stop: Stop,
) {
    let mut pause = Duration::from_secs(1);
    loop {
        let settings = Arc::clone(&configured.borrow_and_update());
        let revision = app.ports.idps.revision().await.ok();
        let complete = match load(&app, &settings, &fetcher, app.now()).await {
            Ok(loaded) => {
                for (name, error) in &loaded.missing {
                    tracing::error!(
                        idp = name.as_str(),
                        code = error.code().as_str(),
                        detail = error.to_string(),
                        remedy = error.code().remedy(),
                        "an identity provider can not be used"
                    );
                }
                report(&loaded.registry);
                app.trust(loaded.registry);
                loaded.missing.is_empty()
            }
            Err(error) => {
                tracing::error!(
                    detail = error.detail,
                    "identity providers could not be loaded"
                );
                false
            }
        };
        loaded_once();
        let wait = if complete { REFRESH } else { pause };
        pause = if complete {
            Duration::from_secs(1)
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = imported(&app, revision) => {}
            changed = configured.changed() => if changed.is_err() { return },
            () = stop.stopped() => return,
        }
    }
}

/// Resolves when the store's revision is another one.
async fn imported(app: &App, known: Option<i64>) {
    loop {
        tokio::time::sleep(POLL).await;
        let revision = app.ports.idps.revision().await.ok();
        if revision.is_some() && revision != known {
            return;
        }
    }
}

fn report(registry: &Registry) {
    for idp in registry.all() {
        let owner = idp.settings.name.as_str();
        for key in idp.metadata.signing_keys.iter() {
            let fingerprint = key.fingerprint().to_owned();
            gauge!(
                CERTIFICATE_NOT_AFTER,
                "owner" => owner.to_owned(), "use" => "signing", "fingerprint" => fingerprint
            )
            .set(seconds(key.not_after()));
        }
        if let Some(until) = idp.metadata.valid_until {
            gauge!(METADATA_VALID_UNTIL, "idp" => owner.to_owned()).set(seconds(until));
        }
        tracing::info!(
            idp = owner,
            entity_id = idp.metadata.entity_id,
            vendor = idp.metadata.vendor.as_str(),
            keys = idp.metadata.signing_keys.len(),
            enabled = idp.settings.enabled,
            "identity provider ready"
        );
    }
}
