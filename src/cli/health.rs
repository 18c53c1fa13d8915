//! `samlgate health`: asks the running gateway.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::{ConfigFile, output};
use crate::config::{self, Sources};

const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer of /readyz.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// 0 when /readyz says 200, else 1.
pub(super) fn run(args: &ConfigFile) -> ExitCode {
    let address = match config::admin_listen(&Sources::of_process(args.config.clone())) {
        Ok(address) => reachable(address),
        Err(problems) => {
            output::problems(&problems);
            return ExitCode::FAILURE;
        }
    };
    match status(address) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(status) => {
            output::error(&format!(
                "not ready: http://{address}/readyz answers {status}"
            ));
            ExitCode::FAILURE
        }
        Err(error) => {
            output::error(&format!("no answer from http://{address}/readyz: {error}"));
            output::hint("is the gateway running, with this configuration?");
            ExitCode::FAILURE
        }
    }
}

/// A listener on every address is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn status(address: SocketAddr) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nUser-Agent: samlgate-health\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // Only the first line matters; a connection that is reset after it is no reason to restart.
    let read = stream.take(LONGEST_ANSWER).read_to_end(&mut answer);
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.split(' ').next())
        .and_then(|status| status.parse().ok());
    match (status, read) {
        (Some(status), _) => Ok(status),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is not HTTP",
        )),
    }
}
