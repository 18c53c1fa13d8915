//! Looks at what runs out, and says so in time: in metrics, and by notices.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Watched};
use crate::base::{IdpName, Stop, StoreError, Timestamp};
use crate::notice::Notice;
use crate::saml::metadata::IdpMetadata;
use crate::telemetry::series::{self, Series};
use crate::telemetry::{CERTIFICATE_NOT_AFTER, IDP_CLOCK_OFFSET, seconds};
use crate::trust::IdpSettings;
use crate::watch::drift::{self, Verdict};
use crate::watch::notices;

/// How soon a new certificate is in the metrics, and a clock that drifts is told of.
const LOOKS: Duration = Duration::from_secs(10);

/// Looks until the gateway stops.
pub async fn keep(app: Arc<App>, mut stop: Stop) {
    let mut failed = false;
    loop {
        let done = look(&app, app.now()).await;
        if let (Err(error), false) = (&done, failed) {
            let detail = &error.detail;
            tracing::warn!(
                detail,
                "what runs out is not looked at: the database does not answer"
            );
        }
        failed = done.is_err();
        tokio::select! {
            () = tokio::time::sleep(LOOKS) => {}
            () = stop.stopped() => return,
        }
    }
}

/// Looks once.
pub async fn look(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let watched = measure(app, now).await?;
    let standing = app.ports.notices.notices().await?;
    let idps: Vec<(&IdpSettings, &IdpMetadata)> = watched
        .registry
        .all()
        .iter()
        .map(|idp| (&idp.settings, &idp.metadata))
        .collect();
    let days = Arc::clone(&app.settings().notices.days);
    let due = notices::due(&watched.expiries, &idps, &days, now);
    let stands: HashSet<&str> = standing.iter().map(|notice| notice.key.as_str()).collect();
    for notice in due.iter().filter(|notice| !stands.contains(notice.key.as_str())) {
        app.ports.notices.raise(notice, None, now).await?;
    }
    let absent: HashSet<&str> = watched.absent.iter().map(String::as_str).collect();
    let of_absent = |notice: &Notice| {
        let owner = notice.detail.get("owner").or_else(|| notice.detail.get("idp"));
        let owner = owner.and_then(serde_json::Value::as_str).unwrap_or_default();
        absent.contains(owner)
    };
    let mut known = standing.clone();
    known.retain(|notice| !of_absent(notice));
    for key in notices::over(&known, &watched.expiries, &due) {
        app.ports.notices.clear(key, now).await?;
    }
    clocks(app, &standing, &watched.absent, now).await
}

/// Looks for the metrics alone.
pub async fn measure(app: &App, now: Timestamp) -> Result<Watched, StoreError> {
    let watched = app.watched(now).await?;
    show(app, &watched);
    Ok(watched)
}

fn show(app: &App, watched: &Watched) {
    let certificates = watched.expiries.iter().filter(|expiry| expiry.what.is_certificate());
    let series: Vec<Series> = certificates
        .map(|expiry| {
            let labels = vec![
                ("owner", expiry.owner.clone()),
                ("use", expiry.key_use.clone()),
                ("fingerprint", expiry.fingerprint.clone()),
            ];
            (labels, seconds(expiry.not_after))
        })
        // One that several show is one series.
        .map(|(labels, value)| ((labels.clone()), (labels, value)))
        .collect::<BTreeMap<_, Series>>()
        .into_values()
        .collect();
    series::replace(CERTIFICATE_NOT_AFTER, series);
    let known = |name: &IdpName| watched.registry.named(name).is_some();
    app.clocks.keep(known);
    let offsets = app.clocks.offsets().into_iter();
    let offsets = offsets.map(|(idp, offset)| (vec![("idp", idp.to_string())], offset.seconds()));
    series::replace(IDP_CLOCK_OFFSET, offsets.collect());
}

async fn clocks(
    app: &App,
    standing: &[Notice],
    absent: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let registry = app.registry();
    let live = app.settings();
    for (name, offset) in app.clocks.offsets() {
        let Some(idp) = registry.named(&name) else {
            continue;
        };
        let skew = idp.clock_skew(&live.sp);
        let notice = offset.notice(&name, skew, now);
        let stands = standing.iter().any(|standing| standing.key == notice.key);
        match offset.verdict(skew) {
            Verdict::Drifts if !stands => {
                app.ports.notices.raise(&notice, None, now).await?;
            }
            Verdict::Right if stands => {
                app.ports.notices.clear(&notice.key, now).await?;
            }
            Verdict::Drifts | Verdict::Unclear | Verdict::Right => {}
        }
    }
    for notice in standing {
        let Some(name) = notice.key.strip_prefix(drift::PREFIX).and_then(IdpName::parse) else {
            continue;
        };
        if registry.named(&name).is_none() && !absent.iter().any(|it| it == name.as_str()) {
            app.ports.notices.clear(&notice.key, now).await?;
        }
    }
    Ok(())
}
