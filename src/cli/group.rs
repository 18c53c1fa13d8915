//! `samlgate group`: groups that are provisioned, and who is in them.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::Table;
use super::scim::{connection_name, find_connection};
use super::stores::{Stop, Stores, with_stores};
use super::{ConfigFile, configured, output};
use crate::base::{ConnectionName, GroupId, StoreError};
use crate::config::Loaded;
use crate::directory::{GroupRecord, Member, Tenant};

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// List the groups that are provisioned.
    List(ListArgs),
    /// Show one group, and who is in it.
    #[command(after_help = "Example:\n  samlgate group show \"IT Managers\"")]
    Show(ShowArgs),
}

/// Arguments of `group list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Those of this connection alone.
    #[arg(long, value_name = "NAME", value_parser = connection_name)]
    connection: Option<ConnectionName>,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `group show`.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// The group: its id, or its name in any case.
    #[arg(value_name = "GROUP")]
    group: String,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(command: GroupCommand) -> ExitCode {
    match command {
        GroupCommand::List(args) => {
            configured(&args.file.clone(), async |loaded| list(args, loaded).await)
        }
        GroupCommand::Show(args) => {
            configured(&args.file.clone(), async |loaded| show(args, loaded).await)
        }
    }
}

/// As many are asked for at once.
const PAGE: u32 = 500;

async fn list(args: ListArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let tenant = match &args.connection {
            Some(name) => Some(find_connection(stores, name).await?.tenant()),
            None => None,
        };
        let groups = all(stores, tenant.as_ref()).await?;
        if args.json {
            return Ok(output::json(&groups.iter().map(as_json).collect()));
        }
        if groups.is_empty() {
            output::note("no group is provisioned");
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["NAME", "MEMBERS", "CONNECTION", "CHANGED", "ID"]);
        for group in &groups {
            table.row([
                group.display_name.clone(),
                group.members.to_string(),
                connection(&group.tenant),
                group.changed_at.to_saml(),
                group.id.to_string(),
            ]);
        }
        Ok(output::data(&table.to_string()))
    })
    .await
}

async fn all(stores: &Stores, tenant: Option<&Tenant>) -> Result<Vec<GroupRecord>, StoreError> {
    let mut groups: Vec<GroupRecord> = Vec::new();
    loop {
        let after = groups.last().map(|group| group.number);
        let page = stores.people.all_groups(tenant, after, PAGE).await?;
        if page.is_empty() {
            return Ok(groups);
        }
        groups.extend(page);
    }
}

async fn show(args: ShowArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let found = stores.people.look_up_group(&args.group, 20).await?;
        let group = match found.as_slice() {
            [group] => group,
            [] => {
                return Err(Stop::new(format!("there is no group {}", args.group))
                    .hint("samlgate group list prints all; case does not count in names"));
            }
            several => {
                let stop = Stop::new(format!("{} means several groups", args.group));
                return Err(several.iter().fold(stop, |stop, group| {
                    stop.hint(format!("{} of {}", group.id, connection(&group.tenant)))
                }));
            }
        };
        let members = members(stores, &group.id).await?;
        let mut named = Vec::with_capacity(members.len());
        for member in members {
            let name = name(stores, &member).await?;
            named.push((member, name));
        }
        Ok(match args.json {
            true => output::json(&whole(group, &named)),
            false => output::data(&as_text(group, &named)),
        })
    })
    .await
}

async fn members(stores: &Stores, group: &GroupId) -> Result<Vec<Member>, StoreError> {
    let (mut members, mut after) = (Vec::new(), None);
    loop {
        let page = stores.people.members(group, after, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(members);
        };
        after = Some(*last);
        members.extend(page.into_iter().map(|(_, member)| member));
    }
}

/// `userName` or `displayName`.
async fn name(stores: &Stores, member: &Member) -> Result<String, StoreError> {
    Ok(match member {
        Member::User(id) => {
            let user = stores.directory.find(id).await?;
            user.map(|user| user.user_name).unwrap_or_default()
        }
        Member::Group(id) => {
            let group = stores.people.look_up_group(id.as_str(), 1).await?.pop();
            group.map(|group| group.display_name).unwrap_or_default()
        }
    })
}

/// The connection of a tenant, for people.
fn connection(tenant: &Tenant) -> String {
    tenant.connection().map(|name| name.to_string()).unwrap_or_default()
}

fn as_json(group: &GroupRecord) -> Value {
    json!({
        "id": group.id,
        "displayName": group.display_name,
        "externalId": group.external_id,
        "connection": group.tenant.connection(),
        "members": group.members,
        "created": group.created_at.to_saml(),
        "changed": group.changed_at.to_saml(),
    })
}

fn whole(group: &GroupRecord, members: &[(Member, String)]) -> Value {
    let members = members
        .iter()
        .map(|(member, name)| json!({ "id": member.id(), "type": kind(member), "name": name }));
    let mut value = as_json(group);
    if let Value::Object(value) = &mut value {
        value.insert("members".to_owned(), members.collect());
    }
    value
}

const fn kind(member: &Member) -> &'static str {
    match member {
        Member::User(_) => "user",
        Member::Group(_) => "group",
    }
}

fn as_text(group: &GroupRecord, members: &[(Member, String)]) -> String {
    let mut table = Table::plain();
    table.row(["name", &group.display_name]);
    table.row(["id", group.id.as_str()]);
    if let Some(external_id) = &group.external_id {
        table.row(["externalId", external_id]);
    }
    table.row(["connection", &connection(&group.tenant)]);
    table.row(["created", &group.created_at.to_saml()]);
    table.row(["changed", &group.changed_at.to_saml()]);
    table.row(["members", &group.members.to_string()]);
    if members.is_empty() {
        return table.to_string();
    }
    let mut list = Table::new(&["MEMBER", "TYPE", "ID"]);
    for (member, name) in members {
        list.row([name.as_str(), kind(member), member.id()]);
    }
    format!("{table}\n{list}")
}
