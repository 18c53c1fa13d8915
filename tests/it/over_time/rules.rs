//! Each rule by its code, with a clock that is stepped.

use std::sync::Arc;
use std::time::Duration;

use samlgate::audit::EventKind;
use samlgate::base::Timestamp;
use samlgate::notice::{Notice, Notices as _};
use samlgate::saml::metadata::mdq::{Identifier, MdqServer};
use samlgate::tasks::refresh::Outcome;
use samlgate::tasks::registry::{Known, load_again};
use samlgate::trust::reading::Way;
use samlgate::trust::{IdpStore as _, ImportedIdp, OnChange, SeenKey, Standing, WaitingChange};

use super::host::{Host, Says};
use super::world::{
    ENTITY, SSO, World, aggregate, configured, key, metadata, name, signed, signers, start,
};

const HOUR: Duration = Duration::from_secs(3600);
const UNTIL: &str = "2026-12-01T00:00:00Z";

#[tokio::test]
async fn a_day_without_the_metadata_host_costs_nobody_their_sign_in() {
    let one = key("one");
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    assert_eq!(world.ask_corp().await, Ok(Outcome::Applied(None)));
    let began = world.now;
    host.says(Says::Down);
    let mut tries = 0;
    while world.now < began.plus(HOUR * 24) {
        world.now = world.state().await.next_at;
        assert_eq!(world.ask_corp().await, Err("md.fetch".to_owned()));
        tries += 1;
        // A restart in the middle of it changes nothing.
        if tries == 10 {
            world.restart().await;
        }
        assert_eq!(world.keys().await, [one.fingerprint()]);
    }
    // A minute, two, four, … and then every hour.
    assert!((26..=36).contains(&tries), "{tries}");
    let state = world.state().await;
    assert_eq!(state.failures, tries);
    assert_eq!(state.fetched_at, Some(began));
    host.says(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"2\""));
    world.now = state.next_at;
    assert_eq!(world.ask_corp().await, Ok(Outcome::Same));
    let state = world.state().await;
    assert_eq!((state.failures, state.result.as_str()), (0, "ok"));
}

#[tokio::test]
async fn what_is_not_the_metadata_changes_nothing() {
    let (one, two) = (key("one"), key("two"));
    let good = metadata(ENTITY, "", SSO, &[&one]);
    let host = Host::saying(Says::Document(good.clone(), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    let over = r#" validUntil="2026-11-20T00:00:00Z""#;
    let no_key = metadata(ENTITY, "", SSO, &[]);
    for (says, code) in [
        (Says::Garbage, "md.fetch"),
        (Says::Huge, "md.fetch"),
        (Says::Redirect("http://idp.example.com/"), "md.fetch"),
        (Says::Redirect("https://169.254.169.254/"), "md.fetch"),
        (Says::Document("<html>".to_owned(), "\"2\""), "md.syntax"),
        (Says::Document(no_key, "\"3\""), "md.key"),
        (
            Says::Document(metadata(ENTITY, over, SSO, &[&two]), "\"4\""),
            "md.valid_until",
        ),
        (
            Says::Document(metadata(ENTITY, "", "http://x/", &[&two]), "\"5\""),
            "md.endpoint",
        ),
    ] {
        host.says(says.clone());
        world.step(HOUR);
        assert_eq!(world.ask_corp().await, Err(code.to_owned()), "{says:?}");
        assert_eq!(world.state().await.result, code);
        assert_eq!(world.keys().await, [one.fingerprint()]);
    }
}

#[tokio::test]
async fn what_is_the_same_is_not_sent_twice() {
    let one = key("one");
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    world.step(HOUR);
    assert_eq!(world.ask_corp().await, Ok(Outcome::Same));
    assert!(host.asked()[1].contains("if-none-match: \"1\""));
    assert_eq!(world.state().await.fetched_at, Some(world.now));
    assert_eq!(world.events(EventKind::IdpChanged).await, 0);
    // Whom the operator trusts now has not signed the copy: it has to come as a whole.
    world.idps[0].metadata_signers = Some(signers(&key("federation")));
    assert_eq!(world.ask_corp().await, Err("md.signature".to_owned()));
    assert!(!host.asked()[2].contains("if-none-match"));
}

#[tokio::test]
async fn a_change_is_applied_at_once_and_told() {
    let (one, two) = (key("one"), key("two"));
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    host.says(Says::Document(metadata(ENTITY, "", SSO, &[&two]), "\"2\""));
    world.step(HOUR);
    let Ok(Outcome::Applied(Some(change))) = world.ask_corp().await else {
        panic!("it was not applied")
    };
    assert!(change.is_big());
    assert_eq!(world.keys().await, [two.fingerprint()]);
    assert_eq!(world.events(EventKind::IdpChanged).await, 1);
}

#[tokio::test]
async fn under_approve_what_weighs_waits_and_is_told_once() {
    let (one, two) = (key("one"), key("two"));
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.idps[0].on_change = OnChange::Approve;
    world.ask_corp().await.unwrap();
    // A key more is what every roll-over begins with.
    host.says(Says::Document(
        metadata(ENTITY, "", SSO, &[&one, &two]),
        "\"2\"",
    ));
    world.step(HOUR);
    assert!(matches!(
        world.ask_corp().await,
        Ok(Outcome::Applied(Some(_)))
    ));
    let elsewhere = "https://login.example.net/sso";
    for new in [
        metadata(ENTITY, "", SSO, &[&two]),
        metadata(ENTITY, "", elsewhere, &[&one, &two]),
        metadata("https://idp.example.com/other", "", SSO, &[&one, &two]),
    ] {
        let before = world.events(EventKind::IdpChangeWaiting).await;
        host.says(Says::Document(new, "\"3\""));
        for _ in 0..2 {
            world.step(HOUR);
            let outcome = world.ask_corp().await;
            assert!(matches!(outcome, Ok(Outcome::Waiting(_))), "{outcome:?}");
        }
        assert_eq!(world.keys().await, [one.fingerprint(), two.fingerprint()]);
        assert_eq!(world.events(EventKind::IdpChangeWaiting).await, before + 1);
        assert_eq!(world.store.notices().await.unwrap().len(), 1);
    }
    // They take it back.
    host.says(Says::Document(
        metadata(ENTITY, "", SSO, &[&one, &two]),
        "\"4\"",
    ));
    world.ask_corp().await.unwrap();
    assert!(world.store.waiting().await.unwrap().is_empty());
    assert!(world.store.notices().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_says_the_same_in_another_document_was_decided_already() {
    let (one, two) = (key("one"), key("two"));
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.idps[0].on_change = OnChange::Approve;
    world.ask_corp().await.unwrap();
    let again = async |world: &mut World, id: &str| {
        let document = metadata(ENTITY, &format!(r#" ID="{id}""#), SSO, &[&two]);
        host.says(Says::Document(document, "\"2\""));
        world.step(HOUR);
        assert!(matches!(world.ask_corp().await, Ok(Outcome::Waiting(_))));
        world.store.waiting().await.unwrap().remove(0)
    };
    let first = again(&mut world, "_1").await;
    let rejected = WaitingChange { standing: Standing::Rejected, ..first.clone() };
    world.store.put_waiting(&rejected).await.unwrap();
    world
        .store
        .clear(&WaitingChange::notice(&name("corp")), world.now)
        .await
        .unwrap();
    let second = again(&mut world, "_2").await;
    assert_eq!(second.standing, Standing::Rejected);
    assert_eq!(
        (second.word(), second.seen_at),
        (first.word(), first.seen_at)
    );
    // The document is the newer one.
    assert!(second.copy.metadata.contains("_2"));
    assert!(world.store.notices().await.unwrap().is_empty());
    assert_eq!(world.events(EventKind::IdpChangeWaiting).await, 1);
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_their_metadata() {
    let (one, two) = (key("one"), key("two"));
    let other = "https://other.example.com/metadata";
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let others = Host::saying(Says::Document(metadata(other, "", SSO, &[&two]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.idps.push(configured("other", &others.url("/metadata")));
    world.ask().await;
    host.says(Says::Document(metadata(other, "", SSO, &[&one]), "\"2\""));
    world.step(HOUR);
    assert!(matches!(world.ask_corp().await, Ok(Outcome::Waiting(_))));
    let loaded = world.load().await;
    assert_eq!(
        loaded.registry.issued_by(other).unwrap().settings.name,
        name("other")
    );
    assert!(loaded.registry.issued_by(ENTITY).is_some());
}

fn imported(url: &str, document: &str, settings: serde_json::Value) -> ImportedIdp {
    ImportedIdp {
        name: name("corp"),
        settings,
        metadata: document.to_owned(),
        url: Some(url.to_owned()),
        updated_at: start(),
    }
}

#[tokio::test]
async fn what_was_imported_keeps_its_name_until_somebody_has_seen_another() {
    let one = key("one");
    let first = metadata(ENTITY, "", SSO, &[&one]);
    let host = Host::saying(Says::Document(first.clone(), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.idps.clear();
    let record = imported(&host.url("/metadata"), &first, serde_json::json!({}));
    world.store.put(&record).await.unwrap();
    world.step(HOUR);
    assert_eq!(world.ask_corp().await, Ok(Outcome::Applied(None)));
    host.says(Says::Document(
        metadata("https://idp.example.com/other", "", SSO, &[&one]),
        "\"2\"",
    ));
    world.step(HOUR);
    assert!(matches!(world.ask_corp().await, Ok(Outcome::Waiting(_))));
    assert!(world.load().await.registry.issued_by(ENTITY).is_some());
}

#[tokio::test]
async fn an_aggregate_is_fetched_once_for_all_who_are_in_it() {
    let (federation, one, two) = (key("federation"), key("one"), key("two"));
    let entity = |number: u32, key| {
        metadata(
            &format!("https://idp{number}.example.com/"),
            "",
            SSO,
            &[key],
        )
    };
    let all = |key| -> Vec<String> { (0..20).map(|number| entity(number, key)).collect() };
    let host = Host::saying(Says::Document(
        aggregate(&all(&one), UNTIL, &federation),
        "\"1\"",
    ));
    let mut world = World::of(&host.url("/all")).await;
    world.idps = (0..3)
        .map(|number| {
            let mut idp = configured(&format!("idp{number}"), &host.url("/all"));
            idp.entity_id = Some(format!("https://idp{number}.example.com/"));
            idp.metadata_signers = Some(signers(&federation));
            idp
        })
        .collect();
    let first = world.ask().await;
    assert!(
        first.values().all(|result| *result == Ok(Outcome::Applied(None))),
        "{first:?}"
    );
    assert_eq!(host.asked().len(), 1);
    let copy = world.store.copy(&name("idp2")).await.unwrap().unwrap();
    assert!(copy.metadata.len() < 2000, "{}", copy.metadata);
    assert_eq!(copy.picked_by.as_deref(), Some(federation.fingerprint()));
    world.step(HOUR);
    assert!(world.ask().await.values().all(|result| *result == Ok(Outcome::Same)));

    // Signed by somebody else it is nobody's.
    let stranger = aggregate(&all(&two), UNTIL, &key("stranger"));
    host.says(Says::Document(stranger, "\"2\""));
    world.step(HOUR);
    let refused = world.ask().await;
    assert!(refused.values().all(|result| *result == Err("md.signature".to_owned())));
    // One is not in it any more: the others go on.
    let mut fewer = all(&two);
    fewer.remove(1);
    host.says(Says::Document(
        aggregate(&fewer, UNTIL, &federation),
        "\"3\"",
    ));
    world.step(HOUR);
    let results = world.ask().await;
    assert_eq!(results[&name("idp1")], Err("md.entity".to_owned()));
    assert!(matches!(
        results[&name("idp2")],
        Ok(Outcome::Applied(Some(_)))
    ));
    assert_eq!(world.load().await.registry.all().len(), 3);
    // Of what was picked under a key that is not trusted any more nothing is left.
    for idp in &mut world.idps {
        idp.metadata_signers = Some(signers(&key("new federation")));
    }
    assert!(world.load().await.registry.all().is_empty());
}

#[tokio::test]
async fn a_server_is_asked_for_one_entity_and_has_to_sign_what_it_says() {
    let (server, one) = (key("mdq"), key("one"));
    let until = format!(r#" ID="_e" validUntil="{UNTIL}""#);
    let answer = metadata(ENTITY, &until, SSO, &[&one]);
    let host = Host::saying(Says::Document(signed(&answer, "_e", &server), "\"1\""));
    let base = MdqServer::new(&host.url("/mdq")).unwrap();
    let address = base.address(ENTITY, Identifier::EntityId);
    let mut world = World::of(&address).await;
    let idp = &mut world.idps[0];
    idp.way = Way::Query;
    idp.entity_id = Some(ENTITY.to_owned());
    idp.metadata_signers = Some(signers(&server));
    assert_eq!(world.ask_corp().await, Ok(Outcome::Applied(None)));
    assert!(
        host.asked()[0]
            .starts_with("GET /mdq/entities/https%3A%2F%2Fidp.example.com%2Fmetadata HTTP/1.1")
    );
    host.says(Says::Document(answer, "\"2\""));
    world.step(HOUR);
    assert_eq!(world.ask_corp().await, Err("md.signature".to_owned()));
    let other = metadata("https://other.example.com/", &until, SSO, &[&one]);
    host.says(Says::Document(signed(&other, "_e", &server), "\"3\""));
    assert_eq!(world.ask_corp().await, Err("md.entity".to_owned()));
    assert_eq!(world.keys().await, [one.fingerprint()]);
}

#[tokio::test]
async fn metadata_that_has_ended_is_there_and_counts_for_nothing() {
    let one = key("one");
    let until = r#" validUntil="2026-11-21T18:00:00Z""#;
    let host = Host::saying(Says::Document(
        metadata(ENTITY, until, SSO, &[&one]),
        "\"1\"",
    ));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    // It is asked for in time to try again.
    assert!(world.state().await.next_at < world.now.plus(HOUR * 5));
    host.says(Says::Down);
    let ended = async |world: &World, now: Timestamp| {
        let loaded = world.load().await;
        loaded.registry.named(&name("corp")).unwrap().ended(now).is_some()
    };
    assert!(!ended(&world, world.now.plus(HOUR * 6 - Duration::from_secs(1))).await);
    assert!(ended(&world, world.now.plus(HOUR * 6)).await);
    world.step(HOUR * 7);
    assert_eq!(world.ask_corp().await, Err("md.fetch".to_owned()));
    assert!(world.state().await.next_at < world.now.plus(Duration::from_secs(70)));
}

fn seen(key: &samlgate::dsig::SigningKey, at: Timestamp) -> SeenKey {
    SeenKey {
        idp: name("corp"),
        entity_id: ENTITY.to_owned(),
        fingerprint: key.fingerprint().to_owned(),
        certificate: key.certificate_der().to_vec(),
        standing: Standing::Pending,
        seen: 1,
        first_seen: at,
        last_seen: at,
    }
}

#[tokio::test]
async fn a_key_counts_when_it_is_approved_and_until_the_metadata_has_it() {
    let (one, two) = (key("one"), key("two"));
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    assert!(world.store.saw_key(&seen(&two, world.now)).await.unwrap());
    assert!(!world.store.saw_key(&seen(&two, world.now)).await.unwrap());
    assert_eq!(world.keys().await, [one.fingerprint()]);
    let decide = async |standing| {
        world
            .store
            .decide_key(&name("corp"), two.fingerprint(), standing)
            .await
            .unwrap()
    };
    assert!(decide(Standing::Rejected).await);
    assert_eq!(world.keys().await, [one.fingerprint()]);
    assert!(decide(Standing::Approved).await);
    assert_eq!(world.keys().await, [one.fingerprint(), two.fingerprint()]);
    let corp = name("corp");
    assert!(!world.store.decide_key(&corp, "00", Standing::Approved).await.unwrap());

    host.says(Says::Document(
        metadata(ENTITY, "", SSO, &[&one, &two]),
        "\"2\"",
    ));
    world.step(HOUR);
    world.ask_corp().await.unwrap();
    assert!(world.store.seen_keys().await.unwrap().is_empty());
    // From then on the metadata alone decides.
    host.says(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"3\""));
    world.step(HOUR);
    world.ask_corp().await.unwrap();
    assert_eq!(world.keys().await, [one.fingerprint()]);
}

#[tokio::test]
async fn strangers_keys_push_out_each_other_and_nobody_elses() {
    let world = World::of("https://idp.example.com/metadata").await;
    let approved = key("approved");
    world.store.saw_key(&seen(&approved, start())).await.unwrap();
    let corp = name("corp");
    world
        .store
        .decide_key(&corp, approved.fingerprint(), Standing::Approved)
        .await
        .unwrap();
    // The true one, which two people have met before the strangers came.
    let (true_one, mut last) = (key("new"), String::new());
    for _ in 0..2 {
        world.store.saw_key(&seen(&true_one, start())).await.unwrap();
    }
    for number in 0..10 {
        let stranger = key("stranger");
        stranger.fingerprint().clone_into(&mut last);
        let at = start().plus(Duration::from_secs(number));
        world.store.saw_key(&seen(&stranger, at)).await.unwrap();
    }
    let keys = world.store.seen_keys().await.unwrap();
    assert_eq!(keys.len(), SeenKey::MOST + 1);
    for fingerprint in [approved.fingerprint(), true_one.fingerprint(), &last] {
        assert!(keys.iter().any(|key| key.fingerprint == fingerprint));
    }
}

/// Raised for `corp`.
async fn raise(world: &World, key: String) -> bool {
    let notice = Notice {
        key,
        text: "Something waits.".to_owned(),
        advice: "See.".to_owned(),
        detail: serde_json::json!({}),
        at: world.now,
    };
    world.store.raise(&notice, None, world.now).await.unwrap()
}

#[tokio::test]
async fn one_notice_tells_of_all_pending_keys_until_none_is_left() {
    let world = World::of("https://idp.example.com/metadata").await;
    let corp = name("corp");
    let keys = [key("one"), key("two"), key("three")];
    for key in &keys {
        world.store.saw_key(&seen(key, world.now)).await.unwrap();
        raise(&world, SeenKey::notice(&corp)).await;
    }
    let raised = async || world.store.notices().await.unwrap().len();
    assert_eq!(raised().await, 1);
    let standings = [Standing::Approved, Standing::Rejected];
    for (key, standing) in keys.iter().zip(standings) {
        world.store.decide_key(&corp, key.fingerprint(), standing).await.unwrap();
        assert_eq!(raised().await, 1);
    }
    world.store.forget_key(&corp, keys[2].fingerprint()).await.unwrap();
    assert_eq!(raised().await, 0);
}

#[tokio::test]
async fn an_approved_key_counts_for_the_entity_id_it_was_seen_for() {
    let (one, two) = (key("one"), key("two"));
    let host = Host::saying(Says::Document(metadata(ENTITY, "", SSO, &[&one]), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.ask_corp().await.unwrap();
    world.store.saw_key(&seen(&two, world.now)).await.unwrap();
    let corp = name("corp");
    world
        .store
        .decide_key(&corp, two.fingerprint(), Standing::Approved)
        .await
        .unwrap();
    assert_eq!(world.keys().await, [one.fingerprint(), two.fingerprint()]);
    // The name goes to somebody else.
    let three = key("three");
    let other = metadata("https://other.example.com/", "", SSO, &[&three]);
    host.says(Says::Document(other, "\"2\""));
    world.step(HOUR);
    world.ask_corp().await.unwrap();
    assert_eq!(world.keys().await, [three.fingerprint()]);
    assert!(world.store.seen_keys().await.unwrap().is_empty());
    // Nor does it count if it is approved now.
    world.store.saw_key(&seen(&two, world.now)).await.unwrap();
    world
        .store
        .decide_key(&corp, two.fingerprint(), Standing::Approved)
        .await
        .unwrap();
    assert_eq!(world.keys().await, [three.fingerprint()]);
}

#[tokio::test]
async fn one_node_asks_for_all() {
    let world = World::of("https://idp.example.com/metadata").await;
    let lease = async |holder: &str, from: u64| {
        let now = start().plus(Duration::from_secs(from));
        let until = now.plus(Duration::from_secs(120));
        world.store.lease("metadata", holder, until, now).await.unwrap()
    };
    assert!(lease("a", 0).await);
    assert!(!lease("b", 60).await);
    assert!(lease("a", 100).await);
    assert!(!lease("b", 219).await);
    assert!(lease("b", 220).await);
    assert!(!lease("a", 221).await);
}

#[tokio::test]
async fn only_what_is_other_in_the_store_is_read_again() {
    let mut world = World::of("http://127.0.0.1:9/").await;
    world.idps.clear();
    let one = key("one");
    let record = |number: usize, sso: &str| ImportedIdp {
        name: name(&format!("idp-{number}")),
        settings: serde_json::json!({ "label": "One of many" }),
        metadata: metadata(
            &format!("https://idp{number}.example.com/"),
            "",
            sso,
            &[&one],
        ),
        url: None,
        updated_at: start(),
    };
    let all: Vec<ImportedIdp> = (0..450).map(|number| record(number, SSO)).collect();
    world.store.put_all(&all).await.unwrap();
    let mut known = Known::default();
    let first = load_again(&world.store, &[], &mut known).await.unwrap().registry;
    assert_eq!(first.all().len(), 450);
    world.store.put(&record(7, "https://moved.example.com/sso")).await.unwrap();
    world.store.remove(&name("idp-8")).await.unwrap();
    let second = load_again(&world.store, &[], &mut known).await.unwrap().registry;
    assert_eq!(second.all().len(), 449);
    for idp in second.all() {
        let before = first.named(&idp.settings.name).unwrap();
        let is_same = idp.settings.name != name("idp-7");
        assert_eq!(Arc::ptr_eq(before, idp), is_same, "{}", idp.settings.name);
    }
    let moved = second.named(&name("idp-7")).unwrap().sign_on().unwrap();
    assert_eq!(moved.location, "https://moved.example.com/sso");
    let key = SeenKey {
        idp: name("idp-9"),
        entity_id: second.named(&name("idp-9")).unwrap().metadata.entity_id.clone(),
        fingerprint: "00".into(),
        certificate: key("new").certificate_der().to_vec(),
        standing: Standing::Pending,
        seen: 1,
        first_seen: start(),
        last_seen: start(),
    };
    world.store.saw_key(&key).await.unwrap();
    world.store.decide_key(&key.idp, "00", Standing::Approved).await.unwrap();
    let third = load_again(&world.store, &[], &mut known).await.unwrap().registry;
    assert_eq!(
        third.named(&key.idp).unwrap().metadata.signing_keys.len(),
        2
    );
}

#[tokio::test]
async fn a_removed_identity_provider_leaves_nothing() {
    let one = key("one");
    let first = metadata(ENTITY, "", SSO, &[&one]);
    let host = Host::saying(Says::Document(first.clone(), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    world.idps.clear();
    let record = imported(&host.url("/metadata"), &first, serde_json::json!({}));
    world.store.put(&record).await.unwrap();
    world.ask_corp().await.unwrap();
    world.store.saw_key(&seen(&key("two"), start())).await.unwrap();
    for key in [
        SeenKey::notice(&name("corp")),
        WaitingChange::notice(&name("corp")),
    ] {
        assert!(raise(&world, key).await);
    }
    assert!(world.store.remove(&name("corp")).await.unwrap());
    assert!(world.store.refreshes().await.unwrap().is_empty());
    assert!(world.store.seen_keys().await.unwrap().is_empty());
    assert!(world.store.copy(&name("corp")).await.unwrap().is_none());
    assert!(world.store.notices().await.unwrap().is_empty());
}
