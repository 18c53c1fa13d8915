//! `samlgate user`: people, whoever made them known.

mod cells;
mod csv;
mod erase;
mod export;
mod import;
mod link;
mod list;
mod lock;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::configured;
use super::stores::{Stop, Stores};
use super::{ConfigFile, output};
use crate::base::IdpName;
use crate::directory::Record;

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List the people: whoever signed in or is provisioned.
    #[command(after_help = "Examples:\n  \
                      samlgate user list\n  \
                      samlgate user list --connection okta --json")]
    List(list::ListArgs),
    /// Show everything about a person: attributes and who said them, groups, roles and why.
    #[command(after_help = "Example:\n  samlgate user show alice@example.com")]
    Show(show::ShowArgs),
    /// Keep somebody out, whatever their identity provider says.
    ///
    /// Their sessions end, on every node within five seconds.
    #[command(after_help = "Example:\n  samlgate user disable alice@example.com")]
    Disable(NamedArgs),
    /// Let somebody in again who was kept out by `disable`.
    #[command(after_help = "Example:\n  samlgate user enable alice@example.com")]
    Enable(NamedArgs),
    /// Say what another identity provider calls somebody who is known here.
    ///
    /// A person belongs to the identity provider that signed them in first, and the same NameID or
    /// e-mail address from another one is somebody else, until it is linked here.
    #[command(after_help = "Examples:\n  \
                      samlgate user link alice@example.com --idp partner --name-id a.smith\n  \
                      samlgate user link alice@example.com --idp partner --unlink")]
    Link(link::LinkArgs),
    /// Forget everything about a person, for good.
    ///
    /// Names, addresses, attributes, groups and sessions are erased. What stays is that there was
    /// somebody of this id, and the audit chain, in which nothing can be changed.
    #[command(after_help = "Example:\n  samlgate user erase alice@example.com --yes")]
    Erase(erase::EraseArgs),
    /// Write all people to a file, as CSV or JSON.
    #[command(after_help = "Examples:\n  \
                      samlgate user export people.csv\n  \
                      samlgate user export --format json - | jq length")]
    Export(export::ExportArgs),
    /// Add and change people by a file, as CSV or JSON.
    ///
    /// Who is meant is told by externalId, else by userName. A column that is there says what is so
    /// from now on: an empty cell takes the value away, but for active and externalId. What the file
    /// has no column for stays as it is, and so do people who are not in it.
    #[command(after_help = "Examples:\n  \
                      samlgate user import people.csv --dry-run\n  \
                      samlgate user import people.csv --connection okta\n\n\
                      A file:\n  \
                      userName,externalId,name.givenName,name.familyName,emails,department,active,groups\n  \
                      alice,1001,Alice,Smith,alice@example.com,IT,true,Staff;IT Managers")]
    Import(import::ImportArgs),
}

/// A command about one person.
#[derive(Args, Debug)]
pub(in crate::cli) struct NamedArgs {
    /// The person: id, userName in any case, or e-mail address.
    #[arg(value_name = "USER")]
    user: String,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table; its columns are attributes of SCIM.
    Csv,
    /// Resources of SCIM.
    Json,
}

impl Format {
    /// What was said, else what the name of the file says.
    fn of(said: Option<Self>, file: &str) -> Self {
        said.unwrap_or_else(|| match file.to_ascii_lowercase().ends_with(".json") {
            true => Self::Json,
            false => Self::Csv,
        })
    }
}

/// Does it.
pub(super) fn run(command: UserCommand) -> ExitCode {
    match command {
        UserCommand::List(args) => configured(&args.file.clone(), async |loaded| {
            list::run(args, loaded).await
        }),
        UserCommand::Show(args) => configured(&args.file.clone(), async |loaded| {
            show::run(args, loaded).await
        }),
        UserCommand::Disable(args) => configured(&args.file.clone(), async |loaded| {
            lock::disable(args, loaded).await
        }),
        UserCommand::Enable(args) => configured(&args.file.clone(), async |loaded| {
            lock::enable(args, loaded).await
        }),
        UserCommand::Link(args) => configured(&args.file.clone(), async |loaded| {
            link::run(args, loaded).await
        }),
        UserCommand::Erase(args) => configured(&args.file.clone(), async |loaded| {
            erase::run(args, loaded).await
        }),
        UserCommand::Export(args) => configured(&args.file.clone(), async |loaded| {
            export::run(args, loaded).await
        }),
        UserCommand::Import(args) => configured(&args.file.clone(), async |loaded| {
            import::run(args, loaded).await
        }),
    }
}

/// As many people of one name are told apart.
const MOST: u32 = 20;

/// The one person who is meant.
pub(super) async fn find(stores: &Stores, text: &str) -> Result<Record, Stop> {
    let mut found = stores.people.look_up(text, MOST).await?;
    if found.len() > 1 {
        let stop = Stop::new(format!("{text} means several people: name one by id"));
        return Err(found.iter().fold(stop, |stop, record| {
            let email = email(record).unwrap_or_else(|| "no e-mail address".to_owned());
            let (user, whose) = (&record.user, whose(record));
            stop.hint(format!("{} {} {email} {whose}", user.id, user.user_name))
        }));
    }
    found.pop().ok_or_else(|| {
        Stop::new(format!("there is nobody {text}"))
            .hint("a person is named by id, userName or e-mail address; samlgate user list has all")
    })
}

/// Whether somebody may enter: `active`, `locked`, `inactive`, `deleted`.
fn state(record: &Record) -> &'static str {
    match (record.deleted_at, record.user.locked, record.user.active) {
        (Some(_), ..) => "deleted",
        (None, true, _) => "locked",
        (None, false, false) => "inactive",
        (None, false, true) => "active",
    }
}

/// The connection, else the identity provider that somebody is of.
fn whose(record: &Record) -> String {
    match record.tenant.connection() {
        Some(connection) => connection.to_string(),
        None => record.user.idp.as_ref().map(IdpName::to_string).unwrap_or_default(),
    }
}

/// The address that is provisioned, else that which was asserted.
fn email(record: &Record) -> Option<String> {
    let provisioned = record.document.as_ref().map(crate::identity::sources::profile);
    provisioned
        .and_then(|profile| profile.email)
        .or_else(|| record.user.profile.email.clone())
}

/// The name to show, likewise.
fn name(record: &Record) -> Option<String> {
    let provisioned = record.document.as_ref().map(crate::identity::sources::profile);
    let of = |profile: &crate::directory::Profile| {
        let named = profile.display_name.is_some()
            || profile.first_name.is_some()
            || profile.last_name.is_some();
        named.then(|| profile.name()).flatten()
    };
    provisioned
        .and_then(|profile| of(&profile))
        .or_else(|| of(&record.user.profile))
}

/// Says how far something is, on a terminal.
pub(in crate::cli) struct Progress {
    what: &'static str,
    shown: bool,
}

impl Progress {
    pub(in crate::cli) fn new(what: &'static str) -> Self {
        Self { what, shown: output::is_terminal() }
    }

    pub(in crate::cli) fn at(&self, done: usize, of: Option<usize>) {
        if self.shown {
            let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
            output::progress(&format!("{} {done}{of}", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            output::progress("");
        }
    }
}
