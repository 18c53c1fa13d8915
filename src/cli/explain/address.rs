//! The way of what comes in an address: logout messages, and what nobody takes there.

use super::explanation::{Accepted, Facts, Refused};
use super::rules::Way;
use super::walk::{Asked, Walk};
use crate::base::{ErrorCode, Refusal as _, Values};
use crate::saml::Exceptions;
use crate::saml::binding::BindingError;
use crate::saml::binding::query::{Carries, QueryMessage};
use crate::saml::logout::{
    self, LogoutExpectations, LogoutResult, SignedMessage, ValidLogoutRequest,
};
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS};
use crate::trust::IdpTrust;
use crate::xml::{Document, Element, Limits, Mode};

impl Walk<'_> {
    /// HTTP-Redirect: what a `SingleLogoutService` takes, and what nobody takes in an address.
    pub(super) fn redirect(&mut self, query: &str, asked: Asked) -> Result<Accepted, Refused> {
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
        let idp = self.idp(logout::issuer_hint(document.root()).as_deref(), false)?;
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
            vendor: idp.metadata.vendor,
            decryption: idp.keys(&known.decryption_keys, now).decryption,
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
            "the message was checked, and no session ends by it: that is for /saml/slo".to_owned(),
        );
        Ok(accepted)
    }
}
