//! `samlgate audit`: what happened, and whether the record of it is whole.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::stores::{Stop, Stores, count, with_stores};
use super::user::Progress;
use super::{ConfigFile, output};
use crate::audit::{Chain, EventKind, RecordedEvent};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp, entropy};
use crate::config::{Loaded, parse_duration};

/// Arguments of `audit`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// How far back: 24h, 7d, a date, a moment (2026-11-21T12:00:00Z), or all.
    #[arg(long, value_name = "WHEN", default_value = "24h", value_parser = since)]
    since: Since,
    /// Events of this type alone: login.refused; or of all that begin so: login. Several times for
    /// several types.
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kinds: Vec<String>,
    /// Read the whole chain and compute every hash again, instead of printing events.
    #[arg(long, conflicts_with_all = ["since", "kinds"])]
    verify: bool,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

impl AuditArgs {
    /// Which configuration file.
    pub(super) const fn file(&self) -> &ConfigFile {
        match &self.command {
            Some(AuditCommand::Prune(args)) => &args.file,
            None => &self.file,
        }
    }
}

/// `audit …`
#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Remove old events from the beginning of the chain, which says so and stays verifiable.
    ///
    /// Without --yes it only says how many. `audit.keep` in the configuration does it each hour.
    #[command(after_help = "Examples:\n  samlgate audit prune --before 730d\n  \
                            samlgate audit prune --before 2025-01-01 --yes")]
    Prune(PruneArgs),
}

/// Arguments of `audit prune`.
#[derive(Args, Debug)]
struct PruneArgs {
    /// What is older goes: 730d, a date, a moment (2026-11-21T12:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = since)]
    before: Since,
    /// Yes, remove them; they do not come back.
    #[arg(long)]
    yes: bool,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// `--since`
#[derive(Clone, Copy, Debug)]
enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.minus(duration),
            Self::At(at) => at,
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    if text == "all" {
        return Ok(Since::At(Timestamp::EPOCH));
    }
    let at = || Timestamp::parse_moment(text).map(Since::At);
    parse_duration(text)
        .map(Since::Ago)
        .or_else(at)
        .ok_or_else(|| "write 24h, 7d, 2026-11-21, 2026-11-21T12:00:00Z, or all".to_owned())
}

/// A word that some type begins with, up to a dot or an underscore.
fn kind(text: &str) -> Result<String, String> {
    if EventKind::ALL.iter().any(|kind| is_of(kind.as_str(), text)) {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    Err(format!("there is {}", known.join(", ")))
}

fn is_of(kind: &str, wanted: &str) -> bool {
    kind.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
}

/// Prints JSON lines, the oldest first.
pub(super) async fn run(args: AuditArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        if let Some(AuditCommand::Prune(args)) = &args.command {
            return prune(stores, args, now).await;
        }
        if args.verify {
            return verify(stores).await;
        }
        print(stores, args.since.at(now), &args.kinds).await
    })
    .await
}

/// As many are asked for at once.
const PAGE: u32 = 1000;

async fn print(stores: &Stores, since: Timestamp, kinds: &[String]) -> Result<ExitCode, Stop> {
    let mut after = 0;
    loop {
        let events = stores.audit.events(since, after, PAGE).await?;
        let Some(last) = events.last() else {
            return Ok(ExitCode::SUCCESS);
        };
        after = last.sequence;
        let wanted = |event: &&RecordedEvent| {
            kinds.is_empty() || kinds.iter().any(|kind| is_of(&event.kind, kind))
        };
        let mut lines = String::new();
        for event in events.iter().filter(wanted) {
            lines.push_str(&event.line());
            lines.push('\n');
        }
        let code = output::data(&lines);
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
}

async fn prune(stores: &Stores, args: &PruneArgs, now: Timestamp) -> Result<ExitCode, Stop> {
    let before = args.before.at(now);
    let told = before.to_rfc3339();
    let older = stores.audit.older(before).await?;
    if !args.yes {
        let events = older.map_or(0, |older| older.events);
        output::note(&format!(
            "{} of before {told} would be removed",
            many(events)
        ));
        output::hint("add --yes to remove them; samlgate audit prints them first");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(older) = older {
        stores.audit.prune(older.last, now).await?;
    }
    let mut removed = 0_u64;
    {
        let progress = Progress::new("removed");
        loop {
            let some = stores.audit.remove_pruned().await?;
            if some == 0 {
                break;
            }
            removed = removed.saturating_add(some);
            let of = older.and_then(|older| usize::try_from(older.events).ok());
            progress.at(usize::try_from(removed).unwrap_or(usize::MAX), of);
        }
    }
    output::note(&format!("removed {} of before {told}", many(removed)));
    Ok(ExitCode::SUCCESS)
}

fn many(events: u64) -> String {
    count(usize::try_from(events).unwrap_or(usize::MAX), "event")
}

async fn verify(stores: &Stores) -> Result<ExitCode, Stop> {
    match stores.audit.verify().await? {
        Chain::Whole { events, head, pruned, erased } => {
            let head = entropy::hex(&head);
            output::note(
                "nothing was changed or removed; keep events and head elsewhere to see whether \
                 the end is cut off later",
            );
            let found = json!({
                "whole": true, "events": events, "head": head, "pruned": pruned, "erased": erased,
            });
            Ok(output::data(&format!("{found}\n")))
        }
        Chain::Broken { sequence } => {
            let found = json!({ "whole": false, "broken_at": sequence });
            output::data(&format!("{found}\n"));
            Err(Stop::new(format!(
                "the record can not be trusted from event {sequence} on: it was changed or removed"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_word_or_what_it_begins_with() {
        for good in [
            "login",
            "login.refused",
            "user_create_provision",
            "user",
            "idm_integration",
        ] {
            assert!(kind(good).is_ok(), "{good}");
        }
        for bad in ["", "log", "login.", "login.refuse", "LOGIN"] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }
}
