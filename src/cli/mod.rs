//! The command line: arguments in, exit code out.
//!
//! Messages for people go to standard error, data to standard output. Exit codes: 0 fine, 1 an
//! error while running or in the configuration, 2 wrong usage.

mod audit;
pub mod certs;
pub mod config_check;
mod config_show;
#[cfg(feature = "demo")]
pub mod demo;
pub mod explain;
mod group;
mod health;
pub mod idp_decide;
pub mod idp_import;
pub mod idp_keys;
pub mod idp_list;
pub mod idp_refresh;
pub mod idp_remove;
pub mod idp_show;
mod idps;
mod keys;
mod notices;
pub mod output;
mod scim;
pub mod serve;
mod session;
pub mod storage;
mod stores;
mod user;
pub mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::base::IdpName;
use crate::config::{self, Loaded, Sources};
use crate::trust::Standing;

/// What a person typed after `samlgate`.
#[derive(Debug, Parser)]
#[command(
    name = "samlgate",
    version,
    propagate_version = true,
    about = "A SAML 2.0 service-provider gateway in front of any web app",
    long_about = "A SAML 2.0 service-provider gateway in front of any web app.\n\nPeople sign in at \
                  their organisation's identity provider; the application behind samlgate only \
                  ever sees requests of people who may be there, and who they are.",
    after_help = "First steps:\n  \
                  samlgate config template > config/samlgate.toml   a commented configuration\n  \
                  samlgate config check                             is it right?\n  \
                  samlgate idp values --vendor okta                 what to enter at the identity provider\n  \
                  samlgate serve                                    run it\n\n\
                  Exit codes: 0 fine, 1 error, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// Reads the configuration, checks it, and serves until SIGTERM or SIGINT.
    #[command(
        after_help = "Examples:\n  samlgate serve\n  samlgate serve --config /etc/samlgate/samlgate.toml"
    )]
    Serve(serve::ServeArgs),
    /// Try it: gateway, identity provider and sample app on this machine.
    ///
    /// Everything listens on loopback only, and everything it keeps is temporary. The identity
    /// provider of the demo signs for anybody who asks: never expose it.
    #[cfg(feature = "demo")]
    #[command(after_help = "Example:\n  samlgate demo --port 8080")]
    Demo(demo::DemoArgs),
    /// Check, print and explain the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manage identity providers.
    #[command(subcommand)]
    Idp(IdpCommand),
    /// Look after our own keys: replace them without a failed login.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Manage who provisions people: connections and their tokens.
    #[command(subcommand)]
    Scim(scim::ScimCommand),
    /// Look at people, lock them out, take them in and out by files.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look at groups that are provisioned.
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// See who is signed in, and end sessions.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Print what happened, as JSON lines, and check that the record is whole.
    ///
    /// Each event carries a hash over itself and the one before it. `--verify` exits with 1 when one
    /// was changed or removed.
    #[command(after_help = "Examples:\n  \
                      samlgate audit\n  \
                      samlgate audit --since 7d --type login.refused | jq .code\n  \
                      samlgate audit --since all --type user\n  \
                      samlgate audit --verify")]
    Audit(audit::AuditArgs),
    /// List every certificate, token and exception in use, and when it ends.
    ///
    /// For people and for monitoring: the first line and the exit code are those of a monitoring
    /// plugin. It reads the configuration, the keys and the database, and needs no gateway that runs.
    #[command(after_help = "Examples:\n  \
                      samlgate certs\n  \
                      samlgate certs --warn 60d --critical 14d\n  \
                      samlgate certs --json | jq '.expiries[0]'\n\n\
                      Exit codes: 0 fine, 1 something ends soon, 2 something ended or is about to, 3 \
                      nobody can say.")]
    Certs(certs::CertsArgs),
    /// See what administrators are told, and whether it reaches them.
    #[command(subcommand)]
    Notices(notices::NoticesCommand),
    /// Look after the database: tables, checks, backups.
    #[command(subcommand)]
    Storage(storage::StorageCommand),
    /// Check one SAML message offline, and print every check.
    ///
    /// Runs the code of the assertion consumer service on a message that somebody has at hand, and
    /// tells who would be let in, or which rule is broken, and who has to change what. It opens no
    /// session and writes nothing.
    #[command(after_help = "Examples:\n  \
                      samlgate explain response.xml\n  \
                      samlgate explain --at 2026-11-21T12:00:00Z form.txt\n  \
                      samlgate explain --set allow_sha1_until=2030-01-01 response.xml\n  \
                      samlgate explain --idp-metadata idp.xml --sp-entity-id https://app.example.com/saml/metadata \
                      --acs-url https://app.example.com/saml/acs - < response.b64\n\n\
                      Exit codes: 0 it would be accepted, 1 it would be refused, 2 nobody can say.")]
    Explain(explain::ExplainArgs),
    /// Ask the running gateway whether it is ready; for container health checks.
    ///
    /// Requests /readyz from `admin.listen`. Exits with 0 when the gateway is healthy and with 1
    /// when it is not, or does not answer within five seconds.
    Health(ConfigFile),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Find every mistake in the configuration at once.
    #[command(
        after_help = "Examples:\n  samlgate config check\n  samlgate config check --online --config new.toml"
    )]
    Check(config_check::CheckArgs),
    /// Print a commented sample.
    #[command(after_help = "Example:\n  samlgate config template > config/samlgate.toml")]
    Template,
    /// Print the JSON Schema (draft 2020-12) of the file, for editors.
    Schema,
    /// Print every value in effect and where it comes from; passwords are left out.
    Show(config_show::ShowArgs),
}

#[derive(Debug, Subcommand)]
enum IdpCommand {
    /// Add an identity provider, or replace one, by its SAML metadata.
    #[command(after_help = "Examples:\n  \
                      samlgate idp import https://idp.example.com/metadata\n  \
                      samlgate idp import GoogleIDPMetadata.xml --name google --label \"Example Corp\"\n  \
                      curl -s https://idp.example.com/metadata | samlgate idp import - --name corp")]
    Import(idp_import::ImportArgs),
    /// List the identity providers, imported and configured.
    List(idp_list::ListArgs),
    /// Show one identity provider: addresses, keys, settings.
    Show(idp_show::ShowArgs),
    /// Fetch the metadata of an identity provider again.
    Refresh(idp_refresh::RefreshArgs),
    /// List the keys of an identity provider: trusted, waiting, rejected.
    Keys(idp_keys::KeysArgs),
    /// Show new metadata that waits for a decision, as what is other in it.
    Changes(idp_keys::KeysArgs),
    /// Let a key count that was seen, by its SHA-256; or new metadata that waits, as idp changes calls it.
    #[command(after_help = "Examples:\n  \
                      samlgate idp approve corp change-9d4e1f60a72b83c5\n  \
                      samlgate idp approve corp 3f2a9c41d07b")]
    Approve(idp_decide::DecideArgs),
    /// Do not trust a key, or not any more; or do not take the new metadata that waits.
    Reject(idp_decide::DecideArgs),
    /// Remove an imported identity provider.
    Remove(NamedArgs),
    /// Print what to enter at the identity provider, in its own words.
    #[command(
        after_help = "Examples:\n  samlgate idp values --vendor entra\n  samlgate idp values --json"
    )]
    Values(values::ValuesArgs),
}

/// Which configuration file.
#[derive(Args, Clone, Debug)]
pub struct ConfigFile {
    /// The configuration file.
    ///
    /// Without it: `SAMLGATE_CONFIG`, config/samlgate.toml, /etc/samlgate/samlgate.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A command about one identity provider.
#[derive(Args, Clone, Debug)]
pub struct NamedArgs {
    /// The short name of the identity provider.
    #[arg(value_name = "NAME", value_parser = idp_name)]
    pub name: IdpName,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Parses the arguments of this process and does what they say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // 2 would be an alarm.
        Err(error) if error.use_stderr() && is_given(1, "certs") => {
            return certs::misused(&error, std::env::args_os().any(|word| word == "--json"));
        }
        Err(error) => error.exit(),
    };
    match cli.command {
        Command::Serve(args) => wait(serve::run(args)),
        #[cfg(feature = "demo")]
        Command::Demo(args) => wait(demo::run(args)),
        Command::Config(ConfigCommand::Check(args)) => wait(config_check::run(args)),
        Command::Config(ConfigCommand::Template) => output::data(&config::template()),
        Command::Config(ConfigCommand::Schema) => output::json(&config::schema()),
        Command::Config(ConfigCommand::Show(args)) => config_show::run(&args),
        Command::Idp(IdpCommand::Import(args)) => configured(&args.file.clone(), async |loaded| {
            idp_import::run(args, loaded).await
        }),
        Command::Idp(IdpCommand::List(args)) => configured(&args.file.clone(), async |loaded| {
            idp_list::run(args, loaded).await
        }),
        Command::Idp(IdpCommand::Show(args)) => configured(&args.file.clone(), async |loaded| {
            idp_show::run(args, loaded).await
        }),
        Command::Idp(IdpCommand::Refresh(args)) => configured(&args.file.clone(), async |loaded| {
            idp_refresh::run(args, loaded).await
        }),
        Command::Idp(IdpCommand::Keys(args)) => configured(&args.file.clone(), async |loaded| {
            idp_keys::keys(args, loaded).await
        }),
        Command::Idp(IdpCommand::Changes(args)) => configured(&args.file.clone(), async |loaded| {
            idp_keys::changes(args, loaded).await
        }),
        Command::Idp(IdpCommand::Approve(args)) => configured(&args.file.clone(), async |loaded| {
            idp_decide::run(args, Standing::Approved, loaded).await
        }),
        Command::Idp(IdpCommand::Reject(args)) => configured(&args.file.clone(), async |loaded| {
            idp_decide::run(args, Standing::Rejected, loaded).await
        }),
        Command::Idp(IdpCommand::Remove(args)) => configured(&args.file.clone(), async |loaded| {
            idp_remove::run(args, loaded).await
        }),
        Command::Idp(IdpCommand::Values(args)) => values::run(&args),
        Command::Keys(command) => keys::run(command),
        Command::Scim(command) => scim::run(command),
        Command::User(command) => user::run(command),
        Command::Group(command) => group::run(command),
        Command::Session(command) => session::run(command),
        Command::Audit(args) => configured(&args.file().clone(), async |loaded| {
            audit::run(args, loaded).await
        }),
        Command::Storage(command) => configured(&command.file().clone(), async |loaded| {
            storage::run(command, loaded).await
        }),
        Command::Certs(args) => certs::run(&args),
        Command::Notices(command) => notices::run(command),
        Command::Explain(args) => wait(explain::run(args)),
        Command::Health(args) => health::run(&args),
    }
}

/// Whether the word at this place of the command line is this one.
fn is_given(place: usize, word: &str) -> bool {
    std::env::args_os().nth(place).is_some_and(|found| found == word)
}

/// Loads the configuration; on mistakes prints all of them and gives the exit code.
pub fn load(file: &ConfigFile) -> Result<Loaded, ExitCode> {
    config::load(&Sources::of_process(file.config.clone())).map_err(|problems| {
        output::problems(&problems);
        ExitCode::FAILURE
    })
}

/// Loads the configuration and then runs an asynchronous command with it.
fn configured<F>(file: &ConfigFile, command: F) -> ExitCode
where
    F: AsyncFnOnce(Loaded) -> ExitCode,
{
    match load(file) {
        Ok(loaded) => wait(command(loaded)),
        Err(code) => code,
    }
}

/// Runs an asynchronous command to its end.
fn wait(command: impl Future<Output = ExitCode>) -> ExitCode {
    within_runtime(command).unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    })
}

/// Waits for something, in a runtime of its own.
fn within_runtime<T>(work: impl Future<Output = T>) -> Result<T, String> {
    // Requests have threads of their own (`http::workers`); what is left needs few.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("the system gives no threads: {error}"))?;
    Ok(runtime.block_on(work))
}

/// Reads a name for clap.
pub(crate) fn idp_name(text: &str) -> Result<IdpName, String> {
    IdpName::parse(text)
        .ok_or_else(|| "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_of_all_commands_are_consistent() {
        Cli::command().debug_assert();
    }
}
