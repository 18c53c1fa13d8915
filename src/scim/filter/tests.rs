use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::evaluate::matches;
use crate::scim::fold::fold;
use crate::scim::{Attribute, Document, Schema};

fn catalogue() -> Catalogue {
    let custom = vec![
        Attribute::new("tags", Kind::String, "").multi_valued(),
        Attribute::new("badge", Kind::Integer, "").mutability(Mutability::Immutable),
        Attribute::new("score", Kind::Decimal, ""),
        Attribute::new("hired", Kind::DateTime, ""),
    ];
    let custom = Schema::extension("urn:example:2.0:User", "Example", custom).unwrap();
    Catalogue::new(vec![custom], vec![]).unwrap()
}

fn users(text: &str) -> Result<Filter, ScimError> {
    Filter::parse(&catalogue(), ResourceKind::User, text)
}

/// Reads a filter, and its canonical text as well.
fn canonical(text: &str) -> String {
    let filter = users(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let written = filter.to_string();
    assert_eq!(users(&written).unwrap(), filter, "{written}");
    written
}

fn is_invalid(text: &str) {
    let error = users(text).map(|filter| filter.to_string()).expect_err(text);
    assert_eq!(
        (error.status.as_u16(), error.scim_type),
        (400, Some(ScimType::InvalidFilter)),
        "{text}"
    );
}

fn alice() -> (Document, crate::scim::Object) {
    let document = json!({
        "userName": "Alice@Example.com",
        "externalId": "A-1",
        "name": {"familyName": "Müller", "givenName": "Alice"},
        "emails": [
            {"value": "alice@example.com", "type": "work", "primary": true},
            {"value": "a.mueller@home.example", "type": "home"},
        ],
        "x509Certificates": [{"value": "AAECAw=="}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "R&D", "manager": {"value": "m1"},
        },
        "urn:example:2.0:User": {"tags": ["red", "Blue"], "score": 7.5, "badge": 12,
            "hired": "2020-02-29T12:00:00+02:00"},
    });
    let extra = json!({
        "id": "9f", "groups": [{"value": "g1", "display": "Staff"}],
        "meta": {"resourceType": "User", "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-02-01T00:00:00.25Z"},
    });
    let Value::Object(extra) = extra else {
        panic!()
    };
    (Document::stored(&document.to_string()).unwrap(), extra)
}

fn is_true(text: &str) {
    let (document, extra) = alice();
    assert!(
        matches(&users(text).expect(text), &document, &extra),
        "{text}"
    );
}

fn is_false(text: &str) {
    let (document, extra) = alice();
    assert!(
        !matches(&users(text).expect(text), &document, &extra),
        "{text}"
    );
}

#[test]
fn the_examples_of_the_standard_are_read() {
    // RFC 7644, figure 2.
    for text in [
        r#"userName Eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified lt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified le "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and (emails.type eq "work")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or phoneNumbers[type eq "fax" and value co "@foo.com"]"#,
    ] {
        canonical(text);
    }
}

#[test]
fn and_binds_more_closely_than_or_and_not_more_closely_than_and() {
    assert_eq!(
        canonical("title pr or not (active pr) and nickName pr or locale pr"),
        "title pr or active eq null and nickName pr or locale pr"
    );
    assert_eq!(
        canonical(r#"(title pr or active eq true) and not(nickName eq "b" and locale pr)"#),
        r#"(title pr or active eq true) and not (nickName eq "b" and locale pr)"#
    );
    assert_eq!(
        canonical("((title pr and (active pr and nickName pr)))"),
        "title pr and active pr and nickName pr"
    );
}

#[test]
fn words_have_any_case_and_names_are_written_as_the_schema_does() {
    assert_eq!(
        canonical(r#"USERNAME EQ "A" AND NOT (Name.FAMILYNAME PR) Or ACTIVE eQ True"#),
        r#"userName eq "a" and name.familyName eq null or active eq true"#
    );
    assert_eq!(
        canonical(
            r#"URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:user:Department sw "R""#
        ),
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department sw "r""#
    );
}

#[test]
fn a_part_behind_a_value_path_is_one_of_the_same_element() {
    assert_eq!(
        canonical(r#"emails[type eq "work"].value eq "X""#),
        r#"emails[type eq "work" and value eq "x"]"#
    );
    assert_eq!(
        canonical(r#"emails[type eq "work" or primary eq "True"].value PR"#),
        r#"emails[(type eq "work" or primary eq true) and value pr]"#
    );
    assert_eq!(
        canonical(r#"emails[type eq "work"].value ne "x""#),
        r#"not (emails[type eq "work" and value eq "x"])"#
    );
}

#[test]
fn a_complex_attribute_means_its_value() {
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_eq!(
        canonical(r#"manager eq "m""#),
        format!(r#"{manager}.value eq "m""#)
    );
    assert_eq!(canonical(r#"groups eq "g""#), r#"groups.value eq "g""#);
    let groups =
        |text| Filter::parse(&catalogue(), ResourceKind::Group, text).map(|f| f.to_string());
    assert_eq!(
        groups(r#"id eq "g" and members eq "u""#).unwrap(),
        r#"id eq "g" and members.value eq "u""#
    );
    is_invalid(r#"name eq "x""#);
}

#[test]
fn a_text_is_one_of_json() {
    assert_eq!(
        canonical(r#"externalId eq "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00)""#),
        r#"externalId eq "\"\\/\b\f\n\r\té😀)""#
    );
    for text in [
        r#"userName eq "a"#,
        r#"userName eq "a\""#,
        r#"userName eq "\ud83d""#,
        r#"userName eq "\x""#,
        "userName eq \"a\nb\"",
        "userName eq 'a'",
        "externalId eq jyoung",
    ] {
        is_invalid(text);
    }
}

#[test]
fn a_text_that_is_none_of_the_grammar_is_refused() {
    for text in [
        "",
        "  ",
        "userName",
        "userName eq",
        "userName eq ",
        "eq \"a\"",
        "userName is \"a\"",
        "userName eq\"a\"",
        "userName eq \"a\" userName eq \"b\"",
        "userName eq \"a\"and title pr",
        "userName eq \"a\" and",
        "userName eq \"a\" xor title pr",
        "and title pr",
        "not title pr",
        "not",
        "(title pr",
        "title pr)",
        "()",
        "emails[type eq \"work\"",
        "emails[]",
        "emails[type eq \"work\"]]",
        "emails[type eq \"work\"].",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"]value pr",
        "emails [type eq \"work\"]",
        "emails[emails[type eq \"work\"]]",
        "emails[emails.type eq \"work\"]",
        "emails[color eq \"red\"]",
        "emails.value[type eq \"work\"]",
        "userName[value eq \"a\"]",
        "userName eq 1e999",
        "userName eq [\"a\"]",
        "userName eq {}",
        "unheard eq \"a\"",
        "name.unheard pr",
        "password pr",
        "password eq \"x\"",
        "userName eq \"a\"; drop table user",
    ] {
        is_invalid(text);
    }
}

#[test]
fn what_can_not_be_compared_is_refused() {
    for text in [
        "active gt true",
        "active le \"true\"",
        "active co true",
        "active eq \"yes\"",
        "active eq 1",
        "x509Certificates gt \"AA==\"",
        "x509Certificates co \"AA==\"",
        "userName co 5",
        "userName eq 5",
        "userName sw true",
        "userName gt null",
        "userName co null",
        "meta.created co \"2026\"",
        "meta.created eq \"yesterday\"",
        "meta.created gt 5",
        "badge eq \"5\"",
        "badge sw 5",
        "score eq true",
    ] {
        is_invalid(text);
    }
}

#[test]
fn a_filter_has_an_end() {
    let deep = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    canonical(&deep(64));
    is_invalid(&deep(65));
    is_invalid(&deep(8000));
    let nots = |depth: usize| format!("{}title pr{}", "not (".repeat(depth), ")".repeat(depth));
    canonical(&nots(64));
    is_invalid(&nots(65));
    let path = |depth: usize| {
        let inner = r#"emails[type pr or primary eq true].value ne "x""#;
        format!("{}{inner}{}", "not (".repeat(depth), ")".repeat(depth))
    };
    canonical(&path(61));
    is_invalid(&path(62));
    let long = |terms: usize| vec!["title pr"; terms].join(" or ");
    canonical(&long(1024));
    is_invalid(&long(1025));
    canonical(&format!("title eq \"{}\"", "x".repeat(16_000)));
    is_invalid(&format!("title eq \"{}\"", "x".repeat(16_384)));
}

#[test]
fn values_are_compared_by_their_type() {
    is_true(r#"userName eq "alice@example.COM""#);
    is_true(r#"externalId eq "A-1""#);
    is_false(r#"externalId eq "a-1""#);
    is_true(r#"name.familyName sw "MÜ""#);
    is_true(r#"active eq "True""#);
    is_true("meta.created eq \"2025-12-31T23:00:00-01:00\"");
    is_true("meta.lastModified gt \"2026-02-01T00:00:00.2Z\"");
    is_true("hired lt \"2020-02-29T10:00:01Z\"");
    is_true("score ge 7.5 and score lt 10 and badge gt 2");
    is_true(r#"x509Certificates eq "AAECAw==" and not (x509Certificates eq "aaecaw==")"#);
    is_true(r#"userName ew ".com" and userName co "@" and userName gt "alic""#);
    is_false(r#"userName co "%""#);
}

#[test]
fn several_values_are_asked_one_by_one() {
    is_true(r#"emails co "home""#);
    is_true(r#"emails.type eq "home" and emails.primary eq true"#);
    is_false(r#"emails[type eq "home" and primary eq true]"#);
    is_true(r#"emails[type eq "work"].value eq "alice@example.com""#);
    is_false(r#"emails[type eq "work"].value ne "alice@example.com""#);
    is_true(r#"emails[type eq "other"].value ne "alice@example.com""#);
    is_true(r#"emails[not (type eq "work")]"#);
    is_true(r#"emails[primary eq null and value ew ".example"]"#);
    is_true(r#"tags eq "BLUE" and tags[value sw "r"]"#);
    is_true(r#"groups.display eq "staff" and groups eq "g1""#);
    is_true(r#"manager eq "m1" and name[givenName eq "alice"]"#);
}

#[test]
fn what_is_not_there_is_not_equal_and_null() {
    is_true(r#"title ne "x""#);
    is_true("title eq null");
    is_false("title pr");
    is_false("userName eq null");
    is_true("userName ne null");
    is_true("name pr and emails pr and not (addresses pr)");
    is_false(r#"title gt """#);
}

#[test]
fn folding_twice_is_folding_once() {
    for char in '\0'..=char::MAX {
        let once = fold(&char.to_string());
        assert_eq!(fold(&once), once, "{char:?}");
    }
}

fn term() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| json!(text).to_string());
    let names = prop::sample::select(vec![
        "userName",
        "externalId",
        "emails",
        "name.givenName",
        "manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "tags",
    ]);
    let words = prop::sample::select(vec![
        "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ",
    ]);
    let order = prop::sample::select(vec!["eq", "ne", "gt", "le"]);
    prop_oneof![
        (names.clone(), words, text).prop_map(|(name, word, text)| format!("{name} {word} {text}")),
        names.clone().prop_map(|name| format!("{name} pr")),
        names.prop_map(|name| format!("{name} eq null")),
        (order.clone(), any::<i64>()).prop_map(|(word, at)| format!("badge {word} {at}")),
        (order.clone(), -1e30f64..1e30).prop_map(|(word, at)| format!("score {word} {at:e}")),
        (order, -60_000_000_000_000_000i64..250_000_000_000_000_000).prop_map(|(word, at)| {
            let at = crate::base::Timestamp::from_unix_micros(at).to_rfc3339();
            format!("meta.created {word} \"{at}\"")
        }),
        any::<bool>().prop_map(|is| format!("active eq {is}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let inner = prop::sample::select(vec![
        r#"type eq "work""#,
        "primary eq true or not (value pr)",
        r#"value co "x" and (type pr or display ne "y")"#,
    ]);
    let part = prop::sample::select(vec!["", ".value pr", ".value ne \"z\"", ".type eq null"]);
    let leaf = prop_oneof![
        3 => term(),
        1 => (inner, part).prop_map(|(inner, part)| format!("emails[{inner}]{part}")),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.join(" and ")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.join(" or ")),
            inner.clone().prop_map(|one| format!("({one})")),
            inner.prop_map(|one| format!("not({one})")),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_written_out_is_the_same_filter(text in expression()) {
        let filter = users(&text).unwrap();
        prop_assert_eq!(users(&filter.to_string()).unwrap(), filter);
    }

    #[test]
    fn any_text_is_a_filter_or_is_refused(text in r#"[a-z()\[\]"\\. ]{0,40}|.{0,40}"#) {
        match users(&text) {
            Ok(filter) => prop_assert_eq!(users(&filter.to_string()).unwrap(), filter),
            Err(error) => prop_assert_eq!(error.scim_type, Some(ScimType::InvalidFilter)),
        }
    }

    #[test]
    fn a_filter_and_its_opposite_divide_everybody(text in expression()) {
        let (document, extra) = alice();
        let filter = users(&text).unwrap();
        let not = users(&format!("not ({text})")).unwrap();
        prop_assert_ne!(matches(&filter, &document, &extra), matches(&not, &document, &extra));
    }
}
