//! B1 to B9: how the message comes.

use std::io::Write as _;

use http::Method;

use super::{Bend, Stage};
use crate::support::http::Ask;

#[tokio::test]
async fn the_acs_takes_posts_alone() {
    let stage = Stage::set("").await;
    for (times, method) in (1..).zip([Method::GET, Method::PUT, Method::DELETE]) {
        let url = format!("{}?SAMLResponse=PGEvPg%3D%3D&RelayState=x", stage.acs());
        let answer = stage.gateway.visitor().send(Ask::new(method.clone(), &url)).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "POST");
        stage.gateway.has_logged("\"binding.method\"", times).await;
    }
    assert!(stage.gateway.login_attempts().await.is_empty());
}

#[tokio::test]
async fn another_content_type_is_binding_method() {
    let stage = Stage::set("").await;
    for content_type in [
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
        "text/xml",
        "",
    ] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/").await;
        let xml = stage.idp.write(&stage.idp.answer(&request));
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(crate::support::idp::fields(xml, Some(&request.relay_state)))
            .finish();
        let ask = Ask::new(Method::POST, &stage.acs());
        let ask = ask.header("content-type", content_type).body(body);
        let answer = visitor.send(ask).await;
        stage.refused(&answer, "binding.method").await.unwrap();
    }
}

#[tokio::test]
async fn a_form_that_a_browser_would_not_send_is_refused() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[
            (
                "no SAMLResponse",
                "binding.params",
                Bend::Form(|_, relay| format!("RelayState={relay}")),
            ),
            (
                "nothing at all",
                "binding.params",
                Bend::Form(|_, _| String::new()),
            ),
            (
                "the parameter in other letters",
                "binding.params",
                Bend::Form(|xml, relay| format!("samlresponse={xml}&RelayState={relay}")),
            ),
            (
                "two SAMLResponse",
                "binding.params",
                Bend::Form(|xml, relay| {
                    format!("SAMLResponse={xml}&SAMLResponse={xml}&RelayState={relay}")
                }),
            ),
            (
                "a SAMLRequest beside it",
                "binding.params",
                Bend::Form(|xml, relay| {
                    format!("SAMLResponse={xml}&RelayState={relay}&SAMLRequest={xml}")
                }),
            ),
            (
                "two RelayState",
                "binding.params",
                Bend::Form(|xml, relay| {
                    format!("SAMLResponse={xml}&RelayState={relay}&RelayState={relay}")
                }),
            ),
            (
                "more than a mebibyte",
                "binding.size",
                Bend::Form(|xml, relay| {
                    format!(
                        "SAMLResponse={xml}&RelayState={relay}&more={}",
                        "x".repeat(1024 * 1024)
                    )
                }),
            ),
            (
                "a message of more than 256 KiB",
                "binding.size",
                Bend::Bytes(|xml| {
                    let room = 256 * 1024 + 1 - xml.len();
                    format!("{xml}{}", " ".repeat(room)).into_bytes()
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn base64_that_could_be_read_in_two_ways_is_binding_base64() {
    let stage = Stage::set("").await;
    let code = "binding.base64";
    stage
        .refuses(&[
            (
                "empty",
                code,
                Bend::Form(|_, relay| format!("SAMLResponse=&RelayState={relay}")),
            ),
            (
                "without its padding",
                code,
                Bend::Form(|_, relay| format!("SAMLResponse=PGEvPg&RelayState={relay}")),
            ),
            (
                "more behind the padding",
                code,
                Bend::Form(|_, relay| {
                    format!("SAMLResponse=PGEvPg%3D%3DPGEvPg%3D%3D&RelayState={relay}")
                }),
            ),
            (
                "bits left over",
                code,
                Bend::Form(|_, relay| format!("SAMLResponse=PGEvPh%3D%3D&RelayState={relay}")),
            ),
            (
                "the alphabet for addresses",
                code,
                Bend::Form(|_, relay| format!("SAMLResponse=PD94bWw_&RelayState={relay}")),
            ),
            (
                "another character",
                code,
                Bend::Form(|xml, relay| format!("SAMLResponse={xml}*&RelayState={relay}")),
            ),
            (
                "the XML itself",
                code,
                Bend::Form(|_, relay| format!("SAMLResponse=%3Ca%2F%3E&RelayState={relay}")),
            ),
        ])
        .await;
}

#[tokio::test]
async fn line_breaks_in_base64_are_read_over() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/reports").await;
    let mut fields = crate::support::idp::fields(
        stage.idp.write(&stage.idp.answer(&request)),
        Some(&request.relay_state),
    );
    let lines: Vec<&str> = fields[0]
        .1
        .as_bytes()
        .chunks(76)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    fields[0].1 = lines.join("\r\n");
    let answer = visitor.send(crate::support::idp::post(&stage.acs(), &fields)).await;
    stage.accepted(&mut visitor, &answer, "/reports").await;
}

#[tokio::test]
async fn a_posted_message_is_never_inflated() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[(
            "DEFLATE",
            "xml.encoding",
            Bend::Bytes(|xml| {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(xml.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }),
        )])
        .await;
}

#[tokio::test]
async fn a_relay_state_that_is_not_ours_is_ignored() {
    let stage = Stage::set("").await;
    let long = "a".repeat(81);
    let other_handle = "b".repeat(43);
    for (relay_state, read_as) in [
        (None, "absent"),
        (Some(""), "ignored"),
        (Some(long.as_str()), "ignored"),
        (Some("https://evil.example/"), "ignored"),
        (Some("//evil.example/"), "ignored"),
        (Some("javascript:alert(1)"), "ignored"),
        (Some("/.samlgate/sign_out"), "ignored"),
        (Some(other_handle.as_str()), "handle"),
        (Some("/elsewhere"), "page"),
    ] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/reports").await;
        let xml = stage.idp.write(&stage.idp.answer(&request));
        let answer = stage.carry(&mut visitor, xml, relay_state).await;
        // InResponseTo finds the request, in this browser alone, and so the page.
        stage.accepted(&mut visitor, &answer, "/reports").await;
        assert_eq!(
            stage.newest_detail("relay_state").await.as_deref(),
            Some(read_as)
        );
    }
}
