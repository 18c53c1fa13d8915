//! A Redis of its own: `redis-server` on a free port, plain with a password or with TLS.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::gateway::Setup;
use super::ports;
use super::process::Process;
use super::tls::SelfSigned;

/// Of the user `gateway` and of the operator; no secret of anybody.
const PASSWORD: &str = "correct-horse";
/// 32 bytes in base64.
const SEAL_KEY: &str = "c2V2ZW50ZWVuIHRpbWVzIGEgc2VhbCBrZXkgaGVyZSE=";

/// A server; its data survive a restart.
pub(crate) struct Redis {
    process: Process,
    folder: TempDir,
    port: u16,
    tls: Option<SelfSigned>,
}

impl Redis {
    /// Plain, with a password.
    pub(crate) async fn start() -> Self {
        Self::with(|_| None).await
    }

    /// With TLS, by a certificate that nobody knows yet.
    pub(crate) async fn start_tls() -> Self {
        Self::with(|folder| Some(SelfSigned::for_localhost(folder))).await
    }

    async fn with(tls: impl FnOnce(&Path) -> Option<SelfSigned>) -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let tls = tls(folder.path());
        let port = ports::free();
        let process = serve(folder.path(), port, tls.as_ref());
        let mut redis = Self { process, folder, port, tls };
        redis.process.listening_on(port).await;
        redis
    }

    /// A gateway that keeps its sessions here.
    pub(crate) fn shared_by(&self, setup: Setup) -> Setup {
        let store = match self.tls {
            Some(_) => format!("rediss://localhost:{}", self.port),
            None => format!("redis://gateway:{PASSWORD}@127.0.0.1:{}/3", self.port),
        };
        let setup = setup
            .set("session", &format!("store = {store:?}"))
            .set("session", &format!("seal_key = {SEAL_KEY:?}"));
        match &self.tls {
            Some(tls) => setup.set("session", &format!("ca = {:?}", tls.certificate)),
            None => setup,
        }
    }

    /// By `redis-cli`, as an operator would.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string(), "-n", "3", "--no-auth-warning"]);
        match &self.tls {
            Some(tls) => command.args(["--tls", "--cacert"]).arg(&tls.certificate),
            None => command.args(["-a", PASSWORD]),
        };
        let output = command.args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Starts it again on the same data.
    pub(crate) async fn start_again(&mut self) {
        self.process = serve(self.folder.path(), self.port, self.tls.as_ref());
        self.process.listening_on(self.port).await;
    }
}

fn serve(folder: &Path, port: u16, tls: Option<&SelfSigned>) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
    command.args(["--appendfsync", "always", "--dir"]).arg(folder);
    let port = port.to_string();
    match tls {
        Some(tls) => {
            command.args([
                "--port",
                "0",
                "--tls-port",
                &port,
                "--tls-auth-clients",
                "no",
            ]);
            command.arg("--tls-cert-file").arg(&tls.certificate);
            command.arg("--tls-key-file").arg(&tls.key);
            command.arg("--tls-ca-cert-file").arg(&tls.certificate)
        }
        None => {
            command.args(["--port", &port, "--requirepass", PASSWORD]);
            // What docs/operating.md says that a gateway needs.
            let password = format!(">{PASSWORD}");
            command.args([
                "--user",
                "gateway",
                "on",
                &password,
                "~samlgate:*",
                "&samlgate:*",
            ]);
            command.args(["+@all", "-@admin", "-@dangerous"])
        }
    };
    Process::start("redis-server", &mut command)
}
