//! A PostgreSQL of its own: `postgres` on a Unix socket, in a folder that goes with it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions as _, PgConnection};

use super::super::{PostgresSettings, PostgresStore};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);

/// A server, and the folder that is removed with it.
pub(super) struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    pub(super) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-pg-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        if is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Another order of texts than that of their bytes, so that ours shows.
        let made = program("initdb")
            .args([
                "--auth=trust",
                "--username=samlgate",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .args([
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
            ])
            .arg("-D")
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let process = serve(folder.path());
        let server = Self { folder, process };
        server.answers().await;
        server
    }

    /// The address of a database.
    pub(super) fn settings(&self, database: &str) -> PostgresSettings {
        let folder = self.folder.path().display();
        PostgresSettings::parse(&format!(
            "postgres:///{database}?user=samlgate&host={folder}"
        ))
        .unwrap()
    }

    /// One connection, as an operator would have it.
    pub(super) async fn connect(&self, database: &str) -> PgConnection {
        self.settings(database).options().connect().await.unwrap()
    }

    /// An empty database.
    pub(super) async fn create(&self, database: &str) -> PostgresSettings {
        // A name may have 63 bytes.
        let database: String = database.chars().take(60).collect();
        let create = format!("CREATE DATABASE {database} TEMPLATE template0");
        let mut connection = self.connect("postgres").await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .unwrap();
        self.settings(&database)
    }

    /// A store over an empty database.
    pub(super) async fn empty(&self, database: &str) -> Arc<PostgresStore> {
        let settings = self.create(database).await;
        Arc::new(PostgresStore::open(&settings).await.unwrap())
    }

    /// Ends it as a crash would: what is not on the disk is gone.
    pub(super) fn crash(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-QUIT", &id]).status().unwrap().success());
        self.process.wait().unwrap();
    }

    pub(super) async fn start_again(&mut self) {
        self.process = serve(self.folder.path());
        self.answers().await;
    }

    async fn answers(&self) {
        let options = self.settings("postgres").options();
        let answers = tokio::time::timeout(SOON, async {
            while options.connect().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        answers.await.expect("PostgreSQL does not answer: is it installed?");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

fn serve(folder: &Path) -> Child {
    program("postgres")
        .args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
        ])
        .args(["-c", "shared_buffers=16MB", "-c", "deadlock_timeout=100ms"])
        .arg("-k")
        .arg(folder)
        .arg("-D")
        .arg(folder.join("data"))
        .stderr(Stdio::null())
        .spawn()
        .expect("postgres does not start: is it installed?")
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
    command.current_dir("/").env_remove("PGDATA");
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
