//! `samlgate demo`, as a newcomer meets it.
#![cfg(feature = "demo")]

use std::path::PathBuf;
use std::process::Command;

use crate::support::http::Visitor;
use crate::support::ports;
use crate::support::process::Process;

struct Demo {
    process: Process,
    address: String,
    folder: tempfile::TempDir,
}

impl Demo {
    async fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start("demo", &mut command(port, &folder));
        let line = process.line_with("Open").await;
        let address = line.split_whitespace().last().unwrap().to_owned();
        // The rest of what it says.
        process.line_with("Ctrl-C").await;
        Self { process, address, folder }
    }

    fn temporary(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn command(port: u16, folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
    command.args(["demo", "--port", &port.to_string()]).env("TMPDIR", folder.path());
    command
}

/// Two free ports in a row: the identity provider has the one behind the gateway's.
fn port() -> u16 {
    loop {
        let port = ports::free();
        if port < 60_000 && std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

async fn sign_in(visitor: &mut Visitor, url: &str, person: &str) -> String {
    let asked = visitor.get(url).await;
    let picker = visitor.follow_all(asked).await;
    assert!(
        picker.text().contains("not for production"),
        "{}",
        picker.text()
    );
    let answer = visitor.submit(&picker, &picker.form().with("person", person)).await;
    let accepted = visitor.submit(&answer, &answer.form()).await;
    assert_eq!(accepted.status, 303, "{}", accepted.text());
    let page = visitor.follow_all(accepted).await;
    assert_eq!(page.url.as_str(), url);
    page.text()
}

#[tokio::test]
async fn a_newcomer_is_signed_in_and_sees_what_the_application_received() {
    let demo = Demo::start(port()).await;
    let said = demo.process.output();
    assert!(
        said.contains("Alice Example") && said.contains("it-manager, reader"),
        "{said}"
    );

    let mut alice = Visitor::new();
    let deep_link = format!("{}/reports?quarter=3", demo.address);
    let page = sign_in(&mut alice, &deep_link, "alice").await;
    assert!(page.contains("Alice Example"), "{page}");
    let home = alice.get(&format!("{}/", demo.address)).await.text();
    assert!(home.contains("Signature checked"), "{home}");
    assert_eq!(
        alice.get(&format!("{}/admin", demo.address)).await.status,
        200
    );

    let mut bob = Visitor::new();
    sign_in(&mut bob, &format!("{}/", demo.address), "bob").await;
    let refused = bob.get(&format!("{}/admin", demo.address)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("it-manager"), "{}", refused.text());
}

#[tokio::test]
async fn it_cleans_up_after_itself_and_starts_again_at_once() {
    let port = port();
    let mut demo = Demo::start(port).await;
    assert_eq!(demo.temporary().len(), 1);
    assert!(demo.process.stop().await.success());
    assert!(demo.temporary().is_empty(), "{:?}", demo.temporary());

    let demo = Demo::start(port).await;
    assert_eq!(
        Visitor::new().get(&format!("{}/public", demo.address)).await.status,
        200
    );
}

#[tokio::test]
async fn a_taken_port_is_a_clear_message_and_leaves_nothing() {
    let demo = Demo::start(port()).await;
    let port = demo.address.rsplit(':').next().unwrap().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = command(port, &folder).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("samlgate demo --port"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
