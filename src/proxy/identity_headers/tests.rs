use super::*;

struct Alice {
    user: UserId,
    profile: Profile,
    roles: Vec<RoleName>,
    attributes: Vec<(String, Vec<String>)>,
}

fn alice() -> Alice {
    Alice {
        user: UserId::new("7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned()),
        profile: Profile {
            email: Some("alice@example.com".to_owned()),
            first_name: Some("Alice".to_owned()),
            last_name: Some("Müller".to_owned()),
            groups: vec!["IT Managers".to_owned(), "R&D, Zürich".to_owned()],
            ..Profile::default()
        },
        roles: vec![],
        attributes: vec![
            (
                "urn:oid:1.3.6.1.4.1.5923.1.1.1.7".to_owned(),
                vec!["a;b".to_owned(), "c".to_owned()],
            ),
            (
                "costCenter".to_owned(),
                vec!["4711".to_owned(), "0815".to_owned()],
            ),
        ],
    }
}

fn headers(route: &Route, alice: &Alice) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let view = IdentityView {
        user: &alice.user,
        user_name: "alice",
        profile: &alice.profile,
        roles: &alice.roles,
        attributes: &alice.attributes,
        idp_entity_id: "https://idp.example.com",
        name_id: Some("alice@example.com"),
        persistent_id: Some(["https://idp.example.com", "https://app.example.com", "p1"]),
        session_index: Some("_s1"),
        acr: None,
        sid: "s-1",
        auth_time: Timestamp::parse_saml("2026-11-21T09:30:00Z").unwrap(),
    };
    let assertion = HeaderValue::from_static("a.b.c");
    IdentityHeaders::set(&mut headers, route, &view, Some(&assertion));
    headers
}

fn with(profiles: &[HeaderProfile]) -> Route {
    Route { headers: profiles.to_vec(), ..Route::default() }
}

#[test]
fn every_profile_has_its_names_and_values() {
    use HeaderProfile::{Remote, Signed, XAuthRequest, XForwarded};
    let headers = headers(&with(&[Signed, Remote, XForwarded, XAuthRequest]), &alice());
    let groups = "IT Managers,R&D%2C Z%C3%BCrich";
    for (name, value) in [
        ("X-Samlgate-Jwt-Assertion", "a.b.c"),
        ("Remote-User", "alice"),
        ("Remote-Email", "alice@example.com"),
        ("Remote-Name", "Alice M%C3%BCller"),
        ("Remote-Groups", groups),
        ("X-Forwarded-User", "alice"),
        ("X-Forwarded-Email", "alice@example.com"),
        ("X-Forwarded-Preferred-Username", "alice"),
        ("X-Forwarded-Groups", groups),
        ("X-Auth-Request-User", "alice"),
        ("X-Auth-Request-Email", "alice@example.com"),
        ("X-Auth-Request-Preferred-Username", "alice"),
        ("X-Auth-Request-Groups", groups),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.len(), 13);
}

#[test]
fn shibboleth_s_names_come_with_its_separators() {
    let headers = headers(&with(&[HeaderProfile::Shibboleth]), &alice());
    for (name, value) in [
        ("eppn", "alice"),
        ("mail", "alice@example.com"),
        ("givenName", "Alice"),
        ("sn", "M%C3%BCller"),
        ("displayName", "Alice M%C3%BCller"),
        ("entitlement", "a\\;b;c"),
        ("member", "IT Managers;R&D, Z%C3%BCrich"),
        ("affiliation", ""),
        (
            "persistent-id",
            "https://idp.example.com!https://app.example.com!p1",
        ),
        ("Shib-Identity-Provider", "https://idp.example.com"),
        ("Shib-Session-ID", "s-1"),
        ("Shib-Session-Index", "_s1"),
        ("Shib-Authentication-Instant", "2026-11-21T09:30:00Z"),
        ("Shib-AuthnContext-Class", ""),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[test]
fn a_custom_header_is_a_key_of_ours_or_an_attribute_s_name() {
    let route = Route {
        custom: vec![
            ("x-mail".to_owned(), "email".to_owned()),
            ("x-cost".to_owned(), "costCenter".to_owned()),
            ("x-none".to_owned(), "shoeSize".to_owned()),
        ],
        ..Route::default()
    };
    let headers = headers(&route, &alice());
    assert_eq!(headers["x-mail"], "alice@example.com");
    assert_eq!(headers["x-cost"], "4711,0815");
    assert_eq!(headers["x-none"], "");
}

#[test]
fn an_enabled_header_is_there_even_when_nothing_is_known() {
    let nobody = Alice { profile: Profile::default(), attributes: vec![], ..alice() };
    let mut route = with(&[HeaderProfile::Remote, HeaderProfile::Shibboleth]);
    route.custom = vec![("x-cost".to_owned(), "costCenter".to_owned())];
    let mut empty = HeaderMap::new();
    IdentityHeaders::set_empty(&mut empty, &route);
    assert!(empty.values().all(HeaderValue::is_empty));
    let set = headers(&route, &nobody);
    assert_eq!(set["remote-email"], "");
    let names = |headers: &HeaderMap| {
        let mut names: Vec<_> = headers.keys().cloned().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names
    };
    assert_eq!(names(&set), names(&empty));
}

proptest::proptest! {
    #[test]
    fn decoding_a_list_gives_back_what_the_provider_said(groups: Vec<String>) {
        let groups: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        let header = list(&groups);
        let text = header.to_str().unwrap();
        let decode = |part: &str| {
            percent_encoding::percent_decode_str(part).decode_utf8().unwrap().into_owned()
        };
        let decoded: Vec<_> = text.split(',').filter(|p| !p.is_empty()).map(decode).collect();
        assert_eq!(decoded, groups);
        assert_eq!(text.trim(), text);
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}

#[test]
fn the_names_of_headers_that_say_who_somebody_is_are_known_as_such() {
    let who = [
        "eppn",
        "subject-id",
        "pairwise-id",
        "persistent-id",
        "mail",
        "uid",
    ];
    for (header, names, _) in SHIBBOLETH_ATTRIBUTES {
        for name in *names {
            let is_known = crate::identity::is_identifier(name);
            assert_eq!(is_known, who.contains(header), "{header} {name}");
        }
    }
}
