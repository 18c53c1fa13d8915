//! Addresses of `mod_shib` and `mod_auth_mellon`.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::World;
use crate::support::gateway::Setup;
use crate::support::idp::Response;

async fn world(families: &str) -> World {
    let lines = format!("legacy_paths = {families}");
    let partner = match families {
        "[]" => "",
        _ => "acs = \"samlgate\"",
    };
    World::with("default = true", partner, |setup| {
        setup
            .set("saml", &lines)
            .set("saml", "entity_id = \"https://app.example.com/shibboleth\"")
    })
    .await
}

#[tokio::test]
async fn without_the_option_their_paths_are_the_applications() {
    let world = World::with("", "", |setup: Setup| setup).await;
    let mut visitor = world.gateway.visitor();
    let answer = world.sign_in(&mut visitor, "corp", |_| {}).await;
    world.accepted(&mut visitor, &answer, "/").await;
    for path in [
        "/Shibboleth.sso/Metadata",
        "/mellon/metadata",
        "/mellon/login?ReturnTo=/",
    ] {
        let answer = visitor.get(&world.gateway.url(path)).await;
        assert_eq!(answer.json()["path"], path);
    }
}

#[tokio::test]
async fn sign_in_goes_on_at_the_addresses_that_the_identity_provider_has() {
    for (families, acs, login) in [
        (
            "[\"shibboleth\", \"mellon\"]",
            "/Shibboleth.sso/SAML2/POST",
            "/Shibboleth.sso/Login?target=",
        ),
        (
            "[\"mellon\"]",
            "/mellon/postResponse",
            "/mellon/login?ReturnTo=",
        ),
    ] {
        let world = world(families).await;
        let mut visitor = world.gateway.visitor();
        let to = world.gateway.url(&format!("{login}{}", world.gateway.url("/reports")));
        let answer = visitor.get(&to).await;
        assert_eq!(answer.status, 302);
        let answer = visitor.follow(&answer).await;
        let request = world.corp.read(&answer);
        let there = world.gateway.url(acs);
        assert_eq!(request.attribute("AssertionConsumerServiceURL"), there);
        assert!(request.xml.contains(">https://app.example.com/shibboleth</saml:Issuer>"));
        let xml = world.corp.write(&world.corp.answer(&request));
        let answer = world.carry(&mut visitor, acs, &xml, &request.relay_state).await;
        world.accepted(&mut visitor, &answer, "/reports").await;
    }
}

#[tokio::test]
async fn a_message_counts_at_the_very_address_at_which_it_arrives() {
    let world = world("[\"shibboleth\", \"mellon\"]").await;
    let (own, shibboleth, mellon) = (
        "/saml/acs",
        "/Shibboleth.sso/SAML2/POST",
        "/mellon/postResponse",
    );
    for (made_for, brought_to) in [
        (own, shibboleth),
        (shibboleth, own),
        (shibboleth, mellon),
        (mellon, shibboleth),
    ] {
        let address = world.gateway.url(made_for);
        let destination = |response: &mut Response| response.destination = Some(address.clone());
        let recipient = |response: &mut Response| {
            response.destination = Some(world.gateway.url(brought_to));
            response.confirmation().recipient = Some(address.clone());
        };
        type Bend<'b> = &'b dyn Fn(&mut Response);
        let bends: [(Bend<'_>, &str); 2] = [
            (&destination, "proto.destination"),
            (&recipient, "subject.recipient"),
        ];
        for (bend, code) in bends {
            let mut visitor = world.gateway.visitor();
            let request = world.begin(&mut visitor, "corp", "/").await;
            let mut response = world.corp.answer(&request);
            bend(&mut response);
            let xml = world.corp.write(&response);
            let answer = world.carry(&mut visitor, brought_to, &xml, &request.relay_state).await;
            world.refused(&mut visitor, &answer, code).await;
        }
    }
    // An identity provider that has our own address is asked to answer there.
    let mut visitor = world.gateway.visitor();
    let request = world.begin(&mut visitor, "partner", "/").await;
    assert_eq!(
        request.attribute("AssertionConsumerServiceURL"),
        world.gateway.url(own)
    );
    let xml = world.partner.write(&world.partner.answer(&request));
    let answer = world.carry(&mut visitor, own, &xml, &request.relay_state).await;
    world.accepted(&mut visitor, &answer, "/").await;
}

#[tokio::test]
async fn metadata_there_names_the_addresses_there() {
    let world = world("[\"shibboleth\", \"mellon\"]").await;
    let mut visitor = world.gateway.visitor();
    for (path, acs, artifact, logout) in [
        (
            "/Shibboleth.sso/Metadata",
            "/Shibboleth.sso/SAML2/POST",
            "/Shibboleth.sso/SAML2/Artifact",
            [
                "/Shibboleth.sso/SLO/Redirect",
                "/Shibboleth.sso/SLO/POST",
                "/Shibboleth.sso/SLO/SOAP",
            ],
        ),
        (
            "/mellon/metadata",
            "/mellon/postResponse",
            "/mellon/artifactResponse",
            ["/mellon/logout"; 3],
        ),
        (
            "/saml/metadata",
            "/saml/acs",
            "/saml/acs",
            ["/saml/slo", "/saml/slo", "/saml/slo/soap"],
        ),
    ] {
        let answer = visitor.get(&world.gateway.url(path)).await;
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        assert!(
            text.contains("entityID=\"https://app.example.com/shibboleth\""),
            "{text}"
        );
        let named = |binding: &str, acs: &str| {
            let location = world.gateway.url(acs);
            format!("{binding}\" Location=\"{location}\"")
        };
        assert!(text.contains(&named("HTTP-POST", acs)), "{path}: {text}");
        for (binding, logout) in ["HTTP-Redirect", "HTTP-POST", "SOAP"].iter().zip(logout) {
            let service = format!(
                "SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{}",
                named(binding, logout)
            );
            assert!(text.contains(&service), "{service}: {text}");
        }
        assert!(
            text.contains(&named("HTTP-Artifact", artifact)),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn other_links_of_theirs_lead_where_they_led() {
    let world = world("[\"shibboleth\", \"mellon\"]").await;
    let mut visitor = world.gateway.visitor();
    let to = |query: &str| world.gateway.url(query);
    for (path, location) in [
        ("/Shibboleth.sso/Login", "/.samlgate/start"),
        (
            "/Shibboleth.sso/Login?entityID=https://idp.example.com/partner&target=/x%3Fy",
            "/.samlgate/start?idp=partner&rd=/x%3Fy",
        ),
        (
            "/mellon/login?ReturnTo=/x&IdP=https://idp.example.com/corp",
            "/.samlgate/start?idp=corp&rd=/x",
        ),
        (
            "/mellon/logout?ReturnTo=/bye",
            "/.samlgate/sign_out?rd=/bye",
        ),
        (
            "/Shibboleth.sso/Logout?return=/bye",
            "/.samlgate/sign_out?rd=/bye",
        ),
        ("/Shibboleth.sso/Logout", "/.samlgate/sign_out"),
        (
            "/mellon/logoutRequest?ReturnTo=/bye",
            "/.samlgate/sign_out?rd=/bye",
        ),
        ("/Shibboleth.sso/Session", "/.samlgate/user"),
        (
            "/Shibboleth.sso/Login?target=/x&forceAuthn=1&isPassive=1&authnContextClassRef=a%20b\
             &authnContextComparison=minimum&acsIndex=3",
            "/.samlgate/start?rd=/x&passive=1&force=1&authn_context=a%20b\
             &authn_context_comparison=minimum",
        ),
    ] {
        let answer = visitor.get(&to(path)).await;
        assert_eq!(answer.status, 302, "{path}");
        assert_eq!(answer.header("location"), location, "{path}");
    }
    // Somewhere else is nowhere, as with our own links.
    let answer = visitor.get(&to("/mellon/login?ReturnTo=https://evil.example/")).await;
    let answer = visitor.follow(&answer).await;
    let request = world.corp.read(&answer);
    let xml = world.corp.write(&world.corp.answer(&request));
    let acs = "/Shibboleth.sso/SAML2/POST";
    let answer = world.carry(&mut visitor, acs, &xml, &request.relay_state).await;
    world.accepted(&mut visitor, &answer, "/").await;
    // Whom nobody knows.
    let unknown = "/Shibboleth.sso/Login?entityID=https://stranger.example.com";
    let answer = visitor.get(&to(unknown)).await;
    let answer = visitor.follow(&answer).await;
    assert_eq!(world.gateway.code_of(&answer).await, "idp.unknown");
    // What we do not have is not the application's either.
    for path in [
        "/Shibboleth.sso/DS",
        "/Shibboleth.sso/Status",
        "/Shibboleth.sso/SLO/Artifact",
        "/mellon/auth",
        "/mellon/probeDisco?return=/",
        "/mellon/invalidate?ReturnTo=/",
        "/mellon/repost",
        "/mellon",
    ] {
        let answer = visitor.get(&to(path)).await;
        assert_eq!(
            world.gateway.code_of(&answer).await,
            "http.not_found",
            "{path}"
        );
    }
    // A name that only begins like that is.
    assert_eq!(
        visitor.get(&to("/mellons")).await.json()["path"],
        "/mellons"
    );
}

#[tokio::test]
async fn a_message_for_their_address_is_explained_as_it_is_checked() {
    let world = world("[\"shibboleth\"]").await;
    let request = world.begin(&mut world.gateway.visitor(), "corp", "/").await;
    for (path, code) in [
        ("/Shibboleth.sso/SAML2/POST", Value::Null),
        ("/saml/acs", "subject.recipient".into()),
        // Whose addresses are not ours.
        ("/mellon/postResponse", "proto.destination".into()),
    ] {
        let mut response = world.corp.answer(&request);
        response.destination = Some(world.gateway.url(path));
        let mut explain = world
            .gateway
            .command(&[
                "explain",
                "--in-response-to",
                &request.attribute("ID"),
                "--json",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let xml = world.corp.write(&response);
        explain.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        let said = explain.wait_with_output().unwrap().stdout;
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(said["error"]["code"], code, "{path}: {said}");
    }
}
