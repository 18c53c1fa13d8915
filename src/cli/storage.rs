//! `samlgate storage`: the database as a whole.

use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Table;
use super::{ConfigFile, output};
use crate::audit::Chain;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, StoreError};
use crate::config::Loaded;
use crate::store::copy::{self, Copied};
use crate::store::file::{self, KeptSessions};
use crate::store::{DatabaseAddress, PostgresSettings, PostgresStore, SqliteStore};

/// `storage …`
#[derive(Debug, Subcommand)]
pub enum StorageCommand {
    /// Make the tables, or bring them up to date.
    ///
    /// `serve` does it at each start. This is for whoever wants it done before, or with a user of
    /// PostgreSQL that may make tables while that of the gateway may not.
    #[command(after_help = "Examples:\n  samlgate storage migrate\n  \
                            SAMLGATE_USERS__DATABASE=postgres://owner@db/samlgate samlgate storage migrate")]
    Migrate(ConfigFile),
    /// Check the tables, the pages of the file, and the chain of the audit.
    ///
    /// Changes nothing, and may run beside a gateway.
    #[command(
        after_help = "Examples:\n  samlgate storage check\n  samlgate storage check --json\n\n\
                      Exit codes: 0 everything is as it should be, 1 something is not."
    )]
    Check(CheckArgs),
    /// Write a copy into a file, while the gateway runs.
    ///
    /// The copy holds names, addresses, groups and hashes of session tokens; no token and no key. Of
    /// PostgreSQL it is made by `pg_dump`, which has to be installed here.
    #[command(after_help = "Example:\n  samlgate storage backup samlgate-2026-11-22.db")]
    Backup(BackupArgs),
    /// Put a copy in the place of the database, while no gateway runs.
    ///
    /// The copy is checked first, and the database of before is kept beside it. Everybody signs in
    /// again: a session that was ended after the copy was made would be live in it.
    #[command(
        after_help = "Examples:\n  samlgate storage restore samlgate-2026-11-22.db\n  \
                      samlgate storage restore --keep-sessions samlgate-2026-11-22.db"
    )]
    Restore(RestoreArgs),
    /// Copy everything from the SQLite database into an empty PostgreSQL database, while no gateway
    /// runs.
    ///
    /// People, groups, connections and their tokens, sessions, identity providers, and the audit with
    /// its chain. All of it is there in the end, or nothing; numbers of rows and the chain are verified
    /// before. Keys stay in their folder.
    #[command(after_help = "Examples:\n  \
            samlgate storage copy --to postgres://gateway@db/samlgate --dry-run\n  \
            samlgate storage copy --to postgres://gateway@db/samlgate\n\n\
            The password is taken from PGPASSWORD or ~/.pgpass where the address has none.")]
    Copy(CopyArgs),
    /// Remove what was deleted, and is still on the pages of the database.
    ///
    /// After `user erase`, and to give room back. SQLite's file is written anew, and others wait to
    /// write for that long: some seconds for each GB. PostgreSQL's tables are vacuumed beside them.
    #[command(after_help = "Example:\n  samlgate storage compact")]
    Compact(ConfigFile),
}

/// Arguments of `storage check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `storage backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file to write; it must not be there yet.
    #[arg(value_name = "FILE")]
    pub to: PathBuf,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Arguments of `storage restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// A file that `storage backup` wrote.
    #[arg(value_name = "FILE")]
    pub from: PathBuf,
    /// Leave people signed in.
    #[arg(long)]
    pub keep_sessions: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Arguments of `storage copy`.
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// Where to: an address that begins with postgres.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: DatabaseAddress,
    /// Where from, instead of the database in the configuration: one that begins with sqlite.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub from: Option<DatabaseAddress>,
    /// Only say what would be copied, and what stands against it.
    #[arg(long)]
    pub dry_run: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

fn address(text: &str) -> Result<DatabaseAddress, String> {
    DatabaseAddress::parse(text).map_err(|error| error.detail)
}

impl StorageCommand {
    /// Which configuration file.
    pub const fn file(&self) -> &ConfigFile {
        match self {
            Self::Migrate(file) | Self::Compact(file) => file,
            Self::Copy(args) => &args.file,
            Self::Check(args) => &args.file,
            Self::Backup(args) => &args.file,
            Self::Restore(args) => &args.file,
        }
    }
}

/// 0 when it was done.
pub async fn run(command: StorageCommand, loaded: Loaded) -> ExitCode {
    let address = loaded.config.database;
    let done = match command {
        StorageCommand::Migrate(_) => migrate(&address).await,
        StorageCommand::Check(args) => return check(&address, args.json).await,
        StorageCommand::Backup(args) => backup(&address, &args.to).await,
        StorageCommand::Restore(args) => restore(&address, &args).await,
        StorageCommand::Copy(args) => copy(&address, &args).await,
        StorageCommand::Compact(_) => compact(&address).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.message);
            if let Some(hint) = failure.hint {
                output::hint(&hint);
            }
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, and what to do.
struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }

    fn of(address: &DatabaseAddress, error: &StoreError) -> Self {
        Self::new(address.complaint(error))
    }
}

async fn migrate(address: &DatabaseAddress) -> Result<(), Failure> {
    let before = version(address).await.map_err(|error| Failure::of(address, &error))?;
    let database = address.open().await.map_err(|error| Failure::of(address, &error))?;
    database.close().await;
    let newest = newest(address);
    output::note(&match before == newest {
        true => format!("{address}: schema {newest}, nothing to do"),
        false => format!("{address}: from schema {before} to {newest}"),
    });
    Ok(())
}

async fn version(address: &DatabaseAddress) -> Result<i64, StoreError> {
    match address {
        DatabaseAddress::Sqlite(path) => file::version(path).await,
        DatabaseAddress::Postgres(settings) => PostgresStore::version(settings).await,
    }
}

fn newest(address: &DatabaseAddress) -> i64 {
    match address {
        DatabaseAddress::Sqlite(_) => SqliteStore::newest_version(),
        DatabaseAddress::Postgres(_) => PostgresStore::newest_version(),
    }
}

/// What was looked at, whether it is well, and more.
type Finding = (&'static str, bool, String);

async fn check(address: &DatabaseAddress, json: bool) -> ExitCode {
    if address.is_still_to_be_made() {
        output::error(&format!("database {address}: there is none yet"));
        output::hint("samlgate serve makes it, and so does samlgate storage migrate");
        return ExitCode::FAILURE;
    }
    let findings = findings(address).await;
    let fine = findings.iter().all(|(_, fine, _)| *fine);
    let printed = if json {
        let one = |(name, fine, detail): &Finding| json!({ "name": name, "result": word(*fine), "detail": detail });
        let checks: serde_json::Value = findings.iter().map(one).collect();
        output::json(&json!({ "ok": fine, "database": address.to_string(), "checks": checks }))
    } else {
        let mut table = Table::new(&["CHECK", "RESULT", "DETAIL"]);
        for (name, fine, detail) in &findings {
            table.row([*name, word(*fine), detail]);
        }
        output::data(&table.to_string())
    };
    match fine {
        true => printed,
        false => ExitCode::FAILURE,
    }
}

const fn word(fine: bool) -> &'static str {
    if fine { "pass" } else { "fail" }
}

async fn findings(address: &DatabaseAddress) -> Vec<Finding> {
    let mut findings = Vec::new();
    let newest = newest(address);
    let found = version(address).await;
    let is_of_today = found.as_ref().is_ok_and(|version| *version == newest);
    match found {
        Ok(version) if version == newest => {
            findings.push(("schema", true, version.to_string()));
        }
        Ok(version) => {
            let detail = match version < newest {
                true => format!("{version}; the next start, or storage migrate, makes it {newest}"),
                false => format!("{version}, of a newer samlgate; this one knows {newest}"),
            };
            findings.push(("schema", (1..newest).contains(&version), detail));
            if !(1..newest).contains(&version) {
                return findings;
            }
        }
        Err(error) => {
            findings.push(("schema", false, error.detail));
            return findings;
        }
    }
    if let DatabaseAddress::Sqlite(path) = address {
        let pages = match file::damages(path).await {
            Ok(damages) if damages.is_empty() => (true, "every page can be read".to_owned()),
            Ok(damages) => (false, damages.join("; ")),
            Err(error) => (false, error.detail),
        };
        findings.push(("pages", pages.0, pages.1));
    }
    if !is_of_today {
        let detail = "its chain is verified when the tables are up to date";
        findings.push(("audit", true, detail.to_owned()));
        return findings;
    }
    let (fine, detail) = match chain(address).await {
        Ok(Chain::Whole { events, head, .. }) => {
            let head = crate::base::entropy::hex(&head);
            (true, format!("{events} events, head {head}"))
        }
        Ok(Chain::Broken { sequence }) => (
            false,
            format!("event {sequence} was changed or removed after it was recorded"),
        ),
        Err(error) => (false, error.detail),
    };
    findings.push(("audit", fine, detail));
    findings
}

async fn chain(address: &DatabaseAddress) -> Result<Chain, StoreError> {
    let database = address.open_to_read().await?;
    let chain = database.verify().await;
    database.close().await;
    chain
}

async fn backup(address: &DatabaseAddress, to: &Path) -> Result<(), Failure> {
    if address.is_still_to_be_made() {
        return Err(Failure::new(format!(
            "database {address}: there is none yet"
        )));
    }
    match address {
        DatabaseAddress::Sqlite(path) => {
            file::copy(path, to).await.map_err(|error| Failure::new(error.detail))?;
        }
        DatabaseAddress::Postgres(settings) => dump(settings, to)?,
    }
    output::note(&format!("wrote {}", to.display()));
    Ok(())
}

async fn compact(address: &DatabaseAddress) -> Result<(), Failure> {
    if address.is_still_to_be_made() {
        return Err(Failure::new(format!(
            "database {address}: there is none yet"
        )));
    }
    address.compact().await.map_err(|error| Failure::of(address, &error))?;
    output::note(&format!("{address} is compact"));
    Ok(())
}

async fn copy(configured: &DatabaseAddress, args: &CopyArgs) -> Result<(), Failure> {
    let from = args.from.as_ref().unwrap_or(configured);
    let (DatabaseAddress::Sqlite(path), DatabaseAddress::Postgres(to)) = (from, &args.to) else {
        return Err(Failure::new("it goes from SQLite to PostgreSQL alone")
            .hint("--from sqlite://PATH --to postgres://user@host/database".to_owned()));
    };
    if from.is_still_to_be_made() {
        return Err(Failure::new(format!("database {from}: there is none yet")));
    }
    let failed = |error: StoreError| Failure::new(error.detail);
    let copied = if args.dry_run {
        copy::plan(path, to).await.map_err(failed)?
    } else {
        let shown = output::is_terminal();
        let mut tell = |table: &str, done: u64, of: u64| {
            if shown {
                output::progress(&format!("{table}: {done} of {of}"));
            }
        };
        let copied = copy::copy(path, to, &mut tell).await;
        if shown {
            output::progress("");
        }
        copied.map_err(failed)?
    };
    let mut table = Table::new(&["TABLE", "ROWS"]);
    for Copied { table: name, rows } in copied {
        table.row([name, rows.to_string()]);
    }
    output::data(&table.to_string());
    if args.dry_run {
        output::note(&format!("{} can be copied to {}", from, args.to));
    } else {
        output::note(&format!(
            "{} has everything now; the chain of the audit is whole",
            args.to
        ));
        output::hint("next: users.database in the configuration, then start the gateway");
    }
    Ok(())
}

/// By `pg_dump`, whose words on standard error are ours.
fn dump(settings: &PostgresSettings, to: &Path) -> Result<(), Failure> {
    let (url, password) = settings.for_tools();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    file.map_err(|error| {
        Failure::new(match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already", to.display()),
            _ => format!("{} can not be written: {error}", to.display()),
        })
    })?;
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--no-owner", "--file"]).arg(to).arg(&url);
    if let Some(password) = password {
        // Arguments can be seen by everybody on the machine.
        command.env("PGPASSWORD", password.reveal());
    }
    let failure = match command.status() {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => Failure::new(format!("pg_dump failed ({status})")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Failure::new("pg_dump is not installed here").hint(format!(
                "where it is: pg_dump --format=custom --no-owner --file {} '{url}'",
                to.display()
            ))
        }
        Err(error) => Failure::new(format!("pg_dump can not be run: {error}")),
    };
    // What is half written is of no use to anybody.
    let _ = std::fs::remove_file(to);
    Err(failure)
}

async fn restore(address: &DatabaseAddress, args: &RestoreArgs) -> Result<(), Failure> {
    let path = match address {
        DatabaseAddress::Sqlite(path) => path,
        DatabaseAddress::Postgres(settings) => {
            let (url, _) = settings.for_tools();
            return Err(
                Failure::new("PostgreSQL is restored by its own pg_restore").hint(format!(
                    "stop every gateway, then: pg_restore --clean --if-exists --no-owner \
                 --single-transaction --dbname '{url}' {}",
                    args.from.display()
                )),
            );
        }
    };
    let sessions = match args.keep_sessions {
        true => KeptSessions::All,
        false => KeptSessions::None,
    };
    let aside = file::exchange(path, &args.from, sessions, SystemClock.now()).await;
    let aside = aside.map_err(|error| Failure::new(error.detail))?;
    output::note(&format!("{address} is {} now", args.from.display()));
    if let Some(aside) = aside {
        output::note(&format!("the database of before is {}", aside.display()));
    }
    Ok(())
}
