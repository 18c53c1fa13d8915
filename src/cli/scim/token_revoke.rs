//! `samlgate scim token revoke`: ends tokens at once.

use std::process::ExitCode;

use clap::Args;

use super::known::administration;
use super::{connection_name, find_connection};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName};
use crate::cli::stores::{count, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;

/// Arguments of `scim token revoke`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RevokeArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// This one alone, as `scim token list` names it.
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Ends them; the connection stays, and its people and groups.
pub(super) async fn run(args: RevokeArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let name = &args.name;
        find_connection(stores, name).await?;
        let only = args.token.as_deref();
        let ended = administration(stores, &[], now).revoke(name, only).await?;
        output::note(&match ended {
            0 => format!("{name} has no token"),
            number => format!("{} of {name} revoked", count(number, "token")),
        });
        Ok(ExitCode::SUCCESS)
    })
    .await
}
