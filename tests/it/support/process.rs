//! A child process that ends with its test.
//!
//! In: a command. Out: a running process whose output is in a file. On drop it is asked to end and
//! then made to; if the test is failing, the end of its output is printed.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a program may take to start. A busy machine with two cores needs more than one thinks.
const START: Duration = Duration::from_secs(30);

/// How long a program may take to end by itself.
const STOP: Duration = Duration::from_secs(5);

/// How often we look.
const LOOK: Duration = Duration::from_millis(20);

/// How much of the output a failing test prints.
const SHOWN_LINES: usize = 60;

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    folders: Vec<TempDir>,
}

impl Process {
    /// Starts it. Its output, of both kinds, goes to one file.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let log = folder.path().join("log");
        let output = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}. Run `make peers`?"));
        Self { name: name.to_owned(), child, log, folders: vec![folder] }
    }

    /// Keeps a folder that it works in until it has ended.
    pub(crate) fn keep(&mut self, folder: TempDir) {
        self.folders.push(folder);
    }

    /// Everything it has printed so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits for a line that contains `mark`, and returns what follows the mark on it.
    pub(crate) async fn line_with(&mut self, mark: &str) -> String {
        let found = tokio::time::timeout(START, async {
            loop {
                let output = self.output();
                // A line counts when it is whole.
                let lines = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let after = lines.filter_map(|line| line.split_once(mark)).next();
                if let Some((_, rest)) = after {
                    return rest.trim().to_owned();
                }
                self.must_run();
                tokio::time::sleep(LOOK).await;
            }
        });
        match found.await {
            Ok(rest) => rest,
            Err(_) => panic!("{} never said {mark:?}", self.name),
        }
    }

    /// Waits until somebody listens on the port.
    pub(crate) async fn listening_on(&mut self, port: u16) {
        let open = tokio::time::timeout(START, async {
            while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                self.must_run();
                tokio::time::sleep(LOOK).await;
            }
        });
        assert!(
            open.await.is_ok(),
            "{} never listened on port {port}",
            self.name
        );
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it has, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    /// How much memory it has had at most, in bytes.
    pub(crate) fn most_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    /// A number of bytes that the system keeps about it.
    fn status(&self, name: &str) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Sends a signal by name: `TERM`, `HUP`, `KILL`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", signal, &id]).status().unwrap();
    }

    /// Asks it to end (SIGTERM), and waits until it did.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.ended_within(START).await
    }

    /// Waits for so long until it ends by itself.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(patience, async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        ended.await.unwrap_or_else(|_| panic!("{} does not end", self.name))
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn must_run(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended, {status}", self.name);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "Drop cannot await")]
    fn end(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            return;
        }
        self.signal("TERM");
        let looks = STOP.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        self.kill9();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- {} ---\n{}\n", self.name, shown.join("\n"));
        }
    }
}
