//! Each rule by itself: an answer that keeps all of them, with one thing changed.

use super::*;
use crate::saml::Texts;
use crate::saml::schema::Status;

const SECOND: Duration = Duration::from_secs(1);

fn changed(change: impl FnOnce(&mut AssertionFields)) -> Outcome {
    let sp = sp();
    let mut fields = assertion(&sp);
    change(&mut fields);
    let checks = &mut Checks::off();
    outcome(validate(
        fields,
        from_the_portal(),
        &expected(&sp),
        checks,
        now(),
    ))
}

fn confirmed(change: impl FnOnce(&mut Confirmation)) -> Outcome {
    changed(|fields| change(fields.confirmations.first_mut().unwrap()))
}

fn conditioned(change: impl FnOnce(&mut Conditions)) -> Outcome {
    changed(|fields| change(fields.conditions.as_mut().unwrap()))
}

fn authenticated(change: impl FnOnce(&mut AuthnStatement)) -> Outcome {
    changed(|fields| change(fields.authn_statements.first_mut().unwrap()))
}

fn name_id() -> NameId {
    NameId {
        value: "alice@example.com".to_owned(),
        format: None,
        name_qualifier: Some(IDP.to_owned()),
        sp_name_qualifier: Some(sp().entity_id),
        sp_provided_id: None,
    }
}

/// So long after now, and a second more, which is one too many.
fn up_to(after: Duration) -> [Timestamp; 2] {
    [now().plus(after), now().plus(after).plus(SECOND)]
}

#[test]
fn each_rule_of_an_assertion_has_its_code() {
    assert_eq!(changed(|_| ()), Ok(()));
    let other = || "https://other.example.com/metadata".to_owned();
    for (found, code, rule) in [
        (
            changed(|it| it.version = "1.1".to_owned()),
            "proto.version",
            "version",
        ),
        (changed(|it| it.issuer = other()), "proto.issuer", "issuer"),
        (
            changed(|it| it.confirmations.clear()),
            "subject.confirmation",
            "subject.confirmation",
        ),
        (
            confirmed(|it| it.method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned()),
            "subject.confirmation",
            "subject.confirmation",
        ),
        (
            confirmed(|it| it.recipient = None),
            "subject.recipient",
            "subject.recipient",
        ),
        (
            confirmed(|it| it.recipient = Some(other())),
            "subject.recipient",
            "subject.recipient",
        ),
        (
            confirmed(|it| it.not_before = Some(now())),
            "subject.not_before",
            "subject.not_before",
        ),
        (
            confirmed(|it| it.not_on_or_after = None),
            "subject.expired",
            "subject.not_on_or_after",
        ),
        (
            confirmed(|it| it.in_response_to = Some("_x".to_owned())),
            "proto.in_response_to",
            "subject.in_response_to",
        ),
        (
            changed(|it| it.conditions = None),
            "proto.audience",
            "conditions.audience",
        ),
        (
            conditioned(|it| it.audience_restrictions.clear()),
            "proto.audience",
            "conditions.audience",
        ),
        (
            conditioned(|it| it.audience_restrictions.push(vec![other()])),
            "proto.audience",
            "conditions.audience",
        ),
        (
            conditioned(|it| it.unknown.push("Condition".to_owned())),
            "proto.condition",
            "conditions.understood",
        ),
        (
            changed(|it| it.authn_statements.clear()),
            "authn.missing",
            "authn.statement",
        ),
    ] {
        assert_eq!(found, Err((code, rule)));
    }
    let named_too = |it: &mut Conditions| it.audience_restrictions[0].push(other());
    assert_eq!(conditioned(named_too), Ok(()));
}

#[test]
fn each_time_is_exact_to_the_second() {
    let skew = sp().clock_skew;
    let ahead = up_to(skew);
    // The oldest that is accepted, and a second before it.
    let oldest = now().minus(MAX_AGE).minus(skew);
    let old = [oldest, oldest.minus(SECOND)];
    // The first end that is accepted: one that has just passed by our clock, but not by theirs.
    let over = [now().minus(skew).plus(SECOND), now().minus(skew)];
    let issued: &dyn Fn(Timestamp) -> Outcome = &|at| changed(|it| it.issue_instant = at);
    for ([fine, wrong], rule, read) in [
        (ahead, ("time.issue_instant", "issue_instant"), issued),
        (old, ("time.issue_instant", "issue_instant"), issued),
        (
            over,
            ("subject.expired", "subject.not_on_or_after"),
            &|at| confirmed(|it| it.not_on_or_after = Some(at)),
        ),
        (ahead, ("time.not_yet", "conditions.not_before"), &|at| {
            conditioned(|it| it.not_before = Some(at))
        }),
        (
            over,
            ("time.expired", "conditions.not_on_or_after"),
            &|at| conditioned(|it| it.not_on_or_after = Some(at)),
        ),
        (ahead, ("time.issue_instant", "authn.instant"), &|at| {
            authenticated(|it| it.authn_instant = at)
        }),
        (over, ("time.session", "authn.session"), &|at| {
            authenticated(|it| it.session_not_on_or_after = Some(at))
        }),
    ] {
        assert_eq!(read(fine), Ok(()), "{rule:?}");
        assert_eq!(read(wrong), Err(rule));
    }
    // Conditions that never hold.
    let window = |length: Duration| {
        conditioned(|it| {
            it.not_before = Some(now());
            it.not_on_or_after = Some(now().plus(length));
        })
    };
    assert_eq!(window(SECOND), Ok(()));
    let never = Err(("time.expired", "conditions.not_on_or_after"));
    assert_eq!(window(Duration::ZERO), never);
}

#[test]
fn a_name_is_qualified_by_the_two_parties() {
    let named = |change: &dyn Fn(&mut NameId)| {
        let mut name_id = name_id();
        change(&mut name_id);
        changed(|it| it.name_id = Some(name_id))
    };
    let wrong = Err(("subject.qualifier", "subject.qualifiers"));
    let other = || Some("https://other.example.com".to_owned());
    assert_eq!(named(&|_| ()), Ok(()));
    assert_eq!(named(&|it| it.name_qualifier = None), Ok(()));
    assert_eq!(named(&|it| it.sp_name_qualifier = None), Ok(()));
    assert_eq!(named(&|it| it.name_qualifier = other()), wrong);
    assert_eq!(named(&|it| it.sp_name_qualifier = other()), wrong);
}

#[test]
fn a_scoped_attribute_ends_in_a_scope_of_the_metadata() {
    let sp = sp();
    let scopes = ["example.com".to_owned(), "example.org".to_owned()];
    let named = |name: &str, friendly: Option<&str>, value: &str| {
        let mut fields = assertion(&sp);
        fields.attributes.push(Attribute {
            name: name.to_owned(),
            friendly_name: friendly.map(str::to_owned),
            values: Texts::from_iter([value]),
            complex: false,
        });
        let expected = Expectations { scopes: Some(&scopes), ..expected(&sp) };
        let checks = &mut Checks::off();
        outcome(validate(
            fields,
            from_the_portal(),
            &expected,
            checks,
            now(),
        ))
    };
    let valued = |name: &str, value: &str| named(name, None, value);
    for scoped in SCOPED {
        for fine in [
            "alice@example.com",
            "alice@EXAMPLE.org",
            "a@b@example.com",
            "",
        ] {
            assert_eq!(valued(scoped, fine), Ok(()), "{fine}");
        }
        for wrong in [
            "alice@example.net",
            "alice",
            "alice@",
            "@",
            "a@example.com@b",
        ] {
            let outcome = valued(scoped, wrong);
            assert_eq!(outcome, Err(("value.scope", "attributes.scope")), "{wrong}");
        }
    }
    assert_eq!(valued("mail", "alice@example.net"), Ok(()));
    // A mapping may ask for the FriendlyName.
    let friendly = |value| named("urn:other", Some("eduPersonPrincipalName"), value);
    assert_eq!(friendly("alice@example.com"), Ok(()));
    let stranger = friendly("alice@example.net");
    assert_eq!(stranger, Err(("value.scope", "attributes.scope")));
}

#[test]
fn one_statement_of_a_context_that_is_enough_is_enough() {
    let sp = sp();
    let wanted = ["urn:strong".to_owned(), "urn:stronger".to_owned()];
    let by = |classes: &[Option<&str>]| {
        let mut fields = assertion(&sp);
        fields.authn_statements = classes
            .iter()
            .map(|class| AuthnStatement {
                authn_instant: now(),
                session_index: class.map(str::to_owned),
                session_not_on_or_after: None,
                context_class: class.map(str::to_owned),
            })
            .collect();
        let context = crate::saml::asked::AskedContext::exact(&wanted);
        let asked = Asked { context, ..Asked::NOTHING };
        let expected = Expectations { asked: asked.into(), ..expected(&sp) };
        let checks = &mut Checks::off();
        let valid = validate(fields, from_the_portal(), &expected, checks, now());
        valid.map(|valid| valid.claims().session_index.clone().unwrap())
    };
    assert_eq!(
        by(&[Some("urn:weak"), Some("urn:stronger")]).unwrap(),
        "urn:stronger"
    );
    for classes in [&[None][..], &[Some("urn:weak")], &[Some("urn:weak"), None]] {
        assert_eq!(
            outcome(by(classes)),
            Err(("authn.context", "authn.context"))
        );
    }
}

#[test]
fn the_session_ends_with_the_first_of_its_statements() {
    let sp = sp();
    let mut fields = assertion(&sp);
    let statement = fields.authn_statements[0].clone();
    for until in [60, 30, 45] {
        let session_not_on_or_after = Some(minutes(until));
        fields
            .authn_statements
            .push(AuthnStatement { session_not_on_or_after, ..statement.clone() });
    }
    let checks = &mut Checks::off();
    let valid = validate(fields, from_the_portal(), &expected(&sp), checks, now()).unwrap();
    let end = valid.claims().session_not_on_or_after;
    assert_eq!(end, Some(minutes(30).plus(sp.clock_skew)));
}

#[test]
fn an_answer_to_our_request_says_so_in_its_confirmation() {
    let sp = sp();
    let answer = |id: Option<&str>, origin| {
        let mut fields = assertion(&sp);
        fields.confirmations[0].in_response_to = id.map(str::to_owned);
        let checks = &mut Checks::off();
        outcome(validate(fields, origin, &expected(&sp), checks, now()))
    };
    let wrong = Err(("proto.in_response_to", "subject.in_response_to"));
    assert_eq!(answer(Some("_request"), requested()), Ok(()));
    assert_eq!(answer(Some("_other"), requested()), wrong);
    assert_eq!(answer(None, requested()), wrong);
    assert_eq!(answer(None, from_the_portal()), Ok(()));
    assert_eq!(answer(Some("_request"), from_the_portal()), wrong);
    assert!(Permission::from_setting(false).is_none());
}

fn envelope(change: impl FnOnce(&mut Envelope<'_>), seal: Seal, origin: &Origin) -> Outcome {
    let sp = sp();
    let acs_url = sp.acs_url();
    let mut envelope = Envelope {
        version: "2.0",
        issue_instant: now(),
        destination: Some(&acs_url),
        in_response_to: None,
        issuer: Some(IDP.into()),
        status: Status {
            code: Status::SUCCESS.to_owned(),
            detail: None,
            message: None,
            cause: None,
        },
        plain: None,
        encrypted: None,
        assertions: 0,
    };
    change(&mut envelope);
    let checks = &mut Checks::off();
    outcome(check_envelope(
        &envelope,
        seal,
        origin,
        &expected(&sp),
        checks,
        now(),
    ))
}

#[test]
fn each_rule_of_a_response_has_its_code() {
    let portal = from_the_portal();
    let unsigned = |change: fn(&mut Envelope<'_>)| envelope(change, Seal::Nothing, &portal);
    assert_eq!(unsigned(|_| ()), Ok(()));
    assert_eq!(unsigned(|it| it.issuer = None), Ok(()));
    assert_eq!(unsigned(|it| it.destination = None), Ok(()));
    let missing = envelope(|it| it.destination = None, Seal::Own, &portal);
    assert_eq!(missing, Err(("proto.destination", "destination")));
    // It did not come through a browser.
    let fetched = envelope(|it| it.destination = None, Seal::Around, &portal);
    assert_eq!(fetched, Ok(()));
    for (found, code, rule) in [
        (
            unsigned(|it| it.version = "2.1"),
            "proto.version",
            "version",
        ),
        (
            unsigned(|it| it.issuer = Some("urn:other".into())),
            "proto.issuer",
            "issuer",
        ),
        (
            unsigned(|it| it.destination = Some("https://app.example.com/")),
            "proto.destination",
            "destination",
        ),
        (
            unsigned(|it| it.status.code = "urn:no".to_owned()),
            "idp.status",
            "status",
        ),
        (
            unsigned(|it| it.in_response_to = Some("_request")),
            "proto.in_response_to",
            "in_response_to",
        ),
        (
            unsigned(|it| it.issue_instant = minutes(60)),
            "time.issue_instant",
            "issue_instant",
        ),
    ] {
        assert_eq!(found, Err((code, rule)));
    }
    // It may be left out here, unless it is signed; what is there has to be right.
    assert_eq!(envelope(|_| (), Seal::Nothing, &requested()), Ok(()));
    for seal in [Seal::Around, Seal::Own] {
        let absent = envelope(|_| (), seal, &requested());
        assert_eq!(absent, Err(("proto.in_response_to", "in_response_to")));
    }
    let ours = |it: &mut Envelope<'_>| it.in_response_to = Some("_request");
    assert_eq!(envelope(ours, Seal::Own, &requested()), Ok(()));
    let other = |it: &mut Envelope<'_>| it.in_response_to = Some("_other");
    let wrong = envelope(other, Seal::Own, &requested());
    assert_eq!(wrong, Err(("proto.in_response_to", "in_response_to")));
}
