//! The real programs around the gateway: two identity providers and an application.
//!
//! They are installed by `make peers` into tests/peers, and started here on loopback. `users.json`
//! there says who exists: alice, bob and carol.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::gateway::Setup;
use super::ports;
use super::process::Process;

/// A running identity provider.
pub(crate) struct Idp {
    url: String,
    login: LoginPage,
    process: Process,
}

/// How its login page asks who somebody is.
#[derive(Clone, Copy)]
pub(crate) enum LoginPage {
    /// A `<select id="user">`.
    Choice,
    /// An `<input id="username">`.
    Name,
}

impl Idp {
    /// pysaml2: Python, signs by xmlsec1. `options` are those of `tests/peers/pysaml2_idp.py`.
    pub(crate) async fn pysaml2(setup: &Setup, options: &[&str]) -> Self {
        let command = python("pysaml2_idp.py");
        Self::start("pysaml2_idp", command, setup, options, LoginPage::Choice).await
    }

    /// Auth0's samlp: JavaScript, signs by xml-crypto. `options` are those of
    /// `tests/peers/saml_idp/server.js`.
    pub(crate) async fn saml_idp(setup: &Setup, options: &[&str]) -> Self {
        let command = node("saml_idp/server.js");
        Self::start("saml_idp", command, setup, options, LoginPage::Name).await
    }

    async fn start(
        name: &str,
        mut command: Command,
        setup: &Setup,
        options: &[&str],
        login: LoginPage,
    ) -> Self {
        command
            .args(["--sp-metadata", &setup.metadata_url(), "--insecure"])
            .args(options);
        let mut process = Process::start(name, &mut command);
        let url = process.line_with("ready ").await;
        Self { url, login, process }
    }

    /// One of its addresses.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Where its metadata is.
    pub(crate) fn metadata_url(&self) -> String {
        self.url("/metadata")
    }

    /// Where it sends somebody who begins at its portal.
    pub(crate) fn portal_url(&self, user: &str, relay_state: &str) -> String {
        self.url(&format!(
            "/idp-initiated?user={user}&relay_state={relay_state}"
        ))
    }

    /// Its login page.
    pub(crate) fn login_page(&self) -> LoginPage {
        self.login
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.output()
    }

    /// Waits until it has logged this so many times.
    pub(crate) async fn has_logged(&self, mark: &str, times: usize) {
        let logged = tokio::time::timeout(Duration::from_secs(20), async {
            while self.log().matches(mark).count() < times {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(
            logged.await.is_ok(),
            "not {times} times {mark:?} in:\n{}",
            self.log()
        );
    }
}

/// Radicale, a calendar server that believes `X-Remote-User`.
pub(crate) struct Radicale {
    port: u16,
    #[expect(dead_code, reason = "ends with us")]
    process: Process,
}

/// What a route to Radicale needs.
pub(crate) const RADICALE_HEADERS: &str =
    "headers = [\"custom\"]\ncustom_headers = { \"X-Remote-User\" = \"user_name\" }\n";

impl Radicale {
    /// With an empty store.
    pub(crate) async fn start() -> Self {
        let port = ports::free();
        let store = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let mut command = venv();
        command
            .args(["-m", "radicale", "--config"])
            .arg(peers("radicale.conf"))
            .args(["--server-hosts", &format!("127.0.0.1:{port}")])
            .arg("--storage-filesystem-folder")
            .arg(store.path());
        let mut process = Process::start("radicale", &mut command);
        process.keep(store);
        process.listening_on(port).await;
        Self { port, process }
    }

    /// What a route names as its upstream.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// What a calendar client asks first: who am I?
pub(crate) const WHO_AM_I: &str =
    "<propfind xmlns=\"DAV:\"><prop><current-user-principal/></prop></propfind>";

/// The answer to it: `alice` out of `<href>/alice/</href>`; empty for nobody.
pub(crate) fn principal(xml: &str) -> String {
    let principal = xml.split_once("<current-user-principal><href>/").map(|(_, rest)| rest);
    principal
        .and_then(|rest| rest.split_once("/</href>"))
        .map_or("", |(name, _)| name)
        .to_owned()
}

fn venv() -> Command {
    Command::new(peers("venv/bin/python"))
}

/// A program of tests/peers in Python.
pub(crate) fn python(program: &str) -> Command {
    let mut command = venv();
    command.arg("-W").arg("ignore").arg(peers(program));
    command
}

/// A program of tests/peers in JavaScript.
pub(crate) fn node(program: &str) -> Command {
    let mut command = Command::new("node");
    command.arg("--no-deprecation").arg(peers(program));
    command
}

fn peers(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(path)
}
