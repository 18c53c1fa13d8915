//! Which addresses we connect to for somebody else's sake.
//!
//! In: what a name resolved to. Out: those of it that may be asked. An address that an administrator
//! pastes, or to which a foreign server redirects, must not make us a way into the network that we
//! stand in: so what is not on the Internet is refused, unless the operator says that identity
//! providers live there. Addresses of the link itself stay refused even then: behind them are the
//! secrets of cloud machines (169.254.169.254), and never metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far we go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the Internet.
    Internet,
    /// This machine too, where it is named: for a gateway that people open on this machine.
    #[default]
    Machine,
    /// Those of private networks too (`saml.allow_private_metadata`).
    Private,
}

impl Reach {
    /// Whether an address may be asked. `named` says that somebody has named this machine.
    pub const fn allows(self, address: IpAddr, named: bool) -> bool {
        match place(address) {
            Place::Internet => true,
            Place::Loopback => match self {
                Self::Internet => false,
                Self::Machine => named,
                Self::Private => true,
            },
            Place::Private => matches!(self, Self::Private),
            Place::Nowhere => false,
        }
    }
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Internet,
    Loopback,
    Private,
    /// On the link, for many, or for nobody.
    Nowhere,
}

const fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

/// RFC 6890, and what came after it.
const fn v4(address: Ipv4Addr) -> Place {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Place::Loopback,
        (10, ..) | (192, 168, _) => Place::Private,
        (172, 16..=31, _) | (100, 64..=127, _) => Place::Private,
        (0 | 224..=255, ..) | (169, 254, _) => Place::Nowhere,
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => Place::Nowhere,
        (198, 18 | 19, _) => Place::Private,
        _ => Place::Internet,
    }
}

const fn v6(address: Ipv6Addr) -> Place {
    let [a, b, c, d, e, f, g, h] = address.segments();
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if g == 0 && h == 1 => Place::Loopback,
        // An IPv4 address in other clothes: mapped, translated (RFC 6052), 6to4.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(embedded(g, h)),
        (0x2002, ..) => v4(embedded(b, c)),
        (0xfc00..=0xfdff, ..) | (0x64, 0xff9b, 1, ..) => Place::Private,
        // Teredo hides one as well, and nobody needs it.
        (0x2001, 0 | 0xdb8, ..) => Place::Nowhere,
        (0x2000..=0x3fff, ..) => Place::Internet,
        _ => Place::Nowhere,
    }
}

const fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: Reach, text: &str) -> bool {
        reach.allows(text.parse().unwrap(), false)
    }

    #[test]
    fn the_internet_may_be_asked() {
        for address in ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"] {
            assert!(allowed(Reach::Internet, address), "{address}");
        }
    }

    #[test]
    fn networks_behind_us_are_asked_only_where_the_operator_says_so() {
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "fd00:ec2::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "127.0.0.1",
            "::1",
        ] {
            assert!(!allowed(Reach::Internet, address), "{address}");
            assert!(allowed(Reach::Private, address), "{address}");
        }
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(!Reach::Internet.allows(here, true));
        assert!(Reach::Machine.allows(here, true) && !Reach::Machine.allows(here, false));
    }

    #[test]
    fn the_link_and_nobody_are_never_asked() {
        for address in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2001::1",
        ] {
            for reach in [Reach::Internet, Reach::Machine, Reach::Private] {
                assert!(!allowed(reach, address), "{address}");
            }
        }
    }
}
