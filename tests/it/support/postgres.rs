//! A PostgreSQL of its own: `postgres` on a free port, with a password, plain or with TLS.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::gateway::Setup;
use super::ports;
use super::process::Process;
use super::tls::SelfSigned;

/// Of the role `gateway` and of the operator; no secret of anybody.
const PASSWORD: &str = "correct-horse";

/// A server; its data survive a restart.
pub(crate) struct Postgres {
    process: Process,
    folder: TempDir,
    port: u16,
    tls: Option<SelfSigned>,
}

impl Postgres {
    /// Plain, on loopback.
    pub(crate) async fn start() -> Self {
        Self::with(|_| None).await
    }

    /// With TLS, by a certificate that nobody knows yet.
    pub(crate) async fn start_tls() -> Self {
        Self::with(|folder| Some(SelfSigned::for_localhost(folder))).await
    }

    async fn with(tls: impl FnOnce(&Path) -> Option<SelfSigned>) -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let tls = tls(folder.path());
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let key = tls.as_ref().map(|tls| tls.key.clone());
        if let Some(key) = &key {
            std::fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
        }
        for path in key.into_iter().chain([folder.path().to_owned(), password.clone()]) {
            if is_root() {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let made = program("initdb")
            .args([
                "--auth=scram-sha-256",
                "--username=operator",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .arg("--pwfile")
            .arg(&password)
            .arg("-D")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = ports::free();
        let process = serve(folder.path(), port, tls.as_ref());
        let mut postgres = Self { process, folder, port, tls };
        postgres.answers().await;
        // What docs/operating.md says that a gateway needs.
        postgres.ask(
            "postgres",
            &format!("CREATE ROLE gateway LOGIN PASSWORD '{PASSWORD}'"),
        );
        postgres.ask(
            "postgres",
            "CREATE DATABASE people OWNER gateway ENCODING 'UTF8' TEMPLATE template0",
        );
        postgres
    }

    /// A gateway that keeps everything here.
    pub(crate) fn shared_by(&self, setup: Setup) -> Setup {
        setup.database_url(&self.url())
    }

    /// As the gateway writes it.
    pub(crate) fn url(&self) -> String {
        let address = format!(
            "postgres://gateway:{PASSWORD}@localhost:{}/people",
            self.port
        );
        match &self.tls {
            Some(tls) => {
                let certificate = tls.certificate.display();
                format!("{address}?sslmode=verify-full&sslrootcert={certificate}")
            }
            None => address,
        }
    }

    /// By `psql`, as an operator would.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> String {
        let output = Command::new("psql")
            .args([
                "-XAtq",
                "-h",
                "localhost",
                "-U",
                "operator",
                "-d",
                database,
                "-c",
                sql,
            ])
            .args(["-p", &self.port.to_string()])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends it at once, and all connections with it; what is not on the disk is gone.
    pub(crate) async fn crash(&mut self) {
        self.process.signal("QUIT");
        self.process.ended().await;
    }

    /// Starts it again on the same data.
    pub(crate) async fn start_again(&mut self) {
        self.process = serve(self.folder.path(), self.port, self.tls.as_ref());
        self.answers().await;
    }

    async fn answers(&mut self) {
        self.process.listening_on(self.port).await;
        self.process.line_with("database system is ready to accept").await;
    }
}

impl Drop for Postgres {
    /// Asked more kindly, it would wait for its clients.
    fn drop(&mut self) {
        self.process.signal("INT");
    }
}

fn serve(folder: &Path, port: u16, tls: Option<&SelfSigned>) -> Process {
    let mut command = program("postgres");
    command
        .args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=localhost",
            "-k",
        ])
        .arg(folder);
    command
        .args(["-c", "fsync=off", "-c", "shared_buffers=16MB", "-D"])
        .arg(folder.join("data"));
    if let Some(tls) = tls {
        let path = |name: &str, path: &Path| format!("{name}={}", path.display());
        command.args(["-c", "ssl=on", "-c"]);
        command.arg(path("ssl_cert_file", &tls.certificate)).arg("-c");
        command.arg(path("ssl_key_file", &tls.key));
    }
    Process::start("postgres", &mut command)
}

/// Root may not run PostgreSQL.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn program(name: &str) -> Command {
    let path = installed(name);
    let mut command = match is_root() {
        false => Command::new(path),
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(path);
            command
        }
    };
    command.current_dir("/").env_remove("PGDATA").env("LC_ALL", "C");
    command
}

/// Where Debian puts it, the newest; else what is in `PATH`.
fn installed(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let found = versions.filter_map(|version| {
        let path = version.ok()?.path().join("bin").join(name);
        path.exists().then_some(path)
    });
    found.max().unwrap_or_else(|| name.into())
}
