//! `samlgate idp list`: every identity provider.

use std::process::ExitCode;

use clap::Args;

use super::output::Table;
use super::{ConfigFile, idps, output};
use crate::base::Clock as _;
use crate::base::clock::SystemClock;
use crate::config::Loaded;

/// Arguments of `idp list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints a table, or JSON.
pub async fn run(args: ListArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let known = idps::all(&loaded.config, store, now).await;
        if args.json {
            return output::json(&known.iter().map(|idp| idps::as_json(idp, now)).collect());
        }
        if known.is_empty() {
            output::note("there is no identity provider yet");
            output::hint("samlgate idp import URL|FILE adds one");
            return ExitCode::SUCCESS;
        }
        let mut table = Table::new(&["NAME", "LABEL", "VENDOR", "ENTITYID", "KEYS", "ORIGIN", ""]);
        for idp in &known {
            let settings = &idp.settings;
            let state = match (settings.enabled, settings.default) {
                (false, _) => "off",
                (true, true) => "default",
                (true, false) => "",
            };
            let failing = idp.refresh.as_ref().filter(|state| state.result != "ok");
            let notes = [state.to_owned()]
                .into_iter()
                .chain(failing.map(|failing| failing.result.clone()))
                .chain(idp.waiting.iter().map(|what| format!("{what} to approve")))
                .filter(|note| !note.is_empty());
            let state = notes.collect::<Vec<_>>().join(", ");
            let (vendor, entity_id, keys) = match &idp.metadata {
                Ok(metadata) => {
                    let nearest =
                        metadata.signing_keys.iter().map(|key| key.not_after().days_left(now));
                    let nearest = nearest.max().unwrap_or_default();
                    let count = metadata.signing_keys.len();
                    let keys = format!("{count}, {nearest} days left");
                    (metadata.vendor.as_str(), metadata.entity_id.clone(), keys)
                }
                Err(error) => ("", error.clone(), String::new()),
            };
            table.row([
                settings.name.as_str(),
                idp.label(),
                vendor,
                &entity_id,
                &keys,
                idp.origin,
                &state,
            ]);
        }
        output::data(&table.to_string())
    })
    .await
}
