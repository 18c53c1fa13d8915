//! Each test starts from a configuration that works and changes one thing.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::access::{PathMatch, Upstream};
use crate::base::{ErrorCode, Listen, PublicUrl, Timestamp};
use crate::scim::{Kind, ResourceKind};
use crate::trust::MetadataSource;

mod routes;

const SERVER: &str = "[server]\npublic_url = \"https://app.example.com\"\n";
const ROUTE: &str = "[[route]]\nupstream = \"http://127.0.0.1:3000\"\n";
const HOOK: &str = "\n[[notice_webhook]]\nname = 'ops'\nurl = 'https://hooks.example.com'\n";
const SCHEMA: &str = "[[scim_schema]]\nname = 'badge'\nid = 'urn:example:badge:2.0:User'\n\
    attributes = { badge = 'string' }\n";
const IDP: &str = "[[idp]]\nname = \"corp\"\nmetadata = \"https://idp.example.com/metadata\"\n";

/// Loads a file that is at `config/samlgate.toml`, with nothing in the environment.
fn loaded(text: &str) -> Result<Loaded, Problems> {
    load_text(text, Path::new("config/samlgate.toml"), &[])
}

fn with_environment(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = environment.iter().map(pair).collect::<Vec<_>>();
    load_text(text, Path::new("config/samlgate.toml"), &environment)
}

fn good(text: &str) -> Loaded {
    loaded(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// Every mistake as code and key.
fn mistakes(text: &str) -> Vec<(ErrorCode, String)> {
    let problems = loaded(text).map(|_| ()).expect_err(text);
    problems.iter().map(|problem| (problem.code, problem.path.clone())).collect()
}

/// Asserts that there is exactly one mistake, a `config.value` at this key.
#[track_caller]
fn refused(text: &str, path: &str) {
    assert_eq!(
        mistakes(text),
        [(ErrorCode::ConfigValue, path.to_owned())],
        "{text}"
    );
}

fn minimal(more: &str) -> String {
    format!("{SERVER}{more}\n{ROUTE}")
}

fn idp(more: &str) -> String {
    format!("{SERVER}{ROUTE}{IDP}{more}\n")
}

fn route(more: &str) -> String {
    format!("{SERVER}{ROUTE}{more}\n")
}

fn section(more: &str) -> String {
    format!("{SERVER}{ROUTE}{more}\n")
}

#[test]
fn two_sections_are_enough() {
    let Loaded { config, warnings, .. } = good(&minimal(""));
    assert_eq!(config.sp.entity_id, "https://app.example.com/saml/metadata");
    assert_eq!(config.sp.clock_skew, Duration::from_secs(180));
    assert_eq!(
        config.server.listen.first(),
        &Listen::parse("0.0.0.0:8080").unwrap()
    );
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9090");
    assert_eq!(config.database.to_string(), "data/samlgate.db");
    assert_eq!(config.lifetimes.idle, Duration::from_secs(3600));
    assert_eq!(config.lifetimes.absolute, Duration::from_secs(12 * 3600));
    assert_eq!(config.routes[0].name, "/");
    assert_eq!(config.routes[0].path, PathMatch::Prefix("/".into()));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].path, "idp");
}

#[test]
fn the_sample_is_the_template_and_works() {
    let sample = include_str!("../../config/samlgate.toml");
    assert_same("config/samlgate.toml", sample, &template());
    good(sample);
}

#[test]
fn the_sample_also_works_with_every_line_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["tls.crt", "tls.key"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let mut text = String::new();
    for line in template().lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let key = bare.split(" = ").next().unwrap_or_default();
        let word =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let switched_on = (word && bare.contains(" = ")) || bare.starts_with('[');
        // These contradict others of the sample, or say nothing beside them.
        let odd = [
            "public",
            "templates",
            "upstream_tls",
            "balance",
            "ejection",
            "url_file",
            "secret_file",
            "metadata_signing_certificate",
        ];
        if switched_on && !odd.contains(&key) {
            let place = |text: &str| {
                text.replace(
                    "certs/tls",
                    &folder.path().join("tls").display().to_string(),
                )
            };
            text.push_str(&place(bare));
            text.push('\n');
        }
    }
    let Loaded { config, warnings, .. } = good(&text);
    assert_eq!(config.idps.len(), 1);
    assert_eq!(
        config.routes[0].custom,
        [("x-dept".to_owned(), "department".to_owned())]
    );
    assert!(config.server.tls.is_some());
    assert_eq!(warnings, []);
}

#[test]
fn the_manual_describes_every_key() {
    let page = include_str!("../../docs/configuration.md");
    let (before, rest) = page.split_once("<!-- keys -->\n\n").expect("the mark of the tables");
    let (_, after) = rest.split_once("<!-- end of keys -->").expect("the mark of their end");
    let wanted = format!(
        "{before}<!-- keys -->\n\n{}<!-- end of keys -->{after}",
        manual()
    );
    assert_same("docs/configuration.md", page, &wanted);
}

/// Derived files are kept in the repository for people to read. A wrong one is written anew, beside
/// the old one.
#[track_caller]
fn assert_same(file: &str, found: &str, wanted: &str) {
    if found != wanted {
        let new = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{file}.new"));
        std::fs::write(&new, wanted).unwrap();
        panic!("{file} is out of date: look at {file}.new, and move it there");
    }
}

#[test]
fn the_schema_is_what_editors_have() {
    insta::assert_json_snapshot!(schema());
}

#[test]
fn every_mistake_is_named_at_once_with_its_line() {
    let text = r#"
[server]
publik_url = "https://app.example.com"
listen = ["0.0.0.0:8080", "localhost:8080", 80]

[saml]
clock_skew = "10m"
keys = 7

[sesion]
lifetime = "12h"

[[idp]]
name = "Corp!"
metadata = "http://idp.example.com/metadata"
metadata_signing_certificate = "certs/federation.crt"
allow_sha1_until = "soon"
enabled = "yes"

[[route]]
path = "reports"
upstream = ["http://127.0.0.1:3000/app"]
headers = ["remotes"]
"#;
    let problems = loaded(text).unwrap_err();
    let lines = problems.iter().map(|problem| {
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!("{} {problem}\n    {hint}\n", problem.code)
    });
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn a_file_that_is_not_toml_is_config_syntax_with_every_line() {
    let problems = loaded("[server]\npublic_url = app\nlisten = \n[saml\n").unwrap_err();
    assert!(problems.iter().all(|problem| problem.code == ErrorCode::ConfigSyntax));
    assert!(problems.iter().count() > 1);
    let first = problems.iter().next().unwrap();
    assert_eq!(first.source.to_string(), "config/samlgate.toml:2");
}

#[test]
fn a_key_twice_is_config_syntax() {
    let text = minimal("public_url = \"https://other.example.com\"");
    assert_eq!(mistakes(&text), [(ErrorCode::ConfigSyntax, String::new())]);
}

#[test]
fn unknown_keys_are_config_key_and_name_the_nearest() {
    let hint = |text: &str| {
        let problems = loaded(text).map(|_| ()).unwrap_err();
        let problem = problems.iter().find(|problem| problem.code == ErrorCode::ConfigKey);
        let problem = problem.expect("a config.key");
        format!(
            "{}: {}",
            problem.path,
            problem.hint.clone().unwrap_or_default()
        )
    };
    assert_eq!(
        hint(&minimal("trusted_proxy = []")),
        "server.trusted_proxy: did you mean trusted_proxies?"
    );
    assert_eq!(
        hint(&minimal("trusted-proxies = []")),
        "server.trusted-proxies: did you mean trusted_proxies?"
    );
    assert_eq!(
        hint(&minimal("clock_skew = \"60s\"")),
        "server.clock_skew: clock_skew belongs under [saml]"
    );
    assert_eq!(hint(&section("[routes]")), "routes: did you mean route?");
    assert_eq!(
        hint(&format!("public_url = 'x'\n{}", minimal(""))),
        "public_url: public_url belongs under [server]"
    );
    assert_eq!(
        hint(&idp("metadata_url = 'x'")),
        "idp[corp].metadata_url: did you mean metadata?"
    );
    assert_eq!(
        hint(&route("require = { role = ['x'] }")),
        "route[#1].require.role: did you mean roles?"
    );
    assert_eq!(
        hint(&section("[telemetry]\nxyzzy = 1")),
        "telemetry.xyzzy: there are log"
    );
}

#[test]
fn users_live_in_postgresql() {
    let database = |value: &str| good(&section(&format!("[users]\ndatabase = '{value}'")));
    let exposed = |value: &str| {
        let warnings = database(value).warnings;
        warnings.iter().any(|warning| warning.path == "users.database")
    };
    let verified = "postgres://me:hunter2@db.example.com/x?sslmode=verify-full";
    let config = database(verified).config;
    assert_eq!(
        config.database.to_string(),
        "PostgreSQL x at db.example.com:5432"
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!exposed(verified));
    assert!(!exposed("postgresql://me:hunter2@localhost/x"));
    assert!(!exposed("postgres:///x?host=/run/postgresql"));
    assert!(exposed("postgres://me:hunter2@db.example.com/x"));
    for value in [
        "postgres://db",
        "postgres://db/x?mode=ro",
        "postgres://db/x?sslmode=sometimes",
        "postgres://db/x?sslmode=verify-full&sslrootcert=/no/such/file",
    ] {
        refused(
            &section(&format!("[users]\ndatabase = '{value}'")),
            "users.database",
        );
    }
}

#[test]
fn redis_needs_a_key_that_seals_and_tls_for_an_authority() {
    let session = |lines: &str| section(&format!("[session]\n{lines}"));
    let key = "seal_key = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE='";
    for store in [
        "redis://redis",
        "redis://:hunter2@redis:6380/3",
        "rediss://me:hunter2@redis",
        "redis+unix:///run/redis.sock",
    ] {
        let config = good(&session(&format!("store = '{store}'\n{key}"))).config;
        assert!(matches!(
            config.session_store,
            SessionStoreKind::Redis { grace, .. } if grace == Duration::from_secs(300)
        ));
        assert!(!format!("{config:?}").contains("hunter2"), "{store}");
    }
    for store in [
        "redis",
        "redis://redis/x",
        "postgres://x",
        "rediss://redis#insecure",
        "",
    ] {
        let refusal = session(&format!("store = '{store}'\n{key}"));
        refused(&refusal, "session.store");
    }
    refused(&session("store = 'redis://redis'"), "session.seal_key");
    let short = "store = 'redis://redis'\nseal_key = 'AQE='";
    refused(&session(short), "session.seal_key");
    let plain = format!("store = 'redis://redis'\n{key}\nca = 'ca.pem'");
    refused(&session(&plain), "session.ca");
    let secure = format!("store = 'rediss://redis'\n{key}\nca = 'ca.pem'");
    good(&session(&secure));
    good(&session(key));
}

#[test]
fn an_exception_for_one_identity_provider_ends_when_its_day_begins() {
    let midnight = Timestamp::parse_saml("2027-01-31T00:00:00Z");
    for (written, meant) in [
        ("'2027-01-31'", midnight),
        ("2027-01-31", midnight),
        ("'2027-01-31T01:00:00+01:00'", midnight),
        (
            "2027-01-31T12:00:00Z",
            Timestamp::parse_saml("2027-01-31T12:00:00Z"),
        ),
    ] {
        for key in ["allow_sha1_until", "allow_tripledes_until"] {
            let loaded = good(&idp(&format!("{key} = {written}")));
            let [idp] = loaded.config.idps.as_slice() else {
                panic!("one identity provider")
            };
            let found = [idp.allow_sha1_until, idp.allow_tripledes_until];
            assert_eq!(
                found.into_iter().flatten().collect::<Vec<_>>(),
                [meant.unwrap()]
            );
        }
    }
    for wrong in [
        "'soon'",
        "'2027-02-30'",
        "true",
        "'31.01.2027'",
        "2027-01-31T12:00:00",
    ] {
        refused(
            &idp(&format!("allow_sha1_until = {wrong}")),
            "idp[corp].allow_sha1_until",
        );
    }
}

#[test]
fn nothing_out_of_the_ordinary_is_allowed_unless_the_file_says_so() {
    let idp_of = |more: &str| good(&idp(more)).config.idps.remove(0);
    let plain = idp_of("");
    assert_eq!(plain.allow_sha1_until, None);
    assert_eq!(plain.allow_tripledes_until, None);
    assert!(!plain.allow_inclusive_c14n && !plain.allow_cbc_in_unsigned_response);
    assert!(!plain.want_encrypted);
    assert!(idp_of("allow_inclusive_c14n = true").allow_inclusive_c14n);
    assert!(idp_of("allow_cbc_in_unsigned_response = true").allow_cbc_in_unsigned_response);
    assert!(idp_of("want_encrypted = true").want_encrypted);
}

#[test]
fn every_key_of_an_identity_provider_can_be_set_by_an_argument() {
    let own = PublicUrl::parse("https://app.example.com").unwrap();
    let set = |changes: &[(&str, &str)]| {
        let mut settings = good(&idp("authn_context = ['urn:x']")).config.idps.remove(0);
        let pair = |(key, text): &(&str, &str)| ((*key).to_owned(), (*text).to_owned());
        let changes = changes.iter().map(pair).collect::<Vec<_>>();
        set_idp(&mut settings, &changes, &own).map(|()| settings)
    };
    let before = format!("{:?}", set(&[]).unwrap());
    for key in keys::section("idp").unwrap().keys {
        // These need a file, or each other.
        let with_others = ["metadata", "metadata_signing_certificate", "mdq"];
        if key.availability == keys::Availability::Later || with_others.contains(&key.name) {
            continue;
        }
        let sample = match (key.name, key.fallback) {
            (_, keys::Fallback::Value("true")) => "false",
            (_, keys::Fallback::Value("false")) => "true",
            ("name", _) => "other",
            ("landing", _) => "/elsewhere",
            // It names the entity to ask for in the same breath.
            ("mdq" | "entity_id", _) => continue,
            ("response_binding", _) => "artifact",
            ("groups_overage", _) => "keep",
            ("on_change", _) => "approve",
            _ => key.sample.trim_matches(['[', ']', '"']),
        };
        let after = format!("{:?}", set(&[(key.name, sample)]).unwrap());
        assert_ne!(before, after, "--set {}={sample} changes nothing", key.name);
    }
    assert_eq!(
        set(&[("clock_skew", "60s")]).unwrap().authn_context,
        ["urn:x"],
        "the rest stays"
    );
    let problems = |changes| set(changes).unwrap_err().to_string();
    assert_eq!(
        problems(&[("allow_sha1", "2030-01-01")]),
        "--set: idp[corp].allow_sha1: there is no such key"
    );
    assert_eq!(
        problems(&[("allow_sha1_until", "soon")]),
        "--set: idp[corp].allow_sha1_until: \"soon\" is not a day"
    );
    assert_eq!(
        problems(&[("enabled", "yes")]),
        "--set: idp[corp].enabled: is a string, and must be true or false"
    );
}

#[test]
fn a_table_in_the_wrong_shape_is_refused() {
    refused(&format!("{SERVER}{ROUTE}[idp]\nname = 'corp'\n"), "idp");
    assert!(
        mistakes("[[server]]\npublic_url = 'https://app.example.com'\n")
            .contains(&(ErrorCode::ConfigValue, "server".into()))
    );
    refused(&format!("saml = 7\n{SERVER}{ROUTE}"), "saml");
    refused(&minimal("tls = true"), "server.tls");
    refused(&route("require = 'admin'"), "route[#1].require");
}

#[test]
fn values_of_another_type_are_refused() {
    refused(&minimal("listen = 8080"), "server.listen");
    refused(&minimal("listen = [true]"), "server.listen");
    refused(&minimal("templates = []"), "server.templates");
    refused(&section("[saml]\nclock_skew = 180"), "saml.clock_skew");
    refused(
        &section("[saml]\nclock_skew = 2026-11-21"),
        "saml.clock_skew",
    );
    refused(&idp("enabled = 'true'"), "idp[corp].enabled");
    refused(
        &section("[[role]]\nname = 'it'\nattributes = ['x']"),
        "role[it].attributes",
    );
    refused(
        &route("custom_headers = { X-Dept = ['department'] }"),
        "route[#1].custom_headers",
    );
}

#[test]
fn the_public_url_is_an_https_origin() {
    let public_url = |url: &str| format!("[server]\npublic_url = \"{url}\"\n{ROUTE}");
    for url in [
        "",
        "app.example.com",
        "http://app.example.com",
        "https://app.example.com/app",
        "https://",
    ] {
        refused(&public_url(url), "server.public_url");
    }
    refused(ROUTE, "server.public_url");
    good(&public_url("http://localhost:8080"));
}

#[test]
fn listen_addresses_are_addresses() {
    for value in [
        "'8080'",
        "'localhost:8080'",
        "'0.0.0.0'",
        "'unix:samlgate.sock'",
        "'0.0.0.0:99999'",
        "[]",
        "['[::]:80', '[::]:80']",
    ] {
        refused(&minimal(&format!("listen = {value}")), "server.listen");
    }
    let listen = good(&minimal(
        "listen = ['[::]:8080', 'unix:/run/samlgate.sock']",
    ))
    .config
    .server
    .listen;
    assert_eq!(
        listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["[::]:8080", "unix:/run/samlgate.sock"]
    );
    refused(&section("[admin]\nlisten = '9090'"), "admin.listen");
    refused(&section("[admin]\nlisten = '0.0.0.0:8080'"), "admin.listen");
    refused(
        &section("[admin]\nroles = ['Gateway Admin']"),
        "admin.roles",
    );
}

#[test]
fn trusted_proxies_are_networks() {
    refused(
        &minimal("trusted_proxies = ['proxy.example.com']"),
        "server.trusted_proxies",
    );
    let loaded = good(&minimal("trusted_proxies = ['10.0.0.0/8', 'fd00::1']"));
    let networks = loaded.config.server.trusted_proxies.iter().map(ToString::to_string);
    assert_eq!(networks.collect::<Vec<_>>(), ["10.0.0.0/8", "fd00::1/128"]);
    let warned = good(&minimal("trusted_proxies = '0.0.0.0/0'")).warnings;
    assert!(warned.iter().any(|warning| warning.path == "server.trusted_proxies"));
}

#[test]
fn tls_needs_two_files_that_can_be_read() {
    refused(
        &minimal("tls = { certificate = 'Cargo.toml' }"),
        "server.tls.key",
    );
    refused(
        &minimal("tls = { certificate = 'Cargo.toml', key = 'none.key' }"),
        "server.tls.key",
    );
    refused(
        &minimal("tls = { certificate = 'src', key = 'Cargo.toml' }"),
        "server.tls.certificate",
    );
    assert!(
        good(&minimal(
            "tls = { certificate = 'Cargo.toml', key = 'Cargo.lock' }"
        ))
        .config
        .server
        .tls
        .is_some()
    );
    refused(&minimal("templates = 'no-such-folder'"), "server.templates");
    refused(&section("[saml]\nkeys = 'Cargo.toml'"), "saml.keys");
}

#[test]
fn clock_skew_is_at_most_five_minutes() {
    for value in [
        "301s",
        "6m",
        "1d",
        "",
        "180",
        "3 m",
        "-1s",
        "99999999999999999999s",
    ] {
        refused(
            &section(&format!("[saml]\nclock_skew = '{value}'")),
            "saml.clock_skew",
        );
        refused(
            &idp(&format!("clock_skew = '{value}'")),
            "idp[corp].clock_skew",
        );
    }
    assert_eq!(
        good(&section("[saml]\nclock_skew = '300s'")).config.sp.clock_skew,
        Duration::from_secs(300)
    );
    assert_eq!(
        good(&idp("clock_skew = '0s'")).config.idps[0].clock_skew,
        Some(Duration::ZERO)
    );
}

#[test]
fn entity_ids_are_uris_of_at_most_1024_characters() {
    let entity_id = |text: &str| section(&format!("[saml]\nentity_id = \"{text}\""));
    let longest = format!("https://app.example.com/{}", "x".repeat(1000));
    let long = format!("{longest}x");
    for text in [
        "",
        "app",
        "https://app.example.com/ x",
        "urn:example:\u{e9}",
        &long,
    ] {
        refused(&entity_id(text), "saml.entity_id");
    }
    assert_eq!(
        good(&entity_id("urn:example:app")).config.sp.entity_id,
        "urn:example:app"
    );
    good(&entity_id(&longest));
    refused(&idp("entity_id = 'corp'"), "idp[corp].entity_id");
    refused(
        &idp("authn_context = ['password']"),
        "idp[corp].authn_context",
    );
    refused(&idp("name_id_format = 'email'"), "idp[corp].name_id_format");
}

#[test]
fn identity_providers_do_not_share_a_name_a_default_or_a_domain() {
    let second = |name: &str, more: &str| {
        format!(
            "[[idp]]\nname = '{name}'\nmetadata = 'https://second.example.com/metadata'\n{more}\n"
        )
    };
    let two = |first: &str, name: &str, more: &str| format!("{}{}", idp(first), second(name, more));
    good(&two(
        "default = true",
        "second",
        "email_domains = ['example.org']",
    ));
    refused(&two("", "corp", ""), "idp[corp].name");
    refused(
        &two("default = true", "second", "default = true"),
        "idp[second].default",
    );
    refused(
        &two(
            "email_domains = ['Example.com']",
            "second",
            "email_domains = 'example.COM'",
        ),
        "idp[second].email_domains",
    );
    refused(
        &two(
            "email_domains = ['xn--mnchen-3ya.example']",
            "second",
            "email_domains = ['MÜNCHEN.example.']",
        ),
        "idp[second].email_domains",
    );
    let kept = good(&idp("email_domains = ['münchen.example', 'Example.com.']"));
    assert_eq!(
        kept.config.idps[0].email_domains,
        ["xn--mnchen-3ya.example", "example.com"]
    );
    let warned = good(&idp("default = true\nenabled = false")).warnings;
    assert_eq!(warned[0].path, "idp[corp].default");
}

#[test]
fn each_identity_provider_has_a_name_and_metadata() {
    let only = |lines: &str| format!("{SERVER}{ROUTE}[[idp]]\n{lines}\n");
    refused(
        &only("metadata = 'https://idp.example.com/metadata'"),
        "idp[#1].name",
    );
    refused(
        &only("name = 'Corp'\nmetadata = 'https://idp.example.com/metadata'"),
        "idp[Corp].name",
    );
    refused(&only("name = 'corp'"), "idp[corp].metadata");
    refused(&idp("label = ' '"), "idp[corp].label");
    for domain in [
        "alice@example.com",
        "a%62.example",
        "192.0.2.1",
        "a..b",
        "xn--a.example",
        ".",
    ] {
        refused(
            &idp(&format!("email_domains = ['{domain}']")),
            "idp[corp].email_domains",
        );
    }
    for landing in [
        "welcome",
        "https://evil.example/",
        "//evil.example",
        "/saml/acs",
    ] {
        refused(&idp(&format!("landing = '{landing}'")), "idp[corp].landing");
    }
}

#[test]
fn metadata_is_an_https_url_or_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("idp.xml"), "").unwrap();
    let file = folder.path().join("samlgate.toml");
    let source = |metadata: &str| {
        let text = format!("{SERVER}{ROUTE}[[idp]]\nname = 'corp'\nmetadata = '{metadata}'\n");
        load_text(&text, &file, &[]).map(|loaded| loaded.config.idps[0].metadata.clone())
    };
    assert_eq!(
        source("idp.xml").unwrap(),
        MetadataSource::File(folder.path().join("idp.xml"))
    );
    let loopback = "http://127.0.0.1:8081/metadata";
    assert_eq!(
        source(loopback).unwrap(),
        MetadataSource::Url(loopback.into())
    );
    for wrong in [
        "",
        "none.xml",
        ".",
        "http://idp.example.com/m",
        "https://",
        "https://me:pw@idp.example.com/m",
    ] {
        let problems = source(wrong).unwrap_err();
        let paths = problems.iter().map(|problem| (problem.code, problem.path.as_str()));
        assert_eq!(
            paths.collect::<Vec<_>>(),
            [(ErrorCode::ConfigValue, "idp[corp].metadata")],
            "{wrong}"
        );
    }
}

#[test]
fn roles_are_granted_to_somebody() {
    let role = |lines: &str| section(&format!("[[role]]\n{lines}"));
    refused(&role("groups = ['IT']"), "role[#1].name");
    refused(&role("name = 'IT'\ngroups = ['IT']"), "role[IT].name");
    refused(&role("name = 'it'"), "role[it].groups");
    refused(&role("name = 'it'\ngroups = ['']"), "role[it].groups");
    refused(
        &role("name = 'it'\nattributes = { department = [] }"),
        "role[it].attributes",
    );
    refused(
        &role("name = 'it'\ngroups = 'IT'\n[[role]]\nname = 'it'\ngroups = 'B'"),
        "role[it].name",
    );
    let roles = good(&role(
        "name = 'it'\ngroups = 'IT Managers'\nattributes = { department = 'IT' }",
    ))
    .config
    .identity
    .roles;
    assert_eq!(roles[0].any.groups, ["IT Managers"]);
    assert_eq!(roles[0].any.attributes["department"], ["IT"]);
    assert!(!roles[0].everybody && roles[0].all.is_empty() && roles[0].idps.is_empty());
}

#[test]
fn the_example_of_roles_works() {
    let roles = good(&section(include_str!("../../config/roles.example.toml")))
        .config
        .identity
        .roles;
    assert_eq!(roles.len(), 9);
    assert!(roles.iter().all(|role| role.description.is_some()));
    let everybody = roles.iter().filter(|role| role.everybody).map(|role| role.name.as_str());
    assert_eq!(everybody.collect::<Vec<_>>(), ["end-user"]);
}

#[test]
fn a_role_may_ask_for_all_for_none_and_for_everybody() {
    let role = |lines: &str| idp(&format!("[[role]]\n{lines}"));
    let rule = |text: &str| good(&role(text)).config.identity.roles.remove(0);
    let strict = rule(
        "name = 'it'\nall = { groups = ['A', 'B'] }\nnot = { attributes = { userType = 'Guest' } }\n\
         idp = 'corp'\ndescription = 'Runs IT'",
    );
    assert_eq!(strict.all.groups, ["A", "B"]);
    assert_eq!(strict.not.attributes["userType"], ["Guest"]);
    assert_eq!(strict.idps[0].as_str(), "corp");
    assert_eq!(strict.description.as_deref(), Some("Runs IT"));
    assert!(rule("name = 'user'\ndefault = true").everybody);
    // Everybody but …: only where that was meant.
    refused(
        &role("name = 'it'\nnot = { groups = 'X' }"),
        "role[it].groups",
    );
    refused(
        &role("name = 'it'\nall = { attributes = { a = [] } }"),
        "role[it].all.attributes",
    );
    let warnings = good(&role("name = 'it'\ngroups = 'A'\nidp = 'nobody'")).warnings;
    assert_eq!(warnings[0].path, "role[it].idp");
}

#[test]
fn attribute_names_are_not_empty() {
    refused(&section("[attributes]\nemail = ['']"), "attributes.email");
    refused(
        &section("[attributes]\nemail = ['friendly:']"),
        "attributes.email",
    );
    refused(
        &section("[attributes]\nemail = 'mail '"),
        "attributes.email",
    );
    refused(&section("[attributes]\ngroups = 7"), "attributes.groups");
}

#[test]
fn a_route_that_requires_what_nobody_has_is_a_warning() {
    let warned = good(&route("require = { roles = ['it'] }\n[[idp]]\nname = 'corp'\nmetadata = 'https://idp.example.com/m'")).warnings;
    assert_eq!(warned.len(), 1);
    assert_eq!(
        (warned[0].code, warned[0].path.as_str()),
        (ErrorCode::ConfigValue, "route[#1].require.roles")
    );
}

#[test]
fn requirements_say_something_and_contradict_nothing() {
    refused(&route("require = {}"), "route[#1].require");
    refused(&route("require = { roles = [] }"), "route[#1].require");
    refused(
        &route("require = { roles = ['IT Managers'] }"),
        "route[#1].require.roles",
    );
    refused(
        &route("require = { groups = ['x'] }\npublic = true"),
        "route[#1].require",
    );
}

#[test]
fn without_a_route_there_is_nothing_to_serve() {
    refused(SERVER, "route");
}

#[test]
fn paths_are_plain() {
    for path in [
        "",
        "reports",
        "/a//b",
        "/a/../b",
        "/a?b",
        "/a#b",
        "/a%2fb",
        "/a b",
        "/a\\\\b",
        "/a*",
        "exact:x",
        "/.samlgate/user",
        "/saml/acs",
        "exact:/saml/metadata",
    ] {
        let text = format!(
            "{SERVER}[[route]]\nname = \"app\"\npath = \"{path}\"\nupstream = \"http://127.0.0.1:3000\"\n"
        );
        refused(&text, "route[app].path");
    }
    let path = |path: &str| good(&route(&format!("path = '{path}'"))).config.routes[0].path.clone();
    assert_eq!(path("/reports/"), PathMatch::Prefix("/reports".into()));
    assert_eq!(
        path("exact:/reports/"),
        PathMatch::Exact("/reports/".into())
    );
    assert_eq!(path("/samlgate"), PathMatch::Prefix("/samlgate".into()));
}

#[test]
fn two_routes_for_the_same_requests_are_refused() {
    let second = |more: &str| format!("{}{ROUTE}{more}\n", route("path = '/a'"));
    refused(&second("path = '/a/'"), "route[/a/].path");
    good(&second("path = 'exact:/a'"));
    refused(&second("name = '/a'\npath = '/b'"), "route[/a].name");
    refused(&route("name = 'the app'"), "route[the app].name");
}

#[test]
fn upstreams_are_origins_or_sockets() {
    let upstream = |value: &str| format!("{SERVER}[[route]]\nupstream = {value}\n");
    for value in [
        "[]",
        "''",
        "'127.0.0.1:3000'",
        "'ftp://app:21'",
        "'http://app/path'",
        "'http://app?x'",
        "'http://me:pw@app:80'",
        "'unix:app.sock'",
        "'http://'",
        "'http://app:99999'",
    ] {
        refused(&upstream(value), "route[#1].upstream");
    }
    refused(
        &format!("{SERVER}[[route]]\npath = '/'\n"),
        "route[/].upstream",
    );
    let upstreams = good(&upstream(
        "['http://app', 'https://[::1]:8443', 'unix:/run/app.sock']",
    ))
    .config
    .routes[0]
        .upstreams
        .clone();
    assert_eq!(
        upstreams,
        [
            Upstream::Tcp { tls: false, authority: "app:80".into() },
            Upstream::Tcp { tls: true, authority: "[::1]:8443".into() },
            Upstream::Unix("/run/app.sock".into()),
        ]
    );
}

#[test]
fn identity_headers_are_profiles_or_names_of_ones_own() {
    refused(&route("headers = ['remote', 'jwt']"), "route[#1].headers");
    refused(&route("headers = ['custom']"), "route[#1].headers");
    for name in ["X Dept", "Host", "Cookie", "X_Request_Id", ""] {
        let path = format!("route[#1].custom_headers.{name}");
        refused(
            &route(&format!("custom_headers = {{ \"{name}\" = 'department' }}")),
            &path,
        );
    }
    refused(
        &route("custom_headers = { X-Dept = '' }"),
        "route[#1].custom_headers.X-Dept",
    );
    refused(
        &route("custom_headers = { X-Dept = 'a', x-dept = 'b' }"),
        "route[#1].custom_headers.x-dept",
    );
    refused(
        &route("headers = ['remote']\ncustom_headers = { Remote-User = 'uid' }"),
        "route[#1].custom_headers.Remote-User",
    );
    good(&route("custom_headers = { Remote-User = 'uid' }"));
    let route = good(&route(
        "headers = ['remote', 'custom', 'remote']\ncustom_headers = { X-Dept = 'department' }",
    ))
    .config
    .routes[0]
        .clone();
    assert_eq!(route.headers, [crate::access::HeaderProfile::Remote]);
    assert_eq!(
        route.custom,
        [("x-dept".to_owned(), "department".to_owned())]
    );
}

fn in_section(name: &str, key: &str, word: &str) -> String {
    section(&format!("[{name}]\n{key} = '{word}'"))
}

const LEGACY: &str = "[saml]\nlegacy_paths = ['shibboleth', 'mellon']";

#[test]
fn answers_go_to_addresses_of_others_only_where_those_are_ours() {
    for family in ["shibboleth", "mellon"] {
        let text = idp(&format!("acs = '{family}'"));
        refused(&text, "idp[corp].acs");
        let config = good(&format!("{text}\n{LEGACY}")).config;
        assert_eq!(config.legacy_paths.len(), 2);
        assert_eq!(config.idps[0].acs.map(|acs| acs.as_str()), Some(family));
    }
    assert_eq!(good(&idp("acs = 'samlgate'")).config.legacy_paths, []);
}

#[test]
fn every_choice_of_the_table_of_keys_is_understood() {
    for section in keys::SECTIONS {
        for key in section.keys {
            let (keys::Kind::Choice(words) | keys::Kind::Choices(words)) = key.kind else {
                continue;
            };
            for word in words {
                let text = match section.name {
                    "route" => route(&format!(
                        "{} = '{word}'\ncustom_headers = {{ X-A = 'a' }}\n\
                         authn_context = 'urn:a'\n[saml]\nauthn_context_order = ['urn:a', 'urn:b']",
                        key.name
                    )),
                    "server" => minimal(&format!(
                        "{} = '{word}'\ntrusted_proxies = '10.0.0.0/8'",
                        key.name
                    )),
                    "idp" => format!("{}\n{LEGACY}", idp(&format!("{} = '{word}'", key.name))),
                    "scim_schema" => route(&format!("{SCHEMA}{} = '{word}'", key.name)),
                    "saml_contact" => route(&format!("[[saml_contact]]\n{} = '{word}'", key.name)),
                    "notice_webhook" => route(&format!("{HOOK}{} = '{word}'", key.name)),
                    name => in_section(name, key.name, word),
                };
                good(&text);
            }
        }
    }
}

#[test]
fn what_metadata_says_is_checked() {
    let saml = |lines: &str| section(&format!("[saml]\n{lines}"));
    refused(
        &saml("metadata_valid_for = '1h'"),
        "saml.metadata_valid_for",
    );
    refused(&saml("metadata_cache = '0s'"), "saml.metadata_cache");
    refused(
        &saml("organization = { name = { en = 'A' }, display_name = { en = 'A' } }"),
        "saml.organization.url",
    );
    refused(
        &saml("ui = { information_url = { en = 'www' } }"),
        "saml.ui.information_url.en",
    );
    refused(
        &saml("ui = { display_name = { english_please = 'A' } }"),
        "saml.ui.display_name.english_please",
    );
    refused(&saml("ui = { logo = 'logo.png' }"), "saml.ui.logo");
    refused(
        &saml("rotate_keys = 'auto'\npublish_for = '30d'"),
        "saml.publish_for",
    );
    refused(&saml("signing_key = 'hunter2'"), "saml.signing_key");
    let contact = section("[[saml_contact]]\nemail = 'mailto:it@example.com'");
    let problems = mistakes(&contact);
    assert!(
        problems.iter().any(|(_, path)| path.ends_with(".email")),
        "{problems:?}"
    );
    let found = good(&saml("ui = { display_name = { en = 'A', 'pt-BR' = 'B' } }")).config;
    assert_eq!(found.description.ui.display_name.len(), 2);
    assert_eq!(found.description.cache, Duration::from_secs(3600));
    assert!(found.keys.policy.is_none());
}

#[test]
fn sessions_end() {
    refused(
        &section("[session]\nidle_timeout = '0s'"),
        "session.idle_timeout",
    );
    refused(
        &section("[session]\nidle_timeout = '13h'"),
        "session.idle_timeout",
    );
    refused(&section("[session]\nlifetime = '10m'"), "session.lifetime");
    refused(
        &section("[session]\nlifetime = '1 day'"),
        "session.lifetime",
    );
    refused(&section("[session]\nstore = 'memory'"), "session.store");
    good(&section("[session]\nidle_timeout = '12h'"));
}

#[test]
fn users_live_in_sqlite() {
    for value in [
        "data/samlgate.db",
        "sqlite://",
        "sqlite://a.db?mode=ro",
        "mysql://db",
    ] {
        refused(
            &section(&format!("[users]\ndatabase = '{value}'")),
            "users.database",
        );
    }
    let database = |value: &str| {
        good(&section(&format!("[users]\ndatabase = '{value}'")))
            .config
            .database
            .to_string()
    };
    assert_eq!(
        database("sqlite:///var/lib/samlgate.db"),
        "/var/lib/samlgate.db"
    );
    refused(
        &section("[users]\nprovisioning = 'auto'"),
        "users.provisioning",
    );
    refused(&section("[users]\nlink_by = ['mail']"), "users.link_by");
    refused(&section("[telemetry]\nlog = 'xml'"), "telemetry.log");
    refused(&section("[scim]\nenabled = 1"), "scim.enabled");
}

#[test]
fn attributes_of_ones_own_are_declared_with_their_types() {
    const BADGE: &str = "id = 'urn:example:params:scim:schemas:badge:2.0:User'";
    let schema = |lines: &str| section(&format!("[[scim_schema]]\nname = 'badge'\n{lines}"));
    let attributes = |attributes: &str| schema(&format!("{BADGE}\nattributes = {attributes}"));
    let scim = good(&attributes("{ badge = 'string', floors = 'integer[]' }")).config.scim;
    let extensions = scim.catalogue.extensions(ResourceKind::User);
    let floors = &extensions[1].attributes[1];
    assert_eq!(
        (&*floors.name, floors.kind, floors.multi_valued),
        ("floors", Kind::Integer, true)
    );
    refused(
        &attributes("{ badge = 'text' }"),
        "scim_schema[badge].attributes",
    );
    refused(
        &attributes("{ 'no name' = 'string' }"),
        "scim_schema[badge].id",
    );
    refused(&attributes("{}"), "scim_schema[badge].id");
    let enterprise = "id = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'";
    let taken = schema(&format!(
        "{enterprise}\nattributes = {{ badge = 'string' }}"
    ));
    refused(&taken, "scim_schema[badge].id");
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = minimal("listen = '0.0.0.0:1'");
    let loaded = with_environment(
        &text,
        &[
            ("SAMLGATE_SERVER__LISTEN", "0.0.0.0:2, [::]:2"),
            ("SAMLGATE_SERVER__TLS__CERTIFICATE", "Cargo.toml"),
            ("SAMLGATE_SERVER__TLS__KEY", "Cargo.lock"),
            ("SAMLGATE_SCIM__ENABLED", "false"),
            ("SAMLGATE_ATTRIBUTES__EMAIL", "mail,email"),
            ("SAMLGATE_SESSION__LIFETIME", "2h"),
            ("PATH", "/usr/bin"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.config.server.listen.len(), 2);
    assert!(loaded.config.server.tls.is_some());
    assert_eq!(loaded.config.lifetimes.absolute, Duration::from_secs(7200));
    let shown = loaded.values.iter().find(|value| value.path == "server.listen").unwrap();
    assert_eq!(
        shown.source,
        Source::Environment("SAMLGATE_SERVER__LISTEN".into())
    );
    assert_eq!(shown.display(), "[\"0.0.0.0:2\", \"[::]:2\"]");
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let wrong = |name: &str, value: &str| {
        let problems =
            with_environment(&minimal(""), &[(name, value)]).map(|_| ()).expect_err(name);
        let problem = problems.iter().next().unwrap();
        assert_eq!(problem.source, Source::Environment(name.into()));
        (
            problem.code,
            problem.path.clone(),
            problem.hint.clone().unwrap_or_default(),
        )
    };
    let key = |name: &str| wrong(name, "x").2;
    assert_eq!(
        key("SAMLGATE_SERVER__PUBLIC_URI"),
        "did you mean SAMLGATE_SERVER__PUBLIC_URL?"
    );
    assert_eq!(
        key("SAMLGATE_SERVER_PUBLIC_URL"),
        "did you mean SAMLGATE_SERVER__PUBLIC_URL?"
    );
    assert_eq!(
        key("SAMLGATE_IDP__NAME"),
        "[[idp]] can only be written in the file"
    );
    assert_eq!(wrong("SAMLGATE_SERVER__LISTEN", "8080").1, "server.listen");
    assert_eq!(wrong("SAMLGATE_SCIM__ENABLED", "yes").1, "scim.enabled");
    assert_eq!(
        wrong("SAMLGATE_SERVER__LISTEN_FILE", "x").0,
        ErrorCode::ConfigValue
    );
    assert_eq!(
        wrong("SAMLGATE_USERS__DATABASE_FILE", "/no/such/file").1,
        "users.database"
    );
}

#[test]
fn variables_of_kubernetes_are_left_alone() {
    let environment = [
        ("SAMLGATE_SERVICE_HOST", "10.0.0.1"),
        ("SAMLGATE_PORT", "tcp://10.0.0.1:80"),
    ];
    with_environment(&minimal(""), &environment).unwrap();
}

#[test]
fn a_secret_comes_from_a_file_or_from_the_variable_and_not_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("database");
    std::fs::write(&file, "sqlite://secret.db\n").unwrap();
    let file = file.display().to_string();
    let from_file = ("SAMLGATE_USERS__DATABASE_FILE", file.as_str());
    let loaded = with_environment(&minimal(""), &[from_file]).unwrap();
    assert_eq!(loaded.config.database.to_string(), "secret.db");
    let direct = ("SAMLGATE_USERS__DATABASE", "sqlite://other.db");
    let problems = with_environment(&minimal(""), &[from_file, direct]).unwrap_err();
    assert!(problems.to_string().contains("both"), "{problems}");
}

#[test]
fn passwords_are_never_shown() {
    for text in [
        "[users]\ndatabase = 'postgres://me:hunter2@db/x?pass=hunter2'",
        "[users]\ndatabase = 'mysql://me:hunter2@db/x?password=hunter2'",
        "[session]\nstore = 'redis://:hunter2@redis'",
        "[session]\nstore = 'hunter2'",
    ] {
        let problems = loaded(&section(text)).unwrap_err();
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
        assert_eq!(
            show::redact("redis://:hunter2@redis/0?x=hunter2"),
            "redis://***@redis/0?***"
        );
    }
}

#[test]
fn what_is_shown_says_where_it_comes_from() {
    let loaded = good(&idp("[session]\nlifetime = '2h'"));
    let lines = loaded
        .values
        .iter()
        .map(|value| format!("{} = {} ({})\n", value.path, value.display(), value.source));
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn every_key_is_read() {
    // Whatever the table of keys promises must be asked for by somebody.
    let text = format!(
        "{}require = {{ groups = ['x'] }}\n[[role]]\nname = 'it'\ngroups = 'x'\n{SCHEMA}\
         [[saml_contact]]\n[[saml_attribute]]\nname = 'mail'\n{IDP}\n{HOOK}",
        minimal("tls = { certificate = 'Cargo.toml', key = 'Cargo.lock' }")
    );
    let shown = good(&text).values;
    for section in keys::SECTIONS {
        for key in section.keys {
            if key.availability == keys::Availability::Later
                || matches!(key.kind, keys::Kind::Inner(_))
            {
                continue;
            }
            let ends = format!(".{}", key.name);
            assert!(
                shown.iter().any(
                    |value| value.path.starts_with(section.name) && value.path.ends_with(&ends)
                ),
                "{}.{} is never read",
                section.name,
                key.name,
            );
        }
    }
}

#[test]
fn health_needs_nothing_but_the_admin_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samlgate.toml");
    std::fs::write(
        &file,
        "[admin]\nlisten = '127.0.0.1:7000'\n[[idp]]\nnonsense = 1\n",
    )
    .unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new() };
    assert_eq!(
        admin_listen(&sources).unwrap().to_string(),
        "127.0.0.1:7000"
    );
    load(&sources).unwrap_err();
}

#[test]
fn health_works_while_the_file_is_not_even_toml() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samlgate.toml");
    std::fs::write(
        &file,
        "[admin]\nlisten = '127.0.0.1:7000'\n[[route\npath = \n",
    )
    .unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new() };
    assert_eq!(
        admin_listen(&sources).unwrap().to_string(),
        "127.0.0.1:7000"
    );
}

#[test]
fn a_reload_can_tell_what_waits_for_the_next_start() {
    let old = good(&minimal(""));
    let new = good(&format!(
        "{}[telemetry]\nlog = 'text'\n[saml]\nclock_skew = '60s'\n",
        minimal("listen = '0.0.0.0:1'\ntls = { certificate = 'Cargo.toml', key = 'Cargo.lock' }"),
    ));
    assert_eq!(
        waiting_for_restart(&old.values, &new.values),
        [
            "server.listen",
            "server.tls.certificate",
            "server.tls.key",
            "telemetry.log"
        ]
    );
    assert!(waiting_for_restart(&old.values, &old.values).is_empty());
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let sources = Sources { file: Some("none.toml".into()), environment: Vec::new() };
    let problems = load(&sources).unwrap_err();
    assert!(
        problems.to_string().contains("none.toml can not be read"),
        "{problems}"
    );
}

proptest::proptest! {
    /// Every key may hold every kind of value: there is an answer, and it says what is wrong.
    #[test]
    fn no_value_is_too_strange(
        lines in proptest::collection::btree_map((0_usize..12, 0_usize..40), 0_usize..12, 0..30)
    ) {
        let values = [
            "7", "-1.5", "true", "''", "'\u{e9}'", "[]", "[[]]", "['a', 1, {}]", "{}",
            "{ a = 'b' }", "2026-11-21", "'1h'",
        ];
        let mut text = String::new();
        for (place, section) in keys::SECTIONS.iter().enumerate() {
            text.push_str(&match section.shape {
                keys::Shape::Table => format!("[{}]\n", section.name),
                keys::Shape::List => format!("[[{}]]\n", section.name),
            });
            for (number, key) in section.keys.iter().enumerate() {
                if let Some(value) = lines.get(&(place, number)) {
                    text.push_str(&format!("{} = {}\n", key.name, values[*value]));
                }
            }
        }
        let found = mistakes(&text);
        proptest::prop_assert!(found.iter().all(|(code, _)| *code != ErrorCode::ConfigSyntax));
        // No [[route]] has an upstream, or it is one of the values above: that is always a mistake.
        proptest::prop_assert!(found.iter().any(|(_, path)| path.ends_with(".upstream")), "{text}");
    }
}

/// `[notices]` with mail, and these lines in it.
fn with_email(more: &str) -> String {
    section(&format!(
        "[notices]\nemail = {{ server = 'mail.example.com:587', from = 'samlgate@example.com', \
         to = ['ops@example.com']{more} }}"
    ))
}

#[test]
fn administrators_are_told_by_mail_and_requests() {
    let config = good(&section("[notices]\ndays = [7, 90, 7]")).config;
    assert_eq!(*config.notices.days, [90, 7]);
    assert!(config.notices.email.is_none());
    let email = good(&with_email(", user = 'a', password = 'b'")).config.notices.email.unwrap();
    assert_eq!((email.host.as_str(), email.port), ("mail.example.com", 587));
    for more in [
        ", user = 'a'",
        ", security = 'none', user = 'a', password = 'b'",
        ", security = 'maybe'",
    ] {
        let wrong = with_email(more);
        refused(
            &wrong,
            if more.contains("security") {
                "notices.email.security"
            } else {
                "notices.email.user"
            },
        );
    }
    refused(
        &with_email("").replace("'ops@example.com'", ""),
        "notices.email.to",
    );
    refused(&with_email("").replace(":587", ""), "notices.email.server");
    refused(
        &with_email("").replace("'ops@", "'ops "),
        "notices.email.to",
    );
    refused(&section("[notices]\ndays = [0]"), "notices.days");
    refused(&section("[notices]\ndays = '7'"), "notices.days");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let hook = format!("{HOOK}secret_file = {file:?}\nformat = 'slack'\n");
    let hooks = good(&route(&hook)).config.notices.webhooks;
    assert_eq!(
        hooks[0].secret.as_ref().unwrap().reveal(),
        "0123456789abcdef"
    );
    for (wrong, key) in [
        (
            format!("{HOOK}secret = 'short'"),
            "notice_webhook[ops].secret",
        ),
        (
            format!("{hook}secret = '0123456789abcdef'"),
            "notice_webhook[ops].secret_file",
        ),
        (HOOK.replace("https:", "http:"), "notice_webhook[ops].url"),
        (
            HOOK.replace("url", "url_file"),
            "notice_webhook[ops].url_file",
        ),
        (format!("{HOOK}{HOOK}"), "notice_webhook[ops].name"),
        (HOOK.replace("url", "#"), "notice_webhook[ops].url"),
    ] {
        refused(&route(&wrong), key);
    }
}

#[test]
fn a_service_of_attributes_that_our_metadata_does_not_have_is_warned_of() {
    let asks = idp("attribute_consuming_service_index = 2");
    let warned = |text: &str| {
        let warnings = good(text).warnings;
        warnings.into_iter().map(|warning| warning.path).collect::<Vec<_>>()
    };
    assert_eq!(
        warned(&asks),
        ["idp[corp].attribute_consuming_service_index"]
    );
    let service = "[[saml_attribute]]\nname = \"mail\"\nservice = 2\n";
    assert!(warned(&format!("{asks}{service}")).is_empty());
}
