//! One request, or one of those inside a bulk.

use bytes::Bytes;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::scim::{Object, ScimError, json};

/// What is asked.
#[derive(Clone, Debug)]
pub(in crate::http::scim) struct Operation {
    /// How.
    pub method: Method,
    /// Where.
    pub place: Place,
    /// The query, still encoded.
    pub query: String,
    /// `If-Match`
    pub if_match: Option<String>,
    /// `If-None-Match`
    pub if_none_match: Option<String>,
    /// The body.
    pub body: Content,
}

/// A body, as it came or as it stood in a bulk.
#[derive(Clone, Debug)]
pub(in crate::http::scim) enum Content {
    /// Not read yet; empty where there is none.
    Bytes(Bytes),
    /// Read.
    Object(Object),
}

impl Content {
    /// The object that it is.
    pub(in crate::http::scim) fn object(self) -> Result<Object, ScimError> {
        match self {
            Self::Bytes(bytes) => json::object(&bytes),
            Self::Object(object) => Ok(object),
        }
    }
}

impl Operation {
    /// What it is called in metrics and in the log.
    pub(in crate::http::scim) fn word(&self) -> &'static str {
        match (&self.method, &self.place) {
            (&Method::POST, Place::Search(_)) => "search",
            (&Method::POST, Place::Bulk) => "bulk",
            (&Method::GET | &Method::HEAD, Place::All(_) | Place::Root) => "list",
            (&Method::GET | &Method::HEAD, _) => "get",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "replace",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, _) => "delete",
            _ => "other",
        }
    }
}

/// Which resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::scim) enum Collection {
    /// `/Users`
    Users,
    /// `/Groups`
    Groups,
}

/// A path below the base (RFC 7644, 3.2, table 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::scim) enum Place {
    /// `/`: everything.
    Root,
    /// `/Users`
    All(Collection),
    /// `/Users/2819c223`
    One(Collection, String),
    /// `/.search`, `/Users/.search`
    Search(Option<Collection>),
    /// `/Bulk`
    Bulk,
    /// `/Me`
    Me,
    /// `/ServiceProviderConfig`
    ServiceProviderConfig,
    /// `/ResourceTypes`, `/ResourceTypes/User`
    ResourceTypes(Option<String>),
    /// `/Schemas`, `/Schemas/urn:…`
    Schemas(Option<String>),
}

impl Place {
    /// The place of a path behind the base. Clients write one slash more at its end, or none.
    pub(in crate::http::scim) fn of(path: &str) -> Result<Self, ScimError> {
        let nowhere = || ScimError::of(StatusCode::NOT_FOUND, "there is no such endpoint");
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let (first, second) = (segments.next(), segments.next());
        if segments.next().is_some() {
            return Err(nowhere());
        }
        let Some(first) = first else {
            return Ok(Self::Root);
        };
        let named = second.map(decoded).transpose()?;
        let among = |all: Collection| match named.as_deref() {
            None => Self::All(all),
            Some(".search") => Self::Search(Some(all)),
            Some(id) => Self::One(all, id.to_owned()),
        };
        match (first, &named) {
            ("Users", _) => Ok(among(Collection::Users)),
            ("Groups", _) => Ok(among(Collection::Groups)),
            ("ResourceTypes", _) => Ok(Self::ResourceTypes(named)),
            ("Schemas", _) => Ok(Self::Schemas(named)),
            (".search", None) => Ok(Self::Search(None)),
            ("Bulk", None) => Ok(Self::Bulk),
            ("Me", None) => Ok(Self::Me),
            ("ServiceProviderConfig", None) => Ok(Self::ServiceProviderConfig),
            _ => Err(nowhere()),
        }
    }

    /// What it is called in metrics and in the log.
    pub(in crate::http::scim) const fn resource(&self) -> &'static str {
        match self {
            Self::All(Collection::Users)
            | Self::One(Collection::Users, _)
            | Self::Search(Some(Collection::Users)) => "User",
            Self::All(Collection::Groups)
            | Self::One(Collection::Groups, _)
            | Self::Search(Some(Collection::Groups)) => "Group",
            Self::Root | Self::Search(None) => "all",
            Self::Bulk => "Bulk",
            Self::Me => "Me",
            Self::ServiceProviderConfig | Self::ResourceTypes(_) | Self::Schemas(_) => "discovery",
        }
    }

    /// What may be done there, for `Allow`.
    pub(in crate::http::scim) const fn allow(&self) -> &'static str {
        match self {
            Self::All(_) => "GET, POST",
            Self::One(..) => "GET, PUT, PATCH, DELETE",
            Self::Search(_) | Self::Bulk => "POST",
            Self::Root
            | Self::Me
            | Self::ServiceProviderConfig
            | Self::ResourceTypes(_)
            | Self::Schemas(_) => "GET",
        }
    }
}

fn decoded(segment: &str) -> Result<String, ScimError> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(Into::into).map_err(|_| ScimError::not_found(segment))
}

/// The versions that `If-Match` or `If-None-Match` names (RFC 9110, 13.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::scim) enum Tags {
    /// `*`: any.
    Any,
    /// These; none of them, if they are not ours.
    These(Vec<i64>),
}

impl Tags {
    /// Reads the header. Ours are weak; strong ones are taken for the same, since clients forget
    /// the `W/`.
    pub(in crate::http::scim) fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        let version = |tag: &str| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
        };
        Self::These(header.split(',').filter_map(version).collect())
    }

    /// Whether it names this version.
    pub(in crate::http::scim) fn names(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::These(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_a_slash_more() {
        for path in ["/Users", "/Users/", "//Users"] {
            assert_eq!(Place::of(path).unwrap(), Place::All(Collection::Users));
        }
        let one = Place::One(Collection::Groups, "a b".to_owned());
        assert_eq!(Place::of("/Groups/a%20b/").unwrap(), one);
        assert_eq!(Place::of("").unwrap(), Place::Root);
        assert_eq!(Place::of("/.search").unwrap(), Place::Search(None));
        let users = Place::Search(Some(Collection::Users));
        assert_eq!(Place::of("/Users/.search").unwrap(), users);
        for nowhere in ["/users", "/Bulk/1", "/Users/1/2", "/Me/1", "/x"] {
            assert_eq!(
                Place::of(nowhere).unwrap_err().status,
                StatusCode::NOT_FOUND
            );
        }
        assert_eq!(
            Place::of("/Users/%ff").unwrap_err().status,
            StatusCode::NOT_FOUND
        );
    }

    #[test]
    fn versions_are_read_from_weak_and_strong_tags() {
        assert_eq!(Tags::parse(" * "), Tags::Any);
        assert_eq!(Tags::parse("W/\"3\", \"4\""), Tags::These(vec![3, 4]));
        assert_eq!(Tags::parse("W/\"a330bc\""), Tags::These(Vec::new()));
        assert!(Tags::parse("\"7\"").names(7) && !Tags::parse("7").names(7));
    }
}
