//! `samlgate user erase`: what a person may ask of whoever keeps data about them.

use std::process::ExitCode;

use clap::Args;

use super::find;
use crate::base::Clock as _;
use crate::base::clock::SystemClock;
use crate::cli::stores::{Stop, count, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;
use crate::store::{DatabaseAddress, file};

/// Arguments of `user erase`.
#[derive(Args, Debug)]
pub(in crate::cli) struct EraseArgs {
    /// The person: id, userName in any case, or e-mail address.
    #[arg(value_name = "USER")]
    user: String,
    /// Yes, erase them; it can not be undone.
    #[arg(long)]
    yes: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Erases, and says what stays.
pub(super) async fn run(args: EraseArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let record = find(stores, &args.user).await?;
        let (id, name) = (&record.user.id, &record.user.user_name);
        if !args.yes {
            return Err(Stop::usage(format!(
                "{name} ({id}) would be erased for good: names, addresses, attributes, groups, \
                 sessions"
            ))
            .hint("add --yes if that is meant"));
        }
        let erased = stores.people.erase(std::slice::from_ref(id), now).await?;
        let Some((_, erased)) = erased.first() else {
            return Err(Stop::new(format!("there is nobody {id} any more")));
        };
        // Where the sessions are not kept beside the people.
        stores.sessions.end_user(id, now).await?;
        output::note(&format!("erased {name}"));
        output::note(&format!(
            "taken out of the audit: what {} said; login attempts removed: {}",
            count(
                usize::try_from(erased.events).unwrap_or(usize::MAX),
                "event"
            ),
            erased.attempts,
        ));
        output::note(&format!(
            "what stays: that there was somebody of the id {id}, and when what happened to them"
        ));
        tidy_up(&loaded.config.database).await;
        output::hint(
            "copies of before still know them: backups, log files, exports, and what the audit was \
             passed on to",
        );
        if record.user.managed {
            output::hint("whoever provisions them should stop: they would be provisioned anew");
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Files up to this size are written anew in a second.
const SMALL: u64 = 64 * 1024 * 1024;

/// Removes what SQLite has left on its pages, where that is quick: what it writes over goes at once,
/// but rows that moved to another page before leave something behind. An error is worth a hint: what
/// is erased is erased.
async fn tidy_up(address: &DatabaseAddress) {
    let DatabaseAddress::Sqlite(path) = address else {
        return;
    };
    let is_small = path.metadata().is_ok_and(|metadata| metadata.len() <= SMALL);
    let done = match is_small {
        true => file::compact(path).await,
        false => file::checkpoint(path).await,
    };
    if done.is_err() || !is_small {
        output::hint("remains on pages of the file are removed by: samlgate storage compact");
    }
}
