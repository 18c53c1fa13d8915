//! `samlgate scim guard`, `approve`, `resume`: what is done when very many people were to be
//! deactivated at once.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::connection_name;
use super::known::find;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{Stop, Stores, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::{Config, Loaded, parse_duration};
use crate::directory::guard::Waiting;
use crate::directory::{Approval, Connection, Guard, GuardState, Operator, Share};

/// How many of those who wait are listed.
const LISTED: u32 = 1000;

/// Arguments of `scim guard`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShowArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `scim approve`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ApproveArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// How long deactivations go through: 4h, 2d.
    #[arg(long = "for", value_name = "DURATION", default_value = "4h", value_parser = duration)]
    how_long: Duration,
    /// How many at most; any number without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    people: Option<u64>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Arguments of `scim resume`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ResumeArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// What is chosen of a guard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) share: Option<Share>,
    pub(super) people: Option<u32>,
    pub(super) window: Option<Duration>,
    /// That of the configuration again.
    pub(super) default: bool,
}

impl Wanted {
    /// The guard of a connection that had this one, or that of the configuration.
    pub(super) fn apply(self, own: Option<Guard>, configured: Guard) -> Option<Guard> {
        if self.default {
            return None;
        }
        let before = own.unwrap_or(configured);
        let after = Guard {
            share: self.share.unwrap_or(before.share),
            people: self.people.unwrap_or(before.people),
            window: self.window.unwrap_or(before.window),
        };
        (own.is_some() || after != before).then_some(after)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write a duration such as 4h or 2d".to_owned())
}

/// Reads `--guard-window`.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    let short = |window: &Duration| window.as_secs() <= 30 * 86_400;
    duration(text)
        .ok()
        .filter(short)
        .ok_or_else(|| "write a duration of 30d at most".to_owned())
}

/// Reads `--guard-share`.
pub(super) fn share(text: &str) -> Result<Share, String> {
    let wrong = || "write a number above 0 and up to 1, with at most three places".to_owned();
    Share::parse(text).ok_or_else(wrong)
}

/// How the guard of a connection stands.
pub(super) async fn state_of(stores: &Stores, name: &ConnectionName) -> Result<GuardState, Stop> {
    let all = stores.guards.guards().await?;
    let known = all.into_iter().find(|state| state.connection == *name);
    Ok(known.unwrap_or_else(|| GuardState::quiet(name.clone())))
}

/// One word for it.
pub(super) fn word(
    config: &Config,
    connection: &Connection,
    state: &GuardState,
    now: Timestamp,
) -> &'static str {
    match of(config, connection).is_on() {
        true => state.word(now),
        false => "not watched",
    }
}

fn of(config: &Config, connection: &Connection) -> Guard {
    connection.settings.guard.unwrap_or(config.scim.guard)
}

/// A line about it.
pub(super) fn say(
    config: &Config,
    connection: &Connection,
    state: &GuardState,
    now: Timestamp,
) -> String {
    let guard = of(config, connection);
    if !guard.is_on() {
        return "not watched".to_owned();
    }
    if let Some(at) = state.paused_at {
        return format!(
            "PAUSED since {}; {} waiting",
            at.to_saml(),
            count_of(state.waiting, "person", "people")
        );
    }
    if let Some(approval) = state.approval.filter(|approval| approval.holds(now)) {
        return approved(approval);
    }
    format!("watched: up to {guard}; {} lately", state.deactivated)
}

fn approved(approval: Approval) -> String {
    let until = approval.until.to_saml();
    match approval.people {
        None => format!("approved until {until}"),
        Some(people) => format!(
            "approved until {until}, for {} more",
            count_of(people, "person", "people")
        ),
    }
}

fn count_of(number: u64, one: &str, more: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    }
}

/// Prints how it stands, and who waits.
pub(super) async fn show(args: ShowArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find(stores, &args.name).await?;
        let name = &connection.name;
        let state = state_of(stores, name).await?;
        let waiting = stores.guards.waiting(name, LISTED).await?;
        if args.json {
            let guard = of(&loaded.config, &connection);
            return Ok(output::json(&as_json(guard, &state, &waiting, now)));
        }
        let mut table = Table::plain();
        table.row([
            name.as_str(),
            &say(&loaded.config, &connection, &state, now),
        ]);
        let mut text = table.to_string();
        if !waiting.is_empty() {
            let mut table = Table::new(&["WAITING", "ID", "ASKED AT"]);
            for person in &waiting {
                table.row([&person.user_name, &person.id, &person.asked_at.to_saml()]);
            }
            text.push('\n');
            text.push_str(&table.to_string());
        }
        if state.paused_at.is_some() {
            output::hint(&format!("samlgate scim approve {name} lets them through"));
            output::hint(&format!("samlgate scim resume {name} if it was a mistake"));
        }
        Ok(output::data(&text))
    })
    .await
}

fn as_json(guard: Guard, state: &GuardState, waiting: &[Waiting], now: Timestamp) -> Value {
    let person = |person: &Waiting| {
        json!({
            "id": person.id,
            "user_name": person.user_name,
            "asked_at": person.asked_at.to_saml(),
        })
    };
    let approval = state.approval.filter(|approval| approval.holds(now));
    json!({
        "connection": state.connection,
        "guard": guard,
        "state": if guard.is_on() { state.word(now) } else { "not watched" },
        "paused": state.paused_at.map(Timestamp::to_saml),
        "deactivated": state.deactivated,
        "waiting": state.waiting,
        "approved_until": approval.map(|approval| approval.until.to_saml()),
        "approved_people": approval.and_then(|approval| approval.people),
        "people": waiting.iter().map(person).collect::<Vec<_>>(),
    })
}

/// Lets deactivations through.
pub(super) async fn approve(args: ApproveArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find(stores, &args.name).await?;
        let name = &connection.name;
        let approval = Approval { until: now.plus(args.how_long), people: args.people };
        let by = Operator::command();
        let before = stores.guards.approve(name, approval, &by, now).await?;
        let waiting = before.map_or(0, |before| before.waiting);
        output::note(&format!("deactivations of {name}: {}", approved(approval)));
        if waiting > 0 {
            output::hint(&format!(
                "{} waited; the client asks again by itself, or tell it to: Provision on demand \
                 and Restart (Entra ID), Tasks → Retry selected (Okta)",
                count_of(waiting, "person", "people")
            ));
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Ends a pause without letting anybody through.
pub(super) async fn resume(args: ResumeArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find(stores, &args.name).await?;
        let name = &connection.name;
        let before = stores.guards.resume(name, &Operator::command(), now).await?;
        output::note(&match before {
            Some(GuardState { paused_at: Some(_), waiting, .. }) => format!(
                "{name} is watched again from the beginning; {} stay active",
                count_of(waiting, "person who waited", "people who waited")
            ),
            Some(GuardState { approval: Some(_), .. }) => {
                format!("{name} is watched again from the beginning; nothing is approved any more")
            }
            _ => format!("{name} was not paused"),
        });
        Ok(ExitCode::SUCCESS)
    })
    .await
}
