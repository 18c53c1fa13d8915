//! Why metadata is refused.

use crate::base::{ErrorCode, Timestamp};
use crate::dsig::DsigError;
use crate::xml::XmlError;

/// Why metadata is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not well-formed XML, or XML of the kind that is refused.
    #[error("this is not well-formed XML: {0}")]
    Xml(#[from] XmlError),
    /// Well-formed, and something else.
    #[error("this is <{found}>, not SAML 2.0 metadata (EntityDescriptor or EntitiesDescriptor)")]
    Root {
        /// The document element.
        found: String,
    },
    /// Several identity providers and no choice.
    #[error("the document holds {count} identity providers; choose one by its entityID: {}", names.join(", "))]
    Several {
        /// How many.
        count: usize,
        /// The first ten.
        names: Vec<String>,
    },
    /// An aggregate was expected.
    #[error("this is <{found}>, not an EntitiesDescriptor of SAML 2.0")]
    NotAggregate {
        /// The document element.
        found: String,
    },
    /// Something in an aggregate that metadata 2.3.1 has no place for.
    #[error("<{found}> has no place in an EntitiesDescriptor")]
    Content {
        /// What it is.
        found: String,
    },
    /// The answer to a question about one entity is about another.
    #[error("the answer is about {found}, the question was about {wanted}")]
    OtherEntity {
        /// Whom we asked about.
        wanted: String,
        /// What came.
        found: String,
    },
    /// The file or connection broke off.
    #[error("the metadata can not be read: {0}")]
    Read(String),
    /// The chosen one is not there.
    #[error(
        "there is no identity provider {wanted} in the document{}",
        suggestion(found)
    )]
    NotFound {
        /// The chosen entityID.
        wanted: String,
        /// The first ten that are there.
        found: Vec<String>,
    },
    /// Metadata of something else.
    #[error(
        "{entity_id} is not a SAML 2.0 identity provider: it has no IDPSSODescriptor for SAML 2.0"
    )]
    NotIdp {
        /// Its entityID.
        entity_id: String,
    },
    /// An entityID that is missing or longer than 1024 characters (core 8.3.6).
    #[error("the EntityDescriptor has no usable entityID")]
    EntityId,
    /// Nothing to send people to.
    #[error("there is no SingleSignOnService by HTTP-Redirect or HTTP-POST with an https address{}",
        if refused.is_empty() { String::new() } else { format!(" (refused: {})", refused.join(", ")) })]
    Endpoint {
        /// Addresses that can not be used.
        refused: Vec<String>,
    },
    /// Nothing to verify by.
    #[error("there is no usable signing certificate{}",
        if refused.is_empty() { String::new() } else { format!(": {}", refused.join("; ")) })]
    Key {
        /// Why those that are there can not be used.
        refused: Vec<String>,
    },
    /// validUntil has passed.
    #[error("the metadata was valid until {valid_until}, it is {now} here")]
    Expired {
        /// validUntil.
        valid_until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// A signed aggregate that does not end.
    #[error("there is no validUntil, so an old copy could not be told from a new one")]
    NoValidUntil,
    /// A signature was asked for.
    #[error("the metadata is not signed")]
    Unsigned,
    /// Not signed by whom it should be, or not in the way that SAML has.
    #[error("the signature of the metadata: {0}")]
    Signature(#[from] DsigError),
    /// validUntil is not a time.
    #[error("validUntil is {found:?}, which is not a UTC time")]
    ValidUntil {
        /// What it is.
        found: String,
    },
}

fn suggestion(found: &[String]) -> String {
    if found.is_empty() {
        return String::new();
    }
    format!("; it has {}", found.join(", "))
}

impl MetadataError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Xml(_) | Self::Root { .. } | Self::NotAggregate { .. } | Self::Content { .. } => {
                ErrorCode::MetadataSyntax
            }
            Self::Read(_) => ErrorCode::MetadataFetch,
            Self::OtherEntity { .. }
            | Self::Several { .. }
            | Self::NotFound { .. }
            | Self::NotIdp { .. }
            | Self::EntityId => ErrorCode::MetadataEntity,
            Self::Endpoint { .. } => ErrorCode::MetadataEndpoint,
            Self::Key { .. } => ErrorCode::MetadataKey,
            Self::Expired { .. } | Self::ValidUntil { .. } | Self::NoValidUntil => {
                ErrorCode::MetadataValidUntil
            }
            Self::Unsigned | Self::Signature(_) => ErrorCode::MetadataSignature,
        }
    }
}
