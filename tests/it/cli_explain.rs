//! `samlgate explain`: one message, every check, and what would come of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::{ErrorCode, IdpName, Timestamp};
use samlgate::saml::Vendor;
use samlgate::saml::authn_request::{AuthnRequest, Wishes};
use samlgate::saml::profile::{ASSERTION_RULES, RESPONSE_RULES};
use samlgate::store::SqliteStore;
use samlgate::trust::{IdpStore as _, ImportedIdp};
use serde_json::Value;

use super::corpus::{self, Case, Expect, Kind};
use super::support::idp::{Binding, Key, Response, Sign, TestIdp, element};

const AT: &str = "2026-11-21T12:00:00Z";
const SP: &str = "https://sp.example.com/saml/metadata";
const ACS: &str = "https://sp.example.com/saml/acs";

/// A message of noon that answers `_request`, right in every way.
fn message(idp: &TestIdp) -> Response {
    let mut response = idp.unsolicited("https://sp.example.com");
    response.id = "_response".to_owned();
    response.issue_instant = AT.to_owned();
    response.in_response_to = Some("_request".to_owned());
    response.assertion().id = "_assertion".to_owned();
    response.assertion().issue_instant = AT.to_owned();
    response.confirmation().in_response_to = Some("_request".to_owned());
    response.confirmation().not_on_or_after = Some("2026-11-21T12:05:00Z".to_owned());
    response.conditions().not_before = Some("2026-11-21T11:59:00Z".to_owned());
    response.conditions().not_on_or_after = Some("2026-11-21T12:05:00Z".to_owned());
    response.statement().authn_instant = "2026-11-21T11:59:30Z".to_owned();
    response.statement().session_not_on_or_after = Some("2026-11-21T20:00:00Z".to_owned());
    response
}

/// The same from the portal.
fn unsolicited(idp: &TestIdp) -> Response {
    let mut response = message(idp);
    response.in_response_to = None;
    response.confirmation().in_response_to = None;
    response
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
    // Not where a configuration is that would be found.
    let elsewhere = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    command.arg("explain").args(args).env_clear().current_dir(elsewhere);
    command
}

fn reading(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes it; that is its right.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Explains against the metadata of this identity provider alone, at noon.
fn explain(idp: &TestIdp, more: &[&str], input: impl AsRef<[u8]>) -> Output {
    let metadata = idp.metadata_file();
    let fixed = [
        "--idp-metadata",
        &metadata,
        "--sp-entity-id",
        SP,
        "--acs-url",
        ACS,
        "--at",
        AT,
    ];
    reading(command(&[&fixed[..], more].concat()), input.as_ref())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn answer(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Refused with this code, which is that of the one rule that fails; every rule behind it is
/// skipped, and both sides of it are told.
#[track_caller]
fn refused(output: &Output, code: &str) -> Value {
    let answer = answer(output, 1);
    assert_eq!(answer["error"]["code"], code, "{answer:#}");
    assert_eq!(answer["accepted"], false);
    assert_eq!(answer["identity"], Value::Null);
    let checks = answer["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|line| line["result"] == "fail").collect();
    let [failed] = failed.as_slice() else {
        panic!("{code}: {failed:?}")
    };
    assert_eq!(failed["code"], code);
    assert!(failed["found"].is_string(), "{failed}");
    let behind = checks.iter().skip_while(|line| line["result"] != "fail").skip(1);
    assert!(
        behind.clone().all(|line| line["result"] == "skip"),
        "{answer:#}"
    );
    // For what an identity provider reports there are sentences of their own, as at the ACS.
    let remedy = match code {
        "idp.status" => "IdP: its log says what went wrong there; our request was in order.",
        code => ErrorCode::find(code).unwrap().remedy(),
    };
    assert_eq!(answer["error"]["remedy"], remedy);
    answer
}

#[test]
fn a_message_is_explained_in_whatever_form_it_is_at_hand() {
    let idp = TestIdp::new("corp");
    let xml = idp.write(&message(&idp));
    let base64 = STANDARD.encode(&xml);
    let lines = base64.as_bytes().chunks(76).map(|line| format!("{}\r\n", text(line)));
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLResponse", &base64)
        .append_pair("RelayState", "x")
        .finish();
    let percent = form.split(['=', '&']).nth(1).unwrap().to_owned();
    let indented = format!("\u{feff}{xml}\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &xml).unwrap();
    let named = explain(&idp, &["--json", file.path().to_str().unwrap()], "");
    assert_eq!(answer(&named, 0)["accepted"], true);
    for input in [&xml, &indented, &base64, &lines.collect(), &percent, &form] {
        for args in [&["--json", "-"][..], &["--json"]] {
            let answer = answer(&explain(&idp, args, input), 0);
            assert_eq!(answer["accepted"], true, "{input}");
            assert_eq!(answer["error"], Value::Null);
            let identity = &answer["identity"];
            assert_eq!(identity["name_id"], "alice@example.com");
            assert_eq!(identity["session_index"], "_s1");
            assert_eq!(
                identity["groups"],
                serde_json::json!(["IT Managers", "Staff"])
            );
            assert_eq!(
                identity["attributes"],
                serde_json::json!({
                    "department": ["IT"],
                    "displayName": ["Alice Example"],
                    "groups": ["IT Managers", "Staff"],
                })
            );
        }
    }
}

#[test]
fn every_rule_of_the_profile_has_a_line_in_the_order_in_which_it_is_checked() {
    let idp = TestIdp::new("corp");
    let xml = idp.write(&message(&idp));
    let answer = answer(
        &explain(&idp, &["--json", "--in-response-to", "_request"], xml),
        0,
    );
    let checks = answer["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|line| line["name"].as_str().unwrap()).collect();
    let rules = RESPONSE_RULES.iter().map(|rule| format!("response.{rule}"));
    let rules = rules.chain(ASSERTION_RULES.iter().map(|rule| format!("assertion.{rule}")));
    let rules: Vec<_> = rules.collect();
    let begin = names.iter().position(|name| *name == rules[0]).unwrap();
    assert_eq!(names[begin..begin + rules.len()], rules);
    assert!(checks.iter().all(|line| line["result"] != "fail"));
    let result = |name: &str| {
        let line = checks.iter().find(|line| line["name"] == name).unwrap();
        line["result"].as_str().unwrap()
    };
    assert_eq!(result("response.in_response_to"), "pass");
    assert_eq!(result("assertion.subject.in_response_to"), "pass");
    assert_eq!(result("one_use"), "skip");
    assert_eq!(result("user"), "skip");
}

#[test]
fn what_a_message_answers_is_believed_only_where_nobody_said() {
    let idp = TestIdp::new("corp");
    let xml = idp.write(&message(&idp));
    let believed = answer(&explain(&idp, &["--json"], &xml), 0);
    let lines = believed["checks"].as_array().unwrap();
    for name in [
        "response.in_response_to",
        "assertion.subject.in_response_to",
    ] {
        let line = lines.iter().find(|line| line["name"] == name).unwrap();
        assert_eq!(line["result"], "skip");
    }
    assert!(believed["notes"][0].as_str().unwrap().contains("--in-response-to _request"));
    let code = "proto.in_response_to";
    refused(
        &explain(&idp, &["--json", "--in-response-to", "_other"], &xml),
        code,
    );
    refused(&explain(&idp, &["--json", "--unsolicited"], &xml), code);

    let portal = idp.write(&unsolicited(&idp));
    for args in [&["--json", "--unsolicited"][..], &["--json"]] {
        refused(&explain(&idp, args, &portal), "proto.unsolicited");
        let allowed = [args, &["--set", "allow_idp_initiated=true"]].concat();
        answer(&explain(&idp, &allowed, &portal), 0);
    }
    refused(
        &explain(&idp, &["--json", "--in-response-to", "_request"], &portal),
        code,
    );
}

#[test]
fn every_family_of_refusals_names_its_rule_and_both_sides_of_it() {
    type Bend = fn(&mut Response);
    let idp = TestIdp::new("corp");
    let bends: [(&str, Bend); 22] = [
        ("proto.version", |r| r.version = "1.1".into()),
        ("proto.destination", |r| {
            r.destination = Some("https://x.example.com/".into())
        }),
        ("proto.issuer", |r| {
            r.assertion().issuer = element("saml:Issuer", "", "https://x.example.com");
        }),
        ("idp.status", |r| {
            r.status = super::support::idp::status("urn:oasis:names:tc:SAML:2.0:status:Responder");
        }),
        ("time.issue_instant", |r| {
            r.issue_instant = "2026-11-20T12:00:00Z".into()
        }),
        ("time.syntax", |r| {
            r.issue_instant = "2026-11-21T12:00:00+00:00".into()
        }),
        ("subject.confirmation", |r| {
            r.confirmation().method = "urn:x".into()
        }),
        ("subject.recipient", |r| r.confirmation().recipient = None),
        ("subject.not_before", |r| {
            r.confirmation().not_before = Some(AT.into())
        }),
        ("subject.expired", |r| {
            r.confirmation().not_on_or_after = Some("2026-11-21T11:57:00Z".into());
        }),
        ("proto.in_response_to", |r| {
            r.confirmation().in_response_to = Some("_x".into())
        }),
        ("time.not_yet", |r| {
            r.conditions().not_before = Some("2026-11-21T12:03:01Z".into())
        }),
        ("time.expired", |r| {
            r.conditions().not_before = None;
            r.conditions().not_on_or_after = Some("2026-11-21T11:57:00Z".into());
        }),
        ("proto.audience", |r| {
            r.conditions().audiences = vec![vec!["https://x.example.com".into()]]
        }),
        ("proto.audience", |r| r.assertion().conditions = None),
        ("proto.condition", |r| {
            r.conditions().more = "<saml:Condition xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"x\"/>".into();
        }),
        ("authn.missing", |r| r.assertion().authn_statements.clear()),
        ("time.session", |r| {
            r.statement().session_not_on_or_after = Some("2026-11-21T11:57:00Z".into());
        }),
        ("subject.missing", |r| r.assertion().name_id = None),
        ("value.refused", |r| r.about("alice@example.com ")),
        ("proto.assertion_count", |r| {
            let mut second = r.assertion().clone();
            second.id = "_second".into();
            r.assertions.push(second);
        }),
        ("sig.missing", |r| r.sign = Sign::Nothing),
    ];
    for (code, bend) in bends {
        let mut response = message(&idp);
        bend(&mut response);
        refused(&explain(&idp, &["--json"], idp.write(&response)), code);
    }
}

#[test]
fn what_is_not_authentic_is_refused_where_it_is_noticed() {
    let idp = TestIdp::new("corp");
    let other = TestIdp::new("corp");
    let good = idp.write(&message(&idp));
    let root = good.replace("samlp:Response", "samlp:ManageNameIDResponse");
    for (code, input) in [
        ("binding.base64", "this is nothing at all".to_owned()),
        ("xml.syntax", good[..good.len() - 1].to_owned()),
        ("xml.dtd", format!("<!DOCTYPE x>{good}")),
        ("proto.root", root),
        (
            "xml.schema",
            good.replace("<samlp:Status>", "<samlp:Status x=\"y\">"),
        ),
        (
            "sig.digest",
            good.replace("alice@example.com", "carol@example.com"),
        ),
        ("sig.invalid", other.write(&message(&idp))),
    ] {
        refused(&explain(&idp, &["--json"], input), code);
    }
    let stranger = TestIdp::new("stranger");
    let mut portal = unsolicited(&stranger);
    portal.sign = Sign::Both;
    let args = ["--json", "--set", "allow_idp_initiated=true"];
    refused(
        &explain(&idp, &args, stranger.write(&portal)),
        "idp.unknown",
    );
    refused(
        &explain(&idp, &["--json", "--set", "enabled=false"], good),
        "idp.disabled",
    );
}

#[test]
fn a_response_in_an_address_is_decoded_and_refused() {
    let idp = TestIdp::new("corp");
    let xml = idp.write(&message(&idp));
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(xml.as_bytes()).unwrap();
    let mut url = url::Url::parse(ACS).unwrap();
    let value = STANDARD.encode(deflated.finish().unwrap());
    url.query_pairs_mut().append_pair("SAMLResponse", &value);
    refused(&explain(&idp, &["--json"], url.as_str()), "binding.method");
    refused(
        &explain(&idp, &["--json", "--binding", "redirect"], &xml),
        "binding.method",
    );
    let shown = text(&explain(&idp, &[], url.as_str()).stdout);
    assert!(
        shown.contains("_response") && shown.contains("HTTP-Redirect"),
        "{shown}"
    );
    let damaged = format!("{ACS}?SAMLRequest=x");
    refused(&explain(&idp, &["--json"], damaged), "binding.base64");
    let zlib = format!("{ACS}?SAMLRequest=eJyzSdS3AwACHwDz");
    refused(&explain(&idp, &["--json"], zlib), "binding.inflate");
}

#[test]
fn a_request_of_ours_is_decoded_and_nobody_here_takes_it() {
    let idp = TestIdp::new("corp");
    let metadata = std::fs::read_to_string(idp.metadata_file()).unwrap();
    let sso = metadata.split("SingleSignOnService").nth(1).unwrap();
    let destination = sso.split("Location=\"").nth(1).unwrap().split('"').next().unwrap();
    let wishes = Wishes::answer_to(ACS).for_vendor(Vendor::Generic).unwrap();
    let request = AuthnRequest {
        id: "_request",
        issue_instant: Timestamp::parse_saml(AT).unwrap(),
        destination,
        issuer: SP,
        wishes: &wishes,
    };
    let url = request.redirect_url("handle", None).unwrap();
    let answer = refused(&explain(&idp, &["--json"], &url), "proto.root");
    let note = answer["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("it is a request of ours to idp, not signed"),
        "{note}"
    );
    let shown = text(&explain(&idp, &[], &url).stdout);
    assert!(
        shown.contains("AssertionConsumerServiceURL  https://sp.example.com"),
        "{shown}"
    );
}

/// A case of the corpus, as somebody would explain it.
fn explained(case: &Case) -> Output {
    let saml = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/saml");
    let at = case.now.to_rfc3339();
    let mut command = command(&[
        "--sp-entity-id",
        SP,
        "--acs-url",
        ACS,
        "--json",
        "--at",
        &at,
    ]);
    // Whose answer it has to be, and another that is trusted too.
    for name in [case.idp.as_str(), "other"] {
        command.args(["--idp-metadata", &format!("{saml}/trust/{name}.xml")]);
    }
    for (key, value) in &case.settings {
        command.args(["--set", &format!("{key}={value}")]);
    }
    for name in &case.decrypt_keys {
        command.args(["--decrypt-key", &format!("{saml}/keys/{name}.key")]);
    }
    if let Some(id) = &case.in_response_to {
        command.args(["--in-response-to", id]);
    }
    let binding = match case.kind {
        Kind::LogoutRedirect => "redirect",
        Kind::LogoutSoap => "soap",
        _ => "post",
    };
    command.args(["--binding", binding]);
    if case.kind == Kind::LogoutPost {
        let name = case.in_response_to.as_ref().map_or("SAMLRequest", |_| "SAMLResponse");
        let message = STANDARD.encode(&case.body);
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        return reading(
            command,
            form.append_pair(name, &message).finish().as_bytes(),
        );
    }
    reading(command, &case.body)
}

#[test]
fn logout_messages_are_decided_as_the_corpus_says_by_whichever_binding_they_come() {
    let of = |kind| corpus::cases().into_iter().filter(move |case| case.kind == kind);
    let cases = of(Kind::LogoutRedirect).chain(of(Kind::LogoutPost)).chain(of(Kind::LogoutSoap));
    let mut accepted = 0;
    for case in cases {
        let output = explained(&case);
        let destination = b"Destination=\"https://sp.example.com/saml/slo\"";
        let is_for_browsers =
            case.body.windows(destination.len()).any(|bytes| bytes == destination);
        match &case.expect {
            // The corpus has one address for all; servers ask at another than browsers.
            Expect::Accept(_) if case.kind == Kind::LogoutSoap && is_for_browsers => {
                refused(&output, "proto.destination");
            }
            Expect::Accept(identity) => {
                let answer = answer(&output, 0);
                let name_id = serde_json::json!(identity.name_id);
                // A LogoutResponse is about nobody.
                let found = answer["identity"]["name_id"].clone();
                assert_eq!(found, name_id, "{}", case.path.display());
                accepted += 1;
            }
            Expect::Refuse(codes) => {
                let answer = answer(&output, 1);
                let code = answer["error"]["code"].as_str().unwrap();
                let known = codes.iter().any(|known| known.as_str() == code);
                assert!(known, "{}: {code}", case.path.display());
                refused(&output, code);
            }
        }
    }
    assert!(accepted > 15, "{accepted}");
}

#[test]
fn a_logout_message_is_explained_in_whatever_form_it_is_at_hand() {
    let idp = TestIdp::new("corp");
    let request = |destination: &str| {
        let xml = format!(
            "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_out\" Version=\"2.0\" \
             IssueInstant=\"{AT}\" Destination=\"{destination}\"><saml:Issuer>{}</saml:Issuer>\
             <saml:NameID>alice@example.com</saml:NameID></samlp:LogoutRequest>",
            idp.entity_id
        );
        idp.sign_element(xml, "_out")
    };
    let xml = request("https://sp.example.com/saml/slo");
    let base64 = STANDARD.encode(&xml);
    let value: String = url::form_urlencoded::byte_serialize(base64.as_bytes()).collect();
    let envelope = samlgate::saml::binding::soap::envelope;
    let served = envelope(&request("https://sp.example.com/saml/slo/soap"));
    for input in [
        xml.clone(),
        base64,
        value.clone(),
        format!("SAMLRequest={value}"),
        format!("RelayState=x&SAMLRequest={value}"),
        served,
    ] {
        let answer = answer(&explain(&idp, &["--json"], &input), 0);
        assert_eq!(
            answer["identity"]["name_id"], "alice@example.com",
            "{input}"
        );
        let names: Vec<_> = answer["checks"].as_array().unwrap().iter().collect();
        assert!(
            names.iter().any(|line| line["name"] == "signature.value"),
            "{names:?}"
        );
        assert!(
            names.iter().any(|line| line["name"] == "logout.destination"),
            "{names:?}"
        );
    }
    // One that is switched off may still sign people out.
    answer(
        &explain(&idp, &["--json", "--set", "enabled=false"], &xml),
        0,
    );
    // By the wrong way it is not addressed to us.
    let wrong = envelope(&xml);
    refused(&explain(&idp, &["--json"], wrong), "proto.destination");
    let forged = xml.replace("alice@", "bob@");
    refused(&explain(&idp, &["--json"], forged), "sig.digest");
    refused(
        &explain(&idp, &["--json"], format!("SAMLRequest=!{value}")),
        "binding.base64",
    );
    let other = TestIdp::new("other");
    refused(&explain(&other, &["--json"], &xml), "idp.unknown");
}

#[test]
fn an_encrypted_assertion_needs_the_key_and_is_read_by_it() {
    let cases = corpus::cases();
    let case = cases
        .into_iter()
        .find(|case| case.path.ends_with("valid/encrypted/data-aes256-gcm.case"))
        .unwrap();
    assert_eq!(case.decrypt_keys, ["sp"]);
    let read = answer(&explained(&case), 0);
    assert_eq!(read["identity"]["name_id"], "alice@example.com");
    let checks = read["checks"].as_array().unwrap();
    assert!(checks.iter().any(|line| line["name"] == "assertion.encryption.decrypted"));

    let without = refused(
        &explained(&Case { decrypt_keys: Vec::new(), ..case.clone() }),
        "enc.failed",
    );
    assert!(
        without["notes"].to_string().contains("add --decrypt-key"),
        "{without:#}"
    );
    let other = Case { decrypt_keys: vec!["sp-stranger".to_owned()], ..case.clone() };
    refused(&explained(&other), "enc.failed");
    let several = ["sp-stranger", "sp"].map(str::to_owned).to_vec();
    answer(&explained(&Case { decrypt_keys: several, ..case }), 0);
}

#[test]
fn a_setting_is_tried_with_the_words_of_the_configuration() {
    let old = TestIdp::with("corp", Key::rsa(2048), Binding::Redirect, false);
    let mut sha1 = message(&old);
    sha1.digest = "sha1";
    let sha1 = old.write(&sha1);
    let before = refused(&explain(&old, &["--json"], &sha1), "sig.algorithm");
    let notes = before["notes"].to_string();
    assert!(notes.contains("--set allow_sha1_until"), "{notes}");
    let over = ["--json", "--set", "allow_sha1_until=2026-11-21"];
    refused(&explain(&old, &over, &sha1), "sig.algorithm");
    let later = ["--json", "--set", "allow_sha1_until=2026-11-22"];
    let allowed = answer(&explain(&old, &later, &sha1), 0);
    let notes = allowed["notes"].to_string();
    assert!(notes.contains("only because allow_sha1_until"), "{notes}");

    let idp = TestIdp::new("corp");

    let xml = idp.write(&message(&idp));
    let context = "authn_context=urn:oasis:names:tc:SAML:2.0:ac:classes:X509";
    refused(
        &explain(&idp, &["--json", "--set", context], &xml),
        "authn.context",
    );
    refused(
        &explain(&idp, &["--json", "--set", "want_encrypted=true"], &xml),
        "enc.required",
    );
    let late = ["--json", "--at", "2026-11-21T12:06:00Z"];
    let metadata = idp.metadata_file();
    let at = |more: &[&str]| {
        let fixed = [
            "--idp-metadata",
            &metadata,
            "--sp-entity-id",
            SP,
            "--acs-url",
            ACS,
        ];
        reading(command(&[&fixed[..], &late, more].concat()), xml.as_bytes())
    };
    answer(&at(&[]), 0);
    refused(&at(&["--set", "clock_skew=30s"]), "subject.expired");
    for (wrong, words) in [
        ("allow_sha1=2030-01-01", "did you mean allow_sha1_until?"),
        ("allow_sha1_until=soon", "is not a day"),
        ("clock_skew=1h", "at most 300 s"),
        ("metadata_signing_certificate=x", "can not be read"),
    ] {
        let output = explain(&idp, &["--set", wrong], &xml);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(words), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn wrong_usage_exits_with_2_and_prints_no_verdict() {
    let idp = TestIdp::new("corp");
    let metadata = idp.metadata_file();
    for (args, words) in [
        (&[][..], "there is nothing to check the message against"),
        (&["--idp-metadata", &metadata], "--sp-entity-id"),
        (&["--sp-entity-id", SP], "--idp-metadata"),
        (
            &["--config", "a.toml", "--idp-metadata", "b.xml"],
            "cannot be used with",
        ),
        (
            &["--config", "/nonexistent/samlgate.toml"],
            "can not be read",
        ),
        (&["--at", "yesterday"], "2026-11-21T12:00:00Z"),
        (&["--set", "enabled"], "KEY=VALUE"),
        (
            &["--in-response-to", "_x", "--unsolicited"],
            "cannot be used with",
        ),
        (
            &["--binding", "artifact"],
            "possible values: post, redirect",
        ),
        (&["/nonexistent/message.xml"], "/nonexistent/message.xml"),
        (&["a.xml", "b.xml"], "unexpected argument"),
    ] {
        let output = reading(command(args), b"<a/>");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(words), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    for (input, more, words) in [
        ("", &[][..], "the input is empty"),
        ("https://app.example.com/", &[], "carries no SAMLResponse"),
        (
            "<a/>",
            &["--idp-metadata", "/nonexistent.xml"],
            "/nonexistent.xml",
        ),
        ("<a/>", &["--decrypt-key", &metadata], "not a readable key"),
    ] {
        let output = explain(&idp, more, input);
        let said = text(&output.stderr);
        assert!(said.contains(words), "{output:?}");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

/// Everything in a folder: names, contents, times.
fn everything(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            let content = std::fs::read(&path).unwrap();
            found.insert(path.display().to_string(), (content, changed));
        }
    }
    found
}

#[test]
fn a_configuration_says_who_we_are_and_what_attributes_mean_and_nothing_is_written() {
    let idp = TestIdp::new("corp");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("samlgate.toml");
    let settings = "[server]\npublic_url = \"https://sp.example.com\"\n\
         [attributes]\nuser_name = \"displayName\"\n\
         [[role]]\nname = \"it\"\ngroups = \"IT Managers\"\n\
         [[role]]\nname = \"nobody\"\ngroups = \"Nobody\"\n\
         [[route]]\nupstream = \"http://127.0.0.1:3000\"\n\
         [users]\ndatabase = \"sqlite://data/samlgate.db\"\n";
    std::fs::write(&config, settings).unwrap();
    let xml = idp.write(&message(&idp));
    let run = |more: &[&str]| {
        let mut command = command(&["--config", "samlgate.toml", "--at", AT, "--json"]);
        command.args(more).current_dir(folder.path());
        reading(command, xml.as_bytes())
    };

    let before = everything(folder.path());
    let nobody = run(&[]);
    assert_eq!(nobody.status.code(), Some(2), "{nobody:?}");
    assert_eq!(everything(folder.path()), before, "no database was made");

    let imported = Command::new(env!("CARGO_BIN_EXE_samlgate"))
        .args(["idp", "import", &idp.metadata_file(), "--name", "corp"])
        .args(["--config", "samlgate.toml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let before = everything(folder.path());
    assert!(
        !before.keys().any(|path| path.ends_with("-wal")),
        "the import has closed it"
    );
    let accepted = answer(&run(&[]), 0);
    assert_eq!(accepted["identity"]["user_name"], "Alice Example");
    assert_eq!(accepted["identity"]["roles"], serde_json::json!(["it"]));
    refused(&run(&["--set", "enabled=false"]), "idp.disabled");
    assert_eq!(everything(folder.path()), before, "nothing was written");
}

#[test]
fn nothing_is_written_beside_a_gateway_that_runs_nor_where_one_was_killed() {
    let idp = TestIdp::new("corp");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = "[server]\npublic_url = \"https://sp.example.com\"\n\
         [[route]]\nupstream = \"http://127.0.0.1:3000\"\n\
         [users]\ndatabase = \"sqlite://data/samlgate.db\"\n";
    std::fs::write(folder.path().join("samlgate.toml"), settings).unwrap();
    let xml = idp.write(&message(&idp));
    let run = || {
        let mut command = command(&["--config", "samlgate.toml", "--at", AT, "--json"]);
        command.current_dir(folder.path());
        answer(&reading(command, xml.as_bytes()), 0);
    };

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = data.join("samlgate.db");
    let running = runtime.block_on(async {
        let store = SqliteStore::open(path.to_str().unwrap()).await.unwrap();
        let record = ImportedIdp {
            name: IdpName::parse("corp").unwrap(),
            settings: serde_json::json!({}),
            metadata: std::fs::read_to_string(idp.metadata_file()).unwrap(),
            url: None,
            updated_at: Timestamp::EPOCH,
        };
        store.put(&record).await.unwrap();
        store
    });
    let before = everything(&data);
    assert_eq!(
        before.len(),
        3,
        "the import is in the WAL: {:?}",
        before.keys()
    );
    run();
    assert_eq!(everything(&data), before, "while it runs");

    // What a killed gateway leaves is what is on the disk now.
    let left: Vec<_> = before.iter().map(|(path, (bytes, _))| (path, bytes)).collect();
    runtime.block_on(running.close());
    assert_eq!(everything(&data).len(), 1, "a gateway that ends clears up");
    for (path, bytes) in left {
        std::fs::write(path, bytes).unwrap();
    }
    let before = everything(&data);
    run();
    assert_eq!(everything(&data), before, "where it was killed");
}

#[test]
fn metadata_that_was_never_fetched_can_be_named() {
    let idp = TestIdp::new("corp");
    let folder = tempfile::tempdir().unwrap();
    let settings = "[server]\npublic_url = \"https://sp.example.com\"\n\
         [[idp]]\nname = \"corp\"\nmetadata = \"https://idp.example.com/metadata\"\n\
         [[route]]\nupstream = \"http://127.0.0.1:3000\"\n";
    std::fs::write(folder.path().join("samlgate.toml"), settings).unwrap();
    let xml = idp.write(&message(&idp));
    let run = |more: &[&str]| {
        let mut command = command(&["--config", "samlgate.toml", "--at", AT, "--json"]);
        command.args(more).current_dir(folder.path());
        reading(command, xml.as_bytes())
    };
    let missing = run(&[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        text(&missing.stderr).contains("--set metadata=FILE"),
        "{missing:?}"
    );
    let named = format!("metadata={}", idp.metadata_file());
    answer(&run(&["--set", &named]), 0);
}

#[test]
fn metadata_that_has_expired_is_used_with_a_note() {
    let idp = TestIdp::new("corp");
    let metadata = std::fs::read_to_string(idp.metadata_file()).unwrap();
    let expired = metadata.replacen(
        " entityID",
        " validUntil=\"2026-11-01T00:00:00Z\" entityID",
        1,
    );
    std::fs::write(idp.metadata_file(), expired).unwrap();
    let answer = answer(&explain(&idp, &["--json"], idp.write(&message(&idp))), 0);
    assert!(
        answer["notes"].to_string().contains("2026-11-01"),
        "{answer:#}"
    );
    // What nobody named is looked at as the gateway does.
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\npublic_url = \"https://sp.example.com\"\n\
         [[route]]\nupstream = \"http://127.0.0.1:3000\"\n\
         [users]\ndatabase = \"sqlite://data/samlgate.db\"\n\
         [[idp]]\nname = \"corp\"\nmetadata = {:?}\n",
        idp.metadata_file()
    );
    let file = folder.path().join("samlgate.toml");
    std::fs::write(&file, config).unwrap();
    let args = ["--config", file.to_str().unwrap(), "--at", AT, "--json"];
    let message = idp.write(&message(&idp));
    refused(
        &reading(command(&args), message.as_bytes()),
        "md.valid_until",
    );
}

#[test]
fn another_address_of_another_service_provider_is_compared_as_it_was_written() {
    let idp = TestIdp::new("corp");
    let elsewhere = "https://sp.example.com/Shibboleth.sso/SAML2/POST?x";
    let mut response = message(&idp);
    response.destination = Some(elsewhere.to_owned());
    response.confirmation().recipient = Some(elsewhere.to_owned());
    let xml = idp.write(&response);
    refused(&explain(&idp, &["--json"], &xml), "proto.destination");
    let metadata = idp.metadata_file();
    let args = [
        "--idp-metadata",
        &metadata,
        "--sp-entity-id",
        SP,
        "--at",
        AT,
        "--json",
    ];
    let args = [&args[..], &["--acs-url", elsewhere]].concat();
    answer(&reading(command(&args), xml.as_bytes()), 0);
}

/// What a person reads, without what differs from run to run.
fn shown(idp: &TestIdp, more: &[&str], xml: &str) -> String {
    let output = explain(idp, more, xml);
    assert!(output.stderr.is_empty(), "{output:?}");
    let key = |word: &str| word.len() > 20 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lines = text(&output.stdout);
    let lines = lines.lines().map(|line| match line.rsplit_once(' ') {
        Some((before, last)) if key(last.trim_end_matches('…')) => format!("{before} (key)\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn a_person_reads_who_would_be_let_in() {
    let idp = TestIdp::new("corp");
    insta::assert_snapshot!(shown(&idp, &[], &idp.write(&message(&idp))));
}

#[test]
fn a_person_reads_which_rule_is_broken_and_who_has_to_change_what() {
    let idp = TestIdp::new("corp");
    let mut response = message(&idp);
    response.conditions().audiences = vec![vec!["https://sp.example.com".to_owned()]];
    let args = ["--in-response-to", "_request"];
    insta::assert_snapshot!(shown(&idp, &args, &idp.write(&response)));
}

#[test]
fn a_person_reads_when_a_message_would_have_been_in_time() {
    let idp = TestIdp::new("corp");
    let mut response = message(&idp);
    response.issue_instant = "2026-11-21T09:00:00Z".to_owned();
    insta::assert_snapshot!(shown(&idp, &[], &idp.write(&response)));
}
