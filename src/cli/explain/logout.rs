//! The way of logout messages, by each binding; and of what nobody takes where those come.

use super::explanation::{Accepted, Facts, Refused};
use super::rules::{By, Way};
use super::walk::{Asked, Walk};
use crate::base::{Checks, ErrorCode, Refusal as _, Timestamp, Values};
use crate::saml::binding::BindingError;
use crate::saml::binding::query::{Carries, QueryMessage};
use crate::saml::logout::{
    self, LogoutExpectations, LogoutResult, ReceivedLogout, SignedMessage, ValidLogoutRequest,
};
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS};
use crate::saml::{Exceptions, SamlError};
use crate::trust::IdpTrust;
use crate::xml::{Document, Element, Limits, Mode, ns};

impl<'k> Walk<'k> {
    /// HTTP-Redirect: what a `SingleLogoutService` takes, and what nobody takes in an address.
    pub(super) fn redirect(&mut self, query: &str, asked: Asked) -> Result<Accepted, Refused> {
        self.way = Way::Logout(By::Query, Carries::Request);
        let message =
            QueryMessage::read(query).map_err(|error| Refused::at("query", error.code(), error))?;
        self.checks.pass("query");
        let document = Document::parse(message.xml(), Mode::Message, &Limits::default());
        let document = document.map_err(Refused::of)?;
        self.facts = Some(Facts::of(document.root()));
        self.checks.pass("xml");
        self.is_logout(document.root(), By::Query, message.is_signed())?;
        self.way = Way::Logout(By::Query, message.carries);
        let idp = self.sender(logout::issuer_hint(document.root()).as_deref())?;

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
        let wanted = self.wanted(carries, asked)?;
        let slo_url = self.arrived_at(By::Query);
        let message = SignedMessage::from(&signed);
        let accepted = wanted.follow(
            &message,
            &self.expected(&idp, &slo_url),
            &mut self.checks,
            self.now,
        );
        Ok(self.followed(accepted.map_err(Refused::of)?))
    }

    /// HTTP-POST and SOAP: what a `SingleLogoutService` takes in a body.
    pub(super) fn logout_in_body(
        &mut self,
        received: Result<ReceivedLogout, SamlError>,
        by: By,
        asked: Asked,
    ) -> Result<Accepted, Refused> {
        self.way = Way::Logout(by, Carries::Request);
        let received = received.map_err(|error| match error {
            SamlError::Binding(error) => Refused::at(by.rule(), error.code(), error),
            other => Refused::of(other),
        })?;
        let (root, carries) = (received.message(), received.carries);
        self.facts = Some(Facts::of(root));
        self.checks.pass(by.rule());
        self.checks.pass("xml");
        if root.is(PROTOCOL_NS, "AuthnRequest") {
            self.is_logout(root, by, root.child(ns::DS, "Signature").is_some())?;
        }
        self.way = Way::Logout(by, carries);
        if (by, carries) == (By::Soap, Carries::Response) {
            let detail = "a LogoutResponse, where LogoutRequests come";
            return Err(Refused::at("logout.root", ErrorCode::ProtoRoot, detail));
        }
        let idp = self.sender(received.issuer().as_deref())?;

        let wanted = self.wanted(carries, asked)?;
        let now = self.now;
        let slo_url = self.arrived_at(by);
        let expected = self.expected(&idp, &slo_url);
        let trust = idp.keys(&self.known.decryption_keys, now).signing;
        let accepted = received.read(trust, &mut self.checks, |message, checks| {
            wanted.follow(message, &expected, checks, now)
        });
        let accepted = accepted.map_err(|error| match error {
            SamlError::UnsignedLogout => {
                let error = Refused::at(by.signature(), error.code(), "the message is not signed");
                error.comparing(Values::new("a Signature of the message", "none"))
            }
            other => Refused::of(other),
        })?;
        Ok(self.followed(accepted))
    }

    /// What else can come there, and why it is not taken.
    fn is_logout(&mut self, root: Element<'_>, by: By, signed: bool) -> Result<(), Refused> {
        let is = |name| root.is(PROTOCOL_NS, name);
        if is("LogoutRequest") || is("LogoutResponse") {
            return Ok(());
        }
        self.way = Way::Nowhere;
        if by == By::Query && is("Response") {
            let detail =
                "a Response does not fit into an address, and profiles 4.1.2 has none there";
            let error = Refused::at("binding", ErrorCode::BindingMethod, detail);
            return Err(error.comparing(Values::new("HTTP-POST", "HTTP-Redirect")));
        }
        let expected = "samlp:LogoutRequest or samlp:LogoutResponse";
        let found = format!("{{{}}}{}", root.namespace(), root.local_name());
        let place = by.place();
        let mut detail = format!("{found} is nothing that a service provider takes {place}");
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

    fn arrived_at(&self, by: By) -> String {
        let destination = self.facts.as_ref().and_then(|facts| facts.find("Destination"));
        self.known.slo_at(destination, by)
    }

    /// What it is checked against; compare `expectations` of `http::slo`.
    fn expected<'a>(&self, idp: &'a IdpTrust, slo_url: &'a str) -> LogoutExpectations<'a>
    where
        'k: 'a,
    {
        let known = self.known;
        LogoutExpectations {
            slo_url,
            idp_entity_id: &idp.metadata.entity_id,
            vendor: idp.metadata.vendor,
            decryption: idp.keys(&known.decryption_keys, self.now).decryption,
            clock_skew: idp.clock_skew(&known.sp),
        }
    }

    /// What it has to be.
    fn wanted(&mut self, carries: Carries, asked: Asked) -> Result<Wanted, Refused> {
        if carries == Carries::Request {
            return Ok(Wanted::Request);
        }
        let says = self.facts.as_ref().and_then(|facts| facts.find("InResponseTo"));
        match asked {
            Asked::For(id) => Ok(Wanted::AnswerTo(id)),
            Asked::AsItSays => {
                self.believed = true;
                Ok(Wanted::AnswerTo(says.unwrap_or_default().to_owned()))
            }
            Asked::ForNothing => {
                let detail = "a LogoutResponse answers a request, and nobody asked";
                let error = Refused::at("request", ErrorCode::ProtoInResponseTo, detail);
                let found = says.unwrap_or("nothing");
                Err(error.comparing(Values::new("nothing: --unsolicited", found)))
            }
        }
    }

    /// What can not be looked at here.
    fn followed(&mut self, accepted: Accepted) -> Accepted {
        if let Accepted::Logout(_) = accepted {
            self.checks.skip("one_use", "used messages are not looked up here");
            self.checks.skip("sessions", "sessions are not looked up here");
        }
        self.notes.push(
            "the message was checked, and no session ends by it: that is for /saml/slo".to_owned(),
        );
        accepted
    }
}

/// What a logout message has to be.
enum Wanted {
    Request,
    /// The answer to this request of ours.
    AnswerTo(String),
}

impl Wanted {
    /// By every rule for a message all of which is signed.
    fn follow(
        &self,
        message: &SignedMessage<'_>,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Accepted, SamlError> {
        Ok(match self {
            Self::Request => {
                let request = ValidLogoutRequest::read(message, expected, checks, now)?;
                Accepted::Logout(Box::new(request))
            }
            Self::AnswerTo(id) => {
                let result = LogoutResult::read(message, id, expected, checks, now)?;
                Accepted::LoggedOut(result.status)
            }
        })
    }
}
