//! Forms that were sent without a session.

use http::Method;
use serde_json::json;

use super::world::Town;
use crate::support::app::received;
use crate::support::http::{Answer, Ask, Visitor};

const FORM: &str = "application/x-www-form-urlencoded";

fn post(town: &Town, url: &str, kind: &str, body: impl Into<bytes::Bytes>) -> Ask {
    let origin = url.find("/form").map_or(url, |end| &url[..end]);
    assert!(origin.contains(town.url("").rsplit(':').next().unwrap()));
    Ask::new(Method::POST, url)
        .navigating()
        .header("content-type", kind)
        .header("origin", origin)
        .header("sec-fetch-site", "same-origin")
        .body(body)
}

/// A form is sent without a session; what follows until the page that sends it again.
async fn until_sign_in(town: &Town, visitor: &mut Visitor, ask: Ask) -> Answer {
    let kept = visitor.send(ask).await;
    assert_eq!(kept.status, 401, "{}", kept.text());
    let next = kept.header("refresh").strip_prefix("0; url=");
    let next = next.unwrap_or_else(|| panic!("not kept: {}", kept.text()));
    assert!(
        kept.text().contains("Your session ended before"),
        "{}",
        kept.text()
    );
    let start = visitor.get(next).await;
    let start = town.follow(visitor, start).await;
    let landing = town.sign_in(visitor, &start).await;
    town.follow(visitor, landing).await
}

#[tokio::test]
async fn a_form_arrives_after_login_byte_for_byte_and_once() {
    let town = Town::found().await;
    for url in [town.url("/form?step=2"), town.wiki("/form?step=2")] {
        let mut visitor = town.gateway.visitor();
        let body = "name=Alice+%26+Bob&umlaut=%E4&note=a%0D%0Ab&empty=&name=again";
        let page = until_sign_in(&town, &mut visitor, post(&town, &url, FORM, body)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let note = page.form();
        assert_eq!((&*note.action, &*note.method), (&*url, "post"));
        let sent = visitor.submit(&page, &note).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        let echo = sent.json();
        assert_eq!(
            (&echo["method"], &echo["path"]),
            (&json!("POST"), &json!("/form?step=2"))
        );
        assert_eq!(echo["body"], body);
        assert_eq!(received(&echo, "content-type"), [FORM]);
        assert_eq!(received(&echo, "content-length"), [body.len().to_string()]);
        assert_eq!(received(&echo, "remote-user"), ["alice@example.com"]);
        let again = visitor.submit(&page, &note).await;
        assert_eq!(again.status, 410);
        assert_eq!(town.gateway.code_of(&again).await, "form.gone");
    }
}

#[tokio::test]
async fn files_come_with_it() {
    let town = Town::found().await;
    let mut visitor = town.gateway.visitor();
    let kind = "multipart/form-data; boundary=----x";
    let mut body =
        b"------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
            .to_vec();
    body.extend((0..=127_u8).cycle().take(300_000));
    body.extend(b"\r\n------x--\r\n");
    let ask = post(&town, &town.url("/form"), kind, body.clone());
    let page = until_sign_in(&town, &mut visitor, ask).await;
    let echo = visitor.submit(&page, &page.form()).await.json();
    assert_eq!(received(&echo, "content-type"), [kind]);
    assert_eq!(echo["body"].as_str().unwrap().as_bytes(), body);
}

#[tokio::test]
async fn a_kept_form_is_nobody_elses() {
    let town = Town::found().await;
    let mut alice = town.gateway.visitor();
    let form = post(&town, &town.url("/form"), FORM, "secret=1");
    let page = until_sign_in(&town, &mut alice, form).await;
    let note = page.form();
    let token = note.value("samlgate-form").unwrap().to_owned();
    // Another browser, signed in, with the token; and another address in the same browser.
    let mut mallory = town.alice().await;
    let stolen = mallory.submit(&page, &note).await;
    assert_eq!(stolen.status, 410);
    assert!(stolen.header("content-type").starts_with("text/html"));
    assert!(!stolen.text().contains("secret"), "{}", stolen.text());
    assert_eq!(town.gateway.code_of(&stolen).await, "form.gone");
    // The page that sends it says nothing of it, whoever opens it.
    let opened = mallory.get(page.url.as_str()).await;
    assert!(!opened.text().contains("secret"), "{}", opened.text());
    let note_to = |path: &str| {
        let fields = [("samlgate-form".to_owned(), token.clone())];
        Ask::new(Method::POST, &town.url(path)).navigating().form(&fields)
    };
    let elsewhere = alice.send(note_to("/form/delete")).await;
    assert_eq!(town.gateway.code_of(&elsewhere).await, "form.gone");
    // Both have changed nothing.
    let sent = alice.submit(&page, &note).await;
    assert_eq!(sent.json()["body"], "secret=1");
    // In the database it could not be read.
    let query = "SELECT count(*) FROM kept WHERE instr(value, 'secret') > 0";
    let readable: i64 = sqlx::query_scalar(query)
        .fetch_one(&town.gateway.database().await)
        .await
        .unwrap();
    assert_eq!(readable, 0);
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_refused_as_before() {
    let more = "[[route]]\npath = \"/form/other\"\nupstream = [\"APP\"]\nform_post = \"refuse\"\n";
    let town = Town::with(more).await;
    let url = town.url("/form");
    let cross_site = Ask::new(Method::POST, &url)
        .navigating()
        .header("content-type", FORM)
        .header("origin", "https://evil.example")
        .body("a=1");
    let fetched = post(&town, &url, FORM, "a=1").header("x-requested-with", "XMLHttpRequest");
    for (name, ask, program) in [
        ("cross-site", cross_site, false),
        (
            "cross-site, says the browser",
            Ask::new(Method::POST, &url)
                .navigating()
                .header("content-type", FORM)
                .header("sec-fetch-site", "cross-site")
                .header("origin", &town.url(""))
                .body("a=1"),
            false,
        ),
        (
            "nobody knows where it is from",
            Ask::new(Method::POST, &url)
                .navigating()
                .header("content-type", FORM)
                .body("a=1"),
            false,
        ),
        (
            "too large",
            post(&town, &url, FORM, vec![b'a'; 1024 * 1024 + 1]),
            false,
        ),
        ("text", post(&town, &url, "text/plain", "a=1"), false),
        (
            "by option",
            post(&town, &town.url("/form/other"), FORM, "a=1"),
            false,
        ),
        ("a script", fetched, true),
    ] {
        let answer = town.gateway.visitor().send(ask).await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.headers.get("refresh").is_none(), "{name}");
        assert!(answer.headers.get("set-cookie").is_none(), "{name}");
        if program {
            assert_eq!(answer.json()["error"], "unauthenticated", "{name}");
        } else {
            assert!(answer.text().contains("Your form was not sent."), "{name}");
        }
    }
    let query = "SELECT count(*) FROM kept";
    let kept: i64 = sqlx::query_scalar(query)
        .fetch_one(&town.gateway.database().await)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn a_note_never_reaches_the_application() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let note = |token: &str| format!("samlgate-form={token}");
    let invented = post(&town, &town.url("/form"), FORM, note(&"x".repeat(43)));
    let answer = alice.send(invented).await;
    assert_eq!(answer.status, 410);
    assert_eq!(town.gateway.code_of(&answer).await, "form.gone");
    // What merely has its length goes through.
    let other = "a".repeat(note(&"x".repeat(43)).len());
    let answer = alice.send(post(&town, &town.url("/form"), FORM, other.clone())).await;
    assert_eq!(answer.json()["body"], other);
    // Without a session a note goes back to its page, and is no form to be kept.
    let mut nobody = town.gateway.visitor();
    let ask = post(&town, &town.url("/form"), FORM, note(&"x".repeat(43)));
    let answer = nobody.send(ask).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer.header("location").contains("/.samlgate/form"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn the_page_that_sends_a_form_wants_a_session_and_a_form() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let token = "x".repeat(43);
    for query in [
        String::new(),
        "form=short&to=/form".to_owned(),
        format!("form={token}"),
        format!("form={token}&to=https://evil.example/"),
        format!("form={token}&to=//evil.example/"),
        format!("form={token}&to=/.samlgate/sign_out"),
    ] {
        let answer = alice.get(&town.url(&format!("/.samlgate/form?{query}"))).await;
        assert_eq!(answer.status, 410, "{query}");
        assert_eq!(town.gateway.code_of(&answer).await, "form.gone", "{query}");
    }
    let page = town.url(&format!("/.samlgate/form?form={token}&to=/form"));
    let answer = town.gateway.visitor().get(&page).await;
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").starts_with("/.samlgate/sign_in?rd=/.samlgate/form"));
}
