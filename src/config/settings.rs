//! The whole configuration, checked: what `serve` is built from.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::access::{Route, Underscores};
use crate::base::{Listen, NonEmpty, ProxyProtocol, Rate, RoleName, Secret, TlsFiles};
use crate::directory::{Guard, LogSettings};
use crate::identity::IdentitySettings;
use crate::keys::Policy;
use crate::notice::settings::NoticeSettings;
use crate::saml::discovery::DiscoveryService;
use crate::saml::metadata::SpDescription;
use crate::saml::{Family, ServiceProvider};
use crate::scim::Catalogue;
use crate::session::Lifetimes;
use crate::store::DatabaseAddress;
use crate::store::keys::KeySettings;
use crate::store::redis::RedisSettings;
use crate::tasks::fetch::Reach;
use crate::tasks::retention::Retention;
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
    /// `saml.legacy_paths`: whose addresses are ours as well.
    pub legacy_paths: Vec<Family>,
    /// Our keys, of `[saml]`.
    pub keys: KeyConfig,
    /// What our metadata says about us: `[saml]`, `[[saml_contact]]`, `[[saml_attribute]]`.
    pub description: SpDescription,
    /// `saml.authn_context_order`
    pub authn_context_order: Vec<String>,
    /// `saml.discovery`
    pub discovery: Option<DiscoveryService>,
    /// `saml.allow_private_metadata`: where metadata is fetched from.
    pub reach: Reach,
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
    /// `users.database`
    pub database: DatabaseAddress,
    /// `[audit]`, and `users.keep_deleted`.
    pub retention: Retention,
    /// `server.templates`: the operator's own pages.
    pub templates: Option<PathBuf>,
    /// `[telemetry]`
    pub telemetry: TelemetrySettings,
    /// `[scim]`
    pub scim: ScimSettings,
    /// `[limits]`
    pub limits: RateLimits,
    /// `[notices]`, `[[notice_webhook]]`
    pub notices: NoticeSettings,
}

/// Our keys: where they are, and when they are replaced.
#[derive(Clone, Debug)]
pub struct KeyConfig {
    /// The folder, or what is given in its place.
    pub settings: KeySettings,
    /// `saml.rotate_keys = "auto"`
    pub policy: Option<Policy>,
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
    /// Whether trusted proxies say by the PROXY protocol whom they speak for.
    pub proxy_protocol: ProxyProtocol,
    /// Requests with names such as `Remote_User`.
    pub underscore_headers: Underscores,
    /// How long new connections are still taken when the gateway was told to stop.
    pub shutdown_delay: Duration,
    /// How long what has begun may take then.
    pub shutdown_grace: Duration,
    /// Another process may listen on the same address at the same time.
    pub reuse_port: bool,
    /// Threads that serve requests; one for each core without it.
    pub workers: Option<NonZeroUsize>,
    /// How many connections may be open.
    pub connections: ConnectionLimits,
    /// The endpoints for other proxies.
    pub forward_auth: ForwardAuth,
}

/// `server.max_connections` and `server.max_connections_per_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total: u32,
    /// From one address that is no trusted proxy.
    pub per_client: Option<u32>,
}

/// `server.forward_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// Trusted proxies may ask at `/.samlgate/authz/`.
    pub enabled: bool,
    /// They may also ask at `/oauth2/auth` and `/oauth2/userinfo`, as they asked oauth2-proxy.
    pub oauth2_proxy_paths: bool,
}

/// `[limits]`: how often one client address may ask for what costs most; `None` is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Sign-ins that are begun.
    pub sign_in: Option<Rate>,
    /// Answers of identity providers.
    pub acs: Option<Rate>,
    /// Requests for provisioning.
    pub scim: Option<Rate>,
}

/// `[admin]`: the listener for operators and machines.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// Metrics and health.
    pub listen: SocketAddr,
    /// Any of these roles makes an admin.
    pub roles: Vec<RoleName>,
    /// What the API is used by; without one it is switched off.
    pub token: Option<Secret<String>>,
}

/// `session.store`.
#[derive(Clone, Debug)]
pub enum SessionStoreKind {
    /// Beside the users, in the database.
    Embedded {
        /// `session.grace`, where several nodes use that database.
        grace: Duration,
    },
    /// In Redis, for several nodes.
    Redis {
        /// `session.store`, `session.ca`, `session.seal_key`
        settings: RedisSettings,
        /// `session.grace`
        grace: Duration,
    },
}

/// `[telemetry]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// How log lines look.
    pub log: LogFormat,
}

/// `[scim]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimSettings {
    /// Whether provisioning is offered.
    pub enabled: bool,
    /// The schemas of the standard, and those of `[[scim_schema]]`.
    pub catalogue: Catalogue,
    /// `log_keep`, `log_bodies_until`
    pub log: LogSettings,
    /// How many people a connection may deactivate at once.
    pub guard: Guard,
}
