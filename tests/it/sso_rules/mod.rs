//! Every processing rule of a sign-in, seen from outside.
//!
//! Each case begins a sign-in with a fresh browser, takes the Response that the gateway would
//! accept, changes one thing, and asserts what everybody sees: the person (status and page), the
//! program (JSON), the help desk (the recorded code under the reference) and the auditor.

mod accepted;
mod assertion;
mod encryption;
mod form;
mod protocol;
mod signature;
mod values;
mod ways;
mod wrapping;
mod xml;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::SET_COOKIE;
use samlgate::base::ErrorCode;
use sqlx::{Row as _, SqlitePool};

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, AuthnRequest, Response, Sign, TestIdp};

/// Nobody listens there; no test here comes as far.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A gateway with one identity provider, `corp`.
struct Stage {
    gateway: Gateway,
    idp: TestIdp,
    records: SqlitePool,
}

/// The one thing that a case changes.
#[derive(Clone, Copy)]
enum Bend {
    /// What it says, or how it is signed.
    Parts(fn(&mut Response)),
    /// The XML before it is signed.
    Xml(fn(String) -> String),
    /// The same under a signed Response: the outer signature covers the change.
    SignedXml(Sign, fn(String) -> String),
    /// The XML after it was signed.
    Afterwards(fn(String) -> String),
    /// The message as bytes.
    Bytes(fn(String) -> Vec<u8>),
    /// The form, from the message in base64 and the RelayState, both percent-encoded.
    Form(fn(&str, &str) -> String),
}

/// `claim`, the code, the change.
type Case = (&'static str, &'static str, Bend);

impl Stage {
    async fn set(settings: &str) -> Self {
        Self::with(TestIdp::new("corp"), settings).await
    }

    async fn with(idp: TestIdp, settings: &str) -> Self {
        let gateway = Setup::https()
            .quick_key()
            .idp("corp", &idp.metadata_file(), settings)
            .route(NOWHERE, "")
            .start()
            .await;
        let records = gateway.database().await;
        Self { gateway, idp, records }
    }

    /// Begins a sign-in that shall lead to `page`.
    async fn begin(&self, visitor: &mut Visitor, page: &str) -> AuthnRequest {
        begin(&self.gateway, &self.idp, "corp", visitor, page).await
    }

    fn acs(&self) -> String {
        self.gateway.url("/saml/acs")
    }

    /// Carries a message to the gateway.
    async fn carry(
        &self,
        visitor: &mut Visitor,
        xml: impl AsRef<[u8]>,
        relay_state: Option<&str>,
    ) -> Answer {
        let ask = idp::post(&self.acs(), &idp::fields(xml, relay_state));
        visitor.send(ask).await
    }

    /// All of these are refused with their codes, and nobody has a session afterwards.
    async fn refuses(&self, cases: &[Case]) {
        let mut wrong = Vec::new();
        for (claim, code, bend) in cases {
            for reader in [Reader::Person, Reader::Program] {
                if let Err(what) = self.refuses_one(code, *bend, reader).await {
                    wrong.push(format!("{claim} ({reader:?}): {what}"));
                }
            }
        }
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
        let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM session")
            .fetch_one(&self.records)
            .await
            .unwrap();
        assert_eq!(sessions, 0);
    }

    async fn refuses_one(&self, code: &str, bend: Bend, reader: Reader) -> Result<(), String> {
        let mut visitor = self.gateway.visitor();
        let request = self.begin(&mut visitor, "/reports").await;
        let ask = self.bent(&request, bend, reader);
        let answer = visitor.send(ask).await;
        self.refused(&answer, code).await?;
        match visitor.cookie(&self.gateway.url("/"), self.gateway.session_cookie()) {
            Some(_) => Err("there is a session cookie".to_owned()),
            None => Ok(()),
        }
    }

    /// The changed message, on its way.
    fn bent(&self, request: &AuthnRequest, bend: Bend, reader: Reader) -> Ask {
        let mut response = self.idp.answer(request);
        let mut bytes = None;
        let xml = match bend {
            Bend::Parts(change) => {
                change(&mut response);
                self.idp.write(&response)
            }
            Bend::Xml(change) => self.idp.sign(&response, change(response.to_xml())),
            Bend::SignedXml(sign, change) => {
                response.sign = sign;
                self.idp.sign(&response, change(response.to_xml()))
            }
            Bend::Afterwards(change) => change(self.idp.write(&response)),
            Bend::Bytes(change) => {
                bytes = Some(change(self.idp.write(&response)));
                String::new()
            }
            Bend::Form(_) => self.idp.write(&response),
        };
        let bytes = bytes.unwrap_or_else(|| xml.into_bytes());
        let body = match bend {
            Bend::Form(change) => {
                let encode = |text: &str| -> String {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                change(
                    &encode(&STANDARD.encode(&bytes)),
                    &encode(&request.relay_state),
                )
            }
            _ => url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(idp::fields(&bytes, Some(&request.relay_state)))
                .finish(),
        };
        let ask = Ask::new(Method::POST, &self.acs())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        reader.asks(ask)
    }

    /// What the person, the help desk and the auditor see of a refusal.
    async fn refused(&self, answer: &Answer, code: &str) -> Result<(), String> {
        let expected = ErrorCode::find(code).ok_or("there is no such code")?;
        let (is_json, reference) = match answer.header("content-type") {
            "application/json" => {
                let json = answer.json();
                let reference = json["reference"].as_str().unwrap_or_default().to_owned();
                (true, reference)
            }
            _ => (false, between(&answer.text(), "class=\"reference\">", "<")),
        };
        let (outcome, user) = self.attempt(&reference).await.ok_or_else(|| {
            format!(
                "no login attempt {reference:?}: {} {}",
                answer.status,
                answer.text()
            )
        })?;
        if outcome != code {
            return Err(format!("{outcome}, not {code}"));
        }
        if user.is_some() {
            return Err("the attempt names a person".to_owned());
        }
        if !self.is_audited(&reference, code).await {
            return Err("no audit event login.refused has the reference".to_owned());
        }
        if answer.status.as_u16() != expected.status() {
            return Err(format!("{}, not {}", answer.status, expected.status()));
        }
        if answer.headers.contains_key(SET_COOKIE) {
            return Err("a cookie is set".to_owned());
        }
        if answer.header("cache-control") != "no-store" {
            return Err("the answer may be kept".to_owned());
        }
        let text = answer.text();
        if text.contains(code) {
            return Err("the answer names the code".to_owned());
        }
        let headline = match code {
            "authn.context" => "A stronger sign-in is needed.",
            "authn.age" => "A fresh sign-in is needed.",
            _ => "We could not sign you in.",
        };
        let page = match is_json {
            true => answer.json()["error"] == expected.page().slug(),
            false => text.contains(&format!("<h1>{headline}</h1>")),
        };
        page.then_some(()).ok_or_else(|| format!("another page: {text}"))
    }

    /// Outcome and person of the attempt with this reference.
    async fn attempt(&self, reference: &str) -> Option<(String, Option<String>)> {
        let row = sqlx::query("SELECT outcome, user FROM login_attempt WHERE reference = ?")
            .bind(reference)
            .fetch_optional(&self.records)
            .await
            .unwrap()?;
        Some((row.get("outcome"), row.get("user")))
    }

    async fn is_audited(&self, reference: &str, code: &str) -> bool {
        let found = sqlx::query(
            "SELECT 1 FROM audit_event WHERE kind = 'login.refused'
             AND json_extract(private, '$.reference') = ? AND json_extract(json, '$.code') = ?",
        );
        let found = found.bind(reference).bind(code).fetch_optional(&self.records).await;
        found.unwrap().is_some()
    }

    /// A detail of the newest attempt.
    async fn newest_detail(&self, name: &str) -> Option<String> {
        let query = "SELECT json_extract(detail, '$.' || ?) AS value FROM login_attempt
             ORDER BY number DESC LIMIT 1";
        let row = sqlx::query(query).bind(name).fetch_one(&self.records).await.unwrap();
        row.get("value")
    }

    /// This sign-in opened a session and leads to `page`.
    async fn accepted(&self, visitor: &mut Visitor, answer: &Answer, page: &str) {
        assert_eq!(
            answer.status,
            303,
            "{}\n{}",
            answer.text(),
            self.last_line()
        );
        assert_eq!(answer.header("location"), page);
        assert_eq!(self.user(visitor).await, "alice@example.com");
    }

    /// Whom the gateway takes this browser for; empty for nobody.
    async fn user(&self, visitor: &mut Visitor) -> String {
        let answer = visitor.get(&self.gateway.url("/.samlgate/user")).await;
        answer.json()["user_name"].as_str().unwrap_or_default().to_owned()
    }

    fn last_line(&self) -> String {
        let log = self.gateway.log();
        let mut lines = log.lines().filter(|line| line.contains("refused"));
        lines.next_back().unwrap_or_default().to_owned()
    }
}

/// Begins a sign-in at a named identity provider.
async fn begin(
    gateway: &Gateway,
    idp: &TestIdp,
    name: &str,
    visitor: &mut Visitor,
    page: &str,
) -> AuthnRequest {
    let mut url = url::Url::parse(&gateway.url("/.samlgate/start")).unwrap();
    url.query_pairs_mut().append_pair("idp", name).append_pair("rd", page);
    idp.read(&visitor.get(url.as_str()).await)
}

/// Who reads the answer.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Person,
    Program,
}

impl Reader {
    fn asks(self, ask: Ask) -> Ask {
        let page = url::Url::parse("https://idp.example.com/login").unwrap();
        match self {
            Self::Person => ask.navigating().from(&page),
            Self::Program => ask.header("accept", "application/json").from(&page),
        }
    }
}

fn between(text: &str, start: &str, end: &str) -> String {
    let after = text.split_once(start).map_or("", |(_, after)| after);
    after.split(end).next().unwrap_or_default().to_owned()
}
