//! A mail server as others run it: with TLS, a certificate of some authority, users, and receivers whom
//! it does not take.

use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Place, Receiver, certificate};
use crate::support::gateway::{Gateway, Setup};

/// An authority, and a certificate of it for `localhost`.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let authority = Self { folder };
        let (ca_key, own_key) = (key(), key());
        let mut ca = draft("Example CA", &ca_key);
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        ca.append_extension(constraints).unwrap();
        let mut own = draft("localhost", &own_key);
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .build(&own.x509v3_context(None, None));
        own.append_extension(names.unwrap()).unwrap();
        for (file, mut certificate) in [("ca.crt", ca), ("own.crt", own)] {
            certificate.sign(&ca_key, MessageDigest::sha256()).unwrap();
            let certificate: X509 = certificate.build();
            std::fs::write(authority.file(file), certificate.to_pem().unwrap()).unwrap();
        }
        std::fs::write(
            authority.file("own.key"),
            own_key.private_key_to_pem_pkcs8().unwrap(),
        )
        .unwrap();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// For the mail server.
    fn options(&self, security: &str) -> Vec<String> {
        let mut options = vec!["--security".to_owned(), security.to_owned()];
        for (option, file) in [("--certificate", "own.crt"), ("--key", "own.key")] {
            options.extend([
                option.to_owned(),
                self.file(file).to_str().unwrap().to_owned(),
            ]);
        }
        options
    }

    /// For the gateway.
    fn line(&self) -> String {
        format!(", ca = {:?}", self.file("ca.crt"))
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn draft(common_name: &str, key: &PKey<Private>) -> X509Builder {
    let name = |text| {
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("CN", text).unwrap();
        name.build()
    };
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name(common_name)).unwrap();
    builder.set_issuer_name(&name("Example CA")).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    builder
}

const END: &str = ", to = [\"ops@example.com\", \"full@example.com\", \"gone@example.com\"] }";

/// A gateway that has something to tell, by mail.
fn setup(place: &Place, receiver: &Receiver, more: &str) -> Setup {
    place.write("corp", &[&certificate(20)]);
    let server = format!("localhost:{}", receiver.smtp);
    let email =
        format!("email = {{ server = {server:?}, from = \"samlgate@example.com\"{more}{END}");
    place.setup(&["corp"]).set("notices", &email)
}

/// What `samlgate notices list` says of mails.
fn channel(gateway: &Gateway) -> Value {
    let output = gateway.command(&["notices", "list", "--json"]).output().unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let channels = list["channels"].as_array().unwrap();
    channels.iter().find(|channel| channel["name"] == "email").unwrap().clone()
}

/// What `samlgate notices test` says.
fn test(gateway: &Gateway) -> (Option<i32>, String) {
    let output = gateway.command(&["notices", "test"]).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Waits until this many mails have arrived, and an error as well, where there is one to come.
async fn arrived(receiver: &Receiver, gateway: &Gateway, mails: usize) {
    let all = async {
        while receiver.mails().len() < mails || channel(gateway)["waiting"] != 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let all = tokio::time::timeout(std::time::Duration::from_secs(60), all).await;
    assert!(all.is_ok(), "{:?} {}", receiver.mails(), channel(gateway));
    assert_eq!(receiver.mails().len(), mails);
}

#[tokio::test]
async fn a_mail_waits_until_the_server_is_trusted_and_believes_us() {
    let (place, authority, other) = (Place::new(), Authority::new(), Authority::new());
    let mut receiver = Receiver::new();
    receiver.options = authority.options("starttls");
    receiver.options.extend(["--user".to_owned(), "samlgate:right".to_owned()]);
    receiver.start(0).await;
    let password = place.path("password");
    std::fs::write(&password, "guessed-by-me\n").unwrap();
    let setup = setup(
        &place,
        &receiver,
        &format!(", user = \"samlgate\"{}", other.line()),
    );
    let setup = setup.env(
        "SAMLGATE_NOTICES__EMAIL__PASSWORD_FILE",
        password.to_str().unwrap(),
    );
    let mut gateway = setup.start().await;
    gateway.has_logged("administrators could not be told", 1).await;
    let state = channel(&gateway);
    assert_eq!(state["waiting"], 1, "{state}");
    let error = state["error"].as_str().unwrap();
    assert!(error.contains("certificate"), "{error}");
    assert!(
        test(&gateway).1.contains("certificate"),
        "{:?}",
        test(&gateway)
    );

    gateway.reload(|config| config.replace(&other.line(), &authority.line()));
    gateway.has_logged("535", 1).await;
    assert!(receiver.mails().is_empty());
    assert!(!gateway.log().contains("guessed-by-me"));
    // Through a kill as well.
    std::fs::write(&password, "right\n").unwrap();
    gateway.kill9();
    gateway.start_again().await;
    arrived(&receiver, &gateway, 1).await;
    let mail = &receiver.mails()[0];
    assert_eq!(
        (&mail["user"], &mail["tls"]),
        (&json!("samlgate"), &json!(true))
    );
    assert_eq!(channel(&gateway)["error"], Value::Null);
    assert_eq!(test(&gateway).0, Some(0), "{}", test(&gateway).1);
}

#[tokio::test]
async fn tls_from_the_beginning_goes_by_the_authorities_of_the_system() {
    let (place, authority) = (Place::new(), Authority::new());
    let mut receiver = Receiver::new();
    receiver.options = authority.options("tls");
    receiver.options.extend(["--user".to_owned(), "samlgate:right".to_owned()]);
    receiver.start(0).await;
    let system = place.path("system.crt");
    std::fs::copy(Authority::new().file("ca.crt"), &system).unwrap();
    let setup = setup(
        &place,
        &receiver,
        ", security = \"tls\", user = \"samlgate\", password = \"right\"",
    );
    let gateway = setup.env("SSL_CERT_FILE", system.to_str().unwrap()).start().await;
    gateway.has_logged("administrators could not be told", 1).await;
    assert!(channel(&gateway)["error"].as_str().unwrap().contains("certificate"));
    // Nothing has to be told to the gateway.
    std::fs::copy(authority.file("ca.crt"), &system).unwrap();
    arrived(&receiver, &gateway, 1).await;
    let mail = &receiver.mails()[0];
    assert_eq!(
        (&mail["user"], &mail["tls"]),
        (&json!("samlgate"), &json!(true))
    );
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing_where_there_has_to_be_some() {
    for security in ["starttls", "tls"] {
        let (place, authority) = (Place::new(), Authority::new());
        let mut receiver = Receiver::new();
        receiver.start(0).await;
        let more = format!(", security = {security:?}{}", authority.line());
        let gateway = setup(&place, &receiver, &more).start().await;
        gateway.has_logged("administrators could not be told", 1).await;
        assert_eq!(channel(&gateway)["waiting"], 1);
        let (code, said) = test(&gateway);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("error: email: "), "{said}");
        assert!(receiver.mails().is_empty());
    }
}

#[tokio::test]
async fn who_is_put_off_gets_it_later_alone_and_who_is_gone_is_said() {
    let place = Place::new();
    let mut receiver = Receiver::new();
    receiver.options = ["--gone", "gone@example.com", "--full", "full@example.com:2"]
        .map(str::to_owned)
        .to_vec();
    receiver.start(0).await;
    let mut gateway = setup(&place, &receiver, ", security = \"none\"").start().await;
    gateway.has_logged("some receivers were put off", 1).await;
    let state = channel(&gateway);
    assert_eq!(state["waiting"], 1, "{state}");
    assert!(
        state["error"].as_str().unwrap().contains("full@example.com: "),
        "{state}"
    );
    gateway.has_logged("one receiver was refused and is not told", 1).await;
    gateway.kill9();
    gateway.start_again().await;
    arrived(&receiver, &gateway, 2).await;
    let mails = receiver.mails();
    assert_eq!(mails[0]["to"], json!(["ops@example.com"]));
    assert_eq!(mails[1]["to"], json!(["full@example.com"]));
    assert_eq!(mails[0]["id"], mails[1]["id"]);
    // The others have it, and of this one it stays said.
    let state = channel(&gateway);
    let error = state["error"].as_str().unwrap();
    assert!(
        error.starts_with("gone@example.com: ") && error.contains("550"),
        "{state}"
    );
    assert!(
        !gateway.log().contains("one receiver was refused"),
        "not twice"
    );
    let output = gateway.command(&["notices", "list"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("gone@example.com"), "{text}");
}
