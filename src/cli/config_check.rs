//! `samlgate config check`: every mistake, or a summary of what would be served.

use std::pin::Pin;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::ConfigFile;
use super::output::{self, Table};
use crate::access::{Condition, HeaderProfile, PathMatch, Route, Upstream};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ErrorCode};
use crate::config::{self, Config, Loaded, Problem, Source, Sources};
use crate::store::keys::{KeyFolderError, check_keys};
use crate::store::{DatabaseAddress, PostgresStore};
use crate::tasks::fetch::{Fetcher, Reach};
use crate::trust::{IdpSettings, MetadataSource};

/// Arguments of `config check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Also open the database and fetch the metadata of every identity provider.
    #[arg(long)]
    online: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Something of `--online`: a name, and a question to the world outside.
pub struct OnlineCheck {
    /// `metadata of corp`
    pub name: String,
    /// Asks; the answer is a word about what was found, or what went wrong.
    pub ask: Pin<Box<dyn Future<Output = Result<String, String>> + Send>>,
}

impl std::fmt::Debug for OnlineCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnlineCheck").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What `--online` asks: the database, and the metadata of each identity provider.
fn online_checks(config: &Config) -> Vec<OnlineCheck> {
    let database = config.database.clone();
    let mut checks = vec![OnlineCheck {
        name: "database".to_owned(),
        ask: Box::pin(async move { ask_database(&database).await }),
    }];
    for idp in &config.idps {
        let (idp, reach) = (idp.clone(), config.reach);
        checks.push(OnlineCheck {
            name: format!("metadata of {}", idp.name),
            ask: Box::pin(async move { ask_metadata(&idp, reach).await }),
        });
    }
    checks
}

/// Opens a database that is there, and makes none.
async fn ask_database(address: &DatabaseAddress) -> Result<String, String> {
    if address.is_still_to_be_made() {
        return Ok(format!("{address} will be made at the first start"));
    }
    if let DatabaseAddress::Postgres(settings) = address {
        // Tables are made by whoever starts, not by whoever looks.
        let version = PostgresStore::version(settings).await.map_err(|error| error.detail)?;
        if version < PostgresStore::newest_version() {
            return Ok("answers; its tables will be made at the first start".to_owned());
        }
        return Ok("answers".to_owned());
    }
    let store = address.open().await.map_err(|error| error.detail)?;
    store.ping().await.map_err(|error| error.detail)?;
    store.close().await;
    Ok("answers".to_owned())
}

async fn ask_metadata(idp: &IdpSettings, reach: Reach) -> Result<String, String> {
    let now = SystemClock.now();
    let bytes = match &idp.metadata {
        MetadataSource::Url(url) => {
            let fetcher = Fetcher::new().map_err(|error| error.to_string())?.reaching(reach);
            let fetched = fetcher.fetch(url).await.map_err(|error| error.to_string())?;
            fetched.body.to_vec()
        }
        MetadataSource::File(path) => {
            tokio::fs::read(path).await.map_err(|error| error.to_string())?
        }
        MetadataSource::Stored => return Ok("imported".to_owned()),
    };
    let read = idp.read(&bytes, idp.entity_id.as_deref(), now);
    let metadata = read.map_err(|error| format!("{error} ({})", error.code()))?;
    let days = metadata.signing_keys.iter().map(|key| key.not_after().days_left(now)).max();
    let (count, days) = (metadata.signing_keys.len(), days.unwrap_or_default());
    let keys = if count == 1 {
        "signing key"
    } else {
        "signing keys"
    };
    Ok(format!(
        "{}, {count} {keys}, {days} days left",
        metadata.entity_id
    ))
}

/// 0 when everything is fine, else 1.
pub async fn run(args: CheckArgs) -> ExitCode {
    let loaded = match config::load(&Sources::of_process(args.file.config)) {
        Ok(loaded) => loaded,
        Err(problems) => {
            if args.json {
                let problems = problems.iter().map(problem).collect::<Value>();
                output::json(&json!({ "ok": false, "problems": problems, "warnings": [] }));
            } else {
                output::problems(&problems);
            }
            return ExitCode::FAILURE;
        }
    };
    let (broken, unseen) = own_keys(&loaded.config);
    if !broken.is_empty() {
        if args.json {
            let problems = broken.iter().map(problem).collect::<Value>();
            let warnings = loaded.warnings.iter().map(problem).collect::<Value>();
            output::json(&json!({ "ok": false, "problems": problems, "warnings": warnings }));
        } else {
            output::warnings(&loaded.warnings);
            output::all_problems(&broken);
        }
        return ExitCode::FAILURE;
    }
    for warning in &unseen {
        output::warning(warning);
    }
    let mut answers = Vec::new();
    if args.online {
        let checks = online_checks(&loaded.config);
        for check in checks {
            answers.push((check.name, check.ask.await));
        }
    }
    let fine = answers.iter().all(|(_, answer)| answer.is_ok());
    let printed = match args.json {
        true => output::json(&as_json(&loaded, &answers)),
        false => {
            output::warnings(&loaded.warnings);
            let printed = output::data(&summary(&loaded));
            for (name, answer) in &answers {
                match answer {
                    Ok(found) => output::note(&format!("{name}: {found}")),
                    Err(error) => output::error(&format!("{name}: {error}")),
                }
            }
            printed
        }
    };
    if fine { printed } else { ExitCode::FAILURE }
}

/// What would keep the gateway from starting with the keys that it has; and what whoever asks may not
/// see, who need not be the user that the gateway runs as.
fn own_keys(config: &Config) -> (Vec<Problem>, Vec<String>) {
    let (mut broken, mut unseen) = (Vec::new(), Vec::new());
    for error in check_keys(&config.keys.settings) {
        match &error {
            KeyFolderError::Io { error: cause, .. }
                if cause.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                unseen.push(format!("our keys are not looked at: {error}"));
            }
            KeyFolderError::Given { usage, reason } => broken.push(Problem {
                code: ErrorCode::ConfigValue,
                path: format!("saml.{}_key", usage.as_str()),
                source: Source::Default,
                message: reason.clone(),
                hint: None,
            }),
            _ => broken.push(Problem {
                code: ErrorCode::ConfigValue,
                path: "saml.keys".to_owned(),
                source: Source::Default,
                message: error.to_string(),
                hint: None,
            }),
        }
    }
    (broken, unseen)
}

type Answer = (String, Result<String, String>);

fn as_json(loaded: &Loaded, answers: &[Answer]) -> Value {
    let online = answers.iter().map(|(name, answer)| match answer {
        Ok(found) => json!({ "name": name, "ok": true, "found": found }),
        Err(error) => json!({ "name": name, "ok": false, "error": error }),
    });
    json!({
        "ok": answers.iter().all(|(_, answer)| answer.is_ok()),
        "file": loaded.file.display().to_string(),
        "problems": [],
        "warnings": loaded.warnings.iter().map(problem).collect::<Value>(),
        "online": online.collect::<Value>(),
    })
}

fn problem(problem: &Problem) -> Value {
    let (file, line, variable) = match &problem.source {
        Source::File { file, line } => (Some(file), Some(line), None),
        Source::Environment(name) => (None, None, Some(name)),
        Source::Argument(_) | Source::Default => (None, None, None),
    };
    json!({
        "code": problem.code.as_str(),
        "key": problem.path,
        "file": file,
        "line": line,
        "variable": variable,
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// What would be served, for a person to compare with what they meant.
fn summary(loaded: &Loaded) -> String {
    let config = &loaded.config;
    let mut text = format!("{} is fine.\n\n", loaded.file.display());

    let mut table = Table::plain();
    let scheme = if config.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    for listen in config.server.listen.iter() {
        table.row(["listens on".to_owned(), format!("{listen} ({scheme})")]);
    }
    table.row(["admin on".to_owned(), config.admin.listen.to_string()]);
    table.row(["known as".to_owned(), config.sp.public_url.to_string()]);
    table.row(["entityID".to_owned(), config.sp.entity_id.clone()]);
    table.row(["database".to_owned(), config.database.to_string()]);
    text.push_str(&table.to_string());

    if !config.idps.is_empty() {
        let mut table = Table::new(&["IDP", "LABEL", "METADATA", ""]);
        for idp in &config.idps {
            let metadata = match &idp.metadata {
                MetadataSource::Url(url) => url.clone(),
                MetadataSource::File(path) => path.display().to_string(),
                MetadataSource::Stored => "imported".to_owned(),
            };
            let state = match (idp.enabled, idp.default) {
                (false, _) => "off",
                (true, true) => "default",
                (true, false) => "",
            };
            table.row([
                idp.name.to_string(),
                idp.label(None).to_owned(),
                metadata,
                state.to_owned(),
            ]);
        }
        text.push_str(&format!("\n{table}"));
    }

    let mut table = Table::new(&["ROUTE", "HOST", "PATH", "WHO", "UPSTREAM", "HEADERS"]);
    for route in &config.routes {
        let path = match &route.path {
            PathMatch::Prefix(path) => path.clone(),
            PathMatch::Exact(path) => format!("exact:{path}"),
        };
        let host = route.host.as_str().unwrap_or("any").to_owned();
        let upstreams = route.upstreams.iter().map(upstream).collect::<Vec<_>>().join(", ");
        table.row([
            route.name.clone(),
            host,
            path,
            who(route),
            upstreams,
            headers(route),
        ]);
    }
    text.push_str(&format!("\n{table}"));
    text
}

fn who(route: &Route) -> String {
    if route.public {
        return "everyone".to_owned();
    }
    let mut who = [
        conditions(&route.require.any, " or "),
        conditions(&route.require.all, " and "),
    ];
    who.sort_by_key(String::is_empty);
    let [first, second] = &who;
    let step_up = route.step_up.as_ref().map(|step_up| format!("; {}", step_up.shown()));
    let people = match (first.is_empty(), second.is_empty()) {
        (true, _) => "anyone signed in".to_owned(),
        (_, true) => first.clone(),
        (false, false) => format!("({first}) and {second}"),
    };
    people + &step_up.unwrap_or_default()
}

fn conditions(conditions: &[Condition], word: &str) -> String {
    let text = |condition: &Condition| match condition {
        Condition::Role(role) => format!("role {role}"),
        Condition::Group(group) => format!("group {group}"),
        Condition::Attribute { name, values } => format!("{name} {}", values.join("/")),
        Condition::Idp(names) => {
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("idp {}", names.join("/"))
        }
        Condition::AuthnContext(classes) => classes.join("/"),
    };
    conditions.iter().map(text).collect::<Vec<_>>().join(word)
}

fn upstream(upstream: &Upstream) -> String {
    match upstream {
        Upstream::Tcp { tls: true, authority } => format!("https://{authority}"),
        Upstream::Tcp { tls: false, authority } => format!("http://{authority}"),
        Upstream::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn headers(route: &Route) -> String {
    let profiles = route.headers.iter().map(|profile| match profile {
        HeaderProfile::Signed => "signed",
        HeaderProfile::Remote => "remote",
        HeaderProfile::XForwarded => "x-forwarded",
        HeaderProfile::XAuthRequest => "x-auth-request",
        HeaderProfile::Shibboleth => "shibboleth",
    });
    let custom = (!route.custom.is_empty()).then_some("custom");
    let names = profiles.chain(custom).collect::<Vec<_>>();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
