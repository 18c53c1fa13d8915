//! `samlgate demo`: everything on this machine, to try it.

use std::process::ExitCode;

use clap::Args;

use super::output;

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The port of the gateway on loopback; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
}

/// Runs until it is told to stop.
pub async fn run(args: DemoArgs) -> ExitCode {
    let DemoArgs { port: _ } = args;
    output::error("demo is not available in this version");
    ExitCode::FAILURE
}
