//! `samlgate demo`: everything on this machine, to try it.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::output;
use crate::demo;
use crate::telemetry::{self, LogFormat};

/// What is worth seeing: the steps of a sign-in, and whatever goes wrong.
const LOG: &str = "warn,samlgate::http::sso=info";

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The port of the gateway on loopback; the identity provider has the next one. 0 takes free
    /// ones.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
}

/// Runs until it is told to stop.
pub async fn run(args: DemoArgs) -> ExitCode {
    let filter = std::env::var_os("RUST_LOG").filter(|filter| !filter.is_empty());
    let filter = filter.map_or_else(
        || LOG.into(),
        |filter| filter.to_string_lossy().into_owned(),
    );
    let metrics = telemetry::start_log(LogFormat::Text, &filter, output::is_terminal())
        .and_then(|()| telemetry::start_metrics());
    let metrics = match metrics {
        Ok(metrics) => metrics,
        Err(error) => {
            output::error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
        output::error("the system gives no signals");
        return ExitCode::FAILURE;
    };
    let demo = match demo::start(args.port, metrics).await {
        Ok(demo) => demo,
        Err(error) => {
            output::error(&error.to_string());
            if let Some(address) = error.taken() {
                output::hint(&format!(
                    "another program listens on {address}: stop it, or try samlgate demo --port {}",
                    args.port.wrapping_add(100)
                ));
            }
            return ExitCode::FAILURE;
        }
    };
    output::data(&demo.welcome());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    match demo.stop().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&format!("the temporary folder stays behind: {error}"));
            ExitCode::FAILURE
        }
    }
}
