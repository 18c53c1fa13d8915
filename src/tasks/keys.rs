//! Our own keys while the gateway runs: changes in their folder, steps that are due, metadata whose
//! `validUntil` comes nearer, and who came for it.
//!
//! The folder is looked at, as the configuration file is: whoever changes it (`samlgate keys`, another
//! node, an operator with `cp`) has it in force two seconds later. When what lies there can not be used,
//! the keys in force stay. Logins that are under way go on: what an identity provider has encrypted to
//! the old key is decrypted by it, and a request that the old key has signed is verified by metadata that
//! still has it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::{App, Own};
use crate::audit::{Event, EventKind};
use crate::base::{Stop, Timestamp};
use crate::keys::{Policy, Ring, Step, Use, Waits, due};
use crate::proxy::Jwt;
use crate::store::keys::{
    FolderAge, KeyFolderError, KeySettings, KnownKey, Origin, SpKeys, change, new_name, reopen_keys,
};
use crate::tasks::expiry;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often visits are written, in rounds of [`LOOK`].
const ROUNDS: u32 = 5;

/// How long a step that could not be taken waits for somebody to look into the log.
const PAUSE: Duration = Duration::from_secs(600);

/// What `saml.keys` and `saml.rotate_keys` say.
#[derive(Clone, Debug)]
pub struct KeyTask {
    /// Where the keys are.
    pub settings: KeySettings,
    /// When a step is due; `None` leaves it to people.
    pub policy: Option<Policy>,
}

/// Keeps keys and metadata up to date until the gateway stops.
pub async fn keep(
    app: Arc<App>,
    jwt: Arc<Jwt>,
    configured: watch::Receiver<KeyTask>,
    mut stop: Stop,
) {
    let folder = configured.borrow().settings.folder.clone();
    let mut seen = FolderAge::default();
    let mut round = 0_u32;
    let mut next_try = Timestamp::EPOCH;
    loop {
        let KeyTask { settings, policy } = configured.borrow().clone();
        let now = app.now();
        if let Some(policy) = policy
            && now >= next_try
            && !advance(&app, &settings, policy, now).await
        {
            next_try = now.plus(PAUSE);
        }
        if round.is_multiple_of(ROUNDS) {
            write_fetches(&app, now).await;
        }
        let age = FolderAge::of(&folder);
        if age != seen {
            // At first too: a file may have changed while everything else was started.
            seen = age;
            reread(&app, &jwt, &settings, now).await;
        } else if app.own().metadata.renew_at.is_some_and(|at| now >= at) {
            resign(&app, now);
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.stopped() => break,
        }
    }
    write_fetches(&app, app.now()).await;
}

/// Says what has been made, and what looks wrong.
pub fn report(keys: &SpKeys) {
    for path in &keys.made {
        tracing::info!(path = %path.display(), "made a key");
    }
    for warning in &keys.warnings {
        tracing::warn!(detail = warning, "keys");
    }
}

/// Signs our metadata again, by the keys and the settings in force.
pub fn resign(app: &App, now: Timestamp) {
    put_in_force(app, Arc::clone(&app.own().keys), now);
}

fn put_in_force(app: &App, keys: Arc<SpKeys>, now: Timestamp) -> bool {
    let live = app.settings();
    match Own::new(&live.sp, &live.legacy, &live.description, keys, now) {
        Ok(own) => {
            app.is_now(own);
            true
        }
        Err(error) => {
            tracing::error!(
                detail = error.to_string(),
                "our metadata can not be signed; that of before stays"
            );
            false
        }
    }
}

/// Takes the steps that are due; whether all of them could be taken.
async fn advance(app: &App, settings: &KeySettings, policy: Policy, now: Timestamp) -> bool {
    let mut all = true;
    let keys = Arc::clone(&app.own().keys);
    for usage in Use::ALL {
        let Some(ring) = keys.ring(usage) else {
            continue;
        };
        let not_after = keys.active(usage).and_then(KnownKey::ends);
        if due(&ring, policy, not_after, "", now).is_none() {
            continue;
        }
        let (settings, keys) = (settings.clone(), Arc::clone(&keys));
        let waits = Waits::of(usage, app.live().description.cache);
        // Making a key takes a second of one core.
        let changed = tokio::task::spawn_blocking(move || {
            let decide = |ring: &Ring| {
                // Another node may have been here: the certificate is looked up by the key's name.
                let active = ring.at(Step::Active)?;
                let known = keys.of(usage).find(|key| key.held.name == active.name)?;
                if let Origin::File(path) = &known.origin
                    && !path.exists()
                {
                    // Nothing follows upon a key that is not there, least of all a new first one.
                    return None;
                }
                due(
                    ring,
                    policy,
                    known.ends(),
                    &new_name(&settings, ring, now),
                    now,
                )
            };
            change(&settings, usage, waits, decide, now)
        });
        match changed.await {
            Ok(Ok(Some(changed))) => {
                for key in changed.moved {
                    tracing::info!(
                        usage = usage.as_str(),
                        key = key.name,
                        step = key.step.as_str(),
                        "a key took a step by itself"
                    );
                }
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                all = false;
                tracing::error!(
                    detail = error.to_string(),
                    code = error.code().as_str(),
                    "a step of the keys is due and can not be taken"
                );
            }
            Err(error) => {
                all = false;
                tracing::error!(detail = error.to_string(), "a step of the keys");
            }
        }
    }
    all
}

/// Puts in force what lies in the folder now.
async fn reread(app: &App, jwt: &Jwt, settings: &KeySettings, now: Timestamp) {
    let (settings, before) = (settings.clone(), Arc::clone(&app.own().keys));
    let known = before.known.clone();
    let read = tokio::task::spawn_blocking(move || reopen_keys(&settings, &known)).await;
    let keys = match read {
        Ok(Ok(keys)) => Arc::new(keys),
        Ok(Err(error)) => return refuse(&error),
        Err(error) => {
            return tracing::error!(detail = error.to_string(), "the keys of before stay");
        }
    };
    if before.known == keys.known {
        return;
    }
    report(&keys);
    // Published first, used afterwards: both are one value here, and others are told in time.
    if !put_in_force(app, Arc::clone(&keys), now) {
        return;
    }
    jwt.replace(keys.jwt.clone(), keys.jwt_published.clone());
    // What the database does not say now, it says at the next look.
    let _ = expiry::measure(app, now).await;
    tell(app, &before, &keys, now).await;
}

fn refuse(error: &KeyFolderError) {
    tracing::error!(
        detail = error.to_string(),
        code = error.code().as_str(),
        "the keys of before stay"
    );
}

/// Log and audit hear which key is where now.
async fn tell(app: &App, before: &SpKeys, keys: &SpKeys, now: Timestamp) {
    let named = |key: &KnownKey, step: &str| {
        serde_json::json!({
            "use": key.usage.as_str(), "key": key.held.name, "step": step,
            "fingerprint": key.fingerprint,
        })
    };
    let mut changes = Vec::new();
    for key in keys.known.iter().filter(|key| !before.known.contains(key)) {
        let step = key.held.step.as_str();
        tracing::info!(
            usage = key.usage.as_str(),
            key = key.held.name,
            step,
            "a key of ours has changed"
        );
        changes.push(named(key, step));
    }
    for key in &before.known {
        if keys.known.iter().all(|other| other.held.name != key.held.name) {
            tracing::info!(
                usage = key.usage.as_str(),
                key = key.held.name,
                "a key of ours was removed"
            );
            changes.push(named(key, "removed"));
        }
    }
    let event = Event {
        detail: serde_json::json!({ "keys": changes }),
        ..Event::new(EventKind::KeysChanged)
    };
    if let Err(error) = app.ports.audit.record(&event, now).await {
        tracing::error!(detail = error.detail, "the audit record was not written");
    }
}

async fn write_fetches(app: &App, now: Timestamp) {
    let fetches = app.fetches.take();
    if fetches.is_empty() {
        return;
    }
    if let Err(error) = app.ports.fetches.add_fetches(&fetches, now).await {
        // They come again.
        tracing::warn!(
            detail = error.detail,
            "who came for our metadata was not written"
        );
    }
}
