//! Groups that the identity provider left out, since there are too many.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::World;
use crate::support::http::Visitor;
use crate::support::idp::{Response, attribute};

const LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
const ROLES: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

async fn world(policy: &str) -> World {
    let roles = "[[role]]\nname = \"staff\"\ngroups = [\"Staff\"]\n\
                 [[role]]\nname = \"board\"\ngroups = [\"Board\"]";
    World::with(policy, "", |setup| setup.add(roles)).await
}

/// As Entra ID says it, with an app role beside.
fn left_out(response: &mut Response) {
    let assertion = response.assertion();
    let address = "https://graph.windows.net/t/users/u/getMemberObjects";
    assertion.attributes = vec![attribute(LINK, &[address]), attribute(ROLES, &["Board"])];
}

impl World {
    async fn comes(&self, bend: fn(&mut Response)) -> (Visitor, crate::support::http::Answer) {
        let mut visitor = self.gateway.visitor();
        let answer = self.sign_in(&mut visitor, "corp", bend).await;
        (visitor, answer)
    }

    async fn roles_of_who_comes(&self, bend: fn(&mut Response)) -> Value {
        let (mut visitor, answer) = self.comes(bend).await;
        self.accepted(&mut visitor, &answer, "/").await["roles"].clone()
    }

    fn imports(&self, people: &str) {
        let mut child = self
            .gateway
            .command(&["user", "import", "-", "--connection", "corp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(people.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    async fn turns_away(&self, bend: fn(&mut Response)) {
        let (mut visitor, answer) = self.comes(bend).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("too many"), "{}", answer.text());
        self.refused(&mut visitor, &answer, "groups.overage").await;
    }
}

#[tokio::test]
async fn by_default_the_groups_of_scim_count_and_whom_nobody_provisions_stays_outside() {
    let world = world("").await;
    world.turns_away(left_out).await;
    world.run(&["scim", "token", "create", "corp"], true);
    world.run(
        &["scim", "connection", "set", "corp", "--idp", "corp"],
        true,
    );
    world
        .imports("userName,emails,active,groups\nalice@example.com,alice@example.com,true,Staff\n");
    // The app role that came beside is no group.
    assert_eq!(world.roles_of_who_comes(left_out).await, json!(["staff"]));
}

#[tokio::test]
async fn where_no_groups_are_provisioned_whom_scim_provisions_stays_outside_too() {
    let world = world("").await;
    world.run(&["scim", "token", "create", "corp", "--users-only"], true);
    world.run(
        &["scim", "connection", "set", "corp", "--idp", "corp"],
        true,
    );
    world.imports("userName,emails,active\nalice@example.com,alice@example.com,true\n");
    world.turns_away(left_out).await;
    // Some groups that nobody keeps say nothing of who is in none of them …
    let bob = "userName,emails,active,groups\nbob@example.com,bob@example.com,true,Staff\n";
    world.imports(bob);
    world.turns_away(left_out).await;
    // … but those that are kept do: she is in none.
    world.run(&["scim", "token", "create", "corp"], true);
    assert_eq!(world.roles_of_who_comes(left_out).await, json!([]));
}

#[tokio::test]
async fn groups_that_were_imported_count_beside_a_client_that_writes_none() {
    let world = world("").await;
    world.run(&["scim", "token", "create", "corp", "--users-only"], true);
    world.run(
        &["scim", "connection", "set", "corp", "--idp", "corp"],
        true,
    );
    let alice = "userName,emails,active,groups\nalice@example.com,alice@example.com,true,Staff\n";
    world.imports(alice);
    assert_eq!(world.roles_of_who_comes(left_out).await, json!(["staff"]));
}

#[tokio::test]
async fn groups_that_are_kept_are_those_of_the_last_sign_in_that_said_them() {
    let world = world("groups_overage = \"keep\"").await;
    world.turns_away(left_out).await;
    assert_eq!(world.roles_of_who_comes(|_| {}).await, json!(["staff"]));
    for _ in 0..2 {
        assert_eq!(world.roles_of_who_comes(left_out).await, json!(["staff"]));
    }
    let none: fn(&mut Response) = |response| response.assertion().attributes.clear();
    assert_eq!(world.roles_of_who_comes(none).await, json!([]));
    assert_eq!(world.roles_of_who_comes(left_out).await, json!([]));
}

#[tokio::test]
async fn where_it_is_refused_nobody_enters_without_groups() {
    let world = world("groups_overage = \"refuse\"").await;
    assert_eq!(world.roles_of_who_comes(|_| {}).await, json!(["staff"]));
    world.turns_away(left_out).await;
}

#[tokio::test]
async fn explain_says_that_groups_were_left_out_and_what_counts_then() {
    let world = world("groups_overage = \"keep\"").await;
    let request = world.begin(&mut world.gateway.visitor(), "corp", "/").await;
    let mut response = world.corp.answer(&request);
    left_out(&mut response);
    let mut explain = world
        .gateway
        .command(&["explain", "--in-response-to", &request.attribute("ID"), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let xml = world.corp.write(&response);
    explain.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let said = explain.wait_with_output().unwrap();
    let said = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    // As at the ACS: of somebody who was never here there is nothing to keep.
    assert!(said.contains("refused: groups.overage"), "{said}");
    assert!(said.contains("nothing is known of them yet"), "{said}");
    assert!(said.contains("groups_overage"), "{said}");
}
