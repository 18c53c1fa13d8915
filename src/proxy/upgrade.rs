//! The way of a WebSocket: from one HTTP exchange to a tunnel.
//!
//! The application is asked first, and the client hears 101 only when the application has said
//! it. Until then nothing of what the client sends after its request goes anywhere: a proxy that
//! opens the tunnel early can be made to carry a second request that nobody looked at
//! (CVE-2026-2833). No other protocol is ever switched to.

use http::HeaderMap;
use http::Method;
use http::Version;
use http::header;
use http::header::HeaderValue;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::proxy::body::Ended;
use crate::proxy::headers::tokens;

/// Whether the client asks for a WebSocket (RFC 6455, 4.1).
pub(crate) fn is_asked_for(parts: &Parts, is_empty: bool) -> bool {
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && is_empty
        && tokens(&parts.headers, &header::CONNECTION)
            .flatten()
            .any(|token| token == header::UPGRADE)
        && names_websocket(&parts.headers)
}

/// Whether the application's 101 is for a WebSocket.
pub(crate) fn names_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::UPGRADE).iter();
    let one = values.next();
    values.next().is_none()
        && one.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Puts the two headers back that were meant for one connection and are now meant for the next.
pub(crate) fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Carries bytes both ways until either side closes, or the session ends.
pub(crate) async fn tunnel(client: OnUpgrade, upstream: OnUpgrade, ended: Option<Ended>) {
    let carry = async {
        let (client, upstream) = match tokio::try_join!(client, upstream) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, "a tunnel did not open");
                return;
            }
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut upstream).await {
            tracing::debug!(%error, "a tunnel broke off");
        }
    };
    match ended {
        None => carry.await,
        Some(ended) => tokio::select! {
            () = carry => {}
            () = ended => tracing::debug!("a tunnel closed with its session"),
        },
    }
}
