//! From real Apaches to the gateway, by the steps of docs/moving-over.md: what people could do before,
//! they can do afterwards, and nobody touched the identity providers.

use std::process::Command;

use crate::support::ports;

/// `tests/peers/moving_over/run.py` does it, and says what was lost.
fn moves(family: &str) {
    let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
    let output = Command::new(format!("{peers}/venv/bin/python"))
        .arg(format!("{peers}/moving_over/run.py"))
        .args([
            "--samlgate",
            env!("CARGO_BIN_EXE_samlgate"),
            "--family",
            family,
        ])
        .arg("--ports")
        .args([ports::free(), ports::free()].map(|port| port.to_string()))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{errors}");
    // Nor was it an empty test: this went through Apache.
    let steps = said.lines().filter(|line| line.starts_with("| log") && line.contains("| yes"));
    assert!(steps.count() >= 5, "{said}");
}

#[test]
fn from_mod_shib() {
    moves("shibboleth");
}

#[test]
fn from_mod_auth_mellon() {
    moves("mellon");
}
