//! What every store does of people who are linked.

use std::sync::Arc;

use super::{Store, at};
use crate::base::{IdpName, Timestamp, UserId};
use crate::directory::links::{Link, Linked};
use crate::directory::{Created, Operator, User};

fn idp(name: &str) -> IdpName {
    IdpName::parse(name).unwrap()
}

fn person(name: &str, of: &str, name_id: Option<&str>) -> User {
    User {
        id: UserId::new(format!("id-{name}")),
        user_name: name.into(),
        external_id: None,
        idp: Some(idp(of)),
        name_id: name_id.map(str::to_owned),
        profile: crate::directory::Profile::default(),
        active: true,
        locked: false,
        managed: false,
        created_at: at(0),
        updated_at: at(0),
        last_login_at: None,
        revision: 1,
    }
}

pub(crate) async fn a_link_is_one_person_of_two_identity_providers<S: Store>(store: Arc<S>) {
    let (corp, partner) = (idp("corp"), idp("partner"));
    for user in [
        person("alice", "corp", None),
        person("bob", "corp", None),
        person("carol", "partner", Some("p-carol")),
        person("dave", "partner", None),
    ] {
        assert_eq!(store.create(&user).await.unwrap(), Created::Created);
    }
    let by = Operator::command();
    let link = |name: &str, name_id: &str| Link {
        person: UserId::new(format!("id-{name}")),
        idp: partner.clone(),
        name_id: name_id.to_owned(),
        created_at: at(1),
    };
    let alice = link("alice", "a.smith");
    assert_eq!(store.link(&alice, &by).await.unwrap(), Linked::Linked);
    assert_eq!(store.link(&alice, &by).await.unwrap(), Linked::Already);
    let other = store.link(&link("alice", "other"), &by).await.unwrap();
    assert_eq!(other, Linked::Other("a.smith".to_owned()));
    // Linked to somebody, or somebody's own name there.
    for (name_id, holder) in [("a.smith", "alice"), ("p-carol", "carol"), ("dave", "dave")] {
        let taken = store.link(&link("bob", name_id), &by).await.unwrap();
        let person = UserId::new(format!("id-{holder}"));
        assert_eq!(
            taken,
            Linked::Taken { person, user_name: holder.to_owned() }
        );
    }
    assert_eq!(
        store.link(&link("nobody", "x"), &by).await.unwrap(),
        Linked::Nobody
    );

    let found = store.linked(&partner, "a.smith").await.unwrap();
    assert_eq!(found.map(|user| user.user_name).as_deref(), Some("alice"));
    // To the letter, and of that identity provider.
    for (idp, name_id) in [
        (&partner, "A.smith"),
        (&partner, "a.smith "),
        (&corp, "a.smith"),
    ] {
        assert_eq!(store.linked(idp, name_id).await.unwrap(), None);
    }
    assert_eq!(
        store.links(&alice.person).await.unwrap(),
        std::slice::from_ref(&alice)
    );

    assert!(store.unlink(&alice.person, &partner, &by, at(2)).await.unwrap());
    assert!(!store.unlink(&alice.person, &partner, &by, at(2)).await.unwrap());
    assert_eq!(store.linked(&partner, "a.smith").await.unwrap(), None);
    assert_eq!(
        store.link(&link("bob", "a.smith"), &by).await.unwrap(),
        Linked::Linked
    );
    let events = store.events(Timestamp::EPOCH, 0, 100).await.unwrap();
    assert_eq!(events.len(), 3);
}
