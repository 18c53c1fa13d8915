//! HTTP-Artifact (bindings 3.6): a reference in the browser, and the message fetched from server to
//! server.
//!
//! ```text
//! text         Artifact        44 bytes, whoever sent them
//!   │ OneUse::claim_artifact
//! fresh        FreshArtifact   for the first time, and made for this identity provider
//!   │ resolve
//! asked        Resolution      our ArtifactResolve, signed; waits for one answer
//!   │ answered
//! answered     Resolved        that answer, with its question; still anybody's
//!   │ read                     by the keys of whom we asked
//! parsed       ResponseMessage and from here it goes as if it had come by HTTP-POST
//! ```
//!
//! Promised: nothing unsigned is ever read. A Response that came like this needs what every one
//! needs, a signature of its own or on its Assertion; besides those, the signature of the
//! ArtifactResponse around it is enough, since it covers all of it. That the answer came over TLS from
//! the right host is good, and no proof here.
//!
//! # Deployment caveat
//!
//! Whoever reads an address of the browser before we do can use the artifact in it first. It is kept
//! out of logs here ([`Secret`]); proxies in front write addresses, too.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::{sha1, sha256};
use url::form_urlencoded;

use super::binding::BindingError;
use super::binding::query::MAX_QUERY;
use super::binding::soap::{self, SoapMessage};
use super::error::SamlError;
use super::profile::{MAX_AGE, OurClock, Place, ProfileError};
use super::response::{Around, ResponseMessage};
use super::schema::{
    ASSERTION_NS, DSIG_NS, PROTOCOL_NS, Reader, is_assertion, read_issuer, read_status,
};
use crate::base::{Checks, Secret, Timestamp, Values};
use crate::dsig::{self, DsigError, SigningKey, Trust, sign_enveloped};
use crate::xml::{Element, Writer, ns};

/// An artifact of type 0x0004, the one that SAML 2.0 has (bindings 3.6.4). Anybody's.
#[derive(Debug)]
pub struct Artifact {
    /// Which ArtifactResolutionService of the identity provider's metadata has the message.
    pub endpoint_index: u16,
    source_id: [u8; 20],
    text: Secret<String>,
}

/// `TypeCode`, `EndpointIndex`, `SourceID`, `MessageHandle`.
const LENGTH: usize = 2 + 2 + 20 + 20;
/// The same in base64.
const TEXT_LENGTH: usize = LENGTH.div_ceil(3) * 4;

impl Artifact {
    /// How long a used one is remembered. Identity providers keep the message for minutes.
    pub const REMEMBERED: Duration = Duration::from_secs(60 * 60);

    /// Reads the value of `SAMLart`.
    ///
    /// ```
    /// use samlgate::saml::artifact::Artifact;
    /// let text = "AAQAAMh48/1oXIM+sDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8=";
    /// assert_eq!(Artifact::parse(text).unwrap().endpoint_index, 0);
    /// assert!(Artifact::parse(&text.replace("AAQ", "AAE")).is_err()); // a type of SAML 1.1
    /// assert!(Artifact::parse(&text[4..]).is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, BindingError> {
        if text.len() != TEXT_LENGTH {
            return Err(BindingError::Artifact("SAMLart is not 44 bytes in base64"));
        }
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| BindingError::Artifact("SAMLart is not base64"))?;
        let parts = bytes.split_first_chunk().and_then(|(head, rest)| {
            let (source_id, handle) = rest.split_first_chunk()?;
            (handle.len() == 20).then_some((head, *source_id))
        });
        let Some(([type_high, type_low, index_high, index_low], source_id)) = parts else {
            return Err(BindingError::Artifact("SAMLart is not 44 bytes in base64"));
        };
        if [*type_high, *type_low] != [0, 4] {
            return Err(BindingError::Artifact("the artifact is not of type 0x0004"));
        }
        let endpoint_index = u16::from_be_bytes([*index_high, *index_low]);
        Ok(Self {
            endpoint_index,
            source_id,
            text: Secret::new(text.to_owned()),
        })
    }

    /// Whether it says that it was made by the identity provider with this entityID.
    pub fn is_from(&self, entity_id: &str) -> bool {
        source_id(entity_id) == self.source_id
    }

    /// By which identity provider it says that it was made: [`source_id`] of its entityID. It proves
    /// nothing; it finds whom to ask.
    pub const fn source_id(&self) -> &[u8; 20] {
        &self.source_id
    }

    /// By what its one use is remembered: a store that is copied holds no artifact.
    pub(in crate::saml) fn one_use_id(&self) -> String {
        let digest = sha256(self.text.reveal().as_bytes());
        digest.iter().fold("artifact ".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The SourceID of artifacts of an identity provider: the SHA-1 of its entityID (bindings 3.6.4), which
/// everybody can compute.
pub fn source_id(entity_id: &str) -> [u8; 20] {
    sha1(entity_id.as_bytes())
}

/// What a browser brings.
#[derive(Debug)]
pub struct ArtifactDelivery {
    /// The artifact.
    pub artifact: Artifact,
    /// RelayState as it came.
    pub relay_state: Option<String>,
}

impl ArtifactDelivery {
    /// Reads a raw query, without its `?`, or the body of a form: both look the same (bindings 3.6.3).
    /// `None` when there is no `SAMLart` in it.
    pub fn read(fields: &[u8]) -> Result<Option<Self>, BindingError> {
        if fields.len() > MAX_QUERY {
            let (what, found, limit) = ("the query or form", fields.len(), MAX_QUERY);
            return Err(BindingError::Size { what, found, limit });
        }
        let (mut artifact, mut relay_state, mut other) = (None, None, false);
        for (name, value) in form_urlencoded::parse(fields) {
            let slot = match &*name {
                "SAMLart" => &mut artifact,
                "RelayState" => &mut relay_state,
                "SAMLResponse" | "SAMLRequest" => {
                    other = true;
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(BindingError::Artifact("a parameter comes twice"));
            }
        }
        let Some(artifact) = artifact else {
            return Ok(None);
        };
        if other {
            return Err(BindingError::Artifact(
                "there is a message beside the artifact",
            ));
        }
        Ok(Some(Self {
            artifact: Artifact::parse(&artifact)?,
            relay_state,
        }))
    }
}

/// An artifact whose one use was claimed. Made by [`super::OneUse::claim_artifact`] alone.
///
/// ```compile_fail,E0624
/// use samlgate::saml::artifact::{Artifact, FreshArtifact};
/// fn again(artifact: Artifact) -> FreshArtifact {
///     FreshArtifact::new(artifact, "https://idp.example.com/metadata")
/// }
/// ```
#[derive(Debug)]
pub struct FreshArtifact {
    artifact: Artifact,
    idp_entity_id: String,
}

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub struct ResolveRequest<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The ArtifactResolutionService with the number that the artifact names.
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
}

impl FreshArtifact {
    /// Only [`super::OneUse`] may say so.
    pub(in crate::saml) fn new(artifact: Artifact, idp_entity_id: &str) -> Self {
        Self { artifact, idp_entity_id: idp_entity_id.to_owned() }
    }

    /// Writes the request for its message, signed: an identity provider gives the message to nobody
    /// else than whom it is for (bindings 3.6.6).
    pub fn resolve(
        self,
        request: &ResolveRequest<'_>,
        key: &SigningKey,
    ) -> Result<Resolution, DsigError> {
        let issued = request.issue_instant.to_saml();
        let mut writer = Writer::new();
        // The schema's order, on which AD FS insists: Issuer, Signature, Artifact.
        writer
            .start("samlp:ArtifactResolve")
            .attr("xmlns:samlp", PROTOCOL_NS)
            .attr("xmlns:saml", ASSERTION_NS)
            .attr("ID", request.id)
            .attr("Version", "2.0")
            .attr("IssueInstant", &issued)
            .attr("Destination", request.destination)
            .leaf("saml:Issuer", request.issuer)
            .leaf("samlp:Artifact", self.artifact.text.reveal());
        let xml = sign_enveloped(&writer.finish(), request.id, key, dsig::Place::AfterIssuer)?;
        Ok(Resolution {
            soap: Secret::new(soap::envelope(&xml)),
            id: request.id.to_owned(),
            idp_entity_id: self.idp_entity_id,
        })
    }
}

/// A request for a message, which waits for its answer. Not `Clone`: an answer uses it up.
///
/// ```compile_fail,E0382
/// use samlgate::saml::artifact::Resolution;
/// fn twice(resolution: Resolution, one: &[u8], other: &[u8]) {
///     let _ = resolution.answered(one);
///     let _ = resolution.answered(other);
/// }
/// ```
#[derive(Debug)]
pub struct Resolution {
    soap: Secret<String>,
    id: String,
    idp_entity_id: String,
}

/// The rules for an ArtifactResponse, in the order in which they are checked: the names of the lines
/// in [`Checks`], after `artifact.`
pub const RULES: &[&str] = &[
    "root",
    "schema",
    "signature",
    "version",
    "issuer",
    "in_response_to",
    "issue_instant",
    "status",
    "message",
];

const RESPONSE: [&str; 6] = [
    "ID",
    "InResponseTo",
    "Version",
    "IssueInstant",
    "Destination",
    "Consent",
];

impl Resolution {
    /// The body of the POST.
    pub fn soap(&self) -> &str {
        self.soap.reveal()
    }

    /// Takes the answer, an envelope with one message in it.
    pub fn answered(self, body: &[u8]) -> Result<Resolved, SamlError> {
        let soap = SoapMessage::read_answer(body)?;
        Ok(Resolved { soap, id: self.id, idp_entity_id: self.idp_entity_id })
    }
}

/// The one answer to a request for a message, beside what it has to answer. Nobody has looked at a
/// signature.
///
/// Reading does not use it up, since it asks nobody: by newer keys the same bytes may say more.
#[derive(Debug)]
pub struct Resolved {
    soap: SoapMessage,
    id: String,
    idp_entity_id: String,
}

impl Resolved {
    /// All of it, anybody's.
    pub fn root(&self) -> Element<'_> {
        self.soap.root()
    }

    /// Reads the message in it, and the signature around it if there is one.
    ///
    /// `trust` are the keys of the identity provider that was asked. What is in an ArtifactResponse
    /// that is not signed can only refuse; the Response in it then has to be signed itself.
    pub fn read<'d>(
        &'d self,
        trust: Trust<'_>,
        clock_skew: Duration,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<ResponseMessage<'d>, SamlError> {
        let clock = OurClock { now, skew: clock_skew };
        let (response, around) =
            checks.within("artifact", |checks| self.follow(trust, clock, checks))?;
        ResponseMessage::inside(response, around, checks)
    }

    fn follow<'d>(
        &'d self,
        trust: Trust<'_>,
        clock: OurClock,
        checks: &mut Checks,
    ) -> Result<(Element<'d>, Option<Around<'d>>), SamlError> {
        let answer = self.soap.message();
        if !answer.is(PROTOCOL_NS, "ArtifactResponse") {
            let found = format!("{{{}}}{}", answer.namespace(), answer.local_name());
            return Err(SamlError::ArtifactRoot { found });
        }
        checks.pass("root");
        let (mut reader, attributes) = Reader::open(answer, RESPONSE)?;
        let [id, in_response_to, version, issue_instant, ..] = attributes;
        id.required(answer)?;
        let version = version.required(answer)?;
        let issue_instant = issue_instant.required_time(answer)?;
        // Profiles 5.4.2: it has to be there.
        let issuer = read_issuer(reader.required(ASSERTION_NS, "Issuer")?)?;
        reader.optional(DSIG_NS, "Signature");
        reader.optional(PROTOCOL_NS, "Extensions");
        let status = read_status(reader.required(PROTOCOL_NS, "Status")?)?;
        let message = reader.any();
        reader.end()?;
        checks.pass("schema");

        nothing_beside(self.soap.root(), answer, message)?;
        let proof = dsig::verify(answer, trust, checks)?;
        match &proof {
            Some(proof) => checks.pass_with("signature", || format!("by {}", proof.signed_by())),
            None => checks.skip("signature", "the ArtifactResponse itself is not signed"),
        }

        if version != "2.0" {
            return Err(ProfileError::Version { found: version.to_owned() }.into());
        }
        checks.pass("version");
        if issuer != self.idp_entity_id {
            let (found, expected) = (issuer.into_owned(), self.idp_entity_id.clone());
            return Err(ProfileError::Issuer { found, expected }.into());
        }
        checks.pass_with("issuer", || self.idp_entity_id.clone());
        if in_response_to.value != Some(self.id.as_str()) {
            return Err(ProfileError::InResponseTo {
                place: Place::Artifact,
                found: in_response_to.owned(),
                expected: Some(self.id.clone()),
            }
            .into());
        }
        checks.pass_with("in_response_to", || self.id.clone());
        let found = issue_instant;
        let oldest = clock.now.minus(MAX_AGE).minus(clock.skew);
        if found > clock.now.plus(clock.skew) || found < oldest {
            return Err(ProfileError::IssueInstant { place: Place::Artifact, found, clock }.into());
        }
        checks.pass_with("issue_instant", || found.to_string());
        if !status.is_success() {
            return Err(ProfileError::Status(Box::new(status)).into());
        }
        checks.pass_with("status", || status.code.clone());
        // Bindings 3.6.6: it succeeds, and has nothing.
        let message = message.ok_or(SamlError::ArtifactGone)?;
        checks.pass_as("message", || {
            Values::found(format!(
                "{{{}}}{}",
                message.namespace(),
                message.local_name()
            ))
        });
        let idp_entity_id = self.idp_entity_id.clone();
        Ok((message, proof.map(|proof| Around { proof, idp_entity_id })))
    }
}

/// Around the message there is one Signature at most, where the schema has it, and no Assertion. The
/// message itself is looked through when it is read.
fn nothing_beside<'d>(
    root: Element<'d>,
    answer: Element<'d>,
    message: Option<Element<'d>>,
) -> Result<(), SamlError> {
    let inside = |element: Element<'_>| message.is_some_and(|message| message.contains(element));
    for element in root.descendants().filter(|element| !inside(*element)) {
        if element.is(ns::DS, "Signature") {
            if !element.parent().is_some_and(|parent| parent.same(answer)) {
                let what =
                    "a Signature is a child of the ArtifactResponse or stands in the Response";
                return Err(DsigError::Position(what).into());
            }
        } else if is_assertion(element) {
            return Err(SamlError::AssertionCount { found: 2 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
