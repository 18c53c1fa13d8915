//! What each page is told.
//!
//! In: values that handlers know. Out: one struct for each template; [`super::Pages::render`]
//! takes the struct and finds the template, so that a page can not get another page's values.
//! Everything here is text: the templates escape all of it, wherever it came from.
//!
//! An operator's own templates use these fields by name: they are public API like the paths.

use serde::Serialize;

use crate::base::IdpName;
use crate::base::ReturnTo;
use crate::http::links;
use crate::saml::logout::LogoutOutcome;

#[cfg(feature = "demo")]
pub mod demo;
mod failure;

pub use failure::Failure;

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
    /// To us, and from there to this address of an identity provider, and on from it by https.
    OwnThen(String),
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
    pub action: String,
    /// `rd` of the form: where the person wanted to go.
    pub return_to: String,
    /// What was typed, when it belongs to no organisation.
    pub unmatched: Option<String>,
    /// There are too many for one page: a field to look for one's own, and the way to other pages.
    pub search: Option<Search>,
}

/// The search of the chooser, a form that is sent by `GET` to [`Choose::action`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Search {
    /// What was typed.
    pub query: String,
    /// How many organisations there are.
    pub total: String,
    /// How many of them were found.
    pub found: String,
    /// Which of those found this page has: `26–50`; empty when none was found.
    pub range: String,
    /// All of them again.
    pub all: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page behind.
    pub next: Option<String>,
    /// What else the form has to carry.
    pub fields: Vec<Field>,
}

impl Choose {
    /// The chooser before anything was typed. `idps`: name and label of those with a button. `kept`:
    /// parameters that go along, whichever way is taken.
    pub fn new<'a>(
        idps: impl IntoIterator<Item = (&'a IdpName, &'a str)>,
        by_email: bool,
        return_to: &ReturnTo,
        kept: &[(&str, String)],
    ) -> Self {
        let kept: Vec<_> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let also = |link: String| links::also(&link, &kept);
        let idps = idps
            .into_iter()
            .map(|(name, label)| Link::new(label, also(links::start(name, return_to))))
            .collect();
        Self {
            idps,
            by_email,
            action: also(links::SIGN_IN.to_owned()),
            return_to: return_to.to_string(),
            unmatched: None,
            search: None,
        }
    }

    /// One page of many. `fields` is what the address of the chooser had besides.
    #[must_use]
    pub fn searched(mut self, shown: &Shown<'_>, fields: &[(&str, &str)]) -> Self {
        let Shown { query, total, found, first, last } = *shown;
        let page = |number: usize| {
            let number = number.to_string();
            let mut all = fields.to_vec();
            all.extend([("q", query), ("page", number.as_str())]);
            all.retain(|(_, value)| !value.is_empty());
            links::with_query(links::SIGN_IN, &all)
        };
        let number = first.div_ceil(PAGE);
        self.search = Some(Search {
            query: query.to_owned(),
            total: grouped(total),
            found: grouped(found),
            range: match last {
                0 => String::new(),
                last => format!("{}–{}", grouped(first), grouped(last)),
            },
            all: links::with_query(links::SIGN_IN, fields),
            previous: (number > 1).then(|| page(number.saturating_sub(1))),
            next: (last < found).then(|| page(number.saturating_add(1))),
            fields: fields.iter().map(|(name, value)| Field::new(name, *value)).collect(),
        });
        self
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
        match (self.by_email, &self.search) {
            (true, _) => Forms::OwnThenIdp,
            (false, Some(_)) => Forms::Own,
            (false, None) => Forms::None,
        }
    }
}

/// More organisations than this are looked for by name.
pub const MANY: usize = 50;
/// So many of those that were found are on a page.
pub const PAGE: usize = 20;

/// What one page of many shows: of those found the `first` to the `last`, counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What was typed.
    pub query: &'a str,
    /// How many there are.
    pub total: usize,
    /// How many were found.
    pub found: usize,
    /// The first on the page; the number behind the last of the page before, if there is none.
    pub first: usize,
    /// The last on the page; 0 if there is none.
    pub last: usize,
}

/// `10,000`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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

/// `sso/form_kept.html`: a form came without a session, and waits for its sender to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FormKept {
    /// Where the button leads, and the page by itself.
    pub sign_in: String,
}

impl FormKept {
    /// `sign_in` comes back to the form.
    pub const fn new(sign_in: String) -> Self {
        Self { sign_in }
    }
}

impl View for FormKept {
    const TEMPLATE: &'static str = "sso/form_kept.html";
}

/// `sso/send_form.html`: back from signing in, a kept form is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendForm {
    /// In whose name.
    pub name: String,
    /// Absolute URL of where the form was going.
    pub action: String,
    /// What stands for the form.
    pub fields: Vec<Field>,
}

impl View for SendForm {
    const TEMPLATE: &'static str = "sso/send_form.html";
    const SUBMITS_ITSELF: bool = true;

    fn forms(&self) -> Forms {
        // Applications answer forms with redirects, to wherever they like.
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
    /// The identity provider can not be asked to end its session too.
    pub here_alone: bool,
    /// Where the identity provider ends its session, if it can.
    #[serde(skip)]
    pub leads_to: Option<String>,
}

impl SignOut {
    /// Asks whether `name` wants to sign out; both answers come back to `return_to`.
    pub fn new(name: &str, return_to: &ReturnTo) -> Self {
        Self {
            name: name.to_owned(),
            email: None,
            idp: None,
            action: links::sign_out(return_to),
            back: return_to.to_string(),
            here_alone: false,
            leads_to: None,
        }
    }
}

impl View for SignOut {
    const TEMPLATE: &'static str = "sso/sign_out.html";

    fn forms(&self) -> Forms {
        self.leads_to.clone().map_or(Forms::OwnThenIdp, Forms::OwnThen)
    }
}

/// `sso/signed_out.html`: the session has ended (or there was none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// The label of the identity provider.
    pub idp: Option<String>,
    /// What became of the session there.
    pub there: There,
    /// Where "Sign in again" leads.
    pub sign_in: String,
    /// Where the application goes on, on a page that needs no session.
    pub onward: Option<String>,
}

/// What became of the session at the identity provider, when ours has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum There {
    /// It was not asked to end it: it has no single logout, or could not be told whose.
    NotAsked,
    /// It has ended.
    Ended,
    /// It has ended, but another application has kept its own.
    Partly,
    /// It goes on: the identity provider said that it could not end it.
    GoesOn,
    /// The identity provider answered, and it can not be believed.
    Unknown,
    /// It was the identity provider that wanted ours to end.
    WantsIt,
}

impl There {
    /// By what the identity provider says.
    pub const fn of(outcome: LogoutOutcome) -> Self {
        match outcome {
            LogoutOutcome::Done => Self::Ended,
            LogoutOutcome::Partial => Self::Partly,
            LogoutOutcome::Failed(_) => Self::GoesOn,
        }
    }
}

impl SignedOut {
    /// Signed out of the application; signing in again comes back to `return_to`.
    pub fn new(idp: Option<&str>, return_to: &ReturnTo) -> Self {
        Self {
            idp: idp.map(str::to_owned),
            there: There::NotAsked,
            sign_in: links::sign_in(return_to),
            onward: None,
        }
    }

    /// With what became of the session at the identity provider.
    #[must_use]
    pub fn there(self, there: There) -> Self {
        Self { there, ..self }
    }
}

impl View for SignedOut {
    const TEMPLATE: &'static str = "sso/signed_out.html";
}
