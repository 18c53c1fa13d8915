//! pysaml2 behind the server of `tests/peers/pysaml2_idp.py`, which is told what a test chose by a file.

use std::path::Path;

use serde_json::json;

use super::peer::{Settings, Sp};
use super::told::Told;
use crate::support::clock::SteppedClock;
use crate::support::peers::python;
use crate::support::process::Process;

/// What its metadata says about itself: pysaml2 is the only one here that can.
pub(super) const CACHE_SECONDS: u64 = 600;

pub(super) async fn start(folder: &Path, port: u16, clock: Option<&SteppedClock>) -> Vec<Process> {
    let mut command = python("pysaml2_idp.py");
    command.args(["--port", &port.to_string(), "--told"]).arg(Told::file(folder));
    if let Some(clock) = clock {
        clock.shown_to(&mut command);
    }
    let mut process = Process::start("pysaml2_idp", &mut command);
    process.listening_on(port).await;
    vec![process]
}

pub(super) fn tell(folder: &Path, settings: &Settings, sps: &[Sp], number: usize) {
    let told = Told { folder, number };
    let logout: &[&str] = if settings.only_post_logout {
        &["post"]
    } else {
        &["redirect", "post"]
    };
    told.says(&json!({
        "key": told.write("idp.key", &settings.key.private),
        "certificate": told.write("idp.crt", &settings.key.certificate),
        "published": told.certificates(&settings.published),
        "sp_metadata": told.metadata(sps),
        "sign": "both",
        "attribute_names": "basic",
        "encrypt": settings.encrypts.then_some("aes256-gcm"),
        "lifetime": settings.lifetime.unwrap_or(300),
        "want_authn_requests_signed": settings.wants_signed_requests,
        "only_post": settings.only_post,
        "logout": logout,
        "artifact": true,
        "cache_duration": format!("PT{CACHE_SECONDS}S"),
        "valid_hours": 24,
    }));
}
