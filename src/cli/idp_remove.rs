//! `samlgate idp remove`: forgets an imported identity provider.

use std::process::ExitCode;

use super::{NamedArgs, idps, output};
use crate::audit::{Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, StoreError};
use crate::config::Loaded;
use crate::store::Database;

/// Removes it; people who signed in by it stay signed in until their sessions end.
pub async fn run(args: NamedArgs, loaded: Loaded) -> ExitCode {
    if loaded.config.idps.iter().any(|idp| idp.name == args.name) {
        output::error(&format!(
            "{} is in the configuration file: remove its [[idp]] there",
            args.name
        ));
        return ExitCode::FAILURE;
    }
    idps::with_store(&loaded.config, async |store| {
        match remove(store, &args).await {
            Ok(true) => {
                output::note(&format!(
                    "removed {}; sessions that it opened go on until they end",
                    args.name
                ));
                ExitCode::SUCCESS
            }
            Ok(false) => {
                let known = idps::all(&loaded.config, store, SystemClock.now()).await;
                idps::unknown(&args.name, &known)
            }
            Err(error) => {
                output::error(&error.detail);
                ExitCode::FAILURE
            }
        }
    })
    .await
}

async fn remove(store: &dyn Database, args: &NamedArgs) -> Result<bool, StoreError> {
    let removed = store.remove(&args.name).await?;
    if removed {
        let event = Event {
            idp: Some(args.name.clone()),
            ..Event::new(EventKind::IdpRemoved)
        };
        store.record(&event, SystemClock.now()).await?;
    }
    Ok(removed)
}
