//! `samlgate demo`: the gateway, an identity provider and an application, on loopback.
//!
//! In: a port. Out: an address to open. Everything it keeps is in a temporary folder that goes
//! with it. The gateway is the real one, started as `serve` starts it; only the two others are
//! made up, and neither is compiled into a build without the feature `demo`.

mod app;
mod idp;
mod listen;
mod people;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tempfile::TempDir;

use crate::base::certificate::{KeyPurpose, self_signed};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Listen};
use crate::config::{self, Problems};
use crate::dsig::{KeyRefusal, SigningKey};
use crate::http::server::{BindError, Listener};
use crate::http::{PageSettings, Pages};
use crate::serve::{self, Running, StartError};
use crate::tasks::Supervisor;
use crate::xmlenc::{DecryptionKey, DecryptionKeyRefusal};
use people::PEOPLE;

/// The name of the sample application, as people and the identity provider know it.
const APPLICATION: &str = "Acme Reports";

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A port is taken.
    #[error("{0}")]
    Bind(#[from] BindError),
    /// The gateway does not start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The temporary folder.
    #[error("the temporary folder: {0}")]
    Io(#[from] io::Error),
    /// A key could not be made.
    #[error("{0}")]
    Key(#[from] KeyRefusal),
    /// Nor could this one.
    #[error("{0}")]
    EncryptionKey(#[from] DecryptionKeyRefusal),
    /// Our own configuration is wrong.
    #[error("the demo's configuration: {0}")]
    Config(Problems),
}

impl DemoError {
    /// The address that another program has.
    pub fn taken(&self) -> Option<&Listen> {
        match self {
            Self::Bind(error) if error.source.kind() == io::ErrorKind::AddrInUse => {
                Some(&error.address)
            }
            Self::Start(error) => error.taken(),
            _ => None,
        }
    }
}

/// Everything that runs. The folder is removed when it is dropped.
pub struct Demo {
    gateway: Running,
    others: Supervisor,
    folder: TempDir,
    /// Where to begin: the address of the application, as the gateway shows it.
    pub address: String,
    /// Where the identity provider's portal is.
    pub portal: String,
}

/// Starts all three; `port` is the gateway's, the identity provider has the next one. Port 0
/// takes free ones.
pub async fn start(port: u16, metrics: PrometheusHandle) -> Result<Demo, DemoError> {
    let now = SystemClock.now();
    let next = if port == 0 { 0 } else { port.saturating_add(1) };
    // The port that people know comes first, so that it is the one they read about.
    drop(Listener::bind(loopback(port), None).await?);
    let idp_listener = Listener::bind(loopback(next), None).await?;
    let app_listener = Listener::bind(loopback(0), None).await?;
    let admin_port = free_port().await?;
    let port = if port == 0 { free_port().await? } else { port };

    let folder = tempfile::Builder::new().prefix("samlgate-demo-").tempdir()?;
    write_keys(folder.path(), now)?;
    let address = format!("http://127.0.0.1:{port}");
    let portal = format!("http://{}", idp_listener.address());
    let idp = idp::DemoIdp::new(&portal, &address, SigningKey::generate_ec("demo", now)?);
    fs::write(folder.path().join("idp.xml"), idp.metadata())?;
    let text = configuration(folder.path(), port, admin_port, &app_listener.address());
    let file = folder.path().join("samlgate.toml");
    let loaded = config::load_text(&text, &file, &[]).map_err(DemoError::Config)?;

    let gateway = serve::start(loaded.config, metrics).await?;
    let pages = PageSettings { loopback: true, ..PageSettings::default() };
    let pages = Arc::new(Pages::new(&pages));
    let others = Supervisor::new();
    listen::listen(&others, idp_listener, idp::router(idp, Arc::clone(&pages)));
    listen::listen(&others, app_listener, app::router(&address, pages));
    Ok(Demo { gateway, others, folder, address, portal })
}

impl Demo {
    /// What a newcomer reads.
    pub fn welcome(&self) -> String {
        let mut text = format!("\n  Open   {}\n\n", self.address);
        let _ = writeln!(text, "  {:<16}{:<24}roles", "sign in as", "");
        for person in PEOPLE {
            let roles = person.roles.join(", ");
            let roles = if roles.is_empty() { "none" } else { &roles };
            let _ = writeln!(text, "  {:<16}{:<24}{roles}", person.name(), person.title);
        }
        let _ = write!(
            text,
            "\n  There are no passwords: the demo's identity provider believes whatever you choose.\
             \n  Its portal, to begin there instead: {}\n\n  Ctrl-C ends it and removes what it kept.\n\n",
            self.portal
        );
        text
    }

    /// Stops everything and removes the temporary folder.
    pub async fn stop(self) -> io::Result<()> {
        self.others.stop();
        self.gateway.stop().await;
        self.others.finish(std::time::Duration::from_secs(2)).await;
        self.folder.close()
    }
}

fn loopback(port: u16) -> Listen {
    Listen::Tcp(([127, 0, 0, 1], port).into())
}

async fn free_port() -> Result<u16, DemoError> {
    let probe = Listener::bind(loopback(0), None).await?;
    match probe.address() {
        Listen::Tcp(address) => Ok(address.port()),
        Listen::Unix(_) => Ok(0),
    }
}

/// An elliptic key and a short RSA key instead of the usual RSA keys, which take a second to make.
fn write_keys(folder: &Path, now: crate::base::Timestamp) -> Result<(), DemoError> {
    const NAME: &str = "samlgate demo";
    let certs = folder.join("certs");
    fs::create_dir(&certs)?;
    let write = |name: &str, key: &[u8], certificate: &[u8]| -> io::Result<()> {
        let path = certs.join(name);
        fs::write(path.with_extension("crt"), certificate)?;
        let path = path.with_extension("key");
        fs::write(&path, key)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
    };
    let key = SigningKey::generate_ec(NAME, now)?;
    write(
        "sp-signing",
        key.key_pem()?.reveal(),
        key.certificate_pem()?.as_bytes(),
    )?;
    let key = DecryptionKey::generate(2048)?;
    let certificate = self_signed(key.private_key(), NAME, KeyPurpose::Encryption, now);
    let certificate = certificate.and_then(|certificate| certificate.to_pem());
    let certificate = certificate.map_err(DecryptionKeyRefusal::from)?;
    write("sp-encryption", key.key_pem()?.reveal(), &certificate)?;
    Ok(())
}

/// The gateway's configuration: a short one, to show how little there is to write.
fn configuration(folder: &Path, port: u16, admin_port: u16, app: &Listen) -> String {
    let folder = folder.display();
    format!(
        r#"
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"

[admin]
listen = "127.0.0.1:{admin_port}"

[saml]
keys = "{folder}/certs"

[users]
database = "sqlite://{folder}/samlgate.db"

[[idp]]
name = "demo"
label = "Demo identity provider"
metadata = "{folder}/idp.xml"
allow_idp_initiated = true

[[role]]
name = "reader"
groups = ["Staff"]

[[role]]
name = "it-manager"
groups = ["IT Managers"]

[[role]]
name = "finance"
attributes = {{ department = ["Finance"] }}

[[route]]
path = "/"
upstream = ["http://{app}"]
headers = ["signed", "remote"]

[[route]]
path = "/admin"
upstream = ["http://{app}"]
headers = ["signed", "remote"]
require = {{ roles = ["it-manager"] }}

[[route]]
path = "/public"
upstream = ["http://{app}"]
headers = ["signed", "remote"]
public = true

[telemetry]
log = "text"
"#
    )
}
