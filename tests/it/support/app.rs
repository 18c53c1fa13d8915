//! An application that says what it was asked.
//!
//! Every answer is JSON: method, path with query, headers in their order, body. `/stream` sends
//! back what it is sent, piece by piece.

use std::convert::Infallible;

use axum::body::Body;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use samlgate::tasks::Supervisor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running one; it ends with its test.
pub(crate) struct App {
    port: u16,
    _tasks: Supervisor,
}

impl App {
    /// On loopback.
    pub(crate) async fn start() -> Self {
        let tasks = Supervisor::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = tasks.clone();
        tasks.run(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.run(async move {
                    let service =
                        service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, _tasks: tasks }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    if request.uri().path().ends_with("/stream") {
        return Response::new(Body::new(request.into_body()));
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let echo = json!({
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().unwrap().as_str(),
        "headers": list(&head.headers),
        "body": String::from_utf8_lossy(&body),
    });
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("set-cookie", "theme=dark; Path=/")
        .header("set-cookie", "samlgate=stolen; Path=/")
        .header("x-app", "yes");
    answer.body(Body::from(echo.to_string())).unwrap()
}

fn list(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Every value of a header in such an answer.
pub(crate) fn received<'e>(echo: &'e Value, name: &str) -> Vec<&'e str> {
    let headers = echo["headers"].as_array().unwrap().iter();
    let named = headers.filter(|header| header[0] == name);
    named.map(|header| header[1].as_str().unwrap()).collect()
}
