//! `samlgate serve`: runs the gateway.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigFile, load, output};
use crate::config::{self, Effective, Sources};
use crate::serve::{Running, StartError, start};
use crate::telemetry;

/// How often the configuration file is looked at. Reading its age costs nothing, works on every
/// file system, and sees the symbolic links that Kubernetes swaps.
const LOOK: Duration = Duration::from_secs(2);

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
    let format = loaded.config.telemetry.log;
    // The name that every program over `tracing` knows; `info` without it.
    let filter = std::env::var_os("RUST_LOG").unwrap_or_default();
    let filter = filter.to_string_lossy();
    if let Err(error) = telemetry::start_log(format, &filter, output::is_terminal()) {
        output::error(&error.to_string());
        return ExitCode::FAILURE;
    }
    let metrics = match telemetry::start_metrics() {
        Ok(metrics) => metrics,
        Err(error) => {
            output::error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    // Before anybody can see that we run: a SIGHUP that nobody waits for ends the program.
    let Some(signals) = Signals::listen() else {
        output::error("the system gives no signals");
        return ExitCode::FAILURE;
    };
    let public_url = loaded.config.sp.public_url.clone();
    let running = match start(loaded.config, metrics).await {
        Ok(running) => running,
        Err(error) => return refuse(&error),
    };
    for address in &running.addresses {
        tracing::info!(%address, %public_url, admin = %running.admin, "listening");
    }
    let watched = Watched {
        file: loaded.file,
        chosen: args.file.config,
        values: loaded.values,
    };
    until_told(running, watched, signals).await
}

/// Says why the gateway does not start.
pub fn refuse(error: &StartError) -> ExitCode {
    output::error(&error.to_string());
    if let Some(address) = error.taken() {
        output::hint(&format!(
            "another program listens on {address}: stop it, or choose another port"
        ));
    }
    ExitCode::FAILURE
}

/// What may change while the gateway runs.
struct Watched {
    file: PathBuf,
    chosen: Option<PathBuf>,
    values: Vec<Effective>,
}

/// What the system may tell us.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Option<Self> {
        let hear = |kind| signal(kind).ok();
        Some(Self {
            hangup: hear(SignalKind::hangup())?,
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }
}

/// Reloads on SIGHUP and on a changed file; stops on SIGTERM and SIGINT.
async fn until_told(mut running: Running, watched: Watched, signals: Signals) -> ExitCode {
    let Watched { file, chosen, values } = watched;
    let certificate = running.certificate_files();
    let Signals { mut hangup, mut terminate, mut interrupt } = signals;
    let ages = || certificate.iter().map(|file| age(file)).collect::<Vec<_>>();
    let (mut seen, mut certificate_seen) = (age(&file), ages());
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = tokio::time::sleep(LOOK) => {
                if age(&file) == seen {
                    let ages = ages();
                    if ages != certificate_seen {
                        certificate_seen = ages;
                        running.reload_certificate();
                    }
                    continue;
                }
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
        seen = age(&file);
        match config::load(&Sources::of_process(chosen.clone())) {
            Ok(loaded) => {
                let waiting = config::waiting_for_restart(&values, &loaded.values);
                running.reload(loaded.config, &waiting).await;
            }
            Err(problems) => running.keep_configuration(&problems.to_string()).await,
        }
    }
    tracing::info!("stopping");
    // Whoever says it twice is in a hurry.
    tokio::select! {
        () = tokio::time::sleep(running.announce_stop()) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    ExitCode::SUCCESS
}

/// When the file was changed, and how long it is; `None` while it is not there.
fn age(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
