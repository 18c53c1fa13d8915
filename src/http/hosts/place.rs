//! Which of our hosts a request is for.
//!
//! In: `Host` or `:authority`, and the routes. Out: a [`Place`]. A host that no route names is taken
//! for the auth host, as the routes take it.

use std::sync::Arc;

use http::request::Parts;

use crate::access::host::{host, without_port};
use crate::app::Live;
use crate::base::{LocalPath, PublicUrl, ReturnTo};

/// The auth host, or another one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    other: Option<Arc<PublicUrl>>,
}

impl Place {
    /// Where this request is.
    pub fn of(parts: &Parts, live: &Live) -> Self {
        host(parts).map_or_else(|_| Self::default(), |host| Self::named(host, live))
    }

    /// The place of a host, with or without a port.
    pub fn named(host: &str, live: &Live) -> Self {
        let own = &live.sp.public_url;
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        if own.host().eq_ignore_ascii_case(host) {
            return Self::default();
        }
        if let Some(site) = live.sites.find(host) {
            return Self { other: Some(Arc::clone(site)) };
        }
        let site = live.routes.is_named(host).then(|| own.at_host(&host.to_ascii_lowercase()));
        Self { other: site.flatten().map(Arc::new) }
    }

    /// Where `to` leads.
    pub fn to(to: &ReturnTo) -> Self {
        Self { other: to.site().cloned() }
    }

    /// The host's name; `None` is the auth host.
    pub fn host(&self) -> Option<&str> {
        self.other.as_deref().map(PublicUrl::host)
    }

    /// Scheme, host and port.
    pub fn origin<'a>(&'a self, live: &'a Live) -> &'a PublicUrl {
        self.other.as_deref().unwrap_or(&live.sp.public_url)
    }

    /// A page here.
    pub fn page(&self, path: LocalPath) -> ReturnTo {
        match &self.other {
            Some(site) => ReturnTo::at(Arc::clone(site), path),
            None => path.into(),
        }
    }

    /// `/` here.
    pub fn home(&self) -> ReturnTo {
        self.page(LocalPath::root())
    }

    /// An address as somebody wrote it who is here: a path of this host, or a whole address on any
    /// host of ours.
    pub fn read(&self, text: &str, live: &Live) -> Option<ReturnTo> {
        match LocalPath::from_path(text) {
            Some(path) => Some(self.page(path)),
            None => ReturnTo::parse(text, &live.sp.public_url, |host| live.routes.is_named(host)),
        }
    }
}
