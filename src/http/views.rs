//! What each page is told.
//!
//! In: values that handlers know. Out: one struct for each template; [`super::Pages::render`]
//! takes the struct and finds the template, so that a page can not get another page's values.
//! Everything here is text: the templates escape all of it, wherever it came from.
//!
//! An operator's own templates use these fields by name: they are public API like the paths.

use serde::Serialize;

use crate::base::IdpName;
use crate::base::LocalPath;
use crate::base::code::Page;
use crate::base::{ErrorCode, Timestamp};
use crate::http::links;

#[cfg(feature = "demo")]
pub mod demo;

/// A page: a template and its values.
pub trait View: Serialize {
    /// Its file below `templates/`.
    const TEMPLATE: &'static str;
    /// What it looks like.
    const LOOK: Look = Look::Gateway;
    /// Whether it sends its form by itself, which takes one line of script.
    const SUBMITS_ITSELF: bool = false;

    /// Where its forms may lead.
    fn forms(&self) -> Forms {
        Forms::None
    }
}

/// Whose page it is; each has a style of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The gateway's.
    Gateway,
    /// The demo identity provider's.
    #[cfg(feature = "demo")]
    DemoIdp,
    /// The demo application's.
    #[cfg(feature = "demo")]
    DemoApp,
}

/// Where the forms of a page may lead: the `form-action` of its Content-Security-Policy.
///
/// Browsers apply it to redirects too: a form that is sent to us and answered with a redirect to
/// an identity provider leads to the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forms {
    /// The page has no form.
    None,
    /// To us, and nowhere from there.
    Own,
    /// To us, and from there to an identity provider by https (in the demo also on loopback).
    OwnThenIdp,
    /// To this address and, since sign-in pages redirect among their hosts, by https from there.
    To(String),
}

/// A link with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

impl Link {
    /// A link.
    pub fn new(label: &str, href: impl Into<String>) -> Self {
        Self { label: label.to_owned(), href: href.into() }
    }
}

/// A hidden input of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// `RelayState`
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Field {
    /// A hidden input.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into() }
    }
}

/// `sso/choose.html`: which organisation do you sign in with?
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choose {
    /// One button each, in this order: label, and the address that begins the login.
    pub idps: Vec<Link>,
    /// Some organisations are found by the domain of an e-mail address: show the form for it.
    pub by_email: bool,
    /// `POST` of the form.
    pub action: &'static str,
    /// `rd` of the form: where the person wanted to go.
    pub return_to: String,
    /// What was typed, when it belongs to no organisation.
    pub unmatched: Option<String>,
}

impl Choose {
    /// The chooser before anything was typed. `idps`: name and label of those with a button.
    pub fn new<'a>(
        idps: impl IntoIterator<Item = (&'a IdpName, &'a str)>,
        by_email: bool,
        return_to: &LocalPath,
    ) -> Self {
        let idps = idps
            .into_iter()
            .map(|(name, label)| Link::new(label, links::start(name, return_to)))
            .collect();
        Self {
            idps,
            by_email,
            action: links::SIGN_IN,
            return_to: return_to.as_str().to_owned(),
            unmatched: None,
        }
    }

    /// The chooser after `email` was typed, whose domain is nobody's.
    #[must_use]
    pub fn unmatched(mut self, email: &str) -> Self {
        self.unmatched = Some(email.to_owned());
        self
    }
}

impl View for Choose {
    const TEMPLATE: &'static str = "sso/choose.html";

    fn forms(&self) -> Forms {
        if self.by_email {
            Forms::OwnThenIdp
        } else {
            Forms::None
        }
    }
}

/// `sso/post.html`: carries a SAML message by HTTP-POST (bindings 3.5) to `action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Post {
    /// Where the person is taken: the label of the identity provider, or the application.
    pub label: String,
    /// Absolute URL of the receiver.
    pub action: String,
    /// `SAMLRequest` or `SAMLResponse`, and `RelayState`.
    pub fields: Vec<Field>,
}

impl View for Post {
    const TEMPLATE: &'static str = "sso/post.html";
    const SUBMITS_ITSELF: bool = true;

    fn forms(&self) -> Forms {
        Forms::To(self.action.clone())
    }
}

/// `sso/sign_out.html`: GET of the sign-out address asks first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignOut {
    /// Who is signed in: the name to show.
    pub name: String,
    /// A second line: e-mail address or user name.
    pub email: Option<String>,
    /// The label of the identity provider.
    pub idp: Option<String>,
    /// `POST` of the form.
    pub action: String,
    /// Where "Cancel" leads.
    pub back: String,
}

impl SignOut {
    /// Asks whether `name` wants to sign out; both answers come back to `return_to`.
    pub fn new(name: &str, return_to: &LocalPath) -> Self {
        Self {
            name: name.to_owned(),
            email: None,
            idp: None,
            action: links::sign_out(return_to),
            back: return_to.as_str().to_owned(),
        }
    }
}

impl View for SignOut {
    const TEMPLATE: &'static str = "sso/sign_out.html";

    fn forms(&self) -> Forms {
        Forms::OwnThenIdp
    }
}

/// `sso/signed_out.html`: the session has ended (or there was none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// The label of the identity provider, where the person may still be signed in.
    pub idp: Option<String>,
    /// Where "Sign in again" leads.
    pub sign_in: String,
}

impl SignedOut {
    /// Signed out of the application; signing in again comes back to `return_to`.
    pub fn new(idp: Option<&str>, return_to: &LocalPath) -> Self {
        Self {
            idp: idp.map(str::to_owned),
            sign_in: links::sign_in(return_to),
        }
    }
}

impl View for SignedOut {
    const TEMPLATE: &'static str = "sso/signed_out.html";
}

/// `error.html`: something went wrong, for all [`Page`]s.
///
/// It never carries the code, nor any value that came with the refused message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// [`Page::slug`], or `unauthenticated`.
    pub page: &'static str,
    /// "We could not sign you in."
    pub headline: &'static str,
    /// "The sign-in answer", before the name of the identity provider; or empty.
    pub sentence_start: &'static str,
    /// " did not arrive in time."
    pub sentence: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// The label of the identity provider, where it is known.
    pub idp: Option<String>,
    /// Who is signed in (`forbidden`).
    pub signed_in_as: Option<String>,
    /// Any one of these roles would open the page (`forbidden`).
    pub roles: Vec<String>,
    /// Or any one of these groups (`forbidden`).
    pub groups: Vec<String>,
    /// The button.
    pub primary: Option<Link>,
    /// A second, quieter one.
    pub secondary: Option<Link>,
    /// What the help desk asks for: `7F3K-92QA`.
    pub reference: String,
    /// `2026-11-21T09:30:00Z`
    pub at: String,
    /// The same for reading: `21 November 2026, 09:30:00 UTC`.
    pub at_text: String,
}

impl Failure {
    /// The page for `code`: what happened and what to do, still without a button.
    pub fn new(code: ErrorCode, reference: &str, now: Timestamp) -> Self {
        let (sentence_start, sentence) = split_sentence(code.public());
        Self {
            page: code.page().slug(),
            headline: headline(code),
            sentence_start,
            sentence,
            advice: advice(code),
            idp: None,
            signed_in_as: None,
            roles: Vec::new(),
            groups: Vec::new(),
            primary: None,
            secondary: None,
            reference: reference.to_owned(),
            at: now.to_saml(),
            at_text: time_text(now),
        }
    }

    /// 401 to a form that was sent without a session: what was in it is gone.
    pub fn form_not_sent(reference: &str, return_to: &LocalPath, now: Timestamp) -> Self {
        Self {
            page: "unauthenticated",
            headline: "Your form was not sent.",
            sentence_start: "",
            sentence: "Your session ended before the form reached the application. Nothing was saved.",
            advice: "Please sign in, then fill in the form and send it again.",
            primary: Some(Link::new("Sign in", links::sign_in(return_to))),
            ..Self::new(ErrorCode::SessionEnded, reference, now)
        }
    }

    /// Names the identity provider whose answer it was.
    #[must_use]
    pub fn from_idp(mut self, label: &str) -> Self {
        self.idp = Some(label.to_owned());
        self
    }

    /// `forbidden`: who is signed in, and what would open the page.
    #[must_use]
    pub fn missing(mut self, signed_in_as: &str, roles: &[&str], groups: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        self.signed_in_as = Some(signed_in_as.to_owned());
        self.roles = owned(roles);
        self.groups = owned(groups);
        self
    }

    /// Adds the button that makes sense on this page; `return_to` is where the person was going.
    #[must_use]
    pub fn with_action(mut self, code: ErrorCode, return_to: &LocalPath) -> Self {
        let again = |label| Some(Link::new(label, links::sign_in(return_to)));
        let home = Some(Link::new("Back to the application", "/"));
        match code.page() {
            _ if code.status() == 401 => self.primary = again("Sign in"),
            _ if is_sign_in(code) => self.primary = again("Try again"),
            Page::Forbidden => {
                self.primary = home;
                let switch = links::sign_out(return_to);
                self.secondary = Some(Link::new("Use another account", switch));
            }
            Page::Unavailable | Page::Internal => {
                self.primary = Some(Link::new("Try again", return_to.as_str()));
            }
            _ if code != ErrorCode::ProxyHost => self.primary = home,
            _ => {}
        }
        self
    }
}

impl View for Failure {
    const TEMPLATE: &'static str = "error.html";
}

/// Whether the failure is one of signing in, whatever its page.
fn is_sign_in(code: ErrorCode) -> bool {
    match code.page() {
        Page::NotAuthentic | Page::NotForUs | Page::IdpSaidNo | Page::TryAgain => true,
        Page::BadRequest => code.as_str().starts_with("binding."),
        _ => false,
    }
}

fn headline(code: ErrorCode) -> &'static str {
    match (code, code.page()) {
        (ErrorCode::SessionMissing, _) => "Please sign in.",
        (ErrorCode::SessionEnded, _) => "Please sign in again.",
        (ErrorCode::UserDisabled | ErrorCode::UserNotProvisioned, _) => "We could not let you in.",
        (ErrorCode::ProxyHost, _) => "There is nothing here.",
        _ if is_sign_in(code) => "We could not sign you in.",
        (_, Page::Forbidden) => "You may not open this page.",
        (_, Page::NotFound) => "We could not find this page.",
        (_, Page::Unavailable) => "This does not work at the moment.",
        (_, Page::Internal) => "Something went wrong.",
        (_, _) => "We could not do that.",
    }
}

fn advice(code: ErrorCode) -> &'static str {
    const TRY_AGAIN: &str =
        "Please try again. If it happens twice, your administrator can help with this reference.";
    match (code, code.page()) {
        (ErrorCode::SessionMissing | ErrorCode::SessionEnded, _) => {
            "Sign in, and you will come back to the page you wanted."
        }
        (ErrorCode::UserDisabled | ErrorCode::UserNotProvisioned | ErrorCode::UserConflict, _) => {
            "Please ask your administrator, with this reference."
        }
        (ErrorCode::IdpDisabled, _) => {
            "Please choose another organisation, or ask your administrator, with this reference."
        }
        (ErrorCode::ProtoUnsolicited, _) => {
            "Please go on from here. Your administrator can help with this reference."
        }
        (ErrorCode::ProxyHost, _) => "Please compare the address with the one that you were given.",
        (_, Page::TryAgain | Page::NotAuthentic) => TRY_AGAIN,
        (_, Page::BadRequest) if is_sign_in(code) => TRY_AGAIN,
        (_, Page::NotForUs) => {
            "Trying again will hardly help. Your administrator can, with this reference."
        }
        (_, Page::IdpSaidNo) => {
            "Please try again. If it says so again, ask the help desk of your organisation, with this reference."
        }
        (_, Page::Forbidden) => {
            "If you need it for your work, ask your administrator, with this reference."
        }
        (_, Page::NotFound) => "The link may be old, or the address mistyped.",
        (_, Page::Unavailable) => {
            "You are not doing anything wrong. Please try again in a minute; you stay signed in."
        }
        (_, Page::Internal) => {
            "It is not your fault. Please try again later, or tell your administrator this reference."
        }
        (_, Page::BadRequest) => {
            "Please go back to the application and begin there. Your administrator can help with this reference."
        }
    }
}

/// Cuts after the words that the name of the identity provider can follow:
/// "The sign-in answer" *from Example Corp* "did not arrive in time."
fn split_sentence(sentence: &'static str) -> (&'static str, &'static str) {
    for start in ["The sign-in answer", "The sign-in message", "The message"] {
        if let Some(rest) = sentence.strip_prefix(start) {
            return (start, rest);
        }
    }
    ("", sentence)
}

/// `21 November 2026, 09:30:00 UTC`: one zone for the person and the help desk.
fn time_text(at: Timestamp) -> String {
    time::OffsetDateTime::from_unix_timestamp(at.unix_seconds())
        .ok()
        .map(|at| {
            let (hour, minute, second) = (at.hour(), at.minute(), at.second());
            let (day, month, year) = (at.day(), at.month(), at.year());
            format!("{day} {month} {year}, {hour:02}:{minute:02}:{second:02} UTC")
        })
        .unwrap_or_else(|| at.to_saml())
}
