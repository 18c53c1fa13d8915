//! `samlgate serve`: runs the gateway.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, load, output};

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Serves until it is told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    let loaded = match load(&args.file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    output::warnings(&loaded.warnings);
    output::error("serve is not available in this version");
    ExitCode::FAILURE
}
