//! Single logout (core 3.7, profiles 4.4): messages, read and written.
//!
//! In: a message by HTTP-Redirect, HTTP-POST or SOAP, and the keys of one identity provider. Out: a
//! [`ValidLogoutRequest`], which says whose sessions end, or a [`LogoutResult`]. Promised: nothing
//! is read from a message that is not signed whole, be it by its query or by an enveloped
//! signature; a forged or late one changes nothing. What becomes of the sessions is decided
//! elsewhere.

use std::borrow::Cow;

use super::accepted::NameId;
use super::binding::query::VerifiedDocument;
use super::error::SamlError;
use super::profile::{MAX_AGE, OurClock, Place, ProfileError};
use super::schema::{
    ASSERTION_NS, Attribute, DSIG_NS, PROTOCOL_NS, Reader, SchemaError, Status, read_issuer,
    read_name_id, read_status, text,
};
use crate::base::{Checks, Timestamp};
use crate::dsig::{self, SigningKey, Trust, Verified, sign_enveloped};
use crate::xml::{Document, Element, Writer};

/// What a logout message is checked against, besides itself.
#[derive(Clone, Copy, Debug)]
pub struct LogoutExpectations<'a> {
    /// Our `SingleLogoutService`, to which the message must be addressed.
    pub slo_url: &'a str,
    /// The entityID of the identity provider whose key verified the message.
    pub idp_entity_id: &'a str,
    /// How far its clock may differ from ours.
    pub clock_skew: std::time::Duration,
}

/// A logout message of which every byte is signed.
#[derive(Debug)]
pub struct SignedMessage<'d>(Element<'d>);

impl<'d> SignedMessage<'d> {
    /// By HTTP-POST or SOAP: the enveloped signature of the message itself. `sig.missing` without.
    pub fn enveloped(
        document: &'d Document,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Self, SamlError> {
        let root = document.root();
        dsig::signature_positions(root)?;
        let verified = dsig::verify(root, trust, checks)?.ok_or(SamlError::Unsigned)?;
        Ok(Self::from(&verified))
    }
}

impl<'d> From<&Verified<Element<'d>>> for SignedMessage<'d> {
    fn from(verified: &Verified<Element<'d>>) -> Self {
        Self(verified.get())
    }
}

impl<'d> From<&'d VerifiedDocument> for SignedMessage<'d> {
    fn from(verified: &'d VerifiedDocument) -> Self {
        Self(verified.get().root())
    }
}

/// Who sent a logout message, as it says itself: only to find the keys to verify by.
pub fn issuer_hint(document: &Document) -> Option<String> {
    let issuer = document.root().child(ASSERTION_NS, "Issuer")?;
    read_issuer(issuer).ok().map(Cow::into_owned)
}

/// The rules for a `samlp:LogoutRequest`, in the order in which they are checked: the names of the
/// lines in [`Checks`], after `logout.`
pub const REQUEST_RULES: &[&str] = &[
    "schema",
    "version",
    "destination",
    "issuer",
    "issue_instant",
    "not_on_or_after",
];

/// The rules for a `samlp:LogoutResponse`, likewise.
pub const RESPONSE_RULES: &[&str] = &[
    "schema",
    "version",
    "destination",
    "issuer",
    "issue_instant",
    "in_response_to",
];

/// `samlp:LogoutRequest` that is from them, for us and in time: these sessions end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidLogoutRequest {
    /// Its ID, which the response repeats, and which is used once.
    pub id: String,
    /// The identity provider.
    pub issuer: String,
    /// Whose sessions.
    pub name_id: NameId,
    /// Which of them; empty for all.
    pub session_indexes: Vec<String>,
    /// From when on it would be refused as too old, clock skew included.
    pub expires: Timestamp,
}

impl ValidLogoutRequest {
    /// Checks a signed request by core 3.7.1 and profiles 4.4.4.1.
    pub fn read(
        message: &SignedMessage<'_>,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        checks.within("logout", |checks| {
            Self::follow(message, expected, checks, now)
        })
    }

    fn follow(
        message: &SignedMessage<'_>,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        let (mut reader, attributes) = open(message.0, "LogoutRequest", REQUEST)?;
        let [
            id,
            version,
            issue_instant,
            destination,
            _,
            not_on_or_after,
            _,
        ] = attributes;
        let attributes = [id, version, issue_instant, destination];
        let header = Header::read(message.0, &mut reader, attributes)?;
        let name_id = read_name_id(reader.required(ASSERTION_NS, "NameID")?)?;
        let mut session_indexes = Vec::new();
        while let Some(index) = reader.optional(PROTOCOL_NS, "SessionIndex") {
            session_indexes.push(text(index)?.into_owned());
        }
        reader.end()?;
        let not_on_or_after = not_on_or_after.time()?;
        checks.pass("schema");
        header.check(expected, checks, now)?;
        if let Some(found) = not_on_or_after
            && now >= found.plus(expected.clock_skew)
        {
            let clock = OurClock { now, skew: expected.clock_skew };
            return Err(ProfileError::LogoutExpired { found, clock }.into());
        }
        checks.pass_with("not_on_or_after", || {
            not_on_or_after.map_or_else(|| "none".to_owned(), |end| end.to_string())
        });
        let fresh_until = header.issue_instant.plus(MAX_AGE);
        let expires = not_on_or_after.map_or(fresh_until, |end| end.min(fresh_until));
        Ok(Self {
            id: header.id,
            issuer: header.issuer,
            name_id,
            session_indexes,
            expires: expires.plus(expected.clock_skew),
        })
    }

    /// Profiles 4.4.3.3: whether a session that this identity provider began, for this NameID
    /// under this SessionIndex, is one of those that end.
    pub fn ends(&self, issuer: &str, name_id: &NameId, session_index: Option<&str>) -> bool {
        let index = self.session_indexes.is_empty()
            || session_index.is_some_and(|own| self.session_indexes.iter().any(|one| one == own));
        issuer == self.issuer && name_id.is_same_as(&self.name_id) && index
    }
}

/// What the other side made of our request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutResult {
    /// Success, partial logout, or what went wrong.
    pub status: Status,
}

impl LogoutResult {
    /// `urn:oasis:names:tc:SAML:2.0:status:PartialLogout`
    pub const PARTIAL: &'static str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

    /// Checks a signed `samlp:LogoutResponse` to the request `request_id` (core 3.7.2).
    pub fn read(
        message: &SignedMessage<'_>,
        request_id: &str,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        checks.within("logout", |checks| {
            Self::follow(message, request_id, expected, checks, now)
        })
    }

    fn follow(
        message: &SignedMessage<'_>,
        request_id: &str,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        let (mut reader, attributes) = open(message.0, "LogoutResponse", RESPONSE)?;
        let [id, version, issue_instant, destination, _, in_response_to] = attributes;
        let attributes = [id, version, issue_instant, destination];
        let header = Header::read(message.0, &mut reader, attributes)?;
        let status = read_status(reader.required(PROTOCOL_NS, "Status")?)?;
        reader.end()?;
        checks.pass("schema");
        header.check(expected, checks, now)?;
        let found = in_response_to.value;
        if found != Some(request_id) {
            return Err(ProfileError::InResponseTo {
                place: Place::Logout,
                found: found.map(ToOwned::to_owned),
                expected: Some(request_id.to_owned()),
            }
            .into());
        }
        checks.pass_with("in_response_to", || request_id.to_owned());
        Ok(Self { status })
    }
}

const REQUEST: [&str; 7] = [
    "ID",
    "Version",
    "IssueInstant",
    "Destination",
    "Consent",
    "NotOnOrAfter",
    "Reason",
];
const RESPONSE: [&str; 6] = [
    "ID",
    "Version",
    "IssueInstant",
    "Destination",
    "Consent",
    "InResponseTo",
];

/// Begins with a message of this name.
fn open<'d, const N: usize>(
    message: Element<'d>,
    name: &str,
    attributes: [&'static str; N],
) -> Result<(Reader<'d>, [Attribute<'d>; N]), SamlError> {
    if !message.is(PROTOCOL_NS, name) {
        let found = format!("{{{}}}{}", message.namespace(), message.local_name());
        let expected = format!("samlp:{name}");
        return Err(SamlError::LogoutRoot { expected, found });
    }
    Ok(Reader::open(message, attributes)?)
}

/// What both messages begin with.
struct Header {
    id: String,
    version: String,
    issuer: String,
    issue_instant: Timestamp,
    destination: Option<String>,
}

impl Header {
    fn read<'d>(
        message: Element<'d>,
        reader: &mut Reader<'d>,
        [id, version, issue_instant, destination]: [Attribute<'d>; 4],
    ) -> Result<Self, SchemaError> {
        let issuer = read_issuer(reader.required(ASSERTION_NS, "Issuer")?)?.into_owned();
        reader.optional(DSIG_NS, "Signature");
        reader.optional(PROTOCOL_NS, "Extensions");
        Ok(Self {
            id: id.required(message)?.to_owned(),
            version: version.required(message)?.to_owned(),
            issuer,
            issue_instant: issue_instant.required_time(message)?,
            destination: destination.owned(),
        })
    }

    fn check(
        &self,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<(), ProfileError> {
        if self.version != "2.0" {
            return Err(ProfileError::Version { found: self.version.clone() });
        }
        checks.pass("version");
        // Bindings 3.4.5.2 and 3.5.5.2: a signed message says where it goes.
        match &self.destination {
            None => {
                let ours = expected.slo_url.to_owned();
                return Err(ProfileError::DestinationMissing { ours });
            }
            Some(found) if found != expected.slo_url => {
                let (found, ours) = (found.clone(), expected.slo_url.to_owned());
                return Err(ProfileError::Destination { found, ours });
            }
            Some(_) => checks.pass_with("destination", || expected.slo_url.to_owned()),
        }
        if self.issuer != expected.idp_entity_id {
            let (found, expected) = (self.issuer.clone(), expected.idp_entity_id.to_owned());
            return Err(ProfileError::Issuer { found, expected });
        }
        checks.pass_with("issuer", || self.issuer.clone());
        let found = self.issue_instant;
        let ahead = found > now.plus(expected.clock_skew);
        if ahead || found < now.minus(MAX_AGE).minus(expected.clock_skew) {
            let clock = OurClock { now, skew: expected.clock_skew };
            return Err(ProfileError::IssueInstant { place: Place::Logout, found, clock });
        }
        checks.pass_with("issue_instant", || found.to_string());
        Ok(())
    }
}

/// A `samlp:LogoutRequest` of ours.
#[derive(Clone, Copy, Debug)]
pub struct LogoutRequest<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The `SingleLogoutService` that it is sent to.
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// Whose session, with every part that the Assertion had.
    pub name_id: &'a NameId,
    /// Which session.
    pub session_index: Option<&'a str>,
    /// Until when it may be answered.
    pub not_on_or_after: Timestamp,
}

impl LogoutRequest<'_> {
    /// The message, unsigned: HTTP-Redirect signs the query.
    pub fn to_xml(&self) -> String {
        let (issued, end) = (self.issue_instant.to_saml(), self.not_on_or_after.to_saml());
        let mut writer = Writer::new();
        begin(
            &mut writer,
            "samlp:LogoutRequest",
            self.id,
            &issued,
            self.destination,
        );
        writer.attr("NotOnOrAfter", &end).leaf("saml:Issuer", self.issuer);
        writer
            .start("saml:NameID")
            .attr_opt("Format", self.name_id.format.as_deref())
            .attr_opt("NameQualifier", self.name_id.name_qualifier.as_deref())
            .attr_opt("SPNameQualifier", self.name_id.sp_name_qualifier.as_deref())
            .text(&self.name_id.value)
            .end();
        if let Some(index) = self.session_index {
            writer.leaf("samlp:SessionIndex", index);
        }
        writer.end();
        writer.finish()
    }

    /// The message with an enveloped signature, for HTTP-POST and SOAP.
    pub fn to_signed_xml(&self, key: &SigningKey) -> Result<String, dsig::DsigError> {
        sign_enveloped(&self.to_xml(), self.id, key, dsig::Place::AfterIssuer)
    }
}

/// A `samlp:LogoutResponse` of ours.
#[derive(Clone, Copy, Debug)]
pub struct LogoutResponse<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The `ResponseLocation`, or the Location, of the `SingleLogoutService` that asked.
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// The request's ID.
    pub in_response_to: &'a str,
    /// The top-level StatusCode.
    pub status: &'a str,
    /// The second-level StatusCode: [`LogoutResult::PARTIAL`].
    pub detail: Option<&'a str>,
}

impl LogoutResponse<'_> {
    /// The message, unsigned: HTTP-Redirect signs the query.
    pub fn to_xml(&self) -> String {
        let issued = self.issue_instant.to_saml();
        let mut writer = Writer::new();
        begin(
            &mut writer,
            "samlp:LogoutResponse",
            self.id,
            &issued,
            self.destination,
        );
        writer
            .attr("InResponseTo", self.in_response_to)
            .leaf("saml:Issuer", self.issuer);
        writer
            .start("samlp:Status")
            .start("samlp:StatusCode")
            .attr("Value", self.status);
        if let Some(detail) = self.detail {
            writer.start("samlp:StatusCode").attr("Value", detail).end();
        }
        writer.end().end().end();
        writer.finish()
    }

    /// The message with an enveloped signature, for HTTP-POST and SOAP.
    pub fn to_signed_xml(&self, key: &SigningKey) -> Result<String, dsig::DsigError> {
        sign_enveloped(&self.to_xml(), self.id, key, dsig::Place::AfterIssuer)
    }
}

fn begin(writer: &mut Writer, name: &str, id: &str, issue_instant: &str, destination: &str) {
    writer
        .start(name)
        .attr("xmlns:samlp", PROTOCOL_NS)
        .attr("xmlns:saml", ASSERTION_NS)
        .attr("ID", id)
        .attr("Version", "2.0")
        .attr("IssueInstant", issue_instant)
        .attr("Destination", destination);
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use super::*;
    use crate::dsig::TrustedKeys;
    use crate::saml::binding::query::QueryMessage;
    use crate::saml::binding::redirect::request_url;
    use crate::xml::{Limits, Mode};

    const OURS: &str = "https://sp.example.com/saml/slo";
    const IDP: &str = "https://idp.example.com/metadata";
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap());
    static NAME: LazyLock<NameId> = LazyLock::new(|| NameId {
        value: "alice@example.com".to_owned(),
        format: Some(NameId::EMAIL.to_owned()),
        name_qualifier: None,
        sp_name_qualifier: None,
    });

    fn now() -> Timestamp {
        Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
    }

    fn expected() -> LogoutExpectations<'static> {
        let clock_skew = Duration::from_secs(180);
        LogoutExpectations { slo_url: OURS, idp_entity_id: IDP, clock_skew }
    }

    fn request() -> LogoutRequest<'static> {
        LogoutRequest {
            id: "_logout",
            issue_instant: now(),
            destination: OURS,
            issuer: IDP,
            name_id: &NAME,
            session_index: Some("_session"),
            not_on_or_after: now().plus(Duration::from_secs(300)),
        }
    }

    /// By HTTP-POST.
    fn posted(xml: &str, later: u64) -> Result<ValidLogoutRequest, &'static str> {
        let keys = TrustedKeys::one(KEY.trusted().unwrap());
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let checks = &mut Checks::off();
        SignedMessage::enveloped(&document, Trust::only(&keys), checks)
            .and_then(|message| {
                let now = now().plus(Duration::from_secs(later));
                ValidLogoutRequest::read(&message, &expected(), &mut Checks::off(), now)
            })
            .map_err(|error| error.code().as_str())
    }

    fn signed(request: &LogoutRequest<'_>) -> String {
        request.to_signed_xml(&KEY).unwrap()
    }

    #[test]
    fn a_request_that_we_write_is_read_by_both_bindings() {
        let by_post = posted(&signed(&request()), 0).unwrap();
        assert_eq!(by_post.name_id, *NAME);
        assert_eq!(by_post.session_indexes, ["_session"]);
        assert_eq!(by_post.expires, now().plus(Duration::from_secs(300 + 180)));

        let url = request_url(OURS, &request().to_xml(), "x", Some(&KEY)).unwrap();
        let (_, query) = url.split_once('?').unwrap();
        let keys = TrustedKeys::one(KEY.trusted().unwrap());
        let message = QueryMessage::read(query).unwrap();
        let verified = message.verify(Trust::only(&keys)).unwrap().unwrap();
        let document = verified.parse().unwrap();
        let message = SignedMessage::from(&document);
        let checks = &mut Checks::on();
        let by_query = ValidLogoutRequest::read(&message, &expected(), checks, now()).unwrap();
        assert_eq!(by_query, by_post);
        let rules = checks.lines().iter().map(|line| line.name.as_str());
        assert!(rules.eq(REQUEST_RULES.iter().map(|rule| format!("logout.{rule}"))));
    }

    #[test]
    fn the_issuer_is_found_before_anything_is_verified() {
        let hint = |xml: &str| {
            let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default());
            issuer_hint(&document.unwrap())
        };
        let xml = request().to_xml();
        assert_eq!(hint(&xml).as_deref(), Some(IDP));
        assert_eq!(hint(&xml.replace("Issuer", "Other")), None);
    }

    #[test]
    fn a_request_without_a_signature_is_sig_missing() {
        assert_eq!(posted(&request().to_xml(), 0), Err("sig.missing"));
    }

    #[test]
    fn a_request_that_was_changed_is_sig_digest() {
        let changed = signed(&request()).replace("alice@", "carol@");
        assert_eq!(posted(&changed, 0), Err("sig.digest"));
    }

    #[test]
    fn each_rule_of_a_request_has_its_code() {
        let with = |change: &dyn Fn(&mut LogoutRequest<'static>)| {
            let mut request = request();
            change(&mut request);
            posted(&signed(&request), 0)
        };
        let elsewhere = with(&|request| request.destination = "https://other.example.com/slo");
        assert_eq!(elsewhere, Err("proto.destination"));
        let other = with(&|request| request.issuer = "https://other.example.com");
        assert_eq!(other, Err("proto.issuer"));
        let hour = Duration::from_secs(3600);
        let over = with(&|request| request.not_on_or_after = now().minus(hour));
        assert_eq!(over, Err("time.expired"));
        let ahead = with(&|request| request.issue_instant = now().plus(hour));
        assert_eq!(ahead, Err("time.issue_instant"));
        // As old as it may be, and as far ahead; and a second more.
        let (skew, second) = (Duration::from_secs(180), Duration::from_secs(1));
        let oldest = now().minus(MAX_AGE).minus(skew);
        let latest = now().plus(skew);
        for (instant, outcome) in [
            (oldest, Ok(())),
            (oldest.minus(second), Err("time.issue_instant")),
            (latest, Ok(())),
            (latest.plus(second), Err("time.issue_instant")),
        ] {
            let read = with(&|request| request.issue_instant = instant);
            assert_eq!(read.map(|_| ()), outcome);
        }
        assert_eq!(posted(&signed(&request()), 479).map(|_| ()), Ok(()));
        assert_eq!(posted(&signed(&request()), 480), Err("time.expired"));
        let message = request().to_xml().replace("LogoutRequest", "LogoutResponse");
        let message = sign_enveloped(&message, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap();
        assert_eq!(posted(&message, 0), Err("proto.root"));
    }

    #[test]
    fn a_request_ends_the_sessions_that_it_names_and_no_others() {
        let valid = posted(&signed(&request()), 0).unwrap();
        assert!(valid.ends(IDP, &NAME, Some("_session")));
        assert!(!valid.ends(IDP, &NAME, Some("_other")));
        assert!(!valid.ends(IDP, &NAME, None));
        assert!(!valid.ends("https://other.example.com", &NAME, Some("_session")));
        let other = |change: &dyn Fn(&mut NameId)| {
            let mut name_id = NAME.clone();
            change(&mut name_id);
            valid.ends(IDP, &name_id, Some("_session"))
        };
        assert!(!other(&|name| name.value = "carol@example.com".to_owned()));
        assert!(!other(&|name| name.format = None));
        assert!(other(&|name| name.name_qualifier = Some(IDP.to_owned())));

        let all = LogoutRequest { session_index: None, ..request() };
        let all = posted(&signed(&all), 0).unwrap();
        assert!(all.ends(IDP, &NAME, Some("_any")) && all.ends(IDP, &NAME, None));
    }

    #[test]
    fn a_name_qualified_otherwise_is_another_person() {
        let mut qualified = NAME.clone();
        qualified.name_qualifier = Some("https://idp.example.com/a".to_owned());
        qualified.sp_name_qualifier = Some("https://sp.example.com/a".to_owned());
        let valid = posted(&signed(&request()), 0).unwrap();
        let valid = ValidLogoutRequest { name_id: qualified.clone(), ..valid };
        let ends = |name_id: &NameId| valid.ends(IDP, name_id, Some("_session"));
        // Left out, a qualifier stands for the two parties.
        assert!(ends(&qualified) && ends(&NAME));
        let other = Some("https://other.example.com".to_owned());
        assert!(!ends(&NameId {
            name_qualifier: other.clone(),
            ..qualified.clone()
        }));
        assert!(!ends(&NameId { sp_name_qualifier: other, ..qualified }));
    }

    #[test]
    fn a_name_without_a_format_is_unspecified() {
        let unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
        let valid = posted(&signed(&request()), 0).unwrap();
        let name_id = NameId { format: None, ..NAME.clone() };
        let valid = ValidLogoutRequest { name_id: name_id.clone(), ..valid };
        let said = NameId { format: Some(unspecified.to_owned()), ..name_id };
        assert!(valid.ends(IDP, &said, Some("_session")));
        assert!(!valid.ends(IDP, &NAME, Some("_session")));
    }

    #[test]
    fn a_response_answers_our_request_or_is_proto_in_response_to() {
        let response = LogoutResponse {
            id: "_response",
            issue_instant: now(),
            destination: OURS,
            issuer: IDP,
            in_response_to: "_logout",
            status: Status::SUCCESS,
            detail: Some(LogoutResult::PARTIAL),
        };
        let xml = response.to_signed_xml(&KEY).unwrap();
        let keys = TrustedKeys::one(KEY.trusted().unwrap());
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let message =
            SignedMessage::enveloped(&document, Trust::only(&keys), &mut Checks::off()).unwrap();
        let checks = &mut Checks::on();
        let result = LogoutResult::read(&message, "_logout", &expected(), checks, now()).unwrap();
        let rules = checks.lines().iter().map(|line| line.name.as_str());
        assert!(rules.eq(RESPONSE_RULES.iter().map(|rule| format!("logout.{rule}"))));
        assert_eq!(result.status.detail.as_deref(), Some(LogoutResult::PARTIAL));
        let error = LogoutResult::read(&message, "_else", &expected(), &mut Checks::off(), now())
            .unwrap_err();
        assert_eq!(error.code().as_str(), "proto.in_response_to");
    }
}
