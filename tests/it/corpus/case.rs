//! A `.case` file: what is sent, under which circumstances, and what has to come of it.

use std::path::{Path, PathBuf};

use samlgate::base::{ErrorCode, Timestamp};

/// One file of the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) path: PathBuf,
    pub(crate) rows: Vec<String>,
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    pub(crate) body: Vec<u8>,
    /// The file in `trust` that the request went to, or whose answers need no request.
    pub(crate) idp: String,
    pub(crate) now: Timestamp,
    /// The ID of our request; without one the answer is unsolicited.
    pub(crate) in_response_to: Option<String>,
    /// Keys of `[[idp]]`.
    pub(crate) settings: Vec<(String, String)>,
    /// Files in `keys`.
    pub(crate) decrypt_keys: Vec<String>,
    /// Who has to have signed the metadata; a file in `keys`.
    pub(crate) metadata_signing_certificate: Option<String>,
    /// Which entity of a metadata document.
    pub(crate) entity_id: Option<String>,
    /// Of a session here, for logout: the issuer of its Assertion, NameID and SessionIndex.
    pub(crate) session: Option<(String, String, String)>,
    pub(crate) expect: Expect,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Response,
    LogoutRedirect,
    LogoutPost,
    LogoutSoap,
    Metadata,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Xml,
    Base64,
    Posted,
    Query,
}

/// What has to come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Accept(Box<Identity>),
    /// By one of these codes. Several only where the rules leave open which comes first.
    Refuse(Vec<ErrorCode>),
}

/// Who was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name_id: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) session_index: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
    /// What its RelayState is taken for, where the case says so.
    pub(crate) relay_state: Option<String>,
    /// Whether the session of the case ends.
    pub(crate) ends: Option<bool>,
    /// Of metadata: the names of the keys that may sign.
    pub(crate) keys: Vec<String>,
}

impl Case {
    /// Reads a file. Whatever is not understood is an error: a typing mistake in a case must not
    /// make it prove less.
    pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        let (header, body) = split(bytes).ok_or("there is no line ---")?;
        let header = std::str::from_utf8(header).map_err(|error| error.to_string())?;
        let mut fields = Fields(Vec::new());
        for line in header.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) =
                line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
            fields.0.push((key.to_owned(), value.trim_start().to_owned()));
        }
        let case = Self::from_fields(path, &mut fields, body)?;
        match fields.0.first() {
            None => Ok(case),
            Some((key, _)) => Err(format!(
                "{key:?} is unknown, stands twice or has no place here"
            )),
        }
    }

    fn from_fields(path: &Path, fields: &mut Fields, body: &[u8]) -> Result<Self, String> {
        fields.one("title")?;
        fields.optional("signed");
        let rows = fields.one("row")?.split(',').map(|row| row.trim().to_owned()).collect();
        let kind = Kind::read(&fields.one("kind")?)?;
        let form = Form::read(&fields.one("body")?)?;
        let expands = fields.flag("expand")?;
        let idp = fields.one("idp")?;
        let at = fields.one("at")?;
        let now = Timestamp::parse_saml(&at).ok_or_else(|| format!("at: {at:?} is not a time"))?;
        let unsolicited = fields.flag("unsolicited")?;
        let in_response_to = fields.optional("in_response_to");
        if kind == Kind::Response && unsolicited == in_response_to.is_some() {
            return Err("a Response has either in_response_to or unsolicited: yes".to_owned());
        }
        let settings = fields
            .all("set")
            .iter()
            .map(|text| {
                let (key, value) = text.split_once('=').ok_or_else(|| format!("set: {text:?}"))?;
                Ok((key.to_owned(), value.to_owned()))
            })
            .collect::<Result<_, String>>()?;
        let decrypt_keys = fields.all("decrypt_key");
        let metadata_signing_certificate = fields.optional("metadata_signing_certificate");
        let entity_id = fields.optional("entity_id");
        let session = fields.optional("session").map(|text| three(&text)).transpose()?;
        let expect = Expect::read(fields)?;
        Ok(Self {
            path: path.to_owned(),
            rows,
            kind,
            form,
            body: if expands {
                expand(body)?
            } else {
                body.to_owned()
            },
            idp,
            now,
            in_response_to,
            settings,
            decrypt_keys,
            metadata_signing_certificate,
            entity_id,
            session,
            expect,
        })
    }
}

impl Kind {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "response" => Ok(Self::Response),
            "logout_redirect" => Ok(Self::LogoutRedirect),
            "logout_post" => Ok(Self::LogoutPost),
            "logout_soap" => Ok(Self::LogoutSoap),
            "metadata" => Ok(Self::Metadata),
            other => Err(format!("kind: {other:?}")),
        }
    }
}

impl Form {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "xml" => Ok(Self::Xml),
            "base64" => Ok(Self::Base64),
            "form" => Ok(Self::Posted),
            "query" => Ok(Self::Query),
            other => Err(format!("body: {other:?}")),
        }
    }
}

impl Expect {
    fn read(fields: &mut Fields) -> Result<Self, String> {
        let expect = fields.one("expect")?;
        if let Some(codes) = expect.strip_prefix("refuse ") {
            let find =
                |text| ErrorCode::find(text).ok_or_else(|| format!("{text:?} is not a code"));
            return codes.split('|').map(find).collect::<Result<_, _>>().map(Self::Refuse);
        }
        if expect != "accept" {
            return Err(format!("expect: {expect:?}"));
        }
        let attributes = fields
            .all("attribute")
            .iter()
            .map(|text| {
                let (name, value) =
                    text.split_once(" = ").ok_or_else(|| format!("attribute: {text:?}"))?;
                Ok((unescape(name)?, unescape(value)?))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self::Accept(Box::new(Identity {
            name_id: fields.optional("name_id").map(|text| unescape(&text)).transpose()?,
            format: fields.optional("format"),
            session_index: fields.optional("session_index"),
            attributes,
            relay_state: fields.optional("relay_state"),
            ends: match fields.optional("ends").as_deref() {
                None => None,
                Some("yes") => Some(true),
                Some("no") => Some(false),
                Some(other) => return Err(format!("ends: {other:?}")),
            },
            keys: fields.all("key"),
        })))
    }
}

/// The lines of a header that nobody has asked for yet.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn optional(&mut self, key: &str) -> Option<String> {
        let place = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(place).1)
    }

    fn one(&mut self, key: &str) -> Result<String, String> {
        self.optional(key).ok_or_else(|| format!("{key:?} is missing"))
    }

    fn all(&mut self, key: &str) -> Vec<String> {
        std::iter::from_fn(|| self.optional(key)).collect()
    }

    fn flag(&mut self, key: &str) -> Result<bool, String> {
        match self.optional(key).as_deref() {
            None => Ok(false),
            Some("yes") => Ok(true),
            Some(other) => Err(format!("{key}: {other:?}, which is not yes")),
        }
    }
}

/// `ISSUER NAMEID SESSIONINDEX`
fn three(text: &str) -> Result<(String, String, String), String> {
    let mut words = text.split(' ').map(ToOwned::to_owned);
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(issuer), Some(name_id), Some(index), None) => Ok((issuer, name_id, index)),
        _ => Err(format!("session: {text:?} is not three words")),
    }
}

/// The header, and the body without its last line break.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = b"\n---\n";
    let place = bytes.windows(line.len()).position(|window| window == line)?;
    let body = bytes.get(place + line.len()..)?;
    Some((
        bytes.get(..place)?,
        body.strip_suffix(b"\n").unwrap_or(body),
    ))
}

/// `\u{d}` → a carriage return.
fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) =
            part.split_once('}').ok_or_else(|| format!("no end of \\u in {text:?}"))?;
        let number = u32::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
        plain.push(
            char::from_u32(number).ok_or_else(|| format!("\\u{{{digits}}} is no character"))?,
        );
        plain.push_str(rest);
    }
    Ok(plain)
}

/// `{{repeat 3 ab}}` → `ababab`, so that a huge message has a small file.
fn expand(body: &[u8]) -> Result<Vec<u8>, String> {
    let body = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut parts = body.split("{{repeat ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once("}}").ok_or("no end of {{repeat")?;
        let (count, text) = inner.split_once(' ').ok_or("no text in {{repeat")?;
        plain.push_str(&text.repeat(count.parse().map_err(|_| format!("repeat {count:?}"))?));
        plain.push_str(rest);
    }
    Ok(plain.into_bytes())
}
