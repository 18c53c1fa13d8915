//! `samlgate user disable`, `samlgate user enable`: the lock of an administrator.

use std::process::ExitCode;

use super::{NamedArgs, find, whose};
use crate::base::Clock as _;
use crate::base::clock::SystemClock;
use crate::cli::output;
use crate::cli::session::sessions;
use crate::cli::stores::{Stop, Stores, count, with_stores};
use crate::config::Loaded;
use crate::directory::Record;

/// Locks somebody out, and ends their sessions.
pub(super) async fn disable(args: NamedArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let record = find(stores, &args.user).await?;
        let user = &record.user;
        let open = sessions(&loaded.config, stores, Some(&user.id), now).await?.len();
        set(stores, &record, true).await?;
        // Where the sessions are not kept beside the people.
        stores.sessions.end_user(&user.id, now).await?;
        let already = if user.locked {
            "was locked out already"
        } else {
            "is locked out"
        };
        output::note(&format!(
            "{} {already}; {} ended",
            user.user_name,
            count(open, "session")
        ));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Takes the lock away.
pub(super) async fn enable(args: NamedArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let record = find(stores, &args.user).await?;
        let user = &record.user;
        set(stores, &record, false).await?;
        let name = &user.user_name;
        let lock = if user.locked {
            "is not locked any more"
        } else {
            "was not locked"
        };
        if record.deleted_at.is_some() {
            output::warning(&format!(
                "{name} {lock}, but stays out: {} has deleted them",
                whose(&record)
            ));
        } else if !user.active {
            output::warning(&format!(
                "{name} {lock}, but stays out: {} says that they are not active",
                whose(&record)
            ));
            output::hint("activate them there; it is provisioned from there");
        } else if user.locked {
            output::note(&format!("{name} may sign in again"));
        } else {
            output::note(&format!("{name} {lock}"));
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn set(stores: &Stores, record: &Record, locked: bool) -> Result<(), Stop> {
    let user = &record.user;
    if user.locked == locked {
        return Ok(());
    }
    match stores.people.set_locked(&user.id, locked, SystemClock.now()).await? {
        true => Ok(()),
        false => Err(Stop::new(format!("there is nobody {} any more", user.id))),
    }
}
