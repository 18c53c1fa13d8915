//! What a link asks of a sign-in, in our words and in those of `mod_shib` and `mod_auth_mellon`.

use super::World;
use crate::support::forms;
use crate::support::http::Visitor;
use crate::support::idp::{AuthnRequest, Response, at};

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MFA: &str = "https://refeds.org/profile/mfa";
const KEY: &str = "urn:example:hardware-key";
const DEFAULT: &str = "default = true";

async fn world(corp: &str) -> World {
    World::with(corp, "email_domains = [\"partner.example\"]", |setup| {
        setup.set("saml", "legacy_paths = [\"shibboleth\", \"mellon\"]").set(
            "saml",
            &format!("authn_context_order = [{PASSWORD:?}, {MFA:?}, {KEY:?}]"),
        )
    })
    .await
}

fn by(context: &'static str, seconds: i64) -> impl Fn(&mut Response) {
    move |response| {
        let statement = response.statement();
        statement.context = Some(context.to_owned());
        statement.authn_instant = at(-seconds);
    }
}

impl World {
    /// Follows a link as far as the identity provider.
    async fn by_link(&self, visitor: &mut Visitor, link: &str) -> AuthnRequest {
        let mut answer = visitor.get(&self.gateway.url(link)).await;
        while answer.header("location").starts_with("/.samlgate/") {
            answer = visitor.follow(&answer).await;
        }
        self.corp.read(&answer)
    }

    /// The answer to it; RelayState may get lost on the way.
    async fn answers(
        &self,
        visitor: &mut Visitor,
        request: &AuthnRequest,
        relay_state: &str,
        bend: impl Fn(&mut Response),
    ) -> crate::support::http::Answer {
        let mut response = self.corp.answer(request);
        bend(&mut response);
        let acs = "/Shibboleth.sso/SAML2/POST";
        self.carry(visitor, acs, &self.corp.write(&response), relay_state).await
    }
}

#[tokio::test]
async fn what_a_link_asks_for_is_in_the_request_and_checked_in_the_answer() {
    let world = world(DEFAULT).await;
    let links = [
        "/Shibboleth.sso/Login?target=/x&forceAuthn=true&authnContextClassRef=https://refeds.org/profile/mfa",
        "/Shibboleth.sso/Login?target=/x&forceAuthn=1\
         &authnContextClassRef=https://refeds.org/profile/mfa%20urn:example:hardware-key",
        "/.samlgate/start?rd=/x&force=1&authn_context=https://refeds.org/profile/mfa\
         &authn_context_comparison=minimum",
    ];
    for link in links {
        for lost in [false, true] {
            let mut visitor = world.gateway.visitor();
            for (bend, code) in [
                (by(PASSWORD, 0), Some("authn.context")),
                (by(MFA, 3600), Some("authn.age")),
                (by(MFA, 0), None),
            ] {
                let request = world.by_link(&mut visitor, link).await;
                assert!(
                    request.xml.contains(" ForceAuthn=\"true\""),
                    "{}",
                    request.xml
                );
                assert!(request.xml.contains(&format!(">{MFA}<")), "{}", request.xml);
                let relay_state = if lost { "" } else { &request.relay_state };
                let answer = world.answers(&mut visitor, &request, relay_state, bend).await;
                match code {
                    Some(code) => world.refused(&mut visitor, &answer, code).await,
                    None => _ = world.accepted(&mut visitor, &answer, "/x").await,
                }
            }
        }
    }
    // Without these words, that very answer is enough.
    let mut visitor = world.gateway.visitor();
    let request = world
        .by_link(&mut visitor, "/Shibboleth.sso/Login?target=/x&forceAuthn=0")
        .await;
    assert!(!request.xml.contains("ForceAuthn=\"true\"") && !request.xml.contains("Requested"));
    let relay_state = request.relay_state.clone();
    let answer = world.answers(&mut visitor, &request, &relay_state, by(PASSWORD, 3600)).await;
    world.accepted(&mut visitor, &answer, "/x").await;
}

#[tokio::test]
async fn a_link_takes_nothing_away_from_what_the_operator_asks_for() {
    let world = world(&format!(
        "{DEFAULT}\nauthn_context = [{KEY:?}]\nforce_authn = true"
    ))
    .await;
    let link = "/Shibboleth.sso/Login?forceAuthn=false&authnContextClassRef=https://refeds.org/profile/mfa";
    let mut visitor = world.gateway.visitor();
    for (bend, code) in [(by(MFA, 0), "authn.context"), (by(KEY, 0), "authn.context")] {
        let request = world.by_link(&mut visitor, link).await;
        assert!(
            request.xml.contains(" ForceAuthn=\"true\""),
            "{}",
            request.xml
        );
        assert!(request.xml.contains(&format!(">{KEY}<")), "{}", request.xml);
        let relay_state = request.relay_state.clone();
        let answer = world.answers(&mut visitor, &request, &relay_state, bend).await;
        world.refused(&mut visitor, &answer, code).await;
    }
}

#[tokio::test]
async fn a_link_asks_for_no_method_that_is_unknown_here_or_less_than_others() {
    let world = world(DEFAULT).await;
    let long = "a%20".repeat(17);
    for wish in [
        "authnContextClassRef=urn:example:stranger",
        "authnContextClassRef=urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "authnContextClassRef=urn:example:hardware-key&authnContextComparison=maximum",
        "authnContextClassRef=urn:example:hardware-key&authnContextComparison=better",
        "authnContextClassRef=urn:example:hardware-key&authnContextComparison=weaker",
        &format!("authnContextClassRef={long}"),
    ] {
        let mut visitor = world.gateway.visitor();
        let link = format!("/Shibboleth.sso/Login?target=/x&{wish}");
        let answer = visitor.get(&world.gateway.url(&link)).await;
        let answer = visitor.follow(&answer).await;
        assert_eq!(answer.status, 400, "{wish}");
        assert_eq!(world.gateway.code_of(&answer).await, "authn.link", "{wish}");
    }
}

#[tokio::test]
async fn who_has_to_choose_first_is_asked_for_it_all_the_same() {
    let world = world("email_domains = [\"example.com\"]").await;
    let mut visitor = world.gateway.visitor();
    let link = "/Shibboleth.sso/Login?target=/x&forceAuthn=1&authnContextClassRef=https://refeds.org/profile/mfa";
    let answer = visitor.get(&world.gateway.url(link)).await;
    let chooser = visitor.follow(&answer).await;
    assert_eq!(chooser.status, 200);
    let text = chooser.text();
    let (_, rest) = text.split_once("href=\"/.samlgate/start?idp=corp").unwrap();
    let rest = rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let button = format!("/.samlgate/start?idp=corp{rest}");
    let request = world.by_link(&mut visitor, &button).await;
    assert!(request.xml.contains(" ForceAuthn=\"true\"") && request.xml.contains(MFA));

    // An address of nobody's, then one of theirs.
    let mut page = chooser;
    for (email, status) in [("a@stranger.example", 200), ("alice@example.com", 302)] {
        let form = forms::find(&page.text()).remove(0).with("email", email);
        let ask =
            crate::support::http::Ask::new(http::Method::POST, &world.gateway.url(&form.action));
        page = visitor.send(ask.navigating().form(&form.inputs)).await;
        assert_eq!(page.status, status, "{}", page.text());
    }
    let request = world.corp.read(&page);
    assert!(request.xml.contains(" ForceAuthn=\"true\"") && request.xml.contains(MFA));
    let relay_state = request.relay_state.clone();
    let answer = world.answers(&mut visitor, &request, &relay_state, by(PASSWORD, 0)).await;
    world.refused(&mut visitor, &answer, "authn.context").await;
}

#[tokio::test]
async fn passively_is_said_in_their_words_too() {
    let world = world(DEFAULT).await;
    for link in [
        "/Shibboleth.sso/Login?target=/x&isPassive=true",
        "/Shibboleth.sso/Login?target=/x&isPassive=1",
        "/mellon/login?ReturnTo=/x&IsPassive=true",
    ] {
        let mut visitor = world.gateway.visitor();
        let request = world.by_link(&mut visitor, link).await;
        assert!(
            request.xml.contains(" IsPassive=\"true\""),
            "{link}: {}",
            request.xml
        );
    }
    // Who has a session is asked nothing, unless the link wants more of it.
    let mut visitor = world.gateway.visitor();
    let request = world.by_link(&mut visitor, "/mellon/login?ReturnTo=/x").await;
    let relay_state = request.relay_state.clone();
    let answer = world.answers(&mut visitor, &request, &relay_state, by(PASSWORD, 0)).await;
    world.accepted(&mut visitor, &answer, "/x").await;
    let link = "/.samlgate/start?idp=corp&passive=1&rd=/x";
    let answer = visitor.get(&world.gateway.url(link)).await;
    assert_eq!(answer.header("location"), "/x");
    let link = format!("{link}&authn_context={MFA}");
    let request = world.by_link(&mut visitor, &link).await;
    assert!(request.xml.contains(" IsPassive=\"true\"") && request.xml.contains(MFA));
}

#[tokio::test]
async fn no_word_of_a_link_leads_anywhere_else() {
    let world = world(DEFAULT).await;
    let page = "https://evil.example/";
    for link in [
        format!("/Shibboleth.sso/Login?target={page}&forceAuthn=1"),
        format!("/Shibboleth.sso/Login?target=//evil.example/&discoveryURL={page}&acsIndex=7"),
        format!("/mellon/login?ReturnTo={page}&IsPassive=false"),
        format!("/.samlgate/start?rd={page}&for={page}&force=1"),
    ] {
        let mut visitor = world.gateway.visitor();
        let request = world.by_link(&mut visitor, &link).await;
        let acs = world.gateway.url("/Shibboleth.sso/SAML2/POST");
        assert_eq!(request.attribute("AssertionConsumerServiceURL"), acs);
        let relay_state = request.relay_state.clone();
        let answer = world.answers(&mut visitor, &request, &relay_state, by(MFA, 0)).await;
        world.accepted(&mut visitor, &answer, "/").await;
    }
}

#[tokio::test]
async fn a_discovery_service_sends_people_back_to_the_address_that_it_knows() {
    let discovery = "discovery = \"https://ds.example.org/wayf\"";
    let world = World::with("", "", |setup| {
        setup
            .set("saml", "legacy_paths = [\"shibboleth\"]")
            .set(
                "saml",
                &format!("authn_context_order = [{PASSWORD:?}, {MFA:?}, {KEY:?}]"),
            )
            .set("saml", discovery)
    })
    .await;
    let mut visitor = world.gateway.visitor();
    let link = "/Shibboleth.sso/Login?target=/x%3Fy&forceAuthn=1\
                &authnContextClassRef=https://refeds.org/profile/mfa";
    let answer = visitor.get(&world.gateway.url(link)).await;
    let answer = visitor.follow(&answer).await;
    let there = answer.target();
    assert_eq!(there.host_str(), Some("ds.example.org"));
    let back = there.query_pairs().find(|(name, _)| name == "return").unwrap().1.into_owned();
    let login = world.gateway.url("/Shibboleth.sso/Login");
    assert!(back.starts_with(&format!("{login}?SAMLDS=1&")), "{back}");
    let metadata = visitor.get(&world.gateway.url("/Shibboleth.sso/Metadata")).await.text();
    assert!(
        metadata.contains(&format!("Location=\"{login}\"")),
        "{metadata}"
    );

    let chosen = visitor.get(&format!("{back}&entityID={}", world.corp.entity_id)).await;
    let request = world.corp.read(&chosen);
    assert!(request.xml.contains(" ForceAuthn=\"true\"") && request.xml.contains(MFA));
    let relay_state = request.relay_state.clone();
    let answer = world.answers(&mut visitor, &request, &relay_state, by(MFA, 0)).await;
    world.accepted(&mut visitor, &answer, "/x?y").await;
    // Who did not want to say chooses here, and goes round in no circles.
    let choose = visitor.get(&back).await;
    assert_eq!(choose.status, 200);
    assert!(choose.text().contains("partner"), "{}", choose.text());
    // What anybody can have written leads nowhere else.
    let evil = format!(
        "{login}?SAMLDS=1&target=https://evil.example/&entityID={}",
        world.corp.entity_id
    );
    let request = world.corp.read(&visitor.get(&evil).await);
    let relay_state = request.relay_state.clone();
    let answer = world.answers(&mut visitor, &request, &relay_state, by(MFA, 0)).await;
    world.accepted(&mut visitor, &answer, "/").await;
}
