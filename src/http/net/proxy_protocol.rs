//! The PROXY protocol, versions 1 and 2: how a front proxy that passes on bytes says whose they
//! are.
//!
//! In: the first bytes of a connection from a trusted proxy. Out: the address of the client, and
//! how many bytes said so. Nobody else's first bytes are looked at.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// A header of this many bytes; without an address when the proxy speaks for itself.
    Header(usize, Option<SocketAddr>),
    /// Something else.
    Otherwise,
    /// Too few to tell.
    Undecided,
    /// The beginning of a header that ends in nonsense.
    Broken,
}

/// What a connection says about its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has no header.
    Nothing,
    /// Its header has this address; none when the proxy speaks for itself.
    Client(Option<SocketAddr>),
}

/// Takes a header off the connection, if there is one.
pub(crate) async fn client(stream: &mut TcpStream) -> io::Result<Said> {
    let mut bytes = [0; LONGEST];
    loop {
        let count = stream.peek(&mut bytes).await?;
        match begins(bytes.get(..count).unwrap_or_default()) {
            Begins::Header(length, client) => {
                stream.read_exact(bytes.get_mut(..length).unwrap_or_default()).await?;
                return Ok(Said::Client(client));
            }
            Begins::Otherwise => return Ok(Said::Nothing),
            Begins::Broken => return Err(io::ErrorKind::InvalidData.into()),
            Begins::Undecided if count == 0 => return Ok(Said::Nothing),
            // Proxies send the header in one piece; a pause is rare and short.
            Begins::Undecided => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Reads the first bytes of a connection.
pub fn begins(bytes: &[u8]) -> Begins {
    if bytes.starts_with(V1) {
        version_1(bytes)
    } else if bytes.starts_with(V2) {
        version_2(bytes)
    } else if V1.starts_with(bytes) || V2.starts_with(bytes) {
        Begins::Undecided
    } else {
        Begins::Otherwise
    }
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n`, 107 bytes at most.
fn version_1(bytes: &[u8]) -> Begins {
    let line = bytes.get(..LONGEST_1).unwrap_or(bytes);
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if line.len() < LONGEST_1 {
            Begins::Undecided
        } else {
            Begins::Broken
        };
    };
    let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<_> = line.unwrap_or_default().split(' ').collect();
    let length = end.saturating_add(2);
    match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Begins::Header(length, None),
        [
            "PROXY",
            family @ ("TCP4" | "TCP6"),
            source,
            destination,
            port,
            other,
        ] => {
            let address = |text: &str| {
                let address = text.parse::<IpAddr>().ok()?;
                (address.is_ipv4() == (family == "TCP4")).then_some(address)
            };
            let said = (
                address(source),
                address(destination),
                number(port),
                number(other),
            );
            match said {
                (Some(source), Some(_), Some(port), Some(_)) => {
                    Begins::Header(length, Some(SocketAddr::new(source, port)))
                }
                _ => Begins::Broken,
            }
        }
        _ => Begins::Broken,
    }
}

/// A port as one writes it: no sign, no zeros before it.
fn number(text: &str) -> Option<u16> {
    let number = text.parse::<u16>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Twelve bytes of signature, version and command, family, length, addresses, and extensions.
fn version_2(bytes: &[u8]) -> Begins {
    let Some((&[command, family, high, low], rest)) =
        bytes.get(V2.len()..).and_then(<[u8]>::split_first_chunk::<4>)
    else {
        return Begins::Undecided;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let total = length.saturating_add(16);
    if total > LONGEST {
        return Begins::Broken;
    }
    let Some(body) = rest.get(..length) else {
        return Begins::Undecided;
    };
    match (command, family) {
        // LOCAL: the proxy speaks for itself, to see whether we are alive.
        (0x20, _) => Begins::Header(total, None),
        (0x21, 0x11) => {
            let address = body.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip));
            header(total, address.map(IpAddr::V4), body.get(8..10))
        }
        (0x21, 0x21) => {
            let address = body.first_chunk::<16>().map(|ip| Ipv6Addr::from(*ip));
            header(total, address.map(IpAddr::V6), body.get(32..34))
        }
        (0x21, _) => Begins::Header(total, None),
        _ => Begins::Broken,
    }
}

fn header(total: usize, address: Option<IpAddr>, port: Option<&[u8]>) -> Begins {
    match (address, port) {
        (Some(address), Some(&[high, low])) => {
            let port = u16::from_be_bytes([high, low]);
            Begins::Header(total, Some(SocketAddr::new(address, port)))
        }
        _ => Begins::Broken,
    }
}

const V1: &[u8] = b"PROXY ";
/// Version 1, with the end of its line.
const LONGEST_1: usize = 107;
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses take 52 bytes; the rest is for extensions, which are skipped.
const LONGEST: usize = 2048;
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2, &[command, family], &length, body, b"GET /"].concat()
    }

    #[test]
    fn a_header_names_the_client() {
        let four = Some("192.0.2.1:51000".parse().unwrap());
        let six = Some("[2001:db8::1]:51000".parse().unwrap());
        let [high, low] = 51000_u16.to_be_bytes();
        let body_4 = [192, 0, 2, 1, 10, 0, 0, 1, high, low, 1, 187, 3, 0, 1, 0];
        let mut body_6 = [0; 36];
        body_6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        body_6[15] = 1;
        body_6[32..34].copy_from_slice(&[high, low]);
        for (bytes, found) in [
            (
                b"PROXY TCP4 192.0.2.1 10.0.0.1 51000 443\r\nGET".to_vec(),
                Begins::Header(41, four),
            ),
            (
                b"PROXY TCP6 2001:db8::1 ::1 51000 443\r\n".to_vec(),
                Begins::Header(38, six),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), Begins::Header(15, None)),
            (v2(0x21, 0x11, &body_4), Begins::Header(32, four)),
            (v2(0x21, 0x21, &body_6), Begins::Header(52, six)),
            (v2(0x20, 0, &[]), Begins::Header(16, None)),
            (v2(0x21, 0x31, &[0; 216]), Begins::Header(232, None)),
        ] {
            assert_eq!(begins(&bytes), found);
        }
    }

    #[test]
    fn what_only_begins_like_a_header_is_waited_for_or_refused() {
        for (bytes, found) in [
            (b"".to_vec(), Begins::Undecided),
            (b"P".to_vec(), Begins::Undecided),
            (b"POST / HTTP/1.1".to_vec(), Begins::Otherwise),
            (b"GET / HTTP/1.1".to_vec(), Begins::Otherwise),
            (b"\x16\x03\x01".to_vec(), Begins::Otherwise),
            (b"\r\n\r\n\0".to_vec(), Begins::Undecided),
            (b"PROXY TCP4 192.0.2.1".to_vec(), Begins::Undecided),
            (
                b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(),
                Begins::Broken,
            ),
            (b"PROXY TCP4 a b c d\r\n".to_vec(), Begins::Broken),
            (b"PROXY TCP4 192.0.2.1 b 1 2\r\n".to_vec(), Begins::Broken),
            (b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n".to_vec(), Begins::Broken),
            (
                b"PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n".to_vec(),
                Begins::Broken,
            ),
            (
                b"PROXY TCP4 192.0.2.1 10.0.0.1 1 02\r\n".to_vec(),
                Begins::Broken,
            ),
            (
                // As it would be if the line had come in two pieces.
                [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 92], b"\r\n"].concat(),
                Begins::Broken,
            ),
            (b"PROXY / HTTP/1.1\r\n".to_vec(), Begins::Broken),
            (
                [b"PROXY ".as_slice(), &[b'x'; 120]].concat(),
                Begins::Broken,
            ),
            (v2(0x21, 0x11, &[1, 2, 3]), Begins::Broken),
            (v2(0x31, 0x11, &[0; 12]), Begins::Broken),
            (v2(0x21, 0x11, &[0; 4000]), Begins::Broken),
        ] {
            assert_eq!(
                begins(&bytes),
                found,
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fall(bytes: Vec<u8>, version in 0..3_u8) {
            let start: &[u8] = match version { 0 => b"", 1 => V1, _ => V2 };
            let bytes = [start, &bytes].concat();
            if let Begins::Header(length, _) = begins(&bytes) {
                assert!(length <= bytes.len() && length <= LONGEST);
            }
        }
    }
}
