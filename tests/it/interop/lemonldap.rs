//! `LemonLDAP::NG`: its portal by Plack's own server, behind nginx, which has its pictures and
//! scripts and asks it one thing at a time. Configurations are files, each with the next number.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use super::peer::{Person, Settings, Sp, must_be_installed};
use crate::support::clock::SteppedClock;
use crate::support::ports;
use crate::support::process::Process;

const PORTAL: &str = "/usr/share/lemonldap-ng/portal";
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/lemonldap");

/// Two of those whom its authentication module `Demo` knows.
pub(super) const PEOPLE: [Person; 2] = [
    Person {
        login: "dwho",
        mail: "dwho@badwolf.org",
        groups: &["timelords", "users"],
    },
    Person {
        login: "rtyler",
        mail: "rtyler@badwolf.org",
        groups: &["earthlings", "users"],
    },
];

pub(super) async fn start(folder: &Path, port: u16, clock: Option<&SteppedClock>) -> Vec<Process> {
    let mut lasso = Command::new("perl");
    lasso.args(["-MLasso", "-MXML::Simple", "-MIO::String", "-e1"]);
    let lasso = lasso.stderr(std::process::Stdio::null()).status();
    assert!(
        lasso.is_ok_and(|status| status.success()),
        "liblasso-perl, libxml-simple-perl or libio-string-perl is missing: run `make packages`"
    );
    must_be_installed(
        "LemonLDAP::NG",
        &[PORTAL, "/usr/bin/plackup", "/usr/sbin/nginx"],
    );
    let (at, inner) = (folder.display().to_string(), ports::free());
    for (template, file) in [
        ("lemonldap-ng.ini", "lemonldap-ng.ini"),
        ("nginx.conf", "nginx.conf"),
    ] {
        let text = std::fs::read_to_string(Path::new(FOLDER).join(template)).unwrap();
        let text = text
            .replace("FOLDER", &at)
            .replace("INNER", &inner.to_string())
            .replace("PORT", &port.to_string());
        std::fs::write(folder.join(file), text).unwrap();
    }
    let mut command = Command::new("plackup");
    command
        .args(["--host", "127.0.0.1", "--port", &inner.to_string()])
        .arg(format!("{PORTAL}/htdocs/index.psgi"))
        .env("LLNG_DEFAULTCONFFILE", folder.join("lemonldap-ng.ini"))
        .env("PERL5LIB", FOLDER);
    if let Some(clock) = clock {
        clock.shown_to(&mut command);
    }
    let mut portal = Process::start("lemonldap-ng", &mut command);
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-p", &at, "-e", "stderr", "-c", &format!("{at}/nginx.conf")]);
    let mut nginx = Process::start("nginx", &mut command);
    portal.listening_on(inner).await;
    nginx.listening_on(port).await;
    vec![nginx, portal]
}

pub(super) fn tell(folder: &Path, base: &str, settings: &Settings, sps: &[Sp], number: usize) {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("lmConf.json")).unwrap();
    let at = folder.display().to_string();
    let mut config: Value =
        serde_json::from_str(&text.replace("FOLDER", &at).replace("PORTAL", base)).unwrap();
    config["cfgNum"] = json!(number);
    config["samlServicePrivateKeySig"] = json!(settings.key.private);
    config["samlServicePublicKeySig"] = json!(settings.published[0].certificate);
    config["samlIDPSSODescriptorWantAuthnRequestsSigned"] =
        json!(u8::from(settings.wants_signed_requests));
    config["portalForceAuthnInterval"] = json!(settings.forces_after);
    if settings.only_post {
        config["samlIDPSSODescriptorSingleSignOnServiceHTTPRedirect"] = json!("");
    }
    // By SOAP it speaks to the gateway, whose certificate signed itself.
    config["lwpSslOpts"] = json!({ "verify_hostname": 0, "SSL_verify_mode": 0 });
    if settings.only_post_logout {
        config["samlIDPSSODescriptorSingleLogoutServiceHTTPRedirect"] = json!("");
    }
    let (mut xml, mut attributes, mut options) = (Map::new(), Map::new(), Map::new());
    for (number, sp) in sps.iter().enumerate() {
        let name = format!("sp{number}");
        let mut chosen = config["samlSPMetaDataOptions"]["template"].clone();
        chosen["samlSPMetaDataOptionsCheckSSOMessageSignature"] =
            json!(u8::from(settings.wants_signed_requests));
        if settings.encrypts {
            chosen["samlSPMetaDataOptionsEncryptionMode"] = json!("assertion");
        }
        if let Some(seconds) = settings.lifetime {
            chosen["samlSPMetaDataOptionsNotOnOrAfterTimeout"] = json!(seconds);
        }
        options.insert(name.clone(), chosen);
        xml.insert(name.clone(), json!({ "samlSPMetaDataXML": sp.metadata }));
        let exported = config["samlSPMetaDataExportedAttributes"]["template"].clone();
        attributes.insert(name, exported);
    }
    config["samlSPMetaDataXML"] = Value::Object(xml);
    config["samlSPMetaDataOptions"] = Value::Object(options);
    config["samlSPMetaDataExportedAttributes"] = Value::Object(attributes);

    for name in [
        "conf",
        "sessions",
        "sessions/lock",
        "persistent",
        "persistent/lock",
    ] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    // The highest number counts: it is there as a whole, or not at all.
    let new = folder.join("conf/new");
    std::fs::write(&new, config.to_string()).unwrap();
    std::fs::rename(new, folder.join(format!("conf/lmConf-{number}.json"))).unwrap();
}

/// Sessions are files of JSON with the second in which they began.
pub(super) fn a_minute_passes(folder: &Path) {
    for file in std::fs::read_dir(folder.join("sessions")).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let mut session: Value = serde_json::from_str(&text).unwrap();
        for name in ["_utime", "_lastAuthnUTime"] {
            let then = match &session[name] {
                Value::Number(then) => then.as_i64(),
                Value::String(then) => then.parse().ok(),
                _ => None,
            };
            if let Some(then) = then {
                session[name] = json!(then - 60);
            }
        }
        std::fs::write(path, session.to_string()).unwrap();
    }
}
