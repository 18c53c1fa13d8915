//! The Response around the Assertion.
//!
//! An [`Envelope`] may come from a Response that nobody signed. It can therefore only ever refuse
//! a sign-in: no identity is read from it, and where the Response is unsigned its values are
//! compared with ours and thrown away.

use super::assertion::{is_assertion, read_issuer};
use std::borrow::Cow;

use super::reader::{Reader, SchemaError, text};
use super::{ASSERTION_NS, DSIG_NS, PROTOCOL_NS};
use crate::base::Timestamp;
use crate::saml::status::bounded;
use crate::xml::Element;

/// `samlp:Status` (core 3.2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The top-level StatusCode.
    pub code: String,
    /// The second-level StatusCode, which is the one that says what happened.
    pub detail: Option<String>,
    /// What the identity provider says in words: at most 1024 characters on one line, and anybody's.
    /// Shown to admins only.
    pub message: Option<String>,
    /// `Cause` in the `StatusDetail`, likewise: `PingFederate` names the exception in its server there.
    pub cause: Option<String>,
}

impl Status {
    /// `urn:oasis:names:tc:SAML:2.0:status:Success`
    pub const SUCCESS: &'static str = "urn:oasis:names:tc:SAML:2.0:status:Success";

    /// Whether the identity provider did what we asked for.
    pub fn is_success(&self) -> bool {
        self.code == Self::SUCCESS
    }
}

/// A `samlp:Response` without its Assertions (core 3.2.2).
#[derive(Clone, Debug)]
pub struct Envelope<'d> {
    /// Core 3.2.2: must be "2.0".
    pub version: &'d str,
    /// When the Response was made.
    pub issue_instant: Timestamp,
    /// Where it was sent.
    pub destination: Option<&'d str>,
    /// Which request it answers.
    pub in_response_to: Option<&'d str>,
    /// Who says it is from them.
    pub issuer: Option<Cow<'d, str>>,
    /// Success, or what went wrong.
    pub status: Status,
    /// The first plain Assertion; unread.
    pub plain: Option<Element<'d>>,
    /// The first EncryptedAssertion; unread.
    pub encrypted: Option<Element<'d>>,
    /// How many there are of both.
    pub assertions: usize,
}

impl<'d> Envelope<'d> {
    /// Reads the envelope of a Response; see the module for what it may be used for.
    pub fn read(response: Element<'d>) -> Result<Self, SchemaError> {
        let names = [
            "ID",
            "InResponseTo",
            "Version",
            "IssueInstant",
            "Destination",
            "Consent",
        ];
        let (mut reader, attributes) = Reader::open(response, names)?;
        let [id, in_response_to, version, issue_instant, destination, _] = attributes;
        let version = version.required(response)?;
        id.required(response)?;
        let issue_instant = issue_instant.required_time(response)?;
        let issuer = reader.optional(ASSERTION_NS, "Issuer").map(read_issuer).transpose()?;
        reader.optional(DSIG_NS, "Signature");
        reader.optional(PROTOCOL_NS, "Extensions");
        let status = read_status(reader.required(PROTOCOL_NS, "Status")?)?;
        let (mut plain, mut encrypted, mut assertions) = (None, None, 0_usize);
        while let Some(child) = reader.any_if(is_assertion) {
            let first = match child.is(ASSERTION_NS, "Assertion") {
                true => &mut plain,
                false => &mut encrypted,
            };
            first.get_or_insert(child);
            assertions = assertions.saturating_add(1);
        }
        reader.end()?;
        Ok(Self {
            version,
            issue_instant,
            destination: destination.value,
            in_response_to: in_response_to.value,
            issuer,
            status,
            plain,
            encrypted,
            assertions,
        })
    }
}

pub(in crate::saml) fn read_status(status: Element<'_>) -> Result<Status, SchemaError> {
    let (mut reader, []) = Reader::open(status, [])?;
    let code = reader.required(PROTOCOL_NS, "StatusCode")?;
    let message = reader.optional(PROTOCOL_NS, "StatusMessage");
    let detail = reader.optional(PROTOCOL_NS, "StatusDetail");
    reader.end()?;
    let (mut inner, [value]) = Reader::open(code, ["Value"])?;
    let second = inner.optional(PROTOCOL_NS, "StatusCode");
    inner.end()?;
    let message = message.map(text).transpose()?.map(|text| bounded(&text));
    Ok(Status {
        code: cut(value.required(code)?),
        detail: second.and_then(|second| second.attribute("Value")).map(cut),
        message: message.filter(|text| !text.is_empty()),
        cause: detail.and_then(cause),
    })
}

/// A code as it stands: what is compared is not tidied up before. None is nearly as long.
fn cut(code: &str) -> String {
    code.chars().take(256).collect()
}

/// The one thing in a `StatusDetail` that helps: the schema lets everything in there.
fn cause(detail: Element<'_>) -> Option<String> {
    let cause = detail.descendants().find(|inner| inner.local_name() == "Cause")?;
    cause.text().map(|text| bounded(&text)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Document, Limits, Mode};

    fn read<T>(content: &str, then: impl FnOnce(Envelope<'_>) -> T) -> Result<T, &'static str> {
        let text = format!(
            "<Response xmlns='{PROTOCOL_NS}' xmlns:a='{ASSERTION_NS}' ID='_r' Version='2.0' \
             IssueInstant='2026-11-21T12:00:00Z' Destination='d' InResponseTo='i' Consent='c'>\
             {content}</Response>"
        );
        let document = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        Envelope::read(document.root()).map(then).map_err(|error| error.code().as_str())
    }

    const STATUS: &str =
        "<Status><StatusCode Value='urn:oasis:names:tc:SAML:2.0:status:Success'/></Status>";

    #[test]
    fn an_envelope_says_what_stands_in_it() {
        let content = format!("<a:Issuer>urn:idp</a:Issuer><Extensions/>{STATUS}");
        let seen = read(&content, |envelope| {
            assert!(envelope.status.is_success());
            assert_eq!(envelope.version, "2.0");
            assert_eq!(envelope.issue_instant.to_saml(), "2026-11-21T12:00:00Z");
            assert_eq!(envelope.destination, Some("d"));
            assert_eq!(envelope.in_response_to, Some("i"));
            assert_eq!(envelope.issuer.as_deref(), Some("urn:idp"));
        });
        assert_eq!(seen, Ok(()));
        for content in ["", "<Status/>", "<Status><StatusCode/></Status>"] {
            assert_eq!(read(content, |_| ()), Err("xml.schema"), "{content}");
        }
    }

    #[test]
    fn a_status_says_what_happened() {
        let content = "<Status><StatusCode Value='urn:a'><StatusCode Value='urn:b'/></StatusCode>\
                       <StatusMessage> no </StatusMessage><StatusDetail><x><Cause>java.lang.\n\
                       Exception</Cause></x></StatusDetail></Status>";
        let status = read(content, |envelope| envelope.status).unwrap();
        assert!(!status.is_success());
        assert_eq!(status.code, "urn:a");
        assert_eq!(status.detail.as_deref(), Some("urn:b"));
        assert_eq!(status.message.as_deref(), Some("no"));
        assert_eq!(status.cause.as_deref(), Some("java.lang. Exception"));
    }

    #[test]
    fn an_empty_message_of_a_status_is_none() {
        for message in ["<StatusMessage/>", "<StatusMessage> \n </StatusMessage>"] {
            let content = format!("<Status><StatusCode Value='urn:a'/>{message}</Status>");
            let status = read(&content, |envelope| envelope.status).unwrap();
            assert_eq!(status.message, None);
            let error = crate::saml::profile::ProfileError::Status(Box::new(status));
            assert_eq!(error.to_string(), "status urn:a");
        }
    }

    #[test]
    fn what_only_looks_like_success_is_none() {
        for code in [
            " urn:oasis:names:tc:SAML:2.0:status:Success",
            "urn:oasis:names:tc:SAML:2.0:status:Success\u{200b}",
            "urn:oasis:names:tc:SAML:2.0:status:Success/",
        ] {
            let content = format!("<Status><StatusCode Value='{code}'/></Status>");
            let status = read(&content, |envelope| envelope.status).unwrap();
            assert!(!status.is_success(), "{code:?}");
        }
        let long = "x".repeat(5000);
        let content = format!("<Status><StatusCode Value='{long}'/></Status>");
        assert_eq!(
            read(&content, |envelope| envelope.status.code.len()),
            Ok(256)
        );
    }

    #[test]
    fn of_all_assertions_the_first_of_each_kind_is_kept_and_all_are_counted() {
        let found = |assertions: &str| {
            read(&format!("{STATUS}{assertions}"), |envelope| {
                let id = |one: Option<Element<'_>>| Some(one?.attribute("ID")?.to_owned());
                (
                    id(envelope.plain),
                    id(envelope.encrypted),
                    envelope.assertions,
                )
            })
        };
        let id = |id: &str| Some(id.to_owned());
        let (plain, encrypted) = ("<a:Assertion ID='_p'/>", "<a:EncryptedAssertion ID='_e'/>");
        assert_eq!(found(""), Ok((None, None, 0)));
        assert_eq!(found(plain), Ok((id("_p"), None, 1)));
        assert_eq!(found(encrypted), Ok((None, id("_e"), 1)));
        let more = "<a:Assertion ID='_q'/><a:EncryptedAssertion ID='_f'/>";
        for all in [
            format!("{plain}{encrypted}{more}"),
            format!("{encrypted}{plain}{more}"),
        ] {
            assert_eq!(found(&all), Ok((id("_p"), id("_e"), 4)), "{all}");
        }
        for other in [
            "<Assertion ID='_p'/>",
            "<a:Other/>",
            "<a:Assertion ID='_p'/><Other/>",
        ] {
            assert_eq!(found(other), Err("xml.schema"), "{other}");
        }
    }
}
