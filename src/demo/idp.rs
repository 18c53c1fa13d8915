//! The demo's identity provider. It asks for no password and signs for anybody: never for
//! production.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use http::StatusCode;
use serde::Deserialize;

use super::APPLICATION;
use super::people::{PEOPLE, Person};
use crate::base::clock::SystemClock;
use crate::base::entropy::{self, SystemEntropy};
use crate::base::{Clock as _, Timestamp};
use crate::dsig::{DsigError, Place, SigningKey, sign_enveloped};
use crate::http::views::Field;
use crate::http::views::demo::{IdpPost, PickPerson};
use crate::http::{Pages, respond};
use crate::saml::schema::{ASSERTION_NS, DSIG_NS, METADATA_NS, PROTOCOL_NS};
use crate::xml::write::Writer;
use crate::xml::{Document, Limits, Mode};

const STATUS: &str = "urn:oasis:names:tc:SAML:2.0:status";
const BINDINGS: &str = "urn:oasis:names:tc:SAML:2.0:bindings";
/// Longest AuthnRequest that is inflated.
const MAX_REQUEST: u64 = 64 * 1024;
/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_secs(300);

/// An identity provider that knows one service provider.
pub(super) struct DemoIdp {
    entity_id: String,
    sign_on: String,
    sp_entity_id: String,
    acs_url: String,
    key: SigningKey,
}

struct Desk {
    idp: DemoIdp,
    pages: Arc<Pages>,
}

/// Its pages.
pub(super) fn router(idp: DemoIdp, pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(portal))
        .route("/sso", get(sign_on).post(sign_on_by_post))
        .route("/answer", post(answer))
        .with_state(Arc::new(Desk { idp, pages }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    #[serde(rename = "SAMLRequest")]
    request: String,
    #[serde(rename = "RelayState")]
    relay_state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    person: Option<String>,
    in_response_to: String,
    relay_state: String,
}

async fn portal(State(desk): State<Arc<Desk>>) -> Response {
    pick(&desk, None, "")
}

async fn sign_on(State(desk): State<Arc<Desk>>, Query(asked): Query<Asked>) -> Response {
    let compressed = STANDARD.decode(asked.request.as_bytes()).unwrap_or_default();
    let mut xml = Vec::new();
    // What is no request has no ID, and is answered like a visit to the portal.
    let _ = DeflateDecoder::new(compressed.as_slice())
        .take(MAX_REQUEST)
        .read_to_end(&mut xml);
    pick(&desk, request_id(&xml), &asked.relay_state)
}

async fn sign_on_by_post(State(desk): State<Arc<Desk>>, Form(asked): Form<Asked>) -> Response {
    let xml = STANDARD.decode(asked.request.as_bytes()).unwrap_or_default();
    pick(&desk, request_id(&xml), &asked.relay_state)
}

fn request_id(xml: &[u8]) -> Option<String> {
    let document = Document::parse(xml, Mode::Message, &Limits::default()).ok()?;
    let request = document.root();
    request
        .is(PROTOCOL_NS, "AuthnRequest")
        .then(|| request.attribute("ID"))?
        .map(ToOwned::to_owned)
}

fn pick(desk: &Desk, request: Option<String>, relay_state: &str) -> Response {
    let view = PickPerson {
        application: APPLICATION.to_owned(),
        sp_entity_id: desk.idp.sp_entity_id.clone(),
        idp_initiated: request.is_none(),
        action: "/answer".to_owned(),
        fields: vec![
            Field::new("in_response_to", request.unwrap_or_default()),
            Field::new("relay_state", relay_state),
        ],
        people: PEOPLE.iter().map(Person::card).collect(),
    };
    respond::page(&desk.pages, StatusCode::OK, &view)
}

async fn answer(State(desk): State<Arc<Desk>>, Form(choice): Form<Choice>) -> Response {
    let person = choice.person.as_deref().and_then(Person::find);
    let in_response_to = Some(choice.in_response_to.as_str()).filter(|id| !id.is_empty());
    let response = desk.idp.response(person, in_response_to, SystemClock.now());
    let Ok(response) = response else {
        return respond::redirect(StatusCode::SEE_OTHER, "/");
    };
    let mut fields = vec![Field::new("SAMLResponse", STANDARD.encode(response))];
    if !choice.relay_state.is_empty() {
        fields.push(Field::new("RelayState", choice.relay_state));
    }
    let view = IdpPost {
        person: person.map(Person::name),
        label: APPLICATION.to_owned(),
        action: desk.idp.acs_url.clone(),
        fields,
    };
    respond::page(&desk.pages, StatusCode::OK, &view)
}

impl DemoIdp {
    /// At `address`, for the gateway at `gateway`.
    pub(super) fn new(address: &str, gateway: &str, key: SigningKey) -> Self {
        Self {
            entity_id: format!("{address}/metadata"),
            sign_on: format!("{address}/sso"),
            sp_entity_id: format!("{gateway}/saml/metadata"),
            acs_url: format!("{gateway}/saml/acs"),
            key,
        }
    }

    /// Its metadata.
    pub(super) fn metadata(&self) -> String {
        let mut writer = Writer::new();
        writer
            .start("md:EntityDescriptor")
            .attr("xmlns:md", METADATA_NS)
            .attr("entityID", &self.entity_id);
        writer
            .start("md:IDPSSODescriptor")
            .attr("protocolSupportEnumeration", PROTOCOL_NS);
        writer.start("md:KeyDescriptor").attr("use", "signing");
        writer.start("ds:KeyInfo").attr("xmlns:ds", DSIG_NS).start("ds:X509Data");
        writer.leaf(
            "ds:X509Certificate",
            &STANDARD.encode(self.key.certificate_der()),
        );
        writer.end().end().end();
        for binding in ["HTTP-Redirect", "HTTP-POST"] {
            writer
                .start("md:SingleSignOnService")
                .attr("Binding", &format!("{BINDINGS}:{binding}"))
                .attr("Location", &self.sign_on)
                .end();
        }
        writer.end().end();
        writer.finish()
    }

    /// A Response about `person`, its Assertion signed; about nobody, it says that signing in was
    /// cancelled.
    fn response(
        &self,
        person: Option<&Person>,
        in_response_to: Option<&str>,
        now: Timestamp,
    ) -> Result<String, DsigError> {
        let (response_id, assertion_id) = (
            entropy::message_id(&SystemEntropy),
            entropy::message_id(&SystemEntropy),
        );
        let issued = now.to_saml();
        let mut writer = Writer::new();
        writer
            .start("samlp:Response")
            .attr("xmlns:samlp", PROTOCOL_NS)
            .attr("xmlns:saml", ASSERTION_NS)
            .attr("ID", &response_id)
            .attr("Version", "2.0")
            .attr("IssueInstant", &issued)
            .attr("Destination", &self.acs_url)
            .attr_opt("InResponseTo", in_response_to);
        writer.leaf("saml:Issuer", &self.entity_id);
        writer.start("samlp:Status");
        let Some(person) = person else {
            writer.start("samlp:StatusCode").attr("Value", &format!("{STATUS}:Responder"));
            writer
                .start("samlp:StatusCode")
                .attr("Value", &format!("{STATUS}:AuthnFailed"))
                .end();
            writer.end();
            writer.leaf("samlp:StatusMessage", "The person cancelled");
            writer.end().end();
            return Ok(writer.finish());
        };
        writer
            .start("samlp:StatusCode")
            .attr("Value", &format!("{STATUS}:Success"))
            .end();
        writer.end();
        self.write_assertion(&mut writer, person, &assertion_id, in_response_to, now);
        writer.end();
        sign_enveloped(
            &writer.finish(),
            &assertion_id,
            &self.key,
            Place::AfterIssuer,
        )
    }

    fn write_assertion(
        &self,
        writer: &mut Writer,
        person: &Person,
        id: &str,
        in_response_to: Option<&str>,
        now: Timestamp,
    ) {
        let (issued, until) = (now.to_saml(), now.plus(GOOD_FOR).to_saml());
        writer
            .start("saml:Assertion")
            .attr("ID", id)
            .attr("Version", "2.0")
            .attr("IssueInstant", &issued);
        writer.leaf("saml:Issuer", &self.entity_id);
        writer.start("saml:Subject");
        writer
            .start("saml:NameID")
            .attr(
                "Format",
                "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            )
            .text(&person.email())
            .end();
        writer
            .start("saml:SubjectConfirmation")
            .attr("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer");
        writer
            .start("saml:SubjectConfirmationData")
            .attr("NotOnOrAfter", &until)
            .attr("Recipient", &self.acs_url)
            .attr_opt("InResponseTo", in_response_to)
            .end();
        writer.end().end();
        writer
            .start("saml:Conditions")
            .attr("NotBefore", &issued)
            .attr("NotOnOrAfter", &until);
        writer
            .start("saml:AudienceRestriction")
            .leaf("saml:Audience", &self.sp_entity_id);
        writer.end().end();
        writer
            .start("saml:AuthnStatement")
            .attr("AuthnInstant", &issued)
            .attr("SessionIndex", id)
            .start("saml:AuthnContext")
            .leaf(
                "saml:AuthnContextClassRef",
                "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
            )
            .end()
            .end();
        writer.start("saml:AttributeStatement");
        let (email, name) = (person.email(), person.name());
        for (attribute, values) in [
            ("email", &[email.as_str()][..]),
            ("firstName", &[person.first_name]),
            ("lastName", &[person.last_name]),
            ("displayName", &[name.as_str()]),
            ("title", &[person.title]),
            ("department", &[person.department]),
            ("employeeNumber", &[person.employee_number]),
            ("manager", &[person.manager]),
            ("groups", person.groups),
        ] {
            writer.start("saml:Attribute").attr("Name", attribute);
            for value in values.iter().filter(|value| !value.is_empty()) {
                writer.leaf("saml:AttributeValue", value);
            }
            writer.end();
        }
        writer.end().end();
    }
}
