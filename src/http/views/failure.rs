//! The page for everything that goes wrong: what happened, and what to do.
//!
//! In: an [`ErrorCode`]. Out: words for the person at the browser. The sentence comes from the
//! one table in `base`; the headline, the advice and the button are chosen here, by page.

use serde::Serialize;

use super::{Link, View};
use crate::base::code::Page;
use crate::base::{ErrorCode, ReturnTo, Timestamp};
use crate::http::links;
use crate::saml::status::StatusCode;

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
    /// All of what follows is needed, and not any one of it (`forbidden`).
    pub needs_all: bool,
    /// Any one of these roles would open the page (`forbidden`).
    pub roles: Vec<String>,
    /// Or any one of these groups (`forbidden`).
    pub groups: Vec<String>,
    /// The identity provider's own page about it.
    pub help: Option<String>,
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
            needs_all: false,
            roles: Vec::new(),
            groups: Vec::new(),
            help: None,
            primary: None,
            secondary: None,
            reference: reference.to_owned(),
            at: now.to_saml(),
            at_text: time_text(now),
        }
    }

    /// 401 to a form that was sent without a session: what was in it is gone.
    pub fn form_not_sent(reference: &str, return_to: &ReturnTo, now: Timestamp) -> Self {
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

    /// A logout message that changed nothing. Whoever wanted to sign out can still do so here.
    pub fn of_logout(code: ErrorCode, reference: &str, now: Timestamp) -> Self {
        Self {
            headline: "This did not sign you out.",
            sentence_start: "The sign-out message",
            sentence: Self::logout_sentence(code),
            advice: "If you are signed in here and want to sign out, use the button. Your administrator can help with this reference.",
            primary: Some(Link::new("Sign out", links::SIGN_OUT)),
            secondary: Some(Link::new("Back to the application", "/")),
            ..Self::new(code, reference, now)
        }
    }

    /// What is wrong with a logout message, behind "The sign-out message".
    pub const fn logout_sentence(code: ErrorCode) -> &'static str {
        match (code, code.page()) {
            (ErrorCode::IdpUnknown, _) => " came from an organisation that is not known here.",
            (_, Page::BadRequest) => " is incomplete, or arrived damaged.",
            (_, Page::NotForUs) => " was meant for another address.",
            (_, Page::TryAgain) => " came too late, or was used before.",
            (_, Page::Unavailable | Page::Internal) => " could not be followed at the moment.",
            _ => " could not be verified.",
        }
    }

    /// 401 to a form of somebody who has to sign in better first: at `url`.
    pub fn form_needs_more(reference: &str, url: String, now: Timestamp) -> Self {
        Self {
            page: "unauthenticated",
            headline: "Your form was not sent.",
            sentence_start: "",
            sentence: "It needs another kind of sign-in, or a more recent one. Nothing was saved.",
            advice: "Please sign in once more, then fill in the form and send it again.",
            primary: Some(Link::new("Sign in", url)),
            ..Self::new(ErrorCode::AccessStepUp, reference, now)
        }
    }

    /// What the identity provider reported, in sentences of ours.
    #[must_use]
    pub fn said(mut self, kind: StatusCode) -> Self {
        self.sentence_start = "";
        self.sentence = kind.public();
        match kind {
            StatusCode::NoPassive => {
                self.headline = "Please sign in.";
                self.advice = "Sign in, and you will come back to the page you wanted.";
                if let Some(primary) = &mut self.primary {
                    primary.label = "Sign in".to_owned();
                }
            }
            StatusCode::NoAuthnContext => {
                self.headline = headline(ErrorCode::AuthnContext);
                self.advice = "If your organisation offers another method, such as a second factor, set it up there and try again. Otherwise your administrator can help with this reference.";
            }
            StatusCode::NoAvailableIdp => {
                self.advice = "Please try again later. If it says so again, ask the help desk of your organisation, with this reference.";
            }
            StatusCode::RequestDenied
            | StatusCode::UnknownPrincipal
            | StatusCode::InvalidNameIdPolicy
            | StatusCode::ResourceNotRecognized
            | StatusCode::RequestUnsupported
            | StatusCode::UnsupportedBinding => {
                self.advice = "Trying again will hardly help. The help desk of your organisation can, with this reference.";
            }
            _ => {}
        }
        self
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

    /// `forbidden`: all that [`Failure::missing`] names is needed.
    #[must_use]
    pub const fn needing_all(mut self, all: bool) -> Self {
        self.needs_all = all;
        self
    }

    /// Adds the button that makes sense on this page; `return_to` is where the person was going.
    #[must_use]
    pub fn with_action(mut self, code: ErrorCode, return_to: &ReturnTo) -> Self {
        let again = |label| Some(Link::new(label, links::sign_in(return_to)));
        let home = Some(Link::new("Back to the application", "/"));
        match code.page() {
            _ if code.status() == 401 => self.primary = again("Sign in"),
            // The same answer would come again: a way on, but not the advice.
            Page::NotForUs => self.secondary = again("Sign in again"),
            _ if is_sign_in(code) => self.primary = again("Try again"),
            Page::Forbidden => {
                self.primary = home;
                let switch = links::sign_out(return_to);
                self.secondary = Some(Link::new("Use another account", switch));
            }
            Page::Unavailable | Page::Internal => {
                self.primary = Some(Link::new("Try again", return_to.to_string()));
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
        (ErrorCode::FormGone, _) => "Your form was not sent.",
        (ErrorCode::AccessStepUp, _) => "Please sign in once more.",
        (ErrorCode::AuthnContext, _) => "A stronger sign-in is needed.",
        (ErrorCode::AuthnAge, _) => "A fresh sign-in is needed.",
        (ErrorCode::SessionLoop, _) => "Signing in goes round in circles.",
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
        (ErrorCode::SessionLoop, _) => {
            "Please allow cookies for this address, and open the application by https and exactly as you were given its address. Try again after a minute. Your administrator can help with this reference."
        }
        (ErrorCode::AuthnContext, _) => {
            "Please sign in by the method that it needs, such as a second factor, if your organisation offers it to you. Your administrator can help with this reference."
        }
        (ErrorCode::AuthnAge, _) => {
            "Please try again, and let your organisation ask who you are. If it does not ask, your administrator can help with this reference."
        }
        (ErrorCode::AccessStepUp, _) => "Sign in, and you will come back to the page you wanted.",
        (ErrorCode::FormGone, _) => {
            "Please go back to the application and see whether it has arrived. If it has not, fill it in again."
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
        (_, Page::Unavailable) if code.as_str().starts_with("md.") => {
            "You are not doing anything wrong. Please try again later; if it goes on, your administrator can help with this reference."
        }
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
