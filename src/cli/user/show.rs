//! `samlgate user show`: who somebody is here, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{find, list, state, whose};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName};
use crate::cli::output::Table;
use crate::cli::stores::{Stop, Stores, moment, with_stores};
use crate::cli::{ConfigFile, output, session};
use crate::config::{Config, Loaded};
use crate::directory::{Link, Membership, Record, Standing};
use crate::identity::sources::{merged, sources};
use crate::identity::{Facts, Granted, Target, granted};
use crate::session::Session;

/// Arguments of `user show`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShowArgs {
    /// The person: id, userName in any case, or e-mail address.
    #[arg(value_name = "USER")]
    user: String,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Everything that is shown of somebody.
struct Whole {
    record: Record,
    /// Attribute, value, source.
    attributes: Vec<(&'static str, String, &'static str)>,
    /// Group, and how they are in it.
    groups: Vec<(String, &'static str)>,
    /// Role, and why they have it.
    roles: Vec<(String, String)>,
    /// What other identity providers call them.
    links: Vec<Link>,
    sessions: Vec<Session>,
}

/// Prints it; exits with 1 when nobody, or nobody in particular, is meant.
pub(super) async fn run(args: ShowArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let record = find(stores, &args.user).await?;
        let whole = gather(&loaded.config, stores, record).await?;
        Ok(match args.json {
            true => output::json(&as_json(&whole)),
            false => output::data(&as_text(&whole)),
        })
    })
    .await
}

async fn gather(config: &Config, stores: &Stores, record: Record) -> Result<Whole, Stop> {
    let now = SystemClock.now();
    let user = &record.user;
    let asserted = &user.profile;
    let gone = || Stop::new(format!("there is nobody {} any more", user.id));
    let standing = stores
        .directory
        .standing(&user.id, &asserted.groups, now)
        .await?
        .ok_or_else(gone)?;
    let provisioned = stores.people.provisioned(&user.id).await?.ok_or_else(gone)?;
    let links = stores.directory.links(&user.id).await?;
    let sessions = session::sessions(config, stores, Some(&user.id), now).await?;
    let settings = &config.identity;
    let profile = merged(asserted, &standing, settings.first);
    // What was sent under other names is known of sessions alone.
    let sent = sessions.first().map(|session| session.identity.attributes.as_slice());
    let facts = Facts {
        idp: user.idp.as_ref(),
        user_name: &user.user_name,
        external_id: user.external_id.as_deref(),
        profile: &profile,
        attributes: sent.unwrap_or_default(),
        document: standing.document.as_ref(),
    };
    let roles = granted(&settings.roles, facts)
        .map(|granted| (granted.rule.name.to_string(), why(&granted)))
        .collect();
    let attributes = sources(asserted, &standing, settings.first)
        .into_iter()
        .map(|(target, value, source)| (key(target), value, source.as_str()))
        .collect();
    let groups = groups(&provisioned.groups, &standing, &profile.groups);
    Ok(Whole { attributes, groups, roles, links, sessions, record })
}

fn key(target: Target) -> &'static str {
    Target::ALL
        .iter()
        .find(|(other, _)| *other == target)
        .map_or("", |(_, key)| *key)
}

/// `group "IT"`; of a rule that needs all of several things, those.
fn why(granted: &Granted<'_>) -> String {
    let rule = granted.rule;
    let mut words: Vec<String> = granted.by.iter().map(ToString::to_string).collect();
    words.extend(rule.all.groups.iter().map(|group| format!("group {group:?}")));
    for (name, values) in &rule.all.attributes {
        words.extend(values.iter().map(|value| format!("{name} = {value:?}")));
    }
    if words.is_empty() {
        words.push("everybody has it".to_owned());
    }
    if !rule.idps.is_empty() {
        let idps: Vec<&str> = rule.idps.iter().map(IdpName::as_str).collect();
        words.push(format!("identity provider {}", idps.join(" or ")));
    }
    words.join(" and ")
}

fn groups(
    memberships: &[Membership],
    standing: &Standing,
    all: &[String],
) -> Vec<(String, &'static str)> {
    let mut groups: Vec<(String, &'static str)> = memberships
        .iter()
        .map(|membership| {
            let how = if membership.direct {
                "provisioned"
            } else {
                "by another group"
            };
            (membership.display_name.clone(), how)
        })
        .collect();
    for group in all.iter().filter(|group| !standing.groups.contains(group)) {
        groups.push((group.clone(), "said at sign-in"));
    }
    groups.sort();
    groups
}

/// Whether they may enter, and who says otherwise.
fn standing(record: &Record) -> String {
    match state(record) {
        "deleted" => {
            format!(
                "deleted by {} at {}",
                whose(record),
                moment(record.deleted_at)
            )
        }
        "locked" if !record.user.active => {
            format!(
                "locked by an administrator, and not active by {}",
                whose(record)
            )
        }
        "locked" => "locked by an administrator".to_owned(),
        "inactive" => format!("not active, by {}", whose(record)),
        other => other.to_owned(),
    }
}

fn as_text(whole: &Whole) -> String {
    let record = &whole.record;
    let user = &record.user;
    let mut table = Table::plain();
    table.row(["userName", &user.user_name]);
    table.row(["id", user.id.as_str()]);
    if let Some(external_id) = &user.external_id {
        table.row(["externalId", external_id]);
    }
    table.row(["state", &standing(record)]);
    if !record.claimed && user.managed && user.last_login_at.is_some() {
        table.row([
            "",
            "somebody else holds this userName: a sign-in is refused",
        ]);
    }
    let connection = record.tenant.connection();
    table.row([
        "provisioned",
        &connection.map_or_else(
            || "no".to_owned(),
            |name| match user.managed {
                true => format!("by {name}"),
                false => format!("not yet; is among the people of {name}"),
            },
        ),
    ]);
    let idp = user.idp.as_ref().map_or("none yet", IdpName::as_str);
    table.row(["identity provider", idp]);
    if let Some(name_id) = &user.name_id {
        table.row(["NameID", name_id]);
    }
    for link in &whole.links {
        table.row(["linked to", &format!("{:?} of {}", link.name_id, link.idp)]);
    }
    table.row(["created", &user.created_at.to_saml()]);
    let login = user.last_login_at;
    table.row([
        "last login",
        &login.map_or_else(|| "never".to_owned(), |at| at.to_saml()),
    ]);
    let mut text = table.to_string();
    let mut section = |table: Table| text.push_str(&format!("\n{table}"));
    if !whole.attributes.is_empty() {
        let mut table = Table::new(&["ATTRIBUTE", "VALUE", "SAID BY"]);
        for (key, value, source) in &whole.attributes {
            table.row([key, value.as_str(), source]);
        }
        section(table);
    }
    if !whole.groups.is_empty() {
        let mut table = Table::new(&["GROUP", ""]);
        for (group, how) in &whole.groups {
            table.row([group, *how]);
        }
        section(table);
    }
    let mut table = Table::new(&["ROLE", "BECAUSE OF"]);
    for (role, why) in &whole.roles {
        table.row([role, why]);
    }
    if whole.roles.is_empty() {
        table.row(["none", ""]);
    }
    section(table);
    if !whole.sessions.is_empty() {
        section(session::table(&whole.sessions));
    }
    text
}

fn as_json(whole: &Whole) -> Value {
    let user = &whole.record.user;
    let mut value = list::as_json(&whole.record);
    let attributes = whole
        .attributes
        .iter()
        .map(|(key, value, source)| json!({ "attribute": key, "value": value, "source": source }));
    let groups = whole.groups.iter().map(|(group, how)| json!({ "group": group, "how": how }));
    let roles = whole.roles.iter().map(|(role, why)| json!({ "role": role, "because_of": why }));
    let more = json!({
        "name_id": user.name_id,
        "may_enter": user.may_enter() && whole.record.deleted_at.is_none(),
        "attributes": attributes.collect::<Value>(),
        "groups": groups.collect::<Value>(),
        "roles": roles.collect::<Value>(),
        "links": whole.links.iter().map(linked).collect::<Value>(),
        "sessions": whole.sessions.iter().map(session::as_json).collect::<Value>(),
        "document": whole.record.document.as_ref().map(|document| document.as_object()),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn linked(link: &Link) -> Value {
    json!({
        "idp": link.idp,
        "name_id": link.name_id,
        "created": link.created_at.to_saml(),
    })
}
