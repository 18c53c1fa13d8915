//! SimpleSAMLphp by PHP's own server. Its configuration is `tests/peers/simplesamlphp`, which reads
//! what a test has chosen from `options.json`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::peer::{Person, Settings, Sp, must_be_installed};
use crate::support::clock::SteppedClock;
use crate::support::process::Process;

const WWW: &str = "/usr/share/simplesamlphp/www";

/// Two of `users.json`.
pub(super) const PEOPLE: [Person; 2] = [
    Person {
        login: "alice",
        mail: "alice@example.com",
        groups: &["IT Managers", "Staff"],
    },
    Person { login: "bob", mail: "bob@example.com", groups: &["Staff"] },
];

pub(super) async fn start(folder: &Path, port: u16, clock: Option<&SteppedClock>) -> Vec<Process> {
    must_be_installed("SimpleSAMLphp", &[WWW, "/usr/bin/php"]);
    for name in ["tmp", "sessions"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/simplesamlphp");
    let mut command = Command::new("php");
    command
        .args(["-S", &format!("127.0.0.1:{port}"), "-t", WWW])
        .env("SIMPLESAMLPHP_CONFIG_DIR", config)
        .env("SAMLGATE_PEER", folder);
    if let Some(clock) = clock {
        clock.shown_to(&mut command);
    }
    let mut process = Process::start("simplesamlphp", &mut command);
    process.listening_on(port).await;
    vec![process]
}

pub(super) fn tell(folder: &Path, base: &str, settings: &Settings, sps: &[Sp]) {
    let write = |name: &str, text: &str| {
        // PHP reads them with each request: never half of one.
        let new = folder.join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, folder.join(name)).unwrap();
    };
    let mut idp = json!({
        "privatekey": "idp.key",
        "certificate": "idp.crt",
        "validate.authnrequest": settings.wants_signed_requests,
        "assertion.encryption": settings.encrypts,
    });
    write("idp.key", &settings.key.private);
    write("idp.crt", &settings.published[0].certificate);
    if let Some(next) = settings.published.get(1) {
        write("next.key", &next.private);
        write("next.crt", &next.certificate);
        idp["new_privatekey"] = json!("next.key");
        idp["new_certificate"] = json!("next.crt");
    }
    if let Some(seconds) = settings.lifetime {
        idp["assertion.lifetime"] = json!(seconds);
    }
    if settings.only_post {
        idp["SingleSignOnServiceBinding"] =
            json!(["urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"]);
    }
    if settings.only_post_logout {
        idp["SingleLogoutServiceBinding"] =
            json!(["urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"]);
    }
    for (number, sp) in sps.iter().enumerate() {
        write(&format!("sp-{number}.xml"), &sp.metadata);
    }
    let options = json!({ "base": base, "idp": idp, "sp": {} });
    write("options.json", &options.to_string());
}
