//! Which host a request is for.
//!
//! HTTP/2 says it in `:authority`, HTTP/1.1 in `Host`, a request line with an absolute address in
//! both (RFC 9112, 3.2.2). There must be one answer: a proxy and an application that take
//! different ones can be played against each other.

use http::header::HOST;
use http::request::Parts;

use crate::base::ErrorCode;

/// Why the host of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// Neither `Host` nor `:authority`.
    #[error("the request names no host")]
    Missing,
    /// Two `Host` headers, or one that differs from the request's own address.
    #[error("the request names several hosts")]
    Several,
    /// Not `host` or `host:port`.
    #[error("the host is not a name or address with an optional port")]
    Syntax,
}

impl HostRefusal {
    /// `proxy.request`, whatever the reason.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::ProxyRequest
    }
}

/// The host with its port, as the client wrote it.
pub fn host(parts: &Parts) -> Result<&str, HostRefusal> {
    let mut headers = parts.headers.get_all(HOST).iter();
    let header = match headers.next() {
        Some(value) => Some(value.to_str().map_err(|_| HostRefusal::Syntax)?),
        None => None,
    };
    if headers.next().is_some() {
        return Err(HostRefusal::Several);
    }
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = match (authority, header) {
        (Some(authority), Some(header)) if !authority.eq_ignore_ascii_case(header) => {
            return Err(HostRefusal::Several);
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(HostRefusal::Missing),
    };
    is_host(host).then_some(host).ok_or(HostRefusal::Syntax)
}

/// The host without its port: `app.example.com`, `[::1]`.
pub fn without_port(host: &str) -> &str {
    match host.bytes().rposition(|byte| byte == b':').and_then(|place| {
        let (name, port) = host.split_at_checked(place)?;
        Some((name, port.get(1..)?))
    }) {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_host(host: &str) -> bool {
    let fits =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    // Nearly every one is a name, or a name and a port: one look at each byte.
    let end = host.bytes().position(|byte| !fits(byte)).unwrap_or(host.len());
    let rest = host.as_bytes().get(end..).unwrap_or_default();
    match rest.split_first() {
        _ if end == 0 => {}
        None => return true,
        Some((b':', port)) if port.iter().all(u8::is_ascii_digit) => return true,
        Some(_) => {}
    }
    let name = without_port(host);
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(fits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, hosts: &[&str]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_is_for_exactly_one_host() {
        type Row<'a> = (&'a str, &'a [&'a str], Result<&'a str, HostRefusal>);
        let table: &[Row<'_>] = &[
            ("/", &["app.example.com"], Ok("app.example.com")),
            ("/", &["App.Example.Com:8443"], Ok("App.Example.Com:8443")),
            ("https://app.example.com/", &[], Ok("app.example.com")),
            (
                "http://app.example.com/",
                &["APP.example.com"],
                Ok("app.example.com"),
            ),
            ("/", &["[::1]:8080"], Ok("[::1]:8080")),
            ("/", &[], Err(HostRefusal::Missing)),
            ("/", &[""], Err(HostRefusal::Syntax)),
            ("/", &["a.example", "a.example"], Err(HostRefusal::Several)),
            (
                "http://a.example/",
                &["b.example"],
                Err(HostRefusal::Several),
            ),
            ("/", &["a.example/b"], Err(HostRefusal::Syntax)),
            ("/", &["me@a.example"], Err(HostRefusal::Syntax)),
            ("/", &["a.example, b.example"], Err(HostRefusal::Syntax)),
            ("/", &["a.example:8x"], Err(HostRefusal::Syntax)),
            ("/", &["::1"], Err(HostRefusal::Syntax)),
            ("/", &["[x]"], Err(HostRefusal::Syntax)),
        ];
        for (uri, hosts, found) in table {
            let parts = asked(uri, hosts);
            assert_eq!(host(&parts), *found, "{uri} {hosts:?}");
        }
        assert_eq!(without_port("[::1]:8080"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("app.example.com"), "app.example.com");
    }
}
