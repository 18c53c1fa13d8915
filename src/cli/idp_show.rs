//! `samlgate idp show`: one identity provider.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, idp_name, output};
use crate::base::IdpName;
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
    let (_, _) = (args, loaded);
    output::error("idp show is not available in this version");
    ExitCode::FAILURE
}
