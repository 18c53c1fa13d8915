//! Keeps the identity providers up to date with configuration, imports and metadata addresses.
//!
//! What is in the store counts at once; addresses are asked beside that, a few at a time, when their
//! time has come ([`crate::trust::schedule`]) or when a sign-in came with a key that nobody knows
//! ([`crate::trust::Renewals`]). Of several nodes one asks, by a lease; the others take what it puts
//! into the store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::app::App;
use crate::base::entropy::hex;
use crate::base::{IdpName, Stop, StoreError, Timestamp};
use crate::tasks::expiry;
use crate::tasks::fetch::Fetcher;
use crate::tasks::refresh::{Outcome, Results, Stores, forget_keys, refresh};
use crate::tasks::registry::{Known, LoadError, Source, load_again};
use crate::telemetry::series;
use crate::telemetry::{METADATA_VALID_UNTIL, seconds};
use crate::trust::{IdpSettings, IdpStore, IdpTrust, Pauses, RefreshState, Registry};

/// How often the store is asked whether `samlgate idp …`, or another node, changed something.
const POLL: Duration = Duration::from_secs(2);
/// The first answers of addresses are waited for so long where somebody can be signed in with, as they
/// come: one host that accepts and says nothing is no reason to keep everybody out.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);
/// And so long where nobody can.
const ANY_ANSWER: Duration = Duration::from_secs(10);
/// How often it is looked whether that is over.
const FIRST_LOOKS: Duration = Duration::from_millis(250);
/// How often metadata files are read again.
const FILES: Duration = Duration::from_secs(3600);
/// Addresses that are asked at the same moment.
const AT_ONCE: usize = 4;
/// The same, when a sign-in waits for one of them.
const AT_ONCE_FOR_SIGN_INS: usize = 8;
/// More than this are not named one by one in the log.
const SAID_ONE_BY_ONE: usize = 50;
/// For which one node asks, before another may.
const LEASE: Duration = Duration::from_secs(120);

/// Loads them now, and again whenever there is a reason to.
pub async fn keep(
    app: Arc<App>,
    mut configured: watch::Receiver<Arc<Vec<IdpSettings>>>,
    fetcher: Fetcher,
    loaded_once: impl Fn() + Send,
    mut stop: Stop,
) {
    let mut holder = [0; 16];
    app.entropy.fill(&mut holder);
    let mut keeper = Keeper {
        app: Arc::clone(&app),
        fetcher,
        holder: hex(&holder),
        groups: Vec::new(),
        known: Known::default(),
        states: HashMap::new(),
        asking: JoinSet::new(),
        busy: HashSet::new(),
        wanted: HashSet::new(),
        pauses: Pauses::default(),
        told_to_ask: HashSet::new(),
        answered: Vec::new(),
        complained: BTreeMap::new(),
        revision: None,
        loaded_at: Timestamp::EPOCH,
        stale: true,
        reloaded: false,
    };
    let mut begun = false;
    let since = Instant::now();
    loop {
        let settings = Arc::clone(&configured.borrow_and_update());
        if keeper.stale {
            keeper.load(&settings).await;
        }
        keeper.ask_what_is_due(app.now()).await;
        // Who starts with nothing has nobody to sign in with: the first answers are waited for.
        if !begun && !keeper.stale && !keeper.is_waited_for(since.elapsed()) {
            begun = true;
            loaded_once();
        }
        tokio::select! {
            Some(done) = keeper.asking.join_next() => keeper.asked(done),
            names = app.renewals.wanted() => keeper.want(names),
            () = tokio::time::sleep(if begun { POLL } else { FIRST_LOOKS }) => keeper.look().await,
            changed = configured.changed() => {
                if changed.is_err() {
                    return;
                }
                keeper.reloaded = true;
                keeper.stale = true;
            }
            () = stop.stopped() => return,
        }
    }
}

/// Those who are asked about in one question: of one address, by one proof.
type Group = Arc<Vec<Arc<Source>>>;

struct Keeper {
    app: Arc<App>,
    fetcher: Fetcher,
    holder: String,
    groups: Vec<Group>,
    /// What was read of the store the time before.
    known: Known,
    states: HashMap<IdpName, RefreshState>,
    asking: JoinSet<(Group, Result<Results, StoreError>)>,
    /// Who is asked about at this moment.
    busy: HashSet<IdpName>,
    /// For whom somebody waits.
    wanted: HashSet<IdpName>,
    /// Which addresses were asked for that.
    pauses: Pauses,
    /// Whom a reload asks for: whoever does that may.
    told_to_ask: HashSet<IdpName>,
    /// Those of them who were asked about: they are told when what came is in force.
    answered: Vec<IdpName>,
    /// What was said about those that are missing.
    complained: BTreeMap<IdpName, String>,
    revision: Option<i64>,
    loaded_at: Timestamp,
    /// It has to be loaded again.
    stale: bool,
    /// Somebody asked for a reload: what the file names is asked for, too.
    reloaded: bool,
}

impl Keeper {
    /// Takes what is in the store.
    async fn load(&mut self, settings: &[IdpSettings]) {
        let app = Arc::clone(&self.app);
        let store = app.ports.idps.as_ref();
        let revision = store.revision().await.ok();
        let states = store.refreshes().await;
        match (load_again(store, settings, &mut self.known).await, states) {
            (Ok(loaded), Ok(states)) => {
                self.revision = revision;
                self.states = states.into_iter().map(|state| (state.idp.clone(), state)).collect();
                if std::mem::take(&mut self.reloaded) {
                    let configured =
                        loaded.sources.iter().filter(|source| source.imported.is_none());
                    self.told_to_ask.extend(configured.map(|source| source.settings.name.clone()));
                }
                self.groups = groups(loaded.sources);
                self.loaded_at = self.app.now();
                self.complain(&loaded.missing);
                self.report(&loaded.registry);
                if let Err(error) = forget_listed_keys(store, &loaded.registry).await {
                    tracing::warn!(detail = error.detail, "keys could not be forgotten");
                }
                self.app.trust(loaded.registry);
                self.stale = false;
                for name in self.answered.drain(..) {
                    self.app.renewals.done(&name);
                }
                // Whoever is told that we are ready finds their certificates in the metrics. What
                // the database does not say now, it says in a few seconds.
                let _ = expiry::measure(&self.app, self.app.now()).await;
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(
                    detail = error.detail,
                    "identity providers could not be loaded"
                );
                // Not at once: the database has a reason.
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Begins to ask those whose time has come, and those for whom somebody waits.
    async fn ask_what_is_due(&mut self, now: Timestamp) {
        let registry = self.app.registry();
        let mut ours = None;
        for group in self.groups.clone() {
            // Of a federation there are ten thousand in a group, and this is done every two seconds.
            let any_of = |names: &HashSet<IdpName>| {
                !names.is_empty()
                    && group.iter().any(|source| names.contains(&source.settings.name))
            };
            let (told_to, wanted) = (any_of(&self.told_to_ask), any_of(&self.wanted));
            let most = if wanted {
                AT_ONCE_FOR_SIGN_INS
            } else {
                AT_ONCE
            };
            if any_of(&self.busy) || self.asking.len() >= most {
                continue;
            }
            let wanted = wanted && self.may_be_forced(&group, now);
            // Who has nothing at all does not wait for another node.
            let first = group.iter().any(|source| {
                let name = &source.settings.name;
                registry.named(name).is_none() && !self.states.contains_key(name)
            });
            if !wanted && !told_to && !first {
                if !self.is_due(&group, now) {
                    continue;
                }
                if ours.is_none() {
                    ours = Some(self.lease(now).await);
                }
                // What other nodes have asked meanwhile is in the store.
                if ours != Some(true) || !self.is_due(&group, now) {
                    continue;
                }
            }
            self.ask(group, &registry, now);
        }
        if self.wanted.is_empty() {
            return;
        }
        // Whoever has no address can not be asked; the files were read again.
        let known: HashSet<&IdpName> = self
            .groups
            .iter()
            .flat_map(|group| group.iter())
            .map(|source| &source.settings.name)
            .collect();
        let others: Vec<IdpName> =
            self.wanted.iter().filter(|name| !known.contains(name)).cloned().collect();
        for name in others {
            self.wanted.remove(&name);
            self.app.renewals.done(&name);
        }
    }

    /// Whether a first answer is waited for, so long after the beginning: somebody is asked about of
    /// whom nothing is known.
    fn is_waited_for(&self, waited: Duration) -> bool {
        let (registry, now) = (self.app.registry(), self.app.now());
        let is_usable = |idp: &Arc<IdpTrust>| idp.settings.enabled && idp.ended(now).is_none();
        let most = match registry.all().iter().any(is_usable) {
            true => FIRST_ANSWERS,
            false => ANY_ANSWER,
        };
        waited < most && self.busy.iter().any(|name| registry.named(name).is_none())
    }

    fn is_due(&self, group: &Group, now: Timestamp) -> bool {
        group.iter().any(|source| {
            let state = self.states.get(&source.settings.name);
            state.is_none_or(|state| state.url != source.url || state.next_at <= now)
        })
    }

    /// Whether an address may be asked for a sign-in; if not, those who wait are told at once: the
    /// question of a moment ago has answered theirs.
    fn may_be_forced(&mut self, group: &Group, now: Timestamp) -> bool {
        if group.first().is_some_and(|first| self.pauses.begin(&first.url, now)) {
            return true;
        }
        for source in group.iter() {
            if self.wanted.remove(&source.settings.name) {
                self.app.renewals.done(&source.settings.name);
            }
        }
        false
    }

    /// Whether it is us who ask; if so, we know what others have asked before.
    async fn lease(&mut self, now: Timestamp) -> bool {
        let store = self.app.ports.idps.as_ref();
        let until = now.plus(LEASE);
        let taken = store.lease("metadata", &self.holder, until, now).await;
        if !taken.unwrap_or(false) {
            return false;
        }
        let Ok(states) = store.refreshes().await else {
            return false;
        };
        take_newer(&mut self.states, states);
        true
    }

    fn ask(&mut self, group: Group, registry: &Arc<Registry>, now: Timestamp) {
        for source in group.iter() {
            self.busy.insert(source.settings.name.clone());
            self.wanted.remove(&source.settings.name);
            self.told_to_ask.remove(&source.settings.name);
        }
        let (app, fetcher, registry) = (
            Arc::clone(&self.app),
            self.fetcher.clone(),
            Arc::clone(registry),
        );
        let of_group = |source: &Arc<Source>| {
            let name = &source.settings.name;
            self.states.get(name).map(|state| (name.clone(), state.clone()))
        };
        let states: HashMap<IdpName, RefreshState> = group.iter().filter_map(of_group).collect();
        self.asking.spawn(async move {
            let stores = stores(&app);
            let results = refresh(stores, &fetcher, &group, &registry, &states, now).await;
            (group, results)
        });
    }

    /// Takes what came of it.
    fn asked(
        &mut self,
        done: Result<(Group, Result<Results, StoreError>), tokio::task::JoinError>,
    ) {
        let Ok((group, results)) = done else {
            // It fell. Who was asked about is not known any more; the next round finds out.
            self.busy.clear();
            self.stale = true;
            return;
        };
        for source in group.iter() {
            self.busy.remove(&source.settings.name);
            self.answered.push(source.settings.name.clone());
        }
        match results {
            Ok(results) => {
                if !self.tell_of_all(&group, &results) {
                    for (name, result) in &results {
                        self.tell(name, result);
                    }
                }
                self.stale = true;
            }
            Err(error) => {
                tracing::warn!(detail = error.detail, "metadata could not be kept");
                self.hold_back(&group);
                for name in self.answered.drain(..) {
                    self.app.renewals.done(&name);
                }
            }
        }
    }

    /// Says it once, where all who have an address in common could not be had for the same reason, or
    /// can be had again; whether it was said.
    fn tell_of_all(&self, group: &Group, results: &Results) -> bool {
        let (Some(first), Some((_, result)), true) =
            (group.first(), results.first(), results.len() > 1)
        else {
            return false;
        };
        let text =
            |result: &Result<Outcome, LoadError>| result.as_ref().err().map(ToString::to_string);
        let reason = text(result);
        if !results.iter().all(|(_, result)| text(result) == reason) {
            return false;
        }
        let failed = |(name, _): &&(IdpName, _)| {
            self.states.get(name).is_some_and(|before| before.result != "ok")
        };
        match result {
            Err(error) => tracing::warn!(
                url = first.url,
                identity_providers = results.len(),
                code = error.code().as_str(),
                detail = reason.unwrap_or_default(),
                "metadata could not be had: going on with what there is"
            ),
            Ok(_) => {
                let count = results.iter().filter(failed).count();
                if count > 0 {
                    tracing::info!(
                        url = first.url,
                        identity_providers = count,
                        "metadata can be had again"
                    );
                }
            }
        }
        true
    }

    fn tell(&self, name: &IdpName, result: &Result<Outcome, LoadError>) {
        let before = self.states.get(name).map(|state| state.result.as_str());
        match result {
            Err(error) => tracing::warn!(
                idp = name.as_str(),
                code = error.code().as_str(),
                detail = error.to_string(),
                "metadata could not be had: going on with what there is"
            ),
            Ok(_) if before.is_some_and(|before| before != "ok") => {
                tracing::info!(idp = name.as_str(), "metadata can be had again");
            }
            Ok(_) => {}
        }
    }

    /// For a minute nobody of it is asked about: the database does not say how it went.
    fn hold_back(&mut self, group: &Group) {
        let now = self.app.now();
        for source in group.iter() {
            let name = source.settings.name.clone();
            let state = RefreshState {
                idp: name.clone(),
                url: source.url.clone(),
                tried_at: now,
                fetched_at: None,
                failures: 1,
                result: "store.unavailable".to_owned(),
                detail: String::new(),
                next_at: now.plus(Duration::from_secs(60)),
            };
            self.states.insert(name, state);
        }
    }

    /// Says why some are missing, once.
    fn complain(&mut self, missing: &[(IdpName, LoadError)]) {
        let mut complaints = BTreeMap::new();
        for (name, error) in missing {
            let text = error.to_string();
            let new = self.complained.get(name) != Some(&text);
            if new && !matches!(error, LoadError::NotYet { .. }) {
                tracing::error!(
                    idp = name.as_str(),
                    code = error.code().as_str(),
                    detail = text,
                    remedy = error.code().remedy(),
                    "an identity provider can not be used"
                );
            }
            complaints.insert(name.clone(), text);
        }
        self.complained = complaints;
    }

    /// Says who is there, and until when what they have is good: of very many, of those who end first.
    fn report(&self, registry: &Registry) {
        let mut ends: Vec<(Timestamp, &str)> = Vec::new();
        let before = self.app.registry();
        let mut new = Vec::new();
        for idp in registry.all() {
            if let Some(until) = idp.metadata.valid_until {
                ends.push((until, idp.settings.name.as_str()));
            }
            let same = before.named(&idp.settings.name).is_some_and(|before| {
                before.metadata.entity_id == idp.metadata.entity_id
                    && before.metadata.signing_keys.len() == idp.metadata.signing_keys.len()
                    && before.settings.enabled == idp.settings.enabled
            });
            if !same {
                new.push(idp);
            }
        }
        ends.sort_unstable();
        ends.truncate(series::MOST);
        let series = ends.into_iter().map(|(until, owner)| {
            let labels = vec![("idp", owner.to_owned())];
            (labels, seconds(until))
        });
        series::replace(METADATA_VALID_UNTIL, series.collect());
        if new.len() > SAID_ONE_BY_ONE {
            tracing::info!(count = new.len(), "identity providers ready");
            return;
        }
        for idp in new {
            tracing::info!(
                idp = idp.settings.name.as_str(),
                entity_id = idp.metadata.entity_id,
                vendor = idp.metadata.vendor.as_str(),
                keys = idp.metadata.signing_keys.len(),
                enabled = idp.settings.enabled,
                "identity provider ready"
            );
        }
    }

    /// Somebody waits for these. They are asked about at once, or as soon as what was begun is done.
    fn want(&mut self, names: Vec<IdpName>) {
        let has_address = |name: &IdpName| {
            let mut sources = self.groups.iter().flat_map(|group| group.iter());
            sources.any(|source| source.settings.name == *name)
        };
        // Files are read by loading.
        self.stale = self.stale || !names.iter().all(has_address);
        self.wanted.extend(names);
    }

    /// Whether a command or another node changed something.
    async fn look(&mut self) {
        let revision = self.app.ports.idps.revision().await.ok();
        let others = revision.is_some() && revision != self.revision;
        // Files change without a word.
        if others || self.app.now().since(self.loaded_at) >= FILES {
            self.stale = true;
        }
    }
}

/// Keys that wait, or were approved, and that what was loaded has: a new file brings them.
async fn forget_listed_keys(store: &dyn IdpStore, registry: &Registry) -> Result<(), StoreError> {
    for key in store.seen_keys().await? {
        if let Some(idp) = registry.named(&key.idp)
            && idp.metadata.entity_id == key.entity_id
        {
            forget_keys(store, [&key], &key.idp, &idp.metadata).await?;
        }
    }
    Ok(())
}

/// What we know of a question that the store does not ([`Keeper::hold_back`]) stays.
fn take_newer(known: &mut HashMap<IdpName, RefreshState>, stored: Vec<RefreshState>) {
    for state in stored {
        if known.get(&state.idp).is_none_or(|known| known.tried_at <= state.tried_at) {
            known.insert(state.idp.clone(), state);
        }
    }
}

/// The stores of the gateway.
pub(crate) fn stores(app: &App) -> Stores<'_> {
    Stores {
        idps: app.ports.idps.as_ref(),
        audit: app.ports.audit.as_ref(),
        notices: app.ports.notices.as_ref(),
        entropy: app.entropy.as_ref(),
    }
}

/// Those who have an address and a proof in common.
pub fn groups(sources: Vec<Arc<Source>>) -> Vec<Group> {
    let mut groups: BTreeMap<(String, Vec<String>), Vec<Arc<Source>>> = BTreeMap::new();
    for source in sources {
        let signers = source.settings.metadata_signers.as_ref();
        let signers = signers.map_or_else(Vec::new, |keys| {
            keys.iter().map(|key| key.fingerprint().to_owned()).collect()
        });
        groups.entry((source.url.clone(), signers)).or_default().push(source);
    }
    groups.into_values().map(Arc::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(idp: &str, seconds: i64, result: &str) -> RefreshState {
        let at = Timestamp::from_unix_seconds(seconds);
        RefreshState {
            idp: IdpName::parse(idp).unwrap(),
            url: "https://idp.example.com/metadata".to_owned(),
            tried_at: at,
            fetched_at: None,
            failures: 0,
            result: result.to_owned(),
            detail: String::new(),
            next_at: at.plus(Duration::from_secs(3600)),
        }
    }

    #[test]
    fn what_another_node_has_asked_is_known_and_what_the_store_missed_stays() {
        let known = [
            tried("corp", 0, "ok"),
            tried("other", 9, "store.unavailable"),
        ];
        let mut known = known.into_iter().map(|state| (state.idp.clone(), state)).collect();
        let stored = [
            tried("corp", 5, "ok"),
            tried("other", 0, "ok"),
            tried("new", 1, "ok"),
        ];
        take_newer(&mut known, stored.into());
        let tried_at = |idp: &str| known[&IdpName::parse(idp).unwrap()].tried_at.unix_seconds();
        assert_eq!(
            [tried_at("corp"), tried_at("other"), tried_at("new")],
            [5, 9, 1]
        );
    }
}
