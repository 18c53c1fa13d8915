//! Our own keys through the program: steps by the command line, a gateway that takes them while it
//! runs, and what its metadata says.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::Value;

use crate::saml_schema::faults;
use crate::support::app::{App, received};
use crate::support::encryption;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask};
use crate::support::idp::{self, TestIdp};

/// What the gateway logs for each key that took a step.
const CHANGED: &str = "\"a key of ours has changed\"";

async fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = gateway.command(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// A command that has to work: what it prints for programs, and what it says.
async fn done(gateway: &Gateway, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = run(gateway, arguments).await;
    let (data, said) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    assert!(status.success(), "{arguments:?}: {said}");
    (data, said)
}

/// A command that has to exit with 1: what it says.
async fn refused(gateway: &Gateway, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = run(gateway, arguments).await;
    assert_eq!(status.code(), Some(1), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

async fn list(gateway: &Gateway) -> Value {
    serde_json::from_str(&done(gateway, &["keys", "list", "--json"]).await.0).unwrap()
}

/// `next/published/…` of each key of a use.
fn steps(listed: &Value, usage: &str) -> Vec<String> {
    let keys = listed["keys"].as_array().unwrap().iter();
    let of_use = keys.filter(|key| key["use"] == usage);
    of_use.map(|key| key["step"].as_str().unwrap().to_owned()).collect()
}

async fn metadata(gateway: &Gateway) -> Answer {
    let answer = gateway.visitor().get(&gateway.url("/saml/metadata")).await;
    assert_eq!(answer.status, 200);
    answer
}

/// How many certificates metadata has for a use.
fn certificates(metadata: &str, usage: &str) -> usize {
    metadata.matches(&format!("<md:KeyDescriptor use=\"{usage}\">")).count()
}

async fn gateway(more: impl FnOnce(Setup) -> Setup) -> (Gateway, App) {
    let app = App::start().await;
    let setup = Setup::http().quick_key().route(&app.url(), "public = true");
    (more(setup).start().await, app)
}

#[tokio::test]
async fn a_roll_over_step_by_step_says_what_it_means_and_what_comes_next() {
    let (gateway, _app) = gateway(|setup| setup).await;
    let first = metadata(&gateway).await;
    let listed = list(&gateway).await;
    assert_eq!(listed["rotate_keys"], "manual");
    assert_eq!(steps(&listed, "signing"), ["signing"]);
    assert_eq!(steps(&listed, "encryption"), ["active"]);
    assert_eq!(steps(&listed, "jwt"), ["signing"]);
    let said = refused(&gateway, &["keys", "promote", "--use", "signing"]).await;
    assert!(
        said.contains("samlgate keys rotate --use signing"),
        "{said}"
    );
    let said = refused(&gateway, &["keys", "retire", "--use", "signing"]).await;
    assert!(said.contains("no previous key"), "{said}");
    let only = [
        "keys",
        "retire",
        "--use",
        "signing",
        "--key",
        "sp-signing",
        "--force",
    ];
    assert!(refused(&gateway, &only).await.contains("no other key is"));

    // Published: both are there, and nothing else is other.
    let (_, said) = done(&gateway, &["keys", "rotate", "--use", "signing"]).await;
    assert!(said.contains("identity providers learn of it"), "{said}");
    assert!(
        said.contains("samlgate keys promote --use signing"),
        "{said}"
    );
    gateway.has_logged(CHANGED, 1).await;
    let both = metadata(&gateway).await;
    assert_eq!(certificates(&both.text(), "signing"), 2);
    assert_eq!(certificates(&both.text(), "encryption"), 1);
    assert_ne!(both.header("etag"), first.header("etag"));
    let said = refused(&gateway, &["keys", "rotate", "--use", "signing"]).await;
    assert!(said.contains("a roll-over is under way"), "{said}");

    // Who has fetched it since is known within seconds.
    let fetch = Ask::new(Method::GET, &gateway.url("/saml/metadata"))
        .header("user-agent", "ShibbolethIdp/5.1");
    assert_eq!(gateway.visitor().send(fetch).await.status, 200);
    let seen = async {
        loop {
            let (text, _) = done(&gateway, &["keys", "list"]).await;
            if text.contains("Shibboleth") {
                return text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let text = tokio::time::timeout(std::time::Duration::from_secs(30), seen).await.unwrap();
    assert!(text.contains("127.0.0.1"), "{text}");
    let listed = list(&gateway).await;
    assert_eq!(steps(&listed, "signing"), ["published", "signing"]);
    assert_eq!(listed["keys"][0]["safe"], false);

    // An hour has to pass, or somebody has to say that it need not.
    let said = refused(&gateway, &["keys", "promote", "--use", "signing"]).await;
    assert!(
        said.contains("published too short a time ago") && said.contains("--force"),
        "{said}"
    );
    done(
        &gateway,
        &["keys", "promote", "--use", "signing", "--force"],
    )
    .await;
    gateway.has_logged(CHANGED, 3).await;
    assert_eq!(certificates(&metadata(&gateway).await.text(), "signing"), 2);
    let said = refused(&gateway, &["keys", "retire", "--use", "signing"]).await;
    assert!(said.contains("in use a short time ago"), "{said}");
    done(&gateway, &["keys", "retire", "--use", "signing", "--force"]).await;
    gateway.has_logged(CHANGED, 4).await;
    assert_eq!(certificates(&metadata(&gateway).await.text(), "signing"), 1);
    assert_eq!(
        steps(&list(&gateway).await, "signing"),
        ["signing", "retired"]
    );

    let said = refused(&gateway, &["keys", "remove", "jwt-signing"]).await;
    assert!(said.contains("not retired"), "{said}");
    done(&gateway, &["keys", "remove", "sp-signing"]).await;
    assert!(!gateway.folder().join("certs/sp-signing.key").exists());
    assert_eq!(steps(&list(&gateway).await, "signing"), ["signing"]);
    // The audit has each step.
    let (events, _) = done(
        &gateway,
        &["audit", "--since", "all", "--type", "keys.changed"],
    )
    .await;
    assert!(events.lines().count() >= 3, "{events}");
    assert!(
        events.contains("\"published\"") && events.contains("\"retired\""),
        "{events}"
    );
}

#[tokio::test]
async fn a_key_that_is_held_back_is_in_nobodys_hands() {
    let (gateway, _app) = gateway(|setup| setup).await;
    done(
        &gateway,
        &["keys", "rotate", "--use", "encryption", "--hold"],
    )
    .await;
    gateway.has_logged(CHANGED, 1).await;
    assert_eq!(
        certificates(&metadata(&gateway).await.text(), "encryption"),
        1
    );
    done(&gateway, &["keys", "promote", "--use", "encryption"]).await;
    gateway.has_logged(CHANGED, 2).await;
    assert_eq!(
        certificates(&metadata(&gateway).await.text(), "encryption"),
        2
    );
}

#[tokio::test]
async fn by_the_clock_all_steps_are_taken_by_themselves() {
    let (gateway, _app) = gateway(|setup| {
        // The certificate in the folder ends in 30 days.
        let key = openssl::pkey::PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
        let certificate = crate::support::certificate::self_signed(&key, "localhost", None);
        let certificate = certificate.to_pem().unwrap();
        setup
            .key("sp-signing", encryption::OLDER_KEY, Some(&certificate))
            .set("saml", "rotate_keys = \"auto\"")
            .set("saml", "rotate_before = \"31d\"")
            .set("saml", "publish_for = \"1s\"")
            .set("saml", "retire_after = \"1s\"")
    })
    .await;
    // Two keys take three steps: published, active beside previous, retired.
    gateway.has_logged("\"a key took a step by itself\"", 4).await;
    gateway.has_logged(CHANGED, 4).await;
    let listed = async {
        loop {
            let listed = list(&gateway).await;
            if steps(&listed, "signing") == ["signing", "retired"] {
                return listed;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let listed = tokio::time::timeout(std::time::Duration::from_secs(30), listed).await.unwrap();
    assert_eq!(listed["rotate_keys"], "auto");
}

#[tokio::test]
async fn the_key_of_the_identity_header_rolls_over_and_every_token_verifies() {
    let app = App::start().await;
    let idp = TestIdp::new("corp");
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &idp.metadata_file(), "allow_idp_initiated = true")
        .route(&app.url(), "headers = [\"signed\"]")
        .start()
        .await;
    let mut kids = BTreeSet::new();
    for step in ["", "rotate", "promote", "retire"] {
        if !step.is_empty() {
            let force: &[&str] = if step == "rotate" { &[] } else { &["--force"] };
            done(&gateway, &[&["keys", step, "--use", "jwt"], force].concat()).await;
            // Published; then active and previous; then retired.
            let times = [("rotate", 1), ("promote", 3), ("retire", 4)];
            let (_, times) = times.into_iter().find(|(name, _)| *name == step).unwrap();
            gateway.has_logged(CHANGED, times).await;
        }
        let mut visitor = gateway.visitor();
        let xml = idp.write(&idp.unsolicited(&gateway.url("")));
        let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
        let entered = visitor.send(acs.navigating().form(&idp::fields(xml, None))).await;
        assert_eq!(entered.status, 303, "{}", entered.text());
        let page = visitor.get(&gateway.url("/page")).await;
        assert_eq!(page.status, 200);
        let token = received(&page.json(), "x-samlgate-jwt-assertion").join("");
        let header = token.split('.').next().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let jwks = visitor.get(&gateway.url("/.well-known/samlgate/jwks.json")).await.text();
        let kid = header["kid"].as_str().unwrap().to_owned();
        assert!(jwks.contains(&kid), "{step}: {jwks}");
        kids.insert(kid);
        let shown = jwks.matches("\"kid\"").count();
        assert_eq!(
            shown,
            if ["rotate", "promote"].contains(&step) {
                2
            } else {
                1
            },
            "{step}"
        );
    }
    assert_eq!(kids.len(), 2);
}

const ABOUT: &str = r#"
[[saml_contact]]
given_name = "IT <Operations>"
email = ["it@example.com"]
telephone = "+41 44 555 00 00"

[[saml_contact]]
type = "security"
given_name = "CERT"
email = ["cert@example.com"]

[[saml_attribute]]
name = "urn:oid:0.9.2342.19200300.100.1.3"
friendly_name = "mail"
required = true

[[saml_attribute]]
name = "affiliation"
values = ["staff", "student"]
service = 1
"#;

#[tokio::test]
async fn metadata_says_what_the_configuration_says_and_fits_its_schema() {
    let (gateway, _app) = gateway(|setup| {
        setup
            .set("saml", "metadata_cache = \"2h\"")
            .set("saml", "metadata_valid_for = \"14d\"")
            .set(
                "saml",
                "organization = { name = { en = \"Example Corp Ltd\" }, display_name = { en = \
                 \"Example\", de = \"Beispiel\" }, url = { en = \"https://www.example.com\" } }",
            )
            .set(
                "saml",
                "ui = { display_name = { en = \"Reports & more\" }, description = { en = \"All of \
                 them\" }, information_url = { en = \"https://www.example.com/reports\" }, \
                 privacy_statement_url = { en = \"https://www.example.com/privacy\" }, logo = \
                 \"https://app.example.com/logo.png\" }",
            )
            .add(ABOUT)
    })
    .await;
    let answer = metadata(&gateway).await;
    assert_eq!(
        answer.header("content-type"),
        "application/samlmetadata+xml"
    );
    assert_eq!(answer.header("cache-control"), "public, max-age=7200");
    let xml = answer.text();
    assert_eq!(faults(std::slice::from_ref(&xml)), ["ok"], "{xml}");
    for wanted in [
        "cacheDuration=\"PT2H\"",
        "validUntil=\"2",
        "<md:OrganizationDisplayName xml:lang=\"de\">Beispiel<",
        "<mdui:DisplayName xml:lang=\"en\">Reports &amp; more<",
        "<mdui:Logo height=\"40\" width=\"120\">https://app.example.com/logo.png<",
        "<mdui:PrivacyStatementURL xml:lang=\"en\">https://www.example.com/privacy<",
        "<md:GivenName>IT &lt;Operations&gt;</md:GivenName>",
        "<md:EmailAddress>mailto:it@example.com<",
        "remd:contactType=\"http://refeds.org/metadata/contactType/security\"",
        "<md:AttributeConsumingService index=\"0\" isDefault=\"true\"><md:ServiceName xml:lang=\"en\">Reports &amp; more<",
        "FriendlyName=\"mail\" isRequired=\"true\"",
        "<md:AttributeConsumingService index=\"1\">",
        ">student</saml:AttributeValue>",
    ] {
        assert!(xml.contains(wanted), "{wanted} is not in {xml}");
    }
    // Whoever has it does not get it again, whatever a proxy made of the tag.
    let etag = answer.header("etag").to_owned();
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let ask = Ask::new(Method::GET, &gateway.url("/saml/metadata"));
        let again = gateway.visitor().send(ask.header("if-none-match", &known)).await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{known}"
        );
        assert_eq!(again.header("etag"), etag);
    }
    // xmlsec1 and pysaml2 read it.
    let file = gateway.folder().join("sp.xml");
    std::fs::write(&file, &xml).unwrap();
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/venv/bin/python");
    let read = "import sys, saml2.mdstore as m, saml2.attribute_converter as a\n\
                md = m.MetaDataFile(a.ac_factory(), sys.argv[1]); md.load()\n\
                for entity in md.keys(): print(entity, len(md.certs(entity, 'spsso', 'signing')))";
    let output = std::process::Command::new(python)
        .args(["-c", read])
        .arg(&file)
        .output()
        .unwrap();
    let read = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        read.trim(),
        format!("{} 1", gateway.url("/saml/metadata")),
        "{output:?}"
    );
    let certificate = gateway.folder().join("certs/sp-signing.crt");
    let verified = std::process::Command::new("xmlsec1")
        .args([
            "--verify",
            "--id-attr:ID",
            "urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor",
        ])
        .arg("--trusted-pem")
        .args([&certificate, &file])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");

    // After a restart the same document has the same name, and another description has another.
    gateway.reload(|toml| toml.replace("Beispiel", "Muster"));
    gateway.has_logged("\"configuration reloaded\"", 1).await;
    let other = metadata(&gateway).await;
    assert!(other.text().contains("Muster"));
    assert_ne!(other.header("etag"), etag);
}

#[tokio::test]
async fn metadata_is_the_same_after_a_restart() {
    let (mut gateway, _app) = gateway(|setup| {
        let key = openssl::pkey::PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
        let certificate = crate::support::certificate::self_signed(&key, "localhost", None);
        setup.key(
            "sp-signing",
            encryption::OLDER_KEY,
            Some(&certificate.to_pem().unwrap()),
        )
    })
    .await;
    let before = metadata(&gateway).await;
    gateway.kill9();
    gateway.start_again().await;
    let after = metadata(&gateway).await;
    assert_eq!(before.header("etag"), after.header("etag"));
    assert_eq!(before.text(), after.text());
    assert!(!before.text().contains("validUntil"));
}

#[tokio::test]
async fn keys_of_files_of_secrets_are_used_and_never_shown() {
    let pem = String::from_utf8(encryption::KEY.to_vec()).unwrap()
        + &String::from_utf8(encryption::certificate()).unwrap();
    let line = format!("encryption_key = '''\n{pem}'''");
    let (gateway, _app) = gateway(|setup| setup.set("saml", &line)).await;
    assert_eq!(
        certificates(&metadata(&gateway).await.text(), "encryption"),
        1
    );
    let said = refused(&gateway, &["keys", "rotate", "--use", "encryption"]).await;
    assert!(
        said.contains("come from the configuration (saml.encryption_key)"),
        "{said}"
    );
    let (shown, said) = done(&gateway, &["config", "show"]).await;
    assert!(
        shown.contains("saml.encryption_key") && !shown.contains("PRIVATE"),
        "{shown}"
    );
    assert!(!said.contains("PRIVATE") && !gateway.log().contains("PRIVATE"));
    let listed = list(&gateway).await;
    assert_eq!(steps(&listed, "encryption"), ["active"]);

    // The same from a file, which others can read: that is said, and its content is not.
    let file = gateway.folder().join("secret.pem");
    std::fs::write(&file, &pem).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    gateway.rewrite(|toml| toml.replace(&line, ""));
    let with_file = |file: &std::path::Path| {
        let mut command = gateway.command(&["config", "check"]);
        command.env("SAMLGATE_SAML__ENCRYPTION_KEY_FILE", file);
        command.output().unwrap()
    };
    let output = with_file(&file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("can be read by others"),
        "{said}"
    );
    std::fs::write(&file, "hunter2").unwrap();
    let output = with_file(&file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("no private key in PEM"),
        "{said}"
    );
    assert!(!said.contains("hunter2"));
}

#[tokio::test]
async fn what_comes_by_itself_is_said_and_when() {
    let (gateway, _app) = gateway(|setup| {
        let key = openssl::pkey::PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
        let certificate = crate::support::certificate::self_signed(&key, "localhost", None);
        let certificate = certificate.to_pem().unwrap();
        setup
            .key("sp-signing", encryption::OLDER_KEY, Some(&certificate))
            .set("saml", "rotate_keys = \"auto\"")
            .set("saml", "rotate_before = \"31d\"")
    })
    .await;
    gateway.has_logged(CHANGED, 1).await;
    let (text, _) = done(&gateway, &["keys", "list"]).await;
    assert!(text.contains("next: by itself in "), "{text}");
    let listed = list(&gateway).await;
    let keys = listed["keys"].as_array().unwrap();
    let published = keys.iter().find(|key| key["step"] == "published").unwrap();
    assert!(published["by_itself_at"].is_string(), "{listed}");
    let certs = run(&gateway, &["certs", "--json", "--warn", "9000d"]).await;
    let certs: Value = serde_json::from_slice(&certs.stdout).unwrap();
    let own = certs["expiries"].as_array().unwrap().iter();
    let remedies: Vec<&str> = own
        .filter(|it| it["owner"] == "sp")
        .map(|it| it["remedy"].as_str().unwrap())
        .collect();
    assert!(
        remedies.iter().any(|said| said.contains("the next step is taken by itself")),
        "{remedies:?}"
    );
    assert!(
        !remedies.iter().any(|said| said.contains("in time")),
        "{remedies:?}"
    );
}

#[tokio::test]
async fn what_is_refused_is_refused_for_programs_too() {
    let (gateway, _app) = gateway(|setup| setup).await;
    let output = run(&gateway, &["keys", "promote", "--use", "signing", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said[0]["use"], "signing");
    assert!(
        said[0]["error"].is_string() && said[0]["hint"].is_string(),
        "{said}"
    );
    let said = refused(&gateway, &["keys", "remove", "sp-signing"]).await;
    assert!(
        said.contains("sp-signing is signing, and not retired"),
        "{said}"
    );
    done(&gateway, &["keys", "rotate", "--use", "jwt"]).await;
    let (text, _) = done(&gateway, &["keys", "list", "--use", "jwt"]).await;
    assert!(!text.contains("fetched our metadata"), "{text}");
}
