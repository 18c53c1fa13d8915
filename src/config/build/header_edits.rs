//! `request_headers` and `response_headers` of a route.
//!
//! Promised: no edit says who a person is, where a request came from, or where a message ends.

use http::{HeaderName, HeaderValue};

use crate::access::HeaderEdits;
use crate::config::reader::{Complaint, Reader, Scope};
use crate::proxy::IdentityNames;

/// Whose headers are edited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Those that the application gets.
    Request,
    /// Those that the browser gets.
    Response,
}

impl Side {
    const fn key(self) -> &'static str {
        match self {
            Self::Request => "request_headers",
            Self::Response => "response_headers",
        }
    }

    const fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Request => OF_REQUESTS,
            Self::Response => OF_RESPONSES,
        }
    }
}

/// The edits of one side.
pub(super) fn edits(reader: &mut Reader, scope: &Scope<'_>, side: Side) -> HeaderEdits {
    let Some(inner) = reader.inner(scope, side.key()) else {
        return HeaderEdits::default();
    };
    let mut edits = HeaderEdits::default();
    for (name, value, source) in reader.text_by_name(&inner, "set") {
        let path = format!("{}.{name}", inner.path("set"));
        match header(&name, side).and_then(|name| Ok((name, header_value(&value)?))) {
            Ok((name, _)) if edits.set.iter().any(|(other, _)| *other == name) => {
                let complaint = Complaint::new("stands there twice", "case makes no difference");
                reader.wrong(path, source, complaint);
            }
            Ok(header) => edits.set.push(header),
            Err(complaint) => reader.wrong(path, source, complaint),
        }
    }
    for (name, source) in reader.located_list(&inner, "remove", |text| header(text, side)) {
        if edits.set.iter().any(|(other, _)| *other == name) {
            let complaint = Complaint::new(
                format!("{name} is set as well"),
                "`set` replaces what was there: leave it out here",
            );
            reader.wrong(inner.path("remove"), source, complaint);
        }
        edits.remove.push(name);
    }
    if !inner.is_set("set") && !inner.is_set("remove") {
        let complaint = Complaint::new("changes nothing", "give it `set`, `remove` or both");
        reader.wrong_at(scope, side.key(), complaint);
    }
    edits
}

/// Refuses edits of headers by which applications learn who somebody is: those of every profile,
/// and those that any route names itself.
pub(super) fn refuse_identity(
    reader: &mut Reader,
    scope: &Scope<'_>,
    edits: &HeaderEdits,
    names: &IdentityNames,
) {
    let edited = edits.set.iter().map(|(name, _)| name).chain(&edits.remove);
    for name in edited.filter(|name| names.holds(name)) {
        let complaint = Complaint::new(
            format!("{name} says who a person is"),
            "choose by `headers` and `custom_headers` what the application learns",
        );
        reader.wrong_at(scope, Side::Request.key(), complaint);
    }
}

fn header(text: &str, side: Side) -> Result<HeaderName, Complaint> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| plain);
    let name = name.ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not the name of a header"),
            "use letters, digits and -",
        )
    })?;
    let is = |reserved: &&str| match reserved.strip_suffix('*') {
        Some(prefix) => name.as_str().starts_with(prefix),
        None => name.as_str() == *reserved,
    };
    if !FRAMING.iter().chain(side.reserved()).any(is) {
        return Ok(name);
    }
    let hint = match name.as_str() {
        "host" => "set it by `host_header`",
        "cookie" | "set-cookie" => "cookies belong to the browser and the application",
        _ => "leave it out: the gateway sets it where it is needed",
    };
    let message = format!("{text} has a meaning of its own in HTTP or in the gateway");
    Err(Complaint::new(message, hint))
}

fn header_value(text: &str) -> Result<HeaderValue, Complaint> {
    // Outside ASCII, two programs may read different letters.
    let plain = text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) && text.trim() == text;
    HeaderValue::from_str(text).ok().filter(|_| plain).ok_or_else(|| {
        Complaint::new(
            "is not the value of a header",
            "use visible ASCII characters, with spaces only between them",
        )
    })
}

/// Where a message ends, and what is for one connection alone.
const FRAMING: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy*",
    "sec-websocket-*",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// Where a request came from and where it goes.
const OF_REQUESTS: &[&str] = &[
    "cf-connecting-ip",
    "client-ip",
    "cookie",
    "fastly-client-ip",
    "forwarded",
    "host",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded*",
    "x-original-*",
    "x-real-ip",
    "x-rewrite-url",
    "x-samlgate-*",
];

/// What a browser keeps of us.
const OF_RESPONSES: &[&str] = &["set-cookie", "x-samlgate-*"];
