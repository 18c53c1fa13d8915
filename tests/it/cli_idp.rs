//! `samlgate idp …`: what is good is kept and shown, what is wrong changes nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::Timestamp;
use samlgate::dsig::SigningKey;
use serde_json::Value;

const CONFIG: &str = r#"
[server]
public_url = "https://app.example.com"

[[route]]
path = "/"
upstream = ["http://127.0.0.1:3000"]
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        std::fs::write(folder.path().join("config/samlgate.toml"), config).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn idp(&self, args: &[&str]) -> Output {
        self.idp_reading(args, "")
    }

    fn idp_reading(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_samlgate"))
            .arg("idp")
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it; that is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path().join(name), text).unwrap();
        name.to_owned()
    }

    fn names(&self) -> Vec<String> {
        let listed = self.idp(&["list", "--json"]);
        assert!(listed.status.success(), "{listed:?}");
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let names = listed.as_array().unwrap().iter().map(|idp| idp["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn certificate() -> String {
    certificate_of("idp.example.com")
}

fn certificate_of(name: &str) -> String {
    let now = Timestamp::from_unix_seconds(1_795_000_000);
    STANDARD.encode(SigningKey::generate_ec(name, now).unwrap().certificate_der())
}

fn key(certificate: &str) -> String {
    format!(
        r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
    )
}

fn entity(entity_id: &str, attributes: &str, keys: &str, location: &str) -> String {
    format!(
        r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"{attributes}><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAuthnRequestsSigned="true">{keys}<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{location}"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

fn good(entity_id: &str) -> String {
    let keys = format!("{}{}", key(&certificate()), key(&certificate()));
    entity(entity_id, "", &keys, "https://idp.example.com/sso")
}

fn several(entities: &[String]) -> String {
    let entities = entities.join("");
    format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{entities}</md:EntitiesDescriptor>"#
    )
}

#[test]
fn an_import_tells_what_it_found() {
    let place = Place::new();
    let file = place.file("metadata.xml", &good("https://idp.example.com/metadata"));
    let imported = place.idp(&["import", &file, "--name", "corp", "--label", "Example Corp"]);
    assert!(imported.status.success(), "{imported:?}");
    let shown = text(&imported.stdout);
    for part in [
        "https://idp.example.com/metadata",
        "HTTP-POST https://idp.example.com/sso",
        "EC P-256",
        "days left",
        "generic",
        "signed",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert_eq!(place.names(), ["corp"]);

    let shown = place.idp(&["show", "corp", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["label"], "Example Corp");
    assert_eq!(shown["signing_keys"].as_array().unwrap().len(), 2);
    assert_eq!(shown["wants_signed_requests"], true);
}

#[test]
fn metadata_comes_from_standard_input_too() {
    let place = Place::new();
    let metadata = good("https://sts.windows.net/11111111-2222-3333-4444-555555555555/");
    let imported = place.idp_reading(&["import", "-"], &format!("\u{feff}{metadata}"));
    assert!(imported.status.success(), "{imported:?}");
    assert!(
        text(&imported.stderr).contains("--vendor entra"),
        "{imported:?}"
    );
    assert_eq!(place.names(), ["entra"]);
}

#[test]
fn one_of_many_is_picked_by_its_entity_id() {
    let place = Place::new();
    let all = several(&[good("https://a.example.com"), good("https://b.example.com")]);
    let file = place.file("federation.xml", &all);
    for more in [
        &[][..],
        &["--all"],
        &["--entity-id", "https://b.example.com"],
    ] {
        let unsigned = place.idp(&[&["import", &file][..], more].concat());
        assert_eq!(unsigned.status.code(), Some(1));
        let said = text(&unsigned.stderr);
        assert!(said.contains("md.signature"), "{more:?}: {said}");
        assert!(
            said.contains("--metadata-signing-certificate FILE"),
            "{said}"
        );
    }
    let refused = place.idp(&["import", &file, "--allow-unsigned"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("md.entity") && said.contains("https://b.example.com"),
        "{said}"
    );
    assert!(said.contains("--entity-id"), "{said}");

    let picked = place.idp(&[
        "import",
        &file,
        "--name",
        "b",
        "--entity-id",
        "https://b.example.com",
        "--allow-unsigned",
    ]);
    assert!(picked.status.success(), "{picked:?}");
    assert!(text(&picked.stdout).contains("https://b.example.com"));
    assert_eq!(place.names(), ["b"]);

    let all = place.idp(&["import", &file, "--all", "--allow-unsigned", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["imported"], 2);
}

#[test]
fn one_document_in_a_wrapping_is_no_aggregate() {
    let place = Place::new();
    let file = place.file("one.xml", &several(&[good("https://a.example.com")]));
    let imported = place.idp(&["import", &file, "--name", "a"]);
    assert!(imported.status.success(), "{imported:?}");
}

#[test]
fn a_signature_once_asked_for_is_asked_for_until_somebody_takes_that_away() {
    let place = Place::new();
    let now = Timestamp::from_unix_seconds(1_795_000_000);
    let federation = SigningKey::generate_ec("federation", now).unwrap();
    let certificate = place.file("federation.crt", &federation.certificate_pem().unwrap());
    let keys = key(&certificate_of("idp.example.com"));
    let id = "https://idp.example.com/metadata";
    let unsigned = entity(id, " ID=\"_e\"", &keys, "https://idp.example.com/sso");
    let signed =
        samlgate::dsig::sign_enveloped(&unsigned, "_e", &federation, samlgate::dsig::Place::First);
    let (signed, unsigned) = (
        place.file("signed.xml", &signed.unwrap()),
        place.file("unsigned.xml", &unsigned),
    );
    let import = |file: &str, more: &[&str]| {
        place.idp(&[&["import", file, "--name", "corp"][..], more].concat())
    };
    let shown = || {
        let shown = place.idp(&["show", "corp", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let signers = shown["metadata_signers"].as_array().unwrap().len();
        (signers, shown["label"].as_str().unwrap().to_owned())
    };
    let first = import(&signed, &["--metadata-signing-certificate", &certificate]);
    assert!(first.status.success(), "{first:?}");
    assert!(
        text(&first.stdout).contains("required, by CN=federation"),
        "{first:?}"
    );
    assert!(text(&first.stdout).contains("on change"), "{first:?}");
    assert!(import(&signed, &["--label", "New label"]).status.success());
    assert_eq!(shown(), (1, "New label".to_owned()));
    let refused = import(&unsigned, &["--label", "Evil"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("md.signature"),
        "{refused:?}"
    );
    assert_eq!(shown(), (1, "New label".to_owned()));
    let taken_away = import(&unsigned, &["--allow-unsigned"]);
    assert!(taken_away.status.success(), "{taken_away:?}");
    assert!(
        text(&taken_away.stdout).contains("not required"),
        "{taken_away:?}"
    );
    assert_eq!(shown(), (0, "New label".to_owned()));
}

#[test]
fn nonsense_is_refused_with_its_reason_and_changes_nothing() {
    let place = Place::new();
    let good_key = key(&certificate());
    let here = "https://idp.example.com/sso";
    let id = "https://idp.example.com/metadata";
    let cases = [
        ("md.syntax", String::new()),
        ("md.syntax", "what?".to_owned()),
        ("md.syntax", "<html><body>Sign in</body></html>".to_owned()),
        (
            "md.syntax",
            format!("<!DOCTYPE x [<!ENTITY e 'x'>]>{}", good(id)),
        ),
        ("md.syntax", good(id).replace("</md:IDPSSODescriptor>", "")),
        (
            "md.entity",
            good(id).replace("IDPSSODescriptor", "SPSSODescriptor"),
        ),
        (
            "md.entity",
            good(id).replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
        ),
        ("md.entity", several(&[])),
        ("md.key", entity(id, "", "", here)),
        ("md.key", entity(id, "", &key("AAAA"), here)),
        (
            "md.key",
            entity(id, "", &good_key.replace("signing", "encryption"), here),
        ),
        (
            "md.endpoint",
            entity(id, "", &good_key, "http://idp.example.com/sso"),
        ),
        (
            "md.endpoint",
            entity(id, "", &good_key, "javascript:alert(1)"),
        ),
        (
            "md.valid_until",
            entity(id, " validUntil=\"2020-01-01T00:00:00Z\"", &good_key, here),
        ),
        (
            "md.valid_until",
            entity(id, " validUntil=\"tomorrow\"", &good_key, here),
        ),
    ];
    for (code, metadata) in cases {
        let file = place.file("metadata.xml", &metadata);
        let refused = place.idp(&["import", &file, "--name", "corp"]);
        assert_eq!(refused.status.code(), Some(1), "{code}: {refused:?}");
        let said = text(&refused.stderr);
        assert!(said.contains(&format!("({code})")), "{code}: {said}");
        assert!(said.contains("\n  hint: "), "{code}: {said}");
        assert!(!said.contains("asn1"), "{code}: {said}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
    assert!(place.names().is_empty());
}

#[test]
fn what_can_not_be_read_is_named() {
    let place = Place::new();
    let missing = place.idp(&["import", "nowhere.xml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("nowhere.xml"), "{missing:?}");
    // Nobody listens on port 1.
    let silent = place.idp(&["import", "http://127.0.0.1:1/metadata"]);
    assert_eq!(silent.status.code(), Some(1));
    assert!(text(&silent.stderr).contains("(md.fetch)"), "{silent:?}");
    let plain = place.idp(&["import", "http://idp.example.com/metadata"]);
    assert_eq!(plain.status.code(), Some(2), "{plain:?}");
    assert!(place.names().is_empty());
}

#[test]
fn a_name_and_an_entity_id_belong_to_one_identity_provider() {
    let place = Place::new();
    let id = "https://idp.example.com/metadata";
    let file = place.file("metadata.xml", &good(id));
    assert!(place.idp(&["import", &file, "--name", "corp"]).status.success());
    let twin = place.idp(&["import", &file, "--name", "other"]);
    assert_eq!(twin.status.code(), Some(1));
    assert!(text(&twin.stderr).contains("--name corp"), "{twin:?}");

    // Under the same name it is replaced, and keeps what was chosen for it.
    assert!(
        place
            .idp(&["import", &file, "--name", "corp", "--label", "Corp"])
            .status
            .success()
    );
    let again = place.file("new.xml", &good(id));
    let replaced = place.idp(&["import", &again, "--name", "corp"]);
    assert!(
        text(&replaced.stderr).contains("replaced corp"),
        "{replaced:?}"
    );
    assert!(text(&replaced.stdout).contains("Corp"), "{replaced:?}");
    assert_eq!(place.names(), ["corp"]);

    let removed = place.idp(&["remove", "corp"]);
    assert!(removed.status.success(), "{removed:?}");
    assert!(place.names().is_empty());
}

#[test]
fn what_is_chosen_at_the_import_is_kept() {
    let place = Place::new();
    let file = place.file("metadata.xml", &good("https://idp.example.com/metadata"));
    let choices = [
        "--email-domain",
        "Example.com",
        "--allow-idp-initiated",
        "--default",
    ];
    let args = [&["import", &file, "--name", "corp"][..], &choices].concat();
    assert!(place.idp(&args).status.success());
    // Newer metadata leaves it as it was.
    let args = ["import", &file, "--name", "corp", "--default=false"];
    assert!(place.idp(&args).status.success());
    let shown: Value =
        serde_json::from_slice(&place.idp(&["show", "corp", "--json"]).stdout).unwrap();
    assert_eq!(shown["email_domains"], serde_json::json!(["example.com"]));
    assert_eq!(shown["allow_idp_initiated"], true);
    assert_eq!(shown["default"], false);
    let wrong = place.idp(&["import", &file, "--email-domain", "not a domain"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_label_is_what_is_said_here_else_the_name_that_the_metadata_shows() {
    let called = |name: &str, entity_id: &str| {
        let ui = format!(
            r#"<md:Extensions><mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><mdui:DisplayName xml:lang="de">{name}</mdui:DisplayName></mdui:UIInfo></md:Extensions>"#
        );
        entity(
            entity_id,
            "",
            &format!("{ui}{}", key(&certificate())),
            "https://idp.example.com",
        )
    };
    let configured = "[[idp]]\nname = \"here\"\nmetadata = \"here.xml\"\n";
    let place = Place::with(&format!("{CONFIG}\n{configured}"));
    place.file(
        "config/here.xml",
        &called("Beispiel AG", "https://here.example.com"),
    );
    let label = |name: &str| {
        let shown = place.idp(&["show", name, "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        shown["label"].as_str().unwrap().to_owned()
    };
    assert_eq!(label("here"), "Beispiel AG");
    let import = |file: &str, more: &[&str]| {
        let done = place.idp(&[&["import", file, "--name", "corp"][..], more].concat());
        assert!(done.status.success(), "{done:?}");
        label("corp")
    };
    let nameless = place.file("nameless.xml", &good("https://idp.example.com"));
    let one = place.file(
        "one.xml",
        &called("Schule &amp; Haus", "https://idp.example.com"),
    );
    let two = place.file("two.xml", &called("Haus", "https://idp.example.com"));
    assert_eq!(import(&nameless, &[]), "corp");
    assert_eq!(import(&one, &[]), "Schule & Haus");
    assert_eq!(import(&two, &[]), "Haus", "a new name is followed");
    assert_eq!(import(&one, &["--label", "Ours"]), "Ours");
    assert_eq!(import(&two, &[]), "Ours");
}

#[test]
fn what_is_in_the_file_is_not_changed_by_commands() {
    let metadata = "[[idp]]\nname = \"corp\"\nlabel = \"Corp\"\nmetadata = \"corp.xml\"\n";
    let place = Place::with(&format!("{CONFIG}\n{metadata}"));
    place.file("config/corp.xml", &good("https://idp.example.com/metadata"));
    let other = place.file("other.xml", &good("https://other.example.com"));
    assert_eq!(place.names(), ["corp"]);
    let same = place.idp(&["import", "config/corp.xml", "--name", "copy"]);
    assert_eq!(same.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&same.stderr).contains("as corp"),
        "{same:?}"
    );
    for args in [
        &["import", &other, "--name", "corp"][..],
        &["remove", "corp"],
        &["refresh", "corp"],
    ] {
        let refused = place.idp(args);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(text(&refused.stderr).contains("corp"), "{refused:?}");
    }
    assert_eq!(place.names(), ["corp"]);
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let place = Place::new();
    let file = place.file("metadata.xml", &good("https://idp.example.com/metadata"));
    assert!(place.idp(&["import", &file, "--name", "corp"]).status.success());
    for command in ["show", "refresh", "remove"] {
        let refused = place.idp(&[command, "crop"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains("there is corp"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("data")).unwrap();
    let database = place.path().join("data/samlgate.db");
    std::fs::write(&database, "my diary, which must not be lost, in more than one hundred bytes of text: today I deployed a gateway").unwrap();
    let before = std::fs::read(&database).unwrap();
    let file = place.file("metadata.xml", &good("https://idp.example.com/metadata"));
    let refused = place.idp(&["import", &file, "--name", "corp"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("samlgate.db"), "{refused:?}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

/// Entra ID, as its metadata shows itself.
fn entra() -> String {
    let entity_id = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/";
    let location = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/saml2";
    entity(entity_id, "", &key(&certificate()), location)
}

#[test]
fn an_import_of_entra_id_proposes_what_its_token_encryption_needs() {
    let place = Place::new();
    let file = place.file("entra.xml", &entra());
    let said = |more: &[&str]| {
        let args = [&["import", &file, "--name", "entra"][..], more].concat();
        let imported = place.idp(&args);
        assert!(imported.status.success(), "{imported:?}");
        text(&imported.stderr)
    };
    let flag = "--allow-cbc-in-unsigned-response";
    let proposed = said(&[]);
    assert!(
        proposed.contains(flag) && !proposed.contains("warning"),
        "{proposed}"
    );
    let allowed = said(&[flag]);
    assert!(
        allowed.contains("warning: AES-CBC of Entra ID is accepted"),
        "{allowed}"
    );
    let again = said(&[]);
    assert!(
        again.contains("warning"),
        "it outlives new metadata: {again}"
    );
    let off = said(&["--allow-cbc-in-unsigned-response=false"]);
    assert!(!off.contains("warning"), "{off}");
}
