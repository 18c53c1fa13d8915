//! Front proxies, configured by the very text of `docs/forward-auth.md`.
//!
//! Only addresses, ports and what each needs to run beside others are put in their place.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::ports;
use crate::support::process::Process;

pub(crate) struct Front {
    pub(crate) name: &'static str,
    port: u16,
    _process: Process,
}

impl Front {
    /// nginx, HAProxy and Caddy, before this gateway and this application.
    pub(crate) async fn all(gateway: &str, app: &str) -> Vec<Self> {
        let (gateway, app) = (authority(gateway), authority(app));
        vec![
            Self::nginx(gateway, app).await,
            Self::haproxy(gateway, app).await,
            Self::caddy(gateway, app).await,
        ]
    }

    /// Its own address.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn nginx(gateway: &str, app: &str) -> Self {
        let (folder, port) = (folder(), ports::free());
        let server = snippet("nginx", gateway, app)
            .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{server}\n}}\n"
        );
        let path = write(folder.path(), "nginx.conf", &text);
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-p", &at.to_string(), "-e", "stderr", "-c", &path]);
        Self::run("nginx", port, command, folder).await
    }

    async fn haproxy(gateway: &str, app: &str) -> Self {
        let (folder, port) = (folder(), ports::free());
        let lua = write(
            folder.path(),
            "samlgate.lua",
            &snippet("haproxy-lua", gateway, app),
        );
        let text = snippet("haproxy", gateway, app)
            .replace("/etc/haproxy/samlgate.lua", &lua)
            .replace(
                "bind :443 ssl crt /etc/haproxy/app.pem",
                &format!("bind 127.0.0.1:{port}"),
            );
        let path = write(folder.path(), "haproxy.cfg", &text);
        let mut command = Command::new("/usr/sbin/haproxy");
        command.args(["-db", "-f", &path]);
        Self::run("haproxy", port, command, folder).await
    }

    async fn caddy(gateway: &str, app: &str) -> Self {
        let (folder, port) = (folder(), ports::free());
        let site = snippet("caddy", gateway, app).replace(
            "app.example.com {",
            &format!("http://:{port} {{\n\tbind 127.0.0.1"),
        );
        let text = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}");
        let path = write(folder.path(), "Caddyfile", &text);
        let mut command = Command::new("caddy");
        command
            .args(["run", "--adapter", "caddyfile", "--config", &path])
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path());
        Self::run("caddy", port, command, folder).await
    }

    async fn run(name: &'static str, port: u16, mut command: Command, folder: TempDir) -> Self {
        let mut process = Process::start(name, &mut command);
        process.keep(folder);
        process.listening_on(port).await;
        Self { name, port, _process: process }
    }
}

/// The block of this name, with real addresses.
fn snippet(name: &str, gateway: &str, app: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forward-auth.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- snippet: {name} -->\n")).expect(name);
    let (_, rest) = rest.split_once('\n').unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    block.replace("127.0.0.1:8080", gateway).replace("127.0.0.1:3000", app)
}

fn authority(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
