//! What clients do, at random: few names, so that they meet.

use proptest::prelude::*;
use proptest::sample::{Selector, select, subsequence};
use serde_json::{Map, Value, json};

use super::world::World;
use crate::scim::schema::ENTERPRISE;

/// One request of one of two clients.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Whose.
    pub(super) side: usize,
    pub(super) target: Target,
    pub(super) version: Version,
    pub(super) what: What,
    /// Once more, as clients do whose answer was lost.
    pub(super) twice: bool,
}

/// About whom: a place among all that there ever were, of either client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    New,
    User(usize),
    Group(usize),
}

/// `If-Match`
#[derive(Clone, Copy, Debug)]
pub(super) enum Version {
    Any,
    Current,
    Stale,
}

/// What is asked. Members are places among all people and groups.
#[derive(Clone, Debug)]
pub(super) enum What {
    SignIn,
    CreateUser(Value),
    PutUser(Value),
    PatchUser(Vec<Value>),
    DeleteUser,
    CreateGroup(Value, Vec<usize>),
    PutGroup(Value, Vec<usize>),
    PatchGroup(Vec<OfGroup>),
    DeleteGroup,
}

/// One operation on a group.
#[derive(Clone, Debug)]
pub(super) enum OfGroup {
    Add(Vec<usize>),
    Replace(Vec<usize>),
    Remove(usize),
    RemoveEither(usize, usize),
    RemoveListed(Vec<usize>),
    RemoveKind(&'static str),
    RemoveAll,
    Document(Value),
}

/// The same with ids: bodies.
#[derive(Clone, Debug)]
pub(super) enum Said {
    SignIn(String),
    CreateUser(Value),
    PutUser(Value),
    PatchUser(Value),
    DeleteUser,
    CreateGroup(Value),
    PutGroup(Value),
    PatchGroup(Value),
    DeleteGroup,
}

impl Said {
    /// Whether it can be said as often as one likes: RFC 7644, 3.5.2.1 to 3.5.2.3, wherever no
    /// filter chooses, and 3.5.1.
    pub(super) fn is_idempotent(&self) -> bool {
        match self {
            Self::PutUser(_) | Self::PutGroup(_) => true,
            Self::PatchUser(body) | Self::PatchGroup(body) => {
                let operations = body["Operations"].as_array().unwrap();
                let chooses = operations[0]["path"].as_str().is_some_and(|path| path.contains('['));
                operations.len() == 1 && !chooses
            }
            _ => false,
        }
    }
}

impl What {
    /// In this world.
    pub(super) fn said(&self, world: &World, case: usize) -> Said {
        let own = |value: &Value| -> Value {
            // Whoever signs in holds their name in all the store.
            let text = value.to_string().replace("CASE", &case.to_string());
            serde_json::from_str(&text).unwrap()
        };
        let members = |places: &[usize]| -> Value {
            places.iter().map(|place| json!({ "value": world.member_id(*place) })).collect()
        };
        let with = |body: &Value, places: &[usize]| {
            let mut body = own(body);
            body["members"] = members(places);
            body
        };
        let patch = |operations: Vec<Value>| json!({ "Operations": operations });
        match self {
            Self::SignIn => Said::SignIn(format!("Jay{case}")),
            Self::CreateUser(body) => Said::CreateUser(own(body)),
            Self::PutUser(body) => Said::PutUser(own(body)),
            Self::PatchUser(operations) => {
                Said::PatchUser(patch(operations.iter().map(own).collect()))
            }
            Self::DeleteUser => Said::DeleteUser,
            Self::CreateGroup(body, places) => Said::CreateGroup(with(body, places)),
            Self::PutGroup(body, places) => Said::PutGroup(with(body, places)),
            Self::DeleteGroup => Said::DeleteGroup,
            Self::PatchGroup(operations) => {
                let id = |place: &usize| world.member_id(*place);
                let of = |operation: &OfGroup| match operation {
                    OfGroup::Add(places) => {
                        json!({ "op": "add", "path": "members", "value": members(places) })
                    }
                    OfGroup::Replace(places) => {
                        json!({ "op": "replace", "path": "members", "value": members(places) })
                    }
                    OfGroup::Remove(place) => {
                        let path = format!("members[value eq \"{}\"]", id(place));
                        json!({ "op": "remove", "path": path })
                    }
                    OfGroup::RemoveEither(one, other) => {
                        let (one, other) = (id(one), id(other));
                        let path = format!("members[value eq \"{one}\" or value eq \"{other}\"]");
                        json!({ "op": "remove", "path": path })
                    }
                    OfGroup::RemoveListed(places) => {
                        json!({ "op": "remove", "path": "members", "value": members(places) })
                    }
                    OfGroup::RemoveKind(kind) => {
                        let path = format!("members[type eq \"{kind}\"]");
                        json!({ "op": "remove", "path": path })
                    }
                    OfGroup::RemoveAll => json!({ "op": "remove", "path": "members" }),
                    OfGroup::Document(operation) => operation.clone(),
                };
                Said::PatchGroup(patch(operations.iter().map(of).collect()))
            }
        }
    }
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let place = || 0..24_usize;
    let places = || prop::collection::vec(0..24_usize, 0..5);
    let operations = || prop::collection::vec(of_user(), 1..4);
    let of_groups = || prop::collection::vec(of_group(), 1..4);
    let new = |what| (Target::New, what);
    let user = move |what: BoxedStrategy<What>| {
        (place(), what).prop_map(|(place, what)| (Target::User(place), what))
    };
    let group = move |what: BoxedStrategy<What>| {
        (place(), what).prop_map(|(place, what)| (Target::Group(place), what))
    };
    let what = prop_oneof![
        5 => body().prop_map(What::CreateUser).prop_map(new),
        1 => Just(What::SignIn).prop_map(new),
        3 => (group_body(), places()).prop_map(move |(body, places)| new(What::CreateGroup(body, places))),
        3 => user(body().prop_map(What::PutUser).boxed()),
        8 => user(operations().prop_map(What::PatchUser).boxed()),
        2 => user(Just(What::DeleteUser).boxed()),
        2 => group((group_body(), places()).prop_map(|(body, places)| What::PutGroup(body, places)).boxed()),
        8 => group(of_groups().prop_map(What::PatchGroup).boxed()),
        1 => group(Just(What::DeleteGroup).boxed()),
    ];
    let version = prop_oneof![
        6 => Just(Version::Any), 2 => Just(Version::Current), 1 => Just(Version::Stale),
    ];
    let side = prop_oneof![3 => Just(0_usize), 1 => Just(1)];
    (side, version, what, prop::bool::weighted(0.2)).prop_map(
        |(side, version, (target, what), twice)| Step { side, target, version, what, twice },
    )
}

fn name() -> impl Strategy<Value = Value> {
    select(vec![
        "ann", "ANN", "bob", "straße", "STRASSE", "Jay CASE", "JayCASE", "jayCASE",
    ])
    .prop_map(Value::from)
}

fn text() -> impl Strategy<Value = Value> {
    select(vec![
        json!("A"),
        json!("b"),
        json!("Å"),
        json!(""),
        json!(null),
    ])
}

pub(super) fn external_id() -> impl Strategy<Value = Value> {
    select(vec![json!("e1"), json!("E1"), json!("e2"), json!("e3")])
}

pub(super) fn email() -> impl Strategy<Value = Value> {
    let value = select(vec!["a@x", "A@x", "b@x", "c@x"]);
    let kind = prop::option::of(select(vec!["work", "home"]));
    let primary = prop::option::of(any::<bool>());
    (value, kind, primary).prop_map(|(value, kind, primary)| {
        let mut email = json!({ "value": value });
        kind.into_iter().for_each(|kind| email["type"] = json!(kind));
        primary.into_iter().for_each(|primary| email["primary"] = json!(primary));
        email
    })
}

fn emails() -> impl Strategy<Value = Value> {
    prop::collection::vec(email(), 0..3).prop_map(Value::from)
}

fn full_name() -> impl Strategy<Value = Value> {
    (prop::option::of(text()), prop::option::of(text())).prop_map(|(given, family)| {
        let mut name = Map::new();
        given.into_iter().for_each(|given| drop(name.insert("givenName".into(), given)));
        family
            .into_iter()
            .for_each(|family| drop(name.insert("familyName".into(), family)));
        Value::Object(name)
    })
}

fn enterprise() -> impl Strategy<Value = Value> {
    (text(), prop::option::of(select(vec!["m1", "M1"]))).prop_map(|(department, manager)| {
        let mut parts = json!({ "department": department });
        manager.into_iter().for_each(|id| parts["manager"] = json!({ "value": id }));
        parts
    })
}

/// Some of these.
fn some(parts: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let places: Vec<usize> = (0..names.len()).collect();
    (subsequence(places, 0..=names.len()), values)
        .prop_map(move |(places, values)| {
            let part = |place: usize| (names[place].to_owned(), values[place].clone());
            Value::Object(places.into_iter().map(part).collect())
        })
        .boxed()
}

fn attributes() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    vec![
        ("externalId", external_id().boxed()),
        ("active", any::<bool>().prop_map(Value::from).boxed()),
        ("title", text().boxed()),
        ("name", full_name().boxed()),
        ("emails", emails().boxed()),
        (ENTERPRISE, enterprise().boxed()),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    (prop::option::weighted(0.95, name()), some(attributes())).prop_map(|(name, mut body)| {
        name.into_iter().for_each(|name| body["userName"] = name);
        body
    })
}

fn group_body() -> impl Strategy<Value = Value> {
    let name = select(vec![
        "Admins", "ADMINS", "Staff", "Größe", "GRÖSSE", "Guests",
    ]);
    (
        prop::option::weighted(0.95, name),
        prop::option::of(external_id()),
    )
        .prop_map(|(name, external_id)| {
            let mut body = json!({});
            name.into_iter().for_each(|name| body["displayName"] = json!(name));
            external_id.into_iter().for_each(|id| body["externalId"] = id);
            body
        })
}

fn of_user() -> impl Strategy<Value = Value> {
    let at = |path: &'static str, value: BoxedStrategy<Value>| {
        let verb = select(vec!["add", "replace", "remove"]);
        (verb, value)
            .prop_map(move |(verb, value)| match verb {
                "remove" => json!({ "op": verb, "path": path }),
                _ => json!({ "op": verb, "path": path, "value": value }),
            })
            .boxed()
    };
    let whole = {
        let mut all = attributes();
        all.push(("userName", name().boxed()));
        all.push(("name.familyName", text().boxed()));
        all.push(("shoeSize", Just(json!(42)).boxed()));
        all.push(("id", Just(json!("mine")).boxed()));
        (select(vec!["add", "replace"]), some(all))
            .prop_map(|(verb, value)| json!({ "op": verb, "value": value }))
    };
    let address = || select(vec![json!("a@x"), json!("A@x"), json!("b@x")]).boxed();
    let truth = || any::<bool>().prop_map(Value::from).boxed();
    let wrong = select(vec![
        json!({ "op": "remove" }),
        json!({ "op": "replace", "path": "id", "value": "mine" }),
        json!({ "op": "replace", "path": "shoeSize", "value": 42 }),
        json!({ "op": "add", "path": "emails[type eq", "value": "a" }),
        json!({ "op": "replace", "path": "userName", "value": "" }),
    ]);
    let choices = vec![
        at("userName", name().boxed()),
        at("externalId", external_id().boxed()),
        at("active", truth()),
        at("title", text().boxed()),
        at("name", full_name().boxed()),
        at("name.givenName", text().boxed()),
        at("emails", emails().boxed()),
        at("emails[type eq \"work\"].value", address()),
        at("emails[type eq \"HOME\"].display", Just(json!("D")).boxed()),
        at("emails[value eq \"a@x\"].primary", truth()),
        select(vec!["work", "home"])
            .prop_map(
                |kind| json!({ "op": "remove", "path": format!("emails[type eq \"{kind}\"]") }),
            )
            .boxed(),
        at(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            text().boxed(),
        ),
        at(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            enterprise().boxed(),
        ),
        whole.boxed(),
        wrong.boxed(),
    ];
    (any::<Selector>(), choices).prop_map(|(choice, made)| choice.select(made))
}

fn of_group() -> impl Strategy<Value = OfGroup> {
    let place = || 0..24_usize;
    let places = || prop::collection::vec(0..24_usize, 1..4);
    let document =
        group_body().prop_map(|body| OfGroup::Document(json!({ "op": "replace", "value": body })));
    let unnamed = Just(OfGroup::Document(
        json!({ "op": "remove", "path": "externalId" }),
    ));
    prop_oneof![
        6 => places().prop_map(OfGroup::Add),
        2 => places().prop_map(OfGroup::Replace),
        3 => place().prop_map(OfGroup::Remove),
        1 => (place(), place()).prop_map(|(one, other)| OfGroup::RemoveEither(one, other)),
        2 => places().prop_map(OfGroup::RemoveListed),
        1 => select(vec!["User", "Group"]).prop_map(OfGroup::RemoveKind),
        1 => Just(OfGroup::RemoveAll),
        2 => document,
        1 => unnamed,
    ]
}
