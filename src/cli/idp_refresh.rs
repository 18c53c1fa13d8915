//! `samlgate idp refresh`: fetches the metadata of an identity provider again.

use std::process::ExitCode;

use super::{NamedArgs, idps, output};
use crate::base::Clock as _;
use crate::base::clock::SystemClock;
use crate::config::Loaded;
use crate::tasks::refresh::{Outcome, refresh};
use crate::tasks::registry::{load, load_imported};
use crate::trust::{IdpStore, MetadataSource};

/// Fetches, checks, stores and prints it, and tells a running gateway. What is refused changes
/// nothing.
pub async fn run(args: NamedArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let Some(idp) = idps::named(&loaded.config, store, &args.name, now).await else {
            return idps::unknown(&args.name, &idps::all(&loaded.config, store, now).await);
        };
        if let MetadataSource::File(path) = &idp.settings.metadata {
            output::error(&format!(
                "{} is read from {} whenever the gateway starts or reloads",
                args.name,
                path.display()
            ));
            return ExitCode::FAILURE;
        }
        let outcome = ask(&args, &loaded, store).await;
        let code = match outcome {
            Ok(Outcome::Same) => {
                output::note(&format!("{} has nothing new", args.name));
                ExitCode::SUCCESS
            }
            Ok(Outcome::Applied(change)) => {
                output::note(&format!("refreshed {}", args.name));
                for sentence in change.iter().flat_map(|change| change.sentences()) {
                    output::note(&sentence);
                }
                ExitCode::SUCCESS
            }
            Ok(Outcome::Waiting(change)) => {
                output::warning("the new metadata waits until somebody has looked at it");
                for sentence in change.sentences() {
                    output::note(&sentence);
                }
                let name = &args.name;
                output::hint(&format!(
                    "samlgate idp changes {name} says how it is let count"
                ));
                ExitCode::SUCCESS
            }
            Err(message) => {
                output::error(&message);
                output::hint("nothing was changed: the metadata from before stays in use");
                return ExitCode::FAILURE;
            }
        };
        let idp = idps::named(&loaded.config, store, &args.name, now).await;
        output::data(&idp.map_or_else(String::new, |idp| idps::as_text(&idp, now)));
        code
    })
    .await
}

async fn ask(
    args: &NamedArgs,
    loaded: &Loaded,
    store: &dyn crate::store::Database,
) -> Result<Outcome, String> {
    let now = SystemClock.now();
    let is_configured = loaded.config.idps.iter().any(|idp| idp.name == args.name);
    let found = match is_configured {
        true => load(store, &loaded.config.idps).await,
        false => load_imported(store, &args.name).await,
    };
    let found = found.map_err(|error| error.detail)?;
    let source = found.sources.iter().find(|source| source.settings.name == args.name);
    let source = source.ok_or("it was imported from a file: import the new file instead")?;
    let states = store.refreshes().await.map_err(|error| error.detail)?;
    let states = states.into_iter().map(|state| (state.idp.clone(), state)).collect();
    let fetcher = idps::fetcher(&loaded.config)?;
    let (group, stores) = (vec![source.clone()], idps::stores(store));
    let results = refresh(stores, &fetcher, &group, &found.registry, &states, now).await;
    let results = results.map_err(|error| error.detail)?;
    let (_, result) = results.into_iter().next().ok_or("nothing was asked")?;
    if !matches!(result, Ok(Outcome::Same)) {
        IdpStore::renewed(store).await.map_err(|error| error.detail)?;
    }
    result.map_err(|error| format!("{error} ({})", error.code()))
}
