//! The whole configuration, checked: what `serve` is built from.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::access::Route;
use crate::base::{Listen, NonEmpty, RoleName, TlsFiles};
use crate::identity::IdentitySettings;
use crate::saml::ServiceProvider;
use crate::session::Lifetimes;
use crate::telemetry::LogFormat;
use crate::trust::IdpSettings;

/// Everything that an operator sets. Each part belongs to the module that uses it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`; its `public_url` is in [`Config::sp`].
    pub server: ServerSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[saml]` and `server.public_url`.
    pub sp: ServiceProvider,
    /// `saml.keys`: the folder of the SP's keys.
    pub keys: PathBuf,
    /// Every `[[idp]]`, in the order of the file.
    pub idps: Vec<IdpSettings>,
    /// `[attributes]`, `[[role]]`, `[users]`.
    pub identity: IdentitySettings,
    /// Every `[[route]]`, in the order of the file; at least one.
    pub routes: Vec<Route>,
    /// `session.idle_timeout` and `session.lifetime`.
    pub lifetimes: Lifetimes,
    /// `session.store`
    pub session_store: SessionStoreKind,
    /// `users.database`: the file of the SQLite database.
    pub database: PathBuf,
    /// `server.templates`: the operator's own pages.
    pub templates: Option<PathBuf>,
    /// `[telemetry]`
    pub telemetry: TelemetrySettings,
    /// `[scim]`
    pub scim: ScimSettings,
}

/// `[server]`: the public listener.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where browsers and front proxies connect.
    pub listen: NonEmpty<Listen>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS on the TCP listeners; `None` is plain HTTP behind a proxy that has TLS.
    pub tls: Option<TlsFiles>,
}

/// `[admin]`: the listener for operators and machines.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// Metrics and health.
    pub listen: SocketAddr,
    /// Any of these roles makes an admin.
    pub roles: Vec<RoleName>,
}

/// `session.store`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStoreKind {
    /// Beside the users, in the database.
    Embedded,
}

/// `[telemetry]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// How log lines look.
    pub log: LogFormat,
}

/// `[scim]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScimSettings {
    /// Whether provisioning is offered.
    pub enabled: bool,
}
