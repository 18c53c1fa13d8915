//! A person with a real browser, pysaml2 as the identity provider, Radicale as the application.
//!
//! The gateway is at `https://localhost` and the identity provider at `http://127.0.0.1`: to the
//! browser another site, as in production, so that `SameSite` decides which cookies come along.

use fantoccini::Locator;
use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::http::Ask;
use crate::support::peers::Idp;
use crate::support::stage::Stage;

/// How pysaml2 names what we map: LDAP's object identifiers.
const ATTRIBUTES: [&str; 3] = [
    "user_name = [\"urn:oid:0.9.2342.19200300.100.1.1\"]",
    "email = [\"urn:oid:0.9.2342.19200300.100.1.3\"]",
    "groups = [\"urn:oid:1.3.6.1.4.1.5923.1.5.1.1\"]",
];

async fn set(options: &[&str], idp_settings: &str) -> Stage {
    let setup = Setup::https();
    let idp = Idp::pysaml2(&setup, options).await;
    Stage::with(setup, idp, "corp", &ATTRIBUTES, idp_settings).await
}

#[tokio::test]
async fn a_deep_link_with_its_query_is_where_one_arrives() {
    let stage = set(&[], "").await;
    let page = stage.gateway.url("/.web/?view=week&q=caf%C3%A9%20%26%20cake");
    stage.browser.goto(&page).await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.arrives_at(&page).await;
    stage.browser.reads("#logoutview [data-name=user]", "alice's Collections").await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn signed_requests_by_post_and_a_signed_response_are_understood() {
    let options = [
        "--only-post",
        "--want-authn-requests-signed",
        "--sign",
        "both",
        "--sha",
        "512",
    ];
    let stage = set(&options, "").await;
    stage.sign_in_to("/.web/", "bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
    assert!(stage.idp.log().contains("POST /sso/post 303"));
}

#[tokio::test]
async fn signed_requests_by_redirect_and_a_response_signed_as_a_whole_are_understood() {
    let options = [
        "--want-authn-requests-signed",
        "--sign",
        "response",
        "--sha",
        "384",
    ];
    let stage = set(&options, "").await;
    stage.sign_in_to("/.web/", "carol").await;
    assert_eq!(stage.browser.who_am_i().await, "carol");
}

#[tokio::test]
async fn an_encrypted_assertion_signs_in() {
    // Encrypted by xmlsec1 to the key in our metadata; signed inside, and nothing outside.
    let stage = set(&["--encrypt", "aes256-gcm"], "want_encrypted = true").await;
    stage.sign_in_to("/.web/", "alice").await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn cbc_is_for_signed_responses() {
    let options = ["--encrypt", "aes128-cbc", "--sign"];
    let stage = set(&[&options[..], &["both"]].concat(), "").await;
    stage.sign_in_to("/.web/", "bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");

    let stage = set(&[&options[..], &["assertion"]].concat(), "").await;
    assert_eq!(refused(&stage).await, "enc.cbc_unsigned");
}

#[tokio::test]
async fn triple_des_is_for_those_who_may_until_a_day() {
    // What pysaml2 encrypts by when nobody tells it otherwise.
    let options = ["--encrypt", "tripledes-cbc", "--sign", "both"];
    let stage = set(&options, "allow_tripledes_until = \"2020-01-01\"").await;
    assert_eq!(refused(&stage).await, "enc.algorithm");
    let stage = set(&options, "allow_tripledes_until = \"2099-01-01\"").await;
    stage.sign_in_to("/.web/", "carol").await;
    assert_eq!(stage.browser.who_am_i().await, "carol");
}

/// Alice tries to sign in, and is not let in: the code.
async fn refused(stage: &Stage) -> String {
    stage.browser.goto(&stage.gateway.url("/.web/")).await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.text(".reference").await;
    let attempts = stage.gateway.login_attempts().await;
    attempts.last().and_then(|attempt| attempt.code.clone()).unwrap_or_default()
}

#[tokio::test]
async fn beginning_at_the_portal_leads_to_the_page_it_names() {
    let stage = set(&[], "allow_idp_initiated = true").await;
    stage.browser.goto(&stage.idp.portal_url("alice", "/.web/?from=portal")).await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/?from=portal")).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn beginning_at_the_portal_leads_nowhere_else() {
    let stage = set(&[], "allow_idp_initiated = true").await;
    stage
        .browser
        .goto(&stage.idp.portal_url("alice", "https://evil.example/"))
        .await;
    // Radicale sends everybody on from its first page.
    stage.browser.arrives_at(&stage.gateway.url("/.web/")).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn beginning_at_the_portal_is_proto_unsolicited_unless_allowed() {
    let stage = set(&[], "").await;
    stage.browser.goto(&stage.idp.portal_url("alice", "/.web/")).await;
    let reference = stage.browser.text(".reference").await;
    let attempts = stage.gateway.login_attempts().await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].reference, reference);
    assert_eq!(attempts[0].code.as_deref(), Some("proto.unsolicited"));
    assert_eq!(attempts[0].user, None);
    assert_eq!(
        stage.browser.cookie(stage.gateway.session_cookie()).await,
        None
    );
}

#[tokio::test]
async fn two_tabs_that_sign_in_side_by_side_each_reach_their_page() {
    let stage = set(&[], "").await;
    let (first, second) = (
        stage.gateway.url("/.web/?tab=1"),
        stage.gateway.url("/.web/?tab=2"),
    );
    stage.browser.goto(&first).await;
    stage.browser.text("form#login").await;
    let first_tab = stage.browser.new_tab().await;
    stage.browser.goto(&second).await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.arrives_at(&second).await;

    stage.browser.switch_to(first_tab).await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.arrives_at(&first).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn returning_to_the_address_of_the_login_page_leads_to_the_application() {
    let stage = set(&[], "").await;
    let page = stage.gateway.url("/.web/?once");
    stage.browser.goto(&page).await;
    stage.browser.text("form#login").await;
    // Where the back button leads to, or a bookmark: our request of a while ago.
    let login_page = stage.browser.address().await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.arrives_at(&page).await;
    let session = stage.browser.cookie(stage.gateway.session_cookie()).await;

    // The identity provider knows alice by now and answers it once more.
    stage.browser.goto(&login_page).await;
    stage.idp.has_logged("GET /sso/redirect 200", 2).await;
    stage.browser.arrives_at(&page).await;
    assert_eq!(
        stage.browser.cookie(stage.gateway.session_cookie()).await,
        session
    );
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn going_back_stays_in_the_application() {
    let stage = set(&[], "").await;
    // Pages without a script: those of Radicale write entries of their own into the history, each
    // time one returns to them.
    let first = stage.gateway.url("/.web/js/config.js");
    let second = stage.gateway.url("/.web/js/constants.js");
    stage.sign_in_to("/.web/js/config.js", "alice").await;
    stage.browser.goto(&second).await;
    stage.browser.arrives_at(&second).await;
    stage.browser.back_to(&first).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
    assert_eq!(stage.codes().await.len(), 1);
}

#[tokio::test]
async fn loading_the_page_again_after_signing_in_stays_in_the_application() {
    let stage = set(&[], "").await;
    stage.sign_in_to("/.web/", "alice").await;
    stage.browser.client().refresh().await.unwrap();
    stage.browser.arrives_at(&stage.gateway.url("/.web/")).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
    assert_eq!(stage.codes().await.len(), 1);
}

#[tokio::test]
async fn the_same_answer_sent_twice_leads_to_the_page_and_opens_no_second_session() {
    let stage = set(&[], "").await;
    let page = stage.gateway.url("/.web/?once");
    stage.browser.goto(&page).await;
    stage.browser.text("form#login").await;
    // What the browser does when the page that posts the answer is loaded again: the very same
    // bytes. A script on the login page keeps them for us.
    let fetch = "const done = arguments[0];
        const form = new FormData(document.getElementById('login'));
        form.set('user', 'alice');
        fetch('/login', { method: 'POST', body: new URLSearchParams(form) })
            .then((answer) => answer.text()).then(done);";
    let answer = stage.browser.client().execute_async(fetch, Vec::new()).await.unwrap();
    let send = "document.open(); document.write(arguments[0]); document.close();";
    stage.browser.client().execute(send, vec![answer.clone()]).await.unwrap();
    stage.browser.arrives_at(&page).await;
    let session = stage.browser.cookie(stage.gateway.session_cookie()).await;
    assert!(session.is_some());

    stage.browser.goto(&stage.idp.url("/")).await;
    stage.browser.client().execute(send, vec![json!(answer)]).await.unwrap();
    stage.browser.arrives_at(&page).await;
    assert_eq!(
        stage.browser.cookie(stage.gateway.session_cookie()).await,
        session
    );
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn cancelling_at_the_identity_provider_is_idp_status() {
    let stage = set(&[], "").await;
    stage.browser.goto(&stage.gateway.url("/.web/")).await;
    stage.browser.click("#cancel").await;
    let reference = stage.browser.text(".reference").await;
    let attempts = stage.gateway.login_attempts().await;
    let attempt = attempts.iter().find(|attempt| attempt.reference == reference).unwrap();
    assert_eq!(attempt.code.as_deref(), Some("idp.status"));
    assert_eq!(attempt.idp.as_deref(), Some("corp"));
}

#[tokio::test]
async fn signing_out_ends_the_session_for_every_copy_of_its_cookie() {
    let stage = set(&[], "").await;
    stage.sign_in_to("/.web/", "alice").await;
    let name = stage.gateway.session_cookie();
    let token = stage.browser.cookie(name).await.unwrap();
    stage.sign_out().await;

    let mut thief = stage.gateway.visitor();
    let ask = Ask::new(http::Method::GET, &stage.gateway.url("/.samlgate/user"));
    let answer = thief.send(ask.header("cookie", &format!("{name}={token}"))).await;
    assert_eq!(answer.status, 401, "{}", answer.text());

    // The identity provider still knows alice, and lets her in without asking.
    stage.browser.goto(&stage.gateway.url("/.web/")).await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/")).await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
    assert_ne!(stage.browser.cookie(name).await.unwrap(), token);
}

#[tokio::test]
async fn a_second_person_in_the_same_browser_is_never_taken_for_the_first() {
    let stage = set(&[], "").await;
    stage.sign_in_to("/.web/", "alice").await;
    stage.sign_out().await;
    stage.browser.goto(&stage.idp.url("/logout")).await;
    stage.sign_in_to("/.web/", "bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
    stage.browser.reads("#logoutview [data-name=user]", "bob's Collections").await;
    let attempts = stage.gateway.login_attempts().await;
    let users: Vec<_> = attempts.iter().filter_map(|attempt| attempt.user.as_deref()).collect();
    assert_eq!(users, ["alice", "bob"]);
}

#[tokio::test]
async fn a_second_person_from_the_portal_replaces_the_first() {
    let stage = set(&[], "allow_idp_initiated = true").await;
    stage.sign_in_to("/.web/", "alice").await;
    let old = stage.browser.cookie(stage.gateway.session_cookie()).await;
    stage.browser.goto(&stage.idp.portal_url("bob", "/.web/?bob")).await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/?bob")).await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
    assert_ne!(
        stage.browser.cookie(stage.gateway.session_cookie()).await,
        old
    );
    assert_eq!(stage.codes().await.len(), 2);
}

#[tokio::test]
async fn a_session_outlives_a_gateway_that_is_killed() {
    let mut stage = set(&[], "").await;
    stage.sign_in_to("/.web/", "alice").await;
    stage.gateway.kill9();
    stage.gateway.start_again().await;
    stage.browser.client().refresh().await.unwrap();
    stage.browser.client().find(Locator::Css("body")).await.unwrap();
    assert_eq!(stage.browser.address().await, stage.gateway.url("/.web/"));
    assert_eq!(stage.browser.who_am_i().await, "alice");
}
