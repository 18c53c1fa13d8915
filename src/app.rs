//! Everything a request may need, built once.
//!
//! In: settings and ports (stores, clock, randomness). Out: [`App`]. What an operator can change
//! while the gateway runs is in [`Live`] and is replaced as a whole: a request that began with the
//! old settings ends with them.

mod own;
mod today;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::{HostMatch, Routes};
use crate::audit::AuditSink;
use crate::base::{Clock, Entropy, PublicUrl, Timestamp};
use crate::directory::{
    Connections, DirectoryStore, Guard, Guards, People, Provisioning, RequestLog,
};
use crate::identity::IdentitySettings;
use crate::keys::{FetchLog, Fetches};
use crate::notice::Notices;
use crate::notice::outbox::Outbox;
use crate::notice::settings::NoticeSettings;
use crate::proxy::{Forwarder, TrustedProxies};
use crate::saml::binding::ask::Ask;
use crate::saml::discovery::DiscoveryService;
use crate::saml::metadata::SpDescription;
use crate::saml::one_use::OneUseStore;
use crate::saml::pending::PendingStore;
use crate::saml::{Family, ServiceProvider};
use crate::session::cookie::CookieNames;
use crate::session::{KeptStore, LoginStore, Sessions};
use crate::trust::{IdpStore, Registry, Renewals};
use crate::watch::Clocks;

pub use own::Own;
pub use today::Today;
pub use watch::{Watched, WatchedFiles, next_step};

/// The stores, each by the trait of the module that needs it.
#[derive(Clone)]
pub struct Ports {
    /// People.
    pub directory: Arc<dyn DirectoryStore>,
    /// Requests of ours that have not been answered.
    pub pending: Arc<dyn PendingStore>,
    /// Assertions that were used.
    pub one_use: Arc<dyn OneUseStore>,
    /// What is taken once.
    pub kept: Arc<dyn KeptStore>,
    /// Whole logins.
    pub logins: Arc<dyn LoginStore>,
    /// Events and login attempts.
    pub audit: Arc<dyn AuditSink>,
    /// Imported identity providers, and copies of metadata.
    pub idps: Arc<dyn IdpStore>,
    /// People and groups, for operators and other nodes.
    pub people: Arc<dyn People>,
    /// People and groups, for provisioning clients.
    pub provisioning: Arc<dyn Provisioning>,
    /// Provisioning clients.
    pub connections: Arc<dyn Connections>,
    /// What they asked.
    pub requests: Arc<dyn RequestLog>,
    /// What administrators were told.
    pub notices: Arc<dyn Notices>,
    /// What has to be sent to them.
    pub outbox: Arc<dyn Outbox>,
    /// What keeps those clients from deactivating everybody.
    pub guards: Arc<dyn Guards>,
    /// Who came for our metadata.
    pub fetches: Arc<dyn FetchLog>,
}

/// What an operator can change while the gateway runs.
pub struct Live {
    /// Our names.
    pub sp: ServiceProvider,
    /// What our metadata says about us.
    pub description: SpDescription,
    /// Whose addresses are ours as well.
    pub legacy: Vec<Family>,
    /// How assertions become people.
    pub identity: IdentitySettings,
    /// What goes where.
    pub routes: Routes,
    /// The hosts that routes name.
    pub sites: Sites,
    /// Whose `X-Forwarded-*` are believed.
    pub trusted_proxies: TrustedProxies,
    /// What other proxies may ask.
    pub forward_auth: ForwardAuth,
    /// How many people a connection may deactivate at once, where it has no guard of its own.
    pub guard: Guard,
    /// SHA-256 of what the admin listener's API is used by; without it the API is off.
    pub api_token: Option<[u8; 32]>,
    /// Who asks people for their identity provider, where they have to choose.
    pub discovery: Option<DiscoveryService>,
    /// Ways of signing in, from the weakest to the strongest.
    pub authn_context_order: Vec<String>,
    /// Files of ours that run out.
    pub watched: WatchedFiles,
    /// When administrators are told, and by what.
    pub notices: NoticeSettings,
    /// Passes requests on, along these routes.
    pub forwarder: Forwarder,
}

/// The origins of the hosts that routes name one by one, put together once: a request looks its own
/// up. Those below a `*.` are not in here.
#[derive(Clone, Debug, Default)]
pub struct Sites(HashMap<String, Arc<PublicUrl>>);

impl Sites {
    /// With the scheme and port of `own`.
    pub fn of(routes: &Routes, own: &PublicUrl) -> Self {
        let hosts = routes.iter().filter_map(|route| match &route.host {
            HostMatch::Exact(host) => Some(host.to_ascii_lowercase()),
            HostMatch::Any | HostMatch::Below(_) => None,
        });
        let site = |host: String| Some((host.clone(), Arc::new(own.at_host(&host)?)));
        Self(hosts.filter_map(site).collect())
    }

    /// The origin of a host, in lower case as clients write it.
    pub fn find(&self, host: &str) -> Option<&Arc<PublicUrl>> {
        self.0.get(host)
    }
}

/// What other proxies may ask (`server.forward_auth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// Anything at all.
    pub enabled: bool,
    /// At the addresses of oauth2-proxy too.
    pub oauth2_proxy_paths: bool,
}

/// The gateway without HTTP.
pub struct App {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The stores.
    pub ports: Ports,
    /// The sessions.
    pub sessions: Sessions,
    /// What sessions are told of the people in them.
    pub today: Arc<Today>,
    /// Our cookies' names and attributes.
    pub cookies: CookieNames,
    /// Who came for our metadata since that was last written.
    pub fetches: Fetches,
    own: ArcSwap<Own>,
    /// How other servers are asked.
    pub ask: Arc<dyn Ask>,
    /// How far the clocks of identity providers are off.
    pub clocks: Clocks,
    /// Whose metadata is to be asked for again at once.
    pub renewals: Renewals,
    live: ArcSwap<Live>,
    registry: ArcSwap<Registry>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// What [`App::new`] is made of.
pub struct Parts {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The stores.
    pub ports: Ports,
    /// The sessions.
    pub sessions: Sessions,
    /// What they are told of the people in them.
    pub today: Arc<Today>,
    /// Our keys, and our metadata.
    pub own: Own,
    /// How other servers are asked.
    pub ask: Arc<dyn Ask>,
    /// The settings to begin with.
    pub live: Live,
}

impl App {
    /// Puts the parts together. There are no identity providers until [`App::trust`].
    pub fn new(parts: Parts) -> Self {
        Self {
            clock: parts.clock,
            entropy: parts.entropy,
            ports: parts.ports,
            sessions: parts.sessions,
            today: parts.today,
            cookies: CookieNames::of(&parts.live.sp.public_url),
            fetches: Fetches::default(),
            own: ArcSwap::from_pointee(parts.own),
            ask: parts.ask,
            clocks: Clocks::default(),
            renewals: Renewals::default(),
            live: ArcSwap::from_pointee(parts.live),
            registry: ArcSwap::from_pointee(Registry::default()),
        }
    }

    /// The time at this moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The settings in force, without a lock and without counting: for a look in passing.
    pub fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.live.load()
    }

    /// The settings in force, to be held across waiting.
    pub fn settings(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Puts other settings in force. Sessions that are open are made anew by whoever calls this.
    pub fn replace(&self, live: Live) {
        self.today.replace(live.identity.clone());
        self.live.store(Arc::new(live));
    }

    /// Our keys and our metadata as they are now, to be held across waiting: a message that is begun
    /// with them ends with them.
    pub fn own(&self) -> Arc<Own> {
        self.own.load_full()
    }

    /// Puts other keys, or other metadata, in force.
    pub fn is_now(&self, own: Own) {
        self.own.store(Arc::new(own));
    }

    /// The identity providers.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Replaces the identity providers.
    pub fn trust(&self, registry: Registry) {
        self.registry.store(Arc::new(registry));
    }
}
