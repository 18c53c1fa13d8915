//! The one table of endpoints: requests are answered from it, and the description is made of it.

use std::future::Future;
use std::pin::Pin;

use percent_encoding::percent_decode_str;

use super::failure::{Code, Failure};
use super::{Answer, Asked, connections, guard, keys, links, openapi, tokens, watch};

/// What is waited for.
pub(super) type Doing = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// One thing that can be asked for.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// `GET`
    pub(super) method: &'static str,
    /// Below the base: `/scim/connections/{name}`.
    pub(super) path: &'static str,
    /// One line about it.
    pub(super) summary: &'static str,
    /// Its name in programs that are made from the description.
    pub(super) operation: &'static str,
    /// The schema of the body that it takes.
    pub(super) body: Option<&'static str>,
    /// Its status, and the schema of its answer.
    pub(super) answer: (u16, Option<&'static str>),
    pub(super) does: fn(Asked) -> Doing,
}

macro_rules! endpoints {
    ($($method:ident $path:literal $operation:ident $does:path, $summary:literal,
       $body:expr => $status:literal $answer:expr;)*) => {
        /// Every endpoint.
        pub(super) static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            method: stringify!($method),
            path: $path,
            summary: $summary,
            operation: stringify!($operation),
            body: $body,
            answer: ($status, $answer),
            does: |asked| Box::pin($does(asked)),
        },)*];
    };
}

endpoints! {
    GET "/openapi.json" describe openapi::describe, "This description", None => 200 None;
    GET "/certificates" listCertificates watch::certificates, "Everything that ends: certificates, metadata, tokens, exceptions; the most urgent first", None => 200 Some("Certificates");
    GET "/notices" listNotices watch::notices, "What administrators are told, the most urgent first, and how the channels are", None => 200 Some("Notices");
    GET "/scim/connections" listConnections connections::list, "All connections", None => 200 Some("Connections");
    POST "/scim/connections" createConnection connections::create, "Makes a connection", Some("NewConnection") => 201 Some("Connection");
    GET "/scim/connections/{name}" showConnection connections::show, "One connection", None => 200 Some("Connection");
    PATCH "/scim/connections/{name}" changeConnection connections::change, "Changes what is named of a connection", Some("ConnectionChange") => 200 Some("Connection");
    DELETE "/scim/connections/{name}" removeConnection connections::remove, "Removes a connection with its tokens, its keys and its groups; its people stay", None => 204 None;
    GET "/scim/connections/{name}/tokens" listTokens tokens::list, "The tokens of a connection, without their secrets", None => 200 Some("Tokens");
    POST "/scim/connections/{name}/tokens" createToken tokens::create, "Makes a token; its secret is in this answer alone", Some("NewToken") => 201 Some("MadeToken");
    POST "/scim/connections/{name}/tokens/rotate" rotateToken tokens::rotate, "Makes a token in the place of those before it, which end after the overlap", Some("Rotation") => 201 Some("RotatedToken");
    DELETE "/scim/connections/{name}/tokens/{id}" revokeToken tokens::revoke, "Ends a token at once", None => 204 None;
    GET "/scim/connections/{name}/keys" listKeys keys::list, "The public keys of a connection", None => 200 Some("Keys");
    POST "/scim/connections/{name}/keys" addKeys keys::add, "Adds a public key, or those of a set, by which its client shows who it is", Some("NewKeys") => 201 Some("Keys");
    DELETE "/scim/connections/{name}/keys/{id}" removeKey keys::remove, "Removes a key, which ends the access tokens that were given out for it", None => 204 None;
    GET "/scim/connections/{name}/guard" showGuard guard::show, "Whether deactivations are paused, and who waits", None => 200 Some("GuardState");
    POST "/scim/connections/{name}/approve" approveDeactivations guard::approve, "Lets deactivations through that the guard holds up", Some("Approval") => 200 Some("GuardState");
    POST "/scim/connections/{name}/resume" resumeGuard guard::resume, "Ends a pause without letting anybody through: it was a mistake", Some("Nothing") => 200 Some("GuardState");
    GET "/users/{name}/links" listLinks links::list, "What other identity providers call a person, who is named by id, userName or e-mail address", None => 200 Some("Links");
    POST "/users/{name}/links" createLink links::create, "Says what another identity provider calls a person", Some("NewLink") => 201 Some("Link");
    DELETE "/users/{name}/links/{id}" removeLink links::remove, "Takes the link to an identity provider away, and ends the person's sessions", None => 204 None;
}

/// What is meant by a method and a path.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) endpoint: &'static Endpoint,
    pub(super) name: String,
    pub(super) id: String,
}

/// Looks it up; one slash more at the end is one that people write.
pub(super) fn find(method: &str, path: &str) -> Result<Found, Failure> {
    let method = if method == "HEAD" { "GET" } else { method };
    let there: Vec<Found> =
        ENDPOINTS.iter().filter_map(|endpoint| matches(endpoint, path)).collect();
    if there.is_empty() {
        return Err(Failure::of(Code::NotFound));
    }
    let mut allow: Vec<&str> = there.iter().map(|found| found.endpoint.method).collect();
    allow.dedup();
    let allow = allow.join(", ");
    let found = there.into_iter().find(|found| found.endpoint.method == method);
    found.ok_or_else(|| Failure { allow: Some(allow), ..Failure::of(Code::Method) })
}

fn matches(endpoint: &'static Endpoint, path: &str) -> Option<Found> {
    let mut found = Found { endpoint, name: String::new(), id: String::new() };
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut own, mut asked) = (endpoint.path.split('/'), path.split('/'));
    loop {
        match (own.next(), asked.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(asked)) => {
                let value =
                    || percent_decode_str(asked).decode_utf8().ok().map(|it| it.into_owned());
                match own {
                    "{name}" => found.name = value()?,
                    "{id}" => found.id = value()?,
                    _ if own == asked => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_endpoint_and_what_is_in_it() {
        let found = find("DELETE", "/scim/connections/ok%74a/tokens/5d0c77e1/").unwrap();
        assert_eq!(
            (found.name.as_str(), found.id.as_str()),
            ("okta", "5d0c77e1")
        );
        assert_eq!(found.endpoint.operation, "revokeToken");
        let rotate = find("POST", "/scim/connections/okta/tokens/rotate").unwrap();
        assert_eq!(rotate.endpoint.operation, "rotateToken");
        let wrong = find("PUT", "/scim/connections/okta").unwrap_err();
        assert_eq!(wrong.code, Code::Method);
        assert_eq!(wrong.allow.as_deref(), Some("GET, PATCH, DELETE"));
        for nowhere in [
            "",
            "/",
            "/scim",
            "/scim/connections/a/b",
            "/scim//connections",
        ] {
            assert_eq!(
                find("GET", nowhere).unwrap_err().code,
                Code::NotFound,
                "{nowhere}"
            );
        }
    }

    #[test]
    fn every_endpoint_is_in_the_manual() {
        let manual = include_str!("../../../docs/api.md");
        for endpoint in ENDPOINTS {
            let line = format!("| `{} {}` |", endpoint.method, endpoint.path);
            assert!(manual.contains(&line), "{line}");
        }
    }
}
