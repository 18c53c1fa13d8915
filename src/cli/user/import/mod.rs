//! `samlgate user import`: people from a file.
//!
//! In: rows, each with what it says of one person. Out: what became of each. The promises: a row is
//! done whole or not at all; whoever could be meant by two rows, or two people by one row, is left
//! as they are and named with the line; what was so already is not written.

mod groups;
mod person;
mod rows;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Format, Progress};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName};
use crate::cli::output::Table;
use crate::cli::scim::{connection_name, find_connection};
use crate::cli::stores::{Stop, Stores, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;
use crate::directory::{Actor, Connection};
use crate::scim::Catalogue;
use crate::scim::fold::fold;

use groups::Memberships;
use person::{Fate, Importer, Kind};
use rows::{Conflict, Row};

/// Arguments of `user import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ImportArgs {
    /// The file; - for standard input.
    #[arg(value_name = "FILE")]
    source: String,
    /// Its form; that of its name without it, CSV where that says nothing.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Among whose people they are; the only connection, where there is one alone.
    #[arg(long, value_name = "NAME", value_parser = connection_name)]
    connection: Option<ConnectionName>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a report; exits with 1 when a row was not done.
pub(super) async fn run(args: ImportArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let connection = connection(stores, args.connection.as_ref()).await?;
        let catalogue = Arc::new(loaded.config.scim.catalogue.clone());
        let text = read(&args.source)?;
        let rows = match Format::of(args.format, &args.source) {
            Format::Csv => rows::of_csv(&text, &catalogue),
            Format::Json => rows::of_json(&text, &catalogue),
        };
        let rows = rows.map_err(|error| error.within(&args.source))?;
        let report = import(stores, &connection, catalogue, rows, args.dry_run).await?;
        for conflict in &report.conflicts {
            output::error(&conflict.within(&args.source));
        }
        let printed = match args.json {
            true => output::json(&report.as_json(args.dry_run)),
            false => output::data(&report.as_text()),
        };
        if args.dry_run {
            output::note("nothing was changed: --dry-run");
        }
        match report.conflicts.is_empty() {
            true => Ok(printed),
            false => Ok(ExitCode::FAILURE),
        }
    })
    .await
}

async fn connection(stores: &Stores, name: Option<&ConnectionName>) -> Result<Connection, Stop> {
    if let Some(name) = name {
        return find_connection(stores, name).await;
    }
    let mut all = stores.connections.connections().await?;
    let names: Vec<String> = all.iter().map(|connection| connection.name.to_string()).collect();
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Stop::usage(
            "there are several connections: add --connection NAME",
        )
        .hint(format!("there is {}", names.join(", ")))),
        (None, _) => Err(
            Stop::new("there is no connection that these people could be of")
                .hint("samlgate scim token create NAME makes one"),
        ),
    }
}

fn read(source: &str) -> Result<String, Stop> {
    let bytes = match source {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        file => std::fs::read(file),
    };
    let bytes = bytes.map_err(|error| Stop::new(format!("{source}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        Stop::new(format!("{source}:{line}: this is not UTF-8"))
            .hint("spreadsheets call it \"CSV UTF-8\"")
    })
}

/// What became of all rows.
#[derive(Debug, Default)]
struct Report {
    created: usize,
    changed: usize,
    unchanged: usize,
    groups: Vec<String>,
    conflicts: Vec<Conflict>,
}

/// As many rows are under way at once: the store writes those of one moment together.
const AT_ONCE: usize = 128;

async fn import(
    stores: &Stores,
    connection: &Connection,
    catalogue: Arc<Catalogue>,
    rows: Vec<Result<Row, Conflict>>,
    dry_run: bool,
) -> Result<Report, Stop> {
    let mut report = Report::default();
    let rows = each_once(rows, &mut report.conflicts);
    let all = rows.len();
    let importer = Arc::new(Importer {
        provisioning: stores.provisioning.clone(),
        actor: Actor {
            connection: connection.clone(),
            token: "command line".to_owned(),
            client: None,
            request_id: None,
            guard: None,
        },
        catalogue,
        dry_run,
        now: SystemClock.now(),
    });
    let progress = Progress::new(if dry_run { "looked at" } else { "imported" });
    let mut memberships = Memberships::default();
    let mut rows = rows.into_iter();
    let mut under_way = JoinSet::new();
    let mut done = 0_usize;
    loop {
        for row in rows.by_ref().take(AT_ONCE.saturating_sub(under_way.len())) {
            let importer = Arc::clone(&importer);
            under_way.spawn(async move {
                let fate = importer.one(&row).await;
                (row, fate)
            });
        }
        let Some(joined) = under_way.join_next().await else {
            break;
        };
        let (row, fate) = joined.map_err(|error| Stop::new(error.to_string()))?;
        done = done.saturating_add(1);
        if done.is_multiple_of(AT_ONCE) {
            progress.at(done, Some(all));
        }
        match fate? {
            Fate::Conflict(what) => report.conflicts.push(row.conflict(what)),
            Fate::Known { id, kind, groups } => {
                let other = memberships.note(&row, id.as_ref(), &groups);
                report.count(if other { kind.at_least_changed() } else { kind });
            }
        }
    }
    let memberships = memberships.write(&importer).await?;
    drop(progress);
    report.groups = memberships.made;
    for (name, what) in memberships.refused {
        report
            .conflicts
            .push(Conflict { line: None, user_name: format!("group {name}"), what });
    }
    report.conflicts.sort_by_key(|conflict| conflict.line);
    Ok(report)
}

/// The rows that can be done: of several that mean one person none is.
fn each_once(rows: Vec<Result<Row, Conflict>>, conflicts: &mut Vec<Conflict>) -> Vec<Row> {
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut ids: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in rows.iter().flatten() {
        names.entry(fold(&row.user_name)).or_default().push(row.line);
        if let Some(id) = &row.external_id {
            ids.entry(id.clone()).or_default().push(row.line);
        }
    }
    let elsewhere = |lines: Option<&Vec<usize>>, own: usize| {
        lines.and_then(|lines| lines.iter().find(|line| **line != own).copied())
    };
    let mut fine = Vec::new();
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(conflict) => {
                conflicts.push(conflict);
                continue;
            }
        };
        let id = row.external_id.as_ref().and_then(|id| ids.get(id));
        let name = elsewhere(names.get(&fold(&row.user_name)), row.line);
        match (elsewhere(id, row.line), name) {
            (Some(other), _) => {
                conflicts.push(row.conflict(format!("line {other} has this externalId, too")));
            }
            (None, Some(other)) => {
                conflicts.push(row.conflict(format!("line {other} has this userName, too")));
            }
            (None, None) => fine.push(row),
        }
    }
    fine
}

impl Report {
    fn count(&mut self, kind: Kind) {
        let counted = match kind {
            Kind::Created => &mut self.created,
            Kind::Changed => &mut self.changed,
            Kind::Unchanged => &mut self.unchanged,
        };
        *counted = counted.saturating_add(1);
    }

    fn as_text(&self) -> String {
        let mut table = Table::plain();
        table.row(["created", &self.created.to_string()]);
        table.row(["changed", &self.changed.to_string()]);
        table.row(["unchanged", &self.unchanged.to_string()]);
        table.row(["conflicts", &self.conflicts.len().to_string()]);
        if !self.groups.is_empty() {
            table.row(["new groups", &self.groups.join(", ")]);
        }
        table.to_string()
    }

    fn as_json(&self, dry_run: bool) -> Value {
        let conflicts = self.conflicts.iter().map(|conflict| {
            json!({
                "line": conflict.line, "userName": conflict.user_name, "detail": conflict.what,
            })
        });
        json!({
            "dry_run": dry_run,
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "new_groups": self.groups,
            "conflicts": conflicts.collect::<Value>(),
        })
    }
}
