//! The decision about one request, as one table.
//!
//! In: the route, what the client asks for, and who it is (or nobody). Out: a [`Decision`]. It is
//! a pure function: every row of the table is a test.

use http::Method;
use http::header;
use http::header::HeaderMap;
use http::header::HeaderName;
use http::header::HeaderValue;
use http::request::Parts;

use crate::access::host::host;
use crate::access::require::{Condition, Visitor};
use crate::access::route::Route;
use crate::base::ErrorCode;
use crate::base::LocalPath;
use crate::base::PublicUrl;
use crate::base::RoleName;
use crate::saml::asked::Lacking;

/// What of a request's head the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    method: &'a Method,
    target: Option<&'a str>,
    parts: &'a Parts,
    headers: &'a HeaderMap,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Goes on without an identity: a public route, or a genuine CORS preflight.
    Anonymous,
    /// Goes on with the visitor's identity.
    Admitted,
    /// 302 to sign-in, and afterwards back to where it wanted to go.
    SignIn {
        /// The path and query of this request.
        return_to: LocalPath,
    },
    /// 401; never a redirect.
    Unauthenticated(Unauthenticated),
    /// Signed in, and not by a method, or not lately enough, for this route.
    StepUp(Lacking, StepUpBy),
    /// 403, `access.cross_site`: a page of another origin opens a WebSocket in a visitor's name.
    CrossSite,
    /// 403; never a redirect.
    Forbidden(Missing),
}

/// The shape of a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// `WWW-Authenticate: Bearer error="invalid_token"`, JSON.
    Bearer,
    /// JSON with `login_url`: a program asked.
    Program,
    /// A page: a person sent a form.
    Form,
}

/// How somebody is sent back for a better sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepUpBy {
    /// 302, and afterwards back to this path and query.
    Page(LocalPath),
    /// 401 with a challenge (RFC 9470): a program asked.
    Program,
    /// The form is kept, or a page says that it was not sent.
    Form,
}

/// What a person lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("any of {any:?}, all of {all:?}, methods {methods:?}")]
pub struct Missing {
    /// Any one of these would do …
    pub any: Vec<Condition>,
    /// … and each of these is needed.
    pub all: Vec<Condition>,
    /// Or nothing but the method is wrong: these are allowed.
    pub methods: Vec<Method>,
}

impl Missing {
    /// `access.role`, or `access.method` when it is nothing about the person.
    pub const fn code(&self) -> ErrorCode {
        match self.methods.is_empty() {
            true => ErrorCode::AccessRole,
            false => ErrorCode::AccessMethod,
        }
    }

    /// Whether all that the page names is needed, and not any one of it.
    pub const fn needs_all(&self) -> bool {
        self.any.is_empty()
    }

    /// The roles that are missing.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.any.iter().chain(&self.all).filter_map(|condition| match condition {
            Condition::Role(role) => Some(role),
            _ => None,
        })
    }

    /// The groups that are missing.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.any.iter().chain(&self.all).filter_map(|condition| match condition {
            Condition::Group(group) => Some(group.as_str()),
            _ => None,
        })
    }
}

/// Decides about one request; `own` is our public address, on which sign-in ends.
///
/// A signed-in visitor of a public route goes on with their identity. A WebSocket that a page of
/// another origin opens does not: browsers ask nobody's leave for those (RFC 6455, 10.2), and the
/// cookie comes along from every site of the same domain.
pub fn decide(
    own: &PublicUrl,
    route: &Route,
    asked: &Asked<'_>,
    visitor: Option<&Visitor<'_>>,
) -> Decision {
    let answer = |shape| Decision::Unauthenticated(shape);
    match visitor {
        Some(_) if asked.is_foreign_socket(own) && route.public => Decision::Anonymous,
        Some(_) if asked.is_foreign_socket(own) => Decision::CrossSite,
        Some(_) if route.public => Decision::Admitted,
        Some(visitor) => match route.require.admits(asked.method, visitor) {
            // A preflight carries no cookies; one that does is still only a preflight.
            Err(_) if route.allow_preflight && asked.is_preflight() => Decision::Anonymous,
            Err(missing) => Decision::Forbidden(missing),
            Ok(()) => match visitor.lacks(route.step_up.as_ref()) {
                None => Decision::Admitted,
                Some(_) if route.allow_preflight && asked.is_preflight() => Decision::Anonymous,
                Some(lacking) => Decision::StepUp(lacking, asked.step_up_by(own)),
            },
        },
        None if route.public => Decision::Anonymous,
        None if route.allow_preflight && asked.is_preflight() => Decision::Anonymous,
        None if asked.has_bearer() => answer(Unauthenticated::Bearer),
        None if asked.is_by_program() => answer(Unauthenticated::Program),
        None if asked.is_reading() => Decision::SignIn { return_to: asked.return_to(own) },
        None => answer(Unauthenticated::Form),
    }
}

impl<'a> Asked<'a> {
    /// From the head of a request.
    pub fn of(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            target: parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            parts,
            headers: &parts.headers,
        }
    }

    fn is(&self, name: &HeaderName, found: &dyn Fn(&str) -> bool) -> bool {
        let mut values = self.headers.get_all(name).iter();
        values.any(|value| value.to_str().is_ok_and(found))
    }

    fn is_websocket(&self) -> bool {
        self.is(&header::UPGRADE, &|value| {
            value.split(',').any(|token| token.trim().eq_ignore_ascii_case("websocket"))
        })
    }

    /// Programs other than browsers send no `Origin`, and no cookies of somebody else.
    fn is_foreign_socket(&self, own: &PublicUrl) -> bool {
        let ours = |origin: &str| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            origin == own.as_str() || (authority.is_some() && authority == host(self.parts).ok())
        };
        self.is_websocket() && self.is(&header::ORIGIN, &|origin| !ours(origin))
    }

    /// Fetch standard, "CORS-preflight request": `OPTIONS` with both of these headers.
    fn is_preflight(&self) -> bool {
        *self.method == Method::OPTIONS
            && self.headers.contains_key(header::ORIGIN)
            && self.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    fn has_bearer(&self) -> bool {
        self.headers.get_all(header::AUTHORIZATION).iter().any(|value| {
            let scheme = value.as_bytes().split(|byte| *byte == b' ').next();
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
        })
    }

    /// A program can not follow a redirect to a sign-in page, or would take the page for data.
    pub fn is_by_program(&self) -> bool {
        let grpc = self.is(&header::CONTENT_TYPE, &|value| {
            let prefix = value.get(..16).unwrap_or_default();
            prefix.eq_ignore_ascii_case("application/grpc")
        });
        let fetched = self.is(&SEC_FETCH_MODE, &|value| value != "navigate");
        let scripted = self.is(&X_REQUESTED_WITH, &|value| {
            value.eq_ignore_ascii_case("XMLHttpRequest")
        });
        let mut accept = self.headers.get_all(header::ACCEPT).iter().peekable();
        // A missing Accept is no opinion, and most likely a person with an odd browser.
        let other = accept.peek().is_some() && !prefers_html(accept);
        self.is_websocket() || grpc || fetched || scripted || other
    }

    fn step_up_by(&self, own: &PublicUrl) -> StepUpBy {
        if self.is_by_program() {
            StepUpBy::Program
        } else if self.is_reading() {
            StepUpBy::Page(self.return_to(own))
        } else {
            StepUpBy::Form
        }
    }

    fn is_reading(&self) -> bool {
        *self.method == Method::GET || *self.method == Method::HEAD
    }

    fn return_to(&self, own: &PublicUrl) -> LocalPath {
        self.target
            .and_then(|target| LocalPath::parse(target, own))
            .unwrap_or_else(LocalPath::root)
    }
}

/// Whether an `Accept` names HTML, and nothing with a higher weight (RFC 9110, 12.5.1).
///
/// `*/*` does not name it: that is what curl and `fetch` send.
fn prefers_html<'a>(accept: impl Iterator<Item = &'a HeaderValue>) -> bool {
    let (mut html, mut other) = (0, 0);
    for range in accept
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1000, weight);
        let is_html = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|name| kind.eq_ignore_ascii_case(name));
        let best = if is_html { &mut html } else { &mut other };
        *best = weight.max(*best);
    }
    html > 0 && html >= other
}

/// `0.85` in thousandths; what is no weight counts for nothing.
fn weight(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = fraction.chars().chain("000".chars()).take(3);
    let thousandths = digits.try_fold(0, |sum, digit| Some(sum * 10 + digit.to_digit(10)?));
    match (whole, thousandths) {
        ("1", Some(_)) => 1000,
        ("0", Some(thousandths)) => thousandths,
        _ => 0,
    }
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::require::Require;
    use crate::access::step_up::StepUp;
    use crate::base::Timestamp;
    use crate::identity::Identity;
    use crate::saml::asked::Comparison;

    const BROWSER: (&str, &str) = (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    );

    fn own() -> PublicUrl {
        PublicUrl::parse("https://app.example.com").unwrap()
    }

    fn route() -> Route {
        Route {
            name: "app".to_owned(),
            allow_preflight: true,
            ..Route::default()
        }
    }

    fn seen(identity: &Identity) -> Visitor<'_> {
        Visitor::of(identity, Timestamp::EPOCH, std::time::Duration::ZERO)
    }

    fn nobody(route: &Route, method: &str, headers: &[(&str, &str)]) -> Decision {
        let mut request = http::Request::builder().method(method).uri("/reports?q=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        decide(&own(), route, &Asked::of(&parts), None)
    }

    #[test]
    fn without_a_session_the_first_matching_row_decides() {
        let program = Decision::Unauthenticated(Unauthenticated::Program);
        let sign_in =
            Decision::SignIn { return_to: LocalPath::parse("/reports?q=1", &own()).unwrap() };
        let cors = [
            ("origin", "https://x.example"),
            ("access-control-request-method", "PUT"),
        ];
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Decision);
        let table: &[Row<'_>] = &[
            ("OPTIONS", &cors, Decision::Anonymous),
            (
                "OPTIONS",
                &cors[..1],
                Decision::Unauthenticated(Unauthenticated::Form),
            ),
            ("GET", &[cors[0], cors[1], BROWSER], sign_in.clone()),
            (
                "GET",
                &[BROWSER, ("authorization", "Bearer x")],
                Decision::Unauthenticated(Unauthenticated::Bearer),
            ),
            (
                "GET",
                &[BROWSER, ("authorization", "bearer")],
                Decision::Unauthenticated(Unauthenticated::Bearer),
            ),
            (
                "GET",
                &[BROWSER, ("authorization", "Basic YTpi")],
                sign_in.clone(),
            ),
            ("GET", &[("upgrade", "websocket")], program.clone()),
            (
                "GET",
                &[BROWSER, ("upgrade", "h2c, WebSocket")],
                program.clone(),
            ),
            (
                "POST",
                &[("content-type", "application/grpc")],
                program.clone(),
            ),
            (
                "POST",
                &[("content-type", "Application/grpc-web+proto")],
                program.clone(),
            ),
            (
                "GET",
                &[BROWSER, ("sec-fetch-mode", "cors")],
                program.clone(),
            ),
            (
                "GET",
                &[BROWSER, ("sec-fetch-mode", "navigate")],
                sign_in.clone(),
            ),
            (
                "GET",
                &[BROWSER, ("x-requested-with", "XMLHttpRequest")],
                program.clone(),
            ),
            ("GET", &[("accept", "application/json")], program.clone()),
            ("GET", &[("accept", "*/*")], program.clone()),
            ("GET", &[("accept", "")], program.clone()),
            ("GET", &[("accept", "text/html;q=0")], program.clone()),
            (
                "GET",
                &[("accept", "application/json, text/html;q=0.9")],
                program.clone(),
            ),
            (
                "GET",
                &[("accept", "application/json;q=0.8, text/html;q=0.9")],
                sign_in.clone(),
            ),
            ("GET", &[("accept", "Text/HTML")], sign_in.clone()),
            (
                "GET",
                &[("accept", "image/png"), ("accept", "text/html")],
                sign_in.clone(),
            ),
            ("GET", &[], sign_in.clone()),
            ("HEAD", &[BROWSER], sign_in),
            (
                "POST",
                &[BROWSER],
                Decision::Unauthenticated(Unauthenticated::Form),
            ),
            ("POST", &[("accept", "application/json")], program),
        ];
        for (method, headers, decision) in table {
            assert_eq!(
                nobody(&route(), method, headers),
                *decision,
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn a_preflight_needs_the_route_s_leave() {
        let closed = Route { allow_preflight: false, ..route() };
        let cors = [
            ("origin", "https://x.example"),
            ("access-control-request-method", "PUT"),
        ];
        assert_eq!(
            nobody(&closed, "OPTIONS", &cors),
            Decision::Unauthenticated(Unauthenticated::Form)
        );
    }

    #[test]
    fn a_public_route_is_open_to_nobody_and_knows_somebody() {
        let open = Route { public: true, ..route() };
        let bearer = [
            ("authorization", "Bearer x"),
            ("accept", "application/json"),
        ];
        assert_eq!(nobody(&open, "DELETE", &bearer), Decision::Anonymous);
        let parts = http::Request::new(()).into_parts().0;
        let carol = Identity::for_test("carol", Timestamp::EPOCH);
        let carol = seen(&carol);
        assert_eq!(
            decide(&own(), &open, &Asked::of(&parts), Some(&carol)),
            Decision::Admitted
        );
    }

    #[test]
    fn a_session_needs_any_one_of_what_the_route_requires() {
        let manager = RoleName::parse("it-manager").unwrap();
        let any = vec![
            Condition::Role(manager),
            Condition::Group("Staff".to_owned()),
        ];
        let require = Require { any: any.clone(), ..Require::default() };
        let route = Route { require, ..route() };
        let parts = http::Request::new(()).into_parts().0;
        let asks = |roles: &[&str], groups: &[&str]| {
            let mut alice = Identity::for_test("alice", Timestamp::EPOCH);
            alice.roles = roles.iter().filter_map(|role| RoleName::parse(role)).collect();
            alice.profile.groups = groups.iter().map(|group| (*group).to_owned()).collect();
            decide(&own(), &route, &Asked::of(&parts), Some(&seen(&alice)))
        };
        assert_eq!(asks(&["it-manager"], &[]), Decision::Admitted);
        assert_eq!(asks(&[], &["Staff"]), Decision::Admitted);
        let missing = Missing { any, ..Missing::default() };
        assert_eq!(missing.code(), ErrorCode::AccessRole);
        assert_eq!(asks(&[], &["staff"]), Decision::Forbidden(missing));
    }

    #[test]
    fn whoever_signed_in_too_weakly_is_sent_back_in_a_way_that_they_understand() {
        let classes = vec!["urn:mfa".to_owned()];
        let step_up = StepUp::new(classes, Comparison::Exact, &[], None, false).unwrap();
        let manager = Condition::Role(RoleName::parse("it-manager").unwrap());
        let route = Route { step_up, ..route() };
        let asks = |route: &Route, method: &str, headers: &[(&str, &str)], class: &str| {
            let mut request = http::Request::builder().method(method).uri("/reports?q=1");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            let mut alice = Identity::for_test("alice", Timestamp::EPOCH);
            alice.authn_context = Some(class.to_owned());
            alice.roles.clear();
            decide(&own(), route, &Asked::of(&parts), Some(&seen(&alice)))
        };
        let lacks = |by| Decision::StepUp(Lacking::Context, by);
        let page = StepUpBy::Page(LocalPath::parse("/reports?q=1", &own()).unwrap());
        let cors = [
            ("origin", "https://x.example"),
            ("access-control-request-method", "PUT"),
        ];
        let fetch = [("sec-fetch-mode", "cors")];
        let socket = [("upgrade", "websocket")];
        for (method, headers, decision) in [
            ("GET", &[BROWSER][..], lacks(page.clone())),
            ("HEAD", &[], lacks(page)),
            ("GET", &fetch, lacks(StepUpBy::Program)),
            ("GET", &socket, lacks(StepUpBy::Program)),
            ("POST", &[BROWSER], lacks(StepUpBy::Form)),
            ("OPTIONS", &cors, Decision::Anonymous),
        ] {
            assert_eq!(
                asks(&route, method, headers, "urn:password"),
                decision,
                "{method}"
            );
            if method != "OPTIONS" {
                assert_eq!(asks(&route, method, headers, "urn:mfa"), Decision::Admitted);
            }
        }
        // Signing in better would not help whoever may not enter; and public stays public.
        let require = Require { any: vec![manager], ..Require::default() };
        let closed = Route { require, ..route.clone() };
        let refused = asks(&closed, "GET", &[BROWSER], "urn:password");
        assert!(matches!(refused, Decision::Forbidden(_)), "{refused:?}");
        let open = Route { public: true, ..route };
        let open = asks(&open, "GET", &[BROWSER], "urn:password");
        assert_eq!(open, Decision::Admitted);
    }

    #[test]
    fn a_websocket_of_another_origin_does_not_speak_for_the_visitor() {
        let carol = Identity::for_test("carol", Timestamp::EPOCH);
        let visitor = seen(&carol);
        let open = Route { public: true, ..route() };
        let asks = |route: &Route, origin: Option<&str>| {
            let mut request = http::Request::get("/socket")
                .header("host", "wiki.example.com")
                .header("upgrade", "websocket");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            decide(&own(), route, &Asked::of(&parts), Some(&visitor))
        };
        for (origin, decision) in [
            (None, Decision::Admitted),
            (Some("https://app.example.com"), Decision::Admitted),
            (Some("https://wiki.example.com"), Decision::Admitted),
            (Some("https://evil.example.com"), Decision::CrossSite),
            (Some("https://wiki.example.com:8443"), Decision::CrossSite),
            (Some("null"), Decision::CrossSite),
            (Some(""), Decision::CrossSite),
        ] {
            assert_eq!(asks(&route(), origin), decision, "{origin:?}");
        }
        assert_eq!(asks(&open, Some("null")), Decision::Anonymous);
    }

    #[test]
    fn a_target_that_is_too_long_to_keep_leads_to_the_front_page() {
        let uri = format!("/{}", "a".repeat(5000));
        let parts = http::Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        let decision = decide(&own(), &route(), &Asked::of(&parts), None);
        assert_eq!(decision, Decision::SignIn { return_to: LocalPath::root() });
    }
}
