//! Who is at the other end of a connection, and who is behind them.
//!
//! In: the peer of a connection and what its request says about the client behind it. Out: the
//! client's address. Only a front proxy in `trusted_proxies` is believed.

use std::net::IpAddr;
use std::net::SocketAddr;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

/// The other end of an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub address: Option<SocketAddr>,
    /// The connection is TLS that ends at us.
    pub tls: bool,
}

/// `server.trusted_proxies`: whose `X-Forwarded-*` are believed.
///
/// ## Deployment caveat
///
/// The peer of a Unix socket is always trusted: whoever may open the socket is a program on this
/// machine to which its file permissions gave that right.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// From the configured networks.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the peer is a front proxy of ours.
    pub fn trusts(&self, peer: &Peer) -> bool {
        peer.address.is_none_or(|address| self.holds(address.ip()))
    }

    /// The address of the client: the peer's own, or behind trusted proxies the last address in
    /// `X-Forwarded-For` that is not one of them. `None` when a Unix socket's peer names nobody.
    pub fn client_address(&self, peer: &Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let own = peer.address.map(|address| canonical(address.ip()));
        if !self.trusts(peer) {
            return own;
        }
        let mut client = own;
        let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let named = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        // Empty elements of a list count for nothing (RFC 9110, 5.6.1.2).
        for address in named.filter(|address| !address.trim().is_empty()) {
            // What is no address ends the chain: nothing before it can be believed either.
            let Some(address) = parse_address(address.trim()) else {
                break;
            };
            client = Some(address);
            if !self.holds(address) {
                break;
            }
        }
        client
    }

    fn holds(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// `::ffff:192.0.2.1`, as a listener on `[::]` sees it, is `192.0.2.1`.
const fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An address as front proxies write it: bare, in brackets, or with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(canonical)
}

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: Option<&str>, forwarded: &[&str]) -> Option<String> {
        let trusted = TrustedProxies::new(vec![
            "10.0.0.0/8".parse().unwrap(),
            "::1/128".parse().unwrap(),
        ]);
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.to_owned().try_into().unwrap());
        }
        let address = peer.map(|peer| SocketAddr::new(peer.parse().unwrap(), 5000));
        trusted
            .client_address(&Peer { address, tls: false }, &headers)
            .map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_says_who_is_behind_it() {
        type Row<'a> = (Option<&'a str>, &'a [&'a str], Option<&'a str>);
        let table: &[Row<'_>] = &[
            (Some("192.0.2.1"), &["198.51.100.7"], Some("192.0.2.1")),
            (Some("10.0.0.1"), &[], Some("10.0.0.1")),
            (Some("10.0.0.1"), &["198.51.100.7"], Some("198.51.100.7")),
            (
                Some("::ffff:10.0.0.1"),
                &["198.51.100.7"],
                Some("198.51.100.7"),
            ),
            (
                Some("10.0.0.1"),
                &["1.2.3.4, 198.51.100.7"],
                Some("198.51.100.7"),
            ),
            (
                Some("10.0.0.1"),
                &["198.51.100.7, 10.0.0.2"],
                Some("198.51.100.7"),
            ),
            (
                Some("10.0.0.1"),
                &["1.2.3.4", "198.51.100.7"],
                Some("198.51.100.7"),
            ),
            (
                Some("10.0.0.1"),
                &["198.51.100.7, unknown"],
                Some("10.0.0.1"),
            ),
            (
                Some("10.0.0.1"),
                &["198.51.100.7, ,", ""],
                Some("198.51.100.7"),
            ),
            (
                Some("10.0.0.1"),
                &["198.51.100.7, \u{e9}"],
                Some("10.0.0.1"),
            ),
            (Some("::1"), &["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (Some("::1"), &["198.51.100.7:80"], Some("198.51.100.7")),
            (None, &["198.51.100.7"], Some("198.51.100.7")),
            (None, &[], None),
        ];
        for (peer, forwarded, found) in table {
            assert_eq!(
                client(*peer, forwarded).as_deref(),
                *found,
                "{peer:?} {forwarded:?}"
            );
        }
    }
}
