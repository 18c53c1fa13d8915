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

pub use error::{OurClock, Place, ProfileError};

use error::{NO_REQUEST, NOTHING};

use crate::base::{Checks, Timestamp, Values};
use crate::saml::accepted::{Attribute, Claims, NameId, ValidAssertion};
use crate::saml::asked::AskedBoth;
use crate::saml::pending::PendingLogin;
use crate::saml::schema::{AssertionFields, AuthnStatement, Conditions, Confirmation, Envelope};
use crate::saml::sp::ServiceProvider;

/// `urn:oasis:names:tc:SAML:2.0:cm:bearer`
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// Core 2.5.1.4 to 2.5.1.6. Any other condition can not be met, since nobody knows what it asks.
const KNOWN_CONDITIONS: &str = "AudienceRestriction, OneTimeUse or ProxyRestriction";

/// The rules for the Response, in the order in which they are checked: the names of the lines in
/// [`Checks`], after `response.`
pub const RESPONSE_RULES: &[&str] = &[
    "version",
    "destination",
    "issuer",
    "status",
    "in_response_to",
    "issue_instant",
];

/// The rules for the Assertion, likewise, after `assertion.`
pub const ASSERTION_RULES: &[&str] = &[
    "version",
    "issuer",
    "issue_instant",
    "subject.confirmation",
    "subject.recipient",
    "subject.not_before",
    "subject.not_on_or_after",
    "subject.in_response_to",
    "conditions.not_before",
    "conditions.not_on_or_after",
    "conditions.understood",
    "conditions.audience",
    "subject.qualifiers",
    "attributes.scope",
    "authn.statement",
    "authn.instant",
    "authn.session",
    "authn.context",
    "authn.fresh",
    "authn.age",
];

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
    /// What was asked for, so the answer has to be so: by which method, how long ago.
    pub asked: AskedBoth<'a>,
    /// The scopes that the identity provider may name; `None` when its metadata lists none.
    pub scopes: Option<&'a [String]>,
    /// Whose names were asked for, beside our own: an affiliation of service providers (core 3.4.1.1).
    pub affiliation: Option<&'a str>,
}

impl Expectations<'_> {
    const fn clock(&self, now: Timestamp) -> OurClock {
        OurClock { now, skew: self.clock_skew }
    }
}

/// What covers a Response as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::saml) enum Seal {
    /// Nothing does; its Assertion has a signature.
    Nothing,
    /// The signature of the message around it, which brought it by the artifact binding.
    Around,
    /// Its own signature.
    Own,
}

/// The rules for the Response itself. They can only refuse: see [`Envelope`].
pub(in crate::saml) fn check_envelope(
    envelope: &Envelope<'_>,
    seal: Seal,
    origin: &Origin,
    expected: &Expectations<'_>,
    checks: &mut Checks,
    now: Timestamp,
) -> Result<(), ProfileError> {
    let clock = expected.clock(now);
    check_version(envelope.version, checks)?;
    check_destination(envelope.destination, seal, expected, checks)?;
    match &envelope.issuer {
        Some(found) => check_issuer(found, expected, checks)?,
        // Profiles 4.1.4.2: it may be left out here; the Assertion always has one.
        None => checks.pass_with("issuer", || NOTHING.to_owned()),
    }
    let status = &envelope.status;
    if !status.is_success() {
        return Err(ProfileError::Status(Box::new(status.clone())));
    }
    checks.pass_with("status", || status.code.clone());
    let in_response_to = envelope.in_response_to;
    // Core 3.2.2: an answer says so. It can have been taken away only where nothing is signed; there
    // the confirmation's decides.
    let absent = match seal {
        Seal::Nothing => Absent::IsFine,
        Seal::Around | Seal::Own => Absent::IsWrong,
    };
    check_in_response_to(Place::Response, in_response_to, absent, origin, checks)?;
    check_issue_instant(Place::Response, envelope.issue_instant, clock, checks)
}

/// The rules for the Assertion: profiles 4.1.4.2 and 4.1.4.3, core 2.3 to 2.7.
///
/// `origin` is moved in and dropped, so one request can not be answered twice.
pub(in crate::saml) fn validate(
    assertion: AssertionFields,
    origin: Origin,
    expected: &Expectations<'_>,
    checks: &mut Checks,
    now: Timestamp,
) -> Result<ValidAssertion, ProfileError> {
    let clock = expected.clock(now);
    check_version(&assertion.version, checks)?;
    check_issuer(&assertion.issuer, expected, checks)?;
    check_issue_instant(Place::Assertion, assertion.issue_instant, clock, checks)?;
    check_confirmations(&assertion.confirmations, &origin, expected, clock, checks)?;
    let conditions_end = check_conditions(assertion.conditions.as_ref(), expected, clock, checks)?;
    check_qualifiers(assertion.name_id.as_ref(), expected, checks)?;
    check_scopes(&assertion.attributes, expected, checks)?;
    let statement = check_authn_statements(&assertion.authn_statements, expected, clock, checks)?;
    check_fresh(statement, &origin, expected, checks)?;
    check_age(statement, expected, clock, checks)?;
    // The earliest end counts. The skew by which a late one is still accepted is added, or a
    // session could be over before it begins.
    let session_end = assertion
        .authn_statements
        .iter()
        .filter_map(|one| one.session_not_on_or_after)
        .min();
    // Any of the confirmations may be the one that passes when the same Assertion comes again, so
    // it is remembered until the last of them ends, and no shorter than its conditions hold.
    let ends = assertion.confirmations.iter().filter_map(|one| one.not_on_or_after);
    let expires = ends.chain(conditions_end).max().unwrap_or(now);
    let session_index = statement.session_index.clone();
    let all = assertion.authn_statements.iter().filter_map(|one| one.session_index.clone());
    let other_session_indexes = all.filter(|one| Some(one) != session_index.as_ref()).collect();
    Ok(ValidAssertion::new(Claims {
        issuer: assertion.issuer,
        assertion_id: assertion.id,
        name_id: assertion.name_id,
        session_index,
        other_session_indexes,
        attributes: assertion.attributes,
        authn_instant: statement.authn_instant,
        authn_context: statement.context_class.clone(),
        session_not_on_or_after: session_end.map(|end| end.plus(expected.clock_skew)),
        expires: expires.plus(expected.clock_skew),
    }))
}

fn check_version(found: &str, checks: &mut Checks) -> Result<(), ProfileError> {
    if found == "2.0" {
        checks.pass_with("version", || found.to_owned());
        return Ok(());
    }
    Err(ProfileError::Version { found: found.to_owned() })
}

/// Bindings 3.5.5.2: it is our ACS, and a signed message has one. One that we fetched ourselves
/// (bindings 3.6) need not have it, since it did not travel through a browser.
fn check_destination(
    found: Option<&str>,
    seal: Seal,
    expected: &Expectations<'_>,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let ours = || expected.sp.acs_url();
    match found {
        Some(found) if !expected.sp.is_acs_url(found) => {
            Err(ProfileError::Destination { found: found.to_owned(), ours: ours() })
        }
        None if seal == Seal::Own => Err(ProfileError::DestinationMissing { ours: ours() }),
        found => {
            checks.pass_as("destination", || {
                Values::new(ours(), found.unwrap_or(NOTHING))
            });
            Ok(())
        }
    }
}

fn check_issuer(
    found: &str,
    expected: &Expectations<'_>,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    if found == expected.idp_entity_id {
        checks.pass_as("issuer", || Values::new(expected.idp_entity_id, found));
        return Ok(());
    }
    Err(ProfileError::Issuer {
        found: found.to_owned(),
        expected: expected.idp_entity_id.to_owned(),
    })
}

fn check_issue_instant(
    place: Place,
    found: Timestamp,
    clock: OurClock,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    if clock.is_ahead(found) || clock.is_old(found) {
        return Err(ProfileError::IssueInstant { place, found, clock });
    }
    checks.pass_as("issue_instant", || {
        Values::new(clock.recent(), found.to_string())
    });
    Ok(())
}

/// Whether InResponseTo may be left out where a request of ours is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// On a Response that is not signed.
    IsFine,
    /// On a signed one (core 3.2.2), and on the SubjectConfirmationData (profiles 4.1.4.2).
    IsWrong,
}

fn check_in_response_to(
    place: Place,
    found: Option<&str>,
    absent: Absent,
    origin: &Origin,
    checks: &mut Checks,
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
        let name = match place {
            Place::Confirmation => "subject.in_response_to",
            Place::Response | Place::Assertion | Place::Logout | Place::Artifact => {
                "in_response_to"
            }
        };
        checks.pass_as(name, || {
            Values::new(expected.unwrap_or(NO_REQUEST), found.unwrap_or(NOTHING))
        });
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
    clock: OurClock,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let bearers = || confirmations.iter().filter(|one| one.method == BEARER);
    let Some(first) = bearers().next() else {
        let methods = confirmations.iter().map(|one| one.method.clone()).collect();
        return Err(ProfileError::Confirmation { methods });
    };
    let mark = checks.mark();
    for confirmation in bearers() {
        if check_confirmation(confirmation, origin, expected, clock, checks).is_ok() {
            return Ok(());
        }
        checks.back_to(mark);
    }
    check_confirmation(first, origin, expected, clock, checks)
}

fn check_confirmation(
    confirmation: &Confirmation,
    origin: &Origin,
    expected: &Expectations<'_>,
    clock: OurClock,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    checks.pass_with("subject.confirmation", || confirmation.method.clone());
    let ours = || expected.sp.acs_url();
    if !confirmation
        .recipient
        .as_deref()
        .is_some_and(|found| expected.sp.is_acs_url(found))
    {
        return Err(ProfileError::Recipient {
            found: confirmation.recipient.clone(),
            ours: ours(),
        });
    }
    checks.pass_as("subject.recipient", || Values::new(ours(), ours()));
    if let Some(found) = confirmation.not_before {
        return Err(ProfileError::ConfirmationNotBefore { found });
    }
    checks.pass("subject.not_before");
    let until = confirmation.not_on_or_after;
    match until {
        Some(until) if !clock.is_past(until) => {
            let values = || Values::new(clock.to_come(), until.to_string());
            checks.pass_as("subject.not_on_or_after", values);
        }
        found => return Err(ProfileError::ConfirmationExpired { found, clock }),
    }
    let in_response_to = confirmation.in_response_to.as_deref();
    check_in_response_to(
        Place::Confirmation,
        in_response_to,
        Absent::IsWrong,
        origin,
        checks,
    )
}

fn check_conditions(
    conditions: Option<&Conditions>,
    expected: &Expectations<'_>,
    clock: OurClock,
    checks: &mut Checks,
) -> Result<Option<Timestamp>, ProfileError> {
    let ours = &expected.sp.entity_id;
    let unrestricted = || ProfileError::Audience { found: None, ours: ours.clone() };
    let conditions = conditions.ok_or_else(unrestricted)?;
    let shown =
        |time: Option<Timestamp>| time.map_or_else(|| NOTHING.to_owned(), |time| time.to_string());
    if let Some(found) = conditions.not_before.filter(|found| clock.is_ahead(*found)) {
        return Err(ProfileError::NotYet { found, clock });
    }
    let values = || Values::new(clock.come(), shown(conditions.not_before));
    checks.pass_as("conditions.not_before", values);
    if let Some(found) = conditions.not_on_or_after {
        if clock.is_past(found) {
            return Err(ProfileError::Expired { found, clock });
        }
        if let Some(not_before) = conditions.not_before.filter(|start| *start >= found) {
            return Err(ProfileError::Never { found, not_before });
        }
    }
    let values = || Values::new(clock.to_come(), shown(conditions.not_on_or_after));
    checks.pass_as("conditions.not_on_or_after", values);
    if let Some(found) = conditions.unknown.first() {
        return Err(ProfileError::Condition { found: found.clone() });
    }
    checks.pass("conditions.understood");
    if conditions.audience_restrictions.is_empty() {
        return Err(unrestricted());
    }
    for names in &conditions.audience_restrictions {
        if !names.iter().any(|name| name == ours) {
            return Err(ProfileError::Audience { found: Some(names.clone()), ours: ours.clone() });
        }
    }
    checks.pass_as("conditions.audience", || {
        let names = conditions.audience_restrictions.iter().flatten().map(String::as_str);
        Values::new(ours, names.collect::<Vec<_>>().join(", "))
    });
    Ok(conditions.not_on_or_after)
}

fn check_qualifiers(
    name_id: Option<&NameId>,
    expected: &Expectations<'_>,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let qualifier = name_id.and_then(|name_id| name_id.name_qualifier.as_ref());
    let sp_qualifier = name_id.and_then(|name_id| name_id.sp_name_qualifier.as_ref());
    let ours = expected.sp.entity_id.as_str();
    let sp_qualifier = sp_qualifier.filter(|found| Some(found.as_str()) != expected.affiliation);
    let pairs = [
        ("NameQualifier", qualifier, expected.idp_entity_id),
        ("SPNameQualifier", sp_qualifier, ours),
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
    checks.pass("subject.qualifiers");
    Ok(())
}

/// Attributes whose values end in `@scope`, and mean nothing without the right to that scope.
///
/// By all of their names: a mapping may name any of them, and a default mapping does.
const SCOPED: [&str; 13] = [
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "urn:mace:dir:attribute-def:eduPersonPrincipalName",
    "eduPersonPrincipalName",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "urn:mace:dir:attribute-def:eduPersonScopedAffiliation",
    "eduPersonScopedAffiliation",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "urn:mace:dir:attribute-def:eduPersonUniqueId",
    "eduPersonUniqueId",
    "urn:oasis:names:tc:SAML:attribute:subject-id",
    "subject-id",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    "pairwise-id",
];

/// By its Name; or by its FriendlyName, since a mapping may ask for that (`friendly:`).
fn is_scoped(attribute: &Attribute) -> bool {
    let friendly = attribute.friendly_name.as_deref().unwrap_or_default();
    SCOPED.iter().any(|name| *name == attribute.name || *name == friendly)
}

/// SDP-SP17: a university may speak of its own people alone. Identity providers outside of
/// federations list no scopes; for them, whoever imported the metadata has decided.
fn check_scopes(
    attributes: &[Attribute],
    expected: &Expectations<'_>,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let Some(scopes) = expected.scopes else {
        checks.skip("attributes.scope", "the metadata lists no scopes");
        return Ok(());
    };
    for attribute in attributes.iter().filter(|one| is_scoped(one)) {
        for value in attribute.values.iter().filter(|value| !value.is_empty()) {
            let scope = value.rsplit_once('@').map(|(_, scope)| scope);
            if !scope.is_some_and(|scope| scopes.iter().any(|own| own.eq_ignore_ascii_case(scope)))
            {
                return Err(ProfileError::Scope {
                    attribute: attribute.name.clone(),
                    found: value.to_owned(),
                    scopes: scopes.to_vec(),
                });
            }
        }
    }
    checks.pass_with("attributes.scope", || scopes.join(", "));
    Ok(())
}

/// The request may have lost its ForceAuthn on the way: it is unsigned unless the identity provider
/// wants it signed.
fn check_fresh(
    statement: &AuthnStatement,
    origin: &Origin,
    expected: &Expectations<'_>,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let login = match origin {
        Origin::Requested(login) if expected.asked.force_authn() => login,
        _ => {
            checks.skip("authn.fresh", "force_authn is off, or nobody asked");
            return Ok(());
        }
    };
    let (found, asked) = (statement.authn_instant, login.created_at);
    if found < asked.minus(expected.clock_skew) {
        return Err(ProfileError::NotFresh { found, asked });
    }
    checks.pass_with("authn.fresh", || found.to_string());
    Ok(())
}

/// However the sign-in began: a page that wants a person to have signed in lately does not care.
fn check_age(
    statement: &AuthnStatement,
    expected: &Expectations<'_>,
    clock: OurClock,
    checks: &mut Checks,
) -> Result<(), ProfileError> {
    let Some(max_age) = expected.asked.max_age() else {
        checks.skip("authn.age", "no maximum age is asked for");
        return Ok(());
    };
    let found = statement.authn_instant;
    if clock.is_older_than(found, max_age) {
        return Err(ProfileError::TooOld { found, max_age, clock });
    }
    checks.pass_as("authn.age", || {
        Values::new(clock.within(max_age), found.to_string())
    });
    Ok(())
}

fn check_authn_statements<'s>(
    statements: &'s [AuthnStatement],
    expected: &Expectations<'_>,
    clock: OurClock,
    checks: &mut Checks,
) -> Result<&'s AuthnStatement, ProfileError> {
    let first = statements.first().ok_or(ProfileError::AuthnMissing)?;
    checks.pass("authn.statement");
    let ahead = statements.iter().find(|one| clock.is_ahead(one.authn_instant));
    if let Some(found) = ahead.map(|one| one.authn_instant) {
        return Err(ProfileError::AuthnInstant { found, clock });
    }
    checks.pass_as("authn.instant", || {
        Values::new(clock.come(), first.authn_instant.to_string())
    });
    let mut ends = statements.iter().filter_map(|one| one.session_not_on_or_after);
    if let Some(found) = ends.find(|end| clock.is_past(*end)) {
        return Err(ProfileError::SessionOver { found, clock });
    }
    checks.pass_as("authn.session", || {
        let end = first.session_not_on_or_after;
        Values::new(
            clock.to_come(),
            end.map_or_else(|| NOTHING.to_owned(), |end| end.to_string()),
        )
    });
    let asked = expected.asked;
    if asked.context().is_none() {
        checks.skip("authn.context", "authn_context is not set");
        return Ok(first);
    }
    let enough = |statement: &&AuthnStatement| asked.is_met_by(statement.context_class.as_deref());
    let statement = statements.iter().find(enough).ok_or_else(|| ProfileError::AuthnContext {
        found: first.context_class.clone(),
        expected: asked.shown(),
    })?;
    checks.pass_as("authn.context", || {
        let found = statement.context_class.clone().unwrap_or_default();
        Values::new(asked.shown(), found)
    });
    Ok(statement)
}

#[cfg(test)]
mod tests;
