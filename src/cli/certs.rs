//! `samlgate certs`: everything that runs out, for people and for monitoring.
//!
//! It reads what the gateway reads, and needs no gateway that runs. Its exit codes and its first line
//! are those of monitoring plugins: 0 fine, 1 warning, 2 critical, 3 unknown.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::output::Table;
use super::{ConfigFile, idps, output};
use crate::access::Routes;
use crate::app::WatchedFiles;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp};
use crate::config::{Config, parse_duration};
use crate::saml::metadata::IdpMetadata;
use crate::store::Database;
use crate::trust::IdpSettings;
use crate::watch::notices::trap;
use crate::watch::{Expiry, Sources, Standing, Thresholds, What, expiries};

/// Arguments of `certs`.
#[derive(Args, Debug)]
pub struct CertsArgs {
    /// Warn of what ends within this.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub warn: String,
    /// What ends within this is critical.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub critical: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// What was found out.
struct Report {
    expiries: Vec<Expiry>,
    /// What is worth a sentence of its own.
    remarks: Vec<String>,
    /// What could not be looked at.
    unknown: Vec<String>,
}

/// Prints the list; the exit code says the worst of it.
pub(super) fn run(args: &CertsArgs) -> ExitCode {
    let Some(thresholds) = thresholds(args) else {
        let line = "CERTS UNKNOWN - --warn and --critical are times such as 30d, and --critical is \
                    the shorter one\n";
        output::data(line);
        return Status::Unknown.exit_code();
    };
    // Not `super::load`: to monitoring 1 is a warning.
    let Ok(loaded) = super::load(&args.file) else {
        output::data("CERTS UNKNOWN - the configuration is wrong: samlgate config check\n");
        return Status::Unknown.exit_code();
    };
    let (report, now) = match super::within_runtime(async {
        let now = SystemClock.now();
        (look(&loaded.config, now).await, now)
    }) {
        Ok(done) => done,
        Err(error) => {
            output::data(&format!("CERTS UNKNOWN - {error}\n"));
            return Status::Unknown.exit_code();
        }
    };
    let status = status(&report, thresholds, now);
    // A reader that is gone changes nothing of how things are.
    let _ = match args.json {
        true => output::json(&as_json(&report, status, thresholds, now)),
        false => output::data(&as_text(&report, status, thresholds, now)),
    };
    status.exit_code()
}

fn thresholds(args: &CertsArgs) -> Option<Thresholds> {
    let thresholds = Thresholds {
        warn: parse_duration(&args.warn)?,
        critical: parse_duration(&args.critical)?,
    };
    (thresholds.critical <= thresholds.warn).then_some(thresholds)
}

async fn look(config: &Config, now: Timestamp) -> Report {
    let routes = Routes::new(config.routes.clone());
    let server = config.server.tls.as_ref().map(|tls| tls.certificate.clone());
    let files = WatchedFiles::new(config.keys.settings.clone(), server, &routes);
    let (files, mut unknown) = files.read();
    if config.database.is_still_to_be_made() {
        unknown.push(format!("database {} is not there yet", config.database));
        return report(&[], files, unknown, now);
    }
    match config.database.open_to_read().await {
        Ok(store) => {
            let report = look_with(config, &*store, files, unknown, now).await;
            store.close().await;
            report
        }
        Err(error) => {
            unknown.push(config.database.complaint(&error));
            report(&[], files, unknown, now)
        }
    }
}

async fn look_with(
    config: &Config,
    store: &dyn Database,
    files: Sources<'static>,
    mut unknown: Vec<String>,
    now: Timestamp,
) -> Report {
    // As at any time, so that also what has ended is seen.
    let known = idps::all(config, store, Timestamp::EPOCH).await;
    let mut readable = Vec::new();
    for idp in &known {
        match &idp.metadata {
            Ok(metadata) => readable.push((&idp.settings, metadata)),
            Err(error) if idp.settings.enabled => {
                unknown.push(format!("metadata of {}: {error}", idp.settings.name));
            }
            Err(_) => {}
        }
    }
    let mut files = files;
    match (store.tokens(None).await, store.keys(None).await) {
        (Ok(tokens), Ok(keys)) => {
            files.tokens = tokens;
            files.keys = keys;
        }
        (Err(error), _) | (_, Err(error)) => unknown.push(config.database.complaint(&error)),
    }
    report(&readable, files, unknown, now)
}

fn report(
    idps: &[(&IdpSettings, &IdpMetadata)],
    files: Sources<'static>,
    unknown: Vec<String>,
    now: Timestamp,
) -> Report {
    let traps = idps.iter().filter_map(|(settings, metadata)| trap(settings, metadata, now));
    let remarks = traps.map(|trap| format!("{}; {}", trap.text, trap.advice)).collect();
    let sources = Sources { idps: idps.to_vec(), ..files };
    Report { expiries: expiries(&sources, now), remarks, unknown }
}

/// The state of a monitoring plugin, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Fine,
    Unknown,
    Warning,
    Critical,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Fine => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        })
    }
}

fn status(report: &Report, thresholds: Thresholds, now: Timestamp) -> Status {
    let worst = report.expiries.iter().map(|expiry| expiry.standing(thresholds, now)).max();
    let of_list = match worst {
        Some(Standing::Critical) => Status::Critical,
        Some(Standing::Warning) => Status::Warning,
        Some(Standing::Fine) | None => Status::Fine,
    };
    let of_others = match report.unknown.is_empty() {
        true => Status::Fine,
        false => Status::Unknown,
    };
    of_list.max(of_others)
}

fn as_text(report: &Report, status: Status, thresholds: Thresholds, now: Timestamp) -> String {
    let mut text = format!(
        "CERTS {} - {}",
        status.word(),
        summary(report, thresholds, now)
    );
    let _ = writeln!(text, "{}", performance(report, thresholds, now));
    if !report.expiries.is_empty() {
        let mut table = Table::new(&["", "OWNER", "USE", "ENDS", "", "SUBJECT", "FINGERPRINT"]);
        for expiry in &report.expiries {
            let digits: String = expiry.fingerprint.chars().take(16).collect();
            let digits = if expiry.what.is_certificate() {
                digits
            } else {
                String::new()
            };
            table.row([
                expiry.standing(thresholds, now).as_str(),
                &expiry.owner,
                &expiry.key_use,
                &expiry.not_after.to_saml(),
                &expiry.days(now),
                &expiry.subject,
                &digits,
            ]);
        }
        let _ = write!(text, "{table}");
    }
    let urgent = report.expiries.iter();
    for expiry in urgent.filter(|expiry| expiry.standing(thresholds, now) > Standing::Fine) {
        let (owner, key_use) = (&expiry.owner, &expiry.key_use);
        let _ = writeln!(text, "{owner} {key_use}: {}", plain(&expiry.remedy));
    }
    for remark in report.remarks.iter().chain(&report.unknown) {
        let _ = writeln!(text, "{}", plain(remark));
    }
    text
}

/// To a plugin's reader `|` begins the numbers.
fn plain(text: &str) -> String {
    output::clean(text).replace(['|', '\n'], " ")
}

fn summary(report: &Report, thresholds: Thresholds, now: Timestamp) -> String {
    let all = report.expiries.len();
    let count = |standing: Standing| {
        let fits = |expiry: &&Expiry| expiry.standing(thresholds, now) == standing;
        report.expiries.iter().filter(fits).count()
    };
    let mut parts = Vec::new();
    for (count, word) in [
        (count(Standing::Critical), "critical"),
        (count(Standing::Warning), "warning"),
        (report.unknown.len(), "unknown"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let nearest = report.expiries.iter().max_by_key(|expiry| {
        (
            expiry.standing(thresholds, now),
            std::cmp::Reverse(expiry.not_after),
        )
    });
    let nearest = nearest.map_or_else(String::new, |expiry| {
        let (owner, key_use) = (&expiry.owner, &expiry.key_use);
        format!(": {} {} {}", plain(owner), plain(key_use), expiry.days(now))
    });
    match parts.is_empty() {
        true => format!("{all} watched{nearest}"),
        false => format!("{} of {all}{nearest}", parts.join(", ")),
    }
}

/// `|'nearest'=12;30:;7: …`, in days.
fn performance(report: &Report, thresholds: Thresholds, now: Timestamp) -> String {
    let days = |time: Duration| time.as_secs() / 86_400;
    let (warn, critical) = (days(thresholds.warn), days(thresholds.critical));
    let mut text = String::new();
    for (place, expiry) in report.expiries.iter().enumerate() {
        // Of anything else there is one.
        let is_one_of_several = expiry.what.is_certificate() || expiry.what == What::ScimToken;
        let digits = expiry.fingerprint.chars().take(if is_one_of_several { 8 } else { 0 });
        let label = format!(
            "{} {} {}",
            expiry.owner,
            expiry.key_use,
            digits.collect::<String>()
        );
        let label = plain(label.trim_end()).replace(['\'', '='], "_");
        let begin = if place == 0 { " |" } else { "" };
        let left = expiry.not_after.days_left(now);
        let _ = write!(text, "{begin} '{label}'={left};{warn}:;{critical}:");
    }
    text
}

fn as_json(
    report: &Report,
    status: Status,
    thresholds: Thresholds,
    now: Timestamp,
) -> serde_json::Value {
    let all = report.expiries.iter().map(|expiry| expiry.to_json(thresholds, now));
    json!({
        "status": status.word().to_ascii_lowercase(),
        "warn_days": thresholds.warn.as_secs() / 86_400,
        "critical_days": thresholds.critical.as_secs() / 86_400,
        "expiries": all.collect::<Vec<_>>(),
        "remarks": report.remarks,
        "unknown": report.unknown,
    })
}
