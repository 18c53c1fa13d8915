//! `samlgate user export`: everybody, in a file.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use super::cells::{Columns, cell, join, resolve};
use super::list::Pages;
use super::{Format, Progress, csv};
use crate::base::ConnectionName;
use crate::cli::scim::{connection_name, find_connection};
use crate::cli::stores::{Stop, Stores, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;
use crate::directory::{Membership, Record, Tenant, User};
use crate::scim::document::Unknown;
use crate::scim::{Catalogue, Document, ResourceKind};

/// Arguments of `user export`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ExportArgs {
    /// Where to; standard output without it, or for -. A new file is for nobody else to read.
    #[arg(value_name = "FILE", default_value = "-")]
    target: String,
    /// The form; that of the file's name without it, CSV where that says nothing.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// People of this connection alone.
    #[arg(long, value_name = "NAME", value_parser = connection_name)]
    connection: Option<ConnectionName>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Writes all people who were not deleted: what is provisioned of them, else what they signed in
/// with.
pub(super) async fn run(args: ExportArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let tenant = match &args.connection {
            Some(name) => Some(find_connection(stores, name).await?.tenant()),
            None => None,
        };
        let catalogue = &loaded.config.scim.catalogue;
        let people = gather(stores, tenant, catalogue).await?;
        let text = match Format::of(args.format, &args.target) {
            Format::Csv => as_csv(catalogue, &people),
            Format::Json => format!("{:#}\n", people.iter().map(as_json).collect::<Value>()),
        };
        if args.target == "-" {
            return Ok(output::data(&text));
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&args.target)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Stop::new(format!("{}: {error}", args.target)))?;
        let people = people.len();
        output::note(&match people {
            1 => format!("1 person is in {}", args.target),
            people => format!("{people} people are in {}", args.target),
        });
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Somebody who is written.
struct Exported {
    id: String,
    document: Document,
    groups: Vec<Membership>,
}

async fn gather(
    stores: &Stores,
    tenant: Option<Tenant>,
    catalogue: &Catalogue,
) -> Result<Vec<Exported>, Stop> {
    let progress = Progress::new("read");
    let (mut people, mut pages) = (Vec::new(), Pages::new(tenant));
    while let Some(page) = pages.next(stores).await? {
        for record in page.into_iter().filter(|record| record.deleted_at.is_none()) {
            let provisioned = stores.people.provisioned(&record.user.id).await?;
            let mut groups = provisioned.map(|known| known.groups).unwrap_or_default();
            groups.retain(|group| group.direct);
            people.push(Exported {
                id: record.user.id.to_string(),
                document: document(record, catalogue),
                groups,
            });
        }
        progress.at(people.len(), None);
    }
    Ok(people)
}

/// What is provisioned, else what was asserted, in the same words.
fn document(record: Record, catalogue: &Catalogue) -> Document {
    let active = record.user.active;
    let mut document = match record.document {
        Some(document) => document,
        None => asserted(&record.user, catalogue),
    };
    document.set_active(active);
    document
}

fn asserted(user: &User, catalogue: &Catalogue) -> Document {
    let profile = &user.profile;
    let texts = [
        ("userName", Some(&user.user_name)),
        ("externalId", user.external_id.as_ref()),
        ("displayName", profile.display_name.as_ref()),
        ("name.givenName", profile.first_name.as_ref()),
        ("name.familyName", profile.last_name.as_ref()),
        ("title", profile.title.as_ref()),
        ("department", profile.department.as_ref()),
        ("employeeNumber", profile.employee_number.as_ref()),
        ("manager", profile.manager.as_ref()),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let mut body: Map<String, Value> =
        texts.map(|(name, text)| (name.to_owned(), Value::from(text.clone()))).collect();
    if let Some(email) = &profile.email {
        body.insert(
            "emails".to_owned(),
            json!([{ "value": email, "primary": true }]),
        );
    }
    // What an assertion may say and SCIM may not is left out.
    Document::read(&body, ResourceKind::User, catalogue, Unknown::Ignored)
        .map(|read| read.document)
        .unwrap_or_default()
}

fn as_json(person: &Exported) -> Value {
    let groups = person
        .groups
        .iter()
        .map(|group| json!({ "value": group.group, "display": group.display_name }));
    let mut value = Map::from_iter([("id".to_owned(), Value::from(person.id.clone()))]);
    value.extend(person.document.as_object().clone());
    value.insert("groups".to_owned(), groups.collect());
    Value::Object(value)
}

fn as_csv(catalogue: &Catalogue, people: &[Exported]) -> String {
    let mut columns = Columns::default();
    for person in people {
        columns.note(catalogue, &person.document);
    }
    if !columns.left_out.is_empty() {
        let names = Vec::from_iter(columns.left_out.iter().map(String::as_str)).join(", ");
        output::warning(&format!(
            "{names} can not stand in a table, and {} left out: --format json has all",
            if columns.left_out.len() == 1 {
                "is"
            } else {
                "are"
            }
        ));
    }
    let names = columns.names();
    let mut text = String::new();
    let names_and_more = ["id"].into_iter().chain(names.iter().map(String::as_str));
    csv::write(&mut text, names_and_more.chain(["groups"]));
    for person in people {
        let value = |name: &String| {
            resolve(catalogue, name)
                .map(|found| cell(&person.document, &found))
                .unwrap_or_default()
        };
        let groups = join(person.groups.iter().map(|group| group.display_name.clone()));
        let cells = [person.id.clone()].into_iter().chain(names.iter().map(value)).chain([groups]);
        let cells: Vec<String> = cells.map(|cell| csv::disarmed(&cell)).collect();
        csv::write(&mut text, cells.iter().map(String::as_str));
    }
    text
}
