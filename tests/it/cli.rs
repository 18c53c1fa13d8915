//! The program as people call it: arguments, exit codes, what goes where.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

const GOOD: &str = "[server]\npublic_url = \"https://app.example.com\"\n\n[[idp]]\nname = \"corp\"\nmetadata = \"https://idp.example.com/metadata\"\n\n[[route]]\nupstream = \"http://127.0.0.1:3000\"\n";
const BAD: &str = "[server]\npublik_url = \"https://app.example.com\"\nlisten = \"8080\"\n";

/// Runs the program in an empty folder and an empty environment.
fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
    command.args(args).current_dir(folder).env_clear();
    command
}

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/samlgate.toml"), config).unwrap();
    folder
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts the exit code, that standard output is empty, and words of the message.
#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
    assert_eq!(stdout(output), "");
    assert!(
        stderr(output).contains(words),
        "{words:?} is not in {}",
        stderr(output)
    );
}

#[test]
fn wrong_usage_exits_with_2_and_prints_no_data() {
    let folder = folder(GOOD);
    for (args, words) in [
        (&[][..], "Usage: samlgate"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["--frobnicate"], "unexpected argument '--frobnicate'"),
        (&["serve", "now"], "unexpected argument 'now'"),
        (&["serve", "--config"], "a value is required"),
        (&["config"], "Usage: samlgate config"),
        (
            &["config", "chekc"],
            "similar subcommands exist: 'schema', 'check'",
        ),
        (&["config", "check", "file.toml"], "unexpected argument"),
        (&["config", "template", "--json"], "unexpected argument"),
        (&["config", "schema", "x"], "unexpected argument"),
        (&["config", "show", "--jsn"], "unexpected argument"),
        (&["idp"], "Usage: samlgate idp"),
        (&["idp", "import"], "<URL|FILE|->"),
        (&["idp", "import", ""], "is empty"),
        (
            &["idp", "import", "http://idp.example.com/metadata"],
            "metadata over http",
        ),
        (&["idp", "import", "https://"], "https://"),
        (
            &["idp", "import", "-", "--name", "Corp Ltd"],
            "a-z 0-9 - _ .",
        ),
        (
            &["idp", "import", "-", "--label", " "],
            "the words that people will read",
        ),
        (&["idp", "list", "corp"], "unexpected argument"),
        (&["idp", "show"], "<NAME>"),
        (&["idp", "show", "CORP"], "a-z 0-9 - _ ."),
        (&["idp", "refresh"], "<NAME>"),
        (&["idp", "refresh", "../corp"], "a-z 0-9 - _ ."),
        (&["idp", "remove"], "<NAME>"),
        (
            &["idp", "values", "--vendor", "oktta"],
            "similar value exists: 'okta'",
        ),
        (&["health", "now"], "unexpected argument"),
        #[cfg(feature = "demo")]
        (&["demo", "--port", "99999"], "99999 is not in 0..=65535"),
    ] {
        let output = run(folder.path(), args);
        refused(&output, 2, words);
    }
}

#[test]
fn a_wrong_configuration_exits_with_1_whatever_was_asked() {
    let folder = folder(BAD);
    for args in [
        &["serve"][..],
        &["config", "check"],
        &["config", "show"],
        &["config", "show", "--json"],
        &["idp", "import", "-"],
        &["idp", "list"],
        &["idp", "show", "corp"],
        &["idp", "refresh", "corp"],
        &["idp", "remove", "corp"],
        &["idp", "values"],
        &["idp", "values", "--vendor", "okta", "--json"],
    ] {
        let output = run(folder.path(), args);
        refused(
            &output,
            1,
            "config/samlgate.toml:2: server.publik_url: there is no such key (config.key)",
        );
        refused(&output, 1, "did you mean public_url?");
        refused(
            &output,
            1,
            "config/samlgate.toml:3: server.listen: \"8080\"",
        );
        refused(&output, 1, "there is no [[route]]");
    }
}

#[test]
fn without_a_configuration_the_next_step_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["serve"][..],
        &["config", "check"],
        &["idp", "list"],
        &["health"],
    ] {
        // Where the machine has a configuration of its own, there is nothing to see here.
        if !Path::new("/etc/samlgate/samlgate.toml").exists() {
            refused(
                &run(folder.path(), args),
                1,
                "samlgate config template > config/samlgate.toml",
            );
        }
    }
    let named = run(folder.path(), &["config", "check", "--config", "none.toml"]);
    refused(&named, 1, "none.toml can not be read");
}

#[test]
fn the_file_is_named_by_flag_then_variable_then_place() {
    let folder = folder(GOOD);
    let other = GOOD.replace("app.example.com", "other.example.com");
    std::fs::write(folder.path().join("other.toml"), &other).unwrap();
    let third = GOOD.replace("app.example.com", "third.example.com");
    std::fs::write(folder.path().join("third.toml"), third).unwrap();
    let values = |args: &[&str], variable: Option<&str>| {
        let mut command = command(folder.path(), &[&["idp", "values"], args].concat());
        command.envs(variable.map(|file| ("SAMLGATE_CONFIG", file)));
        stdout(&command.output().unwrap())
    };
    assert!(values(&[], None).contains("https://app.example.com/saml/acs"));
    assert!(values(&[], Some("other.toml")).contains("https://other.example.com/saml/acs"));
    let flag = ["--config", "third.toml"];
    assert!(values(&flag, Some("other.toml")).contains("https://third.example.com/saml/acs"));
}

#[test]
fn check_prints_what_would_be_served() {
    let folder = folder(GOOD);
    let output = run(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn check_can_answer_in_json_in_either_case() {
    for (config, ok, code) in [(GOOD, true, 0), (BAD, false, 1)] {
        let folder = folder(config);
        let output = run(folder.path(), &["config", "check", "--json"]);
        assert_eq!(output.status.code(), Some(code));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["ok"], ok);
        let first = &json["problems"][0];
        assert_eq!(first["code"].as_str(), (!ok).then_some("config.value"));
    }
}

#[test]
fn a_warning_is_no_mistake() {
    let folder =
        folder(&GOOD.replace("[[route]]\n", "[[route]]\nrequire = { roles = [\"it\"] }\n"));
    let output = run(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).starts_with("warning: config/samlgate.toml:9: route[#1].require.roles")
    );
}

#[test]
fn what_template_prints_is_a_configuration() {
    let template = stdout(&run(folder(GOOD).path(), &["config", "template"]));
    let output = run(folder(&template).path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn schema_and_show_print_json() {
    let folder = folder(GOOD);
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&run(folder.path(), args).stdout).unwrap()
    };
    let schema = json(&["config", "schema"]);
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let shown = json(&["config", "show", "--json"]);
    let values = shown["values"].as_array().unwrap();
    let public_url = values.iter().find(|value| value["key"] == "server.public_url").unwrap();
    assert_eq!(public_url["value"], "https://app.example.com");
    assert_eq!(public_url["line"], 2);
}

#[test]
fn the_environment_is_shown_as_the_source() {
    let folder = folder(GOOD);
    let mut command = command(folder.path(), &["config", "show"]);
    command.env("SAMLGATE_SERVER__LISTEN", "127.0.0.1:8443");
    let text = stdout(&command.output().unwrap());
    let line = text.lines().find(|line| line.starts_with("server.listen")).unwrap();
    assert!(
        line.contains("127.0.0.1:8443") && line.ends_with("SAMLGATE_SERVER__LISTEN"),
        "{line}"
    );
}

#[test]
fn values_come_in_the_words_of_the_vendor() {
    let folder = folder(GOOD);
    let output = run(
        folder.path(),
        &["idp", "values", "--vendor", "entra", "--json"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["vendor"], "entra");
    assert_eq!(json["fields"][0]["name"], "Identifier (Entity ID)");
    assert_eq!(
        json["fields"][0]["value"],
        "https://app.example.com/saml/metadata"
    );
}

#[test]
fn version_and_help_work_on_every_level() {
    let folder = tempfile::tempdir().unwrap();
    for level in [
        &[][..],
        &["serve"],
        &["config"],
        &["config", "check"],
        &["config", "template"],
        &["config", "schema"],
        &["config", "show"],
        &["idp"],
        &["idp", "import"],
        &["idp", "list"],
        &["idp", "show"],
        &["idp", "refresh"],
        &["idp", "remove"],
        &["idp", "values"],
        &["health"],
        #[cfg(feature = "demo")]
        &["demo"],
    ] {
        let help = run(folder.path(), &[level, &["--help"]].concat());
        assert_eq!(help.status.code(), Some(0));
        assert!(stdout(&help).contains("Usage: samlgate"), "{level:?}");
        let version = run(folder.path(), &[level, &["--version"]].concat());
        assert_eq!(version.status.code(), Some(0));
        assert!(
            stdout(&version).contains(env!("CARGO_PKG_VERSION")),
            "{level:?}"
        );
    }
}

#[test]
fn health_tells_ready_from_not_ready_from_nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Nothing but [admin] matters: somebody may be editing the file.
    let folder = folder(&format!(
        "[admin]\nlisten = \"{address}\"\n[[route]]\npath = 7\n"
    ));
    let answering = std::thread::spawn(move || {
        for status in ["200 OK", "503 Service Unavailable"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    assert_eq!(run(folder.path(), &["health"]).status.code(), Some(0));
    refused(&run(folder.path(), &["health"]), 1, "answers 503");
    answering.join().unwrap();
    refused(&run(folder.path(), &["health"]), 1, "no answer from");
}

#[test]
fn messages_have_no_colour_and_no_control_characters_in_a_pipe() {
    let folder = folder("[server]\npublic_url = \"\\u001b[31mred\"\n");
    let output = run(folder.path(), &["config", "check"]);
    assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
}

#[test]
fn keys_by_which_the_gateway_would_not_start_are_mistakes() {
    use samlgate::base::Timestamp;
    use samlgate::dsig::SigningKey;
    let folder = folder(GOOD);
    let new =
        |name| SigningKey::generate_ec(name, Timestamp::from_unix_seconds(1_795_000_000)).unwrap();
    let (one, other) = (new("one"), new("other"));
    let key = String::from_utf8(one.key_pem().unwrap().reveal().clone()).unwrap();
    let foreign = other.certificate_pem().unwrap();
    let check = |pem: &str, args: &[&str]| {
        let file = folder.path().join("key.pem");
        std::fs::write(&file, pem).unwrap();
        let args = [&["config", "check"], args].concat();
        let mut command = command(folder.path(), &args);
        command.env("SAMLGATE_SAML__SIGNING_KEY_FILE", file).output().unwrap()
    };
    let good = check(&format!("{key}{}", one.certificate_pem().unwrap()), &[]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    refused(
        &check(&key, &[]),
        1,
        "saml.signing_key: a private key in it has no certificate",
    );
    let both = format!("{key}{foreign}");
    refused(
        &check(&both, &[]),
        1,
        "no certificate in it belongs to a private key",
    );
    let json = check(&both, &["--json"]);
    assert_eq!(json.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"][0]["key"], "saml.signing_key");

    let keys = folder.path().join("certs");
    std::fs::create_dir(&keys).unwrap();
    std::fs::write(keys.join("sp-signing.key"), &key).unwrap();
    std::fs::write(keys.join("sp-signing.crt"), &foreign).unwrap();
    std::fs::write(keys.join("sp-encryption.key"), &key).unwrap();
    let both = run(folder.path(), &["config", "check"]);
    assert_eq!(both.status.code(), Some(1));
    let said = stderr(&both);
    assert!(said.contains("belongs to another key"), "{said}");
    assert!(said.contains("2 mistakes"), "all of them: {said}");
}
