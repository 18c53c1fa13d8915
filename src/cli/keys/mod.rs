//! `samlgate keys`: our own keys, step by step.

mod list;
mod seen;
mod step;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{ConfigFile, configured};
use crate::keys::Use;

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List our keys: at which step each is, what that means, and what comes next.
    ///
    /// While a roll-over is under way, also who has fetched our metadata since it changed. That says
    /// who could know a new key, not who uses it: an identity provider to which somebody uploaded a
    /// file never comes.
    #[command(
        after_help = "Examples:\n  samlgate keys list\n  samlgate keys list --use signing --json"
    )]
    List(ListArgs),
    /// Make a new key and publish it: the first step of a roll-over.
    ///
    /// Nothing changes for people who sign in. The running gateway takes it within seconds.
    #[command(after_help = "Examples:\n  \
                      samlgate keys rotate                    signing and encryption\n  \
                      samlgate keys rotate --use jwt          what signs the identity header\n  \
                      samlgate keys rotate --use signing --hold\n\n\
                      After that: samlgate keys list")]
    Rotate(RotateArgs),
    /// Use the new key: it signs, or is the only one to encrypt to.
    ///
    /// Refused as long as those who fetch our metadata regularly can not all have done so. One that
    /// was held back is published first.
    #[command(after_help = "Examples:\n  samlgate keys promote --use signing\n  \
                      samlgate keys promote --use signing --force")]
    Promote(PromoteArgs),
    /// Tell nobody of the old key any more.
    ///
    /// The last step of a roll-over. With the name of a new key, gives that one up instead.
    #[command(after_help = "Examples:\n  samlgate keys retire\n  \
                      samlgate keys retire --use signing --key sp-signing-2026-11-22")]
    Retire(RetireArgs),
    /// Delete the files of a retired key.
    ///
    /// What is still encrypted to it can not be read any more. There is no way back.
    #[command(after_help = "Example:\n  samlgate keys remove sp-encryption")]
    Remove(RemoveArgs),
}

/// Arguments of `keys list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: Common,
}

/// Arguments of `keys rotate`.
#[derive(Args, Debug)]
pub(super) struct RotateArgs {
    /// Make the key, and do not publish it: `promote` does.
    ///
    /// For those who hand certificates out before metadata changes.
    #[arg(long)]
    hold: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `keys promote`.
#[derive(Args, Debug)]
pub(super) struct PromoteArgs {
    /// Although not everybody can know of it yet.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `keys retire`.
#[derive(Args, Debug)]
pub(super) struct RetireArgs {
    /// Which; the previous one without it.
    #[arg(long, value_name = "NAME", requires = "usage")]
    key: Option<String>,
    /// Although somebody may still need it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `keys remove`.
#[derive(Args, Debug)]
pub(super) struct RemoveArgs {
    /// Which, as `keys list` names it.
    #[arg(value_name = "NAME")]
    key: String,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What all of them take.
#[derive(Args, Debug)]
pub(super) struct Common {
    /// What the keys are for.
    ///
    /// Without it: `signing` and `encryption`; `list` shows all.
    #[arg(long = "use", value_name = "USE", value_parser = usage)]
    usage: Option<Use>,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(command: KeysCommand) -> ExitCode {
    let file = match &command {
        KeysCommand::List(args) => &args.common.file,
        KeysCommand::Rotate(args) => &args.common.file,
        KeysCommand::Promote(args) => &args.common.file,
        KeysCommand::Retire(args) => &args.common.file,
        KeysCommand::Remove(args) => &args.file,
    };
    configured(&file.clone(), async |loaded| match command {
        KeysCommand::List(args) => list::run(&args, &loaded).await,
        KeysCommand::Rotate(args) => step::rotate(&args, &loaded),
        KeysCommand::Promote(args) => step::promote(&args, &loaded),
        KeysCommand::Retire(args) => step::retire(&args, &loaded),
        KeysCommand::Remove(args) => step::remove(&args, &loaded),
    })
}

fn usage(text: &str) -> Result<Use, String> {
    Use::find(text).ok_or_else(|| "signing, encryption or jwt".to_owned())
}
