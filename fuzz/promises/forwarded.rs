//! Where a client comes from: a stranger's word counts for nothing, and whoever reads what we pass on
//! finds the client whom we found.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::LazyLock;

use http::HeaderMap;
use samlgate::base::PublicUrl;
use samlgate::proxy::Peer;
use samlgate::proxy::TrustedProxies;
use samlgate::proxy::headers::Forwarding;

use super::wire;

/// A byte of settings, and the head of a request.
pub fn check(bytes: &[u8]) {
    let Some((settings, head)) = bytes.split_first() else {
        return;
    };
    let Some(headers) = wire::headers(head) else {
        return;
    };
    let number = usize::from(*settings);
    let address = PEERS[number % PEERS.len()].map(|text| text.parse().expect("an address"));
    let own = OWN[(number / PEERS.len()) % OWN.len()];
    let peer = Peer { address, tls: false };
    let forwarding = Forwarding::of(&PublicUrl::parse(own).expect("an address"));
    let trusted = TRUSTED.trusts(&peer);
    let written = |headers: &HeaderMap| {
        let mut out = Vec::new();
        forwarding.write(&mut out, headers, "app.example.com:8443", &peer, trusted);
        out
    };
    let out = written(&headers);
    if !trusted {
        assert_eq!(out, written(&HeaderMap::new()), "a stranger's word counts");
    }
    let lines = wire::lines(&out);
    let chain = is_well_formed(&lines);
    let client = TRUSTED.client_address(&peer, &headers);
    let from = address.map(|address: SocketAddr| address.ip().to_canonical());
    if let Some(from) = from {
        assert_eq!(
            chain.last().map(|last| last.parse()),
            Some(Ok(from)),
            "who came is said last"
        );
    }
    if !trusted {
        assert_eq!(client, from);
    }
    // An application behind us that trusts us, and whom we trust.
    let us = Peer {
        address: Some("10.0.0.99:1".parse().expect("an address")),
        tls: false,
    };
    let seen = TRUSTED.client_address(&us, &wire::map(&lines));
    let found = client.or_else(|| us.address.map(|address| address.ip()));
    assert_eq!(seen, found, "{}", String::from_utf8_lossy(&out));
}

/// Each name once, and all of them say the same; the chain of addresses.
fn is_well_formed<'a>(lines: &[(&'a str, &'a [u8])]) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for (name, value) in lines {
        let text = std::str::from_utf8(value).expect("text");
        assert!(
            !text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t'),
            "{text:?}"
        );
        texts.push((*name, text));
    }
    let one = |wanted: &str| {
        let mut values = texts.iter().filter(|(name, _)| *name == wanted).map(|(_, text)| *text);
        let value = values.next();
        assert!(values.next().is_none(), "{wanted} twice");
        value
    };
    let proto = one("x-forwarded-proto").expect("a scheme");
    assert!(matches!(proto, "http" | "https"));
    let port = one("x-forwarded-port").expect("a port");
    assert_eq!(port, port.parse::<u16>().expect("a port").to_string());
    let host = one("x-forwarded-host").expect("a host");
    assert!(
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    );
    if let Some(address) = one("x-real-ip") {
        assert!(address.parse::<IpAddr>().is_ok());
    }
    let chain = one("x-forwarded-for").expect("a chain");
    let chain: Vec<_> = chain.split(", ").filter(|address| !address.is_empty()).collect();
    let elements: Vec<_> = one("forwarded").expect("the same").split(", ").collect();
    assert_eq!(elements.len(), chain.len().max(1), "{texts:?}");
    for (place, element) in elements.iter().enumerate() {
        let mut parts = element.split(';');
        let node = parts.next().and_then(|part| part.strip_prefix("for=")).expect("a node");
        let node = node.trim_matches(&['"', '[', ']'][..]);
        match chain.get(place).and_then(|address| address.parse::<IpAddr>().ok()) {
            Some(address) => assert_eq!(node.parse(), Ok(address)),
            None => assert_eq!(node, "unknown"),
        }
        let rest: Vec<_> = parts.collect();
        let wanted = match place {
            0 => vec![format!("host=\"{host}\""), format!("proto={proto}")],
            _ => Vec::new(),
        };
        assert_eq!(rest, wanted);
    }
    chain
}

static TRUSTED: LazyLock<TrustedProxies> = LazyLock::new(|| {
    let networks = ["10.0.0.0/8", "::1/128"].map(|text| text.parse().expect("a network"));
    TrustedProxies::new(networks.to_vec())
});

const PEERS: [Option<&str>; 6] = [
    Some("192.0.2.1:5000"),
    Some("10.0.0.1:5000"),
    Some("[::ffff:10.0.0.2]:5000"),
    Some("[::1]:5000"),
    Some("[2001:db8::5]:5000"),
    None,
];
const OWN: [&str; 3] = [
    "https://app.example.com",
    "http://127.0.0.1:8080",
    "https://[::1]:8443",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "X-Forwarded-For: 198.51.100.7, 10.0.0.2\r\nX-Forwarded-Proto: http\r\n",
        "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: [2001:db8::1]:4711, unknown\r\n",
        "X-Forwarded-For: 198.51.100.7,,\r\nX-Real-IP: 198.51.100.7\r\n",
        "X-Forwarded-Host: wiki.example.com\r\nX-Forwarded-Port: 8443\r\n",
        "X-Forwarded-Host: a\";proto=http\r\nX-Forwarded-Port: 99999\r\nX-Forwarded-Proto: ftp\r\n",
        "Forwarded: for=\"[2001:db8::1]\";host=evil;proto=http\r\n",
    ];
    let heads = lines.iter().flat_map(|lines| {
        let head = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        (0..6_u8).map(move |settings| [&[settings], head.as_bytes()].concat())
    });
    heads.collect()
}
