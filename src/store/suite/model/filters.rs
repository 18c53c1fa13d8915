//! Filters at random, over people and groups at random: whom one finds, in which order, page by page.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::steps::{email, external_id};
use super::world::fold;
use super::{Play, WITH_MEMBERS, signed_in};
use crate::base::{GroupId, UserId};
use crate::directory::{Begin, Created, Cursor, GroupParts, Outcome, Query, Sort, UserParts};
use crate::scim::evaluate::matches;
use crate::scim::filter::Target;
use crate::scim::schema::ENTERPRISE;
use crate::scim::{Catalogue, Document, Filter, ResourceKind};
use crate::store::suite::at;
use crate::store::suite::directory::Directory;

/// People, groups, and what is asked of them.
#[derive(Clone, Debug)]
pub(super) struct Question {
    people: Vec<Value>,
    /// Each with the places of its members.
    groups: Vec<(Value, Vec<usize>)>,
    asked: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    kind: ResourceKind,
    filter: Condition,
    sort: Option<(&'static str, bool)>,
    page: u32,
}

/// A filter.
#[derive(Clone)]
enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Is(Name, &'static str, Value),
    IsThere(Name),
    Element(&'static str, Box<Self>),
}

/// An attribute, and the type of its values.
type Name = (&'static str, Type);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Text,
    Exact,
    Truth,
    Time,
}

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

const OF_USERS: [Name; 18] = [
    ("userName", Type::Text),
    ("externalId", Type::Exact),
    ("title", Type::Text),
    ("name.givenName", Type::Text),
    ("name.familyName", Type::Text),
    ("emails", Type::Text),
    ("emails.value", Type::Text),
    ("emails.type", Type::Text),
    ("emails.primary", Type::Truth),
    ("active", Type::Truth),
    (DEPARTMENT, Type::Text),
    (MANAGER, Type::Exact),
    ("id", Type::Exact),
    ("meta.created", Type::Time),
    ("meta.lastModified", Type::Time),
    ("meta.version", Type::Exact),
    ("groups.value", Type::Exact),
    ("groups.display", Type::Text),
];
const OF_GROUPS: [Name; 7] = [
    ("displayName", Type::Text),
    ("externalId", Type::Exact),
    ("members", Type::Exact),
    ("members.value", Type::Exact),
    ("members.type", Type::Text),
    ("id", Type::Exact),
    ("meta.created", Type::Time),
];
const OF_EMAILS: [Name; 3] = [
    ("value", Type::Text),
    ("type", Type::Text),
    ("primary", Type::Truth),
];
const OF_GROUPS_OF: [Name; 2] = [("value", Type::Exact), ("display", Type::Text)];
const OF_MEMBERS: [Name; 2] = [("value", Type::Exact), ("type", Type::Text)];

/// Longer than what is in an index of values, and the same as far as that goes.
const LONG: usize = 220;

fn word() -> impl Strategy<Value = String> {
    let long = |end: &str| "a".repeat(LONG) + end;
    select(vec![
        "a".to_owned(),
        "Ann".to_owned(),
        "ann b".to_owned(),
        "b%_\\".to_owned(),
        "\"q\"".to_owned(),
        "Straße".to_owned(),
        "STRASSE".to_owned(),
        "åsa".to_owned(),
        "\u{10FFFF}z".to_owned(),
        "work".to_owned(),
        "home".to_owned(),
        "Admins".to_owned(),
        "a@x".to_owned(),
        "b@x".to_owned(),
        long("1"),
        long("2"),
        long(""),
    ])
}

fn person() -> impl Strategy<Value = Value> {
    let text = || prop::option::of(word());
    (
        word(),
        text(),
        text(),
        text(),
        text(),
        prop::option::weighted(0.3, external_id()),
        prop::option::of(any::<bool>()),
        prop::collection::vec(email(), 0..3),
    )
        .prop_map(
            |(name, title, given, family, department, external_id, active, emails)| {
                json!({
                    "userName": name, "title": title, "active": active, "emails": emails,
                    "name": { "givenName": given, "familyName": family }, "externalId": external_id,
                    ENTERPRISE: { "department": department, "manager": { "value": given } },
                })
            },
        )
}

fn value(of: Type) -> BoxedStrategy<Value> {
    match of {
        Type::Text | Type::Exact => prop_oneof![
            6 => word(),
            1 => select(vec!["", "z", "e1", "E2", "User", "group", "W/\"1\"", "u", "g"]).prop_map(str::to_owned),
            2 => (0..30_usize).prop_map(|place| format!("u{place}-CASE")),
            2 => (0..8_usize).prop_map(|place| format!("g{place}-CASE")),
        ]
        .prop_map(Value::from)
        .boxed(),
        Type::Truth => any::<bool>().prop_map(Value::from).boxed(),
        Type::Time => (0..5_i64).prop_map(|second| json!(at(second).to_rfc3339())).boxed(),
    }
}

fn test(names: &'static [Name]) -> BoxedStrategy<Condition> {
    select(names)
        .prop_flat_map(|name| {
            let operators = match name.1 {
                Type::Text | Type::Exact => {
                    vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
                }
                Type::Truth => vec!["eq", "ne"],
                Type::Time => vec!["eq", "ne", "gt", "ge", "lt", "le"],
            };
            prop_oneof![
                6 => (select(operators), value(name.1))
                    .prop_map(move |(operator, value)| Condition::Is(name, operator, value)),
                1 => Just(Condition::IsThere(name)),
            ]
        })
        .boxed()
}

fn several(one: BoxedStrategy<Condition>, depth: u32) -> BoxedStrategy<Condition> {
    one.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
    .boxed()
}

fn asked() -> impl Strategy<Value = Asked> {
    let element = |whole: &'static str, names: &'static [Name]| {
        several(test(names), 2).prop_map(move |inner| Condition::Element(whole, Box::new(inner)))
    };
    let of_users = prop_oneof![
        5 => test(&OF_USERS),
        2 => element("emails", &OF_EMAILS),
        1 => element("groups", &OF_GROUPS_OF),
    ];
    let of_groups = prop_oneof![3 => test(&OF_GROUPS), 1 => element("members", &OF_MEMBERS)];
    let sorted = |names: Vec<&'static str>| prop::option::of((select(names), any::<bool>()));
    let of =
        |kind, filter: BoxedStrategy<Condition>, names| {
            (several(filter, 3), sorted(names), 1..6_u32)
                .prop_map(move |(filter, sort, page)| Asked { kind, filter, sort, page })
        };
    let by = vec![
        "userName",
        "title",
        "name.familyName",
        "emails",
        "emails.type",
        "meta.lastModified",
        "active",
        "externalId",
        DEPARTMENT,
        "id",
    ];
    prop_oneof![
        4 => of(ResourceKind::User, of_users.boxed(), by),
        1 => of(ResourceKind::Group, of_groups.boxed(), vec!["displayName", "externalId"]),
    ]
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let group = (
        word(),
        prop::option::of(external_id()),
        prop::collection::vec(0..40_usize, 0..6),
    );
    let group = group.prop_map(|(name, id, members)| {
        (json!({ "displayName": name, "externalId": id }), members)
    });
    (
        prop::collection::vec(person(), 0..30),
        prop::collection::vec(group, 0..8),
        prop::collection::vec(asked(), 1..30),
    )
        .prop_map(|(people, groups, asked)| Question { people, groups, asked })
}

/// A resource, with all that an answer shows of it.
struct Resource {
    id: String,
    document: Value,
    beside: Value,
}

/// Writes people and groups down, and asks.
pub(super) async fn ask<S: Directory>(
    store: &S,
    case: usize,
    question: &Question,
) -> Result<(), String> {
    let play = Play::begin(store, case + 1_000_000).await;
    let (mut people, mut groups) = (Vec::new(), Vec::new());
    for (place, body) in question.people.iter().enumerate() {
        people.push(add_person(&play, case, place, body).await);
    }
    for (place, (body, members)) in question.groups.iter().enumerate() {
        let all = people.iter().chain(&groups).map(|one: &Resource| one.id.clone());
        let all: Vec<_> = all.collect();
        let members = members.iter().filter_map(|place| all.get(*place)).cloned().collect();
        groups.push(add_group(&play, case, place, body, members).await);
    }
    for person in &mut people {
        person.beside["groups"] = groups_of(&person.id, &groups);
    }
    for asked in &question.asked {
        let all = match asked.kind {
            ResourceKind::User => &people,
            ResourceKind::Group => &groups,
        };
        found(&play, case, asked, all).await.map_err(|told| {
            format!(
                "{}\nsorted by {:?}\n{told}",
                asked.filter.said(case),
                asked.sort
            )
        })?;
    }
    Ok(())
}

fn meta(kind: &str, seconds: i64) -> Value {
    let at = at(seconds).to_rfc3339();
    json!({ "resourceType": kind, "created": at, "lastModified": at, "version": "W/\"1\"" })
}

async fn add_person<S: Directory>(
    play: &Play<'_, S>,
    case: usize,
    place: usize,
    body: &Value,
) -> Resource {
    let mut body = body.clone();
    let id = format!("u{place}-{case}");
    let name = format!("{}-{id}", body["userName"].as_str().unwrap());
    let second = i64::try_from(place % 5).unwrap();
    let beside = json!({ "id": id, "meta": meta("User", second) });
    let (store, actor) = (play.store, &play.actors[0]);
    // Some have signed in, and are in no index until somebody asks.
    if place % 5 == 4 {
        let mut user = signed_in(&id, &name, actor, at(second));
        user.profile.title = body["title"].as_str().map(str::to_owned);
        assert_eq!(store.create(&user).await.unwrap(), Created::Created);
        let document = json!({ "userName": name, "active": true, "title": body["title"] });
        return Resource { id, document, beside };
    }
    body["userName"] = json!(name);
    // Two may not have one.
    if !body["externalId"].is_null() {
        body["externalId"] = json!(format!("{}-{id}", body["externalId"].as_str().unwrap()));
    }
    // Of several the first is the primary one.
    let mut is_first = true;
    for email in body["emails"].as_array_mut().unwrap() {
        if email["primary"] == json!(true) && !std::mem::take(&mut is_first) {
            email["primary"] = json!(false);
        }
    }
    let new = play.create(ResourceKind::User, &body).unwrap();
    let document = Value::Object(new.document.as_object().clone());
    let id_of = UserId::new(id.clone());
    let made = store.create_user(actor, id_of, new, at(second)).await.unwrap();
    assert!(matches!(made, Outcome::Done(_)), "{made:?}");
    Resource { id, document, beside }
}

async fn add_group<S: Directory>(
    play: &Play<'_, S>,
    case: usize,
    place: usize,
    body: &Value,
    members: Vec<String>,
) -> Resource {
    let mut body = body.clone();
    let id = format!("g{place}-{case}");
    body["displayName"] = json!(format!("{}-{id}", body["displayName"].as_str().unwrap()));
    let listed: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    body["members"] = json!(listed);
    let new = play.create(ResourceKind::Group, &body).unwrap();
    let document = Value::Object(new.document.as_object().clone());
    let second = i64::try_from(place % 5).unwrap();
    let (store, actor) = (play.store, &play.actors[0]);
    let made = store.create_group(
        actor,
        GroupId::new(id.clone()),
        new,
        WITH_MEMBERS,
        at(second),
    );
    assert!(matches!(made.await.unwrap(), Outcome::Done(_)));
    let kind = |id: &String| if id.starts_with('g') { "Group" } else { "User" };
    let members = members.iter().map(|id| json!({ "value": id, "type": kind(id) }));
    let beside = json!({
        "id": id, "meta": meta("Group", second), "members": members.collect::<Vec<_>>(),
    });
    Resource { id, document, beside }
}

/// Groups come after their members here, so that one walk finds all.
fn groups_of(id: &str, groups: &[Resource]) -> Value {
    let mut inside = vec![id.to_owned()];
    let mut around = Vec::new();
    for group in groups {
        let mut members = group.beside["members"].as_array().unwrap().iter();
        if members.any(|member| inside.iter().any(|id| member["value"] == json!(id))) {
            inside.push(group.id.clone());
            around.push(json!({ "value": group.id, "display": group.document["displayName"] }));
        }
    }
    json!(around)
}

async fn found<S: Directory>(
    play: &Play<'_, S>,
    case: usize,
    asked: &Asked,
    all: &[Resource],
) -> Result<(), String> {
    let catalogue = Catalogue::standard();
    let text = asked.filter.said(case);
    let filter = Filter::parse(&catalogue, asked.kind, &text).map_err(|error| error.to_string())?;
    let mut meant = Vec::new();
    for resource in all {
        let is = asked.filter.is_true(resource, case);
        let document = Document::stored(&resource.document.to_string()).unwrap();
        let beside = resource.beside.as_object().unwrap();
        if matches(&filter, &document, beside) != is {
            return Err(format!(
                "evaluated, it should be {is} of {} {beside:?}",
                resource.document
            ));
        }
        if is {
            meant.push(resource);
        }
    }
    if let Some((by, descending)) = asked.sort {
        sort(&mut meant, by, descending);
    }
    let wanted: Vec<_> = meant.into_iter().map(|resource| resource.id.clone()).collect();
    let sort = asked.sort.map(|(by, descending)| {
        let by = Target::of(catalogue.resolve(asked.kind, by).unwrap());
        Sort { by, descending }
    });
    let query = |from, count| Query {
        filter: Some(filter.clone()),
        sort: sort.clone(),
        from,
        count,
        total: true,
    };
    let page = async |query: Query| -> Result<(Vec<String>, Option<Cursor>), String> {
        let tenant = play.actors[0].connection.tenant();
        let (ids, total, next) = match asked.kind {
            ResourceKind::User => {
                let page = play.store.users(&tenant, &query, UserParts::default()).await.unwrap();
                let ids = page.resources.iter().map(|user| user.id.as_str().to_owned());
                (ids.collect::<Vec<_>>(), page.total, page.next)
            }
            ResourceKind::Group => {
                let page = play.store.groups(&tenant, &query, GroupParts::default()).await.unwrap();
                let ids = page.resources.iter().map(|group| group.id.as_str().to_owned());
                (ids.collect(), page.total, page.next)
            }
        };
        match total == wanted.len().try_into().ok() {
            true => Ok((ids, next)),
            false => Err(format!(
                "{total:?} and not {} in all, from {:?}",
                wanted.len(),
                query.from
            )),
        }
    };
    let same = |how: &str, got: &[String]| match got == wanted {
        true => Ok(()),
        false => Err(format!("{how}, {got:?}\nis found, and not {wanted:?}")),
    };
    same("at once", &page(query(Begin::Offset(0), 200)).await?.0)?;
    let (none, _) = page(query(Begin::Offset(0), 0)).await?;
    assert!(none.is_empty());
    let (mut walked, mut from) = (Vec::new(), Begin::Offset(0));
    loop {
        let (ids, next) = page(query(from, asked.page)).await?;
        walked.extend(ids);
        match next {
            Some(cursor) if walked.len() < 1000 => from = Begin::Cursor(cursor),
            _ => break,
        }
    }
    same("by cursors", &walked)?;
    let mut walked: Vec<String> = Vec::new();
    loop {
        let from = Begin::Offset(walked.len().try_into().unwrap());
        let (ids, _) = page(query(from, asked.page)).await?;
        if ids.is_empty() || walked.len() > 1000 {
            break;
        }
        walked.extend(ids);
    }
    same("by numbers", &walked)
}

/// Who has no value comes last, or first from the greatest on; who has the same, as they were made.
fn sort(all: &mut [&Resource], by: &str, descending: bool) {
    let key = |resource: &Resource| -> Option<String> {
        let of = OF_USERS.iter().chain(&OF_GROUPS).find(|(name, _)| *name == by).unwrap().1;
        let mut values = resource.values(by);
        if by.starts_with("emails") {
            let list = resource.document["emails"].as_array().cloned().unwrap_or_default();
            let part = by.strip_prefix("emails.").unwrap_or("value");
            let (first, rest): (Vec<_>, Vec<_>) =
                list.into_iter().partition(|email| email["primary"] == json!(true));
            values = first.iter().chain(&rest).map(|email| email[part].clone()).collect();
            values.retain(|value| !value.is_null());
        }
        values.first().map(|value| compared(of, value))
    };
    all.sort_by(|one, other| {
        let (one, other) = (key(one), key(other));
        let order = (one.is_none(), one).cmp(&(other.is_none(), other));
        if descending { order.reverse() } else { order }
    });
}

impl Resource {
    fn values(&self, name: &str) -> Vec<Value> {
        let name = match name {
            "emails" | "groups" | "members" => format!("{name}.value"),
            MANAGER => format!("{name}.value"),
            name => name.to_owned(),
        };
        let (extension, name) = match name.rsplit_once(':') {
            Some((_, name)) => (&self.document[ENTERPRISE], name),
            None => (&Value::Null, &*name),
        };
        // `emails*`: whole elements.
        let name = name.trim_end_matches('*');
        let (whole, part) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
        let found = [extension, &self.document, &self.beside]
            .into_iter()
            .find_map(|place| place.get(whole).filter(|value| !value.is_null()));
        let found = found.cloned().or_else(|| (name == "active").then_some(json!(true)));
        let elements = match found {
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let value = |element: &Value| part.map_or(element, |part| &element[part]).clone();
        let values = elements.iter().map(value);
        values.filter(|value| !value.is_null()).collect()
    }
}

/// As it is compared.
fn compared(of: Type, value: &Value) -> String {
    match (of, value) {
        (Type::Text, Value::String(text)) => fold(text),
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

impl Condition {
    fn is_true(&self, resource: &Resource, case: usize) -> bool {
        self.holds(case, &|name| resource.values(name))
    }

    /// `values`: those that a name leads to.
    fn holds(&self, case: usize, values: &dyn Fn(&str) -> Vec<Value>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(case, values)),
            Self::Or(all) => all.iter().any(|one| one.holds(case, values)),
            Self::Not(one) => !one.holds(case, values),
            Self::IsThere((name, _)) => values(name).iter().any(|value| *value != json!("")),
            Self::Is((name, of), "ne", value) => {
                !Self::Is((name, *of), "eq", value.clone()).holds(case, values)
            }
            Self::Is((name, of), operator, wanted) => {
                let wanted = compared(*of, &own(wanted, case));
                values(name)
                    .iter()
                    .map(|value| compared(*of, value))
                    .any(|value| match *operator {
                        "eq" => value == wanted,
                        "co" => value.contains(&wanted),
                        "sw" => value.starts_with(&wanted),
                        "ew" => value.ends_with(&wanted),
                        "gt" => value > wanted,
                        "ge" => value >= wanted,
                        "lt" => value < wanted,
                        "le" => value <= wanted,
                        other => unreachable!("{other}"),
                    })
            }
            Self::Element(whole, inner) => {
                values(&format!("{whole}*")).into_iter().any(|element| {
                    inner.holds(case, &|part| {
                        let value = element[part].clone();
                        if value.is_null() {
                            Vec::new()
                        } else {
                            vec![value]
                        }
                    })
                })
            }
        }
    }

    fn said(&self, case: usize) -> String {
        format!("{self:?}").replace("CASE", &case.to_string())
    }
}

fn own(value: &Value, case: usize) -> Value {
    value.as_str().map_or_else(
        || value.clone(),
        |text| json!(text.replace("CASE", &case.to_string())),
    )
}

/// As it is written.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, all: &[Self], word: &str| {
            for (place, one) in all.iter().enumerate() {
                write!(f, "{}({one:?})", if place == 0 { "" } else { word })?;
            }
            Ok(())
        };
        match self {
            Self::And(all) => join(f, all, " and "),
            Self::Or(all) => join(f, all, " or "),
            Self::Not(one) => write!(f, "not ({one:?})"),
            Self::IsThere((name, _)) => write!(f, "{name} pr"),
            Self::Is((name, _), operator, value) => write!(f, "{name} {operator} {value}"),
            Self::Element(whole, inner) => write!(f, "{whole}[{inner:?}]"),
        }
    }
}
