//! Sends a case, and compares.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::case::{Case, Kind, Upstream};
use super::upstream::{Recorder, Request, find};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Ask;
use crate::support::idp::{self, TestIdp};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// The gateways that cases have needed so far.
#[derive(Default)]
pub(super) struct Stage(HashMap<Kind, Town>);

/// A gateway, the application behind it, and Alice's session.
struct Town {
    gateway: Gateway,
    upstream: Recorder,
    token: String,
    _idp: TestIdp,
}

impl Stage {
    /// `Err` says what went differently.
    pub(super) async fn play(&mut self, case: &Case) -> Result<(), String> {
        if let Entry::Vacant(place) = self.0.entry(case.gateway) {
            place.insert(Town::found(case.gateway).await);
        }
        self.0[&case.gateway].play(case).await
    }
}

impl Town {
    async fn found(kind: Kind) -> Self {
        let (idp, upstream) = (TestIdp::new("corp"), Recorder::start().await);
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = match kind {
            Kind::Strict => setup,
            Kind::Drop => setup.set("server", "underscore_headers = \"drop\""),
            Kind::Trusted => setup.set("server", "trusted_proxies = [\"127.0.0.1\"]"),
        };
        let headers = "headers = [\"signed\", \"remote\", \"x-forwarded\", \"x-auth-request\", \
            \"shibboleth\"]";
        let routes = format!(
            "[[route]]\npath = \"/\"\nupstream = [{url:?}]\n{headers}\n\
             [[route]]\npath = \"/public\"\nupstream = [{url:?}]\npublic = true\n{headers}\n",
            url = upstream.url
        );
        let gateway = setup.add(&routes).start().await;
        let mut visitor = gateway.visitor();
        let start = visitor.get(&gateway.url("/.samlgate/start?idp=corp")).await;
        let request = idp.read(&start);
        let xml = idp.write(&idp.answer(&request));
        let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
        let form = idp::fields(&xml, Some(&request.relay_state));
        let answer = visitor.send(acs.navigating().form(&form)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let token = visitor.cookie(&gateway.url("/"), "samlgate").unwrap();
        Self { gateway, upstream, token, _idp: idp }
    }

    async fn play(&self, case: &Case) -> Result<(), String> {
        self.upstream.take();
        let host = self.gateway.url("").replace("http://", "");
        let cookie = format!("Cookie: samlgate={}\r\n", self.token);
        let request = replace(&case.request, b"{{host}}", host.as_bytes());
        let request = replace(&request, b"{{cookie}}", cookie.as_bytes());
        let mut stream = TcpStream::connect(&host).await.unwrap();
        // The gateway may have closed it already.
        let _ = stream.write_all(&request).await;
        let mut received = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut received)).await;
        if read.is_err() {
            let received = String::from_utf8_lossy(&received);
            return Err(format!("the connection stays open after {received:?}"));
        }
        let text = String::from_utf8_lossy(&received).into_owned();
        let answers = self.compare_answers(case, &received).await;
        answers.map_err(|fault| format!("{fault} in {text:?}"))?;
        compare_requests(case, &self.upstream.take())
    }

    async fn compare_answers(&self, case: &Case, received: &[u8]) -> Result<(), String> {
        let answers = answers(received)?;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
        let expected: Vec<u16> = case.expect.iter().map(|answer| answer.0).collect();
        if statuses != expected {
            return Err(format!("answered {statuses:?}, and not {expected:?}"));
        }
        for ((_, code), (_, body)) in case.expect.iter().zip(&answers) {
            let Some(code) = code else { continue };
            let found = self.code(body).await;
            if found.as_deref() != Some(code.as_str()) {
                return Err(format!("refused with {found:?}, and not {code}"));
            }
        }
        Ok(())
    }

    /// The code that the log has for the reference on a page.
    async fn code(&self, body: &str) -> Option<String> {
        let page = body.split_once("class=\"reference\">").map(|rest| (rest.1, '<'));
        let json = || body.split_once("\"reference\":\"").map(|rest| (rest.1, '"'));
        let (rest, end) = page.or_else(json)?;
        let reference = rest.split_once(end)?.0;
        let logged = async {
            loop {
                let log = self.gateway.log();
                let line = log.split_inclusive('\n').rfind(|line| line.contains(reference));
                if let Some(line) = line.filter(|line| line.ends_with('\n')) {
                    let code = line.split_once("\"code\":\"")?.1.split_once('"')?.0;
                    return Some(code.to_owned());
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, logged).await.ok().flatten()
    }
}

fn compare_requests(case: &Case, requests: &[Request]) -> Result<(), String> {
    let whole = requests.iter().filter(|request| request.whole).count();
    let broken = requests.len() - whole;
    let fine = match case.upstream {
        Upstream::Whole(count) => whole == count && broken == 0,
        Upstream::Broken => whole == 0 && broken == 1,
        Upstream::NothingWhole => whole == 0,
    };
    let all: Vec<u8> = requests.iter().flat_map(|request| request.bytes.clone()).collect();
    let text = String::from_utf8_lossy(&all);
    if !fine {
        return Err(format!(
            "the application has {whole} whole requests and {broken} broken ones, and not {:?}: {text}",
            case.upstream
        ));
    }
    let has = |mark: &[u8]| find(&all, mark).is_some();
    for mark in &case.seen {
        if !has(mark) {
            let mark = String::from_utf8_lossy(mark);
            return Err(format!("the application has not seen {mark:?} in {text}"));
        }
    }
    for mark in &case.unseen {
        if has(mark) {
            let mark = String::from_utf8_lossy(mark);
            return Err(format!("the application has seen {mark:?} in {text}"));
        }
    }
    Ok(())
}

/// Status and body of each answer; those that are only on the way to one (1xx) are left out.
fn answers(mut bytes: &[u8]) -> Result<Vec<(u16, String)>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").ok_or("an answer without an end")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end..];
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or("an answer without a status")?;
        if status < 200 {
            continue;
        }
        let mark = "\r\ncontent-length: ";
        let length = head.split_once(mark).and_then(|(_, rest)| rest.split_once("\r\n"));
        let length = length.map_or(Ok(0), |(length, _)| length.parse::<usize>());
        let length = length.map_err(|_| "a length that is none")?;
        if bytes.len() < length {
            return Err("an answer that breaks off".to_owned());
        }
        answers.push((
            status,
            String::from_utf8_lossy(&bytes[..length]).into_owned(),
        ));
        bytes = &bytes[length..];
    }
    Ok(answers)
}

fn replace(bytes: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}
