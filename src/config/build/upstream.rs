//! The upstreams of a route: where they are, how they are spoken to, and which one is chosen.

use std::path::PathBuf;

use url::Url;

use super::server::readable;
use crate::access::{Balance, Ejection, HealthCheck, Protocol, Timeouts, Upstream, UpstreamTls};
use crate::base::TlsFiles;
use crate::config::reader::{Complaint, Reader, Scope};
use crate::proxy::balance::MOST_UPSTREAMS;
use crate::proxy::client_tls::{client_tls, is_server_name};

/// `upstream`.
pub(super) fn upstreams(reader: &mut Reader, scope: &Scope<'_>) -> Vec<Upstream> {
    let before = reader.problems.len();
    let mut upstreams: Vec<Upstream> = Vec::new();
    for (upstream, source) in reader.located_list(scope, "upstream", address) {
        if upstreams.contains(&upstream) {
            let complaint = Complaint::new("stands there twice", "remove one of them");
            reader.wrong(scope.path("upstream"), source, complaint);
        }
        upstreams.push(upstream);
    }
    if upstreams.is_empty() && reader.problems.len() == before {
        let hint = "for example `upstream = [\"http://127.0.0.1:3000\"]`";
        let complaint = Complaint::new("names no application", hint);
        reader.wrong_at(scope, "upstream", complaint);
    }
    if upstreams.len() > MOST_UPSTREAMS {
        let complaint = Complaint::new(
            format!("names {} applications", upstreams.len()),
            format!("write at most {MOST_UPSTREAMS}, or put a balancer between"),
        );
        reader.wrong_at(scope, "upstream", complaint);
    }
    upstreams
}

/// `balance`.
pub(super) fn balance(
    reader: &mut Reader,
    scope: &Scope<'_>,
    upstreams: &[Upstream],
) -> Option<Balance> {
    let choices = [
        ("round-robin", Balance::RoundRobin),
        ("least-requests", Balance::LeastRequests),
    ];
    if scope.is_set("balance") {
        alone(reader, scope, "balance", upstreams);
    }
    reader.choice(scope, "balance", &choices)
}

/// `ejection`.
pub(super) fn ejection(
    reader: &mut Reader,
    scope: &Scope<'_>,
    upstreams: &[Upstream],
) -> Option<Ejection> {
    let Some(inner) = reader.inner(scope, "ejection") else {
        return Some(Ejection::default());
    };
    alone(reader, scope, "ejection", upstreams);
    let failures = reader.integer(&inner, "failures", 0..=1000);
    let pause = reader.span(&inner, "pause");
    Some(Ejection { failures: failures?, pause: pause? })
}

/// One upstream alone gets every request.
fn alone(reader: &mut Reader, scope: &Scope<'_>, name: &str, upstreams: &[Upstream]) {
    if upstreams.len() == 1 {
        let complaint = Complaint::new(
            "changes nothing for a single upstream",
            "add another one to `upstream`, or remove this",
        );
        reader.warn_at(scope, name, complaint);
    }
}

/// `health`.
pub(super) fn health(reader: &mut Reader, scope: &Scope<'_>) -> Option<HealthCheck> {
    let inner = reader.inner(scope, "health")?;
    let path = reader.parsed(&inner, "path", health_path);
    let interval = reader.span(&inner, "interval");
    let timeout = reader.span(&inner, "timeout");
    let healthy = reader.integer(&inner, "healthy", 1..=1000);
    let unhealthy = reader.integer(&inner, "unhealthy", 1..=1000);
    Some(HealthCheck {
        path: path?,
        interval: interval?,
        timeout: timeout?,
        healthy: healthy?,
        unhealthy: unhealthy?,
    })
}

fn health_path(text: &str) -> Result<String, Complaint> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    match plain && text.starts_with('/') && text.parse::<http::uri::PathAndQuery>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(
            format!("\"{text}\" is not a path"),
            "write a path, and a query if need be, such as /health or /health?deep=1",
        )),
    }
}

/// `timeouts`.
pub(super) fn timeouts(reader: &mut Reader, scope: &Scope<'_>) -> Option<Timeouts> {
    let Some(inner) = reader.inner(scope, "timeouts") else {
        return Some(Timeouts::default());
    };
    let connect = reader.span(&inner, "connect");
    let answer = reader.span(&inner, "answer");
    let idle = reader.span(&inner, "idle");
    let body = reader.duration(&inner, "body");
    Some(Timeouts { connect: connect?, answer: answer?, idle: idle?, body: body? })
}

/// `upstream_protocol`.
pub(super) fn protocol(reader: &mut Reader, scope: &Scope<'_>) -> Option<Protocol> {
    let choices = [("http1", Protocol::Http1), ("http2", Protocol::Http2)];
    reader.choice(scope, "upstream_protocol", &choices)
}

/// `upstream_tls`; its files are read and tried.
pub(super) fn tls(
    reader: &mut Reader,
    scope: &Scope<'_>,
    upstreams: &[Upstream],
) -> Option<UpstreamTls> {
    let inner = reader.inner(scope, "upstream_tls")?;
    let before = reader.problems.len();
    let ca = reader.parsed(&inner, "ca", readable);
    let certificate = reader.parsed(&inner, "certificate", readable);
    let key = reader.parsed(&inner, "key", readable);
    let server_name = reader.parsed(&inner, "server_name", |text| match is_server_name(text) {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(
            format!("\"{text}\" is not the name of a server"),
            "write a host name or an address, without scheme and port: app.internal",
        )),
    });
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if inner.is_set(one) && !inner.is_set(other) {
            let complaint = Complaint::new(
                format!("stands there without `{other}`"),
                format!("add `{other}`: we prove by both who we are"),
            );
            reader.wrong_at(&inner, one, complaint);
        }
    }
    if !["ca", "certificate", "key", "server_name"]
        .iter()
        .any(|name| inner.is_set(name))
    {
        let complaint = Complaint::new("says nothing", "give it `ca`, for example, or remove it");
        reader.wrong_at(scope, "upstream_tls", complaint);
    }
    let speaks_tls = |upstream: &Upstream| matches!(upstream, Upstream::Tcp { tls: true, .. });
    if !upstreams.is_empty() && !upstreams.iter().any(speaks_tls) {
        let complaint = Complaint::new(
            "has no meaning: no upstream of this route speaks TLS",
            "write the upstream with https://, or remove this",
        );
        reader.wrong_at(scope, "upstream_tls", complaint);
    }
    let identity = certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key });
    let tls = UpstreamTls { ca, identity, server_name };
    if reader.problems.len() == before
        && let Err(error) = client_tls(Some(&tls), Protocol::Http1)
    {
        let hint = "the files are PEM; `openssl x509 -in FILE -text` shows what is in one";
        reader.wrong_at(
            scope,
            "upstream_tls",
            Complaint::new(error.to_string(), hint),
        );
    }
    Some(tls)
}

fn address(text: &str) -> Result<Upstream, Complaint> {
    let hint = "write http://host:port, https://host:port or unix:/path";
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.starts_with('/') && path.len() > 1 {
            true => Ok(Upstream::Unix(PathBuf::from(path))),
            false => Err(Complaint::new(
                format!("\"{text}\" is not an absolute path"),
                hint,
            )),
        };
    }
    let url = Url::parse(text)
        .map_err(|error| Complaint::new(format!("\"{text}\" is not an address: {error}"), hint))?;
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(Complaint::new(format!("{other}:// is not possible"), hint)),
    };
    let credentials = !url.username().is_empty() || url.password().is_some();
    if credentials {
        return Err(Complaint::new("carries a user name or password", hint));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let message = format!("\"{text}\" has a path or query");
        let hint = "write scheme, host and port alone; requests keep the path that they came with";
        return Err(Complaint::new(message, hint));
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Complaint::new(format!("\"{text}\" has no port"), hint))?;
    Ok(Upstream::Tcp { tls, authority: format!("{host}:{port}") })
}
