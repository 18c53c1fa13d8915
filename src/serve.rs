//! A configuration → a running gateway.
//!
//! The one place where the parts are put together: keys and stores are opened, the application is
//! built, listeners are bound, tasks begin. `samlgate serve` and `samlgate demo` both come here.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::body::Incoming;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use openssl::sha::sha256;
use tokio::sync::{Notify, watch};

use crate::access::Routes;
use crate::app::{App, ForwardAuth, Live, Own, Parts, Ports, Sites, Today, WatchedFiles};
use crate::audit::{Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::entropy::{SystemEntropy, token};
use crate::base::{Clock as _, ErrorCode, Listen, StoreError, Timestamp};
use crate::config::{Config, SessionStoreKind};
use crate::directory::Recorder;
use crate::http::admin::{self, Readiness};
use crate::http::api;
use crate::http::forms::Allowance;
use crate::http::hosts::Loops;
use crate::http::rates::{RateSettings, Rates};
use crate::http::scim::{Scim, ScimParts};
use crate::http::seal::Seal;
use crate::http::server::{self, BindError, Detached, Listener, Patience, Places};
use crate::http::tls::{Tls, TlsError};
use crate::http::{Door, Gateway, PageSettings, Pages, workers};
use crate::proxy::{Balancers, ForwardSettings, Forwarder, Jwt, Peer, Pool, TrustedProxies};
use crate::session::{SessionStore, Sessions};
use crate::store::keys::{KeyFolderError, open_keys};
use crate::store::{Database, RedisStore};
use crate::tasks::ask::Asker;
use crate::tasks::fetch::{FetchError, Fetcher};
use crate::tasks::keys::{self as key_changes, KeyTask};
use crate::tasks::retention::Retention;
use crate::tasks::{
    Supervisor, expiry, guards, health, housekeeping, notices, people, provisioning, retention,
    trust,
};
use crate::telemetry::{CONFIG_LAST_RELOAD_SUCCESS, CONFIG_LAST_RELOAD_SUCCESSFUL, seconds};
use crate::trust::IdpSettings;

/// Sessions kept in memory: those in use. At about 2 KB each, 200 MB when all are taken.
const SESSIONS_IN_MEMORY: u64 = 100_000;
/// Everything besides requests and tunnels ends within this.
const LAST: Duration = Duration::from_secs(2);

/// Why the gateway can not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder of keys.
    #[error("keys: {0}")]
    Keys(#[from] KeyFolderError),
    /// The database.
    #[error("{0}")]
    Store(String),
    /// The settings of Redis.
    #[error("session.store: {0}")]
    SessionStore(StoreError),
    /// An address that is taken, or not ours.
    #[error("{0}")]
    Bind(#[from] BindError),
    /// Certificate or key of the listener.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// Our metadata could not be signed.
    #[error("our metadata can not be signed: {0}")]
    Metadata(String),
    /// No certificate authorities to fetch metadata by.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// The system gives no threads.
    #[error("the system gives no threads: {0}")]
    Thread(io::Error),
}

impl StartError {
    /// Whether a port is taken, and which.
    pub fn taken(&self) -> Option<&Listen> {
        match self {
            Self::Bind(error) if error.source.kind() == io::ErrorKind::AddrInUse => {
                Some(&error.address)
            }
            _ => None,
        }
    }
}

/// A gateway that runs until it is told to stop.
pub struct Running {
    gateway: Arc<Gateway>,
    supervisor: Supervisor,
    readiness: Readiness,
    store: Arc<dyn Database>,
    idps: watch::Sender<Arc<Vec<IdpSettings>>>,
    keys: watch::Sender<KeyTask>,
    recorder: Arc<Recorder>,
    retention: watch::Sender<Retention>,
    balancers: watch::Sender<Arc<Balancers>>,
    pool: Pool,
    places: Arc<Places>,
    tls: Option<Tls>,
    in_force: Config,
    /// Where the public listener listens, with real ports.
    pub addresses: Vec<Listen>,
    /// Where the admin listener listens.
    pub admin: Listen,
}

/// Starts a gateway. When it returns, both listeners answer.
pub async fn start(config: Config, metrics: PrometheusHandle) -> Result<Running, StartError> {
    let now = SystemClock.now();
    let entropy = Arc::new(SystemEntropy);
    // Listeners first: a taken port is the commonest mistake, and must leave nothing behind.
    let tls = match &config.server.tls {
        Some(files) => Some(Tls::load(&files.certificate, &files.key)?),
        None => None,
    };
    let places = Places::new(
        most_connections(&config),
        config.server.connections.per_client,
    );
    let mut listeners = Vec::new();
    for listen in config.server.listen.iter() {
        let tls = tls.clone().filter(|_| matches!(listen, Listen::Tcp(_)));
        let listener = match config.server.reuse_port {
            true => Listener::bind_beside(listen.clone(), tls).await?,
            false => Listener::bind(listen.clone(), tls).await?,
        };
        let trusted = TrustedProxies::new(config.server.trusted_proxies.clone());
        let listener = listener.trusting(trusted).expecting(config.server.proxy_protocol);
        listeners.push(listener.limited(&places));
    }
    let admin_listener = Listener::bind(Listen::Tcp(config.admin.listen), None).await?;

    let keys = Arc::new(open_keys(&config.keys.settings, now)?);
    key_changes::report(&keys);
    let store = config.database.open().await;
    let store = store.map_err(|error| StartError::Store(config.database.complaint(&error)))?;

    let own = Own::new(
        &config.sp,
        &config.legacy_paths,
        &config.description,
        Arc::clone(&keys),
        now,
    );
    let own = own.map_err(|error| StartError::Metadata(error.to_string()))?;
    let fetcher = Fetcher::new()?.reaching(config.reach);
    let seal = Seal::new(keys.seal.clone());
    let (signing, published) = (keys.jwt.clone(), keys.jwt_published.clone());
    let jwt = Jwt::new(&config.sp.public_url, signing, published, entropy.clone());
    let jwt = Arc::new(jwt);
    let supervisor = Supervisor::patient(config.server.shutdown_grace);
    let pool = Pool::new();
    let live = live(&config, &pool, &jwt, &supervisor, &Balancers::default());
    let (ports, sessions) = stores(&config, &store, &entropy)?;
    let today = Arc::new(Today::new(ports.directory.clone(), config.identity.clone()));
    let sessions = sessions.knowing(today.clone());
    let app = Arc::new(App::new(Parts {
        clock: Arc::new(SystemClock),
        entropy,
        ports,
        sessions,
        today,
        own,
        ask: Arc::new(Asker::by(fetcher.clone())),
        live,
    }));
    let changed = Arc::new(Notify::new());
    let rates = Arc::new(ArcSwap::from_pointee(Rates::new(rates(&config))));
    let recorder = Arc::new(Recorder::new(config.scim.log));
    let gateway = Arc::new(Gateway {
        app: Arc::clone(&app),
        pages: ArcSwap::from_pointee(pages(&config)),
        jwt: Arc::clone(&jwt),
        seal,
        allowance: Allowance::default(),
        loops: Loops::default(),
        scim: scim(&config, &app, &rates, &changed, &recorder),
        rates,
    });

    let readiness = Readiness::default();
    readiness.not_ready("identity providers", "their metadata is being loaded");
    readiness.not_ready("store", "it was not asked yet");
    let addresses = listeners.iter().map(Listener::address).collect();
    let admin = admin_listener.address();
    let door = Door::new(Arc::clone(&gateway));
    listen(&supervisor, listeners, &config, &door)?;
    listen_admin(
        &supervisor,
        admin_listener,
        &config,
        readiness.clone(),
        metrics,
        &gateway,
    );

    let (idps, configured) = watch::channel(Arc::new(config.idps.clone()));
    let (kept, ready) = (Arc::clone(&app), readiness.clone());
    supervisor.keep("identity providers", move |stop| {
        let ready = ready.clone();
        let loaded_once = move || ready.ready("identity providers");
        trust::keep(
            Arc::clone(&kept),
            configured.clone(),
            fetcher.clone(),
            loaded_once,
            stop,
        )
    });
    let (kept, swept, ready) = (Arc::clone(&app), Arc::clone(&store), readiness.clone());
    supervisor.keep("sessions", move |stop| {
        let ready = ready.clone();
        let answers = move |answer: Result<(), &StoreError>| match answer {
            Ok(()) => ready.ready("store"),
            Err(error) => ready.not_ready("store", error.detail.clone()),
        };
        housekeeping::sessions(Arc::clone(&kept), Arc::clone(&swept), answers, stop)
    });

    let (retention, kept_for) = watch::channel(config.retention);
    let (kept, old) = (Arc::clone(&app), Arc::clone(&store));
    supervisor.keep("retention", move |stop| {
        retention::keep(Arc::clone(&kept), Arc::clone(&old), kept_for.clone(), stop)
    });

    let (keys, kept_by) = watch::channel(KeyTask {
        settings: config.keys.settings.clone(),
        policy: config.keys.policy,
    });
    let kept = Arc::clone(&app);
    supervisor.keep("keys", move |stop| {
        key_changes::keep(Arc::clone(&kept), Arc::clone(&jwt), kept_by.clone(), stop)
    });

    let (balancers, checked) = watch::channel(Arc::clone(app.live().forwarder.balancers()));
    let asking = pool.clone();
    supervisor.keep("health checks", move |stop| {
        health::keep(asking.clone(), checked.clone(), stop)
    });
    let kept = Arc::clone(&app);
    supervisor.keep("people", move |stop| {
        people::keep(Arc::clone(&kept), Arc::clone(&changed), stop)
    });
    let (kept, taken) = (Arc::clone(&app), Arc::clone(&recorder));
    supervisor.keep("provisioning", move |stop| {
        provisioning::keep(Arc::clone(&kept), Arc::clone(&taken), stop)
    });
    if config.scim.enabled {
        let kept = Arc::clone(&app);
        supervisor.keep("guards", move |stop| guards::keep(Arc::clone(&kept), stop));
    }
    let kept = Arc::clone(&app);
    let is_alone = !config.database.is_for_several();
    supervisor.keep("expiries", move |stop| {
        expiry::keep(Arc::clone(&kept), is_alone, stop)
    });
    let node = match config.database.is_for_several() {
        true => token(app.entropy.as_ref()),
        // Who died here is nobody to be waited for.
        false => "this".to_owned(),
    };
    let kept = Arc::clone(&app);
    supervisor.keep("notices", move |stop| {
        notices::keep(Arc::clone(&kept), node.clone(), stop)
    });
    let kept = Arc::clone(&app);
    supervisor.keep("endings", move |stop| {
        housekeeping::endings(Arc::clone(&kept), stop)
    });

    let running = Running {
        gateway,
        retention,
        balancers,
        supervisor,
        readiness,
        store,
        idps,
        keys,
        recorder,
        pool,
        places,
        tls,
        in_force: config,
        addresses,
        admin,
    };
    running.record(EventKind::ServerStarted, now).await;
    reloaded(true, now);
    Ok(running)
}

impl Running {
    /// Puts another configuration in force. What needs a restart is left as it was, and named.
    ///
    /// `waiting` are the keys whose change takes effect at the next start.
    pub async fn reload(&mut self, mut config: Config, waiting: &[String]) {
        let now = SystemClock.now();
        for key in waiting {
            tracing::warn!(key, "this change takes effect at the next start");
        }
        // Our own names are in our metadata, in cookies and in tokens that are out already.
        config.sp.public_url = self.in_force.sp.public_url.clone();
        config.sp.entity_id = self.in_force.sp.entity_id.clone();
        config.legacy_paths.clone_from(&self.in_force.legacy_paths);
        let earlier = Arc::clone(self.gateway.app.live().forwarder.balancers());
        let live = live(
            &config,
            &self.pool,
            &self.gateway.jwt,
            &self.supervisor,
            &earlier,
        );
        self.balancers.send_replace(Arc::clone(live.forwarder.balancers()));
        let others = self.gateway.app.live().identity != live.identity;
        self.gateway.app.replace(live);
        key_changes::resign(&self.gateway.app, now);
        if others && let Err(error) = self.gateway.app.sessions.renew_all(now).await {
            tracing::warn!(
                detail = error.detail,
                "open streams go on by the rules of before"
            );
        }
        self.gateway.pages.store(Arc::new(pages(&config)));
        if !self.gateway.rates.load().are(rates(&config)) {
            self.gateway.rates.store(Arc::new(Rates::new(rates(&config))));
        }
        self.idps.send_replace(Arc::new(config.idps.clone()));
        // Where the keys are takes effect with the next start.
        self.keys.send_modify(|keys| keys.policy = config.keys.policy);
        self.recorder.replace(config.scim.log);
        self.retention.send_replace(config.retention);
        self.reload_certificate();
        self.record(EventKind::ConfigReloaded, now).await;
        reloaded(true, now);
        tracing::info!("configuration reloaded");
    }

    /// The configuration in the file is wrong: the running one stays.
    pub async fn keep_configuration(&self, mistakes: &str) {
        let now = SystemClock.now();
        tracing::error!(detail = mistakes, "the configuration in force stays");
        reloaded(false, now);
        let event = Event {
            code: Some(ErrorCode::ConfigValue),
            detail: serde_json::json!({ "mistakes": mistakes }),
            ..Event::new(EventKind::ConfigReloaded)
        };
        self.write(&event, now).await;
    }

    /// The files of the listener's certificate and key, to be watched.
    pub fn certificate_files(&self) -> Vec<PathBuf> {
        let files = self.in_force.server.tls.as_ref();
        files.map_or_else(Vec::new, |tls| {
            vec![tls.certificate.clone(), tls.key.clone()]
        })
    }

    /// Reads certificate and key again; when they do not fit, the old ones stay.
    pub fn reload_certificate(&self) {
        match self.tls.as_ref().map(Tls::reload) {
            Some(Ok(())) => tracing::info!("certificate reloaded"),
            Some(Err(error)) => {
                tracing::error!(detail = error.to_string(), "the old certificate stays");
            }
            None => {}
        }
    }

    /// Says at `/readyz` that it is about to stop. New connections are still taken: balancers that
    /// ask there need this long to hear of it (`server.shutdown_delay`). Those that are open are
    /// closed with their next answer, so that nobody's request meets a closing connection.
    pub fn announce_stop(&self) -> Duration {
        self.readiness.not_ready("stopping", "the gateway was told to stop");
        self.places.leave();
        self.in_force.server.shutdown_delay
    }

    /// Stops: not ready, no new connections, what has begun may end, then everything is written.
    pub async fn stop(self) {
        self.readiness.not_ready("stopping", "the gateway was told to stop");
        let grace = self.in_force.server.shutdown_grace;
        let grace = grace.saturating_add(server::FAREWELL).saturating_add(LAST);
        let complete = self.supervisor.finish(grace).await;
        if !complete {
            tracing::warn!("some requests were cut off");
        }
        let now = SystemClock.now();
        provisioning::finish(&self.gateway.app, &self.recorder).await;
        if let Err(error) = self.gateway.app.sessions.flush_touched(now).await {
            tracing::warn!(detail = error.detail, "idle times were not written");
        }
        self.record(EventKind::ServerStopped, now).await;
        self.store.close().await;
        tracing::info!("stopped");
    }

    async fn record(&self, kind: EventKind, now: Timestamp) {
        self.write(&Event::new(kind), now).await;
    }

    async fn write(&self, event: &Event, now: Timestamp) {
        let audit = &self.gateway.app.ports.audit;
        if let Err(error) = audit.record(event, now).await {
            tracing::error!(detail = error.detail, "the audit record was not written");
        }
    }
}

/// Where what is kept: all of it in the database, or what nodes share in Redis.
fn stores(
    config: &Config,
    store: &Arc<dyn Database>,
    entropy: &Arc<SystemEntropy>,
) -> Result<(Ports, Sessions), StartError> {
    let ports = Ports {
        directory: store.clone(),
        pending: store.clone(),
        one_use: store.clone(),
        kept: store.clone(),
        logins: store.clone(),
        audit: store.clone(),
        idps: store.clone(),
        people: store.clone(),
        provisioning: store.clone(),
        connections: store.clone(),
        requests: store.clone(),
        notices: store.clone(),
        outbox: store.clone(),
        guards: store.clone(),
        fetches: store.clone(),
    };
    match &config.session_store {
        SessionStoreKind::Embedded { grace } => {
            let sessions: Arc<dyn SessionStore> = store.clone();
            let sessions = Sessions::new(sessions, config.lifetimes, SESSIONS_IN_MEMORY);
            let sessions = match config.database.is_for_several() {
                true => sessions.shared(*grace),
                false => sessions,
            };
            Ok((ports, sessions))
        }
        SessionStoreKind::Redis { settings, grace } => {
            let clock = Arc::new(SystemClock);
            let redis = RedisStore::new(settings, Arc::clone(store), clock, entropy.clone());
            let redis = Arc::new(redis.map_err(StartError::SessionStore)?);
            let ports = Ports {
                pending: redis.clone(),
                one_use: redis.clone(),
                kept: redis.clone(),
                logins: redis.clone(),
                ..ports
            };
            let sessions = Sessions::new(redis, config.lifetimes, SESSIONS_IN_MEMORY);
            Ok((ports, sessions.shared(*grace)))
        }
    }
}

/// The server of SCIM, where it is switched on.
fn scim(
    config: &Config,
    app: &Arc<App>,
    rates: &Arc<ArcSwap<Rates>>,
    changed: &Arc<Notify>,
    recorder: &Arc<Recorder>,
) -> Option<Scim> {
    let own = config.sp.public_url.to_string();
    config.scim.enabled.then(|| {
        Scim::new(ScimParts {
            app: Arc::clone(app),
            // They are those of the start, and are needed until the process ends.
            catalogue: Box::leak(Box::new(config.scim.catalogue.clone())),
            public_url: own.trim_end_matches('/').to_owned(),
            rates: Arc::clone(rates),
            changed: Arc::clone(changed),
            recorder: Arc::clone(recorder),
        })
    })
}

fn patience(config: &Config) -> Patience {
    Patience { grace: config.server.shutdown_grace, ..Patience::default() }
}

fn listen(
    supervisor: &Supervisor,
    listeners: Vec<Listener>,
    config: &Config,
    door: &Door,
) -> Result<(), StartError> {
    let count = config.server.workers.map_or_else(workers::count, NonZeroUsize::get);
    let patience = patience(config);
    let mut shares: Vec<_> = (0..count).map(|_| Vec::new()).collect();
    for listener in listeners {
        for (share, detached) in shares.iter_mut().zip(listener.share(count)?) {
            share.push(detached);
        }
    }
    for (name, share) in shares.into_iter().enumerate() {
        let door = door.clone();
        let serve = async move |detached: Vec<Detached>, stop| {
            let door = Arc::new(door);
            let service = move |request, peer| Arc::clone(&door).serve(request, peer);
            let listeners: Result<_, _> = detached.into_iter().map(Detached::attach).collect();
            match listeners {
                Ok(listeners) => server::serve(listeners, service, stop, patience).await,
                Err(error) => tracing::error!(%error, "a worker does not listen"),
            }
        };
        let done = workers::start(name, share, supervisor.stop_signal(), serve);
        let done = done.map_err(StartError::Thread)?;
        supervisor.run_to_end(async {
            // An error is a worker that ended by itself, and that it ended is all there is to know.
            let _ = done.await;
        });
    }
    Ok(())
}

fn listen_admin(
    supervisor: &Supervisor,
    listener: Listener,
    config: &Config,
    readiness: Readiness,
    metrics: PrometheusHandle,
    gateway: &Arc<Gateway>,
) {
    let router = admin::router(readiness, metrics).merge(api::router(Arc::clone(gateway)));
    let service = move |mut request: http::Request<Incoming>, peer: Peer| {
        let router = router.clone();
        request.extensions_mut().insert(api::Sender::of(peer));
        async move {
            match tower::ServiceExt::oneshot(router, request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    let stop = supervisor.stop_signal();
    let patience = patience(config);
    supervisor.run_to_end(server::serve(vec![listener], service, stop, patience));
}

/// What can be changed while the gateway runs.
fn live(
    config: &Config,
    pool: &Pool,
    jwt: &Arc<Jwt>,
    supervisor: &Supervisor,
    earlier: &Balancers,
) -> Live {
    let routes = Routes::new(config.routes.clone()).at(config.sp.public_url.host());
    let trusted = TrustedProxies::new(config.server.trusted_proxies.clone());
    let settings = ForwardSettings {
        own: config.sp.public_url.clone(),
        trusted: trusted.clone(),
        underscores: config.server.underscore_headers,
    };
    let background = Arc::new(supervisor.clone());
    let balancers = Arc::new(Balancers::after(&routes, earlier));
    let jwt = Arc::clone(jwt);
    let forwarder = Forwarder::new(pool, &routes, balancers, jwt, settings, background);
    let server = config.server.tls.as_ref().map(|tls| tls.certificate.clone());
    let idps = config.idps.iter().map(|idp| idp.name.to_string()).collect();
    let (keys, policy) = (config.keys.settings.clone(), config.keys.policy);
    let watched = WatchedFiles { idps, ..WatchedFiles::new(keys, policy, server, &routes) };
    Live {
        sp: config.sp.clone(),
        description: config.description.clone(),
        legacy: config.legacy_paths.clone(),
        identity: config.identity.clone(),
        sites: Sites::of(&routes, &config.sp.public_url),
        routes,
        trusted_proxies: trusted,
        forward_auth: ForwardAuth {
            enabled: config.server.forward_auth.enabled,
            oauth2_proxy_paths: config.server.forward_auth.oauth2_proxy_paths,
        },
        guard: config.scim.guard,
        api_token: config.admin.token.as_ref().map(|token| sha256(token.reveal().as_bytes())),
        discovery: config.discovery.clone(),
        authn_context_order: config.authn_context_order.clone(),
        watched,
        notices: config.notices.clone(),
        forwarder,
    }
}

/// `server.max_connections`, or as many as the system gives files for: a connection to us may need
/// one to an application, and without a file left nobody is served at all.
fn most_connections(config: &Config) -> usize {
    let most = usize::try_from(config.server.connections.total).unwrap_or(usize::MAX);
    // Not everywhere is there such a file.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(files) = open_files(&limits) else {
        return most;
    };
    let possible = (files.saturating_sub(OWN_FILES) / 2).max(1);
    if possible < most && most == UNASKED {
        // Nobody has asked for so many.
        tracing::info!(
            possible,
            "as many connections at once as the limit of open files allows"
        );
    } else if possible < most {
        tracing::warn!(
            files,
            possible,
            "server.max_connections needs more open files than the system allows (LimitNOFILE, ulimit -n)"
        );
    }
    most.min(possible)
}

/// `server.max_connections` where nobody has said anything.
const UNASKED: usize = 10_000;

/// The soft limit.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Databases, listeners, runtimes, the log, and some to spare.
const OWN_FILES: usize = 100;

const fn rates(config: &Config) -> RateSettings {
    RateSettings {
        sign_in: config.limits.sign_in,
        acs: config.limits.acs,
        scim: config.limits.scim,
    }
}

fn pages(config: &Config) -> Pages {
    let pages = Pages::new(&PageSettings {
        folder: config.templates.clone(),
        service_name: None,
        loopback: !config.sp.public_url.is_secure(),
    });
    for problem in pages.problems() {
        tracing::warn!(detail = problem.to_string(), "a template is not used");
    }
    pages
}

fn reloaded(successful: bool, now: Timestamp) {
    gauge!(CONFIG_LAST_RELOAD_SUCCESSFUL).set(if successful { 1.0 } else { 0.0 });
    if successful {
        gauge!(CONFIG_LAST_RELOAD_SUCCESS).set(seconds(now));
    }
}
