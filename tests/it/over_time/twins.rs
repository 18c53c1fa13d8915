//! Two names for one entityID: whoever was here first goes on.

use samlgate::tasks::refresh::Outcome;
use samlgate::trust::{IdpStore as _, ImportedIdp};

use super::host::{Host, Says};
use super::world::{ENTITY, SSO, World, configured, key, metadata, name, start};

/// `corp` is here, and its entityID; `new` comes first in the file, with an address at which somebody
/// says that they are `corp`, by a key of their own.
struct Meeting {
    world: World,
    _hosts: [Host; 2],
    corps_key: String,
}

async fn meet(corp_is_imported: bool) -> Meeting {
    let (one, two) = (key("one"), key("two"));
    let document = metadata(ENTITY, "", SSO, &[&one]);
    let host = Host::saying(Says::Document(document.clone(), "\"1\""));
    let mut world = World::of(&host.url("/metadata")).await;
    if corp_is_imported {
        world.idps.clear();
        let record = ImportedIdp {
            name: name("corp"),
            settings: serde_json::json!({}),
            metadata: document,
            url: Some(host.url("/metadata")),
            updated_at: start(),
        };
        world.store.put(&record).await.unwrap();
    }
    world.ask_corp().await.unwrap();
    let elsewhere = metadata(ENTITY, "", "https://login.example.net/sso", &[&two]);
    let others = Host::saying(Says::Document(elsewhere, "\"1\""));
    world.idps.insert(0, configured("new", &others.url("/metadata")));
    Meeting {
        world,
        _hosts: [host, others],
        corps_key: one.fingerprint().to_owned(),
    }
}

#[tokio::test]
async fn the_first_metadata_of_a_new_one_does_not_displace_who_has_its_entity_id_here() {
    for corp_is_imported in [true, false] {
        let Meeting { world, _hosts, corps_key } = meet(corp_is_imported).await;
        for _ in 0..2 {
            let results = world.ask().await;
            assert_eq!(results[&name("new")], Err("md.entity".to_owned()));
            assert_eq!(results[&name("corp")], Ok(Outcome::Same));
        }
        let state = world.states().await.remove(&name("new")).unwrap();
        assert_eq!((state.result.as_str(), state.failures), ("md.entity", 2));
        assert!(
            state.detail.contains("corp has the entityID"),
            "{}",
            state.detail
        );
        let loaded = world.load().await;
        let holder = loaded.registry.issued_by(ENTITY).unwrap();
        assert_eq!(holder.settings.name, name("corp"));
        assert_eq!(world.keys().await, [corps_key]);
        // Nothing of it is kept for a start at which the other one happens to be away.
        assert!(world.store.copy(&name("new")).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn who_writes_the_entity_id_into_the_file_moves_it_there() {
    let Meeting { mut world, _hosts, .. } = meet(true).await;
    world.idps[0].entity_id = Some(ENTITY.to_owned());
    let results = world.ask().await;
    assert_eq!(results[&name("new")], Ok(Outcome::Applied(None)));
    let loaded = world.load().await;
    let holder = loaded.registry.issued_by(ENTITY).unwrap();
    assert_eq!(holder.settings.name, name("new"));
}
