//! The program under test: `samlgate serve` with a configuration, a folder and ports of its own.
//!
//! In: what differs from the usual configuration. Out: a gateway that says it is ready. It can be
//! killed and started again on the same data, and its login attempts can be read from its database.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use samlgate::dsig::SigningKey;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row as _, SqlitePool};
use tempfile::TempDir;

use super::clock::SteppedClock;
use super::encryption;
use super::http::{Answer, Visitor};
use super::ports;
use super::process::Process;
use super::tls::SelfSigned;

/// How long it may take until /readyz is 200: it fetches the metadata of its identity providers.
const READY: Duration = Duration::from_secs(30);

/// A gateway that is about to be started. Its addresses are known already, since its peers have to
/// know them before it starts.
pub(crate) struct Setup {
    folder: TempDir,
    public_port: u16,
    admin_port: u16,
    tls: Option<SelfSigned>,
    tables: BTreeMap<&'static str, Vec<String>>,
    tail: String,
    /// What browsers see of all nodes, when this is one of several.
    shown: Option<String>,
    database: Option<PathBuf>,
    database_url: Option<String>,
    clock: Option<SteppedClock>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// At `https://localhost:PORT`, as in production.
    pub(crate) fn https() -> Self {
        let mut setup = Self::http();
        let tls = SelfSigned::for_localhost(setup.folder.path());
        let line = format!(
            "tls = {{ certificate = {:?}, key = {:?} }}",
            tls.certificate.to_str().unwrap(),
            tls.key.to_str().unwrap()
        );
        setup.tls = Some(tls);
        setup.set("server", &line)
    }

    /// At `http://127.0.0.1:PORT`: quicker to talk to where cookies do not matter.
    pub(crate) fn http() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap(),
            public_port: ports::free(),
            admin_port: ports::free(),
            tls: None,
            tables: BTreeMap::new(),
            tail: String::new(),
            shown: None,
            database: None,
            database_url: None,
            clock: None,
            environment: Vec::new(),
        }
    }

    /// One more node of the same gateway, which is asked at an address of its own.
    pub(crate) fn node_of(mut self, other: &Self) -> Self {
        self.shown = Some(other.public_url());
        self
    }

    /// With a database that it does not have for itself.
    pub(crate) fn database_at(mut self, file: &Path) -> Self {
        self.database = Some(file.to_owned());
        self
    }

    /// With a database that is no file.
    pub(crate) fn database_url(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    /// Going by this clock, and so do its commands.
    pub(crate) fn by(mut self, clock: &SteppedClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// With this variable in its environment, and in that of its commands.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another line in the place of the one that begins like this.
    pub(crate) fn replace(mut self, table: &'static str, begins: &str, line: &str) -> Self {
        let lines = self.tables.get_mut(table).unwrap();
        let old = lines.iter_mut().find(|old| old.starts_with(begins)).unwrap();
        line.clone_into(old);
        self
    }

    /// What browsers and identity providers see.
    pub(crate) fn public_url(&self) -> String {
        match self.tls {
            Some(_) => format!("https://localhost:{}", self.public_port),
            None => format!("http://127.0.0.1:{}", self.public_port),
        }
    }

    /// Where the metadata of this service provider will be.
    pub(crate) fn metadata_url(&self) -> String {
        format!("{}/saml/metadata", self.public_url())
    }

    /// One more line in a table: `set("session", "idle_timeout = '5s'")`.
    pub(crate) fn set(mut self, table: &'static str, line: &str) -> Self {
        self.tables.entry(table).or_default().push(line.to_owned());
        self
    }

    /// Whole `[[idp]]`, `[[role]]` and `[[route]]` tables.
    pub(crate) fn add(mut self, toml: &str) -> Self {
        writeln!(self.tail, "{toml}").unwrap();
        self
    }

    /// An identity provider by the address of its metadata; `more` are further lines.
    pub(crate) fn idp(self, name: &str, metadata: &str, more: &str) -> Self {
        self.add(&format!(
            "[[idp]]\nname = {name:?}\nlabel = {name:?}\nmetadata = {metadata:?}\n{more}"
        ))
    }

    /// A route for everything; `more` are further lines.
    pub(crate) fn route(self, upstream: &str, more: &str) -> Self {
        self.add(&format!(
            "[[route]]\npath = \"/\"\nupstream = [{upstream:?}]\n{more}"
        ))
    }

    /// With a signing key on P-256 and an encryption key that are there already. Those that the
    /// gateway makes by itself are RSA and take longer than a whole test.
    pub(crate) fn quick_key(self) -> Self {
        let key = SigningKey::generate_ec("localhost", SystemClock.now()).unwrap();
        let certificate = key.certificate_pem().unwrap();
        self.key(
            "sp-signing",
            key.key_pem().unwrap().reveal(),
            Some(certificate.as_bytes()),
        )
        .key(
            "sp-encryption",
            encryption::KEY,
            Some(&encryption::certificate()),
        )
    }

    /// With this key, in PEM, in its folder.
    pub(crate) fn key(self, name: &str, key: &[u8], certificate: Option<&[u8]>) -> Self {
        let certs = self.folder.path().join("certs");
        std::fs::create_dir_all(&certs).unwrap();
        let path = certs.join(name).with_extension("key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some(certificate) = certificate {
            std::fs::write(path.with_extension("crt"), certificate).unwrap();
        }
        self
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(self) -> Gateway {
        let mut gateway = self.begin();
        gateway.ready().await;
        gateway
    }

    /// Starts it, and waits no longer than until it answers at all.
    pub(crate) async fn start_unready(self) -> Gateway {
        let mut gateway = self.begin();
        gateway.process.listening_on(gateway.setup.admin_port).await;
        gateway
    }

    fn begin(self) -> Gateway {
        let config = self.folder.path().join("samlgate.toml");
        std::fs::write(&config, self.toml()).unwrap();
        let process = self.serve(&config);
        Gateway { setup: self, config, process }
    }

    /// The program, as it is started for this.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
        command.current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(clock) = &self.clock {
            clock.shown_to(&mut command);
        }
        command
    }

    fn serve(&self, config: &Path) -> Process {
        let mut command = self.program();
        command.arg("serve").arg("--config").arg(config);
        Process::start("samlgate", &mut command)
    }

    fn toml(&self) -> String {
        let data = self.folder.path().join("data");
        let certs = self.folder.path().join("certs");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&certs).unwrap();
        let mut tables = self.tables.clone();
        for (table, line) in [
            (
                "server",
                format!("listen = \"127.0.0.1:{}\"", self.public_port),
            ),
            (
                "server",
                format!(
                    "public_url = {:?}",
                    self.shown.clone().unwrap_or_else(|| self.public_url())
                ),
            ),
            (
                "admin",
                format!("listen = \"127.0.0.1:{}\"", self.admin_port),
            ),
            ("saml", format!("keys = {:?}", certs.to_str().unwrap())),
            (
                "users",
                match &self.database_url {
                    Some(url) => format!("database = {url:?}"),
                    None => format!("database = \"sqlite://{}\"", self.database().display()),
                },
            ),
            ("telemetry", "log = \"json\"".to_owned()),
        ] {
            let lines = tables.entry(table).or_default();
            // What a test said itself stays.
            let name = line.split(" = ").next().unwrap_or_default();
            if !lines.iter().any(|said| said.split(" = ").next() == Some(name)) {
                lines.push(line);
            }
        }
        let mut toml = String::new();
        for (table, lines) in tables {
            writeln!(toml, "[{table}]\n{}\n", lines.join("\n")).unwrap();
        }
        toml + &self.tail
    }

    fn database(&self) -> PathBuf {
        if let Some(file) = &self.database {
            return file.clone();
        }
        self.folder.path().join("data").join("samlgate.db")
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    setup: Setup,
    config: PathBuf,
    process: Process,
}

impl Gateway {
    /// An address of the public listener.
    pub(crate) fn url(&self, path: &str) -> String {
        self.setup.public_url() + path
    }

    /// An address of the admin listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.setup.admin_port)
    }

    /// Somebody who trusts its certificate.
    pub(crate) fn visitor(&self) -> Visitor {
        match &self.setup.tls {
            Some(tls) => Visitor::trusting(&tls.der),
            None => Visitor::new(),
        }
    }

    /// One of its own addresses on the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        Visitor::new().get(&self.admin_url(path)).await
    }

    /// The name of its session cookie.
    pub(crate) fn session_cookie(&self) -> &'static str {
        if self.setup.tls.is_some() {
            "__Host-samlgate"
        } else {
            "samlgate"
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.output()
    }

    /// The error code of this answer: of its page by the reference, which the log has too.
    pub(crate) async fn code_of(&self, answer: &Answer) -> String {
        let text = answer.text();
        let page = text.split_once("class=\"reference\">").map(|(_, rest)| rest);
        let reference = match page.and_then(|rest| rest.split_once('<')) {
            Some((reference, _)) => reference.to_owned(),
            None => answer.json()["reference"].as_str().unwrap_or_default().to_owned(),
        };
        assert!(
            !reference.is_empty(),
            "no reference: {} {text}",
            answer.status
        );
        let find = || {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines
                .map(|line| {
                    if line["fields"].is_object() {
                        line["fields"].clone()
                    } else {
                        line
                    }
                })
                .find(|line| line["reference"] == reference.as_str())
        };
        let found = tokio::time::timeout(READY, async {
            loop {
                if let Some(line) = find() {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let line = found.await.unwrap_or_else(|_| panic!("{reference} is not in the log"));
        line["code"].as_str().unwrap_or_default().to_owned()
    }

    /// How much memory it has, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.process.memory()
    }

    /// How much memory it has had at most, in bytes.
    pub(crate) fn most_memory(&self) -> usize {
        self.process.most_memory()
    }

    /// The port of the public listener.
    pub(crate) fn port(&self) -> u16 {
        self.setup.public_port
    }

    /// Waits until it has logged this so many times.
    pub(crate) async fn has_logged(&self, mark: &str, times: usize) {
        let logged = tokio::time::timeout(READY, async {
            while self.log().matches(mark).count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(logged.await.is_ok(), "it never logged {mark:?}");
    }

    /// Where its data, keys and configuration are.
    pub(crate) fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// Runs a command of the program with this configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.setup.program();
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    /// Rewrites the configuration and asks for a reload.
    pub(crate) fn reload(&self, change: impl FnOnce(String) -> String) {
        self.rewrite(change);
        self.process.signal("HUP");
    }

    /// Rewrites the configuration, and leaves it to the gateway to notice.
    pub(crate) fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let before = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, change(before)).unwrap();
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.process.kill9();
        if self.setup.clock.is_some() {
            SteppedClock::swept_after(self.process.id());
        }
    }

    /// Sends a signal: `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Asks it to end, and waits until it did.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.process.stop().await
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// Starts it again on the same data, after [`Self::kill9`] or [`Self::stop`].
    pub(crate) async fn start_again(&mut self) {
        self.process = self.setup.serve(&self.config);
        self.ready().await;
    }

    /// Every login attempt so far, the oldest first.
    pub(crate) async fn login_attempts(&self) -> Vec<LoginAttempt> {
        let query = "SELECT reference, idp, outcome, json_extract(detail, '$.user_name') AS user
             FROM login_attempt ORDER BY number";
        let rows = sqlx::query(query).fetch_all(&self.database().await).await.unwrap();
        let attempt = |row: &sqlx::sqlite::SqliteRow| LoginAttempt {
            reference: row.get("reference"),
            idp: row.get("idp"),
            code: Some(row.get("outcome")).filter(|outcome| outcome != "ok"),
            user: row.get("user"),
        };
        rows.iter().map(attempt).collect()
    }

    /// Its database, read only.
    pub(crate) async fn database(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.setup.database()).read_only(true);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }

    async fn ready(&mut self) {
        self.process.listening_on(self.setup.admin_port).await;
        let ready = tokio::time::timeout(READY, async {
            loop {
                let answer = self.admin("/readyz").await;
                if answer.status.is_success() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(ready.await.is_ok(), "the gateway does not become ready");
        self.process.listening_on(self.setup.public_port).await;
    }
}

/// A row of `login_attempt`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoginAttempt {
    /// What the person reads to the help desk.
    pub(crate) reference: String,
    /// Which identity provider.
    pub(crate) idp: Option<String>,
    /// `ok`, or why not.
    pub(crate) code: Option<String>,
    /// The `userName` of whoever came in.
    pub(crate) user: Option<String>,
}
