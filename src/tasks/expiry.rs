//! Looks at what runs out, and says so in time: in metrics, and by notices.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::{App, Live, Own, Watched};
use crate::base::{IdpName, Stop, StoreError, Timestamp};
use crate::notice::Notice;
use crate::saml::metadata::IdpMetadata;
use crate::telemetry::series::{self, Series};
use crate::telemetry::{CERTIFICATE_NOT_AFTER, IDP_CLOCK_OFFSET, seconds};
use crate::trust::{IdpSettings, RefreshState, Registry};
use crate::watch::drift::{self, Verdict};
use crate::watch::renewed::Ends;
use crate::watch::{Expiry, What, notices, stale};

/// How soon a new certificate is in the metrics, and a clock that drifts is told of.
const LOOKS: Duration = Duration::from_secs(10);
/// How often everything is looked at though nothing has changed.
const FULL_LOOKS: Duration = Duration::from_secs(60);
/// And later by this for each identity provider: ten thousand take most of a second, and nothing of
/// theirs ends sooner than in days.
const FOR_EACH: Duration = Duration::from_millis(60);
/// For so long a notice stands of what another node sees, and this one does not. Shorter than the day
/// within which nobody is told again: whoever still sees it raises it again then.
const LEFT_ALONE: Duration = Duration::from_secs(20 * 3600);

/// What is remembered from look to look.
#[derive(Default)]
struct Memory {
    /// No other node uses this database.
    is_alone: bool,
    /// What this node alone can see, and has seen: keys without the step.
    ours: BTreeSet<String>,
    /// What was over at the last look: it may only have been away for a moment, or be newer than what
    /// this node has loaded.
    gone: BTreeSet<String>,
    absent: HashSet<String>,
    /// Where the documents ended that were seen.
    ends: Ends,
    last: Option<Last>,
}

/// Of what the last look was, and when it was.
struct Last {
    registry: Arc<Registry>,
    settings: Arc<Live>,
    own: Arc<Own>,
    tls: Vec<Option<SystemTime>>,
    at: Timestamp,
}

/// Looks until the gateway stops; `is_alone` when no other node uses its database.
pub async fn keep(app: Arc<App>, is_alone: bool, mut stop: Stop) {
    let mut memory = Memory { is_alone, ..Memory::default() };
    let mut failed = false;
    loop {
        let done = look(&app, &mut memory, app.now()).await;
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
async fn look(app: &App, memory: &mut Memory, now: Timestamp) -> Result<(), StoreError> {
    let standing = app.ports.notices.notices().await?;
    let seen = Last::of(app, now);
    let is_due = memory.last.as_ref().is_none_or(|last| !last.is_like(&seen));
    if is_due || !memory.gone.is_empty() {
        memory.last = None;
        let states = app.ports.idps.refreshes().await?;
        let mut over = expiring(app, memory, &standing, &states, now).await?;
        over.extend(stale(app, memory, &standing, &states, now).await?);
        for key in memory.over_for_good(over) {
            app.ports.notices.clear(&key, now).await?;
        }
        memory.last = Some(seen);
    } else {
        show_clocks(app);
    }
    clocks(app, memory, &standing, now).await
}

/// Raises what is due; which notices are over.
async fn expiring(
    app: &App,
    memory: &mut Memory,
    standing: &[Notice],
    states: &[RefreshState],
    now: Timestamp,
) -> Result<BTreeSet<String>, StoreError> {
    let mut watched = measure(app, now).await?;
    let idps: Vec<(&IdpSettings, &IdpMetadata)> = watched
        .registry
        .all()
        .iter()
        .map(|idp| (&*idp.settings, &idp.metadata))
        .collect();
    let days = Arc::clone(&app.settings().notices.days);
    let settings = idps.iter().map(|(settings, _)| *settings);
    memory.ends.judge(&mut watched.expiries, settings, states, standing, now);
    let told = notices::by_source(&watched.expiries, &idps);
    let due = notices::due(&told, &idps, &days, now);
    raise(app, &due, standing, now).await?;
    let tls = watched.expiries.iter().filter(|expiry| expiry.what == What::TlsCertificate);
    memory.ours.extend(tls.map(Expiry::key));
    memory.absent = watched.absent.into_iter().collect();
    let is_unknown = |notice: &Notice| {
        let owner = notice.detail.get("owner").or_else(|| notice.detail.get("idp"));
        let owner = owner.and_then(serde_json::Value::as_str).unwrap_or_default();
        let is_unread =
            notices::is_local(&notice.key) && watched.unread.iter().any(|it| it == owner);
        // Of an address that many have in common, nobody knows who is missing.
        let is_of_source = owner.contains("://") && !memory.absent.is_empty();
        is_unread || is_of_source || memory.absent.contains(owner)
    };
    let mut known = standing.to_vec();
    known.retain(|notice| !is_unknown(notice) && memory.may_judge(notice, now));
    let over = notices::over(&known, &told, &due);
    Ok(over.into_iter().map(str::to_owned).collect())
}

/// Raises those that do not stand.
async fn raise(
    app: &App,
    due: &[Notice],
    standing: &[Notice],
    now: Timestamp,
) -> Result<(), StoreError> {
    let known: HashSet<&str> = standing.iter().map(|notice| notice.key.as_str()).collect();
    for notice in due.iter().filter(|notice| !known.contains(notice.key.as_str())) {
        let quiet = notices::quiet(&notice.key);
        app.ports.notices.raise_again(notice, quiet, now).await?;
    }
    Ok(())
}

/// Raises what is due of metadata that does not come; which notices are over.
async fn stale(
    app: &App,
    memory: &Memory,
    standing: &[Notice],
    states: &[RefreshState],
    now: Timestamp,
) -> Result<BTreeSet<String>, StoreError> {
    let registry = app.registry();
    let is_asked_for = |state: &&RefreshState| match registry.named(&state.idp) {
        Some(idp) => idp.settings.enabled && idp.settings.fetched_from().is_some(),
        None => memory.absent.contains(state.idp.as_str()),
    };
    let due = stale::notices(states.iter().filter(is_asked_for), now);
    raise(app, &due, standing, now).await?;
    let due: HashSet<&str> = due.iter().map(|notice| notice.key.as_str()).collect();
    let over = standing
        .iter()
        .map(|notice| notice.key.as_str())
        .filter(|key| key.starts_with(stale::PREFIX) && !due.contains(key));
    Ok(over.map(str::to_owned).collect())
}

impl Last {
    fn of(app: &App, at: Timestamp) -> Self {
        let settings = app.settings();
        let tls = settings.watched.tls_ages();
        Self { registry: app.registry(), settings, own: app.own(), tls, at }
    }

    fn is_like(&self, now: &Self) -> bool {
        Arc::ptr_eq(&self.registry, &now.registry)
            && Arc::ptr_eq(&self.settings, &now.settings)
            && Arc::ptr_eq(&self.own, &now.own)
            && self.tls == now.tls
            && now.at < self.at.plus(FULL_LOOKS.saturating_add(self.of_number()))
    }
}

impl Last {
    fn of_number(&self) -> Duration {
        let number = u32::try_from(self.registry.all().len()).unwrap_or(u32::MAX);
        FOR_EACH.saturating_mul(number)
    }
}

impl Memory {
    /// Whether it is for this node to say that a notice is over.
    fn may_judge(&self, notice: &Notice, now: Timestamp) -> bool {
        self.is_alone
            || !notices::is_local(&notice.key)
            || self.ours.contains(about(&notice.key))
            || notice.at.plus(LEFT_ALONE) <= now
    }

    /// Those that were over at the last look too. Of what is cleared here, another node that sees it
    /// may raise it again, and is right then.
    fn over_for_good(&mut self, over: BTreeSet<String>) -> Vec<String> {
        let (for_good, gone): (Vec<String>, Vec<String>) =
            over.into_iter().partition(|key| self.gone.contains(key));
        self.gone = gone.into_iter().collect();
        for key in &for_good {
            self.ours.remove(about(key));
        }
        for_good
    }
}

/// The key of a notice without the step; that of a clock has none.
fn about(key: &str) -> &str {
    match key.rsplit_once('/') {
        Some((about, _)) if !key.starts_with(drift::PREFIX) => about,
        _ => key,
    }
}

/// Looks for the metrics alone.
pub async fn measure(app: &App, now: Timestamp) -> Result<Watched, StoreError> {
    let watched = app.watched(now).await?;
    show(app, &watched);
    Ok(watched)
}

fn show(app: &App, watched: &Watched) {
    // Others were loaded while these were looked at, and are shown by whoever has loaded them.
    if !Arc::ptr_eq(&watched.registry, &app.registry()) {
        return;
    }
    let certificates = watched.expiries.iter().filter(|expiry| expiry.what.is_certificate());
    // The most urgent come first, and of a federation they are all that are told of here.
    let mut series: BTreeMap<_, Series> = BTreeMap::new();
    for expiry in certificates {
        let is_ours = matches!(expiry.what, What::OwnCertificate | What::TlsCertificate);
        if series.len() >= series::MOST && !is_ours {
            continue;
        }
        let labels = vec![
            ("owner", expiry.owner.clone()),
            ("use", expiry.key_use.clone()),
            ("fingerprint", expiry.fingerprint.clone()),
        ];
        // One that several show is one series.
        series.insert(labels.clone(), (labels, seconds(expiry.not_after)));
    }
    series::replace(CERTIFICATE_NOT_AFTER, series.into_values().collect());
    show_clocks(app);
}

fn show_clocks(app: &App) {
    let registry = app.registry();
    app.clocks.keep(|name| registry.named(name).is_some());
    let offsets = app.clocks.offsets().into_iter();
    let offsets = offsets.map(|(idp, offset)| (vec![("idp", idp.to_string())], offset.seconds()));
    series::replace(IDP_CLOCK_OFFSET, offsets.collect());
}

async fn clocks(
    app: &App,
    memory: &mut Memory,
    standing: &[Notice],
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
        let stands = standing.iter().find(|standing| standing.key == notice.key);
        match (offset.verdict(skew), stands) {
            (Verdict::Drifts, stands) => {
                memory.ours.insert(notice.key.clone());
                if stands.is_none() {
                    let quiet = notices::quiet(&notice.key);
                    app.ports.notices.raise_again(&notice, quiet, now).await?;
                }
            }
            (Verdict::Right, Some(stands)) if memory.may_judge(stands, now) => {
                memory.ours.remove(&notice.key);
                app.ports.notices.clear(&notice.key, now).await?;
            }
            _ => {}
        }
    }
    for notice in standing {
        let Some(name) = notice.key.strip_prefix(drift::PREFIX).and_then(IdpName::parse) else {
            continue;
        };
        if registry.named(&name).is_none() && !memory.absent.contains(name.as_str()) {
            app.ports.notices.clear(&notice.key, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TLS: &str = "expiry/tls_certificate/server/tls/1f0e/7";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + second)
    }

    fn notice(key: &str) -> Notice {
        Notice {
            key: key.to_owned(),
            text: "it ends".to_owned(),
            advice: "renew it".to_owned(),
            detail: json!({}),
            at: at(0),
        }
    }

    #[test]
    fn what_another_node_alone_sees_is_left_alone_for_hours() {
        let mut memory = Memory::default();
        for key in [TLS, "idp-clock/corp"] {
            assert!(!memory.may_judge(&notice(key), at(3600)), "{key}");
            assert!(memory.may_judge(&notice(key), at(20 * 3600)), "{key}");
        }
        assert!(memory.may_judge(&notice("expiry/own_certificate/sp/signing/1f0e/7"), at(0)));
        memory.ours.extend([about(TLS).to_owned(), "idp-clock/corp".to_owned()]);
        assert!(memory.may_judge(&notice(TLS), at(0)));
        assert!(memory.may_judge(&notice("idp-clock/corp"), at(0)));
        // Cleared once, and not again when the other one raises it again.
        let over = || BTreeSet::from([TLS.to_owned()]);
        assert!(memory.over_for_good(over()).is_empty());
        assert_eq!(memory.over_for_good(over()), [TLS]);
        assert!(!memory.may_judge(&notice(TLS), at(0)));
        let memory = Memory { is_alone: true, ..Memory::default() };
        assert!(memory.may_judge(&notice(TLS), at(0)));
    }

    #[test]
    fn what_is_away_for_one_look_is_not_over() {
        let mut memory = Memory::default();
        let over = || BTreeSet::from(["expiry/metadata/corp/metadata/until/7".to_owned()]);
        assert!(memory.over_for_good(over()).is_empty());
        assert!(memory.over_for_good(BTreeSet::new()).is_empty());
        assert!(memory.over_for_good(over()).is_empty());
        assert_eq!(memory.over_for_good(over()).len(), 1);
    }
}
