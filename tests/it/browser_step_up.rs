//! Step-up with a real browser, and pysaml2 as the identity provider: its own reading of what is asked
//! for decides by which method somebody signs in there.

use fantoccini::Locator;
use http::Method;

use crate::support::gateway::Setup;
use crate::support::http::Ask;
use crate::support::peers::Idp;
use crate::support::stage::Stage;

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MFA: &str = "https://refeds.org/profile/mfa";

/// An identity provider with these methods, and a page of the application that asks for more.
async fn set(methods: &[&str], route: &str) -> Stage {
    let order = format!("authn_context_order = [{PASSWORD:?}, {MFA:?}]");
    let setup = Setup::https().set("saml", &order);
    let options = [&["--methods"], methods].concat();
    let idp = Idp::pysaml2(&setup, &options).await;
    let attributes = ["user_name = [\"urn:oid:0.9.2342.19200300.100.1.1\"]"];
    Stage::with_routes(setup, idp, "corp", &attributes, "", &[("/.web/css", route)]).await
}

#[tokio::test]
async fn who_opens_a_page_that_asks_for_more_gives_it_and_lands_there() {
    let minimum = format!("authn_context = [{MFA:?}]\nauthn_context_comparison = \"minimum\"");
    let stage = set(&[PASSWORD, MFA], &minimum).await;
    let (browser, gateway) = (&stage.browser, &stage.gateway);
    stage.sign_in_to("/.web/", "alice").await;
    let acr = async || {
        browser.goto(&gateway.url("/.samlgate/user")).await;
        let user: serde_json::Value = serde_json::from_str(&browser.text("body").await).unwrap();
        user["acr"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(acr().await, PASSWORD);
    // She is signed in there too, and is asked all the same.
    let page = gateway.url("/.web/css/main.css?x=1");
    browser.goto(&page).await;
    browser.sign_in_at(&stage.idp, "alice").await;
    browser.arrives_at(&page).await;
    assert_eq!(acr().await, MFA);
    // Once is enough.
    browser.goto(&page).await;
    browser.arrives_at(&page).await;
    assert_eq!(stage.codes().await, [None, None]);
}

#[tokio::test]
async fn what_the_identity_provider_does_not_have_is_said_and_she_stays_signed_in() {
    let stage = set(&[PASSWORD], &format!("authn_context = [{MFA:?}]")).await;
    let browser = &stage.browser;
    stage.sign_in_to("/.web/", "alice").await;
    browser.goto(&stage.gateway.url("/.web/css/main.css")).await;
    let said = "Your organisation can not sign you in by the method that is needed here.";
    browser.reads(".lead", said).await;
    pictures(&stage, "no-authn-context").await;
    assert_eq!(stage.codes().await, [None, Some("idp.status".to_owned())]);
    let page = stage.gateway.url("/.web/");
    browser.goto(&page).await;
    browser.arrives_at(&page).await;
    assert_eq!(browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn an_age_has_people_asked_again_who_are_signed_in_there() {
    let stage = set(&[PASSWORD], "max_authn_age = \"0s\"").await;
    let (browser, gateway) = (&stage.browser, &stage.gateway);
    let page = gateway.url("/.web/css/main.css");
    browser.goto(&page).await;
    browser.sign_in_at(&stage.idp, "alice").await;
    browser.arrives_at(&page).await;
    // A browser that forgets us alone: the identity provider still knows alice.
    browser.client().delete_cookie(gateway.session_cookie()).await.unwrap();
    browser.goto(&page).await;
    browser.sign_in_at(&stage.idp, "alice").await;
    browser.arrives_at(&page).await;
    assert_eq!(stage.codes().await, [None, None]);
}

#[tokio::test]
async fn passively_pysaml2_says_that_nobody_is_there_and_afterwards_who_is() {
    let stage = set(&[PASSWORD], "max_authn_age = \"1h\"").await;
    let (browser, gateway) = (&stage.browser, &stage.gateway);
    let passive = gateway.url("/.samlgate/start?idp=corp&passive=1&rd=/.web/");
    browser.goto(&passive).await;
    browser.reads(".lead", "You are not signed in at your organisation.").await;
    pictures(&stage, "no-passive").await;
    let button = browser.client().find(Locator::Css("a.button")).await.unwrap();
    assert_eq!(button.text().await.unwrap(), "Sign in");
    button.click().await.unwrap();
    browser.sign_in_at(&stage.idp, "alice").await;
    browser.arrives_at(&gateway.url("/.web/")).await;
    browser.client().delete_cookie(gateway.session_cookie()).await.unwrap();
    browser.goto(&passive).await;
    browser.arrives_at(&gateway.url("/.web/")).await;
}

/// The page as it is, on a desk and in a hand, in daylight and at night.
async fn pictures(stage: &Stage, name: &str) {
    let browser = &stage.browser;
    browser.screenshot(&format!("step-up-{name}-desktop")).await;
    browser.client().set_window_size(500, 900).await.unwrap();
    browser.screenshot(&format!("step-up-{name}-narrow")).await;
    browser.client().set_window_size(1200, 900).await.unwrap();
}

#[tokio::test]
async fn a_script_of_a_page_is_told_where_its_person_signs_in_better() {
    let stage = set(&[PASSWORD, MFA], &format!("authn_context = [{MFA:?}]")).await;
    stage.sign_in_to("/.web/", "alice").await;
    let script = "const done = arguments[0];
        fetch('/.web/css/main.css').then(async (answer) =>
            done([answer.status, answer.headers.get('www-authenticate'), await answer.json()]));";
    let told = stage.browser.client().execute_async(script, Vec::new()).await.unwrap();
    assert_eq!(told[0], 401, "{told}");
    assert!(
        told[1].as_str().unwrap().contains("insufficient_user_authentication"),
        "{told}"
    );
    stage.browser.goto(told[2]["login_url"].as_str().unwrap()).await;
    stage.browser.sign_in_at(&stage.idp, "alice").await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/")).await;
    // Without a session there is no such answer.
    let ask = Ask::new(Method::GET, &stage.gateway.url("/.web/css/main.css"));
    let answer = stage.gateway.visitor().send(ask.header("accept", "text/css")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("www-authenticate")),
        (401, "")
    );
}
