//! `samlgate scim`: connections, by which others provision people, their tokens and their keys.

mod connection;
mod guard;
mod key;
mod known;
mod log;
mod made;
mod show;
mod token;
mod token_create;
mod token_list;
mod token_revoke;
mod token_rotate;

use std::process::ExitCode;

use clap::Subcommand;

use super::configured;
use crate::base::ConnectionName;

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum ScimCommand {
    /// Make, list, rotate and revoke the tokens of provisioning clients.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Add, list and remove the public keys of provisioning clients (`private_key_jwt`).
    ///
    /// With a key, a client signs that it is itself, instead of sending a token, and gets tokens for an
    /// hour by OAuth.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// List, change and remove connections.
    ///
    /// A connection is one provisioning client with people and groups of its own. `scim token
    /// create` makes it together with its first token.
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// List the connections: how each is, and its tokens. The same as `connection list`.
    List(connection::ListArgs),
    /// Show how a connection is: what its client is at, what failed last, until when its tokens are
    /// good.
    #[command(after_help = "Example:\n  samlgate scim show okta")]
    Show(show::ShowArgs),
    /// Show what the client of a connection asked, the newest last.
    ///
    /// Names of attributes are logged, their values are not.
    #[command(after_help = "Examples:\n  \
                      samlgate scim log okta\n  \
                      samlgate scim log okta --since 7d --failed\n  \
                      samlgate scim log okta --user alice@example.com --json")]
    Log(log::LogArgs),
    /// Show whose deactivation waits because too many were to be deactivated at once.
    Guard(guard::ShowArgs),
    /// Let deactivations through that the guard holds up: people are really leaving.
    ///
    /// The client asks again by itself; how soon is its own affair. May be done beforehand.
    #[command(after_help = "Examples:\n  \
                      samlgate scim approve okta\n  \
                      samlgate scim approve okta --for 1d --people 300")]
    Approve(guard::ApproveArgs),
    /// Go on watching: it was a mistake, and is put right at the identity provider.
    ///
    /// Nobody who waits is deactivated by this. The count begins anew; a client that still asks is
    /// stopped again at the same number.
    #[command(after_help = "Example:\n  samlgate scim resume okta")]
    Resume(guard::ResumeArgs),
}

/// What may be done with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and its connection where there is none of that name yet.
    ///
    /// The token is printed to standard output, this once; where to enter it to standard error. At
    /// most two tokens of a connection are good at a time, so that a new one can be entered before
    /// the old one ends.
    #[command(after_help = "Examples:\n  \
                      samlgate scim token create okta\n  \
                      samlgate scim token create entra --idp entra --expires 180d\n  \
                      samlgate scim token create audit --read-only --expires never > token.txt")]
    Create(token_create::CreateArgs),
    /// List the tokens: what each is good for, until when, when it was last used.
    List(token_list::ListArgs),
    /// Make a new token; the old ones end after a while.
    ///
    /// The new one is good for as long, and for the same, as the newest before it.
    #[command(after_help = "Examples:\n  \
                      samlgate scim token rotate okta\n  \
                      samlgate scim token rotate okta --overlap 7d\n  \
                      samlgate scim token rotate okta --overlap 0     the old one is in wrong hands")]
    Rotate(token_rotate::RotateArgs),
    /// End all tokens of a connection at once, or one.
    #[command(after_help = "Examples:\n  \
                      samlgate scim token revoke okta\n  \
                      samlgate scim token revoke okta --token 5d0c77e1")]
    Revoke(token_revoke::RevokeArgs),
}

/// Does it.
pub(super) fn run(command: ScimCommand) -> ExitCode {
    match command {
        ScimCommand::Token(TokenCommand::Create(args)) => {
            configured(&args.file.clone(), async |loaded| {
                token_create::run(args, loaded).await
            })
        }
        ScimCommand::Token(TokenCommand::List(args)) => {
            configured(&args.file.clone(), async |loaded| {
                token_list::run(args, loaded).await
            })
        }
        ScimCommand::Token(TokenCommand::Rotate(args)) => {
            configured(&args.file.clone(), async |loaded| {
                token_rotate::run(args, loaded).await
            })
        }
        ScimCommand::Token(TokenCommand::Revoke(args)) => {
            configured(&args.file.clone(), async |loaded| {
                token_revoke::run(args, loaded).await
            })
        }
        ScimCommand::Key(command) => key::run(command),
        ScimCommand::Connection(command) => connection::run(command),
        ScimCommand::List(args) => configured(&args.file.clone(), async |loaded| {
            connection::list(args, loaded).await
        }),
        ScimCommand::Show(args) => configured(&args.file.clone(), async |loaded| {
            show::run(args, loaded).await
        }),
        ScimCommand::Log(args) => configured(&args.file.clone(), async |loaded| {
            log::run(args, loaded).await
        }),
        ScimCommand::Guard(args) => configured(&args.file.clone(), async |loaded| {
            guard::show(args, loaded).await
        }),
        ScimCommand::Approve(args) => configured(&args.file.clone(), async |loaded| {
            guard::approve(args, loaded).await
        }),
        ScimCommand::Resume(args) => configured(&args.file.clone(), async |loaded| {
            guard::resume(args, loaded).await
        }),
    }
}

/// Reads the name of a connection for clap.
pub(super) fn connection_name(text: &str) -> Result<ConnectionName, String> {
    ConnectionName::parse(text)
        .ok_or_else(|| "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit".to_owned())
}

pub(super) use known::find as find_connection;
