//! The way of the ACS, without its stores.
//!
//! Every step is the function that `http::sso::acs` calls, with [`Checks`] switched on; for what
//! comes in an address, those of `saml::binding::query` and `saml::logout`. What the ACS asks a store for can not be asked here, and its lines say so: which requests are open, which
//! assertions were used, who is known.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;

use super::input::Message;
use super::known::Known;
use crate::base::{
    Check, Checks, ErrorCode, LocalPath, Outcome, Refusal, RoleName, StoreError, Timestamp, Values,
};
use crate::identity::{self, Asserter, Mapped};
use crate::saml::binding::BindingError;
use crate::saml::binding::post::ResponseForm;
use crate::saml::binding::query::{Carries, QueryMessage};
use crate::saml::logout::{
    self, LogoutExpectations, LogoutResult, SignedMessage, ValidLogoutRequest,
};
use crate::saml::one_use::{OneUse, OneUseStore};
use crate::saml::profile::{ASSERTION_RULES, Origin, Permission, RESPONSE_RULES};
use crate::saml::response::ResponseMessage;
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS, Status};
use crate::saml::{Claims, Exceptions, PendingLogin};
use crate::trust::IdpTrust;
use crate::xml::{Document, Element, Limits, Mode};

/// Everything that was found out.
#[derive(Debug)]
pub(super) struct Explanation {
    /// What the message says about itself; nobody has verified that.
    pub(super) facts: Option<Facts>,
    /// Each rule.
    pub(super) checks: Vec<Check>,
    /// Why it is refused.
    pub(super) refused: Option<Refused>,
    /// What would come of it.
    pub(super) accepted: Option<Accepted>,
    /// What else is worth knowing.
    pub(super) notes: Vec<String>,
}

/// What a message would do.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A Response: who would be let in.
    Person(Box<Person>),
    /// A LogoutRequest: whose sessions would end.
    Logout(Box<ValidLogoutRequest>),
    /// A `LogoutResponse`: what the other side made of our request.
    LoggedOut(Status),
}

/// What a message says about itself.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The local name of its document element.
    pub(super) kind: String,
    /// Its attributes and its Issuer, as they stand.
    pub(super) said: Vec<(&'static str, String)>,
}

/// The attributes that say where a message belongs.
const TELLING: &[&str] = &[
    "ID",
    "IssueInstant",
    "NotOnOrAfter",
    "Destination",
    "InResponseTo",
    "AssertionConsumerServiceURL",
    "ProtocolBinding",
    "ForceAuthn",
    "IsPassive",
];

impl Facts {
    fn of(root: Element<'_>) -> Self {
        let attribute =
            |name: &'static str| root.attribute(name).map(|value| (name, value.to_owned()));
        let issuer = root.child(ASSERTION_NS, "Issuer").and_then(|issuer| issuer.text());
        let issuer = issuer.map(|issuer| ("Issuer", issuer.into_owned()));
        let said = issuer.into_iter().chain(TELLING.iter().filter_map(|name| attribute(name)));
        Self { kind: root.local_name().to_owned(), said: said.collect() }
    }

    fn issued(&self) -> Option<Timestamp> {
        Timestamp::parse_saml(self.find("IssueInstant")?)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.said
            .iter()
            .find(|(said, _)| *said == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The person of a message that would be accepted.
#[derive(Debug)]
pub(super) struct Person {
    /// What the assertion says.
    pub(super) claims: Claims,
    /// The same under our names.
    pub(super) mapped: Mapped,
    /// What they may.
    pub(super) roles: Vec<RoleName>,
}

/// A refusal, whichever part said so.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// The code.
    pub(super) code: ErrorCode,
    /// The words that would stand in the log.
    pub(super) detail: String,
    rule: Cow<'static, str>,
    values: Values,
}

impl Refused {
    fn of(error: impl Refusal + Display) -> Self {
        Self {
            code: error.code(),
            detail: error.to_string(),
            rule: error.rule(),
            values: error.values(),
        }
    }

    fn at(rule: &'static str, code: ErrorCode, detail: impl Display) -> Self {
        let detail = detail.to_string();
        Self {
            code,
            rule: rule.into(),
            values: Values::found(detail.clone()),
            detail,
        }
    }

    fn comparing(mut self, values: Values) -> Self {
        self.values = values;
        self
    }
}

impl Refusal for Refused {
    fn code(&self) -> ErrorCode {
        self.code
    }

    fn rule(&self) -> Cow<'static, str> {
        self.rule.clone()
    }

    fn values(&self) -> Values {
        self.values.clone()
    }
}

/// What the message has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// This request of ours.
    For(String),
    /// None: it was begun at the portal.
    ForNothing,
    /// Whatever it says: nobody told us.
    AsItSays,
}

/// Follows a message to its end.
pub(super) async fn explain(
    message: Message,
    asked: Asked,
    known: &Known,
    now: Timestamp,
) -> Explanation {
    let mut walk = Walk {
        known,
        now,
        checks: Checks::on(),
        notes: known.notes.clone(),
        facts: None,
        believed: false,
        way: Way::Post,
    };
    let result = match message {
        Message::Post(body) => {
            walk.post(&body, asked).await.map(|person| Accepted::Person(Box::new(person)))
        }
        Message::Redirect(query) => walk.redirect(&query, asked),
    };
    if let Err(error) = &result {
        walk.checks.refused(error);
        walk.advise(error);
    }
    let Walk { checks, notes, facts, believed, way, .. } = walk;
    let mut checks = checks.into_lines();
    checks.iter_mut().for_each(|line| not_known_here(line, believed));
    if result.is_err() {
        let missing = not_reached(&checks, way.rules());
        checks.extend(missing);
    }
    let (accepted, refused) = match result {
        Ok(accepted) => (Some(accepted), None),
        Err(error) => (None, Some(error)),
    };
    Explanation { facts, checks, refused, accepted, notes }
}

struct Walk<'k> {
    known: &'k Known,
    now: Timestamp,
    checks: Checks,
    notes: Vec<String>,
    facts: Option<Facts>,
    /// The message was believed about what it answers.
    believed: bool,
    /// Which rules it meets.
    way: Way,
}

/// By which rules a message is read.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A Response, at the ACS.
    Post,
    /// A LogoutRequest in an address, and whatever can not be read as anything else.
    LogoutRequest,
    /// A `LogoutResponse` in an address.
    LogoutResponse,
    /// What does not come in an address: nothing follows.
    Nowhere,
}

impl Way {
    /// The names of all its rules, in order.
    fn rules(self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let within = |place: &str, rules: &[&str]| {
            rules.iter().map(|rule| format!("{place}.{rule}")).collect::<Vec<_>>()
        };
        let logout = |rules| {
            let ways = [
                named(QUERY_RULES),
                within("logout", rules),
                named(LOGOUT_LATER),
            ];
            ways.concat()
        };
        match self {
            Self::Post => [
                named(BEFORE_RULES),
                within("response", RESPONSE_RULES),
                within("assertion", ASSERTION_RULES),
                named(AFTER_RULES),
            ]
            .concat(),
            Self::LogoutRequest => logout(logout::REQUEST_RULES),
            Self::LogoutResponse => logout(logout::RESPONSE_RULES),
            Self::Nowhere => Vec::new(),
        }
    }
}

impl Walk<'_> {
    /// `POST /saml/acs`.
    async fn post(&mut self, body: &[u8], asked: Asked) -> Result<Person, Refused> {
        let (known, now) = (self.known, self.now);
        let form = ResponseForm::decode(body).map_err(|error| {
            if body.contains(&b'+') && error.code() == ErrorCode::BindingBase64 {
                self.notes
                    .push("a + in a form is a space: browsers write %2B for a plus".to_owned());
            }
            Refused::at("form", error.code(), error)
        })?;
        self.checks.pass("form");
        let document = Document::parse(&form.xml, Mode::Message, &Limits::default());
        let document = document.map_err(Refused::of)?;
        self.facts = Some(Facts::of(document.root()));
        self.checks.pass("xml");
        let message = ResponseMessage::parse(&document, &mut self.checks).map_err(Refused::of)?;
        let issuer = message.issuer_hint();
        let answers = message.in_response_to_hint().map(ToOwned::to_owned);
        let (idp, origin) = self.origin(asked, issuer.as_deref(), answers)?;

        let keys = idp.keys(&known.decryption_keys, now);
        let signed = message.verify(keys, &mut self.checks).map_err(Refused::of)?;
        self.tell_exceptions(signed.exceptions(), &idp);
        let expected = idp.expectations(&known.sp);
        let valid = signed.validate(origin, &expected, &mut self.checks, now);
        let valid = valid.map_err(Refused::of)?;
        let accepted = OneUse::claim(&NotLookedUp, valid, now)
            .await
            .map_err(|error| Refused::at("one_use", error.code(), error))?;
        self.checks.skip("one_use", "used assertions are not looked up here");

        let asserter = Asserter {
            idp: &idp.settings.name,
            vendor: idp.metadata.vendor,
            allow_duplicates: idp.settings.allow_duplicate_attributes,
            owner_of: &|domain| known.registry.owner_of(domain),
        };
        let claims = accepted.claims();
        let mapped = identity::asserted(claims, asserter, &known.identity.attributes)
            .map_err(|error| Refused::at("identity", error.code(), error))?;
        self.checks.pass_with("identity", || mapped.user_name.clone());
        self.checks.skip("user", "known people are not looked up here");
        let roles = identity::roles(&known.identity.roles, &mapped);
        Ok(Person { claims: claims.clone(), mapped, roles })
    }

    /// Whose keys verify it, and what it has to answer; compare `origin` of the ACS.
    fn origin(
        &mut self,
        asked: Asked,
        issuer: Option<&str>,
        answers: Option<String>,
    ) -> Result<(Arc<IdpTrust>, Origin), Refused> {
        let request = match (asked, answers) {
            (Asked::For(id), _) => Some(id),
            (Asked::ForNothing, Some(found)) => {
                let detail = "it answers a request, and nobody asked";
                let error = Refused::at("request", ErrorCode::ProtoInResponseTo, detail);
                return Err(error.comparing(Values::new("nothing: --unsolicited", found)));
            }
            (Asked::AsItSays, Some(id)) => {
                self.believed = true;
                self.notes.push(format!(
                    "its InResponseTo is taken for a request of ours; --in-response-to {id} says \
                     that you know it is one"
                ));
                Some(id)
            }
            (Asked::AsItSays, None) => {
                self.notes.push(
                    "it answers no request, so it is taken as begun at the identity provider's \
                     portal (--unsolicited)"
                        .to_owned(),
                );
                None
            }
            (Asked::ForNothing, None) => None,
        };
        let idp = self.idp(issuer, request.is_some())?;
        let origin = match request {
            Some(request_id) => {
                self.checks.skip("request", "open requests are not looked up here");
                if self.known.registry.all().len() > 1 {
                    self.notes.push(format!(
                        "it is taken as an answer of {}; had the gateway asked another one, it \
                         would be refused as {}",
                        idp.settings.name,
                        ErrorCode::ProtoMixUp
                    ));
                }
                Origin::Requested(PendingLogin {
                    request_id,
                    idp: idp.settings.name.clone(),
                    return_to: LocalPath::root(),
                    created_at: Timestamp::EPOCH,
                })
            }
            None => {
                let permission = Permission::from_setting(idp.settings.allow_idp_initiated);
                let permission = permission.ok_or_else(|| {
                    let detail = "the Response answers no request, and allow_idp_initiated is off";
                    Refused::at("request", ErrorCode::ProtoUnsolicited, detail)
                        .comparing(Values::new("a request of ours", "nothing"))
                })?;
                self.checks.pass_with("request", || {
                    "none, and allow_idp_initiated is on".to_owned()
                });
                Origin::IdpInitiated(permission)
            }
        };
        self.enabled(&idp)?;
        Ok((idp, origin))
    }

    fn enabled(&mut self, idp: &IdpTrust) -> Result<(), Refused> {
        if !idp.settings.enabled {
            let detail = format!("{} is switched off", idp.settings.name);
            return Err(Refused::at("idp.enabled", ErrorCode::IdpDisabled, detail));
        }
        self.checks.pass("idp.enabled");
        Ok(())
    }

    fn tell_exceptions(&mut self, exceptions: Exceptions, idp: &IdpTrust) {
        for exception in exceptions.iter() {
            let until = idp.exception_ends(exception).map(|end| format!(", until {end}"));
            let (key, until) = (exception.key(), until.unwrap_or_default());
            self.notes.push(format!(
                "it counts only because {key} is set for {}{until}",
                idp.settings.name
            ));
        }
    }

    /// Who was asked, where there is only one to ask; else who says that it is from them.
    fn idp(&mut self, issuer: Option<&str>, requested: bool) -> Result<Arc<IdpTrust>, Refused> {
        let registry = &self.known.registry;
        let idp = match registry.all() {
            [only] if requested => Some(only),
            _ => registry.issued_by(issuer.unwrap_or_default()),
        };
        let Some(idp) = idp.cloned() else {
            let issuer = issuer.unwrap_or_default();
            let known = registry.all().iter().map(|idp| idp.metadata.entity_id.as_str());
            let values = Values::new(known.collect::<Vec<_>>().join(", "), issuer);
            let detail = format!("no identity provider here has the entityID {issuer:?}");
            let error = Refused::at("idp", ErrorCode::IdpUnknown, detail);
            return Err(error.comparing(values));
        };
        let (name, entity_id) = (&idp.settings.name, &idp.metadata.entity_id);
        if issuer.is_some_and(|issuer| issuer != entity_id) {
            self.notes.push(format!(
                "it says that it is from {}, and is checked as an answer of {entity_id}",
                issuer.unwrap_or_default()
            ));
        }
        self.checks.pass_with("idp", || format!("{name}, {entity_id}"));
        Ok(idp)
    }

    /// HTTP-Redirect: what a `SingleLogoutService` takes, and what nobody takes in an address.
    fn redirect(&mut self, query: &str, asked: Asked) -> Result<Accepted, Refused> {
        self.way = Way::LogoutRequest;
        let message =
            QueryMessage::read(query).map_err(|error| Refused::at("query", error.code(), error))?;
        self.checks.pass("query");
        let document = Document::parse(message.xml(), Mode::Message, &Limits::default());
        let document = document.map_err(Refused::of)?;
        self.facts = Some(Facts::of(document.root()));
        self.checks.pass("xml");
        self.is_logout(document.root(), message.is_signed())?;
        if message.carries == Carries::Response {
            self.way = Way::LogoutResponse;
        }
        let idp = self.idp(logout::issuer_hint(&document).as_deref(), false)?;
        self.enabled(&idp)?;

        let carries = message.carries;
        let keys = idp.keys(&self.known.decryption_keys, self.now);
        let verified = message.verify(keys.signing).map_err(|error| {
            let values = match &error {
                BindingError::QuerySignature(inner) => inner.values(),
                other => Values::found(other.to_string()),
            };
            Refused::at("query.signature", error.code(), error).comparing(values)
        })?;
        let Some(verified) = verified else {
            let detail = "the query is not signed";
            let error = Refused::at("query.signature", ErrorCode::SigMissing, detail);
            return Err(error.comparing(Values::new("SigAlg and Signature", "neither")));
        };
        let signed_by = verified.signed_by();
        self.checks.pass_with("query.signature", || {
            format!("by {}", signed_by.fingerprint())
        });
        self.tell_exceptions(Exceptions::from(signed_by.needed()), &idp);

        let signed = verified.parse().map_err(Refused::of)?;
        self.logout(&SignedMessage::from(&signed), carries, &idp, asked)
    }

    /// What else can be in an address, and why it is not taken.
    fn is_logout(&mut self, root: Element<'_>, signed: bool) -> Result<(), Refused> {
        let is = |name| root.is(PROTOCOL_NS, name);
        if is("LogoutRequest") || is("LogoutResponse") {
            return Ok(());
        }
        self.way = Way::Nowhere;
        if is("Response") {
            let detail =
                "a Response does not fit into an address, and profiles 4.1.2 has none there";
            let error = Refused::at("binding", ErrorCode::BindingMethod, detail);
            return Err(error.comparing(Values::new("HTTP-POST", "HTTP-Redirect")));
        }
        let expected = "samlp:LogoutRequest or samlp:LogoutResponse";
        let found = format!("{{{}}}{}", root.namespace(), root.local_name());
        let mut detail = format!("{found} is nothing that a service provider takes in an address");
        if is("AuthnRequest") {
            detail = "an AuthnRequest is for an identity provider: a gateway sends it, and takes \
                      none"
                .to_owned();
            self.about_request(root, signed);
        }
        let error = Refused::at("logout.root", ErrorCode::ProtoRoot, detail);
        Err(error.comparing(Values::new(expected, found)))
    }

    /// Whose AuthnRequest it is, and whether its answer would come back here.
    fn about_request(&mut self, root: Element<'_>, signed: bool) {
        let sp = &self.known.sp;
        let issuer = root.child(ASSERTION_NS, "Issuer").and_then(|issuer| issuer.text());
        if issuer.as_deref() != Some(sp.entity_id.as_str()) {
            self.notes
                .push("it is not a request of ours: its Issuer is not our entityID".into());
            return;
        }
        let signed = if signed {
            "signed (not verified here)"
        } else {
            "not signed"
        };
        let destination = root.attribute("Destination");
        let to = self.known.registry.all().iter().find(|idp| {
            let places = &idp.metadata.sign_on;
            places.iter().any(|place| Some(place.location.as_str()) == destination)
        });
        let to = match to {
            Some(idp) => format!("to {}", idp.settings.name),
            None => "to an address that no identity provider here has".to_owned(),
        };
        let back = match root.attribute("AssertionConsumerServiceURL") {
            Some(url) if url == sp.acs_url() => "the answer comes to our ACS",
            Some(_) => "the answer would come to another address than our ACS",
            None => "the answer comes to the ACS of our metadata",
        };
        self.notes.push(format!("it is a request of ours {to}, {signed}; {back}"));
    }

    /// What every byte was signed of.
    fn logout(
        &mut self,
        message: &SignedMessage<'_>,
        carries: Carries,
        idp: &IdpTrust,
        asked: Asked,
    ) -> Result<Accepted, Refused> {
        let (known, now) = (self.known, self.now);
        let slo_url = known.sp.slo_url();
        let expected = LogoutExpectations {
            slo_url: &slo_url,
            idp_entity_id: &idp.metadata.entity_id,
            clock_skew: idp.clock_skew(&known.sp),
        };
        let checks = &mut self.checks;
        let accepted = match carries {
            Carries::Request => {
                let request = ValidLogoutRequest::read(message, &expected, checks, now);
                let request = request.map_err(Refused::of)?;
                checks.skip("one_use", "used messages are not looked up here");
                checks.skip("sessions", "sessions are not looked up here");
                Accepted::Logout(Box::new(request))
            }
            Carries::Response => {
                let says = self.facts.as_ref().and_then(|facts| facts.find("InResponseTo"));
                let id = match asked {
                    Asked::For(id) => id,
                    Asked::AsItSays => {
                        self.believed = true;
                        says.unwrap_or_default().to_owned()
                    }
                    Asked::ForNothing => {
                        let detail = "a LogoutResponse answers a request, and nobody asked";
                        let error = Refused::at("request", ErrorCode::ProtoInResponseTo, detail);
                        let found = says.unwrap_or("nothing");
                        return Err(error.comparing(Values::new("nothing: --unsolicited", found)));
                    }
                };
                let result = LogoutResult::read(message, &id, &expected, checks, now);
                Accepted::LoggedOut(result.map_err(Refused::of)?.status)
            }
        };
        self.notes.push(
            "this version has no single logout yet: the message was checked, and no session ends \
             by it"
                .to_owned(),
        );
        Ok(accepted)
    }

    /// What to try next.
    fn advise(&mut self, error: &Refused) {
        let issued = self.facts.as_ref().and_then(Facts::issued);
        let advice = match (error.code, issued) {
            (
                ErrorCode::TimeIssueInstant
                | ErrorCode::TimeNotYet
                | ErrorCode::TimeExpired
                | ErrorCode::TimeSession
                | ErrorCode::SubjectExpired,
                Some(issued),
            ) if issued != self.now => format!(
                "it was checked at {}; --at {issued} checks it when it was made",
                self.now
            ),
            (ErrorCode::ProtoUnsolicited, _) => {
                "--set allow_idp_initiated=true shows the rest".to_owned()
            }
            (ErrorCode::IdpDisabled, _) => "--set enabled=true shows the rest".to_owned(),
            (ErrorCode::EncCbcUnsigned, _) => {
                "--set allow_cbc_in_unsigned_response=true shows the rest".to_owned()
            }
            (ErrorCode::SigC14n | ErrorCode::SigTransform, _) if says_inclusive_c14n(error) => {
                "that is inclusive C14N: --set allow_inclusive_c14n=true shows the rest".to_owned()
            }
            (ErrorCode::IdpUnknown, _) if self.known.registry.all().len() > 1 => {
                "whom the gateway had asked is not known here; name that one alone, by \
                 --idp-metadata"
                    .to_owned()
            }
            (ErrorCode::SigAlgorithm | ErrorCode::SigDigestAlgorithm, _)
                if self.says_sha1(error) =>
            {
                "--set allow_sha1_until=DAY, with a day that lies ahead, shows the rest".to_owned()
            }
            (ErrorCode::EncFailed, _) if self.known.decryption_keys.iter().next().is_none() => {
                "there is no key to decrypt with: add --decrypt-key".to_owned()
            }
            _ => return,
        };
        self.notes.push(advice);
    }

    fn says_sha1(&self, error: &Refused) -> bool {
        let found = error.values.found.as_deref().unwrap_or_default();
        found.ends_with("#rsa-sha1") || found.ends_with("#sha1")
    }
}

/// Both of its versions, and nothing else that is not accepted.
fn says_inclusive_c14n(error: &Refused) -> bool {
    const INCLUSIVE: &[&str] = &[
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    ];
    let found = error.values.found.as_deref().unwrap_or_default();
    let last = found.split_ascii_whitespace().last().unwrap_or_default();
    found.split_ascii_whitespace().count() <= 2 && INCLUSIVE.contains(&last)
}

/// Which assertions were used is a matter of a store, and this command opens none.
struct NotLookedUp;

#[async_trait]
impl OneUseStore for NotLookedUp {
    async fn claim(
        &self,
        _issuer: &str,
        _id: &str,
        _until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(true)
    }
}

/// Rules that held because we did not know better are no rules that held.
fn not_known_here(line: &mut Check, believed: bool) {
    let why = match line.name.as_str() {
        name if believed && name.ends_with("in_response_to") => "taken as a request of ours",
        "assertion.authn.fresh" => "the request is not looked up here",
        _ => return,
    };
    if line.outcome == Outcome::Pass {
        line.outcome = Outcome::Skip;
        line.values = Values::found(why);
    }
}

/// Every rule behind the one that was broken.
fn not_reached(lines: &[Check], behind: Vec<String>) -> Vec<Check> {
    let known = |name: &String| lines.iter().any(|line| line.name == *name);
    // What was passed by is not behind: a part that is not signed, for example.
    let last = behind.iter().rposition(known).map_or(0, |place| place.saturating_add(1));
    let skipped = behind.into_iter().skip(last).filter(|name| {
        let refused = lines.last().map_or("", |line| line.name.as_str());
        !refused.starts_with(&format!("{name}."))
    });
    let line = |name| Check {
        name,
        outcome: Outcome::Skip,
        code: None,
        values: Values::found(NOT_REACHED),
    };
    skipped.map(line).collect()
}

/// Why a rule behind the broken one has no answer.
pub(super) const NOT_REACHED: &str = "not reached";

/// What is looked at before the rules of the profile, in order.
const BEFORE_RULES: &[&str] = &[
    "form",
    "xml",
    "response.root",
    "response.schema",
    "idp",
    "request",
    "idp.enabled",
    "response.signature",
    "response.assertion_count",
    "assertion.signature",
    "assertion.signed",
    "assertion.schema",
];

/// What is looked at before the rules of a logout message, in order.
const QUERY_RULES: &[&str] = &["query", "xml", "idp", "idp.enabled", "query.signature"];

/// What is looked at behind them.
const LOGOUT_LATER: &[&str] = &["one_use", "sessions"];

/// What is looked at behind the rules of the profile.
const AFTER_RULES: &[&str] = &["one_use", "identity", "user"];
