//! Single logout with each identity provider: claims of the suite.

use http::Method;

use super::peer::{Person, Product, Settings};
use super::world::World;
use crate::support::http::{Answer, Ask, Visitor};

pub(super) async fn signing_out_here_signs_out_there_by_redirect(product: Product) {
    from_here(product, false).await;
}

pub(super) async fn signing_out_here_signs_out_there_by_post(product: Product) {
    from_here(product, true).await;
}

async fn from_here(product: Product, only_post_logout: bool) {
    let settings = Settings { only_post_logout, ..Settings::default() };
    let world = World::with(product, settings, "").await;
    let [person, _] = world.people();
    let mut visitor = world.gateway.visitor();
    world.sign_in(&mut visitor, &person).await.is(&person);
    assert!(is_signed_in_there(&world, &mut visitor, &person).await);

    let sign_out = Ask::new(Method::POST, &world.gateway.url("/.samlgate/sign_out"));
    let left = visitor.send(sign_out.navigating()).await;
    assert_eq!(
        left.status.is_redirection(),
        !only_post_logout,
        "{}",
        left.text()
    );
    let trip = world.go_on(&mut visitor, left, &person).await;
    let page = trip.answer.text();
    assert!(
        page.contains("and so has the one at peer"),
        "{} {page}",
        trip.answer.url
    );
    assert!(!is_signed_in_there(&world, &mut visitor, &person).await);
}

pub(super) async fn signing_out_there_signs_out_here_by_redirect(product: Product) {
    from_there(product, "HTTP-Redirect").await;
}

pub(super) async fn signing_out_there_signs_out_here_by_post(product: Product) {
    from_there(product, "HTTP-POST").await;
}

pub(super) async fn signing_out_there_signs_out_here_by_soap_where_it_can(product: Product) {
    if product.signs_out_by_soap() {
        from_there(product, "SOAP").await;
    } else {
        let world = World::apart(product, Settings::default()).await;
        let metadata = world.gateway.visitor().get(&world.peer.metadata_url()).await.text();
        let services: Vec<&str> = metadata.split("SingleLogoutService ").skip(1).collect();
        let by_soap = |service: &&str| service.split('>').next().unwrap().contains(":SOAP\"");
        assert!(
            !services.is_empty() && !services.iter().any(by_soap),
            "{metadata}"
        );
    }
}

async fn from_there(product: Product, binding: &'static str) {
    let settings = Settings { logout_to_us: Some(binding), ..Settings::default() };
    let world = World::with(product, settings, "").await;
    let [person, other] = world.people();
    let (mut visitor, mut bystander) = (world.gateway.visitor(), world.gateway.visitor());
    world.sign_in(&mut visitor, &person).await.is(&person);
    world.sign_in(&mut bystander, &other).await.is(&other);

    let first = visitor.get(&world.peer.logout_url()).await;
    let trip = world.go_on(&mut visitor, first, &person).await;
    // One that asks all at once shows them in frames.
    for frame in frames(&trip.answer) {
        let inside = visitor.get(&frame).await;
        world.go_on(&mut visitor, inside, &person).await;
    }
    let user = world.gateway.url("/.samlgate/user");
    let log = world.gateway.log();
    let about: Vec<_> = log.lines().filter(|line| line.contains("ogout")).collect();
    assert_eq!(
        visitor.get(&user).await.status,
        401,
        "{} {}\n{about:#?}",
        trip.answer.url,
        trip.answer.text()
    );
    assert_eq!(bystander.get(&user).await.status, 200);
    assert!(
        log.contains("signed out by the identity provider"),
        "{about:?}"
    );
    assert!(!log.contains("logout refused"), "{about:?}");
    assert!(world.peer.wrote(&trip.answer), "{}", trip.answer.url);
}

/// The addresses in the frames and pictures of a page that carry a logout on.
fn frames(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let sources = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let carries = |source: &&str| source.contains("SAMLRequest=") || source.contains("relay=");
    let whole = |source: &str| answer.url.join(&source.replace("&amp;", "&")).unwrap().to_string();
    sources.filter(carries).map(whole).collect()
}

/// Whether one is signed in there without being asked.
async fn is_signed_in_there(world: &World, visitor: &mut Visitor, person: &Person) -> bool {
    let begin = visitor.get(&world.gateway.url("/.samlgate/start?idp=peer&rd=/page")).await;
    let trip = world.go_on(visitor, begin, person).await;
    trip.is(person);
    assert!(!trip.request_by.is_empty());
    trip.asked == 0
}
