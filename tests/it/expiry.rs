//! What runs out, told by the built binary: to monitoring, to a real mail server (aiosmtpd) and to
//! somebody else's server.

mod mail;
mod steps;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::x509::{X509, X509Name};
use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::peers::python;
use crate::support::ports;
use crate::support::process::Process;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A certificate of a year, that ends in so many days.
fn certificate(days_left: i64) -> X509 {
    // An hour more, so that it is that many whole days.
    ending(days_left * 86_400 + 3600)
}

/// A certificate of a year, that ends in so many seconds.
fn ending(seconds_left: i64) -> X509 {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "idp.example.com").unwrap();
    let name = name.build();
    let now = SystemClock.now().unix_seconds();
    let end = now + seconds_left;
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(end - 365 * 86_400).unwrap())
        .unwrap();
    builder.set_not_after(&Asn1Time::from_unix(end).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn fingerprint(certificate: &X509) -> String {
    let digest = certificate.digest(MessageDigest::sha256()).unwrap();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn metadata(entity_id: &str, certificates: &[&X509]) -> String {
    let keys: String = certificates
        .iter()
        .map(|certificate| {
            let der = STANDARD.encode(certificate.to_der().unwrap());
            format!(
                r#"<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"#
            )
        })
        .collect();
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>"#
    )
}

/// A gateway, and the metadata files of its identity providers.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, certificates: &[&X509]) {
        let entity_id = match name {
            "entra" => "https://sts.windows.net/11111111-2222-3333-4444-555555555555/".to_owned(),
            name => format!("https://{name}.example.com/metadata"),
        };
        std::fs::write(self.path(name), metadata(&entity_id, certificates)).unwrap();
    }

    fn setup(&self, idps: &[&str]) -> Setup {
        let mut setup = Setup::http().quick_key().set("admin", &format!("token = \"{SECRET}\""));
        for name in idps {
            setup = setup.idp(name, self.path(name).to_str().unwrap(), "");
        }
        setup.route("http://127.0.0.1:1", "public = true")
    }
}

/// Whoever is told.
struct Receiver {
    folder: TempDir,
    smtp: u16,
    http: u16,
    process: Option<Process>,
    /// Further options.
    options: Vec<String>,
}

impl Receiver {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap(),
            smtp: ports::free(),
            http: ports::free(),
            process: None,
            options: Vec::new(),
        }
    }

    async fn start(&mut self, put_off: u32) {
        let mut command = python("notice_receiver.py");
        command
            .args(["--folder", self.folder.path().to_str().unwrap()])
            .args([
                "--smtp",
                &self.smtp.to_string(),
                "--http",
                &self.http.to_string(),
            ])
            .args(["--put-off", &put_off.to_string()])
            .args(&self.options);
        let mut process = Process::start("notice_receiver", &mut command);
        process.line_with("ready").await;
        self.process = Some(process);
    }

    fn told_by(&self, setup: Setup) -> Setup {
        let (smtp, http) = (self.smtp, self.http);
        let secret = self.folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let email = format!(
            "email = {{ server = \"127.0.0.1:{smtp}\", security = \"none\", \
             from = \"samlgate@example.com\", to = [\"Operations <ops@example.com>\", \"b@example.com\"] }}"
        );
        setup.set("notices", &email).add(&format!(
            "[[notice_webhook]]\nname = \"ops\"\nurl = \"http://127.0.0.1:{http}/hook\"\n\
             secret_file = {secret:?}\n\
             [[notice_webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:{http}/chat\"\n\
             format = \"slack\"\n"
        ))
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn mails(&self) -> Vec<Value> {
        self.lines("mails.jsonl")
    }

    fn requests(&self, path: &str) -> Vec<Value> {
        let mut all = self.lines("requests.jsonl");
        all.retain(|request| request["path"] == path);
        all
    }

    /// Waits until everybody was told so often.
    async fn told(&self, times: usize) {
        let all = async {
            loop {
                let counts = [
                    self.mails().len(),
                    self.requests("/hook").len(),
                    self.requests("/chat").len(),
                ];
                if counts.iter().all(|count| *count >= times) {
                    assert_eq!(counts, [times; 3]);
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(90), all).await;
        assert!(told.is_ok(), "mails {:?}", self.mails());
    }
}

/// Whether the database knows that all is told: a process that is killed now tells it to nobody again.
async fn all_is_marked(gateway: &Gateway) {
    loop {
        let output = gateway.command(&["notices", "list", "--json"]).output().unwrap();
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let channels = list["channels"].as_array().unwrap();
        if channels.len() == 4 && channels.iter().all(|channel| channel["waiting"] == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn keys(request: &Value) -> Vec<String> {
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    let notices = body["notices"].as_array().unwrap();
    notices
        .iter()
        .map(|notice| {
            let key = notice["key"].as_str().unwrap().to_owned();
            let mut parts: Vec<&str> = key.split('/').collect();
            parts.remove(4);
            parts.join("/")
        })
        .collect()
}

fn signature(time: &str, body: &str) -> String {
    let key = PKey::hmac(SECRET.as_bytes()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(format!("{time}.{body}").as_bytes()).unwrap();
    signer.sign_to_vec().unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn every_notice_arrives_once_through_an_outage_and_kills() {
    let place = Place::new();
    place.write("corp", &[&certificate(20)]);
    place.write("near", &[&certificate(5)]);
    let mut receiver = Receiver::new();
    let mut gateway = receiver.told_by(place.setup(&["corp", "near"])).start().await;
    gateway.has_logged("administrators could not be told", 3).await;
    gateway.kill9();
    gateway.start_again().await;
    receiver.start(1).await;
    receiver.told(1).await;

    let mail = &receiver.mails()[0];
    assert_eq!(
        mail["to"],
        serde_json::json!(["ops@example.com", "b@example.com"])
    );
    let subject = mail["subject"].as_str().unwrap();
    assert!(
        subject.contains("the signing certificate of near"),
        "{subject}"
    );
    assert!(subject.ends_with("(and 1 more)"), "{subject}");
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("1. The signing certificate of near"),
        "{text}"
    );
    assert!(
        text.contains("2. The signing certificate of corp"),
        "{text}"
    );
    let request = &receiver.requests("/hook")[0];
    assert_eq!(
        keys(request),
        [
            "expiry/idp_certificate/near/signing/7",
            "expiry/idp_certificate/corp/signing/30"
        ]
    );
    let shown = request["headers"]["x-samlgate-signature"].as_str().unwrap();
    let (time, mac) = shown.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(mac, signature(time, request["body"].as_str().unwrap()));
    let chat: Value =
        serde_json::from_str(receiver.requests("/chat")[0]["body"].as_str().unwrap()).unwrap();
    assert!(
        chat["text"].as_str().unwrap().contains("certificate of near"),
        "{chat}"
    );

    all_is_marked(&gateway).await;
    gateway.kill9();
    // While it is away the server is, too; and another certificate is put in its place.
    receiver.process = None;
    place.write("corp", &[&certificate(13)]);
    gateway.start_again().await;
    gateway.has_logged("administrators could not be told", 3).await;
    receiver.start(0).await;
    receiver.told(2).await;
    assert_eq!(
        keys(&receiver.requests("/hook")[1]),
        ["expiry/idp_certificate/corp/signing/14"]
    );
    all_is_marked(&gateway).await;
    let mails = receiver.mails();
    assert_ne!(mails[0]["id"], mails[1]["id"]);
}

#[tokio::test]
async fn a_test_says_who_does_not_take_it() {
    let place = Place::new();
    place.write("corp", &[&certificate(300)]);
    let mut receiver = Receiver::new();
    let gateway = receiver.told_by(place.setup(&["corp"])).start().await;
    let test = |arguments: &[&str]| {
        let output = gateway.command(&[&["notices", "test"], arguments].concat()).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said) = test(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("error: email:") && said.contains("error: webhook:ops:"),
        "{said}"
    );
    receiver.start(0).await;
    let (code, said) = test(&[]);
    assert_eq!(code, Some(0), "{said}");
    receiver.told(1).await;
    assert!(receiver.mails()[0]["subject"].as_str().unwrap().contains("this is a test"));
    let (code, said) = test(&["--channel", "webhook:nobody"]);
    assert_eq!(code, Some(1), "{said}");
}

fn certs(gateway: &Gateway, arguments: &[&str]) -> (Option<i32>, String) {
    let output = gateway.command(&[&["certs"], arguments].concat()).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[tokio::test]
async fn certs_exits_as_monitoring_plugins_do_and_needs_no_gateway() {
    let place = Place::new();
    place.write("corp", &[&certificate(20)]);
    place.write("far", &[&certificate(300)]);
    let mut gateway = place.setup(&["corp", "far"]).start().await;
    gateway.stop().await;
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();

    let (code, text) = certs(&gateway, &["--warn", "15d", "--critical", "7d"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(first(&text).starts_with("CERTS OK - "), "{text}");
    assert!(first(&text).contains("'corp signing "), "{text}");
    assert!(first(&text).contains("=20;15:;7:"), "{text}");
    let (code, text) = certs(&gateway, &["--warn", "25d"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(first(&text).contains("corp signing 20 days left"), "{text}");
    let (code, text) = certs(&gateway, &["--warn", "25d", "--critical", "25d"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(first(&text).starts_with("CERTS CRITICAL - "), "{text}");
    for (wrong, words) in [
        (&["--warn", "soon"][..], "--warn soon is not a time"),
        (&["--warn", "30"], "--warn 30 is not a time"),
        (&["--warn", "5d"], "--critical 7d is longer than --warn 5d"),
        (&["--bogus"], "unexpected argument '--bogus'"),
        (&["--warn", "-1d"], "unexpected argument '-1'"),
    ] {
        let (code, text) = certs(&gateway, wrong);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.starts_with("CERTS UNKNOWN - "), "{text}");
        assert!(text.contains(words), "{words}: {text}");
        let (code, text) = certs(&gateway, &[wrong, &["--json"]].concat());
        assert_eq!(code, Some(3), "{text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["status"], "unknown");
        assert!(
            json["unknown"][0].as_str().unwrap().contains(words),
            "{text}"
        );
    }
    std::fs::write(place.path("far"), "no metadata").unwrap();
    let (code, text) = certs(&gateway, &["--warn", "15d"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        first(&text).starts_with("CERTS UNKNOWN - 1 unknown"),
        "{text}"
    );
    gateway.rewrite(|_| "no configuration".to_owned());
    let (code, text) = certs(&gateway, &[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.starts_with("CERTS UNKNOWN - the configuration is wrong"),
        "{text}"
    );
    let (_, text) = certs(&gateway, &["--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["status"], "unknown");
}

#[tokio::test]
async fn certs_reads_metadata_files_also_without_the_database() {
    let place = Place::new();
    place.write("corp", &[&certificate(5)]);
    let mut gateway = place.setup(&["corp"]).start().await;
    gateway.stop().await;
    gateway.rewrite(|config| config.replace("sqlite://", "sqlite:///nowhere"));
    let (code, text) = certs(&gateway, &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("CERTS CRITICAL - 1 critical, "), "{text}");
    assert!(text.contains("corp signing 5 days left"), "{text}");
    assert!(text.contains("1 unknown of 4"), "{text}");
}

#[tokio::test]
async fn the_most_urgent_stands_first_in_the_list_and_the_api() {
    let place = Place::new();
    // That one ended two days ago does no harm where another one is valid.
    place.write("entra", &[&certificate(-3), &certificate(300)]);
    place.write("x", &[&certificate(-2)]);
    let gateway = place.setup(&["entra", "x"]).start().await;
    let (code, text) = certs(&gateway, &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains(" | 'x signing "), "{text}");
    assert!(text.contains("x signing ended 1 day ago"), "{text}");
    assert!(text.contains("=-1;30:;7:"), "{text}");
    let (_, json) = certs(&gateway, &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["expiries"][0]["owner"], "x");
    assert_eq!(json["expiries"][0]["days_left"], -1);
    assert_eq!(json["expiries"][1]["owner"], "entra");
    let ask = Ask::new(
        http::Method::GET,
        &gateway.admin_url("/api/v1/certificates"),
    );
    let ask = ask.header("authorization", &format!("Bearer {SECRET}"));
    let listed = Visitor::new().send(ask).await.json();
    assert_eq!(listed["certificates"][0]["owner"], "x");
}

#[tokio::test]
async fn entras_trap_is_a_warning_with_a_sentence_of_its_own() {
    let place = Place::new();
    let (ended, valid) = (certificate(-2), certificate(200));
    place.write("entra", &[&ended, &valid]);
    let mut gateway = place.setup(&["entra"]).start().await;
    gateway.has_logged("Entra ID signs by the other one now", 1).await;
    gateway.stop().await;
    let (code, text) = certs(&gateway, &["--warn", "15d"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("Entra ID signs by the other one now"),
        "{text}"
    );
    let (_, json) = certs(&gateway, &["--json", "--warn", "15d"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["status"], "warning");
    assert_eq!(json["expiries"][0]["ended"], true);
    assert_eq!(json["expiries"][0]["standing"], "warning");
}

#[tokio::test]
async fn what_is_gone_vanishes_from_metrics_and_the_api() {
    let place = Place::new();
    let (old, new) = (certificate(20), certificate(300));
    place.write("corp", &[&old]);
    let gateway = place.setup(&["corp"]).start().await;
    let listed = async || {
        let ask = Ask::new(
            http::Method::GET,
            &gateway.admin_url("/api/v1/certificates"),
        );
        let ask = ask.header("authorization", &format!("Bearer {SECRET}"));
        let answer = Visitor::new().send(ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let metrics = async || gateway.admin("/metrics").await.text();
    let shows = async |certificate: &X509| {
        let label = format!(
            "samlgate_certificate_not_after_timestamp_seconds{{owner=\"corp\",use=\"signing\",fingerprint=\"{}\"}}",
            fingerprint(certificate)
        );
        while !metrics().await.contains(&label) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    shows(&old).await;
    let first = &listed().await["certificates"][0];
    assert_eq!(first["fingerprint"], fingerprint(&old).as_str());
    assert_eq!(first["days_left"], 20);
    place.write("corp", &[&new]);
    gateway.reload(|config| config);
    shows(&new).await;
    assert!(!metrics().await.contains(&fingerprint(&old)));
    assert!(!listed().await.to_string().contains(&fingerprint(&old)));
}

/// A look that newer metadata has overtaken is not shown; whoever has loaded that shows it.
#[tokio::test]
async fn what_is_new_is_shown_while_one_reload_follows_the_other() {
    let place = Place::new();
    let (old, new) = (certificate(20), certificate(300));
    place.write("corp", &[&old]);
    let gateway = place.setup(&["corp"]).start().await;
    let shown = async |certificate: &X509| {
        let metrics = gateway.admin("/metrics").await.text();
        metrics.contains(&fingerprint(certificate))
    };
    assert!(shown(&old).await);
    place.write("corp", &[&new]);
    let reloads = async {
        while !shown(&new).await || shown(&old).await {
            gateway.reload(|config| config);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reloads).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_runs_ahead_is_told_of_before_it_keeps_people_out() {
    let idp = TestIdp::new("corp");
    let setup = Setup::https().quick_key().idp("corp", &idp.metadata_file(), "");
    let gateway = setup.route("http://127.0.0.1:9", "").start().await;
    for _ in 0..5 {
        let mut visitor = gateway.visitor();
        let answer = visitor.get(&gateway.url("/.samlgate/start?idp=corp&rd=/")).await;
        let request = idp.read(&answer);
        let mut response = idp.answer(&request);
        // Of 180 seconds that are allowed.
        response.assertion().issue_instant = idp::at(100);
        let fields = idp::fields(idp.write(&response), Some(&request.relay_state));
        let answer = visitor.send(idp::post(&gateway.url("/saml/acs"), &fields)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    gateway.has_logged("seconds ahead of ours, and 180 are allowed", 1).await;
    let metrics = gateway.admin("/metrics").await.text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("samlgate_idp_clock_offset_seconds{idp=\"corp\"} "));
    let offset: f64 = line.unwrap().parse().unwrap();
    assert!(offset > 60.0 && offset <= 100.0, "{offset}");
}
