//! The processing rules of the Web Browser SSO profile: what an Assertion says → whether it is
//! for us, now, in answer to our request.
//!
//! In: the fields of a *verified* Assertion, the envelope around it, where the sign-in began
//! ([`Origin`]), our own names ([`ServiceProvider`]) and the time. Out: a [`ValidAssertion`], or
//! the first rule that is broken. Nothing is asked of the system: the same input always gives the
//! same answer.
//!
//! # Deployment caveat
//!
//! Two things outside of us break these rules more than any attack: a proxy that makes the
//! outside address differ from `public_url` (`proto.destination`, `subject.recipient`), and a
//! clock that is off (`time.*`). Both errors carry what was expected and what was found.

mod error;

use std::time::Duration;

pub use error::ProfileError;

use crate::base::{Checks, Timestamp};
use crate::saml::accepted::{Attribute, Claims, NameId, ValidAssertion};
use crate::saml::pending::PendingLogin;
use crate::saml::schema::{AssertionFields, AuthnStatement, Conditions, Confirmation, Envelope};
use crate::saml::sp::ServiceProvider;

/// `urn:oasis:names:tc:SAML:2.0:cm:bearer`
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// How old a Response may be.
///
/// Identity providers write IssueInstant when they answer, so this covers a slow network and a
/// person who looks at an interstitial page. Service providers that allow 90 s are known to refuse
/// honest people.
pub const MAX_AGE: Duration = Duration::from_secs(600);

/// Where a sign-in began.
#[derive(Debug)]
pub enum Origin {
    /// With a request of ours, sent from this browser. It is used up by being here.
    Requested(PendingLogin),
    /// At the identity provider (profiles 4.1.5), which has to be allowed.
    IdpInitiated(Permission),
}

/// Proof that the settings of an identity provider allow it to begin sign-ins.
#[derive(Debug)]
pub struct Permission(());

impl Permission {
    /// From `allow_idp_initiated`.
    pub const fn from_setting(allowed: bool) -> Option<Self> {
        if allowed { Some(Self(())) } else { None }
    }
}

/// What the rules are checked against, besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// Us.
    pub sp: &'a ServiceProvider,
    /// The entityID of the identity provider whose keys verified the message.
    pub idp_entity_id: &'a str,
    /// How far its clock may differ from ours.
    pub clock_skew: Duration,
    /// The AuthnContextClassRefs that are enough; empty allows every one.
    pub authn_context: &'a [String],
    /// Fresh authentication was asked for (ForceAuthn), so it has to be fresh.
    pub force_authn: bool,
    /// The scopes that the identity provider may name; `None` when its metadata lists none.
    pub scopes: Option<&'a [String]>,
}

/// The rules for the Response itself. They can only refuse: see [`Envelope`].
pub(in crate::saml) fn check_envelope(
    envelope: &Envelope<'_>,
    signed: bool,
    origin: &Origin,
    expected: &Expectations<'_>,
    _checks: &mut Checks,
    now: Timestamp,
) -> Result<(), ProfileError> {
    check_version(&envelope.version)?;
    let ours = expected.sp.acs_url();
    match &envelope.destination {
        Some(found) if *found != ours => {
            return Err(ProfileError::Destination { found: found.clone(), ours });
        }
        None if signed => return Err(ProfileError::DestinationMissing),
        _ => {}
    }
    if let Some(found) = &envelope.issuer {
        check_issuer(found, expected)?;
    }
    let status = &envelope.status;
    if !status.is_success() {
        return Err(ProfileError::Status {
            code: status.code.clone(),
            detail: status.detail.clone(),
            message: status.message.clone(),
        });
    }
    check_in_response_to(
        "Response",
        envelope.in_response_to.as_deref(),
        Absent::IsFine,
        origin,
    )?;
    check_issue_instant("Response", envelope.issue_instant, expected, now)
}

/// The rules for the Assertion: profiles 4.1.4.2 and 4.1.4.3, core 2.3 to 2.7.
///
/// `origin` is moved in and dropped, so one request can not be answered twice.
pub(in crate::saml) fn validate(
    assertion: AssertionFields,
    origin: Origin,
    expected: &Expectations<'_>,
    _checks: &mut Checks,
    now: Timestamp,
) -> Result<ValidAssertion, ProfileError> {
    check_version(&assertion.version)?;
    check_issuer(&assertion.issuer, expected)?;
    check_issue_instant("Assertion", assertion.issue_instant, expected, now)?;
    let confirmed_until = check_confirmations(&assertion.confirmations, &origin, expected, now)?;
    let conditions_end = check_conditions(assertion.conditions.as_ref(), expected, now)?;
    if let Some(name_id) = &assertion.name_id {
        check_qualifiers(name_id, expected)?;
    }
    check_scopes(&assertion.attributes, expected)?;
    let statement = check_authn_statements(&assertion.authn_statements, expected, now)?;
    check_fresh(statement, &origin, expected)?;
    // The earliest end counts. The skew by which a late one is still accepted is added, or a
    // session could be over before it begins.
    let session_end = assertion
        .authn_statements
        .iter()
        .filter_map(|one| one.session_not_on_or_after)
        .min();
    let expires = conditions_end.map_or(confirmed_until, |end| end.max(confirmed_until));
    Ok(ValidAssertion::new(Claims {
        issuer: assertion.issuer,
        assertion_id: assertion.id,
        name_id: assertion.name_id,
        session_index: statement.session_index.clone(),
        attributes: assertion.attributes,
        authn_instant: statement.authn_instant,
        authn_context: statement.context_class.clone(),
        session_not_on_or_after: session_end.map(|end| end.plus(expected.clock_skew)),
        expires: expires.plus(expected.clock_skew),
    }))
}

fn check_version(found: &str) -> Result<(), ProfileError> {
    if found == "2.0" {
        return Ok(());
    }
    Err(ProfileError::Version { found: found.to_owned() })
}

fn check_issuer(found: &str, expected: &Expectations<'_>) -> Result<(), ProfileError> {
    if found == expected.idp_entity_id {
        return Ok(());
    }
    Err(ProfileError::Issuer {
        found: found.to_owned(),
        expected: expected.idp_entity_id.to_owned(),
    })
}

fn check_issue_instant(
    place: &'static str,
    found: Timestamp,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<(), ProfileError> {
    let ahead = found > now.plus(expected.clock_skew);
    let old = found < now.minus(MAX_AGE).minus(expected.clock_skew);
    if ahead || old {
        return Err(ProfileError::IssueInstant { place, found, now });
    }
    Ok(())
}

/// Whether InResponseTo may be left out where a request of ours is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// On the Response, since it may be unsigned there and the confirmation's decides.
    IsFine,
    /// On the SubjectConfirmationData (profiles 4.1.4.2).
    IsWrong,
}

fn check_in_response_to(
    place: &'static str,
    found: Option<&str>,
    absent: Absent,
    origin: &Origin,
) -> Result<(), ProfileError> {
    let expected = match origin {
        Origin::Requested(login) => Some(login.request_id.as_str()),
        Origin::IdpInitiated(_) => None,
    };
    let fine = match (expected, found) {
        (Some(_), None) => absent == Absent::IsFine,
        (expected, found) => expected == found,
    };
    if fine {
        return Ok(());
    }
    Err(ProfileError::InResponseTo {
        place,
        found: found.map(ToOwned::to_owned),
        expected: expected.map(ToOwned::to_owned),
    })
}

/// Profiles 4.1.4.3: one bearer confirmation that passes everything is enough; others are
/// ignored. When none passes, the first one's fault is the answer.
fn check_confirmations(
    confirmations: &[Confirmation],
    origin: &Origin,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<Timestamp, ProfileError> {
    let mut first_fault = None;
    for confirmation in confirmations.iter().filter(|one| one.method == BEARER) {
        match check_confirmation(confirmation, origin, expected, now) {
            Ok(until) => return Ok(until),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    Err(first_fault.unwrap_or(ProfileError::Confirmation))
}

fn check_confirmation(
    confirmation: &Confirmation,
    origin: &Origin,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<Timestamp, ProfileError> {
    let ours = expected.sp.acs_url();
    if confirmation.recipient.as_deref() != Some(ours.as_str()) {
        return Err(ProfileError::Recipient { found: confirmation.recipient.clone(), ours });
    }
    if confirmation.not_before.is_some() {
        return Err(ProfileError::ConfirmationNotBefore);
    }
    let until = confirmation
        .not_on_or_after
        .ok_or(ProfileError::ConfirmationExpired { found: None, now })?;
    if now >= until.plus(expected.clock_skew) {
        return Err(ProfileError::ConfirmationExpired { found: Some(until), now });
    }
    check_in_response_to(
        "SubjectConfirmationData",
        confirmation.in_response_to.as_deref(),
        Absent::IsWrong,
        origin,
    )?;
    Ok(until)
}

fn check_conditions(
    conditions: Option<&Conditions>,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ProfileError> {
    let ours = &expected.sp.entity_id;
    let unrestricted = || ProfileError::Audience { found: None, ours: ours.clone() };
    let conditions = conditions.ok_or_else(unrestricted)?;
    if let Some(found) = conditions.not_before
        && found > now.plus(expected.clock_skew)
    {
        return Err(ProfileError::NotYet { found, now });
    }
    if let Some(found) = conditions.not_on_or_after {
        let over = now >= found.plus(expected.clock_skew);
        let never = conditions.not_before.is_some_and(|start| start >= found);
        if over || never {
            return Err(ProfileError::Expired { found, now });
        }
    }
    if let Some(found) = conditions.unknown.first() {
        return Err(ProfileError::Condition { found: found.clone() });
    }
    if conditions.audience_restrictions.is_empty() {
        return Err(unrestricted());
    }
    for names in &conditions.audience_restrictions {
        if !names.iter().any(|name| name == ours) {
            return Err(ProfileError::Audience { found: Some(names.clone()), ours: ours.clone() });
        }
    }
    Ok(conditions.not_on_or_after)
}

fn check_qualifiers(name_id: &NameId, expected: &Expectations<'_>) -> Result<(), ProfileError> {
    let pairs = [
        (
            "NameQualifier",
            &name_id.name_qualifier,
            expected.idp_entity_id,
        ),
        (
            "SPNameQualifier",
            &name_id.sp_name_qualifier,
            expected.sp.entity_id.as_str(),
        ),
    ];
    for (attribute, found, expected) in pairs {
        if let Some(found) = found
            && found != expected
        {
            return Err(ProfileError::Qualifier {
                attribute,
                found: found.clone(),
                expected: expected.to_owned(),
            });
        }
    }
    Ok(())
}

/// Attributes whose values end in `@scope`, and mean nothing without the right to that scope.
const SCOPED: [&str; 4] = [
    // eduPersonPrincipalName
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    // eduPersonScopedAffiliation
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "urn:oasis:names:tc:SAML:attribute:subject-id",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
];

/// SDP-SP17: a university may speak of its own people alone. Identity providers outside of
/// federations list no scopes; for them, whoever imported the metadata has decided.
fn check_scopes(attributes: &[Attribute], expected: &Expectations<'_>) -> Result<(), ProfileError> {
    let Some(scopes) = expected.scopes else {
        return Ok(());
    };
    for attribute in attributes.iter().filter(|one| SCOPED.contains(&one.name.as_str())) {
        for value in attribute.values.iter().filter(|value| !value.is_empty()) {
            let scope = value.rsplit_once('@').map(|(_, scope)| scope);
            if !scope.is_some_and(|scope| scopes.iter().any(|own| own.eq_ignore_ascii_case(scope)))
            {
                return Err(ProfileError::Scope {
                    attribute: attribute.name.clone(),
                    found: value.clone(),
                    scopes: scopes.to_vec(),
                });
            }
        }
    }
    Ok(())
}

/// The request may have lost its ForceAuthn on the way: it is unsigned unless the identity provider
/// wants it signed.
fn check_fresh(
    statement: &AuthnStatement,
    origin: &Origin,
    expected: &Expectations<'_>,
) -> Result<(), ProfileError> {
    let Origin::Requested(login) = origin else {
        return Ok(());
    };
    let asked = login.created_at;
    if expected.force_authn && statement.authn_instant < asked.minus(expected.clock_skew) {
        return Err(ProfileError::NotFresh { found: statement.authn_instant, asked });
    }
    Ok(())
}

fn check_authn_statements<'s>(
    statements: &'s [AuthnStatement],
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<&'s AuthnStatement, ProfileError> {
    for statement in statements {
        if statement.authn_instant > now.plus(expected.clock_skew) {
            return Err(ProfileError::AuthnInstant { found: statement.authn_instant, now });
        }
        if let Some(found) = statement.session_not_on_or_after
            && now >= found.plus(expected.clock_skew)
        {
            return Err(ProfileError::SessionOver { found, now });
        }
    }
    let first = statements.first().ok_or(ProfileError::AuthnMissing)?;
    if expected.authn_context.is_empty() {
        return Ok(first);
    }
    let enough = |statement: &&AuthnStatement| {
        statement
            .context_class
            .as_ref()
            .is_some_and(|class| expected.authn_context.contains(class))
    };
    statements.iter().find(enough).ok_or_else(|| ProfileError::AuthnContext {
        found: first.context_class.clone(),
        expected: expected.authn_context.to_vec(),
    })
}
