//! `samlgate session`: who is signed in, and the end of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::Table;
use super::stores::{Stop, Stores, count, with_stores};
use super::{ConfigFile, configured, output, user};
use crate::audit::{Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, RoleName, StoreError, Timestamp, UserId};
use crate::config::{Config, Loaded};
use crate::session::{EndReason, Session};

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List the sessions, the newest first.
    #[command(after_help = "Examples:\n  \
                      samlgate session list\n  \
                      samlgate session list --user alice@example.com --json")]
    List(ListArgs),
    /// End sessions, on every node within five seconds.
    ///
    /// Whoever may still sign in can do so again: `samlgate user disable` keeps somebody out.
    #[command(after_help = "Examples:\n  \
                      samlgate session revoke --user alice@example.com\n  \
                      samlgate session revoke --sid 0199e4c0-…\n  \
                      samlgate session revoke --all")]
    Revoke(RevokeArgs),
}

/// Arguments of `session list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Those of this person alone: id, userName or e-mail address.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `session revoke`.
#[derive(Args, Debug)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    whose: Whose,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Those of this person: id, userName or e-mail address.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// This one, on all hosts.
    #[arg(long, value_name = "SID")]
    sid: Option<String>,
    /// Everybody's.
    #[arg(long)]
    all: bool,
}

/// Does it.
pub(super) fn run(command: SessionCommand) -> ExitCode {
    match command {
        SessionCommand::List(args) => {
            configured(&args.file.clone(), async |loaded| list(args, loaded).await)
        }
        SessionCommand::Revoke(args) => configured(&args.file.clone(), async |loaded| {
            revoke(args, loaded).await
        }),
    }
}

/// More than anybody reads.
const MOST: u32 = 100_000;

/// The sessions of somebody, or of everybody.
pub(super) async fn sessions(
    config: &Config,
    stores: &Stores,
    user: Option<&UserId>,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    stores.sessions.list(user, config.lifetimes.idle, MOST, now).await
}

async fn list(args: ListArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let user = match &args.user {
            Some(text) => Some(user::find(stores, text).await?.user.id),
            None => None,
        };
        let sessions = sessions(&loaded.config, stores, user.as_ref(), now).await?;
        if args.json {
            return Ok(output::json(&sessions.iter().map(as_json).collect()));
        }
        if sessions.is_empty() {
            output::note("nobody is signed in");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(output::data(&table(&sessions).to_string()))
    })
    .await
}

/// Sessions for people.
pub(super) fn table(sessions: &[Session]) -> Table {
    let head = ["SID", "USER", "IDP", "OPENED", "LAST SEEN", "ENDS", "HOST"];
    let mut table = Table::new(&head);
    for session in sessions {
        table.row([
            session.sid.as_str(),
            &session.identity.user_name,
            session.identity.idp.as_str(),
            &session.opened_at.to_saml(),
            &session.last_seen().to_saml(),
            &session.not_after.to_saml(),
            session.host.as_deref().unwrap_or_default(),
        ]);
    }
    table
}

/// A session for programs; nothing that opens it.
pub(super) fn as_json(session: &Session) -> Value {
    let identity = &session.identity;
    json!({
        "sid": session.sid,
        "user": identity.user,
        "userName": identity.user_name,
        "idp": identity.idp,
        "roles": identity.roles.iter().map(RoleName::as_str).collect::<Vec<_>>(),
        "host": session.host,
        "opened": session.opened_at.to_saml(),
        "last_seen": session.last_seen().to_saml(),
        "not_after": session.not_after.to_saml(),
    })
}

async fn revoke(args: RevokeArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let ended = match &args.whose {
            Whose { user: Some(text), .. } => {
                let user = user::find(stores, text).await?.user.id;
                let open = sessions(&loaded.config, stores, Some(&user), now).await?;
                let ended = stores.sessions.end_user(&user, now).await?.len();
                record(stores, &open, now).await?;
                ended
            }
            Whose { sid: Some(sid), .. } => {
                let mut open = sessions(&loaded.config, stores, None, now).await?;
                open.retain(|session| session.sid == *sid);
                let ended = stores.sessions.end_family(sid, now).await?.len();
                if ended == 0 {
                    return Err(Stop::new(format!("there is no session {sid}"))
                        .hint("samlgate session list prints all"));
                }
                record(stores, &open, now).await?;
                ended
            }
            Whose { .. } => {
                let open = sessions(&loaded.config, stores, None, now).await?;
                let ended = stores.sessions.end_all(now).await?;
                record(stores, &open, now).await?;
                usize::try_from(ended).unwrap_or(usize::MAX)
            }
        };
        match ended {
            0 => output::note("there was no session"),
            ended => output::note(&format!(
                "{} ended; a running gateway knows within five seconds",
                count(ended, "session")
            )),
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// One event for each login, whatever hosts it was for.
async fn record(stores: &Stores, open: &[Session], now: Timestamp) -> Result<(), StoreError> {
    let families: BTreeMap<&str, &Session> =
        open.iter().map(|session| (session.sid.as_str(), session)).collect();
    for (sid, session) in families {
        let event = Event {
            idp: Some(session.identity.idp.clone()),
            user: Some(session.identity.user.clone()),
            detail: json!({ "sid": sid, "reason": EndReason::Revoked.as_str() }),
            ..Event::new(EventKind::SessionEnded)
        };
        stores.audit.record(&event, now).await?;
    }
    Ok(())
}
