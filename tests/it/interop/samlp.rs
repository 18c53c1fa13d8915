//! Auth0's samlp behind the server of `tests/peers/saml_idp`, which is told what a test chose by a file.

use std::path::Path;

use serde_json::json;

use super::peer::{Settings, Sp};
use super::told::Told;
use crate::support::clock::SteppedClock;
use crate::support::peers::node;
use crate::support::process::Process;

pub(super) async fn start(folder: &Path, port: u16, clock: Option<&SteppedClock>) -> Vec<Process> {
    let mut command = node("saml_idp/server.js");
    command.args(["--port", &port.to_string(), "--told"]).arg(Told::file(folder));
    if let Some(clock) = clock {
        clock.shown_to(&mut command);
    }
    let mut process = Process::start("saml_idp", &mut command);
    process.listening_on(port).await;
    vec![process]
}

pub(super) fn tell(folder: &Path, settings: &Settings, sps: &[Sp], number: usize) {
    let told = Told { folder, number };
    told.says(&json!({
        "key": told.write("idp.key", &settings.key.private),
        "certificate": told.write("idp.crt", &settings.key.certificate),
        "published": told.certificates(&settings.published)[0],
        "sp-metadata": told.metadata(sps),
        "sign": "both",
        "encrypt": settings.encrypts,
        "lifetime": settings.lifetime.unwrap_or(300),
        "want-authn-requests-signed": settings.wants_signed_requests,
        "only-post": settings.only_post,
        "only-post-logout": settings.only_post_logout,
        "logout": true,
    }));
}
