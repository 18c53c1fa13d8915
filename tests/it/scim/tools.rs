//! The conformance tools of others: scim2-tester and scim-sanity, without a finding.
//!
//! Both are from `PyPI` (`make peers`), share no code with us, and read what we publish about
//! ourselves before they try it.

use super::story::Settings;
use super::tenants::{Tenants, run};
use crate::support::peers;
use crate::support::postgres::Postgres;

/// As many checks as scim2-tester makes of a server with two resources and an extension, and
/// scim-sanity of one without agents, twice. Fewer would mean that something was not found.
const SCIM2_TESTER: usize = 135;
const SCIM_SANITY: usize = 56;

#[tokio::test]
async fn scim2_tester_finds_nothing_on_sqlite() {
    scim2_tester_finds_nothing(None).await;
}

#[tokio::test]
async fn scim_sanity_finds_nothing_on_sqlite() {
    scim_sanity_finds_nothing(None).await;
}

#[tokio::test]
async fn scim2_tester_finds_nothing_on_postgresql() {
    let postgres = Postgres::start().await;
    scim2_tester_finds_nothing(Some(&postgres.url())).await;
}

#[tokio::test]
async fn scim_sanity_finds_nothing_on_postgresql() {
    let postgres = Postgres::start().await;
    scim_sanity_finds_nothing(Some(&postgres.url())).await;
}

async fn scim2_tester_finds_nothing(database: Option<&str>) {
    let tenants = Tenants::start(&[], database).await;
    let token = tenants.token("scim2-tester", Settings::default(), None).await;
    let checks = findings_of("tester", &tenants.base(), &token).await;
    assert!(checks >= SCIM2_TESTER, "{checks} checks");
}

async fn scim_sanity_finds_nothing(database: Option<&str>) {
    let tenants = Tenants::start(&[], database).await;
    // It adds a member whom nobody knows.
    let settings = Settings { ignore_unknown_members: true, ..Settings::default() };
    let token = tenants.token("scim-sanity", settings, None).await;
    let checks = findings_of("sanity", &tenants.base(), &token).await;
    assert!(checks >= SCIM_SANITY, "{checks} checks");
}

/// Runs it, and returns how many checks it made: all of them in vain.
async fn findings_of(tool: &str, base: &str, token: &str) -> usize {
    let mut command = peers::python("scim_tools.py");
    command.args([tool, base]).env("SCIM_TOKEN", token);
    let output = run(command).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{tool}:\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let last = said.lines().last().and_then(|line| line.strip_suffix(" checks"));
    last.and_then(|count| count.parse().ok()).unwrap_or_default()
}
