//! A SAML discovery service in the place of our page to choose on.

use super::World;
use crate::support::gateway::Setup;

const DISCOVERY: &str = "discovery = \"https://ds.example.org/wayf?lang=de\"";

async fn world() -> World {
    World::with(|setup: Setup| setup.set("saml", DISCOVERY), "").await
}

#[tokio::test]
async fn people_are_sent_to_the_discovery_service_and_go_on_with_what_they_chose() {
    let world = world().await;
    let mut alice = world.gateway.visitor();
    let gate = alice.get(&world.url("/reports?q=1")).await;
    let sign_in = alice.follow(&gate).await;
    let there = sign_in.target();
    assert_eq!(there.host_str(), Some("ds.example.org"));
    let pairs: Vec<_> = there.query_pairs().into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(value("entityID"), world.url("/saml/metadata"));
    let back = value("return");
    assert!(
        back.starts_with(&world.url("/.samlgate/discovery?rd=")),
        "{back}"
    );

    let chosen = alice.get(&format!("{back}&entityID={}", world.corp.entity_id)).await;
    let landed = world.answer(&mut alice, &chosen, |_| {}).await;
    assert_eq!(landed.status, 303);
    assert_eq!(landed.target().as_str(), world.url("/reports?q=1"));
    assert_eq!(alice.follow(&landed).await.status, 200);
}

#[tokio::test]
async fn what_comes_back_chooses_among_those_that_are_known_and_leads_to_our_pages() {
    let world = world().await;
    let mut nobody = world.gateway.visitor();
    let at = |query: &str| world.url(&format!("/.samlgate/discovery?{query}"));
    let unknown = nobody.get(&at("rd=/x&entityID=https://evil.example/idp")).await;
    assert_eq!(unknown.status, 403);
    assert_eq!(world.gateway.code_of(&unknown).await, "idp.unknown");
    let twice = nobody.get(&at("rd=/x&entityID=a&entityID=b")).await;
    assert_eq!(twice.status, 400);
    assert_eq!(world.gateway.code_of(&twice).await, "binding.discovery");
    // Who did not want to say chooses here.
    let choose = nobody.get(&at("rd=/x")).await;
    assert_eq!(choose.status, 200);
    assert!(choose.text().contains("partner"), "{}", choose.text());
    // It leads nowhere else afterwards.
    let query = format!("rd=https://evil.example/&entityID={}", world.corp.entity_id);
    let start = nobody.get(&at(&query)).await;
    let landed = world.answer(&mut nobody, &start, |_| {}).await;
    assert_eq!(landed.target().as_str(), world.url("/"));
}

#[tokio::test]
async fn without_a_discovery_service_nobody_comes_back_from_one() {
    let world = World::new().await;
    let mut nobody = world.gateway.visitor();
    let query = format!(
        "/.samlgate/discovery?rd=/x&entityID={}",
        world.corp.entity_id
    );
    assert_eq!(nobody.get(&world.url(&query)).await.status, 404);
}

#[tokio::test]
async fn passively_the_discovery_service_asks_nobody() {
    let world = world().await;
    let mut nobody = world.gateway.visitor();
    let start = nobody.get(&world.url("/.samlgate/start?passive=1&rd=/open")).await;
    let there = start.target();
    let value = |name: &str| {
        let pair = there.query_pairs().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!(value("isPassive"), "true");
    let back = nobody.get(&value("return")).await;
    assert_eq!(back.target().as_str(), world.url("/open"));
    let url = format!("{}&entityID={}", value("return"), world.corp.entity_id);
    let request = world.corp.read(&nobody.get(&url).await);
    assert!(
        request.xml.contains("IsPassive=\"true\""),
        "{}",
        request.xml
    );
}
