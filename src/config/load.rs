//! From files and variables to a [`Config`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::build;
use super::environment;
use super::keys::{self, SECTIONS};
use super::names;
use super::node::{Entry, Item, Lines};
use super::problem::{Problem, Problems, Source};
use super::reader::{Complaint, Reader, Scope};
use super::settings::Config;
use super::show::Effective;
use crate::base::ErrorCode;
use crate::http::links::DISCOVERY;
use crate::saml::metadata::SpDescription;

/// Where the file is looked for when nobody names it.
pub const DEFAULT_FILES: &[&str] = &["config/samlgate.toml", "/etc/samlgate/samlgate.toml"];

/// What a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; `None` tries `SAMLGATE_CONFIG` and then [`DEFAULT_FILES`].
    pub file: Option<PathBuf>,
    /// The process environment, or a part of it in tests.
    pub environment: Vec<(String, String)>,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is allowed and yet looks like a mistake.
    pub warnings: Vec<Problem>,
    /// Every value in effect, in the order of the table of keys.
    pub values: Vec<Effective>,
    /// The file that was read.
    pub file: PathBuf,
}

impl Sources {
    /// The file that was named, and the environment of this process.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self { file, environment: environment.collect() }
    }

    /// The file to read: the named one, whether it exists or not, or the first default that does.
    pub fn find_file(&self) -> Option<PathBuf> {
        let named = || {
            let variable = self.environment.iter().find(|(name, _)| name == environment::CONFIG);
            variable.map(|(_, value)| PathBuf::from(value))
        };
        let usual = || {
            let mut files = DEFAULT_FILES.iter().map(PathBuf::from);
            files.find(|file| file.exists())
        };
        self.file.clone().or_else(named).or_else(usual)
    }

    fn read(&self) -> Result<(PathBuf, String), Problems> {
        let Some(file) = self.find_file() else {
            let message = format!("there is no file {}", DEFAULT_FILES.join(" or "));
            return Err(Problems::one(
                ErrorCode::ConfigValue,
                message,
                "name one with --config, or begin with `samlgate config template > config/samlgate.toml`",
            ));
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok((file, text)),
            Err(error) => Err(Problems::one(
                ErrorCode::ConfigValue,
                format!("{} can not be read: {error}", file.display()),
                "name a readable file in UTF-8 with --config",
            )),
        }
    }
}

/// Reads, overlays and checks; all mistakes at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let (file, text) = sources.read()?;
    load_text(&text, &file, &sources.environment)
}

/// The same for a text that is at hand; `file` names it, and relative paths of metadata start in
/// its folder.
pub fn load_text(
    text: &str,
    file: &Path,
    environment: &[(String, String)],
) -> Result<Loaded, Problems> {
    let mut root = parse(text, file)?;
    let mut reader = Reader::default();
    names::check(&mut reader, &root);
    environment::overlay(&mut reader, &mut root, environment);
    let config = config(&mut reader, &root, file);
    let Reader { problems, warnings, mut values } = reader;
    // Sections are read in the order in which they need each other, and shown in the order of the
    // table.
    values.sort_by_key(|value| {
        SECTIONS.iter().position(|section| {
            let rest = value.path.strip_prefix(section.name);
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    });
    match config {
        Some(config) if problems.is_empty() => {
            Ok(Loaded { config, warnings, values, file: file.to_owned() })
        }
        _ => Err(Problems::new(problems)),
    }
}

/// `admin.listen` alone, whatever is wrong elsewhere, even if the file is not TOML at the moment:
/// a health check must not fail because somebody is editing the file of a running gateway.
pub fn admin_listen(sources: &Sources) -> Result<SocketAddr, Problems> {
    let (file, text) = sources.read()?;
    let (table, _) = DeTable::parse_recoverable(&text);
    let mut root = Lines::new(&file.display().to_string(), &text).table(table.get_ref());
    let mut reader = Reader::default();
    environment::overlay(&mut reader, &mut root, &sources.environment);
    reader = Reader::default();
    let listen = Sheet { root: &root, file: file.display().to_string() }
        .scope("admin")
        .and_then(|admin| build::server::admin_listen(&mut reader, &admin));
    listen.ok_or_else(|| Problems::new(reader.problems))
}

fn parse(text: &str, file: &Path) -> Result<Vec<Entry>, Problems> {
    let name = file.display().to_string();
    let lines = Lines::new(&name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(lines.table(table.get_ref()));
    }
    let problem = |error: &toml::de::Error| Problem {
        code: ErrorCode::ConfigSyntax,
        path: String::new(),
        source: lines.source(error.span().map_or(0, |span| span.start)),
        message: format!("this is not TOML: {}", error.message()),
        hint: None,
    };
    Err(Problems::new(errors.iter().map(problem).collect()))
}

/// The whole file, table by table.
struct Sheet<'n> {
    root: &'n [Entry],
    file: String,
}

impl<'n> Sheet<'n> {
    /// A `[section]`; an empty one where it is not written.
    fn scope(&self, name: &str) -> Option<Scope<'n>> {
        let section = keys::section(name)?;
        let entry = self.root.iter().find(|entry| entry.key == name);
        let (entries, source) = match entry.map(|entry| (&entry.node.item, &entry.source)) {
            Some((Item::Table(entries), source)) => (entries.as_slice(), source.clone()),
            _ => (&[][..], self.begin()),
        };
        Some(Scope::new(section.keys, name.to_owned(), entries, source))
    }

    /// Every `[[section]]`.
    fn scopes(&self, name: &str) -> Vec<Scope<'n>> {
        let Some(section) = SECTIONS.iter().find(|section| section.name == name) else {
            return Vec::new();
        };
        let tables = names::tables(self.root, section).into_iter();
        let scope = |(path, entries, source)| Scope::new(section.keys, path, entries, source);
        tables.map(scope).collect()
    }

    fn begin(&self) -> Source {
        Source::File { file: self.file.clone(), line: 1 }
    }
}

/// Reads every section, in the order of the table of keys.
fn config(reader: &mut Reader, root: &[Entry], file: &Path) -> Option<Config> {
    let sheet = Sheet { root, file: file.display().to_string() };
    let folder = file.parent().unwrap_or_else(|| Path::new(""));

    let server_scope = sheet.scope("server")?;
    let public_url = build::server::public_url(reader, &server_scope);
    let server = build::server::server(reader, &server_scope);
    let own = public_url.as_ref();
    let templates = build::server::templates(reader, &server_scope);
    let admin = build::server::admin(reader, &sheet.scope("admin")?, server.as_ref());
    let saml = sheet.scope("saml")?;
    let sp = build::server::saml(reader, &saml, own);
    let legacy_paths = build::server::legacy_paths(reader, &saml);
    let keys = build::saml::keys(reader, &saml, own);
    let discovery = build::server::discovery(reader, &saml);
    let reach = build::idp::reach(reader, &saml, own);
    let order = build::server::context_order(reader, &saml);
    let description = build::saml::description(
        reader,
        &saml,
        &sheet.scopes("saml_contact"),
        &sheet.scopes("saml_attribute"),
    );
    let answer_page = discovery.as_ref().map(|_| DISCOVERY.to_owned());
    let description = description.map(|said| SpDescription { discovery: answer_page, ..said });
    let services = description.as_ref().map(|said| said.attributes.as_slice());
    let idps = build::idp::idps(
        reader,
        &sheet.scopes("idp"),
        folder,
        own,
        &legacy_paths,
        services,
    );
    if !root.iter().any(|entry| entry.key == "idp") {
        let complaint = Complaint::new(
            "there is no [[idp]]",
            "people can sign in once you add one, or import one with `samlgate idp import`",
        );
        reader.warn("idp".to_owned(), sheet.begin(), complaint);
    }
    let users = sheet.scope("users")?;
    let identity = build::identity::identity(
        reader,
        &sheet.scope("attributes")?,
        &sheet.scopes("role"),
        &users,
        &idps,
    );
    let roles = identity.as_ref().map_or(&[][..], |identity| identity.roles.as_slice());
    let routes = build::route::routes(reader, &sheet.scopes("route"), own, roles, &idps, &order);
    if !root.iter().any(|entry| entry.key == "route") {
        build::route::none(reader, sheet.begin());
    }
    let session = sheet.scope("session")?;
    let session_store = build::session::store(reader, &session);
    let lifetimes = build::session::lifetimes(reader, &session);
    let limits = build::session::limits(reader, &sheet.scope("limits")?);
    let database = build::identity::database(reader, &users);
    let scim = build::scim::scim(reader, &sheet.scope("scim")?, &sheet.scopes("scim_schema"));
    let retention = build::session::retention(reader, &sheet.scope("audit")?, &users);
    let webhooks = sheet.scopes("notice_webhook");
    let notices = build::notices::notices(reader, &sheet.scope("notices")?, &webhooks);
    let telemetry = build::session::telemetry(reader, &sheet.scope("telemetry")?);

    Some(Config {
        server: server?,
        admin: admin?,
        sp: sp?,
        legacy_paths,
        keys: keys?,
        description: description?,
        discovery,
        authn_context_order: order.clone(),
        reach,
        idps,
        identity: identity?,
        routes,
        lifetimes: lifetimes?,
        session_store: session_store?,
        database: database?,
        retention: retention?,
        templates,
        telemetry: telemetry?,
        scim: scim?,
        limits: limits?,
        notices: notices?,
    })
}
