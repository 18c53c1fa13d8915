//! `samlgate idp approve`, `samlgate idp reject`: an administrator decides about a key that was seen,
//! or about new metadata. A running gateway follows within seconds.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::idps::Known;
use super::{ConfigFile, idp_keys, idp_name, idps, output};
use crate::audit::{AuditSink, Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName, Timestamp};
use crate::config::Loaded;
use crate::notice::Notices;
use crate::store::Database;
use crate::tasks::refresh::forget_keys;
use crate::trust::{IdpStore, ImportedIdp, ImportedSettings, SeenKey, Standing, WaitingChange};

/// Fewer digits could be those of a key that somebody made for it.
const LEAST_DIGITS: usize = 12;

/// Arguments of both.
#[derive(Args, Clone, Debug)]
pub struct DecideArgs {
    /// The short name of the identity provider.
    #[arg(value_name = "NAME", value_parser = idp_name)]
    pub name: IdpName,
    /// SHA-256 of the key's certificate, with or without colons; its first digits (12 or more) do.
    /// Or what `idp changes` calls the new metadata: `change-…`; nothing else is decided then.
    #[arg(value_name = "SHA-256|CHANGE")]
    pub which: Option<String>,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Decides, and says what it means.
pub async fn run(args: DecideArgs, standing: Standing, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let Some(idp) = idps::named(&loaded.config, store, &args.name, now).await else {
            return idps::unknown(&args.name, &idps::all(&loaded.config, store, now).await);
        };
        let done = match args.which.as_deref() {
            Some(which) if !which.starts_with(WaitingChange::WORD) => {
                key(store, &idp, which, standing, now).await
            }
            word => match change(store, &args.name, word, standing, now).await {
                Ok(said) => follow(&loaded, store, &args.name, now).await.map(|()| said),
                Err(message) => Err(message),
            },
        };
        match done {
            Ok(said) => {
                output::note(&said);
                ExitCode::SUCCESS
            }
            Err(message) => {
                output::error(&message);
                ExitCode::FAILURE
            }
        }
    })
    .await
}

async fn key(
    store: &dyn Database,
    idp: &Known,
    fingerprint: &str,
    standing: Standing,
    now: Timestamp,
) -> Result<String, String> {
    let name = &idp.settings.name;
    let wanted: String = fingerprint
        .chars()
        .filter(|digit| *digit != ':' && !digit.is_whitespace())
        .map(|digit| digit.to_ascii_lowercase())
        .collect();
    if wanted.len() < LEAST_DIGITS {
        return Err(format!(
            "write at least {LEAST_DIGITS} digits of the SHA-256"
        ));
    }
    let metadata = idp.metadata.as_ref().ok();
    let mut listed = metadata.iter().flat_map(|metadata| metadata.signing_keys.iter());
    if let Some(listed) = listed.find(|key| key.fingerprint().starts_with(&wanted)) {
        let (fingerprint, what) = (
            listed.fingerprint(),
            match standing {
                Standing::Approved => "it counts already",
                _ => "as long as it is there it counts: it can not be rejected",
            },
        );
        return Err(format!(
            "{fingerprint} is in the metadata of {name}: {what}"
        ));
    }
    let seen = idp_keys::seen(store, name).await?;
    let found: Vec<SeenKey> =
        seen.into_iter().filter(|key| key.fingerprint.starts_with(&wanted)).collect();
    let [key] = found.as_slice() else {
        return Err(format!(
            "no key of {name} that was seen has the SHA-256 {wanted}"
        ));
    };
    let fingerprint = &key.fingerprint;
    if standing == Standing::Approved && !idp.is_of_now(key) {
        return Err(format!(
            "{fingerprint} was seen when {name} was {}",
            key.entity_id
        ));
    }
    let decided = store.decide_key(name, fingerprint, standing).await;
    if !decided.map_err(|error| error.detail)? {
        return Err("it was decided or forgotten meanwhile".to_owned());
    }
    let kind = match standing {
        Standing::Approved => EventKind::IdpKeyApproved,
        _ => EventKind::IdpKeyRejected,
    };
    record(
        store,
        kind,
        name,
        json!({ "fingerprint": fingerprint }),
        now,
    )
    .await?;
    Ok(match standing {
        Standing::Approved => format!(
            "{name} is believed by {fingerprint} as well, until its metadata has that key or you \
             reject it"
        ),
        _ => format!("{name} is not believed by {fingerprint}"),
    })
}

async fn change(
    store: &dyn Database,
    name: &IdpName,
    word: Option<&str>,
    standing: Standing,
    now: Timestamp,
) -> Result<String, String> {
    let waiting = idp_keys::waiting(store, name).await?;
    let waiting = waiting.ok_or_else(|| format!("no new metadata of {name} waits"))?;
    if word.is_some_and(|word| word != waiting.word()) {
        return Err(format!(
            "another change waits now: samlgate idp changes {name} shows it"
        ));
    }
    let sentences = idp_keys::sentences(&waiting);
    for sentence in &sentences {
        output::note(sentence);
    }
    let (kind, said) = if standing == Standing::Approved {
        apply(store, &waiting, now).await?;
        store.forget_waiting(name).await.map_err(|error| error.detail)?;
        let said = format!("the new metadata of {name} counts");
        (EventKind::IdpChangeApproved, said)
    } else {
        let rejected = WaitingChange { standing, ..waiting };
        store.put_waiting(&rejected).await.map_err(|error| error.detail)?;
        let said = format!("{name} stays as it was, until there is other metadata again");
        (EventKind::IdpChangeRejected, said)
    };
    record(store, kind, name, json!({ "sentences": sentences }), now).await?;
    let notice = WaitingChange::notice(name);
    Notices::clear(store, &notice, now).await.map_err(|error| error.detail)?;
    store.renewed().await.map_err(|error| error.detail)?;
    Ok(said)
}

/// What was said of keys is over when the metadata that counts now has them.
async fn follow(
    loaded: &Loaded,
    store: &dyn Database,
    name: &IdpName,
    now: Timestamp,
) -> Result<(), String> {
    let idp = idps::named(&loaded.config, store, name, now).await;
    let Some(metadata) = idp.and_then(|idp| idp.metadata.ok()) else {
        return Ok(());
    };
    let seen = idp_keys::seen(store, name).await?;
    let forgotten = forget_keys(store, &seen, name, &metadata).await;
    forgotten.map_err(|error| error.detail)
}

/// Of what was configured the copy is another one; of what was imported, the record: it may have
/// another entityID now.
async fn apply(
    store: &dyn Database,
    waiting: &WaitingChange,
    now: Timestamp,
) -> Result<(), String> {
    let detail = |error: crate::base::StoreError| error.detail;
    let records = IdpStore::list(store).await.map_err(detail)?;
    let record = records.into_iter().find(|record| {
        record.name == waiting.copy.idp && record.url.as_ref() == Some(&waiting.copy.url)
    });
    let mut copy = waiting.copy.clone();
    copy.fetched_at = now;
    store.put_copy(&copy).await.map_err(detail)?;
    let Some(record) = record else {
        return Ok(());
    };
    let settings = serde_json::from_value(record.settings.clone());
    let mut settings: ImportedSettings = settings.map_err(|error| error.to_string())?;
    settings.picked_by.clone_from(&copy.picked_by);
    let settings = serde_json::to_value(settings).map_err(|error| error.to_string())?;
    let record = ImportedIdp { settings, metadata: copy.metadata, updated_at: now, ..record };
    store.put(&record).await.map_err(detail)
}

async fn record(
    store: &dyn Database,
    kind: EventKind,
    name: &IdpName,
    detail: serde_json::Value,
    now: Timestamp,
) -> Result<(), String> {
    let event = Event { idp: Some(name.clone()), detail, ..Event::new(kind) };
    let recorded = AuditSink::record(store, &event, now).await;
    recorded.map_err(|error| error.detail)
}
