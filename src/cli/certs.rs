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
use crate::trust::{IdpSettings, MetadataSource};
use crate::watch::notices::trap;
use crate::watch::{Expiry, Sources, Standing, Thresholds, What, by_urgency, expiries};

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
    let thresholds = match thresholds(args) {
        Ok(thresholds) => thresholds,
        Err(message) => return unknown(&message, args.json),
    };
    // Not as for other commands: to monitoring 1 is a warning.
    let Ok(loaded) = super::load(&args.file) else {
        return unknown(
            "the configuration is wrong: samlgate config check",
            args.json,
        );
    };
    let (mut report, now) = match super::within_runtime(async {
        let now = SystemClock.now();
        (look(&loaded.config, now).await, now)
    }) {
        Ok(done) => done,
        Err(error) => return unknown(&error, args.json),
    };
    by_urgency(&mut report.expiries, thresholds, now);
    let status = status(&report, thresholds, now);
    // A reader that is gone changes nothing of how things are.
    let _ = match args.json {
        true => output::json(&as_json(&report, status, thresholds, now)),
        false => output::data(&as_text(&report, status, thresholds, now)),
    };
    status.exit_code()
}

/// What somebody typed can not be understood: to monitoring, nobody knows how things are.
pub(super) fn misused(error: &clap::Error, is_json: bool) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = error.print();
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    unknown(first.trim_start_matches("error: "), is_json)
}

/// Nothing could be looked at.
fn unknown(why: &str, is_json: bool) -> ExitCode {
    let _ = match is_json {
        true => output::json(&json!({
            "status": Status::Unknown.word().to_ascii_lowercase(),
            "expiries": [],
            "remarks": [],
            "unknown": [why],
        })),
        false => output::data(&format!("CERTS UNKNOWN - {}\n", plain(why))),
    };
    Status::Unknown.exit_code()
}

fn thresholds(args: &CertsArgs) -> Result<Thresholds, String> {
    let time = |flag: &str, text: &str| {
        parse_duration(text).ok_or_else(|| {
            format!(
                "--{flag} {text} is not a time: write a number with its unit, such as --{flag} 14d"
            )
        })
    };
    let (warn, critical) = (&args.warn, &args.critical);
    let thresholds = Thresholds {
        warn: time("warn", warn)?,
        critical: time("critical", critical)?,
    };
    if thresholds.critical > thresholds.warn {
        return Err(format!(
            "--critical {critical} is longer than --warn {warn}: what is critical has to be nearer, \
             such as --warn 30d --critical 7d"
        ));
    }
    Ok(thresholds)
}

async fn look(config: &Config, now: Timestamp) -> Report {
    let routes = Routes::new(config.routes.clone());
    let server = config.server.tls.as_ref().map(|tls| tls.certificate.clone());
    let files = WatchedFiles::new(
        config.keys.settings.clone(),
        config.keys.policy,
        server,
        &routes,
    );
    let (files, mut unknown) = files.read();
    if config.database.is_still_to_be_made() {
        unknown.push(format!("database {} is not there yet", config.database));
        return look_without(config, files, unknown, now).await;
    }
    match config.database.open_to_read().await {
        Ok(store) => {
            let report = look_with(config, &*store, files, unknown, now).await;
            store.close().await;
            report
        }
        Err(error) => {
            unknown.push(config.database.complaint(&error));
            look_without(config, files, unknown, now).await
        }
    }
}

/// Without the database: those of the configuration whose metadata is in a file.
async fn look_without(
    config: &Config,
    files: Sources<'static>,
    mut unknown: Vec<String>,
    now: Timestamp,
) -> Report {
    let mut readable = Vec::new();
    for settings in &config.idps {
        let MetadataSource::File(path) = &settings.metadata else {
            continue;
        };
        let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string());
        let metadata = bytes.and_then(|bytes| {
            let read = settings.read(&bytes, settings.entity_id.as_deref(), Timestamp::EPOCH);
            read.map_err(|error| error.to_string())
        });
        match metadata {
            Ok(metadata) => readable.push((settings, metadata)),
            Err(error) if settings.enabled => {
                unknown.push(format!("metadata of {}: {error}", settings.name));
            }
            Err(_) => {}
        }
    }
    let readable: Vec<_> =
        readable.iter().map(|(settings, metadata)| (*settings, metadata)).collect();
    report(&readable, files, unknown, now)
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
    let nearest = report.expiries.first().map_or_else(String::new, |expiry| {
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
        let left = expiry.days_left(now);
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
