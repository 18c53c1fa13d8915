//! The PROXY protocol: a header means the same however its bytes arrive, and written again it is read
//! again.

use std::net::IpAddr;
use std::net::SocketAddr;

use samlgate::http::net::proxy_protocol::Begins;
use samlgate::http::net::proxy_protocol::begins;

pub fn check(bytes: &[u8]) {
    let all = begins(bytes);
    // A decision stands, however much of what decided it has come.
    for count in (0..bytes.len()).take(2200) {
        let early = begins(&bytes[..count]);
        assert!(
            early == all || early == Begins::Undecided,
            "{early:?} after {count}, then {all:?}"
        );
    }
    let Begins::Header(length, client) = all else {
        return;
    };
    let (header, rest) = bytes.split_at(length);
    assert_eq!(begins(header), all, "the header alone");
    let beginning = &bytes[..length - 1];
    assert_eq!(
        begins(beginning),
        Begins::Undecided,
        "without its last byte, before {rest:?}"
    );
    if header.starts_with(b"PROXY ") {
        is_version_1(header, client);
    }
    if let Some(client) = client {
        for written in [version_1(client), version_2(client)] {
            let read = begins(&[&written[..], b"GET / HTTP/1.1\r\n"].concat());
            assert_eq!(read, Begins::Header(written.len(), Some(client)));
        }
    }
}

/// The letter of the specification: single spaces, numbers as one writes them, 107 bytes.
fn is_version_1(header: &[u8], client: Option<SocketAddr>) {
    assert!(header.len() <= 107, "{} bytes", header.len());
    let text = std::str::from_utf8(header).expect("text");
    let line = text.strip_suffix("\r\n").expect("the end of the line");
    assert!(!line.contains("\r\n"));
    let words: Vec<&str> = line.split(' ').collect();
    let Some(client) = client else {
        return assert_eq!(words[1], "UNKNOWN");
    };
    let [_, family, source, destination, port, other] = *words else {
        panic!("{line:?}");
    };
    assert_eq!(family, if client.is_ipv4() { "TCP4" } else { "TCP6" });
    assert_eq!(source.parse(), Ok(client.ip()));
    let destination = destination.parse::<IpAddr>().expect("an address");
    assert_eq!(destination.is_ipv4(), client.is_ipv4());
    assert_eq!(port, client.port().to_string());
    assert_eq!(other, other.parse::<u16>().expect("a port").to_string());
}

fn version_1(client: SocketAddr) -> Vec<u8> {
    let (family, own) = if client.is_ipv4() {
        ("TCP4", "10.0.0.1")
    } else {
        ("TCP6", "::1")
    };
    format!(
        "PROXY {family} {} {own} {} 443\r\n",
        client.ip(),
        client.port()
    )
    .into_bytes()
}

fn version_2(client: SocketAddr) -> Vec<u8> {
    let (family, mut body) = match client.ip() {
        IpAddr::V4(address) => (0x11, [&address.octets()[..], &[10, 0, 0, 1]].concat()),
        IpAddr::V6(address) => (0x21, [&address.octets()[..], &[0; 16]].concat()),
    };
    body.extend(client.port().to_be_bytes());
    body.extend(443_u16.to_be_bytes());
    let length = u16::try_from(body.len()).expect("a length").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length, &body].concat()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let clients = [
        "192.0.2.1:51000",
        "[2001:db8::1]:1",
        "[::ffff:192.0.2.1]:65535",
    ];
    let clients = clients.map(|text| text.parse::<SocketAddr>().expect("an address"));
    let written = clients.into_iter().flat_map(|client| [version_1(client), version_2(client)]);
    let others: [&[u8]; 5] = [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\nGET",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\x01a",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x01\x0a\0\0\x01\xc7\x38\x01\xbb\x03\0\x01\0GET",
    ];
    written.chain(others.map(<[u8]>::to_vec)).collect()
}
