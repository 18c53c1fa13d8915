//! The way of the ACS, without its stores.
//!
//! Every step is the function that `http::sso::acs` calls, with [`Checks`] switched on; for logout
//! messages (`logout.rs`), those of `http::slo`. What is in the stores of a gateway that runs can not be
//! asked here, and its lines say so: which requests are open, which assertions were used. Who is known
//! is read from the database, where there is one (`person.rs`).

use std::sync::Arc;

use url::form_urlencoded;

use super::explanation::{Accepted, Explanation, Facts, Person, Refused};
use super::input::Message;
use super::known::Known;
use super::rules::{By, Way, not_known_here, not_reached};
use crate::base::{Checks, ErrorCode, ReturnTo, Timestamp, Values};
use crate::saml::binding::post::ResponseForm;
use crate::saml::binding::query::Carries;
use crate::saml::logout::ReceivedLogout;
use crate::saml::profile::{Origin, Permission};
use crate::saml::response::ResponseMessage;
use crate::saml::schema::PROTOCOL_NS;
use crate::saml::{Exceptions, PendingLogin, SamlError};
use crate::trust::IdpTrust;
use crate::xml::{Document, Limits, Mode};

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
        Message::Post(body) => match for_logout(&body) {
            Some(received) => walk.logout_in_body(received, By::Form, asked),
            None => walk.post(&body, asked).await.map(|person| Accepted::Person(Box::new(person))),
        },
        Message::Soap(body) => walk.logout_in_body(ReceivedLogout::of_soap(&body), By::Soap, asked),
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

/// On the way: what is known, and what was found out so far.
pub(super) struct Walk<'k> {
    pub(super) known: &'k Known,
    pub(super) now: Timestamp,
    pub(super) checks: Checks,
    pub(super) notes: Vec<String>,
    pub(super) facts: Option<Facts>,
    /// The message was believed about what it answers.
    pub(super) believed: bool,
    /// Which rules it meets.
    pub(super) way: Way,
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
        let of = |error| Refused::of_response(error, idp.metadata.vendor);
        let signed = message.verify(keys, &mut self.checks).map_err(of)?;
        self.tell_exceptions(signed.exceptions(), &idp);
        let sp = known.sp_at(document.root().attribute("Destination"));
        let expected = idp.expectations(&sp);
        let valid = signed.validate(origin, &expected, &mut self.checks, now);
        let valid = valid.map_err(of)?;
        self.checks.skip("one_use", "used assertions are not looked up here");
        self.person(&valid, &idp).await
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
                    return_to: ReturnTo::root(),
                    wish: crate::saml::Wish::default(),
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

    pub(super) fn tell_exceptions(&mut self, exceptions: Exceptions, idp: &IdpTrust) {
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
        self.found(idp, issuer)
    }

    /// Who says that a logout message is from them; one that is switched off may send those.
    pub(super) fn sender(&mut self, issuer: Option<&str>) -> Result<Arc<IdpTrust>, Refused> {
        self.found(
            self.known.registry.signs_out_as(issuer.unwrap_or_default()),
            issuer,
        )
    }

    fn found(
        &mut self,
        idp: Option<&Arc<IdpTrust>>,
        issuer: Option<&str>,
    ) -> Result<Arc<IdpTrust>, Refused> {
        let registry = &self.known.registry;
        let Some(idp) = idp.cloned() else {
            let issuer = issuer.unwrap_or_default();
            let known = registry.all().iter().map(|idp| idp.metadata.entity_id.as_str());
            let values = Values::new(known.collect::<Vec<_>>().join(", "), issuer);
            let detail = format!("no identity provider here has the entityID {issuer:?}");
            let error = Refused::at("idp", ErrorCode::IdpUnknown, detail);
            return Err(error.comparing(values));
        };
        let (name, entity_id) = (&idp.settings.name, &idp.metadata.entity_id);
        if let Some(until) = idp.ended(self.now).filter(|_| !self.known.is_named) {
            let until = until.to_saml();
            let detail = format!("the metadata of {name} was valid until {until}");
            let error = Refused::at("idp", ErrorCode::MetadataValidUntil, detail);
            let now = self.now.to_saml();
            return Err(error.comparing(Values::new(format!("before {until}"), now)));
        }
        if issuer.is_some_and(|issuer| issuer != entity_id) {
            self.notes.push(format!(
                "it says that it is from {}, and is checked as an answer of {entity_id}",
                issuer.unwrap_or_default()
            ));
        }
        self.checks.pass_with("idp", || format!("{name}, {entity_id}"));
        Ok(idp)
    }
}

/// What is for `/saml/slo`: a logout message, and whatever comes as a request.
fn for_logout(body: &[u8]) -> Option<Result<ReceivedLogout, SamlError>> {
    let received = ReceivedLogout::of_form(body);
    let is_for_it = match &received {
        Ok(received) => {
            let is = |name| received.message().is(PROTOCOL_NS, name);
            received.carries == Carries::Request || is("LogoutRequest") || is("LogoutResponse")
        }
        Err(_) => form_urlencoded::parse(body).any(|(name, _)| name == "SAMLRequest"),
    };
    is_for_it.then_some(received)
}
