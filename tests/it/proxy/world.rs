//! A gateway in front of an application, both on loopback, and raw sockets to talk with.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use samlgate::access::HeaderProfile;
use samlgate::access::Route;
use samlgate::access::Routes;
use samlgate::access::Underscores;
use samlgate::access::Upstream;
use samlgate::base::Listen;
use samlgate::base::ProxyProtocol;
use samlgate::base::PublicUrl;
use samlgate::base::RoleName;
use samlgate::base::Timestamp;
use samlgate::base::UserId;
use samlgate::base::entropy::SystemEntropy;
use samlgate::directory::profile::Profile;
use samlgate::http::server;
use samlgate::http::server::Listener;
use samlgate::http::server::Patience;
use samlgate::proxy::Balancers;
use samlgate::proxy::Ended;
use samlgate::proxy::ForwardSettings;
use samlgate::proxy::Forwarder;
use samlgate::proxy::IdentityView;
use samlgate::proxy::Jwt;
use samlgate::proxy::JwtKey;
use samlgate::proxy::Passage;
use samlgate::proxy::Pool;
use samlgate::proxy::RequestId;
use samlgate::proxy::TrustedProxies;
use samlgate::proxy::request_id::Trust;
use samlgate::tasks::Supervisor;
use samlgate::tasks::health;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::watch;

/// Longer than anything here takes; a test that reaches it has failed.
pub(super) const SOON: Duration = Duration::from_secs(10);

pub(super) struct World {
    pub(super) gateway: SocketAddr,
    pub(super) supervisor: Supervisor,
    /// Send `true`, and Alice's session has ended.
    pub(super) session_ended: watch::Sender<bool>,
    /// Who of the applications is well.
    pub(super) balancers: Arc<Balancers>,
}

pub(super) struct Set {
    pub(super) route: Route,
    pub(super) pool: Pool,
    pub(super) underscores: Underscores,
    pub(super) patience: Patience,
    pub(super) signed_in: bool,
    pub(super) trusted: &'static [&'static str],
    pub(super) proxy_protocol: ProxyProtocol,
    pub(super) listen: Option<(Listen, Option<server::Tls>)>,
}

impl Set {
    /// Alice is signed in, and the application gets every header there is.
    pub(super) fn before(upstreams: Vec<Upstream>) -> Self {
        let headers = vec![
            HeaderProfile::Signed,
            HeaderProfile::Remote,
            HeaderProfile::XForwarded,
            HeaderProfile::XAuthRequest,
            HeaderProfile::Shibboleth,
        ];
        let custom = vec![("x-badge-number".to_owned(), "employee_number".to_owned())];
        Self {
            route: Route {
                name: "app".to_owned(),
                upstreams,
                headers,
                custom,
                ..Route::default()
            },
            pool: Pool::with_roots(rustls::RootCertStore::empty()),
            underscores: Underscores::Refuse,
            patience: Patience { head: SOON, idle: SOON, grace: SOON },
            signed_in: true,
            trusted: &[],
            proxy_protocol: ProxyProtocol::Optional,
            listen: None,
        }
    }

    pub(super) async fn start(self) -> World {
        let supervisor = Supervisor::new();
        let own = PublicUrl::parse("https://app.example.com").unwrap();
        let key = JwtKey::generate().unwrap();
        let jwt = Arc::new(Jwt::new(&own, key, vec![], Arc::new(SystemEntropy)));
        let trusted = self.trusted.iter().map(|network| network.parse().unwrap()).collect();
        let settings = ForwardSettings {
            own,
            trusted: TrustedProxies::new(trusted),
            underscores: self.underscores,
        };
        let background = Arc::new(supervisor.clone());
        let routes = Routes::new(vec![self.route.clone()]);
        let balancers = Arc::new(Balancers::new(&routes));
        let asked = watch::Sender::new(Arc::clone(&balancers));
        let (pool, receiver, stop) = (
            self.pool.clone(),
            asked.subscribe(),
            supervisor.stop_signal(),
        );
        supervisor.run(async move {
            health::keep(pool, receiver, stop).await;
            drop(asked);
        });
        let known = Arc::clone(&balancers);
        let forwarder = Arc::new(Forwarder::new(
            &self.pool, &routes, balancers, jwt, settings, background,
        ));
        let session_ended = watch::Sender::new(false);
        let ended = session_ended.subscribe();
        let (route, signed_in) = (Arc::new(self.route), self.signed_in);
        let service = move |request: Request<Incoming>, peer| {
            let (forwarder, route, ended) =
                (Arc::clone(&forwarder), Arc::clone(&route), ended.clone());
            async move {
                let request: Request<Incoming> = request;
                let request_id = RequestId::of(request.headers(), Trust::Anybody, &SystemEntropy);
                let alice = Alice::new();
                let view = alice.view();
                let ended = || -> Option<Ended> {
                    let mut ended = ended.clone();
                    Some(Box::pin(async move {
                        let _ = ended.wait_for(|ended| *ended).await;
                    }))
                };
                let passage = Passage {
                    route: &route,
                    told: None,
                    identity: signed_in.then_some(&view),
                    peer: &peer,
                    request_id: &request_id,
                    ready: None,
                    ended: &ended,
                };
                let (mut parts, body) = request.into_parts();
                match forwarder.forward(&mut parts, body, passage, now()).await {
                    Ok((answer, _)) => answer.map(Body::new),
                    Err(error) => Response::builder()
                        .status(error.code().status())
                        .body(Body::from(error.code().as_str()))
                        .unwrap(),
                }
            }
        };
        let (address, tls) = self.listen.unwrap_or((loopback(), None));
        let trusted = self.trusted.iter().map(|network| network.parse().unwrap()).collect();
        let listener = Listener::bind(address, tls).await.unwrap();
        let listener =
            listener.trusting(TrustedProxies::new(trusted)).expecting(self.proxy_protocol);
        let gateway = match listener.address() {
            Listen::Tcp(address) => address,
            Listen::Unix(_) => "0.0.0.0:0".parse().unwrap(),
        };
        let stop = supervisor.stop_signal();
        supervisor.run_to_end(server::serve(vec![listener], service, stop, self.patience));
        World { gateway, supervisor, session_ended, balancers: known }
    }
}

impl World {
    /// Sends bytes, and reads until the gateway closes the connection.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> String {
        exchange(self.gateway, bytes).await
    }
}

pub(super) fn loopback() -> Listen {
    Listen::parse("127.0.0.1:0").unwrap()
}

pub(super) fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T09:30:00Z").unwrap()
}

pub(super) fn tcp(address: SocketAddr) -> Upstream {
    Upstream::Tcp { tls: false, authority: address.to_string() }
}

pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    read.expect("the connection stays open").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until what was read ends with, or holds, `mark`.
pub(super) async fn read_until(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    mark: &str,
) -> String {
    let mut text = String::new();
    let read = async {
        let mut bytes = [0; 4096];
        while !text.contains(mark) {
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "closed after {text:?}, before {mark:?}");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    tokio::time::timeout(SOON, read)
        .await
        .unwrap_or_else(|_| panic!("waited for {mark:?}"));
    text
}

/// An application that hyper serves.
pub(super) async fn application<F, S>(supervisor: &Supervisor, service: S) -> SocketAddr
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = supervisor.clone();
    supervisor.run(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service.clone();
            let service = hyper::service::service_fn(move |request| {
                let answer = service(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let stream = hyper_util::rt::TokioIo::new(stream);
            tasks.run(async move {
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(stream, service).with_upgrades().await;
            });
        }
    });
    address
}

/// An application that is a raw socket: says `answer` to every head, and hands over what came.
pub(super) async fn raw(
    supervisor: &Supervisor,
    answer: &'static str,
) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = mpsc::channel(100);
    let tasks = supervisor.clone();
    supervisor.run(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let heads = heads.clone();
            tasks.run(async move {
                let mut text = String::new();
                let mut bytes = [0; 65536];
                while let Ok(count) = stream.read(&mut bytes).await {
                    text.push_str(&String::from_utf8_lossy(&bytes[..count]));
                    let chunked = text.contains("transfer-encoding: chunked");
                    let end = if chunked { "0\r\n\r\n" } else { "\r\n\r\n" };
                    if count == 0 {
                        break;
                    }
                    if text.contains(end) {
                        heads.send(std::mem::take(&mut text)).await.unwrap();
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    (address, received)
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

struct Alice {
    user: UserId,
    profile: Profile,
    roles: Vec<RoleName>,
}

impl Alice {
    fn new() -> Self {
        let profile = Profile {
            email: Some("alice@example.com".to_owned()),
            display_name: Some("Alice Example".to_owned()),
            employee_number: Some("4711".to_owned()),
            groups: vec!["Staff".to_owned()],
            ..Profile::default()
        };
        let user = UserId::new("7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned());
        Self { user, profile, roles: vec![] }
    }

    fn view(&self) -> IdentityView<'_> {
        IdentityView {
            user: &self.user,
            user_name: "alice",
            profile: &self.profile,
            roles: &self.roles,
            attributes: &[],
            idp_entity_id: "https://idp.example.com",
            name_id: None,
            persistent_id: None,
            session_index: None,
            acr: None,
            sid: "s-1",
            auth_time: now(),
        }
    }
}
