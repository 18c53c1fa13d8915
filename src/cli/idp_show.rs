//! `samlgate idp show`: one identity provider.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, idp_name, idps, output};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName};
use crate::config::Loaded;

/// Arguments of `idp show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
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

/// Prints everything about it; fails when there is none of this name.
pub async fn run(args: ShowArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let Some(idp) = idps::named(&loaded.config, store, &args.name, now).await else {
            return idps::unknown(&args.name, &idps::all(&loaded.config, store, now).await);
        };
        if args.json {
            return output::json(&idps::as_json(&idp, now));
        }
        output::data(&idps::as_text(&idp, now))
    })
    .await
}
