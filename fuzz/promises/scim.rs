//! What the targets of SCIM share: the schemas, and the requests of `tests/corpus/scim`, which
//! fuzzing starts from.

use std::fs;
use std::sync::LazyLock;

use samlgate::scim::schema::ENTERPRISE;
use samlgate::scim::schema::GROUP;
use samlgate::scim::schema::USER;
use samlgate::scim::schema::{Mutability, Returned};
use samlgate::scim::{
    Attribute, Catalogue, Document, Kind, Object, ResourceKind, Schema, ScimError, json,
};

use super::seeds;

/// The standard's schemas, and one of an operator with an attribute of every type.
pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let attribute = |name: &'static str, kind| Attribute::new(name, kind, "");
    let badge = Schema {
        id: BADGE.into(),
        name: "Badge".into(),
        description: "".into(),
        attributes: vec![
            attribute("color", Kind::String).case_exact(),
            attribute("tags", Kind::String).multi_valued(),
            attribute("level", Kind::Integer),
            attribute("height", Kind::Decimal),
            attribute("since", Kind::DateTime),
            attribute("lost", Kind::Boolean),
            attribute("seal", Kind::Binary),
            attribute("number", Kind::String).mutability(Mutability::Immutable),
            attribute("pin", Kind::String).returned(Returned::Never),
            attribute("doors", Kind::Complex).multi_valued().of(vec![
                attribute("name", Kind::String),
                attribute("floor", Kind::Integer),
                attribute("primary", Kind::Boolean),
            ]),
        ],
    };
    let room = Schema {
        id: "urn:example:2.0:Group:room".into(),
        name: "Room".into(),
        description: "".into(),
        attributes: vec![attribute("floor", Kind::Integer)],
    };
    Catalogue::new(vec![badge], vec![room]).expect("schemas")
});

pub const BADGE: &str = "urn:example:2.0:User:badge";
pub const KINDS: [ResourceKind; 2] = [ResourceKind::User, ResourceKind::Group];

/// Documents in the one form, with something of everything.
pub static DOCUMENTS: LazyLock<Vec<(ResourceKind, Document)>> = LazyLock::new(|| {
    let all = [
        (ResourceKind::User, r#"{"userName": "alice"}"#.to_owned()),
        (
            ResourceKind::User,
            format!(
                r#"{{"userName": "Bob", "externalId": "B-1", "active": false, "title": "Chef",
                "name": {{"givenName": "Bob", "familyName": "Brown"}},
                "emails": [{{"value": "b@example.com", "type": "work", "primary": true}},
                           {{"value": "B@home.example", "type": "home"}}],
                "addresses": [{{"country": "SE", "type": "home"}}],
                "roles": [{{"value": "admin"}}],
                "{ENTERPRISE}": {{"department": "IT", "manager": {{"value": "m", "$ref": "../m"}}}},
                "{BADGE}": {{"color": "Red", "tags": ["a", "B"], "level": 7, "height": 1.5,
                    "since": "2026-11-22T10:00:00+01:00", "lost": false, "seal": "TUlJ",
                    "number": "n1", "doors": [{{"name": "North", "floor": 2}}, {{"floor": 3}}]}}}}"#
            ),
        ),
        (
            ResourceKind::Group,
            r#"{"displayName": "Admins", "externalId": "G"}"#.to_owned(),
        ),
    ];
    let read = |(kind, text): (ResourceKind, String)| {
        let object = json::object(text.as_bytes()).expect("JSON");
        let read = Document::read(
            &object,
            kind,
            &CATALOGUE,
            samlgate::scim::document::Unknown::Refused,
        );
        (kind, read.expect("a document").document)
    };
    all.map(read).to_vec()
});

/// What a store keeps beside a document, as an answer shows it.
pub static BESIDE: LazyLock<Object> = LazyLock::new(|| {
    let text = r#"{"id": "2819c223", "schemas": ["urn:x"],
        "meta": {"resourceType": "User", "created": "2026-11-22T10:00:00Z",
            "lastModified": "2026-11-22T11:00:00.5Z", "version": "W/\"3\"", "location": "https://a/b"},
        "groups": [{"value": "g1", "display": "Admins", "type": "direct"}, {"value": "g2", "type": "indirect"}],
        "members": [{"value": "u1", "type": "User"}, {"value": "g1", "type": "Group"}]}"#;
    json::object(text.as_bytes()).expect("JSON")
});

/// A refusal that a client can do something with.
pub fn is_a_refusal(error: &ScimError) {
    let body = error.body();
    assert_eq!(
        body["status"],
        error.status.as_u16().to_string().as_str(),
        "{error:?}"
    );
    match error.status.as_u16() {
        400 => assert!(error.scim_type.is_some(), "{error:?}"),
        413 => {}
        status => panic!("{status}: {error:?}"),
    }
    assert!(error.detail.len() < 4096, "a long sentence: {error:?}");
}

/// The bodies of the stories, and their filters and paths.
pub struct Said {
    pub bodies: Vec<String>,
    pub words: Vec<String>,
}

pub static SAID: LazyLock<Said> = LazyLock::new(|| {
    let mut said = Said { bodies: Vec::new(), words: Vec::new() };
    seeds::walk(&seeds::corpus().join("../scim"), &mut |path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        listen(&filled(&text), &mut said);
    });
    assert!(
        !said.bodies.is_empty() && !said.words.is_empty(),
        "tests/corpus/scim is empty"
    );
    said
});

fn listen(story: &str, said: &mut Said) {
    let mut body: Option<Vec<&str>> = None;
    for line in story.lines() {
        let is_request = ["GET /", "POST /", "PUT /", "PATCH /", "DELETE /"]
            .iter()
            .any(|begins| line.starts_with(begins));
        if is_request {
            said.words
                .extend(line.split_once("filter=").map(|(_, filter)| filter.to_owned()));
            body = Some(Vec::new());
        } else if line.starts_with("=> ") {
            let lines = body.take().unwrap_or_default();
            let begin = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
            let text = lines.get(begin..).unwrap_or_default().join("\n");
            if text.trim_start().starts_with('{') {
                said.bodies.push(text.trim().to_owned());
            }
        } else if let Some(lines) = &mut body {
            lines.push(line);
        } else if let Some(row) = line.strip_prefix("  ") {
            let cell = row.split(" | ").next().unwrap_or_default();
            said.words.push(cell.replace("\\\"", "\""));
        }
    }
}

fn filled(text: &str) -> String {
    let mut text = text.to_owned();
    for (blank, urn) in [
        ("{urn.user}", USER),
        ("{urn.group}", GROUP),
        ("{urn.enterprise}", ENTERPRISE),
        ("{urn.patch}", samlgate::scim::patch::PATCH_OP),
        ("{urn.search}", samlgate::scim::list::SEARCH_REQUEST),
        ("{urn.bulk}", samlgate::scim::bulk::BULK_REQUEST),
    ] {
        text = text.replace(blank, urn);
    }
    text
}
