//! One request on a connection, and its answer.

use std::io;
use std::io::IoSlice;
use std::io::Write as _;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Buf as _;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::StatusCode;
use hyper::body::Body as _;
use hyper::body::Frame;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;

use crate::access::Timeouts;
use crate::proxy::body::BoxError;
use crate::proxy::body::Refused;
use crate::proxy::body::UpstreamBody;
use crate::proxy::error::ProxyError;
use crate::proxy::h1::answer;
use crate::proxy::h1::answer::Framing;
use crate::proxy::h1::answer::Head;
use crate::proxy::h1::chunks::Chunks;
use crate::proxy::h1::chunks::Decoded;
use crate::proxy::h1::connection::Connection;
use crate::proxy::upstream;

/// A request that is on its way, then its answer.
pub(crate) struct Exchange {
    /// `None` when it is over.
    connection: Option<Box<Connection>>,
    upload: Upload,
    reading: Reading,
    keeps: bool,
    timeouts: Timeouts,
    method: Method,
    /// Something of an answer has come.
    heard: bool,
}

/// Why an exchange came to nothing.
pub(crate) struct Failure {
    pub(crate) error: ProxyError,
    /// The application closed a connection that it held for idle.
    pub(crate) stale: bool,
    /// No byte of the request has left.
    pub(crate) unsent: bool,
    /// The head of the request, to be sent again.
    pub(crate) head: Vec<u8>,
    /// The body, if nobody has begun to read it.
    pub(crate) body: Option<UpstreamBody>,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    Head,
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    End,
}

impl Exchange {
    /// Begins: `head` is the request up to and with its empty line.
    pub(crate) fn new(
        connection: Box<Connection>,
        head: Vec<u8>,
        method: Method,
        body: UpstreamBody,
        framing: Sent,
        timeouts: Timeouts,
    ) -> Self {
        let stage = if body.is_end_stream() && framing != Sent::Chunked {
            Stage::Done
        } else if framing == (Sent::Length { waits: true }) {
            Stage::Waits(body)
        } else {
            Stage::Flows(body)
        };
        Self {
            connection: Some(connection),
            upload: Upload {
                chunked: framing == Sent::Chunked,
                head,
                output: Vec::new(),
                data: Bytes::new(),
                written: 0,
                stage,
                unflushed: false,
                broken: false,
            },
            reading: Reading::Head,
            keeps: true,
            timeouts,
            method,
            heard: false,
        }
    }

    /// Sends, and waits for the head of the answer.
    pub(crate) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, Failure>> {
        let polled = ready!(self.poll_final_head(context));
        Poll::Ready(match polled {
            Ok(head) => {
                self.keeps = head.keeps;
                self.upload.answered();
                self.reading = match head.framing {
                    Framing::Length(0) => Reading::End,
                    Framing::Length(length) => Reading::Length(length),
                    Framing::Chunked => Reading::Chunks(Chunks::default()),
                    Framing::Close => Reading::UntilClose,
                };
                Ok(head)
            }
            Err(error) => {
                let reused = self.connection.as_ref().is_some_and(|connection| connection.reused);
                let unsent = self.upload.written == 0;
                Err(Failure {
                    body: self.upload.take_body().filter(|_| unsent),
                    stale: reused && !self.heard && matches!(error, ProxyError::Closed { .. }),
                    unsent,
                    head: std::mem::take(&mut self.upload.head),
                    error,
                })
            }
        })
    }

    fn poll_final_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, ProxyError>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Pending;
        };
        loop {
            if let Poll::Ready(Err(error)) = self.upload.poll(connection, context) {
                return Poll::Ready(Err(error));
            }
            let failed = match connection.poll_more(context) {
                Poll::Ready(Ok(0)) => "the connection ended".to_owned(),
                Poll::Ready(Err(error)) => error.to_string(),
                Poll::Ready(Ok(_)) => {
                    self.heard = true;
                    match final_head(connection, &self.method, &mut self.upload) {
                        Ok(None) => continue,
                        Ok(Some(head)) => return Poll::Ready(Ok(head)),
                        Err(detail) => detail.to_owned(),
                    }
                }
                Poll::Pending => {
                    let waits = matches!(self.upload.stage, Stage::Waits(_));
                    let limit = if waits {
                        UNANSWERED_EXPECTATION
                    } else if self.upload.is_done() {
                        self.timeouts.answer
                    } else {
                        // A slow upload is not a slow application.
                        self.timeouts.idle
                    };
                    ready!(connection.alarm.poll(context, limit));
                    if !waits {
                        let upstream = connection.target.name.clone();
                        return Poll::Ready(Err(ProxyError::AnswerTimeout { upstream }));
                    }
                    // RFC 9110, 10.1.1: not everybody answers an expectation.
                    connection.alarm.moved(now());
                    self.upload.go_on();
                    continue;
                }
            };
            let upstream = connection.target.name.clone();
            return Poll::Ready(Err(if self.heard {
                ProxyError::Broken { upstream, detail: failed }
            } else {
                ProxyError::Closed { upstream, detail: failed }
            }));
        }
    }

    /// The whole body, when it came with the head and nothing is left to do.
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        let whole = match self.reading {
            Reading::End => Bytes::new(),
            Reading::Length(length) => {
                let length = usize::try_from(length).ok()?;
                let input = &mut self.connection.as_mut()?.input;
                if input.len() < length {
                    return None;
                }
                self.reading = Reading::End;
                // To copy a little costs less than to share the buffer and make another one.
                if length <= SMALL {
                    let whole = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
                    input.advance(length);
                    whole
                } else {
                    input.split_to(length).freeze()
                }
            }
            _ => return None,
        };
        // What is left of an upload after the answer is nobody's concern any more.
        self.give_back();
        Some(whole)
    }

    /// The connection after a 101, with what came behind it.
    pub(crate) fn into_connection(self) -> Option<Box<Connection>> {
        self.connection
    }

    /// How many bytes are left, where that is known.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self.reading {
            Reading::Length(left) => Some(left),
            Reading::End => Some(0),
            _ => None,
        }
    }

    /// The next piece of the answer's body.
    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(None);
            };
            if let Poll::Ready(Err(error)) = self.upload.poll(connection, context) {
                self.connection = None;
                return Poll::Ready(Some(Err(error.into())));
            }
            match take(&mut self.reading, connection) {
                Ok(Some(frame)) => {
                    if matches!(self.reading, Reading::End) {
                        self.give_back();
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Ok(None) => {}
                Err(detail) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(detail.into())));
                }
            }
            if matches!(self.reading, Reading::End) {
                self.give_back();
                return Poll::Ready(None);
            }
            match connection.poll_more(context) {
                Poll::Ready(Ok(0)) => {
                    let complete = matches!(self.reading, Reading::UntilClose);
                    self.connection = None;
                    let cut = || Err("the application broke off its answer".into());
                    return Poll::Ready((!complete).then(cut));
                }
                Poll::Ready(Ok(_)) => connection.alarm.moved(now()),
                Poll::Ready(Err(error)) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
                Poll::Pending => {
                    ready!(connection.alarm.poll(context, self.timeouts.idle));
                    self.connection = None;
                    return Poll::Ready(Some(Err("nothing moved for too long".into())));
                }
            }
        }
    }

    fn give_back(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.keeps && self.upload.is_done() && !self.upload.broken && connection.input.is_empty()
        {
            connection.reused = true;
            upstream::keep(connection);
        }
    }
}

/// The final head in what was read, past interim ones.
fn final_head(
    connection: &mut Connection,
    method: &Method,
    upload: &mut Upload,
) -> Result<Option<Head>, &'static str> {
    loop {
        match answer::read(&mut connection.input, method)? {
            // 100 is for us; there is no way yet to pass the others (103) on.
            Some(head) if is_interim(head.status) => upload.go_on(),
            Some(head) => {
                if head.status.is_success() {
                    upload.go_on();
                } else {
                    upload.is_refused();
                }
                return Ok(Some(head));
            }
            None => return Ok(None),
        }
        if connection.input.is_empty() {
            return Ok(None);
        }
    }
}

fn take(
    reading: &mut Reading,
    connection: &mut Connection,
) -> Result<Option<Frame<Bytes>>, &'static str> {
    let input = &mut connection.input;
    match reading {
        Reading::Head | Reading::End => Ok(None),
        Reading::UntilClose if input.is_empty() => Ok(None),
        Reading::UntilClose => Ok(Some(Frame::data(input.split().freeze()))),
        Reading::Length(_) if input.is_empty() => Ok(None),
        Reading::Length(left) => {
            let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
            *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
            if *left == 0 {
                *reading = Reading::End;
            }
            Ok(Some(Frame::data(input.split_to(count).freeze())))
        }
        Reading::Chunks(chunks) => Ok(match chunks.decode(input)? {
            Decoded::Data(data) => Some(Frame::data(data)),
            Decoded::Trailers(trailers) => {
                *reading = Reading::End;
                Some(Frame::trailers(trailers))
            }
            Decoded::End => {
                *reading = Reading::End;
                None
            }
            Decoded::Nothing => None,
        }),
    }
}

/// How a request's body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// With a length, or none at all. `waits` until the application says 100.
    Length {
        /// The client expects 100, too.
        waits: bool,
    },
    /// In chunks.
    Chunked,
}

/// The request on its way out.
struct Upload {
    chunked: bool,
    /// The request's head; kept until the answer begins, in case it has to be sent again.
    head: Vec<u8>,
    /// The frame of a chunk around `data`, or small data.
    output: Vec<u8>,
    data: Bytes,
    /// How much of `head`, then of `output`.
    written: usize,
    stage: Stage,
    /// Something that TLS may still hold.
    unflushed: bool,
    /// The application does not listen any more. It may have answered all the same.
    broken: bool,
}

enum Stage {
    Waits(UpstreamBody),
    Flows(UpstreamBody),
    /// The body has ended, and its end is being written.
    Ends,
    Done,
}

impl Upload {
    const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done) && self.is_written()
    }

    fn take_body(&mut self) -> Option<UpstreamBody> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Waits(body) | Stage::Flows(body) => Some(body),
            Stage::Ends | Stage::Done => None,
        }
    }

    fn answered(&mut self) {
        if let Stage::Waits(body) | Stage::Flows(body) = &mut self.stage {
            body.answered();
        }
    }

    fn go_on(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Waits(body) => Stage::Flows(body),
            stage => stage,
        };
    }

    /// The application has said no: whoever still waits to send need not.
    fn is_refused(&mut self) {
        if matches!(self.stage, Stage::Waits(_)) {
            self.stage = Stage::Done;
            self.broken = true;
        }
    }

    fn poll(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ProxyError>> {
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        loop {
            match self.poll_write(connection, context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    // A connection that was closed under us tells when it is read, and an
                    // application that had enough may have said so before it closed.
                    self.broken = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => return Poll::Pending,
            }
            match &mut self.stage {
                Stage::Done => return Poll::Ready(Ok(())),
                Stage::Waits(_) => return Poll::Pending,
                Stage::Ends => self.stage = Stage::Done,
                Stage::Flows(body) => match ready!(Pin::new(body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        connection.alarm.moved(now());
                        self.put(frame);
                    }
                    Some(Err(error)) => {
                        return Poll::Ready(Err(match error.downcast_ref::<Refused>() {
                            Some(refused) => (*refused).into(),
                            None => ProxyError::Client(error.to_string()),
                        }));
                    }
                    None => {
                        if self.chunked {
                            self.output.extend_from_slice(b"0\r\n\r\n");
                        }
                        self.stage = Stage::Ends;
                    }
                },
            }
        }
    }

    const fn is_over(&self) -> bool {
        self.broken || self.is_done()
    }

    const fn is_written(&self) -> bool {
        self.written >= self.head.len()
            && self.output.is_empty()
            && self.data.is_empty()
            && !self.unflushed
    }

    fn put(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                if self.chunked {
                    // Writing to a Vec can not fail.
                    let _ = write!(self.output, "{:x}\r\n", data.len());
                }
                if data.len() <= SMALL {
                    self.output.extend_from_slice(&data);
                    if self.chunked {
                        self.output.extend_from_slice(b"\r\n");
                    }
                } else {
                    self.data = data;
                }
            }
            Err(frame) => {
                if let (Ok(trailers), true) = (frame.into_trailers(), self.chunked) {
                    self.output.extend_from_slice(b"0\r\n");
                    lines(&mut self.output, &trailers);
                    self.output.extend_from_slice(b"\r\n");
                    self.stage = Stage::Ends;
                }
            }
        }
    }

    /// Writes the head, then what there is of the body.
    fn poll_write(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = Pin::new(&mut connection.wire);
        while let Some(rest) = self.head.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(wire.as_mut().poll_write(context, rest))?;
            self.written = self.written.saturating_add(some(count)?);
            self.unflushed = true;
        }
        while !(self.output.is_empty() && self.data.is_empty()) {
            let count = if self.data.is_empty() {
                ready!(wire.as_mut().poll_write(context, &self.output))?
            } else {
                let slices = [IoSlice::new(&self.output), IoSlice::new(&self.data)];
                ready!(wire.as_mut().poll_write_vectored(context, &slices))?
            };
            let count = some(count)?;
            let framed = count.min(self.output.len());
            self.output.drain(..framed);
            let of_data = count.saturating_sub(framed);
            if of_data > 0 {
                self.data.advance(of_data.min(self.data.len()));
                if self.data.is_empty() && self.chunked {
                    self.output.extend_from_slice(b"\r\n");
                }
            }
            self.unflushed = true;
        }
        if self.unflushed && connection.wire.has_buffer() {
            ready!(Pin::new(&mut connection.wire).poll_flush(context))?;
        }
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

/// Writes header lines.
pub(crate) fn lines(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn some(count: usize) -> io::Result<usize> {
    if count == 0 {
        Err(io::ErrorKind::WriteZero.into())
    } else {
        Ok(count)
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Tokio's clock, for tokio's timers: nothing is decided by it but patience.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Data up to this length are copied into one write with their frame.
const SMALL: usize = 16 * 1024;
/// How long an application that was told of an expectation may leave it unanswered.
const UNANSWERED_EXPECTATION: Duration = Duration::from_secs(1);
