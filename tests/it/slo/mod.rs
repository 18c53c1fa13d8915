//! Single logout, seen from outside: an identity provider that signs, and people with sessions.
//!
//! Each rule begins with a message that counts, changes one thing, and asserts the code in the audit,
//! what the identity provider is told, and that nobody's session has ended.

mod browser;
mod everywhere;
mod legacy;
mod ours;
mod peers;
mod theirs;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use samlgate::base::clock::SystemClock;
use samlgate::base::entropy::SystemEntropy;
use samlgate::base::{Checks, Clock as _, Timestamp};
use samlgate::dsig::{Place, SigningKey, Trust, TrustedKeys, sign_enveloped};
use samlgate::saml::NameId;
use samlgate::saml::binding::{redirect, soap};
use samlgate::saml::logout::{
    LogoutExpectations, LogoutReason, LogoutRequest, LogoutResult, ReceivedLogout,
    ValidLogoutRequest,
};
use samlgate::saml::vendor::Vendor;
use samlgate::xmlenc::{Decryption, DecryptionKeys};
use sqlx::{Row as _, SqlitePool};

use crate::support::app::App;
use crate::support::forms::Form;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, AuthnRequest, Response, TestIdp};

/// All ways that a product may offer.
const ALL: &[&str] = &["HTTP-Redirect", "HTTP-POST", "SOAP"];

/// A gateway, its identity provider `corp`, and an application with a public page.
struct Stage {
    gateway: Gateway,
    idp: TestIdp,
    key: SigningKey,
    records: SqlitePool,
    /// Nobody encrypts a logout here.
    no_keys: DecryptionKeys,
    /// At whose addresses messages arrive.
    at: At,
    _app: App,
}

impl Stage {
    async fn set() -> Self {
        Self::with(TestIdp::new("corp").with_logout(ALL)).await
    }

    async fn with(idp: TestIdp) -> Self {
        Self::prepared(idp, |setup| setup).await
    }

    /// Another identity provider is known as well.
    async fn beside(idp: TestIdp, other: &TestIdp) -> Self {
        Self::prepared(idp, |setup| setup.idp("other", &other.metadata_file(), "")).await
    }

    async fn prepared(idp: TestIdp, more: impl FnOnce(Setup) -> Setup) -> Self {
        let app = App::start().await;
        let public = format!(
            "[[route]]\npath = \"/goodbye\"\nupstream = [{:?}]\npublic = true",
            app.url()
        );
        let setup = Setup::https().quick_key().idp("corp", &idp.metadata_file(), "");
        let gateway = more(setup).add(&public).route(&app.url(), "").start().await;
        let (key, records) = (idp.key.signing(), gateway.database().await);
        let no_keys = DecryptionKeys::default();
        Self { gateway, idp, key, records, no_keys, at: At::Own, _app: app }
    }

    /// Somebody, signed in under this SessionIndex.
    async fn person(&self, mail: &str, index: &str) -> Visitor {
        let index = format!("SessionIndex=\"{index}\"");
        let xml = |xml: String| xml.replace("SessionIndex=\"_s1\"", &index);
        self.signed_in(|response| response.about(mail), xml).await
    }

    async fn signed_in(
        &self,
        change: impl FnOnce(&mut Response),
        xml: impl FnOnce(String) -> String,
    ) -> Visitor {
        let mut visitor = self.gateway.visitor();
        let start = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp&rd=/")).await;
        let request: AuthnRequest = self.idp.read(&start);
        let mut response = self.idp.answer(&request);
        change(&mut response);
        let xml = self.idp.sign(&response, xml(response.to_xml()));
        let fields = idp::fields(xml, Some(&request.relay_state));
        let acs = request.attribute("AssertionConsumerServiceURL");
        let answer = visitor.send(idp::post(&acs, &fields)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(self.is_signed_in(&mut visitor).await);
        visitor
    }

    async fn alice(&self) -> Visitor {
        self.person("alice@example.com", "_s1").await
    }

    async fn is_signed_in(&self, visitor: &mut Visitor) -> bool {
        visitor.get(&self.gateway.url("/.samlgate/user")).await.status == 200
    }

    fn slo(&self) -> String {
        self.gateway.url("/saml/slo")
    }

    fn soap(&self) -> String {
        self.gateway.url("/saml/slo/soap")
    }

    fn sp(&self) -> String {
        self.gateway.url("/saml/metadata")
    }

    /// The codes of the audit events of this kind, newest first; `ok` without.
    async fn audited(&self, kind: &str) -> Vec<String> {
        let rows = sqlx::query(
            "SELECT coalesce(json_extract(json, '$.code'), 'ok') AS code FROM audit_event
             WHERE kind = ? ORDER BY sequence DESC",
        );
        let rows = rows.bind(kind).fetch_all(&self.records).await.unwrap();
        rows.iter().map(|row| row.get("code")).collect()
    }

    /// The newest event of this kind, its private half.
    async fn newest(&self, kind: &str) -> serde_json::Value {
        let row = sqlx::query(
            "SELECT private FROM audit_event WHERE kind = ? ORDER BY sequence DESC LIMIT 1",
        );
        let row = row.bind(kind).fetch_one(&self.records).await.unwrap();
        serde_json::from_str(row.get("private")).unwrap()
    }

    /// The gateway's signing key, as its metadata has it.
    async fn trusted(&self) -> TrustedKeys {
        let metadata = self.gateway.visitor().get(&self.sp()).await.text();
        let (_, rest) = metadata.split_once("<ds:X509Certificate>").unwrap();
        let der = STANDARD.decode(rest.split('<').next().unwrap()).unwrap();
        TrustedKeys::one(samlgate::dsig::TrustedKey::from_certificate_der(&der).unwrap())
    }

    fn expected<'a>(&'a self, at: &'a str, sp: &'a str) -> LogoutExpectations<'a> {
        LogoutExpectations {
            slo_url: at,
            idp_entity_id: sp,
            vendor: Vendor::Generic,
            decryption: Decryption {
                keys: &self.no_keys,
                allow_cbc_unsigned: false,
                allow_tripledes: false,
                required: false,
            },
            clock_skew: Duration::from_secs(60),
        }
    }

    /// Reads a LogoutRequest of the gateway's as its identity provider does.
    async fn request_in(&self, received: ReceivedLogout) -> ValidLogoutRequest {
        let (keys, at, sp) = (self.trusted().await, self.idp.slo(), self.sp());
        let expected = self.expected(&at, &sp);
        received
            .read(Trust::only(&keys), &mut Checks::off(), |message, checks| {
                ValidLogoutRequest::read(message, &expected, checks, now())
            })
            .unwrap()
    }

    /// The status codes of a `LogoutResponse` of the gateway's that went to `at`.
    async fn status_in(&self, received: ReceivedLogout, to: &str, at: &str) -> String {
        let (keys, sp) = (self.trusted().await, self.sp());
        let expected = self.expected(at, &sp);
        let result = received
            .read(Trust::only(&keys), &mut Checks::off(), |message, checks| {
                LogoutResult::read(message, to, &expected, checks, now())
            })
            .unwrap();
        let last = |uri: &str| uri.rsplit(':').next().unwrap_or_default().to_owned();
        let mut said = last(&result.status.code);
        if let Some(detail) = &result.status.detail {
            said = format!("{said}/{}", last(detail));
        }
        said
    }

    /// What the gateway answered a LogoutRequest, and the RelayState that came with it.
    async fn said(&self, answer: &Answer, to: &str) -> (String, Option<String>) {
        let at = format!("{}/done", self.idp.slo());
        let received = if answer.header("content-type").starts_with("text/xml") {
            assert_eq!(answer.status, 200, "{}", answer.text());
            let soap = ReceivedLogout::of_soap(&answer.body).unwrap();
            return (self.status_in(soap, to, &self.idp.slo()).await, None);
        } else if answer.status.is_redirection() {
            let target = answer.target();
            assert!(target.as_str().starts_with(&at), "{target}");
            ReceivedLogout::of_query(target.query().unwrap()).unwrap()
        } else {
            let form = answer.form();
            assert_eq!(form.action, at);
            ReceivedLogout::of_form(&encoded(&form)).unwrap()
        };
        let relay_state = received.relay_state.clone();
        (self.status_in(received, to, &at).await, relay_state)
    }
}

/// How the identity provider asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Redirect,
    Post,
    Soap,
}

const WAYS: [By; 3] = [By::Redirect, By::Post, By::Soap];

/// Whose addresses they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Own,
    Shibboleth,
    Mellon,
}

/// A LogoutRequest of the identity provider.
struct Asking {
    id: String,
    issuer: String,
    destination: Option<String>,
    name_id: NameId,
    indexes: Vec<String>,
    issued: Timestamp,
    not_on_or_after: Timestamp,
    relay_state: Option<&'static str>,
}

impl Asking {
    /// The XML, unsigned.
    fn xml(&self, to: &str, key: &SigningKey) -> String {
        let request = LogoutRequest {
            id: &self.id,
            issue_instant: self.issued,
            destination: self.destination.as_deref().unwrap_or(to),
            issuer: &self.issuer,
            name_id: &self.name_id,
            session_indexes: &self.indexes,
            reason: LogoutReason::User,
            not_on_or_after: self.not_on_or_after,
        };
        without_signature(&request.to_signed_xml(key).unwrap())
    }
}

impl Stage {
    /// Signs alice out of her session `_s1`, when it is sent.
    fn asking(&self) -> Asking {
        Asking {
            id: fresh_id(),
            issuer: self.idp.entity_id.clone(),
            destination: None,
            name_id: name_id("alice@example.com"),
            indexes: vec!["_s1".to_owned()],
            issued: now(),
            not_on_or_after: now().plus(Duration::from_secs(300)),
            relay_state: None,
        }
    }

    fn address(&self, by: By) -> String {
        let path = match (self.at, by) {
            (At::Own, By::Soap) => return self.soap(),
            (At::Own, _) => return self.slo(),
            (At::Shibboleth, By::Redirect) => "/Shibboleth.sso/SLO/Redirect",
            (At::Shibboleth, By::Post) => "/Shibboleth.sso/SLO/POST",
            (At::Shibboleth, By::Soap) => "/Shibboleth.sso/SLO/SOAP",
            (At::Mellon, _) => "/mellon/logout",
        };
        self.gateway.url(path)
    }

    /// Sends it, signed, by somebody without any cookie.
    async fn ask(&self, asking: &Asking, by: By) -> Answer {
        let xml = asking.xml(&self.address(by), &self.key);
        self.carry(&xml, &asking.id, asking.relay_state, by, Some(&self.key)).await
    }

    /// Sends this XML; without a key, unsigned.
    async fn carry(
        &self,
        xml: &str,
        id: &str,
        relay_state: Option<&str>,
        by: By,
        key: Option<&SigningKey>,
    ) -> Answer {
        let at = self.address(by);
        let signed = || match key {
            Some(key) => sign_enveloped(xml, id, key, Place::AfterIssuer).unwrap(),
            None => xml.to_owned(),
        };
        let ask = match by {
            By::Redirect => {
                let url = redirect::request_url(&at, xml, relay_state.unwrap_or_default(), key);
                Ask::new(Method::GET, &url.unwrap()).navigating()
            }
            By::Post => {
                let mut fields = vec![("SAMLRequest".to_owned(), STANDARD.encode(signed()))];
                fields.extend(relay_state.map(|state| ("RelayState".to_owned(), state.to_owned())));
                idp::post(&at, &fields)
            }
            By::Soap => Ask::new(Method::POST, &at)
                .header("content-type", soap::CONTENT_TYPE)
                .header("soapaction", soap::SOAP_ACTION)
                .body(soap::envelope(&signed())),
        };
        self.gateway.visitor().send(ask).await
    }
}

fn name_id(value: &str) -> NameId {
    NameId {
        value: value.to_owned(),
        format: Some(NameId::EMAIL.to_owned()),
        name_qualifier: None,
        sp_name_qualifier: None,
        sp_provided_id: None,
    }
}

fn without_signature(xml: &str) -> String {
    let (before, rest) = xml.split_once("<ds:Signature ").unwrap();
    let (_, after) = rest.split_once("</ds:Signature>").unwrap();
    [before, after].concat()
}

fn encoded(form: &Form) -> Vec<u8> {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(&form.inputs).finish().into_bytes()
}

fn fresh_id() -> String {
    samlgate::base::entropy::message_id(&SystemEntropy)
}

fn now() -> Timestamp {
    SystemClock.now()
}
