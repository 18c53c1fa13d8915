//! What every store does of those who come for our metadata.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Directory;
use super::at;
use crate::keys::Fetch;

pub(crate) async fn who_fetched_our_metadata_is_counted_and_there_is_an_end_to_them<
    S: Directory,
>(
    store: Arc<S>,
) {
    let fetch = |agent: &str, seconds: i64| Fetch::new("192.0.2.1", agent, at(seconds));
    assert!(store.fetches().await.unwrap().is_empty());
    let mut nodes = JoinSet::new();
    for node in 0..8_i64 {
        let store = Arc::clone(&store);
        let seen = [fetch("Shibboleth", 100), fetch("\u{e9}", 50 + node)];
        nodes.spawn(async move { store.add_fetches(&seen, at(100)).await.unwrap() });
    }
    nodes.join_all().await;
    let known = store.fetches().await.unwrap();
    let shown: Vec<_> = known.iter().map(|fetch| (fetch.agent.as_str(), fetch.count)).collect();
    assert_eq!(shown, [("Shibboleth", 8), ("\u{e9}", 8)]);
    assert_eq!((known[0].first, known[0].last), (at(100), at(100)));

    let many: Vec<Fetch> =
        (0..600).map(|number| fetch(&format!("{number}"), 1000 + number)).collect();
    store.add_fetches(&many, at(2000)).await.unwrap();
    let known = store.fetches().await.unwrap();
    assert!(
        known.len() <= 501 && known[0].agent == "599",
        "{}",
        known.len()
    );
}
