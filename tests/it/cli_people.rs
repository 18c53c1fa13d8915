//! `samlgate scim`, `user`, `group`, `session`, `audit`: what operators do about people.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::redis::Redis;

const CONFIG: &str = r#"
[server]
public_url = "https://app.example.com"

[[idp]]
name = "corp"
metadata = "https://idp.example.com/metadata"

[[role]]
name = "it-manager"
groups = ["IT Managers"]

[[role]]
name = "hr"
attributes = { department = ["HR"] }

[[route]]
path = "/"
upstream = ["http://127.0.0.1:3000"]
"#;

const PEOPLE: &str = "\
userName,externalId,name.givenName,name.familyName,emails,department,active,groups
alice,1001,Alice,Smith,alice@example.com,IT,true,Staff;IT Managers
bob,1002,Bob,\"Jones, Jr.\",bob@example.com,HR,,Staff
carol,1003,Carol,,carol@example.com,,FALSE,
";

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

    /// With the connection `okta`, and Alice, Bob and Carol.
    fn with_people() -> Self {
        let place = Self::new();
        place.done(&["scim", "token", "create", "okta"]);
        place.import(PEOPLE);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        self.reading(args, "")
    }

    fn reading(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_samlgate"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it; that is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What it prints, if all is well.
    #[track_caller]
    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        stdout(&output)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["--json"]].concat())).unwrap()
    }

    /// Asserts the exit code, that nothing is on standard output, and words of the message.
    #[track_caller]
    fn refused(&self, args: &[&str], code: i32, words: &[&str]) {
        let output = self.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert_eq!(stdout(&output), "", "{args:?}");
        for word in words {
            assert!(said.contains(word), "{args:?}: {word:?} is not in {said}");
        }
    }

    /// The report about a CSV file.
    #[track_caller]
    fn import(&self, text: &str) -> Value {
        let output = self.reading(&["user", "import", "-", "--json"], text);
        let report = serde_json::from_slice(&output.stdout);
        report.unwrap_or_else(|_| panic!("{}", stderr(&output)))
    }

    fn user(&self, name: &str) -> Value {
        self.json(&["user", "show", name])
    }

    fn database(&self) -> std::path::PathBuf {
        self.path().join("data/samlgate.db")
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn counts(report: &Value) -> [u64; 3] {
    ["created", "changed", "unchanged"].map(|key| report[key].as_u64().unwrap())
}

fn arguments(command: [&'static str; 3], more: &[&'static str]) -> Vec<&'static str> {
    [&command, more].concat()
}

fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap()).collect()
}

#[test]
fn wrong_usage_exits_with_2_and_prints_no_data() {
    let place = Place::new();
    for (args, words) in [
        (&["scim"][..], "Usage: samlgate scim"),
        (&["scim", "token", "create"], "<NAME>"),
        (&["scim", "token", "create", "Okta"], "a-z 0-9 - _ ."),
        (
            &["scim", "token", "create", "okta", "--expires", "1y"],
            "365d",
        ),
        (
            &["scim", "token", "create", "okta", "--expires", "0d"],
            "365d",
        ),
        (
            &[
                "scim",
                "token",
                "create",
                "okta",
                "--users-only",
                "--groups-only",
            ],
            "--groups-only",
        ),
        (
            &["scim", "token", "create", "okta", "--unknown-members", "x"],
            "refuse, ignore",
        ),
        (
            &["scim", "token", "rotate", "okta", "--overlap", "24"],
            "24h",
        ),
        (&["scim", "token", "revoke"], "<NAME>"),
        (&["scim", "connection", "set", "okta"], "--strict"),
        (&["user", "show"], "<USER>"),
        (&["user", "import"], "<FILE>"),
        (&["user", "import", "-", "--format", "xml"], "csv, json"),
        (&["group", "show"], "<GROUP>"),
        (&["session", "revoke"], "--all"),
        (&["session", "revoke", "--all", "--sid", "x"], "--all"),
        (&["audit", "--since", "yesterday"], "24h"),
        (&["audit", "--type", "logins"], "login.refused"),
        (&["audit", "--verify", "--type", "login"], "--verify"),
    ] {
        place.refused(args, 2, &[words]);
    }
    assert!(!place.database().exists());
}

#[test]
fn help_and_version_work_on_every_level() {
    let place = Place::new();
    for level in [
        &["scim"][..],
        &["scim", "token"],
        &["scim", "token", "create"],
        &["scim", "token", "list"],
        &["scim", "token", "rotate"],
        &["scim", "token", "revoke"],
        &["scim", "connection"],
        &["scim", "connection", "list"],
        &["scim", "connection", "show"],
        &["scim", "connection", "set"],
        &["scim", "connection", "remove"],
        &["user"],
        &["user", "list"],
        &["user", "show"],
        &["user", "disable"],
        &["user", "enable"],
        &["user", "erase"],
        &["user", "export"],
        &["user", "import"],
        &["group"],
        &["group", "list"],
        &["group", "show"],
        &["session"],
        &["session", "list"],
        &["session", "revoke"],
        &["audit"],
    ] {
        assert!(place.done(&[level, &["--help"]].concat()).contains("Usage: samlgate"));
        let version = place.done(&[level, &["--version"]].concat());
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{level:?}");
    }
}

#[test]
fn a_token_is_printed_alone_and_this_once() {
    let place = Place::new();
    let made = place.run(&["scim", "token", "create", "okta"]);
    assert_eq!(made.status.code(), Some(0));
    let secret = stdout(&made);
    let secret = secret.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("scim_okta_") && !secret.contains(char::is_whitespace));
    let said = stderr(&made);
    assert!(!said.contains(secret));
    for words in [
        "people sign in by corp, the only one there is",
        "base URL: https://app.example.com/scim/v2",
        "365 days",
        "Entra ID: Tenant URL https://app.example.com/scim/v2?aadOptscim062020",
        "Okta: ",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let listed = place.json(&["scim", "token", "list"]);
    assert_eq!(texts(&listed, "connection"), ["okta"]);
    assert_eq!(
        (&listed[0]["idp"], &listed[0]["expired"]),
        (&"corp".into(), &false.into())
    );
    assert_eq!(listed[0]["scopes"]["read_only"], false);
    assert!(!listed.to_string().contains(secret));
    let kept = std::fs::read(place.database()).unwrap();
    assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    assert!(place.done(&["scim", "token", "list"]).contains("364 days left"));
}

#[test]
fn a_third_token_is_refused_until_one_of_the_two_has_ended() {
    let place = Place::new();
    place.done(&["scim", "token", "create", "okta", "--expires", "never"]);
    place.done(&[
        "scim",
        "token",
        "create",
        "okta",
        "--users-only",
        "--read-only",
    ]);
    let third = ["scim", "token", "create", "okta"];
    place.refused(
        &third,
        1,
        &[
            "2 good tokens",
            "revoke okta --token",
            "rotate okta --overlap 0",
        ],
    );
    let listed = place.json(&["scim", "token", "list"]);
    assert_eq!(
        (&listed[0]["expires"], &listed[1]["scopes"]["groups"]),
        (&Value::Null, &false.into())
    );
    let first = listed[0]["token"].as_str().unwrap();
    place.refused(
        &["scim", "token", "revoke", "okta", "--token", "nix"],
        1,
        &[first],
    );
    place.done(&["scim", "token", "revoke", "okta", "--token", first]);
    place.done(&third);
    place.done(&["scim", "token", "revoke", "okta"]);
    assert_eq!(
        place.json(&["scim", "token", "list"]),
        Value::Array(Vec::new())
    );
    place.refused(
        &["scim", "token", "rotate", "okta"],
        1,
        &["okta has no token"],
    );
    place.refused(
        &["scim", "token", "revoke", "entra"],
        1,
        &["no connection entra", "there is okta"],
    );
}

#[test]
fn a_rotation_leaves_the_old_token_for_a_while() {
    let place = Place::new();
    place.done(&[
        "scim",
        "token",
        "create",
        "okta",
        "--groups-only",
        "--expires",
        "180d",
    ]);
    let secret = place.done(&["scim", "token", "rotate", "okta"]);
    assert!(secret.starts_with("scim_okta_") && secret.lines().count() == 1);
    let listed = place.json(&["scim", "token", "list"]);
    let days: Vec<_> = [0, 1].map(|place| listed[place]["days_left"].as_i64().unwrap()).into();
    // A moment has passed since.
    assert_eq!(days, [0, 179]);
    assert_eq!(listed[1]["scopes"], listed[0]["scopes"]);
    let again = ["scim", "token", "rotate", "okta", "--overlap", "7d"];
    place.refused(&again, 1, &["2 good tokens", "--overlap 0"]);
    place.done(&["scim", "token", "rotate", "okta", "--overlap", "0"]);
    assert_eq!(
        place.json(&["scim", "token", "list"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn an_identity_provider_has_one_connection() {
    let place = Place::new();
    let create = |more| arguments(["scim", "token", "create"], more);
    place.refused(
        &create(&["okta", "--idp", "nix"]),
        1,
        &["no identity provider nix", "there is corp"],
    );
    place.done(&create(&["okta", "--strict"]));
    place.refused(
        &create(&["b", "--idp", "corp"]),
        1,
        &["corp has a connection already, okta"],
    );
    let second = place.run(&create(&["b"]));
    assert!(stderr(&second).contains("by no identity provider yet: corp is that of okta"));
    let changed = create(&["okta", "--unknown-members", "ignore"]);
    place.refused(
        &changed,
        1,
        &["with other settings", "scim connection set okta"],
    );

    let set = |more| arguments(["scim", "connection", "set"], more);
    place.refused(
        &set(&["b", "--idp", "corp"]),
        1,
        &["corp has a connection already"],
    );
    place.done(&set(&[
        "okta",
        "--no-idp",
        "--unknown-members",
        "ignore",
        "--strict=false",
    ]));
    place.done(&set(&["b", "--idp", "corp"]));
    let shown = place.json(&["scim", "connection", "show", "okta"]);
    let settings = (&shown["idp"], &shown["strict"], &shown["unknown_members"]);
    assert_eq!(settings, (&Value::Null, &false.into(), &"ignore".into()));
    assert_eq!(
        texts(&place.json(&["scim", "connection", "list"]), "name"),
        ["b", "okta"]
    );

    let remove = ["scim", "connection", "remove", "okta"];
    place.refused(&remove, 2, &["--yes"]);
    place.done(&[&remove[..], &["--yes"]].concat());
    place.refused(&remove, 1, &["there is no connection okta"]);
    assert_eq!(
        texts(&place.json(&["scim", "token", "list"]), "connection"),
        ["b"]
    );
}

#[test]
fn an_import_makes_people_and_groups_and_does_nothing_twice() {
    let place = Place::new();
    let file = place.path().join("people.csv");
    std::fs::write(&file, PEOPLE).unwrap();
    place.refused(
        &["user", "import", "people.csv"],
        1,
        &["no connection", "token create"],
    );
    place.done(&["scim", "token", "create", "okta"]);
    let dry = place.json(&["user", "import", "people.csv", "--dry-run"]);
    assert_eq!((counts(&dry), &dry["dry_run"]), ([3, 0, 0], &true.into()));
    assert_eq!(place.json(&["user", "list"]), Value::Array(Vec::new()));
    let report = place.json(&["user", "import", "people.csv"]);
    assert_eq!(counts(&report), [3, 0, 0]);
    assert_eq!(report["new_groups"], dry["new_groups"]);
    assert_eq!(
        counts(&place.json(&["user", "import", "people.csv"])),
        [0, 0, 3]
    );

    let alice = place.user("ALICE");
    assert_eq!(texts(&alice["groups"], "group"), ["IT Managers", "Staff"]);
    let bob = place.user("bob@example.com");
    assert_eq!(bob["document"]["name"]["familyName"], "Jones, Jr.");
    assert_eq!(
        (&bob["active"], &bob["state"]),
        (&true.into(), &"active".into())
    );
    assert_eq!(place.user("carol")["state"], "inactive");
    let groups = place.json(&["group", "list"]);
    let members = |name: &str| {
        let group = groups.as_array().unwrap().iter().find(|group| group["displayName"] == name);
        group.unwrap()["members"].as_u64().unwrap()
    };
    assert_eq!((members("Staff"), members("IT Managers")), (2, 1));
    let staff = place.json(&["group", "show", "staff"]);
    let mut names = texts(&staff["members"], "name");
    names.sort_unstable();
    assert_eq!(names, ["alice", "bob"]);
    place.refused(&["group", "show", "nix"], 1, &["there is no group nix"]);
}

#[test]
fn a_column_says_what_is_so_and_what_has_none_stays() {
    let place = Place::with_people();
    let report = place.import(
        "userName,externalId,name.givenName,department,active,groups\n\
         alice.smith,1001,,Board,,Staff\nbob,,Robert,HR,false,Staff;Board\n",
    );
    assert_eq!(
        (counts(&report), &report["new_groups"]),
        ([0, 2, 0], &serde_json::json!(["Board"]))
    );
    let alice = place.user("alice.smith");
    assert_eq!(
        alice["document"]["name"],
        serde_json::json!({ "familyName": "Smith" })
    );
    assert_eq!(alice["document"]["emails"][0]["value"], "alice@example.com");
    assert_eq!(
        (&alice["active"], texts(&alice["groups"], "group")),
        (&true.into(), vec!["Staff"])
    );
    let bob = place.user("bob");
    assert_eq!(
        (&bob["active"], &bob["externalId"]),
        (&false.into(), &"1002".into())
    );
    assert_eq!(texts(&bob["groups"], "group"), ["Board", "Staff"]);
    // A file without the column says nothing of groups.
    assert_eq!(
        counts(&place.import("userName,department\nbob,HR\n")),
        [0, 0, 1]
    );
}

#[test]
fn who_is_not_clear_is_left_alone_and_named_with_the_line() {
    let place = Place::with_people();
    let report = place.import(
        "userName,externalId,active\n\
         bob,1001,true\n\
         dora,7,true\n\
         dora2,7,true\n\
         carol,9999,true\n\
         erin,8,perhaps\n\
         short\n\
         frank,9,true\n",
    );
    assert_eq!(counts(&report), [1, 0, 0]);
    let conflicts = report["conflicts"].as_array().unwrap();
    let lines: Vec<u64> = conflicts.iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
    let details = texts(&report["conflicts"], "detail");
    for (detail, words) in details.iter().zip([
        "the externalId is that of",
        "line 4 has this externalId, too",
        "line 3 has this externalId, too",
        "and the externalId 1003",
        "active",
        "1 cells",
    ]) {
        assert!(detail.contains(words), "{detail}");
    }
    let output = place.reading(&["user", "import", "-"], "userName,active\ncarol,perhaps\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("-:2: carol: active"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_that_is_none_changes_nothing() {
    let place = Place::with_people();
    for (text, format, words) in [
        ("", "csv", "-:1: there is nothing in it"),
        (
            "userName,shoeSize\nx,42\n",
            "csv",
            "-:1: a column can not be called \"shoeSize\"",
        ),
        (
            "userName\nnew\n\"x",
            "csv",
            "-:3: a quotation mark that nothing closes",
        ),
        ("[{\"userName\": \"new\"},\n7]", "json", "-:2: "),
        ("{\"userName\": \"new\"}\n{", "json", "-:2: "),
    ] {
        let output = place.reading(&["user", "import", "-", "--format", format], text);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            stdout(&output).is_empty() && stderr(&output).contains(words),
            "{output:?}"
        );
    }
    place.refused(&["user", "import", "none.csv"], 1, &["none.csv: "]);
    assert_eq!(place.json(&["user", "list"]).as_array().unwrap().len(), 3);
}

#[test]
fn what_is_exported_is_imported_without_a_change() {
    let place = Place::with_people();
    let more = "userName,phoneNumbers,manager,nickName,groups\n\
                alice,'+49 30 1;110,7,\"=1+1\",\"Staff;IT Managers;R\\;D\"\n";
    assert_eq!(counts(&place.import(more)), [0, 1, 0]);
    let table = place.done(&["user", "export"]);
    assert!(
        table.contains("'+49 30 1;110") && table.contains("'=1+1"),
        "{table}"
    );
    assert!(
        table.contains("R\\;D") && table.contains("\"Jones, Jr.\""),
        "{table}"
    );
    assert_eq!(counts(&place.import(&table)), [0, 0, 3]);
    place.done(&["user", "export", "people.json"]);
    assert_eq!(
        counts(&place.json(&["user", "import", "people.json"])),
        [0, 0, 3]
    );
    let exported: Value =
        serde_json::from_str(&place.done(&["user", "export", "--format", "json"])).unwrap();
    assert_eq!(exported.as_array().unwrap().len(), 3);

    // Elsewhere it makes the same people again.
    let other = Place::new();
    other.done(&["scim", "token", "create", "okta"]);
    let report = other.import(&table);
    assert_eq!(
        (
            counts(&report),
            report["conflicts"].as_array().unwrap().len()
        ),
        ([3, 0, 0], 0)
    );
    let ids = |place: &Place| place.user("alice")["id"].clone();
    assert_ne!(ids(&place), ids(&other));
    let document = |place: &Place| place.user("alice")["document"].clone();
    assert_eq!(
        document(&place)["phoneNumbers"],
        document(&other)["phoneNumbers"]
    );
}

#[test]
fn roles_are_shown_with_their_reason_and_values_with_their_source() {
    let place = Place::with_people();
    let alice = place.user("alice");
    assert_eq!(texts(&alice["roles"], "role"), ["it-manager"]);
    assert_eq!(
        texts(&alice["roles"], "because_of"),
        ["group \"IT Managers\""]
    );
    assert_eq!(
        place.user("bob")["roles"][0]["because_of"],
        "department = \"HR\""
    );
    let email = alice["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["attribute"] == "email");
    assert_eq!(email.unwrap()["source"], "scim");
    let text = place.done(&["user", "show", "alice"]);
    for words in [
        "provisioned",
        "by okta",
        "it-manager  group \"IT Managers\"",
        "never",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    let listed = place.json(&["user", "list", "--connection", "okta", "--idp", "corp"]);
    assert_eq!(listed.as_array().unwrap().len(), 3);
    place.refused(
        &["user", "list", "--connection", "nix"],
        1,
        &["no connection nix"],
    );
}

#[test]
fn of_several_people_all_are_named() {
    let place = Place::with_people();
    place.import("userName,emails\nbob,shared@example.com\ncarol,shared@example.com\n");
    let ids = ["bob", "carol"].map(|name| place.user(name)["id"].as_str().unwrap().to_owned());
    for command in ["show", "disable", "enable", "erase"] {
        let words = ["means several people", &ids[0], &ids[1]];
        place.refused(&["user", command, "shared@example.com"], 1, &words);
        place.refused(&["user", command, "nobody"], 1, &["there is nobody nobody"]);
    }
    assert_eq!(place.user(&ids[0])["userName"], "bob");
}

#[test]
fn a_lock_and_the_word_of_who_provisions_are_two_things() {
    let place = Place::with_people();
    let enabled = |name: &str| stderr(&place.run(&["user", "enable", name]));
    place.done(&["user", "disable", "alice"]);
    assert_eq!(place.user("alice")["state"], "locked");
    // Provisioning says active, and does not open the lock.
    place.import("userName,title,active\nalice,Head,true\n");
    assert_eq!(place.user("alice")["may_enter"], false);
    assert!(enabled("alice").contains("alice may sign in again"));
    assert!(enabled("alice").contains("alice was not locked"));
    assert_eq!(place.user("alice")["may_enter"], true);
    place.done(&["user", "disable", "carol"]);
    assert!(place.done(&["user", "show", "carol"]).contains("and not active by okta"));
    assert!(enabled("carol").contains("okta says that they are not active"));
    assert_eq!(place.user("carol")["may_enter"], false);
    let kinds = place.done(&["audit", "--type", "user.locked", "--type", "user.unlocked"]);
    assert_eq!(kinds.lines().count(), 4, "{kinds}");
}

#[test]
fn who_is_erased_leaves_an_id_and_the_chain() {
    let place = Place::with_people();
    let id = place.user("alice")["id"].as_str().unwrap().to_owned();
    place.refused(&["user", "erase", "alice"], 2, &["--yes", &id]);
    let erased = place.run(&["user", "erase", "alice", "--yes"]);
    assert_eq!(erased.status.code(), Some(0));
    assert!(stderr(&erased).contains(&format!("somebody of the id {id}")));
    assert!(!place.done(&["user", "list"]).contains("alice"));
    assert!(!place.done(&["user", "export"]).contains("alice"));
    let shown = place.user(&id);
    assert_eq!(
        (&shown["state"], &shown["document"]),
        (&"deleted".into(), &Value::Null)
    );
    assert_eq!(
        place.json(&["group", "show", "Staff"])["members"].as_array().unwrap().len(),
        1
    );
    assert!(place.done(&["audit", "--type", "user.erased"]).contains(&id));
    place.done(&["audit", "--verify"]);
}

#[tokio::test]
async fn a_changed_record_is_found() {
    let place = Place::with_people();
    let verified: Value = serde_json::from_str(&place.done(&["audit", "--verify"])).unwrap();
    let lines = place.done(&["audit", "--since", "all"]);
    assert_eq!(
        (&verified["whole"], verified["events"].as_u64()),
        (&true.into(), u64::try_from(lines.lines().count()).ok())
    );
    assert_eq!(verified["head"].as_str().unwrap().len(), 64);
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["type"].is_string());
    }
    let provisioned = place.done(&["audit", "--type", "user_create_provision"]);
    assert_eq!(provisioned.lines().count(), 3);
    assert!(provisioned.contains("command line"));
    assert_eq!(place.done(&["audit", "--since", "2999-01-01"]), "");

    let database = format!("sqlite://{}", place.database().display());
    let pool = sqlx::SqlitePool::connect(&database).await.unwrap();
    let changed =
        "UPDATE audit_event SET private = replace(private, 'okta', 'octa') WHERE sequence = 3";
    sqlx::query(changed).execute(&pool).await.unwrap();
    pool.close().await;
    let broken = place.run(&["audit", "--verify"]);
    assert_eq!(broken.status.code(), Some(1));
    assert_eq!(stdout(&broken), "{\"broken_at\":3,\"whole\":false}\n");
    assert!(stderr(&broken).contains("from event 3 on"));
}

/// The program, with the configuration of a gateway that is running.
fn beside(gateway: &Gateway, args: &[&str]) -> Output {
    let config = gateway.folder().join("samlgate.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_samlgate"))
        .args(args)
        .args(["--config", config.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    output
}

fn sessions(gateway: &Gateway, more: &[&str]) -> Vec<Value> {
    let listed = beside(gateway, &[&["session", "list", "--json"], more].concat());
    serde_json::from_slice(&listed.stdout).unwrap()
}

async fn sign_in(idp: &TestIdp, gateway: &Gateway) -> (Visitor, u16) {
    let xml = idp.write(&idp.unsolicited(&gateway.url("")));
    let acs = gateway.url("/saml/acs");
    let ask = Ask::new(Method::POST, &acs).navigating().form(&idp::fields(&xml, None));
    let mut visitor = Visitor::new();
    let status = visitor.send(ask).await.status.as_u16();
    (visitor, status)
}

/// Waits until this is what they are answered.
async fn is_answered(gateway: &Gateway, visitor: &mut Visitor, status: u16) {
    let url = gateway.url("/.samlgate/user");
    let answered = tokio::time::timeout(Duration::from_secs(60), async {
        while visitor.get(&url).await.status != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    answered.await.unwrap();
}

async fn sessions_end(setup: Setup) {
    let idp = TestIdp::new("corp");
    let gateway = setup
        .quick_key()
        .idp("corp", &idp.metadata_file(), "allow_idp_initiated = true")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    let (mut alice, status) = sign_in(&idp, &gateway).await;
    assert_eq!(status, 303);
    is_answered(&gateway, &mut alice, 200).await;
    let [open] = sessions(&gateway, &[]).try_into().unwrap();
    let (sid, name) = (
        open["sid"].as_str().unwrap(),
        open["userName"].as_str().unwrap(),
    );
    assert_eq!(
        sessions(&gateway, &["--user", name]),
        std::slice::from_ref(&open)
    );
    let shown = beside(&gateway, &["user", "show", name, "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["sessions"][0]["sid"], &shown["provisioned"]),
        (&sid.into(), &false.into())
    );

    let revoked = beside(&gateway, &["session", "revoke", "--sid", sid]);
    assert!(stderr(&revoked).contains("1 session ended"));
    is_answered(&gateway, &mut alice, 401).await;
    assert!(sessions(&gateway, &[]).is_empty());
    let events = beside(&gateway, &["audit", "--type", "session.ended"]);
    assert!(stdout(&events).contains(sid) && stdout(&events).contains("\"revoked\""));

    for whose in [&["--user", name][..], &["--all"]] {
        let (mut alice, _) = sign_in(&idp, &gateway).await;
        is_answered(&gateway, &mut alice, 200).await;
        beside(&gateway, &[&["session", "revoke"], whose].concat());
        is_answered(&gateway, &mut alice, 401).await;
    }

    let (mut alice, _) = sign_in(&idp, &gateway).await;
    let disabled = beside(&gateway, &["user", "disable", name]);
    assert!(
        stderr(&disabled).contains("1 session ended"),
        "{disabled:?}"
    );
    is_answered(&gateway, &mut alice, 401).await;
    let (_, status) = sign_in(&idp, &gateway).await;
    assert_eq!(status, 403);
    let attempts = gateway.login_attempts().await;
    assert_eq!(
        attempts.last().unwrap().code.as_deref(),
        Some("user.disabled")
    );
    beside(&gateway, &["user", "enable", name]);
    assert_eq!(sign_in(&idp, &gateway).await.1, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_in_a_running_gateway() {
    sessions_end(Setup::http()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_in_redis_too() {
    let redis = Redis::start().await;
    sessions_end(redis.shared_by(Setup::http())).await;
}
