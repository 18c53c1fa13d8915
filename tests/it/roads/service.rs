//! The ArtifactResolutionService of an identity provider: what it is asked, and what it answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use openssl::sha::sha1;
use samlgate::tasks::Supervisor;
use tokio::net::TcpListener;

use crate::support::idp::{TestIdp, at};

/// Status and body, from the ID of the request.
pub(super) type Reply = Box<dyn Fn(&str) -> (u16, String) + Send + Sync>;

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: Vec<(Option<String>, String)>,
}

/// A running one; it ends with its test.
pub(super) struct Service {
    port: u16,
    state: Arc<Mutex<State>>,
    _tasks: Supervisor,
}

impl Service {
    /// On loopback.
    pub(super) async fn start() -> Self {
        let tasks = Supervisor::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let (connections, shared) = (tasks.clone(), Arc::clone(&state));
        tasks.run(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&shared);
                connections.run(async move {
                    let service = service_fn(move |request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(answer(request, &shared).await) }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, state, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/ars", self.port)
    }

    /// What it answers to who brings this artifact; however often.
    pub(super) fn keep(&self, artifact: &str, reply: Reply) {
        self.state.lock().unwrap().replies.insert(artifact.to_owned(), reply);
    }

    /// `SOAPAction` and body of each request so far.
    pub(super) fn asked(&self) -> Vec<(Option<String>, String)> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn answer(request: Request<Incoming>, state: &Mutex<State>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let action = head.headers.get("soapaction").map(|it| it.to_str().unwrap().to_owned());
    let between = |begin: &str, end: &str| {
        let (_, rest) = body.split_once(begin)?;
        Some(rest.split_once(end)?.0.to_owned())
    };
    let artifact = between("<samlp:Artifact>", "<").unwrap_or_default();
    let id = between(" ID=\"", "\"").unwrap_or_default();
    let mut state = state.lock().unwrap();
    state.asked.push((action, body.clone()));
    let (status, text) = match state.replies.get(&artifact) {
        Some(reply) => reply(&id),
        None => (404, String::new()),
    };
    let answer = Response::builder().status(status).header("location", "/elsewhere");
    answer.body(Body::from(text)).unwrap()
}

/// An artifact of this entity, for the service with this number.
pub(super) fn artifact(entity_id: &str, index: u16) -> String {
    let mut bytes = vec![0, 4];
    bytes.extend(index.to_be_bytes());
    bytes.extend(sha1(entity_id.as_bytes()));
    let mut handle = [0; 20];
    openssl::rand::rand_bytes(&mut handle).unwrap();
    bytes.extend(handle);
    STANDARD.encode(bytes)
}

/// What stands around the message.
#[derive(Clone, Copy)]
pub(super) enum Around {
    /// An ArtifactResponse that is not signed.
    Plain,
    /// A signed one.
    Signed,
}

/// An answer with this message.
pub(super) fn message(idp: &Arc<TestIdp>, around: Around, message: String) -> Reply {
    let idp = Arc::clone(idp);
    Box::new(move |id| {
        (
            200,
            envelope(&response(&idp, around, &idp.entity_id, id, &message)),
        )
    })
}

/// An ArtifactResponse.
pub(super) fn response(
    idp: &TestIdp,
    around: Around,
    issuer: &str,
    in_response_to: &str,
    message: &str,
) -> String {
    let id = format!("_{}", in_response_to.trim_start_matches('_'));
    let id = format!("{id}a");
    let xml = format!(
        "<samlp:ArtifactResponse xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
         xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" Version=\"2.0\" \
         IssueInstant=\"{}\" InResponseTo=\"{in_response_to}\"><saml:Issuer>{issuer}</saml:Issuer>\
         <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>\
         </samlp:Status>{message}</samlp:ArtifactResponse>",
        at(0)
    );
    match around {
        Around::Plain => xml,
        Around::Signed => idp.sign_element(xml, &id),
    }
}

pub(super) fn envelope(message: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{message}\
         </s:Body></s:Envelope>"
    )
}
