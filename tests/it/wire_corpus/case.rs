//! A `.case` file: what is sent, and what has to come of it.

use samlgate::base::ErrorCode;

use crate::support::names::PROFILES;

/// One request, or several on one connection.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The header that it is about, where the file stands for one case for each.
    pub(super) name: String,
    pub(super) gateway: Kind,
    /// Status and code of each answer; none where the connection is just closed.
    pub(super) expect: Vec<(u16, Option<ErrorCode>)>,
    pub(super) upstream: Upstream,
    pub(super) seen: Vec<Vec<u8>>,
    pub(super) unseen: Vec<Vec<u8>>,
    pub(super) request: Vec<u8>,
}

/// How the gateway is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// As it is by default.
    Strict,
    /// `server.underscore_headers = "drop"`.
    Drop,
    /// Whoever connects is one of its `trusted_proxies`.
    Trusted,
}

/// What reaches the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    /// So many whole requests, and not the beginning of another.
    Whole(usize),
    /// The beginning of one, which breaks off.
    Broken,
    /// Nothing, or the beginning of one: it depends on when the bytes come.
    NothingWhole,
}

impl Case {
    /// Reads a file: one case, or one for each header of identity. Whatever is not understood is an
    /// error: a typing mistake in a case must not make it prove less.
    pub(super) fn read(text: &str) -> Result<Vec<Self>, String> {
        let (header, body) = text.split_once("\n---\n").ok_or("there is no line ---")?;
        if !header.lines().any(|line| line == "each: identity header") {
            return Ok(vec![Self::read_one("", header, body)?]);
        }
        let case = |name: &&str| {
            let put = |text: &str| {
                text.replace("{{name}}", name)
                    .replace("{{lower}}", &name.to_lowercase())
                    .replace("{{upper}}", &name.to_uppercase())
                    .replace("{{under}}", &name.replace('-', "_"))
                    .replace("{{UNDER}}", &name.replace('-', "_").to_uppercase())
            };
            Self::read_one(name, &put(header), &put(body))
        };
        PROFILES.iter().map(case).collect()
    }

    fn read_one(name: &str, header: &str, body: &str) -> Result<Self, String> {
        let mut case = Self {
            name: name.to_owned(),
            gateway: Kind::Strict,
            expect: Vec::new(),
            upstream: Upstream::Whole(0),
            seen: Vec::new(),
            unseen: Vec::new(),
            request: unescape(&body.replace('\n', ""))?,
        };
        let mut told = Vec::new();
        for line in header.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) =
                line.split_once(": ").ok_or_else(|| format!("no colon in {line:?}"))?;
            match key {
                "title" => {}
                "each" if value == "identity header" => {}
                "gateway" => case.gateway = Kind::read(value)?,
                "expect" => case.expect = expect(value)?,
                "upstream" => case.upstream = Upstream::read(value)?,
                "seen" => case.seen.push(unescape(value)?),
                "unseen" => case.unseen.push(unescape(value)?),
                _ => return Err(format!("{line:?} is not understood")),
            }
            told.push(key);
        }
        for key in ["title", "expect", "upstream"] {
            if told.iter().filter(|told| **told == key).count() != 1 {
                return Err(format!("it needs one line {key}"));
            }
        }
        Ok(case)
    }
}

impl Kind {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Self::Strict),
            "drop" => Ok(Self::Drop),
            "trusted" => Ok(Self::Trusted),
            _ => Err(format!("gateway: {text:?}")),
        }
    }
}

impl Upstream {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "nothing" => Ok(Self::Whole(0)),
            "broken" => Ok(Self::Broken),
            "nothing whole" => Ok(Self::NothingWhole),
            _ => text.parse().map(Self::Whole).map_err(|_| format!("upstream: {text:?}")),
        }
    }
}

/// `400 proxy.request, 200`, or `closed`.
fn expect(text: &str) -> Result<Vec<(u16, Option<ErrorCode>)>, String> {
    if text == "closed" {
        return Ok(Vec::new());
    }
    let one = |text: &str| {
        let (status, code) = match text.split_once(' ') {
            Some((status, code)) => (status, Some(code)),
            None => (text, None),
        };
        let wrong = || format!("expect: {text:?}");
        let code = code.map(|code| ErrorCode::find(code).ok_or_else(wrong)).transpose()?;
        Ok((status.parse().map_err(|_| wrong())?, code))
    };
    text.split(", ").map(one).collect()
}

/// `\r`, `\n`, `\t`, `\\`, `\xNN`, and `{{repeat 10 text}}`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    if let Some((before, rest)) = text.split_once("{{repeat ") {
        let (inner, after) = rest.split_once("}}").ok_or("repeat without an end")?;
        let (count, inner) = inner.split_once(' ').ok_or("repeat what?")?;
        let count = count.parse().map_err(|_| "repeat how often?")?;
        let parts = [
            unescape(before)?,
            unescape(inner)?.repeat(count),
            unescape(after)?,
        ];
        return Ok(parts.concat());
    }
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let wrong = || format!("\\{after} is not understood");
        let mut length = 1;
        bytes.push(match after.as_bytes().first() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                length = 3;
                let digits = after.get(1..3).ok_or_else(wrong)?;
                u8::from_str_radix(digits, 16).map_err(|_| wrong())?
            }
            _ => return Err(wrong()),
        });
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}
