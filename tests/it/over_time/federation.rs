//! `samlgate idp import` of what a federation publishes.

use std::process::Output;

use samlgate::dsig::SigningKey;
use serde_json::Value;

use super::host::{Host, Says};
use super::world::{SSO, aggregate, key, metadata, signed};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Visitor;

const UNTIL: &str = "2036-12-01T00:00:00Z";

fn entity_id(number: usize) -> String {
    format!("https://idp{number}.example.com/metadata")
}

async fn gateway() -> Gateway {
    Setup::http().quick_key().route("http://127.0.0.1:9", "").start().await
}

fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    gateway.command(&[&["idp", "import"], arguments].concat()).output().unwrap()
}

fn refused(output: &Output, code: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(code), "{said}");
}

fn names(gateway: &Gateway) -> Vec<String> {
    let output = gateway.command(&["idp", "list", "--json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |idp: &Value| idp["entity_id"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_is_imported_as_a_whole_or_in_part_if_it_is_signed() {
    let gateway = gateway().await;
    let (federation, one) = (key("federation"), key("one"));
    let entities: Vec<String> =
        (0..450).map(|number| metadata(&entity_id(number), "", SSO, &[&one])).collect();
    let host = Host::saying(Says::Document(
        aggregate(&entities, UNTIL, &federation),
        "\"1\"",
    ));
    let url = host.url("/all.xml");
    let file = |name: &str, pem: String| {
        let path = gateway.folder().join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("federation.crt", federation.certificate_pem().unwrap());
    let stranger = file("stranger.crt", key("stranger").certificate_pem().unwrap());
    let (first, last) = (entity_id(0), entity_id(449));
    let signed_by = "--metadata-signing-certificate";

    refused(
        &run(&gateway, &[&url, "--entity-id", &first]),
        "md.signature",
    );
    refused(&run(&gateway, &[&url, "--all"]), "md.signature");
    refused(
        &run(&gateway, &[&url, "--all", signed_by, &stranger]),
        "md.signature",
    );
    let nobody = [
        &*url,
        "--entity-id",
        &first,
        "--entity-id",
        "x",
        signed_by,
        &certificate,
    ];
    refused(&run(&gateway, &nobody), "md.entity");
    assert!(names(&gateway).is_empty());

    let two = [
        &*url,
        "--entity-id",
        &first,
        "--entity-id",
        &last,
        signed_by,
        &certificate,
    ];
    let imported = run(&gateway, &two);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(names(&gateway), [first, last]);
    let imported = run(&gateway, &[&url, "--all", signed_by, &certificate]);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(names(&gateway).len(), 450);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_federation_that_is_imported_again_writes_what_is_other() {
    let gateway = gateway().await;
    let Federation { host, document, key, all } = federation(&gateway);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let imported = run(&gateway, &all);
    assert!(said(&imported).contains("imported 120;"), "{imported:?}");
    let again = run(&gateway, &all);
    assert!(
        said(&again).contains("nothing is other than before: 120"),
        "{again:?}"
    );
    let mut changed = document;
    changed[7] = metadata(
        &entity_id(7),
        "",
        "https://elsewhere.example.com/sso",
        &[&key],
    );
    changed.push(metadata(&entity_id(120), "", SSO, &[&key]));
    host.says(Says::Document(aggregate(&changed, UNTIL, &key), "\"2\""));
    let third = run(&gateway, &all);
    assert!(said(&third).contains("imported 2;"), "{third:?}");
    assert!(said(&third).contains("119 are as they were"), "{third:?}");
    assert_eq!(names(&gateway).len(), 121);
    let shown = gateway.command(&["idp", "list", "--json"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("https://elsewhere.example.com/sso"),
        "{shown}"
    );
}

/// A host of 120 in one document, and the words that import all of them.
struct Federation {
    host: Host,
    document: Vec<String>,
    key: SigningKey,
    all: Vec<String>,
}

fn federation(gateway: &Gateway) -> Federation {
    let key = key("federation");
    let document: Vec<String> =
        (0..120).map(|number| metadata(&entity_id(number), "", SSO, &[&key])).collect();
    let host = Host::saying(Says::Document(aggregate(&document, UNTIL, &key), "\"1\""));
    let certificate = gateway.folder().join("federation.crt");
    std::fs::write(&certificate, key.certificate_pem().unwrap()).unwrap();
    let certificate = certificate.to_str().unwrap().to_owned();
    let words = [
        "--all".to_owned(),
        "--metadata-signing-certificate".to_owned(),
        certificate,
    ];
    let all = [&[host.url("/all.xml")], &words[..]].concat();
    Federation { host, document, key, all }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_dozens_are_looked_for_by_name_and_asked_for_once() {
    let gateway = gateway().await;
    let Federation { host, all, .. } = federation(&gateway);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let imported = run(&gateway, &all);
    assert!(imported.status.success(), "{imported:?}");
    gateway.has_logged("\"identity providers ready\",\"count\":120", 1).await;

    let mut visitor = Visitor::new();
    let mut page = async |query: &str| {
        let path = format!("/.samlgate/sign_in?rd=/reports{query}");
        visitor.get(&gateway.url(&path)).await.text()
    };
    let buttons = |page: &str| page.matches("/.samlgate/start?idp=").count();
    let first = page("").await;
    assert_eq!(buttons(&first), 20);
    assert!(
        first.contains("120 organisations") && first.contains("1–20"),
        "{first}"
    );
    assert!(
        first.contains("<a rel=\"next\"") && !first.contains("<a rel=\"prev\""),
        "{first}"
    );
    let last = page("&page=6").await;
    assert_eq!(buttons(&last), 20);
    assert!(
        !last.contains("<a rel=\"next\"") && last.contains("<a rel=\"prev\""),
        "{last}"
    );
    // What is behind the last page is the last page, and nobody is nobody.
    assert_eq!(page("&page=4711").await, last);
    let found = page("&q=IDP119.example").await;
    assert_eq!(buttons(&found), 1, "{found}");
    assert_eq!(buttons(&page("&q=alice%40idp118.example.com").await), 1);
    let nobody = page("&q=%22%3E%3Cb%3E").await;
    assert_eq!(buttons(&nobody), 0);
    assert!(!nobody.contains("<b>"), "{nobody}");

    // The gateway did not ask again for what the command had asked for.
    assert_eq!(host.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_mdq_server_is_asked_for_one_entity() {
    let gateway = gateway().await;
    let (server, one) = (key("mdq"), key("one"));
    let until = format!(r#" ID="_e" validUntil="{UNTIL}""#);
    let answer = metadata(&entity_id(1), &until, SSO, &[&one]);
    let host = Host::saying(Says::Document(answer.clone(), "\"1\""));
    let base = host.url("/mdq");
    let certificate = gateway.folder().join("mdq.crt");
    std::fs::write(&certificate, server.certificate_pem().unwrap()).unwrap();
    let certificate = certificate.to_str().unwrap();
    let id = entity_id(1);
    let asked = ["--mdq", &*base, "--entity-id", &id, "--name", "one"];
    refused(&run(&gateway, &asked), "md.signature");
    let trusted = [&asked[..], &["--metadata-signing-certificate", certificate]].concat();
    refused(&run(&gateway, &trusted), "md.signature");
    host.says(Says::Document(signed(&answer, "_e", &server), "\"2\""));
    let imported = run(&gateway, &trusted);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(names(&gateway), [id]);
    let refreshed = gateway.command(&["idp", "refresh", "one"]).output().unwrap();
    assert!(refreshed.status.success(), "{refreshed:?}");
}
