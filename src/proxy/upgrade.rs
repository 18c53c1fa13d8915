//! The way of a WebSocket: from one HTTP exchange to a tunnel.
//!
//! The application is asked first, and the client hears 101 only when the application has said
//! it. Until then nothing of what the client sends after its request goes anywhere: a proxy that
//! opens the tunnel early can be made to carry a second request that nobody looked at
//! (CVE-2026-2833). No other protocol is ever switched to.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::BytesMut;
use http::HeaderMap;
use http::Method;
use http::Version;
use http::header;
use http::header::HeaderValue;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::ReadBuf;

use crate::proxy::body::Ended;
use crate::proxy::dial::Wire;
use crate::proxy::h1::Connection;
use crate::proxy::headers::tokens;

/// Whether the client asks for a WebSocket (RFC 6455, 4.1).
pub(crate) fn is_asked_for(parts: &Parts, is_empty: bool) -> bool {
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && is_empty
        // Most requests have none, and are done here.
        && parts.headers.contains_key(header::UPGRADE)
        && tokens(&parts.headers, &header::CONNECTION)
            .flatten()
            .any(|token| token == header::UPGRADE)
        && names_websocket(&parts.headers)
}

fn names_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::UPGRADE).iter();
    let one = values.next();
    values.next().is_none()
        && one.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Puts the two headers back that were meant for one connection and are now meant for the next.
pub(crate) fn agree(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// The same, as lines of a request.
pub(crate) const ASK: &[u8] = b"connection: Upgrade\r\nupgrade: websocket\r\n";

/// Carries bytes both ways until either side closes, the session ends or the server does, or nothing
/// has moved for as long as `idle`.
pub(crate) async fn tunnel(
    client: OnUpgrade,
    upstream: Box<Connection>,
    ended: Option<Ended>,
    ending: impl Future<Output = ()>,
    idle: Duration,
) {
    let mut client = match client.await {
        Ok(client) => Told {
            wire: TokioIo::new(client),
            frames: Frames::default(),
            moved: Arc::default(),
        },
        Err(error) => {
            tracing::debug!(%error, "a tunnel did not open");
            return;
        }
    };
    let Connection { wire, input, .. } = *upstream;
    let mut upstream = Begun { wire, input };
    let ended = async {
        match ended {
            Some(ended) => ended.await,
            None => std::future::pending().await,
        }
    };
    let silent = silence(Arc::clone(&client.moved), idle);
    let last = tokio::select! {
        carried = tokio::io::copy_bidirectional(&mut client, &mut upstream) => {
            if let Err(error) = carried {
                tracing::debug!(%error, "a tunnel broke off");
            }
            return;
        }
        () = ended => POLICY_VIOLATION,
        () = ending => GOING_AWAY,
        () = silent => IDLE,
    };
    tracing::debug!("a tunnel closes: its session or the server ends, or nothing moves");
    drop(upstream);
    // In the middle of a frame nothing can be said: the client would take it for data.
    if client.frames.is_between() {
        let said = async {
            client.write_all(last).await?;
            client.shutdown().await?;
            // What lies unread when a connection is closed takes the last word along.
            tokio::io::copy(&mut client, &mut tokio::io::sink()).await
        };
        let _ = tokio::time::timeout(GOODBYE, said).await;
    }
}

/// Resolves when nothing has moved for so long, or a little later: a client that has gone without
/// a word would otherwise keep its place for ever.
async fn silence(moved: Arc<AtomicBool>, idle: Duration) {
    let mut quiet = 0;
    while quiet < LOOKS {
        tokio::time::sleep(idle / LOOKS).await;
        quiet = if moved.swap(false, Relaxed) {
            0
        } else {
            quiet.saturating_add(1)
        };
    }
}

/// The application's side of a tunnel.
struct Begun {
    wire: Wire,
    /// What came with the head of the answer.
    input: BytesMut,
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.input.is_empty() {
            return Pin::new(&mut self.wire).poll_read(context, buffer);
        }
        let count = self.input.len().min(buffer.remaining());
        let bytes = self.input.split_to(count);
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// The client's side. It looks at where the frames end that were written to it: what has been read
/// from the application may still be on its way.
struct Told<W> {
    wire: W,
    frames: Frames,
    /// Since somebody looked last.
    moved: Arc<AtomicBool>,
}

impl<W: AsyncRead + Unpin> AsyncRead for Told<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(Pin::new(&mut self.wire).poll_read(context, buffer))?;
        self.moved.store(true, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Told<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.wire).poll_write(context, bytes))?;
        self.frames.see(bytes.get(..count).unwrap_or_default());
        self.moved.store(true, Relaxed);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// Where the frames of a WebSocket begin and end (RFC 6455, 5.2), as a server sends them.
#[derive(Debug, Default)]
struct Frames {
    /// What has come of a frame's head.
    head: Vec<u8>,
    /// What is still to come of its payload.
    left: u64,
}

impl Frames {
    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skip = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left = self.left.saturating_sub(u64::try_from(skip).unwrap_or(u64::MAX));
                bytes = bytes.get(skip..).unwrap_or_default();
                continue;
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.head.push(*byte);
            if let Some(left) = payload(&self.head) {
                self.left = left;
                self.head.clear();
            }
        }
    }

    const fn is_between(&self) -> bool {
        self.left == 0 && self.head.is_empty()
    }
}

/// The length of a frame's payload, when its head is complete.
fn payload(head: &[u8]) -> Option<u64> {
    let second = head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, read) = match second & 0x7f {
        126 => (
            u64::from(u16::from_be_bytes(*head.get(2..)?.first_chunk()?)),
            4,
        ),
        127 => (u64::from_be_bytes(*head.get(2..)?.first_chunk()?), 10),
        length => (u64::from(length), 2),
    };
    (head.len() >= read + mask).then_some(length)
}

/// RFC 6455, 7.4.1: the close frame with 1008, "policy violation", and a word of why.
const POLICY_VIOLATION: &[u8] = b"\x88\x0f\x03\xf0session ended";
/// The same with 1001, "going away": a client connects anew, and a balancer leads it elsewhere.
const GOING_AWAY: &[u8] = b"\x88\x0c\x03\xe9going away";
/// And once more, for one that has nothing to say.
const IDLE: &[u8] = b"\x88\x06\x03\xe9idle";
/// How often somebody looks whether something has moved, while nothing does.
const LOOKS: u32 = 4;
/// How long a client may take to hear it.
const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_in_whatever_pieces_they_come() {
        let long = [&[0x82, 126, 0x01, 0x00][..], &[7; 256]].concat();
        let longer = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[7; 65536]].concat();
        let masked = [&[0x81, 0x82, 1, 2, 3, 4][..], b"hi"].concat();
        let stream = [
            &[0x81, 0x02][..],
            b"hi",
            &[0x89, 0x00],
            &long,
            &longer,
            &masked,
        ]
        .concat();
        for piece in [1, 2, 3, 5, 1000, stream.len()] {
            let mut frames = Frames::default();
            for bytes in stream.chunks(piece) {
                frames.see(bytes);
            }
            assert!(frames.is_between(), "{piece}");
        }
        let mut frames = Frames::default();
        let mut between = Vec::new();
        for byte in [0x81, 0x02, b'h', b'i', 0x89, 0x00] {
            frames.see(&[byte]);
            between.push(frames.is_between());
        }
        assert_eq!(between, [false, false, false, true, false, true]);
    }

    #[test]
    fn the_last_frame_says_what_it_says() {
        for (frame, code) in [(POLICY_VIOLATION, 1008), (GOING_AWAY, 1001), (IDLE, 1001)] {
            let mut frames = Frames::default();
            frames.see(frame);
            assert!(frames.is_between());
            assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), code);
        }
    }
}
