//! What holds with each identity provider. One function is one claim; `mod.rs` makes tests of them.

use super::logins::Logins;
pub(super) use super::logout::{
    signing_out_here_signs_out_there_by_post, signing_out_here_signs_out_there_by_redirect,
    signing_out_there_signs_out_here_by_post, signing_out_there_signs_out_here_by_redirect,
    signing_out_there_signs_out_here_by_soap_where_it_can,
};
use super::peer::{Key, Product, Settings};
use super::world::World;
use crate::support::browser::Browser;
use crate::support::clock::SteppedClock;

const IDP_INITIATED: &str = "allow_idp_initiated = true";
const MFA: &str = "https://refeds.org/profile/mfa";

pub(super) async fn requests_by_redirect_sign_in_and_say_who_it_is_and_who_may_do_what(
    product: Product,
) {
    let world = World::with(product, Settings::default(), "").await;
    let [first, second] = world.people();
    for person in [&first, &second] {
        let mut visitor = world.gateway.visitor();
        let trip = world.sign_in(&mut visitor, person).await;
        assert_eq!((trip.request_by, trip.asked), ("redirect", 1));
        trip.is(person);
        // One of the Response and one of the assertion, whatever the prefix.
        let signatures = trip.response().matches("SignatureValue>").count() / 2;
        assert_eq!(signatures, 2, "{}", trip.response());
        assert_eq!(trip.answer.url.path(), "/page");
        let board = visitor.get(&world.gateway.url("/board")).await;
        if person.groups.contains(&product.board()) {
            assert_eq!(board.status, 200);
        } else {
            assert_eq!(board.status, 403);
            assert_eq!(world.gateway.code_of(&board).await, "access.role");
        }
    }
}

pub(super) async fn signed_requests_by_post_sign_in_and_unsigned_ones_do_not(product: Product) {
    signed_requests(product, "post").await;
}

pub(super) async fn signed_requests_by_redirect_sign_in_and_unsigned_ones_do_not(product: Product) {
    signed_requests(product, "redirect").await;
}

async fn signed_requests(product: Product, by: &str) {
    let settings = Settings {
        only_post: by == "post",
        wants_signed_requests: true,
        ..Settings::default()
    };
    let mut world = World::with(product, settings, product.signed_requests()).await;
    let [person, _] = world.people();
    let trip = world.sign_in(&mut world.gateway.visitor(), &person).await;
    assert_eq!(trip.request_by, by);
    trip.is(&person);

    // The same without the signature gets no answer that we would ever see.
    world.with_idp_settings("sign_requests = false").await;
    let trip = world.sign_in(&mut world.gateway.visitor(), &person).await;
    assert!(world.peer.wrote(&trip.answer), "{}", trip.answer.url);
    assert!(trip.response.is_none());
}

pub(super) async fn a_person_signs_in_by_redirect_and_by_post_in_a_browser(product: Product) {
    let mut world = World::with(product, Settings::default(), "").await;
    let [first, second] = world.people();
    for person in [&first, &second] {
        let browser = Browser::start().await;
        let page = world.gateway.url("/page?a=1&b=2");
        browser.goto(&page).await;
        world.peer.fill_in(&browser, person).await;
        assert!(browser.address().await.starts_with(&world.peer.url("/")));
        browser
            .click("button[type=submit], #submit_button, input[type=submit], #sign-in")
            .await;
        browser.arrives_at(&page).await;
        browser.reads("body", &format!("\"remote-user\",\"{}\"", person.login)).await;

        // From now on there is no other way for requests.
        world.peer.change(|settings| settings.only_post = true);
        world.command(&["idp", "refresh", "peer"]).await;
        world.requests_go_by("post").await;
    }
}

pub(super) async fn beginning_at_the_portal_signs_in_where_that_is_allowed(product: Product) {
    let mut world = World::with(product, Settings::default(), "").await;
    let [person, _] = world.people();
    let portal = world.peer.portal_url(&world.gateway.url("/saml/metadata"), "/page?from=portal");
    let mut visitor = world.gateway.visitor();
    let from = visitor.get(&portal).await;
    let trip = world.go_on(&mut visitor, from, &person).await;
    assert!(!trip.response().contains("InResponseTo"));
    assert_eq!(
        world.gateway.code_of(&trip.answer).await,
        "proto.unsolicited"
    );

    world.with_idp_settings(IDP_INITIATED).await;
    let from = visitor.get(&portal).await;
    let trip = world.go_on(&mut visitor, from, &person).await;
    assert_eq!(trip.asked, 0);
    trip.is(&person);
    assert_eq!(
        trip.answer.url.as_str(),
        world.gateway.url("/page?from=portal")
    );
}

pub(super) async fn an_encrypted_assertion_signs_in(product: Product) {
    let settings = Settings { encrypts: true, ..Settings::default() };
    let world = World::with(product, settings, "want_encrypted = true").await;
    let [person, _] = world.people();
    let trip = world.sign_in(&mut world.gateway.visitor(), &person).await;
    let response = trip.response();
    assert!(response.contains("EncryptedAssertion") && !response.contains(person.mail));
    for method in product.encrypts_by() {
        assert!(response.contains(method), "{response}");
    }
    trip.is(&person);
}

pub(super) async fn force_authn_asks_again_and_without_it_nobody_is_asked_twice(product: Product) {
    let mut world = World::with(product, Settings::default(), "").await;
    let [person, _] = world.people();
    let mut visitor = world.gateway.visitor();
    world.sign_in(&mut visitor, &person).await.is(&person);
    // Both times they signed in long enough ago to be asked by LemonLDAP::NG, if they are to be.
    world.peer.a_minute_passes();
    world.forgets(&mut visitor).await;
    let trip = world.sign_in(&mut visitor, &person).await;
    assert_eq!((trip.request_by, trip.asked), ("redirect", 0));
    trip.is(&person);

    world.with_idp_settings("force_authn = true").await;
    world.peer.a_minute_passes();
    world.forgets(&mut visitor).await;
    let trip = world.sign_in(&mut visitor, &person).await;
    assert_eq!((trip.request_by, trip.asked), ("redirect", 1));
    trip.is(&person);
}

pub(super) async fn is_passive_is_answered_as_the_product_does(product: Product) {
    let world = World::with(product, Settings::default(), "").await;
    let [person, _] = world.people();
    let mut visitor = world.gateway.visitor();
    let passive = "/.samlgate/start?idp=peer&passive=1&rd=/page";
    let passive = visitor.get(&world.gateway.url(passive)).await;
    let trip = world.go_on(&mut visitor, passive, &person).await;
    match product {
        Product::SimpleSamlPhp | Product::Pysaml2 => {
            assert_eq!(trip.asked, 0);
            assert!(trip.response().contains("status:NoPassive"));
            assert_eq!(world.gateway.code_of(&trip.answer).await, "idp.status");
        }
        // They ask all the same.
        Product::LemonLdap | Product::Samlp => {
            assert_eq!(trip.asked, 1);
            trip.is(&person);
        }
    }
}

/// A method that it has, and one that it has not.
pub(super) async fn a_page_that_asks_for_a_method_gets_it_or_nobody_in(product: Product) {
    let mut world = World::with(product, Settings::default(), "").await;
    let [person, _] = world.people();
    let mut visitor = world.gateway.visitor();
    world.sign_in(&mut visitor, &person).await.is(&person);
    let user = visitor.get(&world.gateway.url("/.samlgate/user")).await.json();
    let has = user["acr"].as_str().unwrap().to_owned();
    assert!(
        has.starts_with("urn:oasis:names:tc:SAML:2.0:ac:classes:"),
        "{has}"
    );

    world.with_step_up(&format!("authn_context = [{MFA:?}]")).await;
    let trip = world.step_up(&mut visitor, &person).await;
    let code = world.gateway.code_of(&trip.answer).await;
    let wanted = match product {
        // They answer as if they had not been asked.
        Product::SimpleSamlPhp | Product::LemonLdap | Product::Samlp => "authn.context",
        // It says so.
        Product::Pysaml2 => "idp.status",
    };
    assert_eq!(code, wanted, "{}", trip.response());
    // What there was of a session stays.
    assert_eq!(visitor.get(&world.gateway.url("/page")).await.status, 200);

    world.with_step_up(&format!("authn_context = [{MFA:?}, {has:?}]")).await;
    let mut visitor = world.gateway.visitor();
    let trip = world.step_up(&mut visitor, &person).await;
    trip.is(&person);
}

pub(super) async fn wrong_answers_are_refused_each_with_its_code(product: Product) {
    let mut world = World::with(product, Settings::default(), IDP_INITIATED).await;
    let ours = world.gateway.url("/saml/metadata");
    assert_eq!(code(&world, &ours).await, None);

    // Signed by a key that its metadata does not have.
    let key = Key::new();
    world.peer.change(|settings| settings.key = key.clone());
    assert_eq!(code(&world, &ours).await.as_deref(), Some("sig.invalid"));
    world.peer.change(|settings| settings.published = vec![key.clone()]);
    world.command(&["idp", "refresh", "peer"]).await;
    world.trusts_key(&key).await;
    assert_eq!(code(&world, &ours).await, None);

    // For somebody else, and sent to us.
    let metadata = world.gateway.visitor().get(&ours).await.text();
    let other = "https://other.example.com/saml/metadata";
    let metadata =
        without_signature(&metadata).replace(&format!("\"{ours}\""), &format!("\"{other}\""));
    world.peer.knows(&metadata);
    assert_eq!(code(&world, other).await.as_deref(), Some("proto.audience"));

    // Over before it is sent, by more than a clock may be wrong.
    world.peer.change(|settings| settings.lifetime = Some(-3600));
    assert_eq!(
        code(&world, &ours).await.as_deref(),
        Some("subject.expired")
    );
}

/// Begins at the portal, with this entityID as the service provider; `None` is for whoever arrives.
async fn code(world: &World, entity_id: &str) -> Option<String> {
    let [person, _] = world.people();
    let mut visitor = world.gateway.visitor();
    let from = visitor.get(&world.peer.portal_url(entity_id, "/page")).await;
    let trip = world.go_on(&mut visitor, from, &person).await;
    if trip.answer.status == 200 {
        trip.is(&person);
        return None;
    }
    assert!(trip.response.is_some(), "{}", trip.answer.text());
    Some(world.gateway.code_of(&trip.answer).await)
}

/// Metadata that says something else than what was signed.
pub(super) fn without_signature(metadata: &str) -> String {
    let Some((before, rest)) = metadata.split_once("<ds:Signature") else {
        return metadata.to_owned();
    };
    let (_, after) = rest.split_once("</ds:Signature>").unwrap();
    [before, after].concat()
}

pub(super) async fn metadata_is_imported_from_the_running_identity_provider(product: Product) {
    let world = World::apart(product, Settings::default()).await;
    let [person, _] = world.people();
    let url = world.peer.metadata_url();
    // What the other claims are about.
    let offered = world.gateway.visitor().get(&url).await.text();
    assert!(offered.contains("SingleLogoutService"), "{offered}");
    assert_eq!(
        offered.contains("ArtifactResolutionService"),
        product.has_artifacts(),
        "{offered}"
    );
    assert_eq!(
        offered.contains("cacheDuration"),
        product == Product::Pysaml2,
        "{offered}"
    );
    // LemonLDAP::NG is a service provider as well.
    assert_eq!(
        offered.contains("SPSSODescriptor"),
        product == Product::LemonLdap
    );
    world
        .command(&[
            "idp",
            "import",
            &url,
            "--name",
            "peer",
            "--label",
            "Example Corp",
        ])
        .await;
    let shown = world.command(&["idp", "show", "peer", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["entity_id"], url.as_str(), "{shown}");
    assert_eq!(
        shown["signing_keys"].as_array().unwrap().len(),
        1,
        "{shown}"
    );
    world.trusts(1).await;
    world.sign_in(&mut world.gateway.visitor(), &person).await.is(&person);
}

/// Its key changes, and nobody signs in before its metadata is read again: at its time, and once.
pub(super) async fn metadata_is_read_again_when_its_time_has_come_and_brings_the_next_key(
    product: Product,
) {
    let clock = SteppedClock::new();
    let mut world = World::by_clock(product, &clock).await;
    let [person, _] = world.people();
    world.sign_in(&mut world.gateway.visitor(), &person).await.is(&person);
    let metadata = world.gateway.visitor().get(&world.peer.metadata_url()).await.text();
    let (next, before) = (Key::new(), world.refreshes().await);
    world.peer.change(|settings| {
        if product.publishes_the_next_key() {
            settings.published.push(next.clone());
        } else {
            settings.key = next.clone();
            settings.published = vec![next.clone()];
        }
    });
    // By chance it is a tenth sooner or later.
    let tenth = product.metadata_lasts() / 10;
    clock.step(tenth * 8);
    world.looks_around(&metadata).await;
    assert!(!world.knows(&next).await);
    assert_eq!(world.refreshes().await, before);
    clock.step(tenth * 4);
    world.trusts_key(&next).await;
    assert_eq!(world.refreshes().await, before + 1);
    world.peer.change(|settings| settings.key = next);
    let mut visitor = world.gateway.visitor();
    let begin = visitor.get(&world.gateway.url("/.samlgate/start?idp=peer&rd=/page")).await;
    world.go_on(&mut visitor, begin, &person).await.is(&person);
    let attempts = world.gateway.login_attempts().await;
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
}

pub(super) async fn an_answer_by_artifact_is_fetched_and_signs_in(product: Product) {
    let world = World::with(
        product,
        Settings::default(),
        "response_binding = \"artifact\"",
    )
    .await;
    for person in &world.people() {
        let trip = world.sign_in(&mut world.gateway.visitor(), person).await;
        trip.is(person);
        // No message came through the browser, unless it can not do otherwise.
        assert_eq!(trip.response.is_none(), product.has_artifacts());
    }
}

/// People sign in all the time, while the identity provider gets another key.
pub(super) async fn a_key_roll_over_fails_no_login(product: Product) {
    let mut world = World::apart(product, Settings::default()).await;
    let url = world.peer.metadata_url();
    world.command(&["idp", "import", &url, "--name", "peer"]).await;
    world.trusts(1).await;

    let next = Key::new();
    let mut logins = Logins::begin(&world);
    logins.one_more().await;
    if product.publishes_the_next_key() {
        world.peer.change(|settings| settings.published.push(next.clone()));
        world.command(&["idp", "refresh", "peer"]).await;
    } else {
        let both = with_another_key(&world, &next).await;
        world.command(&["idp", "import", &both, "--name", "peer"]).await;
    }
    world.trusts(2).await;
    logins.one_more().await;
    world.peer.change(|settings| {
        settings.key = next.clone();
        settings.published = vec![next];
    });
    logins.one_more().await;
    world.command(&["idp", "import", &url, "--name", "peer"]).await;
    world.trusts(1).await;
    logins.one_more().await;
    logins.end().await;
    let attempts = world.gateway.login_attempts().await;
    assert!(attempts.len() >= 12, "{attempts:?}");
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
}

/// People sign in all the time, with signed requests and encrypted assertions, while both of our keys are
/// replaced. The identity provider learns of each step later than the gateway takes it.
pub(super) async fn a_roll_over_of_our_keys_fails_no_login(product: Product) {
    let settings = Settings {
        encrypts: true,
        wants_signed_requests: true,
        ..Settings::default()
    };
    let lines = ["want_encrypted = true", product.signed_requests()].join("\n");
    let mut world = World::with(product, settings, &lines).await;
    let mut logins = Logins::begin(&world);
    logins.one_more().await;
    let mut changed = 0;
    // Two keys are published; two become active and two previous; two are retired.
    for (step, keys) in [
        (&["keys", "rotate"][..], 2),
        (&["keys", "promote", "--force"][..], 4),
        (&["keys", "retire", "--force"][..], 2),
    ] {
        world.command(step).await;
        changed += keys;
        world.gateway.has_logged("\"a key of ours has changed\"", changed).await;
        logins.one_more().await;
        let ours = world.gateway.url("/saml/metadata");
        let metadata = world.gateway.visitor().get(&ours).await.text();
        world.peer.learns(&metadata);
        logins.one_more().await;
    }
    logins.end().await;
    let attempts = world.gateway.login_attempts().await;
    assert!(attempts.len() >= 14, "{attempts:?}");
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
}

/// From one moment to the next it signs by another key, which its metadata has from then on.
pub(super) async fn a_new_key_is_learned_when_a_signature_needs_it(product: Product) {
    let mut world = World::apart(product, Settings::default()).await;
    let [person, _] = world.people();
    let url = world.peer.metadata_url();
    world.command(&["idp", "import", &url, "--name", "peer"]).await;
    world.trusts(1).await;
    world.sign_in(&mut world.gateway.visitor(), &person).await.is(&person);
    let next = Key::new();
    world.peer.change(|settings| {
        settings.key = next.clone();
        settings.published = vec![next.clone()];
    });
    world.sign_in(&mut world.gateway.visitor(), &person).await.is(&person);
    world.trusts_key(&next).await;
    let attempts = world.gateway.login_attempts().await;
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
}

/// The same by the clock: the certificates end in 30 days, and the times are seconds instead of weeks. The
/// identity provider fetches our metadata again whenever it has changed.
pub(super) async fn our_keys_replace_themselves_and_no_login_fails(product: Product) {
    let settings = Settings {
        encrypts: true,
        wants_signed_requests: true,
        ..Settings::default()
    };
    let auto = [
        "rotate_keys = \"auto\"",
        "rotate_before = \"31d\"",
        "publish_for = \"8s\"",
        "retire_after = \"8s\"",
    ];
    let lines = ["want_encrypted = true", product.signed_requests()].join("\n");
    let mut world = World::with_saml(product, settings, &lines, &auto).await;
    let mut logins = Logins::begin(&world);
    let ours = world.gateway.url("/saml/metadata");
    let mut known = String::new();
    // Two keys are published, become active beside two previous ones, which are retired.
    let mark = "\"a key took a step by itself\"";
    while world.gateway.log().matches(mark).count() < 8 {
        logins.one_more().await;
        let metadata = world.gateway.visitor().get(&ours).await;
        if metadata.header("etag") != known {
            metadata.header("etag").clone_into(&mut known);
            world.peer.learns(&metadata.text());
        }
    }
    logins.one_more().await;
    logins.end().await;
    let attempts = world.gateway.login_attempts().await;
    assert!(attempts.len() >= 6, "{attempts:?}");
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
}

/// What an administrator hands over where the product publishes one key: its metadata, with the
/// next key written in. A file.
async fn with_another_key(world: &World, next: &Key) -> String {
    let metadata = world.gateway.visitor().get(&world.peer.metadata_url()).await.text();
    let (before, after) = metadata.split_once("<KeyDescriptor").unwrap();
    let base64: String = next.certificate.lines().filter(|line| !line.starts_with("---")).collect();
    let both = format!(
        "{before}<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <X509Data><X509Certificate>{base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>\
         <KeyDescriptor{after}"
    );
    let file = world.gateway.folder().join("both-keys.xml");
    std::fs::write(&file, both).unwrap();
    file.to_str().unwrap().to_owned()
}
