//! `samlgate idp refresh`: fetches the metadata of an identity provider again.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{ConfigFile, idp_keys, idp_name, idps, output};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName};
use crate::config::Loaded;
use crate::saml::metadata::MetadataChange;
use crate::store::Database;
use crate::tasks::refresh::{Outcome, refresh};
use crate::tasks::registry::{load, load_imported};
use crate::trust::{IdpStore, MetadataSource, Standing};

/// Arguments of `idp refresh`.
#[derive(Args, Clone, Debug)]
pub struct RefreshArgs {
    /// The short name of the identity provider.
    #[arg(value_name = "NAME", value_parser = idp_name)]
    pub name: IdpName,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Fetches, checks, stores and prints it, and tells a running gateway. What is refused changes
/// nothing.
pub async fn run(args: RefreshArgs, loaded: Loaded) -> ExitCode {
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
        let (word, sentences) = match outcome {
            Ok(Outcome::Same) => {
                output::note(&format!("{} has nothing new", args.name));
                ("same", Vec::new())
            }
            Ok(Outcome::Applied(change)) => {
                output::note(&format!("refreshed {}", args.name));
                let sentences = change.iter().flat_map(MetadataChange::sentences);
                ("applied", told(sentences.collect()))
            }
            Ok(Outcome::Waiting(change)) => waits(store, &args.name, &change).await,
            Err(message) => {
                output::error(&message);
                output::hint("nothing was changed: the metadata from before stays in use");
                return ExitCode::FAILURE;
            }
        };
        let idp = idps::named(&loaded.config, store, &args.name, now).await;
        if args.json {
            let idp = idp.map_or(Value::Null, |idp| idps::as_json(&idp, now));
            return output::json(&json!({ "result": word, "changes": sentences, "idp": idp }));
        }
        output::data(&idp.map_or_else(String::new, |idp| idps::as_text(&idp, now)))
    })
    .await
}

fn told(sentences: Vec<String>) -> Vec<String> {
    for sentence in &sentences {
        output::note(sentence);
    }
    sentences
}

/// The new metadata does not count: nobody has looked at it, or somebody who did not want it.
async fn waits(
    store: &dyn Database,
    name: &IdpName,
    change: &MetadataChange,
) -> (&'static str, Vec<String>) {
    let waiting = idp_keys::waiting(store, name).await.ok().flatten();
    let rejected = waiting.filter(|waiting| waiting.standing == Standing::Rejected);
    if let Some(rejected) = rejected {
        output::note(&format!(
            "{name} stays as it was: somebody has rejected what is new in its metadata"
        ));
        let sentences = told(change.sentences().collect());
        output::hint(&format!(
            "samlgate idp approve {name} {} lets it count after all",
            rejected.word()
        ));
        return ("rejected", sentences);
    }
    output::warning("the new metadata waits until somebody has looked at it");
    let sentences = told(change.sentences().collect());
    output::hint(&format!(
        "samlgate idp changes {name} says how it is let count"
    ));
    ("waiting", sentences)
}

async fn ask(args: &RefreshArgs, loaded: &Loaded, store: &dyn Database) -> Result<Outcome, String> {
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
