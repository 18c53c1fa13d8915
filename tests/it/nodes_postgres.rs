//! Two gateways over one PostgreSQL: people, sessions and audit in common, and no Redis.

use std::process::Output;

use tokio::task::JoinSet;

use crate::nodes::{Nodes, PROMISED, SOON, copy_of, page, post, sign_out, until, walk_between};
use crate::support::gateway::Gateway;
use crate::support::http::{Ask, Visitor};
use crate::support::idp;
use crate::support::postgres::Postgres;

async fn nodes(postgres: &Postgres) -> Nodes {
    Nodes::sharing(|setup| postgres.shared_by(setup)).await
}

#[tokio::test]
async fn people_walk_between_nodes_that_have_a_database_in_common() {
    let postgres = Postgres::start_tls().await;
    let nodes = nodes(&postgres).await;
    walk_between(&nodes).await;
    let people = "SELECT count(*) FROM \"user\"";
    assert_eq!(postgres.ask("people", people), "1", "one id on both nodes");
    let ssl = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name = 'samlgate'";
    assert_eq!(postgres.ask("people", ssl), "t");
    let checked = run(&nodes.here, &["storage", "check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["ok"], true, "{report}");
    let refused = nodes.here.command(&["config", "check", "--online"]);
    let mut refused = refused;
    refused.env(
        "SAMLGATE_USERS__DATABASE",
        postgres.url().split("&sslrootcert").next().unwrap(),
    );
    let refused = refused.output().unwrap();
    assert_eq!(
        refused.status.code(),
        Some(1),
        "nobody knows its certificate"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_bring_one_answer_to_both_nodes_one_comes_in() {
    let postgres = Postgres::start().await;
    let nodes = nodes(&postgres).await;
    let xml = nodes.idp.write(&nodes.idp.unsolicited(&nodes.here.url("")));
    let mut racing = JoinSet::new();
    for number in 0..30 {
        let node = if number % 2 == 0 {
            &nodes.here
        } else {
            &nodes.there
        };
        let (url, xml) = (node.url("/saml/acs"), xml.clone());
        racing.spawn(async move {
            let acs = Ask::new(http::Method::POST, &url).navigating();
            let answer = Visitor::new().send(acs.form(&idp::fields(&xml, None))).await;
            answer.status.as_u16()
        });
    }
    let statuses = racing.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 403).count(),
        29,
        "{statuses:?}"
    );
    let outcomes = "SELECT string_agg(DISTINCT outcome, ' ' ORDER BY outcome) FROM login_attempt";
    assert_eq!(postgres.ask("people", outcomes), "ok proto.replay");
}

#[tokio::test]
async fn while_postgresql_is_away_nobody_is_signed_out_and_it_heals_by_itself() {
    let mut postgres = Postgres::start().await;
    let nodes = nodes(&postgres).await;
    let mut alice = nodes.alice(&nodes.here).await;
    assert_eq!(page(&mut alice, &nodes.here).await, 200);
    let mut elsewhere = copy_of(&alice, &nodes.there);
    postgres.crash().await;
    // Known here, so it goes on; there nobody knows, and that is no reason to sign anybody out.
    assert_eq!(page(&mut alice, &nodes.here).await, 200);
    let answer = elsewhere.get(&nodes.there.url("/x")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("set-cookie"), "");
    let xml = nodes.idp.write(&nodes.idp.unsolicited(&nodes.here.url("")));
    assert_eq!(
        post(&mut Visitor::new(), &nodes.here, &xml).await.status,
        503
    );
    ready(&nodes.here, 503).await;
    postgres.start_again().await;
    ready(&nodes.here, 200).await;
    until(&mut elsewhere, &nodes.there, 200, SOON).await;
    assert_eq!(
        post(&mut Visitor::new(), &nodes.here, &xml).await.status,
        303,
        "not used up"
    );
    sign_out(&mut alice, &nodes.here).await;
    until(&mut elsewhere, &nodes.there, 302, PROMISED).await;
}

#[tokio::test]
async fn the_database_is_made_checked_and_copied_by_commands() {
    let postgres = Postgres::start().await;
    let nodes = nodes(&postgres).await;
    nodes.alice(&nodes.here).await;
    let migrated = run(&nodes.here, &["storage", "migrate"]);
    let said = String::from_utf8_lossy(&migrated.stderr).into_owned();
    assert!(said.contains("nothing to do"), "{said}");
    let backup = nodes.here.folder().join("people.dump");
    let backup = backup.to_str().unwrap();
    run(&nodes.here, &["storage", "backup", backup]);
    let mode = std::fs::metadata(backup).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    let restored = nodes.here.command(&["storage", "restore", backup]).output().unwrap();
    assert_eq!(restored.status.code(), Some(1));
    let said = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(said.contains("pg_restore --clean"), "{said}");
    assert!(!said.contains("correct-horse"), "{said}");
    postgres.ask("people", "DELETE FROM audit_event WHERE sequence = 2");
    let checked = nodes.here.command(&["storage", "check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("event 2 was changed or removed"), "{said}");
}

fn run(gateway: &Gateway, command: &[&str]) -> Output {
    let output = gateway.command(command).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    output
}

/// Asks /readyz until it has this status.
async fn ready(gateway: &Gateway, status: u16) {
    let until = tokio::time::timeout(SOON, async {
        while gateway.admin("/readyz").await.status.as_u16() != status {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    assert!(until.await.is_ok(), "/readyz is never {status}");
}
