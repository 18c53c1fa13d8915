//! `samlgate idp list`: every identity provider.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, output};
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
    let (_, _) = (args, loaded);
    output::error("idp list is not available in this version");
    ExitCode::FAILURE
}
