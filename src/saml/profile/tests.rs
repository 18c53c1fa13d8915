//! What can not be seen from outside in one sign-in.

mod rules;
mod words;

use super::*;
use crate::base::{PublicUrl, ReturnTo};
use crate::saml::asked::Asked;

const IDP: &str = "https://idp.example.com/metadata";

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
}

fn minutes(count: u64) -> Timestamp {
    now().plus(Duration::from_secs(60 * count))
}

fn sp() -> ServiceProvider {
    ServiceProvider {
        public_url: PublicUrl::parse("https://app.example.com").unwrap(),
        entity_id: "https://app.example.com/saml/metadata".to_owned(),
        clock_skew: ServiceProvider::DEFAULT_CLOCK_SKEW,
        other_acs: None,
    }
}

fn expected(sp: &ServiceProvider) -> Expectations<'_> {
    Expectations {
        sp,
        idp_entity_id: IDP,
        clock_skew: sp.clock_skew,
        asked: AskedBoth::default(),
        scopes: None,
        affiliation: None,
    }
}

type Outcome = Result<(), (&'static str, &'static str)>;

fn outcome<T>(result: Result<T, ProfileError>) -> Outcome {
    result.map(|_| ()).map_err(|error| (error.code().as_str(), error.rule()))
}

/// With a request of ours, sent now.
fn requested() -> Origin {
    Origin::Requested(PendingLogin {
        request_id: "_request".to_owned(),
        idp: crate::base::IdpName::parse("corp").unwrap(),
        return_to: ReturnTo::root(),
        wish: crate::saml::Wish::default(),
        created_at: now(),
    })
}

/// Until in so many minutes.
fn confirmation(sp: &ServiceProvider, until: u64) -> Confirmation {
    Confirmation {
        method: BEARER.to_owned(),
        recipient: Some(sp.acs_url()),
        in_response_to: None,
        not_before: None,
        not_on_or_after: Some(minutes(until)),
    }
}

fn assertion(sp: &ServiceProvider) -> AssertionFields {
    AssertionFields {
        version: "2.0".to_owned(),
        id: "_a".to_owned(),
        issue_instant: now(),
        issuer: IDP.to_owned(),
        name_id: None,
        confirmations: vec![confirmation(sp, 5)],
        conditions: Some(Conditions {
            audience_restrictions: vec![vec![sp.entity_id.clone()]],
            ..Conditions::default()
        }),
        authn_statements: vec![AuthnStatement {
            authn_instant: now(),
            session_index: None,
            session_not_on_or_after: None,
            context_class: None,
        }],
        attributes: Vec::new(),
    }
}

fn from_the_portal() -> Origin {
    Origin::IdpInitiated(Permission::from_setting(true).unwrap())
}

fn expires(assertion: AssertionFields, sp: &ServiceProvider) -> Timestamp {
    let checks = &mut Checks::off();
    validate(assertion, from_the_portal(), &expected(sp), checks, now())
        .unwrap()
        .claims()
        .expires
}

/// Profiles 4.1.4.5: as long as it could be accepted again. The first confirmation ends, and then
/// the second one is as good as it was.
#[test]
fn a_used_assertion_is_remembered_until_its_last_confirmation_ends() {
    let sp = sp();
    let skew = sp.clock_skew;
    assert_eq!(expires(assertion(&sp), &sp), minutes(5).plus(skew));
    let mut two = assertion(&sp);
    two.confirmations = vec![confirmation(&sp, 1), confirmation(&sp, 9)];
    assert_eq!(expires(two, &sp), minutes(9).plus(skew));
    let mut conditions = assertion(&sp);
    conditions.conditions.as_mut().unwrap().not_on_or_after = Some(minutes(60));
    assert_eq!(expires(conditions, &sp), minutes(60).plus(skew));
}

#[test]
fn an_accepted_assertion_has_a_line_for_every_rule_in_the_order_of_the_list() {
    let sp = sp();
    let mut checks = Checks::on();
    // The first one is of no use, and leaves no line.
    let mut two = assertion(&sp);
    two.confirmations
        .insert(0, Confirmation { recipient: None, ..confirmation(&sp, 5) });
    validate(two, from_the_portal(), &expected(&sp), &mut checks, now()).unwrap();
    let names = checks.lines().iter().map(|line| line.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ASSERTION_RULES);
}

#[test]
fn when_no_confirmation_passes_the_first_one_s_fault_is_the_answer() {
    let sp = sp();
    let mut checks = Checks::on();
    let mut both = assertion(&sp);
    let elsewhere = Some("https://other.example.com/saml/acs".to_owned());
    both.confirmations = vec![
        Confirmation { recipient: elsewhere, ..confirmation(&sp, 5) },
        Confirmation { not_before: Some(now()), ..confirmation(&sp, 5) },
    ];
    let error = checks.within("assertion", |checks| {
        validate(both, from_the_portal(), &expected(&sp), checks, now())
    });
    assert_eq!(error.unwrap_err().rule(), "subject.recipient");
    let last = checks.lines().last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.outcome),
        ("assertion.subject.recipient", crate::base::Outcome::Fail)
    );
    assert_eq!(
        last.values,
        Values::new(sp.acs_url(), "https://other.example.com/saml/acs")
    );
}

#[test]
fn the_two_sides_of_a_time_say_what_would_have_been_right() {
    let sp = sp();
    let mut late = assertion(&sp);
    late.confirmations = vec![confirmation(&sp, 0)];
    let at = now().plus(sp.clock_skew);
    let error = validate(
        late,
        from_the_portal(),
        &expected(&sp),
        &mut Checks::off(),
        at,
    );
    let error = error.unwrap_err();
    assert_eq!(
        error.expected().unwrap(),
        "later than 2026-11-21T12:00:00Z (2026-11-21T12:03:00Z here, clock_skew 180s)"
    );
    assert_eq!(error.found().unwrap(), "2026-11-21T12:00:00Z");
}

#[test]
fn fresh_authentication_is_a_rule_where_it_was_asked_for() {
    let sp = sp();
    let sent = |created_at| {
        Origin::Requested(PendingLogin {
            request_id: "_request".to_owned(),
            idp: crate::base::IdpName::parse("corp").unwrap(),
            return_to: ReturnTo::root(),
            wish: crate::saml::Wish::default(),
            created_at,
        })
    };
    let answer = |created_at, force_authn| {
        let mut fields = assertion(&sp);
        fields.confirmations = vec![Confirmation {
            in_response_to: Some("_request".to_owned()),
            ..confirmation(&sp, 5)
        }];
        let asked = Asked { force_authn, ..Asked::NOTHING };
        let expected = Expectations { asked: asked.into(), ..expected(&sp) };
        validate(
            fields,
            sent(created_at),
            &expected,
            &mut Checks::off(),
            now(),
        )
    };
    let answered = |created_at| answer(created_at, true);
    assert!(answered(minutes(3)).is_ok(), "within the skew");
    let late = minutes(3).plus(Duration::from_secs(1));
    assert_eq!(outcome(answered(late)), Err(("authn.age", "authn.fresh")));
    assert!(answer(late, false).is_ok(), "nobody asked");
}

#[test]
fn a_sign_in_that_is_too_old_is_authn_age_however_it_began() {
    let sp = sp();
    let hour = Duration::from_secs(3600);
    let answer = |instant, max_age| {
        let mut fields = assertion(&sp);
        fields.authn_statements[0].authn_instant = instant;
        let asked = Asked { max_age, ..Asked::NOTHING };
        let expected = Expectations { asked: asked.into(), ..expected(&sp) };
        let checks = &mut Checks::off();
        outcome(validate(
            fields,
            from_the_portal(),
            &expected,
            checks,
            now(),
        ))
    };
    let oldest = now().minus(hour).minus(sp.clock_skew);
    let older = oldest.minus(Duration::from_secs(1));
    assert_eq!(answer(oldest, Some(hour)), Ok(()));
    assert_eq!(answer(older, Some(hour)), Err(("authn.age", "authn.age")));
    assert_eq!(answer(older, None), Ok(()), "nobody asked");
    // Not even the clock's whole width ago.
    let ago = |seconds| now().minus(Duration::from_secs(seconds));
    assert_eq!(answer(ago(180), Some(Duration::ZERO)), Ok(()));
    assert_eq!(
        answer(ago(181), Some(Duration::ZERO)),
        Err(("authn.age", "authn.age"))
    );
    let error = ProfileError::TooOld {
        found: older,
        max_age: hour,
        clock: OurClock { now: now(), skew: sp.clock_skew },
    };
    assert_eq!(
        error.expected().unwrap(),
        "at least 2026-11-21T10:57:00Z (2026-11-21T12:00:00Z here, clock_skew 180s)"
    );
    assert_eq!(error.found().unwrap(), "2026-11-21T10:56:59Z");
}

#[test]
fn what_was_asked_for_at_least_is_what_the_order_says() {
    use crate::saml::asked::{AskedContext, Comparison};
    let sp = sp();
    let order = ["urn:weak", "urn:strong", "urn:stronger"].map(str::to_owned);
    let by = |comparison, class: &str| {
        let mut fields = assertion(&sp);
        fields.authn_statements[0].context_class = Some(class.to_owned());
        let context = AskedContext::new(&order[1..2], comparison, &order).unwrap();
        let asked = Asked { context: Some(context), ..Asked::NOTHING };
        let expected = Expectations { asked: asked.into(), ..expected(&sp) };
        let checks = &mut Checks::off();
        validate(fields, from_the_portal(), &expected, checks, now())
    };
    let wrong = Err(("authn.context", "authn.context"));
    assert_eq!(outcome(by(Comparison::Minimum, "urn:stronger")), Ok(()));
    assert_eq!(outcome(by(Comparison::Minimum, "urn:weak")), wrong);
    assert_eq!(outcome(by(Comparison::Better, "urn:strong")), wrong);
    assert_eq!(outcome(by(Comparison::Maximum, "urn:stronger")), wrong);
    assert_eq!(outcome(by(Comparison::Exact, "urn:stronger")), wrong);
    assert_eq!(outcome(by(Comparison::Minimum, "urn:unheard-of")), wrong);
    let error = by(Comparison::Minimum, "urn:weak").unwrap_err();
    assert_eq!(
        error.expected().unwrap(),
        "minimum urn:strong: urn:strong, urn:stronger"
    );
}

#[test]
fn what_is_always_wanted_is_wanted_besides_what_a_page_wants() {
    use crate::saml::asked::AskedContext;
    let sp = sp();
    let (always, page) = (
        ["urn:a", "urn:b"].map(str::to_owned),
        ["urn:b", "urn:c"].map(str::to_owned),
    );
    let by = |class: &str| {
        let mut fields = assertion(&sp);
        fields.authn_statements[0].context_class = Some(class.to_owned());
        let asked = |classes| Asked { context: AskedContext::exact(classes), ..Asked::NOTHING };
        let asked = asked(&always).and(asked(&page));
        let expected = Expectations { asked, ..expected(&sp) };
        let checks = &mut Checks::off();
        validate(fields, from_the_portal(), &expected, checks, now())
    };
    assert_eq!(outcome(by("urn:b")), Ok(()));
    assert_eq!(
        outcome(by("urn:a")),
        Err(("authn.context", "authn.context"))
    );
    let error = by("urn:c").unwrap_err();
    assert_eq!(error.code().as_str(), "authn.context");
    assert_eq!(error.expected().unwrap(), "urn:b, urn:c; and urn:a, urn:b");
}
