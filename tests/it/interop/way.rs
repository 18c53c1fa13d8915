//! The way of a person through gateway and identity provider, one request at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::peer::{Peer, Person};
use crate::support::app::received;
use crate::support::forms::Form;
use crate::support::http::{Answer, Visitor};

/// More than any way has.
const MOST_STEPS: usize = 20;

/// Where it begins, and whose login form may be on it.
#[derive(Clone)]
pub(super) struct Way {
    page: String,
    idp: String,
    login_names: [&'static str; 3],
}

impl Way {
    /// To this page of the application.
    pub(super) fn new(page: String, peer: &Peer) -> Self {
        Self { page, idp: peer.url("/"), login_names: peer.login_names() }
    }

    /// From a page of the application back to it, over the identity provider.
    pub(super) async fn sign_in(&self, visitor: &mut Visitor, person: &Person) -> Trip {
        let first = visitor.get(&self.page).await;
        self.go_on(visitor, first, person).await
    }

    /// Goes on as a browser and its person do: redirects are followed, forms that send themselves
    /// are sent, the login form is filled in.
    pub(super) async fn go_on(&self, visitor: &mut Visitor, from: Answer, person: &Person) -> Trip {
        let mut trip = Trip { answer: from, asked: 0, request_by: "", response: None };
        for _ in 0..MOST_STEPS {
            let Some(form) = trip.next_form(self) else {
                if !trip.answer.status.is_redirection() {
                    return trip;
                }
                if trip.answer.target().query().is_some_and(|query| query.contains("SAMLRequest="))
                {
                    trip.request_by = "redirect";
                }
                trip.answer = visitor.follow(&trip.answer).await;
                continue;
            };
            let form = if form.value("SAMLRequest").is_some() {
                trip.request_by = "post";
                form
            } else if let Some(response) = form.value("SAMLResponse") {
                trip.response = Some(STANDARD.decode(response.replace(['\r', '\n'], "")).unwrap());
                form
            } else if form.value("confirm").is_some() {
                form
            } else {
                trip.asked += 1;
                let [_, name, password] = self.login_names;
                form.with(name, person.login).with(password, person.login)
            };
            trip.answer = visitor.submit(&trip.answer, &form).await;
        }
        panic!("no end at {}: {}", trip.answer.url, trip.answer.text());
    }
}

/// Where a way has led.
pub(super) struct Trip {
    /// The last page.
    pub(super) answer: Answer,
    /// How often the login form was filled in.
    pub(super) asked: usize,
    /// How the last request of ours went: `redirect` or `post`.
    pub(super) request_by: &'static str,
    /// The last Response: its bytes.
    pub(super) response: Option<Vec<u8>>,
}

impl Trip {
    /// The form that is to be sent, if there is one.
    fn next_form(&self, way: &Way) -> Option<Form> {
        let [mark, ..] = way.login_names;
        // LemonLDAP::NG asks whether one wants to sign in again before it asks who one is.
        let asks = |form: &Form| form.value(mark).is_some() || form.value("confirm").is_some();
        let login = |form: &Form| self.answer.url.as_str().starts_with(&way.idp) && asks(form);
        let message = |form: &Form| {
            form.value("SAMLRequest").is_some() || form.value("SAMLResponse").is_some()
        };
        self.answer.forms().into_iter().find(|form| message(form) || login(form))
    }

    /// The Response as text.
    pub(super) fn response(&self) -> String {
        let bytes = self.response.as_ref();
        let bytes = bytes.unwrap_or_else(|| panic!("no Response: {}", self.answer.text()));
        String::from_utf8(bytes.clone()).unwrap()
    }

    /// What the application was told in this header.
    pub(super) fn told(&self, header: &str) -> String {
        let echo: Value = self.answer.json();
        received(&echo, header).join(" | ")
    }

    /// This person has arrived.
    pub(super) fn is(&self, person: &Person) {
        assert_eq!(self.answer.status, 200, "{}", self.answer.text());
        assert_eq!(self.told("remote-user"), person.login);
        assert_eq!(self.told("remote-email"), person.mail);
        let told = self.told("remote-groups");
        let mut groups: Vec<&str> = told.split(',').map(str::trim).collect();
        groups.sort_unstable();
        assert_eq!(groups, person.groups);
    }
}
