//! `samlgate user link`: what another identity provider calls somebody who is here.

use std::process::ExitCode;

use clap::Args;

use super::find;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName};
use crate::cli::idps;
use crate::cli::stores::{Stop, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;
use crate::directory::Operator;
use crate::directory::links::{Link, Linked};
use crate::identity::value::check_identifier;

/// Arguments of `user link`.
#[derive(Args, Debug)]
pub(in crate::cli) struct LinkArgs {
    /// The person: id, userName in any case, or e-mail address.
    #[arg(value_name = "USER")]
    user: String,
    /// The identity provider, by its name here.
    #[arg(long, value_name = "NAME")]
    idp: String,
    /// What it calls the person: the NameID, exactly as it sends it.
    #[arg(long, value_name = "NAMEID", required_unless_present = "unlink")]
    name_id: Option<String>,
    /// Take the link away instead. The person's sessions end.
    #[arg(long, conflicts_with = "name_id")]
    unlink: bool,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Links, or takes a link away.
pub(super) async fn run(args: LinkArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let user = find(stores, &args.user).await?.user;
        let idp = IdpName::parse(&args.idp);
        let by = Operator::command();
        let links = &stores.directory;
        let Some(name_id) = &args.name_id else {
            // Also of an identity provider that was removed meanwhile.
            let gone = match &idp {
                Some(idp) => links.unlink(&user.id, idp, &by, now).await?,
                None => false,
            };
            if !gone {
                let message = format!("{} is not linked to {}", user.user_name, args.idp);
                return Err(Stop::new(message));
            }
            // Where the sessions are not kept beside the people.
            stores.sessions.end_user(&user.id, now).await?;
            output::note(&format!(
                "{} is not linked to {} any more; their sessions have ended",
                user.user_name, args.idp
            ));
            return Ok(ExitCode::SUCCESS);
        };
        let known = idps::all(&loaded.config, &*stores.database, now).await;
        let known: Vec<IdpName> = known.into_iter().map(|idp| idp.settings.name).collect();
        let Some(idp) = idp.filter(|idp| known.contains(idp)) else {
            let names: Vec<&str> = known.iter().map(IdpName::as_str).collect();
            let stop = Stop::new(format!("there is no identity provider {}", args.idp));
            return Err(stop.hint(format!("there are: {}", names.join(", "))));
        };
        check_identifier(name_id)
            .map_err(|fault| Stop::new(format!("the NameID {name_id:?} {fault}")))?;
        let link = Link {
            person: user.id.clone(),
            idp,
            name_id: name_id.clone(),
            created_at: now,
        };
        let whose = format!("{name_id:?} of {}", link.idp);
        match links.link(&link, &by).await? {
            Linked::Linked => output::note(&format!("{whose} is {} from now on", user.user_name)),
            Linked::Already => output::note(&format!("{whose} was {} already", user.user_name)),
            Linked::Other(other) => {
                let stop = Stop::new(format!(
                    "{} is {other:?} of {} already",
                    user.user_name, link.idp
                ));
                return Err(stop.hint("take that link away first: --unlink"));
            }
            Linked::Taken { person, user_name } => {
                let stop = Stop::new(format!("{whose} is {user_name} ({person}) already"));
                return Err(stop.hint(
                    "a person of their own, who signed in there: look with samlgate user show, and \
                     erase them first if they are the same (samlgate user erase)",
                ));
            }
            Linked::Nobody => {
                return Err(Stop::new(format!("there is nobody {} any more", user.id)));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}
